//! What a person typed into the form, and whether it can work.

use std::fmt;

use serde::Serialize;

use super::{Look, Profile};
use crate::{
    oauth::{ClientSecret, RedirectUri, Scopes, text},
    plain::record,
    provider::{self, GrantType, Provider, RedirectRule, SecretRule},
};

/// The form's fields as typed. `Debug` does not show the secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ProfileDraft {
    /// A name, or nothing.
    pub name: String,
    /// The provider's id.
    pub provider: String,
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`.
    pub client_secret: String,
    /// `redirect_uri`.
    pub redirect_uri: String,
    /// Scopes, separated by spaces or commas.
    pub scope: String,
    /// Whether a token is renewed before it ends.
    pub renew_automatically: bool,
    /// Whether a renewal may open an inactive tab.
    pub renew_in_tab: bool,
    /// What tells it from others at a glance.
    pub look: Look,
}
record!(ProfileDraft {
    name,
    provider,
    client_id,
    client_secret,
    redirect_uri,
    scope,
    renew_automatically,
    renew_in_tab,
    look,
});

impl fmt::Debug for ProfileDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProfileDraft")
            .field("name", &self.name)
            .field("provider", &self.provider)
            .field("client_id", &self.client_id)
            .field("client_secret", &"[redacted]")
            .field("redirect_uri", &self.redirect_uri)
            .field("scope", &self.scope)
            .field("renew_automatically", &self.renew_automatically)
            .field("renew_in_tab", &self.renew_in_tab)
            .field("look", &self.look)
            .finish()
    }
}

impl ProfileDraft {
    /// A profile as the form would hold it; the empty secret keeps the stored one.
    #[must_use]
    pub fn of(profile: &Profile) -> Self {
        Self {
            name: profile.name.clone(),
            provider: profile.provider.clone(),
            client_id: profile.client_id.clone(),
            client_secret: String::new(),
            redirect_uri: profile.redirect_uri.as_str().to_owned(),
            scope: profile.scopes.join(" "),
            renew_automatically: profile.renew_automatically,
            renew_in_tab: profile.renew_in_tab,
            look: profile.look.clone(),
        }
    }
}

/// One field that cannot stay as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field, as [`ProfileDraft`] spells it.
    pub field: &'static str,
    /// The reason, as a key for the texts.
    pub code: &'static str,
    /// The part that is wrong, where it may be shown.
    pub detail: Option<String>,
}

/// A draft that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidDraft {
    /// A name; made from the provider and the client id when none was given.
    pub name: String,
    /// The provider.
    pub provider: &'static Provider,
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`; `None` for a public client, or when the stored one is kept.
    pub client_secret: Option<ClientSecret>,
    /// `redirect_uri`.
    pub redirect_uri: RedirectUri,
    /// What to ask for.
    pub scopes: Scopes,
    /// Whether a token is renewed before it ends.
    pub renew_automatically: bool,
    /// Whether a renewal may open an inactive tab.
    pub renew_in_tab: bool,
    /// What tells it from others at a glance.
    pub look: Look,
}

impl ValidDraft {
    /// The profile to store, and beside it the secret.
    #[must_use]
    pub fn into_profile(self, id: String, created_ms: u64) -> (Profile, Option<ClientSecret>) {
        let profile = Profile {
            id,
            name: self.name,
            provider: self.provider.id.to_owned(),
            client_id: self.client_id,
            redirect_uri: self.redirect_uri,
            scopes: self.scopes,
            renew_automatically: self.renew_automatically,
            renew_in_tab: self.renew_in_tab,
            copy_as: None,
            look: self.look,
            created_ms,
            first_app: None,
        };
        (profile, self.client_secret)
    }
}

/// Checks every field and reports all that are wrong at once.
pub fn validate(draft: &ProfileDraft) -> Result<ValidDraft, Vec<FieldError>> {
    check(draft, false)
}

/// The same for a profile whose secret is stored already: an empty secret keeps it. Only for an unchanged provider and
/// client id, because a secret belongs to the endpoint it was entered for (security.md §1.2, rule 10).
pub fn validate_keeping_secret(draft: &ProfileDraft) -> Result<ValidDraft, Vec<FieldError>> {
    check(draft, true)
}

fn check(draft: &ProfileDraft, secret_is_stored: bool) -> Result<ValidDraft, Vec<FieldError>> {
    let mut errors = Vec::new();
    let provider = provider::by_id(&draft.provider);
    if provider.is_none() {
        errors.push(error("provider", "unknown", Some(text::clean(&draft.provider, 60))));
    }
    if draft.name.chars().count() > MAX_NAME {
        errors.push(error("name", "too_long", None));
    }
    if let Some(field) = draft.look.too_long() {
        errors.push(error(field, "too_long", None));
    }
    if let Some(code) = client_id_problem(&draft.client_id) {
        errors.push(error("client_id", code, None));
    }
    let keep = secret_is_stored && draft.client_secret.is_empty();
    let rule = provider.map_or(SecretRule::Required, |provider| provider.secret);
    if let Some(code) = secret_problem(&draft.client_secret, rule).filter(|_| !keep) {
        errors.push(error("client_secret", code, None));
    }
    // A client that asks for itself is asked for neither; what the form holds there can't be wrong.
    let for_member = provider.is_none_or(|provider| provider.grant_type == GrantType::AuthorizationCode);
    let (typed_uri, typed_scope) = if for_member {
        (draft.redirect_uri.as_str(), draft.scope.as_str())
    } else {
        (UNUSED_REDIRECT_URI, "")
    };
    let redirect_uri = RedirectUri::parse(typed_uri);
    match &redirect_uri {
        Err(problem) => errors.push(error("redirect_uri", problem.code(), None)),
        Ok(uri) => {
            let rule = provider.map_or(RedirectRule::Any, |provider| provider.redirect_rule);
            if rule == RedirectRule::LoopbackIpOnly && !uri.is_loopback_ip() {
                errors.push(error("redirect_uri", "loopback_ip_only", None));
            }
        }
    }
    let scopes = Scopes::parse(typed_scope);
    match &scopes {
        Err(problem) => errors.push(error("scope", "characters", Some(problem.token.clone()))),
        // LinkedIn: You need to pass the "scope" parameter.
        Ok(scopes) if scopes.is_empty() && provider.is_some_and(|provider| !provider.default_scopes.is_empty()) => {
            errors.push(error("scope", "required", None));
        }
        Ok(_) => {}
    }
    match (provider, redirect_uri, scopes) {
        (Some(provider), Ok(redirect_uri), Ok(scopes)) if errors.is_empty() => {
            let secret = Some(&draft.client_secret).filter(|secret| !secret.is_empty());
            Ok(ValidDraft {
                name: name_of(draft, provider),
                provider,
                client_id: draft.client_id.clone(),
                client_secret: secret.map(ClientSecret::new),
                redirect_uri,
                scopes,
                renew_automatically: draft.renew_automatically,
                renew_in_tab: draft.renew_in_tab,
                look: draft.look.clean(),
            })
        }
        _ => Err(errors),
    }
}

/// Characters in a name.
pub const MAX_NAME: usize = 100;

/// The redirect URI of a profile that has no use for one.
const UNUSED_REDIRECT_URI: &str = "http://localhost/";

fn name_of(draft: &ProfileDraft, provider: &Provider) -> String {
    let name = text::clean(&draft.name, MAX_NAME);
    if name.is_empty() {
        [provider.name, " ", &draft.client_id].concat()
    } else {
        name
    }
}

fn client_id_problem(client_id: &str) -> Option<&'static str> {
    if client_id.is_empty() {
        return Some("required");
    }
    if client_id.contains(char::is_whitespace) {
        return Some("whitespace");
    }
    if is_placeholder(client_id) {
        return Some("placeholder");
    }
    (!is_printable(client_id)).then_some("characters")
}

/// A secret is never trimmed: what surrounds it is reported, and what is inside it is its own affair.
fn secret_problem(secret: &str, rule: SecretRule) -> Option<&'static str> {
    match (rule, secret.is_empty()) {
        (SecretRule::Required, true) => return Some("required"),
        (SecretRule::None, true) => return None,
        (SecretRule::None, false) => return Some("not_used"),
        (SecretRule::Required, false) => {}
    }
    if secret.starts_with(char::is_whitespace) || secret.ends_with(char::is_whitespace) {
        return Some("whitespace");
    }
    if is_placeholder(secret) {
        return Some("placeholder");
    }
    (!is_printable(secret)).then_some("characters")
}

/// `*VSCHAR` (RFC 6749 appendix A.1, A.2).
fn is_printable(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, 0x20..=0x7E))
}

const PLACEHOLDERS: [&str; 9] = [
    "undefined",
    "null",
    "none",
    "nil",
    "nan",
    "client_id",
    "client_secret",
    "changeme",
    "object_object",
];

/// What programs and templates leave where a value belongs (linkedin.md §3: `The passed in client_id is invalid
/// "undefined"`).
fn is_placeholder(value: &str) -> bool {
    let bare = value
        .trim_matches(['<', '>', '{', '}', '[', ']', '$', '%', '"', '\''])
        .to_ascii_lowercase();
    let words = bare.replace(['-', ' '], "_");
    bare.is_empty()
        || PLACEHOLDERS.contains(&words.as_str())
        || words.starts_with("your_")
        || words.starts_with("my_client_")
        || (words.len() > 2 && words.bytes().all(|b| b == b'x'))
}

fn error(field: &'static str, code: &'static str, detail: Option<String>) -> FieldError {
    FieldError { field, code, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> ProfileDraft {
        ProfileDraft {
            name: String::new(),
            provider: "linkedin".into(),
            client_id: "78abcdefghijkl".into(),
            client_secret: "WPL_AP1.0123456789abcdef.a+/b==".into(),
            redirect_uri: "https://app.example.com/callback".into(),
            scope: "openid profile,email".into(),
            renew_automatically: true,
            renew_in_tab: false,
            look: Look::default(),
        }
    }

    fn problems(draft: &ProfileDraft) -> Vec<(&'static str, &'static str)> {
        validate(draft)
            .unwrap_err()
            .iter()
            .map(|error| (error.field, error.code))
            .collect()
    }

    #[test]
    fn a_good_draft_becomes_a_profile_and_a_secret() {
        let (profile, secret) = validate(&good()).unwrap().into_profile("p1".into(), 5);
        assert_eq!(profile.name, "LinkedIn 78abcdefghijkl");
        assert!(profile.renew_automatically);
        assert_eq!(profile.scopes.join(" "), "openid profile email");
        assert_eq!(secret, Some(ClientSecret::new("WPL_AP1.0123456789abcdef.a+/b==")));
        assert!(!serde_json::to_string(&profile).unwrap().contains("WPL_AP1"));
    }

    #[test]
    fn all_bad_fields_are_reported_at_once() {
        let draft = ProfileDraft {
            name: "n".repeat(101),
            provider: "nobody".into(),
            client_id: " 78a".into(),
            client_secret: String::new(),
            redirect_uri: "/callback".into(),
            scope: "open\"id".into(),
            renew_automatically: false,
            renew_in_tab: false,
            look: Look {
                label: Some("l".repeat(41)),
                ..Look::default()
            },
        };
        let expected = [
            ("provider", "unknown"),
            ("name", "too_long"),
            ("label", "too_long"),
            ("client_id", "whitespace"),
            ("client_secret", "required"),
            ("redirect_uri", "relative"),
            ("scope", "characters"),
        ];
        assert_eq!(problems(&draft), expected);
        assert_eq!(
            problems(&ProfileDraft {
                provider: "linkedin".into(),
                ..Default::default()
            })
            .len(),
            4
        );
    }

    #[test]
    fn client_ids() {
        for (client_id, code) in [
            ("", "required"),
            ("78abc\n", "whitespace"),
            ("78 abc", "whitespace"),
            ("undefined", "placeholder"),
            ("null", "placeholder"),
            ("None", "placeholder"),
            ("YOUR_CLIENT_ID", "placeholder"),
            ("<your-client-id>", "placeholder"),
            ("${CLIENT_ID}", "placeholder"),
            ("{{client_id}}", "placeholder"),
            ("xxxxxxxxxxxxxx", "placeholder"),
            ("78abc\u{e9}", "characters"),
            ("78\u{0}", "characters"),
        ] {
            assert_eq!(
                problems(&ProfileDraft {
                    client_id: client_id.into(),
                    ..good()
                }),
                [("client_id", code)],
                "{client_id:?}"
            );
        }
    }

    #[test]
    fn secrets_are_never_trimmed() {
        for (secret, code) in [
            ("", "required"),
            ("abc\n", "whitespace"),
            (" abc", "whitespace"),
            ("abc\u{a0}", "whitespace"),
            ("YOUR_CLIENT_SECRET", "placeholder"),
            ("ab\u{7}c", "characters"),
        ] {
            let draft = ProfileDraft {
                client_secret: secret.into(),
                ..good()
            };
            assert_eq!(problems(&draft), [("client_secret", code)], "{secret:?}");
        }
        let inner = ProfileDraft {
            client_secret: "a b".into(),
            ..good()
        };
        assert_eq!(validate(&inner).unwrap().client_secret, Some(ClientSecret::new("a b")));
    }

    #[test]
    fn a_stored_secret_may_stay_or_be_replaced() {
        let empty = ProfileDraft {
            client_secret: String::new(),
            ..good()
        };
        assert_eq!(validate_keeping_secret(&empty).unwrap().client_secret, None);
        let new = ProfileDraft {
            client_secret: "new".into(),
            ..good()
        };
        assert_eq!(
            validate_keeping_secret(&new).unwrap().client_secret,
            Some(ClientSecret::new("new"))
        );
        let bad = ProfileDraft {
            client_secret: "new ".into(),
            ..good()
        };
        assert!(validate_keeping_secret(&bad).is_err());
    }

    #[test]
    fn the_native_flow_wants_a_loopback_address_and_no_secret() {
        let draft = ProfileDraft {
            provider: "linkedin-native".into(),
            ..good()
        };
        assert_eq!(
            problems(&draft),
            [("client_secret", "not_used"), ("redirect_uri", "loopback_ip_only")]
        );
        for (redirect_uri, accepted) in [
            ("http://127.0.0.1:8123/cb", true),
            ("https://[::1]:8123", true),
            ("http://localhost:8123/cb", false),
        ] {
            let draft = ProfileDraft {
                client_secret: String::new(),
                redirect_uri: redirect_uri.into(),
                ..draft.clone()
            };
            assert_eq!(validate(&draft).is_ok(), accepted, "{redirect_uri}");
        }
    }

    #[test]
    fn debug_hides_the_secret() {
        assert!(!format!("{:?} {:?}", good(), validate(&good())).contains("WPL_AP1"));
    }
}
