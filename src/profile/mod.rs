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
pub use token_record::{ScopeState, TokenRecord, clock_skew_ms};

use crate::{
    oauth::{RedirectUri, Scopes},
    plain::record,
    provider::{self, GrantType, Provider},
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
    /// Whether a renewal may open an inactive tab that closes itself.
    pub renew_in_tab: bool,
    /// The format in which its token was copied last, by its name in `handoff`.
    pub copy_as: Option<String>,
    /// What tells it from others at a glance.
    pub look: Look,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// Whose the tokens are that don't [say it](TokenRecord::issued_to): the app before the first edit. None without an edit.
    pub first_app: Option<String>,
}
record!(Profile {
    id,
    name,
    provider,
    client_id,
    redirect_uri,
    scopes,
    renew_automatically,
    renew_in_tab,
    copy_as,
    look,
    created_ms,
    first_app,
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
        let Some(provider) = self.provider() else {
            return vec![self.redirect_uri.host_permission()];
        };
        let mut hosts = vec![provider.token_endpoint_url().host_permission()];
        if provider.grant_type == GrantType::AuthorizationCode {
            push_new(&mut hosts, self.redirect_uri.host_permission());
        }
        hosts
    }

    /// What a token is bound to: another client, or another kind of app, can't renew it.
    #[must_use]
    pub fn app(&self) -> String {
        [&self.provider, " ", &self.client_id].concat()
    }

    /// The app of a token, where that is known to be one.
    fn app_of<'a>(&'a self, token: &'a TokenRecord) -> Option<&'a String> {
        token.issued_to.as_ref().or(self.first_app.as_ref())
    }

    /// Whether this token was issued to the app that the profile describes now. An edit changes no token.
    #[must_use]
    pub fn has_issued(&self, token: &TokenRecord) -> bool {
        self.app_of(token).is_none_or(|app| *app == self.app())
    }

    /// The `client_id` that this token was issued to.
    #[must_use]
    pub fn client_of<'a>(&'a self, token: &'a TokenRecord) -> &'a str {
        let known = self.app_of(token).and_then(|app| app.split_once(' '));
        known.map_or(&self.client_id, |(_, client_id)| client_id)
    }

    /// Takes over what an edit leaves as it was.
    pub fn take_place_of(&mut self, old: Self) {
        let app = old.app();
        self.first_app = old.first_app.or(Some(app));
        self.copy_as = old.copy_as;
    }

    /// Whether this token can be renewed without the person: by its refresh token; by asking again, while it lives, which
    /// is when LinkedIn skips the consent page (linkedin.md §5); by the client's own credentials.
    #[must_use]
    pub fn renews_by_itself(&self, token: &TokenRecord, now_ms: u64) -> bool {
        let for_itself = |provider: &Provider| provider.grant_type == GrantType::ClientCredentials;
        self.has_issued(token)
            && (token.living_refresh_token(now_ms).is_some()
                || token.lives(now_ms)
                || self.provider().is_some_and(for_itself))
    }

    /// The same hosts by name, for people.
    #[must_use]
    pub fn host_names(&self) -> Vec<String> {
        let Some(provider) = self.provider() else {
            return vec![self.redirect_uri.host().to_owned()];
        };
        let mut names = vec![provider.token_endpoint_url().host().to_owned()];
        if provider.grant_type == GrantType::AuthorizationCode {
            push_new(&mut names, self.redirect_uri.host().to_owned());
        }
        names
    }
}

fn push_new(list: &mut Vec<String>, item: String) {
    if !list.contains(&item) {
        list.push(item);
    }
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
            renew_in_tab: false,
            copy_as: None,
            look: Look::default(),
            created_ms: 1,
            first_app: None,
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
    fn a_token_belongs_to_the_app_that_it_was_issued_to() {
        let token = |app: Option<&str>| TokenRecord {
            issued_to: app.map(str::to_owned),
            ..serde_json::from_str(
                r#"{"v":1,"access_token":"x","token_type":"Bearer","scope_requested":[],"obtained_ms":0,
                    "expires_ms":1000,"refresh_token":"r"}"#,
            )
            .unwrap()
        };
        let in_place_of = |new: &Profile, old: &Profile| {
            let mut new = new.clone();
            new.take_place_of(old.clone());
            new
        };
        let old = profile("linkedin", "http://localhost/");
        let other_client = Profile {
            client_id: "77other".into(),
            ..old.clone()
        };
        let other_kind = Profile {
            provider: "linkedin-application".into(),
            ..old.clone()
        };
        let (marked, unmarked) = (token(Some(&old.app())), token(None));
        for token in [&marked, &unmarked] {
            assert!(old.has_issued(token) && old.renews_by_itself(token, 0));
            assert_eq!(old.client_of(token), old.client_id);
            for other in [&other_client, &other_kind] {
                let edited = in_place_of(other, &old);
                assert!(
                    !edited.has_issued(token) && !edited.renews_by_itself(token, 0),
                    "{edited:?}"
                );
                assert_eq!(edited.client_of(token), old.client_id);
                // Another edit beside it changes nothing, and undoing it makes the token whole again.
                let again = in_place_of(&edited, &edited);
                assert!(!again.has_issued(token));
                let undone = in_place_of(&old, &again);
                assert!(undone.has_issued(token) && undone.renews_by_itself(token, 0));
            }
        }
        // What comes later says whose it is.
        let edited = in_place_of(&other_client, &old);
        assert!(edited.has_issued(&token(Some(&edited.app()))));
        assert_eq!(edited.client_of(&token(Some(&edited.app()))), "77other");
        // A new profile, or one that nobody edited, takes an unmarked token for its own.
        assert!(other_client.has_issued(&unmarked) && !other_client.has_issued(&marked));
        assert_eq!(other_client.client_of(&unmarked), "77other");
        // The format that was chosen stays.
        let chosen = Profile {
            copy_as: Some("curl".into()),
            ..edited
        };
        assert_eq!(in_place_of(&other_client, &chosen).copy_as.as_deref(), Some("curl"));
    }

    #[test]
    fn stored_and_read_back() {
        let profile = profile("linkedin-native", "http://[::1]:9200/");
        let json = serde_json::to_string(&profile).unwrap();
        assert_eq!(serde_json::from_str::<Profile>(&json).unwrap(), profile);
        assert!(serde_json::from_str::<Profile>(&json.replace("http://[::1]:9200/", "javascript:alert(1)")).is_err());
    }
}
