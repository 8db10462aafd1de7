//! The authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3).

use url::{Url, form_urlencoded};

use super::{
    endpoint::EndpointUrl, form, pkce::CodeChallenge, redirect_uri::RedirectUri, scope::Scopes, secret::State,
};

/// Everything that the authorization URL says.
#[derive(Debug, Clone, Copy)]
pub struct AuthorizationRequest<'a> {
    /// `authorization_endpoint`.
    pub endpoint: &'a EndpointUrl,
    /// `client_id`.
    pub client_id: &'a str,
    /// `redirect_uri`, sent byte for byte.
    pub redirect_uri: &'a RedirectUri,
    /// `scope`; not sent when empty.
    pub scopes: &'a Scopes,
    /// What stands between two scopes; a space by RFC 6749 §3.3.
    pub scope_separator: &'a str,
    /// `state`.
    pub state: &'a State,
    /// `code_challenge`, where the provider takes PKCE.
    pub code_challenge: Option<&'a CodeChallenge>,
    /// Further parameters. They cannot replace those above.
    pub extra: &'a [(String, String)],
}

/// The parameters that only this request itself sets.
const PROTOCOL: [&str; 7] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
];

impl AuthorizationRequest<'_> {
    /// The URL to open. The endpoint's own query is kept (RFC 6749 §3.1) except where it would repeat a parameter of
    /// the protocol; spaces become `%20`.
    #[must_use]
    pub fn url(&self) -> Url {
        let mut url = self.endpoint.url().clone();
        let mut query = String::new();
        for pair in url.query().unwrap_or_default().split('&') {
            if let Some((name, _)) = form_urlencoded::parse(pair.as_bytes()).next()
                && !PROTOCOL.contains(&name.as_ref())
            {
                separate(&mut query);
                query.push_str(pair);
            }
        }
        push(&mut query, "response_type", "code");
        push(&mut query, "client_id", self.client_id);
        push(&mut query, "redirect_uri", self.redirect_uri.as_str());
        if !self.scopes.is_empty() {
            push(&mut query, "scope", &self.scopes.join(self.scope_separator));
        }
        push(&mut query, "state", self.state.expose());
        if let Some(challenge) = self.code_challenge {
            push(&mut query, "code_challenge", challenge.as_str());
            push(&mut query, "code_challenge_method", "S256");
        }
        for (name, value) in self.extra {
            if !name.is_empty() && !PROTOCOL.contains(&name.as_str()) {
                push(&mut query, name, value);
            }
        }
        url.set_query(Some(&query));
        url
    }
}

fn push(query: &mut String, name: &str, value: &str) {
    separate(query);
    query.push_str(&form::encode_percent(name));
    query.push('=');
    query.push_str(&form::encode_percent(value));
}

fn separate(query: &mut String) {
    if !query.is_empty() {
        query.push('&');
    }
}
