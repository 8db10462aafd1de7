//! What a flow takes from its profile.

use crate::diagnosis::Finding;
use crate::oauth::authorization::AuthorizationRequest;
use crate::oauth::http::HttpRequest;
use crate::oauth::pkce::CodeChallenge;
use crate::oauth::redirect::{Expected, RedirectError, parse_authorization_response};
use crate::oauth::secret::{AuthorizationCode, ClientSecret, CodeVerifier, IdToken, RefreshToken};
use crate::oauth::token::{ClientCredentialsRequest, RefreshRequest, TokenRequest};
use crate::provider::OriginPolicy;

use super::STORE_AGAIN_MS;
use super::record::{Flow, Phase, Snapshot, StoredToken, Unstored, Way};

impl Snapshot {
    /// How long a code may be redeemed, in milliseconds.
    #[must_use]
    pub fn code_lifetime_ms(&self) -> u64 {
        self.provider.code_lifetime_s * 1000
    }

    /// Whether the browser's `Origin` header is taken off the token request.
    #[must_use]
    pub fn removes_origin(&self) -> bool {
        self.provider.origin == OriginPolicy::Remove
    }
}

impl Flow {
    /// The hosts that it needs: a renewal without a tab never comes near the redirect host.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        if self.renews.is_some() && self.way != Way::QuietTab {
            self.snapshot.provider.hosts()
        } else {
            self.snapshot.profile.hosts()
        }
    }

    /// Everything that it knows and nobody else may, should a server say it back.
    #[must_use]
    pub fn secrets(&self) -> Vec<&str> {
        let old = self.renews.as_ref().map(|old| &old.token);
        let code = match &self.phase {
            Phase::Captured { code, .. } => Some(code.expose()),
            _ => None,
        };
        let new = self.unstored.as_ref().map(|new| &new.token.token);
        let known = [
            Some(self.state.expose()),
            self.snapshot.client_secret.as_ref().map(ClientSecret::expose),
            self.code_verifier.as_ref().map(CodeVerifier::expose),
            code,
        ];
        let tokens = [old, new].into_iter().flatten().flat_map(|token| {
            [
                Some(token.access_token.expose()),
                token.refresh_token.as_ref().map(RefreshToken::expose),
                token.id_token.as_ref().map(IdToken::expose),
            ]
        });
        known.into_iter().chain(tokens).flatten().collect()
    }

    /// Whether a refresh token that still gives something waits for what the worker asks, or has asked, without a tab.
    pub(super) fn may_refresh(&self, now_ms: u64) -> bool {
        let gives = |old: &StoredToken| {
            old.token.living_refresh_token(now_ms).is_some() && !old.token.ends_with_refresh_token()
        };
        // Before that the hosts may not be granted.
        let asked = matches!(self.phase, Phase::Asking { .. } | Phase::Exchanging);
        self.way == Way::Background && asked && self.renews.as_ref().is_some_and(gives)
    }

    /// Whether a code, a refresh token or the client's credentials were posted, or were about to be: that can't be called back.
    pub(super) fn is_posted(&self) -> bool {
        matches!(self.phase, Phase::Exchanging | Phase::Refreshing { .. })
    }

    /// Sets the time at which `storage.local` is offered again what it refused; what was posted has no other deadline.
    pub(super) fn offer_again(&mut self, now_ms: u64) {
        self.deadline_ms = now_ms + STORE_AGAIN_MS;
        self.wake_ms = Some(self.deadline_ms);
    }

    /// Its token that `storage.local` refused, with what the person is told of it.
    #[must_use]
    pub fn refused(&self) -> Option<(&StoredToken, &Finding)> {
        let Unstored { token, finding } = self.unstored.as_ref()?;
        finding.as_ref().map(|finding| (token, finding))
    }

    /// The profile's id.
    #[must_use]
    pub fn profile(&self) -> &str {
        &self.snapshot.profile.id
    }

    /// The URL of the authorization request.
    pub(super) fn authorization_url(&self) -> String {
        let Snapshot { provider, profile, .. } = &self.snapshot;
        let challenge = self.code_verifier.as_ref().map(CodeChallenge::s256);
        let request = AuthorizationRequest {
            endpoint: &provider.authorization_endpoint_url(),
            client_id: &profile.client_id,
            redirect_uri: &profile.redirect_uri,
            scopes: &profile.scopes,
            scope_separator: provider.scope_separator,
            state: &self.state,
            code_challenge: challenge.as_ref(),
            extra: &provider.extra_parameters(),
        };
        request.url().into()
    }

    /// What a callback at the redirect URI says to this flow.
    pub(super) fn authorization_response(&self, callback: &url::Url) -> Result<AuthorizationCode, RedirectError> {
        let Snapshot { provider, profile, .. } = &self.snapshot;
        let expected = Expected {
            redirect_uri: &profile.redirect_uri,
            state: &self.state,
            issuer: Some(provider.issuer),
            iss_required: provider.iss.is_required(),
        };
        parse_authorization_response(callback, &expected)
    }

    /// The token request for a code.
    pub(super) fn token_request(&self, code: &AuthorizationCode) -> HttpRequest {
        let Snapshot {
            provider,
            profile,
            client_secret,
        } = &self.snapshot;
        let request = TokenRequest {
            endpoint: &provider.token_endpoint_url(),
            client_id: &profile.client_id,
            client_secret: client_secret.as_ref(),
            authentication: provider.client_authentication,
            code,
            redirect_uri: &profile.redirect_uri,
            code_verifier: self.code_verifier.as_ref(),
        };
        request.http_request()
    }

    /// The token request for the client itself.
    pub(super) fn client_credentials_request(&self) -> HttpRequest {
        let Snapshot {
            provider,
            profile,
            client_secret,
        } = &self.snapshot;
        let request = ClientCredentialsRequest {
            endpoint: &provider.token_endpoint_url(),
            client_id: &profile.client_id,
            client_secret: client_secret.as_ref(),
            authentication: provider.client_authentication,
        };
        request.http_request()
    }

    /// The token request for a refresh token.
    pub(super) fn refresh_request(&self, refresh_token: &RefreshToken) -> HttpRequest {
        let Snapshot {
            provider,
            profile,
            client_secret,
        } = &self.snapshot;
        let request = RefreshRequest {
            endpoint: &provider.token_endpoint_url(),
            client_id: &profile.client_id,
            client_secret: client_secret.as_ref(),
            authentication: provider.client_authentication,
            refresh_token,
        };
        request.http_request()
    }
}
