//! Authorization servers and their habits, as data. Code asks for a habit, never for a name.

mod linkedin;
mod version;

use serde::{Deserialize, Serialize};

use crate::oauth::{ClientAuthentication, EndpointUrl, Scopes};
use crate::plain::{Plain, Record, Unfit};

pub use version::api_version;

/// Whether PKCE (RFC 7636) is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pkce {
    /// Never: the provider refuses a `code_verifier`.
    Off,
    /// Sent, and nothing works without.
    Required,
    /// Sent; the provider would do without.
    Optional,
}

impl Pkce {
    /// Whether a challenge and a verifier go out.
    #[must_use]
    pub fn is_sent(self) -> bool {
        self != Self::Off
    }
}

/// The grant by which a client gets its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// A member's consent and a code (RFC 6749 §4.1).
    AuthorizationCode,
    /// The client's own credentials (RFC 6749 §4.4): no member, no redirect, no scopes.
    ClientCredentials,
}

/// What becomes of a refresh token that was used (RFC 6749 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshTokens {
    /// It works on.
    Kept,
    /// Another one takes its place. The old one, sent again, is taken for stolen and ends the whole grant.
    Rotated {
        /// How long after its first use it may be sent again, in milliseconds (providers.md section 3).
        grace_ms: u64,
    },
}

/// Whether the client has a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretRule {
    /// A confidential client.
    Required,
    /// A public client.
    None,
}

/// Whether the authorization response has `iss` (RFC 9207).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssSupport {
    /// Never seen; one that names another issuer is refused all the same.
    Never,
    /// Not always.
    Sometimes,
    /// Always: its absence is an attack.
    Always,
}

impl IssSupport {
    /// Whether an answer without `iss` is refused.
    #[must_use]
    pub fn is_required(self) -> bool {
        self == Self::Always
    }
}

/// What happens to the `Origin` header that a browser adds to the token request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OriginPolicy {
    /// Sent as the browser does.
    Keep,
    /// Removed: a confidential client's request does not come from a page.
    Remove,
}

/// Which redirect URIs the provider takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedirectRule {
    /// Whatever is registered.
    Any,
    /// `127.0.0.1` or `[::1]` (RFC 8252 §7.3).
    LoopbackIpOnly,
}

/// Whether a scope can still be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeStatus {
    /// Granted to apps that have the product.
    Current,
    /// Not granted to new apps any more.
    Legacy {
        /// What to ask for instead, scope tokens separated by spaces.
        successor: &'static str,
    },
    /// Not granted to anybody who asks now.
    Closed,
}

/// How an app comes to a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// By a click in the provider's portal.
    SelfServe,
    /// By an application that the provider looks at.
    Apply,
    /// No more: it gave way to others.
    Legacy,
    /// Not at all.
    Closed,
}

impl Access {
    /// The name in attributes and message keys.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SelfServe => "self_serve",
            Self::Apply => "apply",
            Self::Legacy => "legacy",
            Self::Closed => "closed",
        }
    }
}

/// What is known of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopeInfo {
    /// The scope token.
    pub name: &'static str,
    /// The product of the provider's portal that gives it.
    pub product: &'static str,
    /// How an app comes to it.
    pub access: Access,
    /// Whether it can still be had.
    pub status: ScopeStatus,
}

impl ScopeInfo {
    /// What to ask for instead, scope tokens separated by spaces; none where it is current or nothing took its place.
    #[must_use]
    pub fn successor(&self) -> Option<&'static str> {
        match self.status {
            ScopeStatus::Legacy { successor } => Some(successor),
            ScopeStatus::Current | ScopeStatus::Closed => None,
        }
    }
}

/// A request that shows that a token works, and changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// The scopes that it needs, all of them.
    pub scopes: &'static [&'static str],
    /// A URL to GET with the token.
    pub url: &'static str,
    /// Whether the API wants the headers of its version.
    pub versioned: bool,
    /// Whether the answer names the member.
    pub names_member: bool,
}

/// An authorization server and its habits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provider {
    /// What profiles store.
    pub id: &'static str,
    /// What people read.
    pub name: &'static str,
    /// `issuer`.
    pub issuer: &'static str,
    /// `authorization_endpoint`.
    pub authorization_endpoint: &'static str,
    /// `token_endpoint`.
    pub token_endpoint: &'static str,
    /// `userinfo_endpoint`.
    pub userinfo_endpoint: Option<&'static str>,
    /// How tokens are got.
    pub grant_type: GrantType,
    /// `introspection_endpoint` (RFC 8414).
    pub introspection_endpoint: Option<&'static str>,
    /// `revocation_endpoint` (RFC 8414), documented or not.
    pub revocation_endpoint: Option<&'static str>,
    /// Where a member takes the app's access away.
    pub permitted_services_url: Option<&'static str>,
    /// PKCE or not.
    pub pkce: Pkce,
    /// Where id and secret go.
    pub client_authentication: ClientAuthentication,
    /// What becomes of a used refresh token.
    pub refresh_tokens: RefreshTokens,
    /// Whether there is a secret.
    pub secret: SecretRule,
    /// What stands between two scopes in the request.
    pub scope_separator: &'static str,
    /// Suggested scopes; when there are some, a request without scopes is refused.
    pub default_scopes: &'static [&'static str],
    /// Whether a request for another set of scopes ends the tokens that the same client got for the same person before.
    pub scope_change_revokes: bool,
    /// `iss` in the authorization response.
    pub iss: IssSupport,
    /// How long a code can be exchanged, in seconds.
    pub code_lifetime_s: u64,
    /// Further parameters of the authorization request.
    pub extra_authorization_parameters: &'static [(&'static str, &'static str)],
    /// The `Origin` header of the token request.
    pub origin: OriginPolicy,
    /// Which redirect URIs it takes.
    pub redirect_rule: RedirectRule,
    /// Where the app's client id, secret and redirect URIs are kept.
    pub app_settings_url: &'static str,
    /// The scopes it knows.
    pub scopes: &'static [ScopeInfo],
    /// Requests to try a token with, the best first; the first one is also the last resort.
    pub probes: &'static [Probe],
}

impl Provider {
    /// `authorization_endpoint`, parsed.
    #[must_use]
    pub fn authorization_endpoint_url(&self) -> EndpointUrl {
        endpoint(self.authorization_endpoint)
    }

    /// `token_endpoint`, parsed.
    #[must_use]
    pub fn token_endpoint_url(&self) -> EndpointUrl {
        endpoint(self.token_endpoint)
    }

    /// The match patterns of its own endpoints.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        let mut hosts = vec![self.token_endpoint_url().host_permission()];
        let authorization = self.authorization_endpoint_url().host_permission();
        if self.grant_type == GrantType::AuthorizationCode && authorization != hosts[0] {
            hosts.push(authorization);
        }
        hosts
    }

    /// What is known of a scope.
    #[must_use]
    pub fn scope(&self, name: &str) -> Option<&'static ScopeInfo> {
        self.scopes.iter().find(|scope| scope.name == name)
    }

    /// `introspection_endpoint`, parsed.
    #[must_use]
    pub fn introspection_endpoint_url(&self) -> Option<EndpointUrl> {
        self.introspection_endpoint.map(endpoint)
    }

    /// `revocation_endpoint`, parsed.
    #[must_use]
    pub fn revocation_endpoint_url(&self) -> Option<EndpointUrl> {
        self.revocation_endpoint.map(endpoint)
    }

    /// The request to try a token with that has these scopes; none where they allow no request that only reads.
    #[must_use]
    pub fn probe(&self, granted: &Scopes) -> Option<&'static Probe> {
        let mut probes = self.probes.iter();
        probes.find(|probe| probe.scopes.iter().all(|scope| granted.contains(scope)))
    }

    /// The URL to show in an example for a token that has these scopes: one that it may ask, and that needs no header but the
    /// token's; else where the API begins, to be completed.
    #[must_use]
    pub fn probe_url(&self, granted: &Scopes) -> Option<&'static str> {
        let fitting = self.probe(granted).filter(|probe| !probe.versioned);
        fitting.map(|probe| probe.url).or_else(|| {
            let any = self.probes.first()?.url;
            let (slash, _) = any.match_indices('/').nth(2)?;
            any.get(..=slash)
        })
    }

    /// The further parameters in the form that an authorization request takes.
    #[must_use]
    pub fn extra_parameters(&self) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.extra_authorization_parameters.iter().map(owned).collect()
    }
}

#[expect(
    clippy::expect_used,
    reason = "a constant of this room; a test parses every one of them"
)]
fn endpoint(text: &str) -> EndpointUrl {
    EndpointUrl::parse(text).expect("a built-in endpoint")
}

/// A provider stands in storage by its id; one that this version does not know is an error.
impl Record for &'static Provider {
    fn to_plain(&self) -> Plain {
        Plain::Text(self.id.to_owned())
    }

    fn from_plain(plain: &Plain) -> Result<Self, Unfit> {
        plain.as_str().and_then(by_id).ok_or(Unfit("a provider"))
    }
}

/// The provider with this id.
#[must_use]
pub fn by_id(id: &str) -> Option<&'static Provider> {
    all().iter().find(|provider| provider.id == id)
}

/// Every provider, the most used first.
#[must_use]
pub fn all() -> &'static [Provider] {
    &linkedin::PROVIDERS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_value_is_valid() {
        for provider in all() {
            assert_eq!(by_id(provider.id), Some(provider));
            let urls = [provider.issuer, provider.app_settings_url].into_iter();
            for url in urls
                .chain(provider.userinfo_endpoint)
                .chain(provider.introspection_endpoint)
                .chain(provider.revocation_endpoint)
                .chain(provider.permitted_services_url)
                .chain(provider.probes.iter().map(|probe| probe.url))
            {
                assert!(EndpointUrl::parse(url).is_ok(), "{url}");
            }
            assert!(provider.authorization_endpoint_url().as_str().starts_with("https://"));
            assert!(provider.token_endpoint_url().as_str().starts_with("https://"));
            for (index, scope) in provider.scopes.iter().enumerate() {
                let parsed = Scopes::parse(scope.name).unwrap();
                assert_eq!(parsed.iter().collect::<Vec<_>>(), [scope.name]);
                assert!(
                    provider.scopes[..index].iter().all(|other| other.name != scope.name),
                    "{} twice",
                    scope.name
                );
                if let ScopeStatus::Legacy { successor } = scope.status {
                    for name in Scopes::parse(successor).unwrap().iter() {
                        assert_eq!(
                            provider.scope(name).map(|s| s.status),
                            Some(ScopeStatus::Current),
                            "{name}"
                        );
                    }
                }
            }
            for name in provider.default_scopes {
                assert_eq!(
                    provider.scope(name).map(|scope| scope.status),
                    Some(ScopeStatus::Current),
                    "{name}"
                );
            }
        }
        assert_eq!(by_id("LinkedIn"), None);
    }

    #[test]
    fn linkedin_takes_no_pkce_and_the_native_flow_no_secret() {
        let linkedin = by_id("linkedin").unwrap();
        assert_eq!((linkedin.pkce, linkedin.secret), (Pkce::Off, SecretRule::Required));
        assert_eq!(linkedin.client_authentication, ClientAuthentication::Body);
        let native = by_id("linkedin-native").unwrap();
        assert_eq!((native.pkce, native.secret), (Pkce::Required, SecretRule::None));
        assert_eq!(native.redirect_rule, RedirectRule::LoopbackIpOnly);
    }

    #[test]
    fn the_probe_fits_the_scopes() {
        let linkedin = by_id("linkedin").unwrap();
        let url = |scopes: &str| linkedin.probe_url(&Scopes::parse(scopes).unwrap());
        assert_eq!(url("r_liteprofile"), Some("https://api.linkedin.com/v2/me"));
        assert_eq!(
            url("r_liteprofile openid profile"),
            Some("https://api.linkedin.com/v2/userinfo")
        );
        // A command that is answered with 403 helps nobody.
        for scopes in ["w_member_social", "rw_organization_admin"] {
            assert_eq!(url(scopes), Some("https://api.linkedin.com/"), "{scopes}");
        }
    }

    #[test]
    fn a_token_is_tried_with_what_its_scopes_allow_only() {
        let linkedin = by_id("linkedin").unwrap();
        let probe = |scopes: &str| linkedin.probe(&Scopes::parse(scopes).unwrap());
        for (scopes, expected) in [
            ("openid profile email", Some(("/v2/userinfo", false))),
            // LinkedIn wants both (linkedin.md section 10, row 13).
            ("openid", None),
            ("profile", None),
            ("r_basicprofile w_member_social", Some(("/v2/me", false))),
            (
                "r_organization_admin",
                Some(("/rest/organizationAcls?q=roleAssignee", true)),
            ),
            (
                "rw_organization_admin",
                Some(("/rest/organizationAcls?q=roleAssignee", true)),
            ),
            ("w_member_social w_organization_social", None),
            ("", None),
        ] {
            let found = probe(scopes).map(|probe| (probe.url, probe.versioned));
            let expected = expected.map(|(path, versioned)| (["https://api.linkedin.com", path].concat(), versioned));
            assert_eq!(
                found.map(|(url, versioned)| (url.to_owned(), versioned)),
                expected,
                "{scopes}"
            );
        }
    }
}
