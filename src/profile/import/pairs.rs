//! Names and values, and what a profile takes of them.

use url::Url;

use crate::oauth::{form, text};
use crate::profile::{Look, ProfileDraft};
use crate::provider::{self, GrantType};

use super::Imported;

/// Stands for what a shell or a file would have filled in: a value with it is not known. No character of any text.
pub(super) const EXPANSION: char = '\u{FFFF}';

/// The `grant_type` of an app that asks for a token of its own (RFC 6749 section 4.4.2).
const CLIENT_CREDENTIALS: &str = "client_credentials";

/// The longest value that is taken.
const MAX_VALUE: usize = 4096;
/// The most names that are told.
const MAX_NAMES: usize = 50;
const MAX_NAME: usize = 60;

/// Names and values that belong together.
#[derive(Clone, Default)]
pub(super) struct Pairs {
    /// In their order.
    pub(super) list: Vec<(String, String)>,
    /// What the tool calls them.
    pub(super) name: String,
    /// Where they were to be sent: tells the provider.
    pub(super) url: Option<Url>,
}

#[derive(Clone, Copy, PartialEq)]
enum Field {
    ClientId,
    ClientSecret,
    RedirectUri,
    Scope,
    Endpoint,
    Provider,
    Profile,
}

/// What was taken so far for one field: with the vendor in its name or without, under which name.
#[derive(Clone, Default)]
struct Taken {
    vendor: bool,
    name: String,
    value: String,
}

impl Pairs {
    pub(super) fn push(&mut self, name: &str, value: &str) {
        self.list.push((name.to_owned(), value.to_owned()));
    }

    /// Whether a token is among them.
    pub(super) fn has_token(&self) -> bool {
        self.list.iter().any(|(name, value)| {
            (words(name).last().is_some_and(|word| word == "token") && !value.is_empty()) || is_token(value)
        })
    }

    /// The profile; none without a client id, a client secret or a redirect URI.
    pub(super) fn into_imported(self) -> Option<Imported> {
        let mut unknown = Vec::new();
        let mut taken: [Taken; 7] = Default::default();
        let mut for_itself = false;
        for (name, value) in self.list {
            if value.is_empty() {
                continue;
            }
            if value == CLIENT_CREDENTIALS && words(&name).join("_") == "grant_type" {
                for_itself = true;
                continue;
            }
            let known = meaning(&name).filter(|(field, _)| fits(*field, &value));
            let Some((field, vendor)) = known else {
                tell(&mut unknown, &name);
                continue;
            };
            let slot = &mut taken[field as usize];
            // The first one is the authorization endpoint, which tells one flow of a provider from another.
            if field == Field::Endpoint && !slot.value.is_empty() {
                continue;
            }
            // The name with the vendor in it wins, then the later one, as in a shell.
            if slot.vendor && !vendor {
                tell(&mut unknown, &name);
                continue;
            }
            let other = std::mem::replace(slot, Taken { vendor, name, value });
            if !other.value.is_empty() && other.value != slot.value {
                tell(&mut unknown, &other.name);
            }
        }
        let value = |field: Field| taken[field as usize].value.as_str();
        let main = [Field::ClientId, Field::ClientSecret, Field::RedirectUri];
        if main.iter().all(|field| value(*field).is_empty()) {
            return None;
        }
        let endpoint = Url::parse(value(Field::Endpoint)).ok();
        let provider = match (provider::by_id(value(Field::Provider)), self.url.or(endpoint)) {
            (Some(provider), _) => provider.id,
            (None, Some(url)) => provider_at(&url).unwrap_or_default(),
            (None, None) => provider::all().first().map_or("", |provider| provider.id),
        };
        let provider = if for_itself { without_member(provider) } else { provider };
        let name = if self.name.is_empty() && !value(Field::Provider).is_empty() {
            value(Field::Profile)
        } else {
            &self.name
        };
        Some(Imported {
            draft: ProfileDraft {
                name: text::clean(name, 99),
                provider: provider.to_owned(),
                client_id: value(Field::ClientId).trim().to_owned(),
                client_secret: value(Field::ClientSecret).to_owned(),
                redirect_uri: value(Field::RedirectUri).trim().to_owned(),
                scope: scope(value(Field::Scope)),
                renew_automatically: true,
                renew_in_tab: false,
                look: Look::default(),
            },
            unknown,
        })
    }
}

/// The pairs of a form body or a query. A plus sign in a client secret is one that nobody encoded: LinkedIn's have no spaces
/// (linkedin.md section 0, item 4).
pub(super) fn form_pairs(body: &str) -> Vec<(String, String)> {
    let is_secret = |name: &str| matches!(meaning(name), Some((Field::ClientSecret, _)));
    // One after the other: a text may be large, and a second one of its size beside it is too much.
    let pairs = body.split('&').filter(|pair| !pair.is_empty()).take(form::MOST_PAIRS);
    let decoded = pairs.flat_map(|pair| match pair.split_once('=') {
        Some((name, value)) if value.len() <= MAX_VALUE && value.contains('+') && is_secret(name) => {
            form::parse([name, "=", &value.replace('+', "%2B")].concat().as_bytes())
        }
        _ => form::parse(pair.as_bytes()),
    });
    decoded.collect()
}

/// A scope that was copied out of a URL, where its spaces are written otherwise: no scope of LinkedIn has these characters.
fn scope(value: &str) -> String {
    value.replace("%20", " ").replace('+', " ").trim().to_owned()
}

/// Adds a name to those that are told, made fit to be shown.
pub(super) fn tell(unknown: &mut Vec<String>, name: &str) {
    let name = text::clean(&text::without_tokens(name), MAX_NAME);
    if unknown.len() < MAX_NAMES && !name.is_empty() && !unknown.contains(&name) {
        unknown.push(name);
    }
}

/// Whether a value can be what its name says. An access token under the name of a secret is a mix-up, and one that would
/// be sent as a secret.
fn fits(field: Field, value: &str) -> bool {
    let known = !value.contains([EXPANSION]) && !["{{", "{%", "${"].iter().any(|template| value.contains(template));
    let mixed_up = matches!(field, Field::ClientId | Field::ClientSecret) && is_token(value);
    known && !mixed_up && value.len() <= MAX_VALUE
}

/// The shape of LinkedIn's tokens and of a JWT, with or without the word before it.
pub(super) fn is_token(value: &str) -> bool {
    let value = value.trim();
    let bare = match value.get(..7) {
        Some(word) if word.eq_ignore_ascii_case("bearer ") => return true,
        _ => value,
    };
    bare.len() >= 40 && (bare.starts_with("AQ") || bare.starts_with("eyJ")) && !bare.contains(char::is_whitespace)
}

/// The provider whose endpoint this is; its native flow and its ordinary one have the same token endpoint.
fn provider_at(url: &Url) -> Option<&'static str> {
    let at = |endpoint: &str| {
        let rest = |url: &str| {
            url.split(['?', '#'])
                .next()
                .unwrap_or_default()
                .trim_end_matches('/')
                .to_owned()
        };
        rest(endpoint) == rest(url.as_str())
    };
    let mut all = provider::all().iter();
    let exact = all.find(|provider| at(provider.authorization_endpoint) || at(provider.token_endpoint));
    // An old alias, or another endpoint of the same server.
    let host = |endpoint: &str| Url::parse(endpoint).ok()?.host_str().map(str::to_owned);
    let same_host = || {
        let mut all = provider::all().iter();
        all.find(|provider| url.scheme() == "https" && host(provider.token_endpoint).as_deref() == url.host_str())
    };
    exact.or_else(same_host).map(|provider| provider.id)
}

/// The provider that gives the app its own tokens at the token endpoint of this one.
fn without_member(id: &'static str) -> &'static str {
    let own = provider::by_id(id).and_then(|provider| {
        let mut all = provider::all().iter();
        all.find(|other| {
            other.grant_type == GrantType::ClientCredentials && other.token_endpoint == provider.token_endpoint
        })
    });
    own.map_or(id, |provider| provider.id)
}

/// Words that frameworks and people put around a name.
const AROUND: [&str; 20] = [
    "next",
    "public",
    "vite",
    "react",
    "app",
    "nuxt",
    "expo",
    "gatsby",
    "vue",
    "auth",
    "oauth",
    "oauth2",
    "oauth20",
    "social",
    "api",
    "provider",
    "providers",
    "web",
    "env",
    "config",
];

/// What a name means, and whether it names the vendor.
fn meaning(name: &str) -> Option<(Field, bool)> {
    let mut words = words(name);
    let field = match words.join("_").as_str() {
        "authorization_endpoint"
        | "authorization_url"
        | "authorize_url"
        | "auth_url"
        | "auth_uri"
        | "token_endpoint"
        | "token_url"
        | "token_uri"
        | "access_token_url" => Some(Field::Endpoint),
        "provider" => Some(Field::Provider),
        "profile" => Some(Field::Profile),
        _ => None,
    };
    if let Some(field) = field {
        return Some((field, false));
    }
    let before = words.len();
    words.retain(|word| word != "linkedin");
    let vendor = words.len() < before;
    words.retain(|word| !AROUND.contains(&word.as_str()));
    let field = match words.join("_").as_str() {
        "client_id" | "clientid" | "consumer_key" => Field::ClientId,
        "client" | "id" | "key" if vendor => Field::ClientId,
        "client_secret" | "clientsecret" | "consumer_secret" => Field::ClientSecret,
        "secret" | "secret_key" if vendor => Field::ClientSecret,
        "redirect_uri" | "redirect_url" | "redirect_uris" | "redirect_urls" | "redirecturi" | "redirecturl"
        | "callback_url" | "callback_uri" | "callback_urls" | "callbackurl" | "call_back_url" => Field::RedirectUri,
        "redirect" | "callback" if vendor => Field::RedirectUri,
        "scope" | "scopes" => Field::Scope,
        _ => return None,
    };
    Some((field, vendor))
}

/// The words of a name in lower case, however they are put together.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut was_lower = false;
    let mut between = true;
    // No name that means something is longer.
    for c in name.chars().take(100) {
        if !c.is_ascii_alphanumeric() {
            between = true;
            continue;
        }
        let new = between || (was_lower && c.is_ascii_uppercase());
        let after_linked = words.last().is_some_and(|word| word == "linked");
        match words.last_mut() {
            Some(word) if !new || (after_linked && c.eq_ignore_ascii_case(&'i')) => word.push(c.to_ascii_lowercase()),
            _ => words.push(c.to_ascii_lowercase().into()),
        }
        was_lower = !c.is_ascii_uppercase();
        between = false;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_words() {
        for (name, expected) in [
            ("LINKEDIN_CLIENT_ID", "linkedin client id"),
            ("linkedInClientId", "linkedin client id"),
            ("LinkedIn-OAuth2.clientID", "linkedin oauth2 client id"),
            ("linked_in_secret", "linkedin secret"),
            ("é", ""),
            ("", ""),
        ] {
            assert_eq!(words(name).join(" "), expected, "{name}");
        }
    }

    #[test]
    fn names_that_mean_nothing_here() {
        for name in [
            "GITHUB_CLIENT_ID",
            "SECRET",
            "AUTH_SECRET",
            "NEXTAUTH_SECRET",
            "JWT_SECRET",
            "APP_ID",
            "API_KEY",
            "LINKEDIN_ACCESS_TOKEN",
            "LINKEDIN_TOKEN",
            "LINKEDIN_REFRESH_TOKEN",
            "CLIENT_SECRET_EXPIRES_AT",
            "client_assertion",
            "linkedin_state",
            "NEXTAUTH_URL",
            "ID",
            "",
        ] {
            assert!(meaning(name).is_none(), "{name}");
        }
    }

    #[test]
    fn names_that_frameworks_use() {
        for (name, field) in [
            ("AUTH_LINKEDIN_ID", Field::ClientId),
            ("AUTH_LINKEDIN_SECRET", Field::ClientSecret),
            ("SOCIAL_AUTH_LINKEDIN_OAUTH2_KEY", Field::ClientId),
            ("SOCIAL_AUTH_LINKEDIN_OAUTH2_SECRET", Field::ClientSecret),
            ("NEXT_PUBLIC_LINKEDIN_CLIENT_ID", Field::ClientId),
            ("VITE_LINKEDIN_REDIRECT_URI", Field::RedirectUri),
            ("REACT_APP_LINKEDIN_CALLBACK_URL", Field::RedirectUri),
            ("LINKEDIN_API_KEY", Field::ClientId),
            ("LINKEDIN_SECRET_KEY", Field::ClientSecret),
            ("LINKEDIN_SCOPES", Field::Scope),
            ("clientSecret", Field::ClientSecret),
            ("accessTokenUrl", Field::Endpoint),
        ] {
            assert!(meaning(name).is_some_and(|(own, _)| own == field), "{name}");
        }
    }

    #[test]
    fn an_endpoint_names_its_provider() {
        for (url, provider) in [
            ("https://www.linkedin.com/oauth/v2/authorization?x=1", Some("linkedin")),
            ("https://www.linkedin.com/uas/oauth2/authorization", Some("linkedin")),
            (
                "https://www.linkedin.com/oauth/native-pkce/authorization",
                Some("linkedin-native"),
            ),
            ("https://www.linkedin.com/oauth/v2/accessToken/", Some("linkedin")),
            ("http://www.linkedin.com/oauth/v2/authorization", None),
            ("https://www.linkedin.com.evil.example/oauth/v2/authorization", None),
            ("https://accounts.example.com/authorize", None),
        ] {
            assert_eq!(provider_at(&Url::parse(url).unwrap()), provider, "{url}");
        }
    }
}
