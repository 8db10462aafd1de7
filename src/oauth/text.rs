//! Texts that came from a server, made fit to be shown and stored.

use super::form;

/// Without control and direction characters, and at most `max` characters long.
#[must_use]
pub fn clean(text: &str, max: usize) -> String {
    let visible: String = text.chars().map(|c| if is_invisible(c) { ' ' } else { c }).collect();
    let visible = visible.trim();
    match visible.char_indices().nth(max) {
        Some((end, _)) => [&visible[..end], "…"].concat(),
        None => visible.to_owned(),
    }
}

/// Whether a server's link is one that a person may be offered. Nothing opens it by itself.
#[must_use]
pub fn is_web_link(uri: &str) -> bool {
    uri.starts_with("https://") || uri.starts_with("http://")
}

/// Controls, the direction marks that make a text read as another one, and letters that nobody sees: soft hyphen, fillers,
/// annotations, tags.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{AD}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// Replaces `&quot;`, `&amp;`, `&lt;`, `&gt;`, `&apos;` and numeric references, once: LinkedIn HTML-escapes the
/// `error_description` inside the URL encoding (linkedin.md §0, item 10). What is no reference stays as it is.
#[must_use]
pub fn html_unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        // "&#x10FFFF;" is the longest reference that means something.
        let end = from.bytes().take(10).position(|b| b == b';');
        if let Some((c, end)) = end.and_then(|end| Some((reference(&from[1..end])?, end))) {
            out.push(c);
            rest = &from[end + 1..];
        } else {
            out.push('&');
            rest = &from[1..];
        }
    }
    out.push_str(rest);
    out
}

fn reference(name: &str) -> Option<char> {
    match name {
        "quot" => Some('"'),
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let (digits, radix) = number.strip_prefix(['x', 'X']).map_or((number, 10), |hex| (hex, 16));
            // from_str_radix would take a sign
            digits.bytes().all(|b| b.is_ascii_alphanumeric()).then_some(())?;
            char::from_u32(u32::from_str_radix(digits, radix).ok()?).filter(|c| *c != '\0')
        }
    }
}

/// The longest excerpt of a body that is kept as evidence.
const EXCERPT: usize = 200;

/// A short, readable piece of a body that could not be understood.
#[must_use]
pub fn excerpt(body: &[u8]) -> String {
    clean(&visible(body), EXCERPT)
}

/// What a person could read of a body's beginning: tags left out, white space collapsed, and whatever looks like a token
/// replaced.
#[must_use]
pub fn visible(body: &[u8]) -> String {
    // Enough for the excerpt even when most of it is markup, and bounded when the body is huge.
    let text = String::from_utf8_lossy(&body[..body.len().min(16 * 1024)]);
    // UTF-16 has one behind every letter: with blanks in their place a token would no longer look like one.
    let text = text.replace('\0', "");
    let mut collapsed = String::new();
    for word in without_tags(&text).split(|c: char| c.is_whitespace() || is_invisible(c)) {
        if !word.is_empty() {
            collapsed.push_str(word);
            collapsed.push(' ');
        }
        if collapsed.len() > 16 * EXCERPT {
            break;
        }
    }
    redacted(&collapsed)
}

/// The text between the tags, without that of scripts and styles.
fn without_tags(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        out.push_str(&rest[..start]);
        out.push(' ');
        let tag = &rest[start + 1..];
        let hidden = ["script", "style"]
            .into_iter()
            .find(|name| tag.get(..name.len()).is_some_and(|own| own.eq_ignore_ascii_case(name)));
        rest = tag.find('>').map_or("", |end| &tag[end + 1..]);
        if hidden.is_some() {
            rest = rest.find("</").map_or("", |end| &rest[end..]);
        }
    }
    out.push_str(rest);
    out
}

/// Names whose value is a secret however short it is.
const SECRET_NAMES: [&str; 5] = [
    "access_token",
    "refresh_token",
    "id_token",
    "client_secret",
    "code_verifier",
];

/// Replaces every run of token characters that is long, or long enough and mixes letters and digits, or follows the
/// name of a secret.
fn redacted(text: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    let mut after_name = false;
    for c in text.chars().chain(Some('\0')) {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '~' | '+' | '/' | '%') {
            run.push(c);
            continue;
        }
        if !run.is_empty() {
            let mixed = run.bytes().any(|b| b.is_ascii_digit()) && run.bytes().any(|b| b.is_ascii_alphabetic());
            let is_name = SECRET_NAMES.contains(&run.as_str());
            let hide = !is_name && (after_name || run.len() >= 16 || (run.len() >= 8 && mixed));
            out.push_str(if hide { "[redacted]" } else { &run });
            after_name = is_name;
            run.clear();
        }
        out.push(c);
    }
    // the end mark of the loop above
    out.pop();
    out
}

/// A text that a person pastes, with whatever stands behind the name of a secret replaced, in any of the ways in which
/// requests, logs and programs write it, and whatever has the shape of a token.
#[must_use]
pub fn without_secrets(text: &str) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let is_between = |c: char| matches!(c, ' ' | '\t' | '"' | '\'' | '\\' | ':' | '=');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (name, after) = rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()));
        let (between, value) = after.split_at(after.find(|c| !is_between(c)).unwrap_or(after.len()));
        let length = secret_length(name, between, value);
        out.push_str(name);
        out.push_str(between);
        out.push_str(if length > 0 { REDACTED } else { "" });
        rest = &value[length..];
        if name.len() + between.len() + length == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    without_tokens(&out)
}

/// How much of a value is secret because of the name before it.
fn secret_length(name: &str, between: &str, value: &str) -> usize {
    if !between.contains([':', '=']) {
        return 0;
    }
    let name = name.replace(['_', '-'], "").to_ascii_lowercase();
    let is_secret = SECRET_NAMES
        .iter()
        .any(|secret| name.ends_with(&secret.replace('_', "")));
    let length_to = |ends: &[char]| value.find(ends).unwrap_or(value.len());
    match name.as_str() {
        // A scheme stands before it, and other cookies behind it.
        "authorization" | "proxyauthorization" => length_to(&['"', '\'', '\r', '\n']),
        "cookie" | "setcookie" => length_to(&['\'', '\r', '\n']),
        // Elsewhere these name errors and states of other things.
        "code" | "state" | "token" if between != "=" => 0,
        _ if is_secret || matches!(name.as_str(), "code" | "state" | "token") => {
            let ends = |c: char| {
                c.is_whitespace() || matches!(c, '"' | '\'' | '\\' | '&' | ',' | ';' | '<' | ')' | '[' | '{' | '}')
            };
            let length = value.find(ends).unwrap_or(value.len());
            // A status, or the number of an error.
            let is_number = length <= 5 && value[..length].bytes().all(|b| b.is_ascii_digit());
            if is_number { 0 } else { length }
        }
        _ => 0,
    }
}

/// Replaces every one of `secrets` in a server's text, should it have echoed one: as it is, as a request carries it, as a
/// page or as JSON would write it, or its beginning where the text was cut or a tag was taken out.
pub fn hide(text: &mut String, secrets: &[&str]) {
    let mut forms = Vec::new();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        for plain in [html_unescape(text), text.replace('\\', "")] {
            if plain.contains(secret) && !text.contains(secret) {
                *text = plain;
            }
        }
        for form in [form::encode(secret), form::encode_percent(secret), (*secret).to_owned()] {
            if form.len() >= 2 * BEGINNING && form.is_ascii() {
                forms.push((form[..BEGINNING].to_owned(), true));
            }
            forms.push((form, false));
        }
    }
    // Once over the text: what was put in is not looked at again, or a secret of one letter would be found in it.
    let mut at = 0;
    while let Some((begin, end)) = first_of(&forms, text, at) {
        text.replace_range(begin..end, REDACTED);
        at = begin + REDACTED.len();
    }
    hide_cut_beginning(text, at, &forms);
}

const REDACTED: &str = "[redacted]";

/// A secret's beginning that is long enough to be told from a word.
const BEGINNING: usize = 8;
/// The same at the end of a text that was cut there.
const CUT_BEGINNING: usize = 3;

/// Where the first of these stands from here on, the longest of several that begin there; a beginning goes on to the next
/// blank.
fn first_of(forms: &[(String, bool)], text: &str, at: usize) -> Option<(usize, usize)> {
    let mut first: Option<(usize, usize)> = None;
    for (form, is_beginning) in forms {
        let Some(found) = text[at..].find(form.as_str()) else {
            continue;
        };
        let begin = at + found;
        let mut end = begin + form.len();
        if *is_beginning {
            let rest = text[begin..].find(|c: char| c.is_whitespace() || c == '…');
            end = rest.map_or(text.len(), |length| begin + length).max(end);
        }
        if first.is_none_or(|(own, own_end)| begin < own || (begin == own && end > own_end)) {
            first = Some((begin, end));
        }
    }
    first
}

/// The beginning of a beginning, before the sign that the text was cut there.
fn hide_cut_beginning(text: &mut String, at: usize, forms: &[(String, bool)]) {
    for (form, _) in forms.iter().filter(|(_, is_beginning)| *is_beginning) {
        let Some(kept) = text.strip_suffix('…') else { return };
        let cut = (CUT_BEGINNING..BEGINNING)
            .rev()
            .find(|length| kept.ends_with(&form[..*length]));
        if let Some(start) = cut.map(|length| kept.len() - length).filter(|start| *start >= at) {
            text.replace_range(start.., "[redacted]…");
            return;
        }
    }
}

/// A sentence with whatever has the shape of a token or a client secret replaced (linkedin.md §0, item 4, and §4). Unlike
/// [`excerpt`] it leaves names such as `partnerApiPostsExternal.CREATE.20250101` as they are.
#[must_use]
pub fn without_tokens(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (run, mut after) = rest.split_at(rest.find(|c| !is_part(c)).unwrap_or(rest.len()));
        if has_token(run) {
            out.push_str("[redacted]");
            // A secret goes on behind a slash, and ends with `==`, in a form also as `%3D%3D`.
            after = after.trim_start_matches(|c| is_part(c) || matches!(c, '/' | '=' | '%'));
        } else {
            out.push_str(run);
        }
        let (between, next) = after.split_at(after.find(is_part).unwrap_or(after.len()));
        out.push_str(between);
        rest = next;
    }
    out
}

/// LinkedIn's tokens begin with `AQ`, those of JSON Web Tokens with `eyJ`, and no name of its API is as long as 40.
fn has_token(run: &str) -> bool {
    run.contains("WPL_AP")
        || run
            .split(['.', '+'])
            .any(|part| part.len() >= 40 || (part.len() >= 12 && (part.starts_with("AQ") || part.starts_with("eyJ"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_keep_names_and_lose_tokens() {
        for (text, expected) in [
            (
                "Not enough permissions to access: partnerApiOrganizationAcls.FINDER-roleAssignee.20240201",
                "Not enough permissions to access: partnerApiOrganizationAcls.FINDER-roleAssignee.20240201",
            ),
            ("token AQVx1Y_-x1Y_-x1 is bad", "token [redacted] is bad"),
            ("id_token=eyJhbGciOiJS.eyJpc3MiOiJo.c2ln", "id_token=[redacted]"),
            ("secret WPL_AP1.abcdefghijklmnop.ab+d==", "secret [redacted]"),
            ("secret WPL_AP1.x/y%2Bd%3D%3D&x=1", "secret [redacted]&x=1"),
            ("AQ é", "AQ é"),
            ("", ""),
        ] {
            assert_eq!(without_tokens(text), expected);
        }
        let long = "x".repeat(40);
        assert_eq!(without_tokens(&long), "[redacted]");
        assert_eq!(without_tokens(&long[1..]), &long[1..]);
    }

    #[test]
    fn what_follows_the_name_of_a_secret_is_replaced() {
        for (text, expected) in [
            (
                "-d client_secret=hunter2%3D&code=c1&x=1",
                "-d client_secret=[redacted]&code=[redacted]&x=1",
            ),
            (
                "LINKEDIN_CLIENT_SECRET = 'hunter2'",
                "LINKEDIN_CLIENT_SECRET = '[redacted]'",
            ),
            (
                r#"{"accessToken": "abc", "expires_in": 5}"#,
                r#"{"accessToken": "[redacted]", "expires_in": 5}"#,
            ),
            (r#""{\"id_token\":\"abc\"}""#, r#""{\"id_token\":\"[redacted]\"}""#),
            (
                "> Authorization: Bearer abc def\n> Accept: x",
                "> Authorization: [redacted]\n> Accept: x",
            ),
            ("-H 'authorization: Basic abc' x", "-H 'authorization: [redacted]' x"),
            ("Cookie: a=1; b=\"2\"\nx", "Cookie: [redacted]\nx"),
            (
                "https://a.test/cb?code=c1&state=s1#x",
                "https://a.test/cb?code=[redacted]&state=[redacted]",
            ),
            // Names of errors, statuses and questions stay.
            (
                r#"{"code":"VERSION_MISSING","state":"x"}"#,
                r#"{"code":"VERSION_MISSING","state":"x"}"#,
            ),
            ("status code 401, code=401", "status code 401, code=401"),
            (
                "A required parameter \"refresh_token\" is missing",
                "A required parameter \"refresh_token\" is missing",
            ),
            ("é AQVx1Y_-x1Y_-x1", "é [redacted]"),
            ("", ""),
        ] {
            assert_eq!(without_secrets(text), expected);
        }
    }

    #[test]
    fn hiding_replaces_what_is_known() {
        let mut text = "a hunter2 b hunter2".to_owned();
        hide(&mut text, &["", "hunter2"]);
        assert_eq!(text, "a [redacted] b [redacted]");
        // As a form carries it, and as a query does.
        let mut text = "a%2Fb+c%3D%3D a%2Fb%20c%3D%3D a/b c==".to_owned();
        hide(&mut text, &["a/b c=="]);
        assert_eq!(text, "[redacted] [redacted] [redacted]");
        // What was put in is no text of the server.
        let mut text = "a bed".to_owned();
        hide(&mut text, &["e", "a", "ed"]);
        assert_eq!(text, "[redacted] b[redacted]");
    }

    #[test]
    fn hiding_knows_how_pages_and_json_write_and_where_texts_are_cut() {
        const SECRET: &str = "hunter&\"two\"/three==";
        for (said, expected) in [
            ("a hunter&amp;&quot;two&#34;/three== b", "a [redacted] b"),
            (r#"a hunter&\"two\"\/three== b"#, "a [redacted] b"),
            (r#"a hunter&\\\"two\\\"/three== b"#, "a [redacted] b"),
            ("a hunter&\"two\"/th b", "a [redacted] b"),
            ("a hunter&\"…", "a [redacted]…"),
            ("a hunter&…", "a [redacted]…"),
            ("a hun…", "a [redacted]…"),
            // Too little to be told from a word.
            ("a hu…", "a hu…"),
            ("a hunter b &amp; c\\d", "a hunter b &amp; c\\d"),
        ] {
            let mut text = said.to_owned();
            hide(&mut text, &[SECRET]);
            assert_eq!(text, expected, "{said}");
        }
        // One that begins as what takes its place does.
        let mut text = "a [redacted]-and-more-of-it, [redacted]-and b".to_owned();
        hide(&mut text, &["[redacted]-and-more-of-it"]);
        assert_eq!(text, "a [redacted] [redacted] b");
    }

    #[test]
    fn html_references_are_replaced_once() {
        for (text, expected) in [
            (
                "Scope &quot;r_liteprofile&quot; is not",
                "Scope \"r_liteprofile\" is not",
            ),
            ("&lt;b&gt; &amp; &apos;x&#39; &#x27;&#X27;", "<b> & 'x' ''"),
            ("&amp;quot;", "&quot;"),
            (
                "a & b &unknown; &; &#; &#x; &#0; &#xD800; &#x110000; &#+39; &quot",
                "a & b &unknown; &; &#; &#x; &#0; &#xD800; &#x110000; &#+39; &quot",
            ),
            ("&é;&", "&é;&"),
        ] {
            assert_eq!(html_unescape(text), expected);
        }
    }

    #[test]
    fn cleaning_removes_what_cannot_be_seen() {
        assert_eq!(clean("  a\u{0}b\u{202E}c\n ", 10), "a b c");
        assert_eq!(clean("abcdef", 3), "abc…");
        assert_eq!(clean("abc", 3), "abc");
    }

    #[test]
    fn excerpts_show_the_text_and_no_token() {
        let page = b"<!doctype html><html><head><title>403 ERROR</title><style>p{}</style><script>var a='<p>'</script>\
            </head><body>\r\n<h1>The request could not be satisfied.</h1></body></html>";
        assert_eq!(excerpt(page), "403 ERROR The request could not be satisfied.");
        let half = br#"{"access_token" : "abc","id":"abcdefghijklmnopqrstuvwx","k":"AQVK1234","expires_in":51"#;
        let shown = r#"{"access_token" : "[redacted]","id":"[redacted]","k":"[redacted]","expires_in":51"#;
        assert_eq!(excerpt(half), shown);
        assert_eq!(
            excerpt(b"client_secret=hunter&code=1"),
            "client_secret=[redacted]&code=1"
        );
        assert!(excerpt(&vec![0xff; 100_000]).chars().count() <= EXCERPT + 1);
        assert_eq!(excerpt(b""), "");
    }
}
