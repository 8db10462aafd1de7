//! The URL of an authorization request (RFC 6749 §4.1.1), or the parameters of a request alone.

use url::Url;

use crate::oauth::text;

use super::pairs::{Pairs, form_pairs};
use super::{ImportError, Imported, Kind, at_least_one};

/// A text that is one URL, or one line of parameters; none for any other text.
pub(super) fn whole(text: &str) -> Option<Result<Vec<Imported>, ImportError>> {
    let text = text.trim_matches(['"', '\'', '`', '<', '>', ',', ';']);
    if text.contains(char::is_whitespace) {
        return None;
    }
    let pairs = match url(text) {
        Some(pairs) => pairs,
        None => parameters(text)?,
    };
    let has = |wanted: &str| pairs.list.iter().any(|(name, _)| name == wanted);
    let callback = has("state") && (has("code") || has("error")) && !has("client_id");
    let token = pairs.has_token();
    let found: Vec<Imported> = pairs.into_imported().into_iter().collect();
    Some(match at_least_one(Kind::AuthorizationUrl, found, token) {
        Err(_) if callback => Err(ImportError::Callback),
        other => other,
    })
}

/// The first authorization request in a text of any kind: a log, a mail, a program.
pub(super) fn inside(text: &str) -> Option<Imported> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '(' | ')');
    text.split(ends)
        .filter(|part| is_request(part))
        .find_map(|part| url(part)?.into_imported())
}

/// The parameters of a URL that stands in another text.
pub(super) fn in_value(value: &str) -> Option<Imported> {
    is_request(value).then(|| url(value.trim()))??.into_imported()
}

fn is_request(text: &str) -> bool {
    text.contains("client_id=") && text.contains("://")
}

/// A URL's parameters. In a web page's source the ampersands are written out.
pub(super) fn url(text: &str) -> Option<Pairs> {
    let text = if text.contains("&amp;") {
        text::html_unescape(text)
    } else {
        text.to_owned()
    };
    if !text::is_web_link(&text.get(..8)?.to_ascii_lowercase()) {
        return None;
    }
    let url = Url::parse(&text).ok()?;
    let list = form_pairs(url.query().unwrap_or_default());
    let list = list
        .into_iter()
        .filter(|(name, value)| !(name == "response_type" && value == "code"));
    Some(Pairs {
        list: first_of_each(list.collect()),
        url: Some(url),
        ..Pairs::default()
    })
}

/// A form body or a query without its URL.
pub(super) fn parameters(text: &str) -> Option<Pairs> {
    let text = text.trim_start_matches('?');
    let list = first_of_each(form_pairs(text));
    (list.len() > 1 && list.iter().any(|(name, _)| name == "client_id")).then(|| Pairs {
        list,
        ..Pairs::default()
    })
}

/// In a doubled parameter the first one counts.
fn first_of_each(list: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut firsts: Vec<(String, String)> = Vec::new();
    // No request has more; a quadratic search through a hostile one would take long.
    for (name, value) in list.into_iter().take(200) {
        if !firsts.iter().any(|(own, _)| *own == name) {
            firsts.push((name, value));
        }
    }
    firsts
}
