//! What a flow takes from its profile.

use crate::oauth::authorization::AuthorizationRequest;
use crate::oauth::http::HttpRequest;
use crate::oauth::pkce::CodeChallenge;
use crate::oauth::redirect::{Expected, RedirectError, parse_authorization_response};
use crate::oauth::secret::{AuthorizationCode, ClientSecret, CodeVerifier, IdToken, RefreshToken};
use crate::oauth::token::{ClientCredentialsRequest, RefreshRequest, TokenRequest};
use crate::provider::OriginPolicy;

use super::record::{Flow, Phase, Snapshot, Way};

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
        let known = [
            Some(self.state.expose()),
            self.snapshot.client_secret.as_ref().map(ClientSecret::expose),
            self.code_verifier.as_ref().map(CodeVerifier::expose),
            old.map(|old| old.access_token.expose()),
            old.and_then(|old| old.refresh_token.as_ref()).map(RefreshToken::expose),
            old.and_then(|old| old.id_token.as_ref()).map(IdToken::expose),
            code,
        ];
        known.into_iter().flatten().collect()
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
