//! The authorization response in a callback URL (RFC 6749 §4.1.2, RFC 9207).

use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    redirect_uri::RedirectUri,
    secret::{AuthorizationCode, State},
    text::{clean, html_unescape, is_web_link},
};

/// What this flow may accept.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Where the answer must arrive.
    pub redirect_uri: &'a RedirectUri,
    /// The state that was sent.
    pub state: &'a State,
    /// The issuer that this flow started at, where it is known.
    pub issuer: Option<&'a str>,
    /// Whether this authorization server always sends `iss`, so that its absence is an attack (RFC 9207 §2.4).
    pub iss_required: bool,
}

/// Why a callback gave no code. No variant holds a code or a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum RedirectError {
    /// Another URL, however similar.
    #[error("the URL is not the redirect URI")]
    NotTheRedirectUri,
    /// No `state`, or an empty one.
    #[error("the answer has no state")]
    StateMissing,
    /// `state` more than once.
    #[error("the answer has more than one state")]
    StateDuplicate,
    /// A state that this flow did not send.
    #[error("the answer's state is not the one that was sent")]
    StateMismatch,
    /// `iss` names another authorization server.
    #[error("the answer comes from the issuer {got}, not from {expected}")]
    IssuerMismatch {
        /// The issuer that the flow started at.
        expected: String,
        /// The issuer that the answer names.
        got: String,
    },
    /// No `iss`, though this authorization server always sends it.
    #[error("the answer names no issuer")]
    IssuerMissing,
    /// A parameter more than once (RFC 6749 §3.1).
    #[error("the answer has the parameter {name} more than once")]
    Duplicate {
        /// The parameter.
        name: String,
    },
    /// Neither `code` nor `error`.
    #[error("the answer has neither a code nor an error")]
    CodeMissing,
    /// Both `code` and `error`.
    #[error("the answer has both a code and an error")]
    CodeAndError,
    /// The authorization server refused.
    #[error(transparent)]
    Authorization(AuthorizationError),
}

/// The error response of RFC 6749 §4.1.2.1. Its texts are the server's: show them as text, open nothing by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("the authorization server answered {error}")]
pub struct AuthorizationError {
    /// `error`.
    pub error: String,
    /// `error_description`, with LinkedIn's HTML escaping undone.
    pub error_description: Option<String>,
    /// `error_uri`, when it is an `https:` or `http:` URL.
    pub error_uri: Option<String>,
}

impl AuthorizationError {
    /// Whether a request that was to show nothing would have needed the person (OIDC Core section 3.1.2.6).
    #[must_use]
    pub fn wants_person(&self) -> bool {
        [
            "login_required",
            "interaction_required",
            "consent_required",
            "account_selection_required",
        ]
        .contains(&self.error.as_str())
    }
}

/// Takes the code out of `callback`, or says why there is none.
///
/// The order matters (security.md §1.2): the place first, then state, and only then is anything believed, an error
/// included; then the issuer; then doubled parameters; then the error, and the code last.
pub fn parse_authorization_response(callback: &Url, expect: &Expected<'_>) -> Result<AuthorizationCode, RedirectError> {
    if !expect.redirect_uri.matches(callback) {
        return Err(RedirectError::NotTheRedirectUri);
    }
    let state = single(callback, "state").map_err(|_| RedirectError::StateDuplicate)?;
    let state = State::new(state.ok_or(RedirectError::StateMissing)?);
    if state != *expect.state {
        return Err(RedirectError::StateMismatch);
    }
    match (single(callback, "iss")?, expect.issuer) {
        // RFC 9207 §2.4: simple string comparison, no normalisation.
        (Some(got), Some(expected)) if got != expected => {
            let got = evidence(&got, &state, 200);
            return Err(RedirectError::IssuerMismatch {
                expected: expected.to_owned(),
                got,
            });
        }
        (None, _) if expect.iss_required => return Err(RedirectError::IssuerMissing),
        _ => {}
    }
    let code = single(callback, "code")?;
    let error = single(callback, "error")?;
    let error_description = single(callback, "error_description")?;
    let error_uri = single(callback, "error_uri")?;
    match (code, error) {
        (Some(_), Some(_)) => Err(RedirectError::CodeAndError),
        (None, Some(error)) => Err(RedirectError::Authorization(AuthorizationError {
            error: evidence(&error, &state, 100),
            error_description: error_description.map(|text| evidence(&html_unescape(&text), &state, 1000)),
            error_uri: error_uri
                .filter(|uri| is_web_link(uri))
                .map(|uri| evidence(&uri, &state, 500)),
        })),
        (Some(code), None) => Ok(AuthorizationCode::new(code)),
        (None, None) => Err(RedirectError::CodeMissing),
    }
}

/// The state of a callback, to find its flow by: exactly one, and not empty.
#[must_use]
pub fn state_of(callback: &Url) -> Option<String> {
    single(callback, "state").ok().flatten()
}

/// The one value of a parameter. An empty value counts as left out (RFC 6749 §3.1), but not in a doubled parameter.
fn single(callback: &Url, name: &str) -> Result<Option<String>, RedirectError> {
    let mut values = callback
        .query_pairs()
        .filter(|(own, _)| own == name)
        .map(|(_, value)| value);
    let first = values.next();
    if values.next().is_some() {
        return Err(RedirectError::Duplicate { name: name.to_owned() });
    }
    Ok(first
        .filter(|value| !value.is_empty())
        .map(std::borrow::Cow::into_owned))
}

/// A server's text without the state it may echo.
fn evidence(text: &str, state: &State, max: usize) -> String {
    clean(&text.replace(state.expose(), "[state]"), max)
}
