//! Facts that stand beside an answer: the request that it belongs to, and the token that it is about.

use crate::oauth::{ClientAuthentication, Scopes};
use crate::provider::{Pkce, Provider, SecretRule};

use super::{Finding, Fix, with};

/// What a token request asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// A code against a token (RFC 6749 section 4.1.3).
    AuthorizationCode,
    /// A refresh token against a new one (RFC 6749 section 6).
    RefreshToken,
    /// A token of the app itself, which LinkedIn calls 2-legged (RFC 6749 section 4.4).
    ClientCredentials,
}

/// A token request without anything secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestFacts {
    /// What was asked for.
    pub grant: Grant,
    /// Where the client's id and secret went.
    pub authentication: ClientAuthentication,
    /// Whether a `code_verifier` was in it.
    pub verifier_sent: bool,
    /// What [`secret_looks_damaged`] says of the client secret.
    pub secret_damaged: bool,
}

impl RequestFacts {
    /// The request of a code as the engine sends it to this provider.
    #[must_use]
    pub fn of(provider: &Provider) -> Self {
        Self {
            grant: Grant::AuthorizationCode,
            authentication: provider.client_authentication,
            verifier_sent: provider.pkce.is_sent(),
            secret_damaged: false,
        }
    }

    /// A request as the engine sends it to this provider, with this client secret.
    #[must_use]
    pub fn sent(provider: &Provider, grant: Grant, secret: Option<&str>) -> Self {
        Self {
            grant,
            secret_damaged: secret.is_some_and(secret_looks_damaged),
            ..Self::of(provider)
        }
    }

    /// The finding of a client that was not recognised, where the request itself explains it (linkedin.md section 10,
    /// symptoms 1 to 3, and section 2, native PKCE variant).
    pub(super) fn client_cause(self, provider: &Provider) -> Option<Finding> {
        if provider.secret == SecretRule::None {
            return Some(with("native_not_enabled", Vec::new(), Fix::EditProfile));
        }
        // The 2-legged flow takes Basic (linkedin.md sections 4 and 11).
        if self.authentication == ClientAuthentication::Basic
            && self.grant != Grant::ClientCredentials
            && provider.client_authentication == ClientAuthentication::Body
        {
            let fix = Fix::SwitchClientAuthentication;
            return Some(with("client_authentication_basic", Vec::new(), fix));
        }
        if self.verifier_sent && provider.pkce == Pkce::Off {
            return Some(with("client_authentication_verifier", Vec::new(), Fix::EditProfile));
        }
        self.secret_damaged
            .then(|| with("client_secret_damaged", Vec::new(), Fix::EditProfile))
    }
}

/// Whether a client secret can't be what the portal shows: white space or a percent sign in it, or one of the new form
/// without its `==` (linkedin.md section 0, item 4).
#[must_use]
pub fn secret_looks_damaged(secret: &str) -> bool {
    secret.contains(|c: char| c.is_whitespace() || c == '%')
        || (secret.starts_with("WPL_AP") && !secret.ends_with("=="))
}

/// A token without its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenFacts<'a> {
    /// When it came, in milliseconds since 1970.
    pub obtained_ms: u64,
    /// When it ends, where that is known.
    pub expires_ms: Option<u64>,
    /// Now.
    pub now_ms: u64,
    /// The scopes it was given; empty where nobody knows.
    pub granted: &'a Scopes,
    /// Whether a refresh token came with it.
    pub has_refresh_token: bool,
    /// When the refresh token ends, where that is known.
    pub refresh_expires_ms: Option<u64>,
}

/// How long LinkedIn may answer from what it knew before a token (linkedin.md section 0, item 8).
const SETTLING_MS: u64 = 5 * 60 * 1000;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

impl TokenFacts<'_> {
    /// Whether LinkedIn's caches may not know the token yet.
    #[must_use]
    pub fn is_settling(&self) -> bool {
        self.now_ms.saturating_sub(self.obtained_ms) < SETTLING_MS
    }

    /// When they know it for certain, in milliseconds since 1970.
    #[must_use]
    pub fn settled_ms(&self) -> u64 {
        self.obtained_ms.saturating_add(SETTLING_MS)
    }

    /// Whether its time is over.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.expires_ms.is_some_and(|end| end <= self.now_ms)
    }

    /// Whether that comes, and within so many days.
    pub(super) fn is_within(&self, end_ms: Option<u64>, days: u64) -> bool {
        end_ms.is_some_and(|end_ms| end_ms > self.now_ms && end_ms <= self.now_ms.saturating_add(days * DAY_MS))
    }
}
