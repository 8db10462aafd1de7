//! An error that a person met elsewhere and pastes: an answer with or without its status line and headers, the address
//! that a redirect came to, or the words of a page, a console or a library.
//!
//! What is recognised goes the way of our own answers. Tokens, codes and secrets are taken out before anything is read.

use crate::oauth::form;
use crate::oauth::http::HttpResponse;
use crate::oauth::json::{self, Json};
use crate::oauth::redirect::AuthorizationError;
use crate::oauth::{ClientAuthentication, Scopes, text};
use crate::provider::Provider;

use super::{
    Finding, Fix, Grant, RequestFacts, RestEvidence, TokenFacts, authorization, diagnose_rest, exchange_failed,
    exchange_refused, nearest, secret_looks_damaged, with,
};

/// So much is read: an answer is short, and this runs with each letter that is typed.
const MOST_BYTES: usize = 64 * 1024;
/// So many places are looked at for the beginning of the body.
const MOST_OBJECTS: usize = 50;
/// So much is shown again.
const SHOWN: usize = 1000;
/// The longest name of a scope, a parameter or a resource that is shown, in characters.
const LONGEST_NAME: usize = 300;

/// Explains what a person pastes; `None` where there is nothing.
#[must_use]
pub fn diagnose_pasted(pasted: &str, provider: &Provider) -> Option<Finding> {
    let pasted = &pasted[..pasted.floor_char_boundary(MOST_BYTES)];
    let said = text::without_secrets(pasted.trim());
    if text::clean(&said, SHOWN).is_empty() {
        return None;
    }
    let paste = Paste::of(&said, RequestFacts::pasted(pasted));
    let certain = paste.called_back(provider).or_else(|| paste.answered(provider));
    let (vague, certain) = match certain {
        Some(finding) if is_vague(&finding) => (Some(finding), None),
        certain => (None, certain),
    };
    let finding = certain
        .or_else(|| paste.mentioned(provider))
        .or(vague)
        .or_else(|| paste.refused(provider))
        .map_or_else(
            || with("pasted_unknown", Vec::new(), Fix::ChangeRequest),
            of_own_program,
        );
    // Without a status the evidence would name one that nobody saw.
    let own = finding
        .evidence
        .filter(|own| !own.is_empty() && !own.starts_with("HTTP 0"));
    // A name that is longer than any is none.
    let args = finding.args.iter().map(|arg| text::clean(arg, LONGEST_NAME)).collect();
    let fix = match finding.fix {
        Fix::DropScope { scope } if scope.len() > LONGEST_NAME => Fix::ChangeRequest,
        fix => fix,
    };
    Some(Finding {
        args,
        fix,
        evidence: Some(own.unwrap_or_else(|| text::clean(&said, SHOWN))),
        ..finding
    })
}

/// What says no more than the answer itself: its words may.
fn is_vague(finding: &Finding) -> bool {
    matches!(
        finding.code.as_str(),
        "api_unknown" | "token_refused" | "token_refused_bare"
    )
}

/// Findings that speak of what Tokenkeep sent, for the request of another program.
fn of_own_program(finding: Finding) -> Finding {
    let code = match finding.code.as_str() {
        "client_authentication_failed" => "pasted_client",
        "client_not_enabled" => "pasted_grant",
        "code_mismatch" => "pasted_code",
        "parameter_missing" => "pasted_parameter",
        "redirect_uri_not_registered" => "pasted_redirect_uri",
        _ => return finding,
    };
    Finding {
        code: code.to_owned(),
        fix: Fix::ChangeRequest,
        ..finding
    }
}

impl RequestFacts {
    /// What a log of the whole request shows beside the answer, as `curl -v` writes it.
    fn pasted(pasted: &str) -> Self {
        let has = |words: &[&str]| words.iter().any(|words| pasted.contains(words));
        let secret = pasted.split_once("client_secret=").map(|(_, rest)| {
            let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
            &rest[..end.unwrap_or(rest.len())]
        });
        // As a server would read it: an unencoded plus sign is a space then. curl encodes some by itself.
        let secret = secret.filter(|_| !has(&["urlencode"])).and_then(|secret| {
            let pairs = form::parse(["=", secret].concat().as_bytes());
            pairs.into_iter().next().map(|(_, value)| value)
        });
        Self {
            grant: if has(&["refresh token", "refresh_token"]) {
                Grant::RefreshToken
            } else if has(&["client_credentials"]) {
                Grant::ClientCredentials
            } else {
                Grant::AuthorizationCode
            },
            authentication: if has(&["uthorization: Basic"]) {
                ClientAuthentication::Basic
            } else {
                ClientAuthentication::Body
            },
            verifier_sent: has(&["code_verifier"]),
            secret_damaged: secret.is_some_and(|secret| secret_looks_damaged(&secret)),
        }
    }
}

/// A pasted text, taken apart.
struct Paste<'a> {
    /// All of it.
    said: &'a str,
    /// Below the headers, or all of it.
    body: &'a str,
    headers: Vec<(String, String)>,
    /// 0 where none is told.
    status: u16,
    request: RequestFacts,
}

impl<'a> Paste<'a> {
    fn of(said: &'a str, request: RequestFacts) -> Self {
        let (headers, body) = head(said);
        Self {
            said,
            body,
            headers,
            status: status(said).unwrap_or(0),
            request,
        }
    }

    /// The address of a callback with an error in it, or its query alone.
    fn called_back(&self, provider: &Provider) -> Option<Finding> {
        let begins = |at: &usize| *at == 0 || self.said[..*at].ends_with(['?', '&', '#']);
        let (at, _) = self.said.match_indices("error=").find(|(at, _)| begins(at))?;
        let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`');
        let mut before = self.said[..at].char_indices();
        let start = before.rfind(|(_, c)| is_end(*c) || matches!(c, '?' | '#'));
        let query = &self.said[start.map_or(0, |(start, c)| start + c.len_utf8())..];
        let query = &query[..query.find(is_end).unwrap_or(query.len())];
        let pairs = form::parse(query.as_bytes());
        let said = |name: &str| {
            let value = pairs.iter().find(|(own, value)| own == name && !value.is_empty());
            value.map(|(_, value)| text::clean(&text::html_unescape(value), SHOWN))
        };
        let error = AuthorizationError {
            error: said("error")?,
            error_description: said("error_description"),
            error_uri: None,
        };
        Some(authorization(&error, provider))
    }

    /// The JSON of the token endpoint or of the REST API.
    fn answered(&self, provider: &Provider) -> Option<Finding> {
        let (body, object) = answer_in(self.body)?;
        let Some(error) = object.text("error") else {
            return Some(self.diagnose_rest(body, provider));
        };
        let description = object.text("error_description").map(text::html_unescape);
        let description = text::clean(description.as_deref().unwrap_or_default(), SHOWN);
        let error = text::clean(error, 100);
        let finding = exchange_refused(self.status, &error, &description, provider, self.request);
        // Libraries print the authorization endpoint's errors so too.
        let redirected = authorization(
            &AuthorizationError {
                error,
                error_description: Some(description),
                error_uri: None,
            },
            provider,
        );
        let better = is_vague(&finding) && !redirected.code.starts_with("authorization_error");
        Some(if better { redirected } else { finding })
    }

    /// Nobody knows the token: it is neither new nor over. That `/v2/me` was asked with an OIDC token is the
    /// cause but for apps that are years old (linkedin.md section 10, symptom 12).
    fn diagnose_rest(&self, body: &str, provider: &Provider) -> Finding {
        let asked_me = ["access: me.", "access: partnerApiMe.", "GET /me"];
        let response = HttpResponse {
            status: self.status,
            headers: self.headers.clone(),
            body: body.as_bytes().to_vec(),
            truncated: false,
        };
        let is_me = asked_me.iter().any(|words| self.said.contains(words));
        let token = TokenFacts {
            obtained_ms: 0,
            expires_ms: None,
            now_ms: u64::MAX,
            granted: &Scopes::from_answer(if is_me { "openid" } else { "" }),
            has_refresh_token: false,
            refresh_expires_ms: None,
        };
        diagnose_rest(&RestEvidence::without_time(&response, &[]), provider, &token)
    }

    /// The words of a page, a console or a library.
    fn mentioned(&self, provider: &Provider) -> Option<Finding> {
        // A page's own scripts speak of nonces.
        let said = if self.body.trim_start().starts_with('<') {
            text::visible(self.body.as_bytes())
        } else {
            text::html_unescape(self.body)
        };
        nearest(&said, provider)
    }

    /// Nothing but a status.
    fn refused(&self, provider: &Provider) -> Option<Finding> {
        if self.status == 0 {
            return None;
        }
        Some(if self.said.contains("/accessToken") {
            let excerpt = text::excerpt(self.body.as_bytes());
            exchange_failed(self.status, &excerpt, provider, self.request)
        } else {
            self.diagnose_rest(self.body, provider)
        })
    }
}

/// The headers below the last status line, and what comes after them. `curl -v` begins their lines with `<`.
fn head(said: &str) -> (Vec<(String, String)>, &str) {
    let mut headers = Vec::new();
    let mut body = said;
    let mut inside = false;
    let mut rest = said;
    while !rest.is_empty() {
        let (line, below) = rest.split_once('\n').unwrap_or((rest, ""));
        let line = line.trim_start_matches('<').trim();
        rest = below;
        if line.starts_with("HTTP/") {
            headers.clear();
            inside = true;
            body = below;
        } else if inside {
            let header = line.split_once(':').filter(|(name, _)| !name.contains(['{', '"', ' ']));
            if let Some((name, value)) = header {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
                body = below;
            } else {
                inside = false;
            }
        }
    }
    (headers, body)
}

/// An error's HTTP status: beside a word that announces one, at the beginning of a line, or before its reason in brackets.
fn status(said: &str) -> Option<u16> {
    said.lines().find_map(|line| {
        let mut before = String::new();
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.');
        let mut rest = line;
        while let Some(start) = rest.find(is_part) {
            let (word, after) =
                rest[start..].split_at(rest[start..].find(|c| !is_part(c)).unwrap_or(rest.len() - start));
            let announced = before.is_empty()
                || before.starts_with("http/")
                || ["status", "code", "http", "error", "response", "statuscode"].contains(&before.as_str())
                || after.starts_with(" (");
            if announced
                && word.len() == 3
                && let Ok(status @ 400..=599) = word.parse::<u16>()
            {
                return Some(status);
            }
            before = word.to_ascii_lowercase();
            rest = after;
        }
        None
    })
}

/// The innermost JSON object that looks like an error answer, and its text: libraries wrap it into their own.
fn answer_in(said: &str) -> Option<(&str, json::Object)> {
    let mut nearest = None;
    for (start, _) in said.match_indices('{').take(MOST_OBJECTS) {
        let Some(text) = object_at(&said[start..]) else {
            continue;
        };
        let Json::Object(object) = json::parse(text.as_bytes()) else {
            continue;
        };
        if object.text("error").is_some() || object.get("serviceErrorCode").is_some() {
            return Some((text, object));
        }
        if object.text("message").is_some() && (object.get("status").is_some() || object.get("code").is_some()) {
            nearest = Some((text, object));
        }
    }
    nearest
}

/// Up to the bracket that closes the first one.
fn object_at(said: &str) -> Option<&str> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in said.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    return said.get(..=at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_no_error() {
        for nothing in ["", " \n", "\u{19}", "\u{200b}"] {
            let provider = crate::provider::all().first();
            assert_eq!(provider.and_then(|provider| diagnose_pasted(nothing, provider)), None);
        }
    }

    #[test]
    fn any_space_ends_an_address() {
        let provider = crate::provider::all().first();
        let finding = provider.and_then(|provider| diagnose_pasted("c\u{2028}&error=access_denied", provider));
        assert!(finding.is_some_and(|finding| finding.code.contains("denied")));
    }

    #[test]
    fn there_is_always_something_to_see() {
        let provider = crate::provider::all().first();
        let finding = provider.and_then(|provider| diagnose_pasted("error=%00", provider));
        assert_eq!(
            finding.and_then(|finding| finding.evidence).as_deref(),
            Some("error=%00")
        );
    }

    #[test]
    fn a_name_without_an_end_is_cut_off() {
        let pasted = ["unauthorized_scope_error: Scope \"", &"{},".repeat(4000), "\""].concat();
        let provider = crate::provider::all().first();
        let finding = provider.and_then(|provider| diagnose_pasted(&pasted, provider));
        let (longest, fix) = finding.map_or((0, Fix::CheckLater), |finding| {
            let lengths = finding.args.iter().map(|arg| arg.chars().count());
            (lengths.max().unwrap_or(0), finding.fix)
        });
        assert_eq!((longest, fix), (LONGEST_NAME + 1, Fix::ChangeRequest));
    }
}
