//! A token as it is stored.

use serde::{Deserialize, Serialize};

use crate::oauth::id_token::unverified_claims;
use crate::oauth::{AccessToken, IdToken, RefreshToken, Scopes, TokenResponse};
use crate::plain::record;

/// Whether a scope that was asked for came, or one that was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeState {
    /// Asked for and granted.
    Granted,
    /// Asked for and not granted.
    Missing,
    /// Granted without being asked for.
    Extra,
}

/// A token with what was known when it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// The schema's version.
    pub v: u32,
    /// `access_token`.
    pub access_token: AccessToken,
    /// `token_type`.
    pub token_type: String,
    /// The scopes that the request asked for.
    pub scope_requested: Scopes,
    /// The scopes of the answer; `None` when it had none, which means: as requested (RFC 6749 §5.1).
    pub scope_granted: Option<Scopes>,
    /// When it came, in milliseconds since 1970.
    pub obtained_ms: u64,
    /// When it ends.
    pub expires_ms: Option<u64>,
    /// `refresh_token`.
    pub refresh_token: Option<RefreshToken>,
    /// When the refresh token ends.
    pub refresh_expires_ms: Option<u64>,
    /// `id_token`.
    pub id_token: Option<IdToken>,
    /// Whose token it is: the name or address in the ID token, which nobody has verified.
    pub account: Option<String>,
}
record!(TokenRecord {
    v,
    access_token,
    token_type,
    scope_requested,
    scope_granted,
    obtained_ms,
    expires_ms,
    refresh_token,
    refresh_expires_ms,
    id_token,
    account,
});

impl TokenRecord {
    /// The version that this code writes.
    pub const VERSION: u32 = 1;

    /// Turns lifetimes into times.
    #[must_use]
    pub fn from_response(response: &TokenResponse, requested: &Scopes, now_ms: u64) -> Self {
        let at = |seconds: u64| now_ms.saturating_add(seconds.saturating_mul(1000));
        Self {
            v: Self::VERSION,
            access_token: response.access_token.clone(),
            token_type: response.token_type.clone(),
            scope_requested: requested.clone(),
            scope_granted: response.scope.clone(),
            obtained_ms: now_ms,
            expires_ms: response.expires_in.map(at),
            refresh_token: response.refresh_token.clone(),
            refresh_expires_ms: response.refresh_token_expires_in.map(at),
            id_token: response.id_token.clone(),
            account: response.id_token.as_ref().and_then(|token| {
                let claims = unverified_claims(token).ok()?;
                claims.name.or(claims.email)
            }),
        }
    }

    /// What the token may do.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        self.scope_granted.as_ref().unwrap_or(&self.scope_requested)
    }

    /// Every scope asked for, then those that came unasked.
    #[must_use]
    pub fn scope_report(&self) -> Vec<(String, ScopeState)> {
        let granted = self.scopes();
        let asked = self.scope_requested.iter().map(|name| {
            (
                name.to_owned(),
                if granted.contains(name) {
                    ScopeState::Granted
                } else {
                    ScopeState::Missing
                },
            )
        });
        let extra = granted.missing_from(&self.scope_requested);
        asked
            .chain(extra.iter().map(|name| (name.to_owned(), ScopeState::Extra)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(scope: Option<&str>) -> TokenResponse {
        TokenResponse {
            access_token: AccessToken::new("AQtoken"),
            token_type: "Bearer".into(),
            token_type_missing: false,
            expires_in: Some(5_183_999),
            scope: scope.map(Scopes::from_answer),
            refresh_token: Some(RefreshToken::new("AQrefresh")),
            refresh_token_expires_in: None,
            id_token: None,
            unusable: Vec::new(),
        }
    }

    #[test]
    fn times_and_scopes() {
        let requested = Scopes::parse("profile openid email").unwrap();
        let record = TokenRecord::from_response(&response(Some("email,openid,w_share")), &requested, 1_000);
        assert_eq!(
            (record.expires_ms, record.refresh_expires_ms),
            (Some(5_184_000_000), None)
        );
        let report: Vec<_> = record.scope_report();
        let report: Vec<_> = report.iter().map(|(name, state)| (name.as_str(), *state)).collect();
        let expected = [
            ("profile", ScopeState::Missing),
            ("openid", ScopeState::Granted),
            ("email", ScopeState::Granted),
            ("w_share", ScopeState::Extra),
        ];
        assert_eq!(report, expected);

        let record = TokenRecord::from_response(&response(None), &requested, u64::MAX - 5);
        assert_eq!(record.expires_ms, Some(u64::MAX));
        assert!(
            record
                .scope_report()
                .iter()
                .all(|(_, state)| *state == ScopeState::Granted)
        );
    }

    #[test]
    fn stored_and_read_back_and_not_printed() {
        let record = TokenRecord::from_response(&response(Some("openid")), &Scopes::default(), 1);
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<TokenRecord>(&json).unwrap(), record);
        let shown = format!("{record:?}");
        assert!(!shown.contains("AQtoken") && !shown.contains("AQrefresh"), "{shown}");
    }
}
