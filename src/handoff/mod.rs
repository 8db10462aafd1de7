//! A token as text for the tools where it is used.
//!
//! Every format is exact: the tool reads the token byte for byte, whatever it holds. Where a tool has no way to write
//! some value, the function of that format says so. The client secret is in none of them: a [`Subject`] has none.

mod code;
mod dotenv;
mod environment;
mod field;
mod json;
mod shell;
mod template;
mod time;

pub use field::field_names;
pub use shell::quote;
pub use template::{TemplateError, check_template, fill};
pub use time::iso8601;

use crate::{
    oauth::AccessToken,
    profile::{Profile, TokenRecord},
    provider::Provider,
};

/// What the texts tell about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The token.
    pub record: &'a TokenRecord,
    /// Whose API it opens.
    pub provider: &'a Provider,
    /// The profile's name.
    pub profile: &'a str,
    /// `client_id`.
    pub client_id: &'a str,
}

impl<'a> Subject<'a> {
    /// A profile's token; `None` when this version does not know the profile's provider.
    #[must_use]
    pub fn new(profile: &'a Profile, record: &'a TokenRecord) -> Option<Self> {
        Some(Self {
            record,
            provider: profile.provider()?,
            profile: &profile.name,
            client_id: profile.client_of(record),
        })
    }

    /// The value of the `Authorization` header.
    fn authorization(&self) -> String {
        [&self.record.token_type, " ", self.token()].concat()
    }

    fn token(&self) -> &'a str {
        self.record.access_token.expose()
    }

    /// A URL that the token may ask; empty, to be completed, for a provider without an API of its own.
    fn url(&self) -> &'static str {
        url(self.record, self.provider).unwrap_or_default()
    }
}

/// A tool's way to take a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The token alone.
    Raw,
    /// The header line (RFC 6750 §2.1).
    Header,
    /// A curl command.
    Curl,
    /// An `HTTPie` command.
    Httpie,
    /// JavaScript that calls `fetch`.
    Fetch,
    /// Python that calls `requests`.
    Python,
    /// A `PowerShell` command.
    PowerShell,
    /// A line of a `.env` file.
    Dotenv,
    /// The token's data as JSON.
    Json,
    /// A file to import into Postman.
    Postman,
    /// An environment of Insomnia.
    Insomnia,
    /// A file of Bruno's `environments` folder.
    Bruno,
    /// `http-client.env.json` of the `JetBrains` IDEs and of editors that follow them.
    HttpClient,
    /// A command that makes a secret of Cloud Functions for Firebase.
    FirebaseSecret,
    /// A command that sets the older functions config of Firebase.
    FirebaseConfig,
    /// A command that makes a secret of GitHub Actions.
    Github,
    /// A command that makes an environment variable at Vercel.
    Vercel,
    /// A manifest of a Kubernetes Secret.
    Kubernetes,
}

impl Format {
    /// Every format, in the order in which they are offered.
    pub const ALL: [Self; 18] = [
        Self::Raw,
        Self::Header,
        Self::Curl,
        Self::Httpie,
        Self::Fetch,
        Self::Python,
        Self::PowerShell,
        Self::Dotenv,
        Self::Json,
        Self::Postman,
        Self::Insomnia,
        Self::Bruno,
        Self::HttpClient,
        Self::FirebaseSecret,
        Self::FirebaseConfig,
        Self::Github,
        Self::Vercel,
        Self::Kubernetes,
    ];

    /// The name in storage and in message keys, which take letters, digits and `_`.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Header => "header",
            Self::Curl => "curl",
            Self::Httpie => "httpie",
            Self::Fetch => "fetch",
            Self::Python => "python",
            Self::PowerShell => "powershell",
            Self::Dotenv => "dotenv",
            Self::Json => "json",
            Self::Postman => "postman",
            Self::Insomnia => "insomnia",
            Self::Bruno => "bruno",
            Self::HttpClient => "http_client",
            Self::FirebaseSecret => "firebase_secret",
            Self::FirebaseConfig => "firebase_config",
            Self::Github => "github",
            Self::Vercel => "vercel",
            Self::Kubernetes => "kubernetes",
        }
    }

    /// The format of that name.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.id() == id)
    }
}

/// The text for a tool. A line or a command has no newline at its end, a file has one.
#[must_use]
pub fn write(format: Format, subject: &Subject<'_>) -> String {
    match format {
        Format::Raw => subject.token().to_owned(),
        Format::Header => authorization_header(subject.record),
        Format::Curl => curl(subject.record, subject.provider),
        Format::Httpie => shell::httpie(subject),
        Format::Fetch => code::fetch(subject),
        Format::Python => code::python(subject),
        Format::PowerShell => code::powershell(subject),
        Format::Dotenv => dotenv::line(&variable(subject.provider), subject.token()),
        Format::Json => json::record(subject),
        Format::Postman => environment::postman(subject),
        Format::Insomnia => environment::insomnia(subject),
        Format::Bruno => environment::bruno(subject),
        Format::HttpClient => environment::http_client(subject),
        Format::FirebaseSecret => shell::firebase_secret(subject),
        Format::FirebaseConfig => shell::firebase_config(subject),
        Format::Github => shell::github(subject),
        Format::Vercel => shell::vercel(subject),
        Format::Kubernetes => environment::kubernetes(subject),
    }
}

/// The token alone.
#[must_use]
pub fn raw(access_token: &AccessToken) -> &str {
    access_token.expose()
}

/// The whole header line (RFC 6750 §2.1).
#[must_use]
pub fn authorization_header(record: &TokenRecord) -> String {
    ["Authorization: ", &record.token_type, " ", record.access_token.expose()].concat()
}

/// A command for a POSIX shell that asks the provider's API something the token may ask; where nothing is known that it may read,
/// with where the API begins, to be completed. A provider without an API of its own gives the header's part alone.
#[must_use]
pub fn curl(record: &TokenRecord, provider: &Provider) -> String {
    let command = "curl -H ".to_owned() + &quote(&authorization_header(record));
    shell::with_url(command, url(record, provider))
}

fn url(record: &TokenRecord, provider: &Provider) -> Option<&'static str> {
    let openid = record.scopes().contains("openid");
    let userinfo = provider
        .userinfo_endpoint
        .filter(|_| openid && provider.probes.is_empty());
    provider.probe_url(record.scopes()).or(userinfo)
}

/// The name of the environment variable or secret: `LINKEDIN_ACCESS_TOKEN`.
#[must_use]
pub fn variable(provider: &Provider) -> String {
    vendor(provider).to_ascii_uppercase() + "_ACCESS_TOKEN"
}

/// The id's first word: the variants of a provider's flow give tokens for the same API.
fn vendor(provider: &Provider) -> &'static str {
    let id = provider.id;
    id.split_once('-').map_or(id, |(first, _)| first)
}

/// Where two ASCII characters stand. `str::find` takes any text, by an algorithm that is as large as a whole format.
fn find(text: &str, two: &str) -> Option<usize> {
    text.as_bytes().windows(2).position(|window| window == two.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::Scopes;
    use crate::provider;

    pub(super) fn record(token: &str, scope: &str) -> TokenRecord {
        TokenRecord {
            v: TokenRecord::VERSION,
            access_token: AccessToken::new(token),
            token_type: "Bearer".into(),
            scope_requested: Scopes::parse(scope).unwrap(),
            scope_granted: None,
            obtained_ms: 1_700_000_000_000,
            expires_ms: Some(1_705_184_000_999),
            clock_skew_ms: None,
            refresh_token: None,
            refresh_expires_ms: None,
            refresh_refused_ms: None,
            refresh_again_until_ms: None,
            id_token: None,
            account: None,
            issued_to: None,
        }
    }

    pub(super) fn subject(record: &TokenRecord) -> Subject<'_> {
        Subject {
            record,
            provider: provider::by_id("linkedin").unwrap(),
            profile: "My app",
            client_id: "78abc",
        }
    }

    fn written(format: Format) -> String {
        write(format, &subject(&record("AQ-it's", "openid profile")))
    }

    #[test]
    fn an_id_is_for_one_format_and_fits_a_message_key() {
        for (index, format) in Format::ALL.into_iter().enumerate() {
            assert_eq!(Format::from_id(format.id()), Some(format));
            assert_eq!(Format::ALL.iter().position(|other| *other == format), Some(index));
            assert!(format.id().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        }
        for id in ["", "Curl", "curl ", "http-client", "template"] {
            assert_eq!(Format::from_id(id), None, "{id}");
        }
    }

    #[test]
    fn lines_and_commands() {
        for (format, expected) in [
            (Format::Raw, "AQ-it's"),
            (Format::Header, "Authorization: Bearer AQ-it's"),
            (
                Format::Curl,
                r"curl -H 'Authorization: Bearer AQ-it'\''s' 'https://api.linkedin.com/v2/userinfo'",
            ),
            (
                Format::Httpie,
                r"http --auth-type=bearer --auth='AQ-it'\''s' GET 'https://api.linkedin.com/v2/userinfo'",
            ),
            (
                Format::PowerShell,
                "Invoke-RestMethod -Uri 'https://api.linkedin.com/v2/userinfo' -Headers @{ Authorization = 'Bearer AQ-it''s' }",
            ),
            (Format::Dotenv, r#"LINKEDIN_ACCESS_TOKEN="AQ-it's""#),
            (
                Format::FirebaseSecret,
                r"printf %s 'AQ-it'\''s' | firebase functions:secrets:set LINKEDIN_ACCESS_TOKEN --data-file=-",
            ),
            (
                Format::FirebaseConfig,
                r"firebase functions:config:set linkedin.access_token='AQ-it'\''s'",
            ),
            (
                Format::Github,
                r"printf %s 'AQ-it'\''s' | gh secret set LINKEDIN_ACCESS_TOKEN",
            ),
            (
                Format::Vercel,
                r"printf %s 'AQ-it'\''s' | vercel env add LINKEDIN_ACCESS_TOKEN production --force",
            ),
        ] {
            assert_eq!(written(format), expected, "{format:?}");
        }
    }

    #[test]
    fn only_files_end_with_a_newline() {
        for format in Format::ALL {
            let file = matches!(
                format,
                Format::Fetch
                    | Format::Python
                    | Format::Json
                    | Format::Postman
                    | Format::Insomnia
                    | Format::Bruno
                    | Format::HttpClient
                    | Format::Kubernetes
            );
            assert_eq!(written(format).ends_with('\n'), file, "{format:?}");
        }
    }

    #[test]
    fn the_request_fits_the_scope() {
        let record = record("AQ", "r_basicprofile");
        for format in [
            Format::Curl,
            Format::Httpie,
            Format::Fetch,
            Format::Python,
            Format::PowerShell,
        ] {
            let text = write(format, &subject(&record));
            assert!(text.contains("https://api.linkedin.com/v2/me"), "{text}");
        }
    }

    #[test]
    fn without_an_api_the_url_is_left_to_be_completed() {
        let record = record("AQ", "openid");
        let provider = Provider {
            userinfo_endpoint: None,
            probes: &[],
            ..*provider::by_id("linkedin").unwrap()
        };
        let subject = Subject {
            provider: &provider,
            ..subject(&record)
        };
        assert_eq!(write(Format::Curl, &subject), "curl -H 'Authorization: Bearer AQ'");
        assert_eq!(
            write(Format::Httpie, &subject),
            "http --auth-type=bearer --auth='AQ' GET"
        );
        assert!(write(Format::Fetch, &subject).contains("fetch(\"\","));
    }

    #[test]
    fn a_variable_has_a_name_that_every_tool_takes() {
        for provider in provider::all() {
            let name = variable(provider);
            assert!(name.starts_with(|c: char| c.is_ascii_uppercase()), "{name}");
            let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
            assert!(name.bytes().all(plain), "{name}");
        }
        assert_eq!(
            variable(provider::by_id("linkedin-native").unwrap()),
            "LINKEDIN_ACCESS_TOKEN"
        );
    }

    #[test]
    fn a_format_tells_nothing_but_the_access_token() {
        use crate::oauth::{IdToken, RefreshToken};
        let mut record = record("AQ-access", "openid");
        record.refresh_token = Some(RefreshToken::new("AQ-refresh"));
        record.id_token = Some(IdToken::new("eyJ-id"));
        for format in Format::ALL {
            let text = write(format, &subject(&record));
            assert!(!text.contains("AQ-refresh") && !text.contains("eyJ-id"), "{text}");
        }
    }
}
