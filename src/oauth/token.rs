//! The token request of the code grant and the token response (RFC 6749 §4.1.3, §5; linkedin.md §4).

use serde::{Deserialize, Serialize};

use crate::plain::Plain;

use super::{
    client_auth::ClientAuthentication,
    endpoint::EndpointUrl,
    form,
    http::{HttpRequest, HttpResponse, MAX_RESPONSE_BYTES, Method, SecretBody},
    json::{self, Json, Object},
    redirect_uri::RedirectUri,
    scope::Scopes,
    secret::{AccessToken, AuthorizationCode, ClientSecret, CodeVerifier, IdToken, RefreshToken},
    text,
};

/// Everything that goes into the one POST of a code.
#[derive(Debug, Clone, Copy)]
pub struct TokenRequest<'a> {
    /// `token_endpoint`.
    pub endpoint: &'a EndpointUrl,
    /// `client_id`.
    pub client_id: &'a str,
    /// `client_secret`, for a confidential client.
    pub client_secret: Option<&'a ClientSecret>,
    /// Where id and secret go.
    pub authentication: ClientAuthentication,
    /// `code`.
    pub code: &'a AuthorizationCode,
    /// `redirect_uri`, byte for byte the one of the authorization request (RFC 6749 §4.1.3).
    pub redirect_uri: &'a RedirectUri,
    /// `code_verifier`, only where a challenge was sent: LinkedIn's ordinary flow refuses it (linkedin.md §0, item 2).
    pub code_verifier: Option<&'a CodeVerifier>,
}

impl TokenRequest<'_> {
    /// The request as it goes on the wire.
    #[must_use]
    pub fn http_request(&self) -> HttpRequest {
        let mut body = String::new();
        form::push(&mut body, "grant_type", "authorization_code");
        form::push(&mut body, "code", self.code.expose());
        form::push(&mut body, "redirect_uri", self.redirect_uri.as_str());
        let authorization = self.authentication.apply(&mut body, self.client_id, self.client_secret);
        if let Some(verifier) = self.code_verifier {
            form::push(&mut body, "code_verifier", verifier.expose());
        }
        post(self.endpoint, body, authorization)
    }
}

/// The token request of the refresh grant (RFC 6749 §6; linkedin.md §5). It asks for no scope: the grant's own stay.
#[derive(Debug, Clone, Copy)]
pub struct RefreshRequest<'a> {
    /// `token_endpoint`.
    pub endpoint: &'a EndpointUrl,
    /// `client_id`.
    pub client_id: &'a str,
    /// `client_secret`, for a confidential client.
    pub client_secret: Option<&'a ClientSecret>,
    /// Where id and secret go.
    pub authentication: ClientAuthentication,
    /// `refresh_token`.
    pub refresh_token: &'a RefreshToken,
}

impl RefreshRequest<'_> {
    /// The request as it goes on the wire.
    #[must_use]
    pub fn http_request(&self) -> HttpRequest {
        let mut body = String::new();
        form::push(&mut body, "grant_type", "refresh_token");
        form::push(&mut body, "refresh_token", self.refresh_token.expose());
        let authorization = self.authentication.apply(&mut body, self.client_id, self.client_secret);
        post(self.endpoint, body, authorization)
    }
}

/// The token request of a client for itself (RFC 6749 §4.4; linkedin.md §4, 2-legged).
#[derive(Debug, Clone, Copy)]
pub struct ClientCredentialsRequest<'a> {
    /// `token_endpoint`.
    pub endpoint: &'a EndpointUrl,
    /// `client_id`.
    pub client_id: &'a str,
    /// `client_secret`.
    pub client_secret: Option<&'a ClientSecret>,
    /// Where id and secret go.
    pub authentication: ClientAuthentication,
}

impl ClientCredentialsRequest<'_> {
    /// The request as it goes on the wire.
    #[must_use]
    pub fn http_request(&self) -> HttpRequest {
        let mut body = String::new();
        form::push(&mut body, "grant_type", "client_credentials");
        let authorization = self.authentication.apply(&mut body, self.client_id, self.client_secret);
        post(self.endpoint, body, authorization)
    }
}

pub(super) fn post(endpoint: &EndpointUrl, body: String, authorization: Option<String>) -> HttpRequest {
    let mut headers = vec![
        (
            "content-type".to_owned(),
            "application/x-www-form-urlencoded".to_owned(),
        ),
        ("accept".to_owned(), "application/json".to_owned()),
    ];
    headers.extend(authorization.map(|value| ("authorization".to_owned(), value)));
    HttpRequest {
        method: Method::Post,
        url: endpoint.as_str().to_owned(),
        headers,
        body: SecretBody::new(body),
    }
}

/// A successful token response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenResponse {
    /// `access_token`.
    pub access_token: AccessToken,
    /// `token_type`: always `Bearer`, spelled so, because no other type is supported.
    pub token_type: String,
    /// Whether the answer had no `token_type`, as LinkedIn's without openid (linkedin.md §4).
    pub token_type_missing: bool,
    /// `expires_in` in seconds.
    pub expires_in: Option<u64>,
    /// `scope`; `None` means: as requested (RFC 6749 §5.1).
    pub scope: Option<Scopes>,
    /// `refresh_token`.
    pub refresh_token: Option<RefreshToken>,
    /// `refresh_token_expires_in` in seconds, LinkedIn's own.
    pub refresh_token_expires_in: Option<u64>,
    /// `id_token`.
    pub id_token: Option<IdToken>,
    /// Optional fields that were there but could not be used. They are left out instead of refusing the answer: the
    /// code is spent, and a good access token must not be lost to a strange `expires_in`.
    pub unusable: Vec<UnusableField>,
}

/// An optional field of a token response that could not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnusableField {
    /// The field.
    pub name: OptionalField,
    /// Why.
    pub problem: FieldProblem,
}

/// The optional fields of a token response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptionalField {
    /// `expires_in`
    ExpiresIn,
    /// `scope`
    Scope,
    /// `refresh_token`
    RefreshToken,
    /// `refresh_token_expires_in`
    RefreshTokenExpiresIn,
    /// `id_token`
    IdToken,
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldProblem {
    /// Of another JSON type.
    Type,
    /// A number below zero, with a fraction, or beyond ten thousand years.
    Range,
    /// Characters outside printable ASCII (RFC 6749 appendix A).
    Characters,
    /// In the answer more than once.
    Duplicate,
}

/// Why the token endpoint's answer gave no token. The texts are evidence: short, cleaned, without tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum TokenError {
    /// The error response of RFC 6749 §5.2, also when it came with status 200.
    #[error("the token endpoint refused with {error}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// `error`.
        error: String,
        /// `error_description`.
        error_description: Option<String>,
        /// `error_uri`, when it is an `https:` or `http:` URL.
        error_uri: Option<String>,
    },
    /// A successful status with a body that is no JSON.
    #[error("the token endpoint answered status {status} without JSON")]
    NotJson {
        /// The HTTP status.
        status: u16,
        /// The `content-type` header.
        content_type: Option<String>,
        /// The beginning of the body.
        excerpt: String,
    },
    /// JSON, but no object.
    #[error("the token endpoint answered with JSON that is no object")]
    NotAnObject,
    /// An object without `access_token`.
    #[error("the token endpoint's answer has no access_token")]
    AccessTokenMissing,
    /// A token that is no bearer token (RFC 6749 §7.1: a client must not use a type it does not know).
    #[error("the token endpoint answered with the token type {token_type}")]
    UnsupportedTokenType {
        /// The type as it was given.
        token_type: String,
    },
    /// A required field that cannot be used, or any field that stands twice.
    #[error("the token endpoint's answer has an unusable {name}")]
    Field {
        /// The field.
        name: String,
        /// What is wrong with it.
        problem: FieldProblem,
    },
    /// More than [`MAX_RESPONSE_BYTES`].
    #[error("the token endpoint's answer is larger than 1 MiB")]
    TooLarge,
    /// The answer broke off.
    #[error("the token endpoint's answer broke off")]
    Truncated,
    /// A status other than success, without an error object.
    #[error("the token endpoint answered status {status}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The beginning of the body.
        excerpt: String,
    },
}

impl TokenError {
    /// The same with every one of `secrets` replaced, should the server have echoed one.
    #[must_use]
    pub fn without(mut self, secrets: &[&str]) -> Self {
        let hide = |text: &mut String| text::hide(text, secrets);
        match &mut self {
            Self::Refused {
                error,
                error_description,
                error_uri,
                ..
            } => {
                hide(error);
                error_description.as_mut().map(hide);
                error_uri.as_mut().map(hide);
            }
            Self::NotJson {
                content_type, excerpt, ..
            } => {
                content_type.as_mut().map(hide);
                hide(excerpt);
            }
            Self::UnsupportedTokenType { token_type: text }
            | Self::Field { name: text, .. }
            | Self::Status { excerpt: text, .. } => hide(text),
            Self::NotAnObject | Self::AccessTokenMissing | Self::TooLarge | Self::Truncated => {}
        }
        self
    }
}

/// Reads the token endpoint's answer: JSON, or a form body where the media type says so and no brace begins it.
pub fn parse_token_response(response: &HttpResponse) -> Result<TokenResponse, TokenError> {
    read(response).map_err(|mut error| {
        // When to come back belongs to what a server says of itself.
        if let Some(time) = response.retry_after()
            && let TokenError::Status { excerpt: words, .. }
            | TokenError::Refused {
                error_description: Some(words),
                ..
            } = &mut error
        {
            if !words.is_empty() {
                words.push('\n');
            }
            words.push_str(&time);
        }
        error
    })
}

fn read(response: &HttpResponse) -> Result<TokenResponse, TokenError> {
    let status = response.status;
    let success = (200..300).contains(&status);
    if response.body.len() > MAX_RESPONSE_BYTES || (response.truncated && response.body.len() == MAX_RESPONSE_BYTES) {
        return Err(TokenError::TooLarge);
    }
    if response.truncated {
        return Err(TokenError::Truncated);
    }
    let is_form = response.is_media_type("application/x-www-form-urlencoded");
    let parsed = if is_form && !response.body.trim_ascii_start().starts_with(b"{") {
        Json::Object(Object::from_pairs(form::parse(&response.body)))
    } else {
        json::parse(&response.body)
    };
    let object = match parsed {
        Json::Object(object) => object,
        _ if !success => {
            return Err(TokenError::Status {
                status,
                excerpt: text::excerpt(&response.body),
            });
        }
        Json::Other => return Err(TokenError::NotAnObject),
        Json::TooLarge => return Err(TokenError::TooLarge),
        Json::Invalid => {
            return Err(TokenError::NotJson {
                status,
                content_type: response.header("content-type").map(|value| text::clean(value, 100)),
                excerpt: text::excerpt(&response.body),
            });
        }
    };
    if let Some(error) = refusal(status, &object) {
        return Err(error);
    }
    if !success {
        return Err(TokenError::Status {
            status,
            excerpt: text::excerpt(&response.body),
        });
    }
    token_response(&object)
}

/// The error in an object: RFC 6749 §5.2, the nested object of Facebook's Graph API, or LinkedIn's REST envelope
/// (linkedin.md §8) with a status that is no success.
fn refusal(status: u16, object: &Object) -> Option<TokenError> {
    let described = |error: &str, description: Option<&str>, uri: Option<&str>| TokenError::Refused {
        status,
        error: text::clean(error, 100),
        error_description: description.map(|text| text::clean(&text::html_unescape(text), 1000)),
        error_uri: uri
            .filter(|uri| text::is_web_link(uri))
            .map(|uri| text::clean(uri, 500)),
    };
    let description = object.text("error_description");
    if let Some(error) = object.text("error") {
        return Some(described(error, description, object.text("error_uri")));
    }
    if let Some(error @ Plain::Object(_)) = object.get("error") {
        let part = |name: &str| error.get(name).and_then(Plain::as_str).filter(|text| !text.is_empty());
        return Some(described(
            part("type").or_else(|| part("code")).unwrap_or("error"),
            part("message"),
            None,
        ));
    }
    if (200..300).contains(&status) {
        return None;
    }
    let message = description.or_else(|| object.text("message"));
    let number = object
        .get("serviceErrorCode")
        .and_then(Plain::as_i64)
        .map(|code| code.to_string());
    let code = object.text("code").or(number.as_deref());
    (message.is_some() || code.is_some()).then(|| described(code.unwrap_or("error"), message, None))
}

fn token_response(object: &Object) -> Result<TokenResponse, TokenError> {
    if let Some(name) = object.duplicate() {
        return Err(TokenError::Field {
            name: text::clean(name, 60),
            problem: FieldProblem::Duplicate,
        });
    }
    let access_token = match object.get("access_token") {
        None => return Err(TokenError::AccessTokenMissing),
        Some(value) => token(value).map_err(|problem| TokenError::Field {
            name: "access_token".to_owned(),
            problem,
        })?,
    };
    let access_token = access_token.ok_or(TokenError::AccessTokenMissing)?;
    let token_type_missing = match object.get("token_type") {
        None => true,
        Some(Plain::Text(name)) if name.trim().is_empty() => true,
        Some(Plain::Text(name)) if name.trim().eq_ignore_ascii_case("bearer") => false,
        Some(Plain::Text(name)) => {
            return Err(TokenError::UnsupportedTokenType {
                token_type: text::clean(name, 60),
            });
        }
        Some(_) => {
            return Err(TokenError::Field {
                name: "token_type".to_owned(),
                problem: FieldProblem::Type,
            });
        }
    };
    let mut optional = Optional {
        object,
        unusable: Vec::new(),
    };
    Ok(TokenResponse {
        access_token: AccessToken::new(access_token),
        token_type: "Bearer".to_owned(),
        token_type_missing,
        expires_in: optional.read("expires_in", OptionalField::ExpiresIn, seconds),
        scope: optional.read("scope", OptionalField::Scope, scope),
        refresh_token: optional
            .read("refresh_token", OptionalField::RefreshToken, token)
            .map(RefreshToken::new),
        refresh_token_expires_in: optional.read(
            "refresh_token_expires_in",
            OptionalField::RefreshTokenExpiresIn,
            seconds,
        ),
        id_token: optional
            .read("id_token", OptionalField::IdToken, token)
            .map(IdToken::new),
        unusable: optional.unusable,
    })
}

struct Optional<'a> {
    object: &'a Object,
    unusable: Vec<UnusableField>,
}

impl Optional<'_> {
    fn read<T>(
        &mut self,
        name: &str,
        field: OptionalField,
        parse: impl FnOnce(&Plain) -> Result<Option<T>, FieldProblem>,
    ) -> Option<T> {
        match parse(self.object.get(name)?) {
            Ok(value) => value,
            Err(problem) => {
                self.unusable.push(UnusableField { name: field, problem });
                None
            }
        }
    }
}

/// `1*VSCHAR` (RFC 6749 appendix A.12, A.17), so that no token can break a header or a command line. Empty, or blanks,
/// which no header carries: left out.
fn token(value: &Plain) -> Result<Option<String>, FieldProblem> {
    let text = value.as_str().ok_or(FieldProblem::Type)?;
    if !text.bytes().all(|b| matches!(b, 0x20..=0x7E)) {
        return Err(FieldProblem::Characters);
    }
    Ok((!text.trim().is_empty()).then(|| text.to_owned()))
}

/// Ten thousand years: beyond it a number means "never" or nothing, and its milliseconds leave JavaScript's integers.
const MAX_SECONDS: u64 = 10_000 * 366 * 86_400;

/// A whole number of seconds, also as a float or a string: LinkedIn's documentation shows `"1800"` (linkedin.md §4).
pub(super) fn seconds(value: &Plain) -> Result<Option<u64>, FieldProblem> {
    let seconds = match value {
        Plain::Number(number) => whole(*number)?,
        Plain::Text(text) if text.trim().is_empty() => return Ok(None),
        Plain::Text(text) if text.trim().bytes().all(|b| b.is_ascii_digit()) => {
            text.trim().parse().map_err(|_| FieldProblem::Range)?
        }
        Plain::Text(text) => {
            // A minus sign, a fraction or an exponent make it a number all the same; a word does not.
            whole(json::number(text.trim()).ok_or(FieldProblem::Type)?)?
        }
        _ => return Err(FieldProblem::Type),
    };
    if seconds > MAX_SECONDS {
        Err(FieldProblem::Range)
    } else {
        Ok(Some(seconds))
    }
}

fn whole(float: f64) -> Result<u64, FieldProblem> {
    // The range is well inside the integers that a float holds exactly.
    #[expect(clippy::cast_precision_loss, reason = "MAX_SECONDS is far below 2^53")]
    let max = MAX_SECONDS as f64;
    if float.fract() == 0.0 && (0.0..=max).contains(&float) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole, not negative, below 2^53"
        )]
        return Ok(float as u64);
    }
    Err(FieldProblem::Range)
}

/// A string (spaces or commas between), or an array of strings as some providers send.
fn scope(value: &Plain) -> Result<Option<Scopes>, FieldProblem> {
    let text = match value {
        Plain::Text(text) => text.clone(),
        Plain::List(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(Plain::as_str).collect();
            texts.ok_or(FieldProblem::Type)?.join(" ")
        }
        _ => return Err(FieldProblem::Type),
    };
    Ok(Some(Scopes::from_answer(&text)).filter(|scopes| !scopes.is_empty()))
}
