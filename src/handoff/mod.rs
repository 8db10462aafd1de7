//! A token as text for the tools where it is used.

use crate::{
    oauth::{AccessToken, Scopes},
    profile::TokenRecord,
    provider::Provider,
};

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

/// A command for a POSIX shell that asks the provider's API something the token may ask. A provider without an API of
/// its own gives the header's part alone, to be completed with a URL.
#[must_use]
pub fn curl(record: &TokenRecord, provider: &Provider) -> String {
    let mut command = "curl -H ".to_owned() + &quote(&authorization_header(record));
    if let Some(url) = probe_url(record.scopes(), provider) {
        command.push(' ');
        command.push_str(&quote(url));
    }
    command
}

fn probe_url(granted: &Scopes, provider: &Provider) -> Option<&'static str> {
    provider.probe_url(granted).or(provider.userinfo_endpoint)
}

/// One word for a POSIX shell: nothing inside single quotes is special but the single quote itself.
#[must_use]
pub fn quote(word: &str) -> String {
    ["'", &word.replace('\'', r"'\''"), "'"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider;

    fn record(scope: &str) -> TokenRecord {
        TokenRecord {
            v: TokenRecord::VERSION,
            access_token: AccessToken::new("AQ-it's"),
            token_type: "Bearer".into(),
            scope_requested: Scopes::parse(scope).unwrap(),
            scope_granted: None,
            obtained_ms: 0,
            expires_ms: None,
            refresh_token: None,
            refresh_expires_ms: None,
            refresh_refused_ms: None,
            id_token: None,
            account: None,
        }
    }

    #[test]
    fn three_ways_to_copy() {
        let record = record("openid profile");
        assert_eq!(raw(&record.access_token), "AQ-it's");
        assert_eq!(authorization_header(&record), "Authorization: Bearer AQ-it's");
        assert_eq!(
            curl(&record, provider::by_id("linkedin").unwrap()),
            r"curl -H 'Authorization: Bearer AQ-it'\''s' 'https://api.linkedin.com/v2/userinfo'"
        );
    }

    #[test]
    fn the_request_fits_the_scope() {
        let command = curl(&record("r_basicprofile"), provider::by_id("linkedin").unwrap());
        assert!(command.ends_with(" 'https://api.linkedin.com/v2/me'"), "{command}");
    }
}
