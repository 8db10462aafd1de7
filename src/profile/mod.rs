//! A client registration, and the record of the token it got.

mod draft;
mod export;
mod import;
mod look;
mod settings;
mod token_record;

pub use draft::{FieldError, MAX_NAME, ProfileDraft, ValidDraft, validate, validate_keeping_secret};
pub use export::export;
pub use import::{ImportError, Imported, Kind, MAX_IMPORT_BYTES, MAX_PROFILES, import};
pub use look::{COLORS, Look};
pub use settings::{DEFAULT_REMIND_DAYS, Settings};
pub use token_record::{ScopeState, TokenRecord};

use crate::{
    oauth::{RedirectUri, Scopes},
    plain::record,
    provider::{self, Provider},
};

/// One OAuth client registration. The secret is not in it: it is stored and sealed by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Random, fixed for life.
    pub id: String,
    /// What people read.
    pub name: String,
    /// The provider's id.
    pub provider: String,
    /// `client_id`.
    pub client_id: String,
    /// `redirect_uri` as registered.
    pub redirect_uri: RedirectUri,
    /// What is asked for.
    pub scopes: Scopes,
    /// Whether a token is renewed before it ends, where that needs no person.
    pub renew_automatically: bool,
    /// The format in which its token was copied last, by its name in `handoff`.
    pub copy_as: Option<String>,
    /// What tells it from others at a glance.
    pub look: Look,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
}
record!(Profile {
    id,
    name,
    provider,
    client_id,
    redirect_uri,
    scopes,
    renew_automatically,
    copy_as,
    look,
    created_ms,
});

impl Profile {
    /// The provider's habits; `None` for one that this version does not know.
    #[must_use]
    pub fn provider(&self) -> Option<&'static Provider> {
        provider::by_id(&self.provider)
    }

    /// The match patterns that must be granted before a flow may start: the token endpoint's, without which the POST
    /// burns the code, and the redirect host's, without which the block rule is inert (security.md §0).
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        let token = self
            .provider()
            .map(|provider| provider.token_endpoint_url().host_permission());
        unique(token, self.redirect_uri.host_permission())
    }

    /// The same hosts by name, for people.
    #[must_use]
    pub fn host_names(&self) -> Vec<String> {
        let token = self
            .provider()
            .map(|provider| provider.token_endpoint_url().host().to_owned());
        unique(token, self.redirect_uri.host().to_owned())
    }
}

fn unique(first: Option<String>, second: String) -> Vec<String> {
    let second = Some(second).filter(|second| first.as_ref() != Some(second));
    first.into_iter().chain(second).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(provider: &str, redirect_uri: &str) -> Profile {
        Profile {
            id: "p1".into(),
            name: "Test".into(),
            provider: provider.into(),
            client_id: "78abcdefghijkl".into(),
            redirect_uri: RedirectUri::parse(redirect_uri).unwrap(),
            scopes: Scopes::parse("openid").unwrap(),
            renew_automatically: true,
            copy_as: None,
            look: Look::default(),
            created_ms: 1,
        }
    }

    #[test]
    fn hosts_are_the_token_endpoint_and_the_redirect_host() {
        let profile = profile("linkedin", "http://localhost:3000/oauth");
        assert_eq!(profile.hosts(), ["https://www.linkedin.com/*", "http://localhost/*"]);
        assert_eq!(profile.host_names(), ["www.linkedin.com", "localhost"]);
    }

    #[test]
    fn a_host_is_named_once() {
        let profile = profile("linkedin", "https://www.linkedin.com/cb");
        assert_eq!(profile.hosts(), ["https://www.linkedin.com/*"]);
        assert_eq!(profile.host_names(), ["www.linkedin.com"]);
    }

    #[test]
    fn stored_and_read_back() {
        let profile = profile("linkedin-native", "http://[::1]:9200/");
        let json = serde_json::to_string(&profile).unwrap();
        assert_eq!(serde_json::from_str::<Profile>(&json).unwrap(), profile);
        assert!(serde_json::from_str::<Profile>(&json.replace("http://[::1]:9200/", "javascript:alert(1)")).is_err());
    }
}
