//! What an ID token says, read without checking its signature: good for showing, not for deciding (OIDC
//! Core §2; linkedin.md §7).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::plain::Plain;

use super::{
    json::{self, Json, Object},
    secret::IdToken,
    text,
};

/// Claims of an ID token that nobody has verified. Wrongly typed claims are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdTokenClaims {
    /// `iss`
    pub iss: Option<String>,
    /// `sub`
    pub sub: Option<String>,
    /// `aud`, one or many
    pub aud: Vec<String>,
    /// `exp` in seconds since 1970
    pub exp: Option<u64>,
    /// `iat` in seconds since 1970
    pub iat: Option<u64>,
    /// `name`
    pub name: Option<String>,
    /// `given_name`
    pub given_name: Option<String>,
    /// `family_name`
    pub family_name: Option<String>,
    /// `email`
    pub email: Option<String>,
    /// `email_verified`; LinkedIn sends the string `"true"`
    pub email_verified: Option<bool>,
    /// `picture`, when it is an `https:` URL
    pub picture: Option<String>,
    /// `locale`, when it is a string
    pub locale: Option<String>,
}

/// Why an ID token could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// Not `header.payload.signature`.
    #[error("the ID token does not have three parts")]
    Parts,
    /// The payload is no base64url without padding (RFC 7515 §2).
    #[error("the ID token's payload is not base64url")]
    Base64Url,
    /// The payload is no JSON.
    #[error("the ID token's payload is not JSON")]
    NotJson,
    /// The payload is no object.
    #[error("the ID token's payload is not an object")]
    NotAnObject,
    /// The payload has a claim twice (RFC 7519 §4 lets a reader refuse that).
    #[error("the ID token's payload has a claim twice")]
    DuplicateClaim,
}

/// Reads the payload. Neither signature nor header is looked at, so LinkedIn's stray `"zip":"RS256"` does no harm, and
/// nothing here may be believed: the values were received over TLS from the token endpoint, and that is all.
pub fn unverified_claims(id_token: &IdToken) -> Result<IdTokenClaims, IdTokenError> {
    let mut parts = id_token.expose().split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(IdTokenError::Parts);
    };
    let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| IdTokenError::Base64Url)?;
    let claims = match json::parse(&payload) {
        Json::Object(object) => object,
        Json::Other | Json::TooLarge => return Err(IdTokenError::NotAnObject),
        Json::Invalid => return Err(IdTokenError::NotJson),
    };
    if claims.duplicate().is_some() {
        return Err(IdTokenError::DuplicateClaim);
    }
    let string = |name: &str| claims.text(name).map(|value| text::clean(value, 1000));
    Ok(IdTokenClaims {
        iss: string("iss"),
        sub: string("sub"),
        aud: audience(&claims),
        exp: claims.get("exp").and_then(numeric_date),
        iat: claims.get("iat").and_then(numeric_date),
        name: string("name"),
        given_name: string("given_name"),
        family_name: string("family_name"),
        email: string("email"),
        email_verified: claims.get("email_verified").and_then(boolean),
        picture: string("picture").filter(|url| url.starts_with("https://")),
        locale: string("locale"),
    })
}

fn audience(claims: &Object) -> Vec<String> {
    match claims.get("aud") {
        Some(Plain::Text(one)) => vec![text::clean(one, 1000)],
        Some(Plain::List(many)) => many
            .iter()
            .filter_map(Plain::as_str)
            .map(|one| text::clean(one, 1000))
            .collect(),
        _ => Vec::new(),
    }
}

/// `NumericDate` of RFC 7519 §2: seconds, a fraction is allowed and dropped.
fn numeric_date(value: &Plain) -> Option<u64> {
    const LIMIT: f64 = 1e12;
    let float = value.as_f64().filter(|float| (0.0..LIMIT).contains(float))?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, below 2^53"
    )]
    Some(float as u64)
}

fn boolean(value: &Plain) -> Option<bool> {
    match value {
        Plain::Bool(value) => Some(*value),
        Plain::Text(text) if text == "true" => Some(true),
        Plain::Text(text) if text == "false" => Some(false),
        _ => None,
    }
}
