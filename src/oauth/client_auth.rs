//! How the client proves who it is at the token endpoint (RFC 6749 §2.3.1).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::{form, secret::ClientSecret};

/// `token_endpoint_auth_method` (RFC 7591 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// `client_secret_post`: id and secret in the form. LinkedIn knows this one only.
    Body,
    /// `client_secret_basic`: id and secret in the `Authorization` header.
    Basic,
    /// `none`: a public client; the id in the form.
    None,
}

impl ClientAuthentication {
    /// Adds the client's identity to a form body, and returns the `Authorization` header when it goes there.
    pub fn apply(self, body: &mut String, client_id: &str, client_secret: Option<&ClientSecret>) -> Option<String> {
        match (self, client_secret) {
            (Self::Basic, Some(secret)) => return Some(basic(client_id, secret)),
            (Self::Body, Some(secret)) => {
                form::push(body, "client_id", client_id);
                form::push(body, "client_secret", secret.expose());
            }
            _ => form::push(body, "client_id", client_id),
        }
        None
    }
}

/// The value of the `Authorization` header. Id and secret are form-encoded before base64 (RFC 6749 §2.3.1), so that a
/// colon or a letter outside ASCII survives.
#[must_use]
pub fn basic(client_id: &str, client_secret: &ClientSecret) -> String {
    let pair = [&form::encode(client_id), ":", &form::encode(client_secret.expose())].concat();
    "Basic ".to_owned() + &STANDARD.encode(pair)
}
