//! The redirection endpoint (RFC 6749 §3.1.2): the URI as registered, and what counts as an arrival at it.

use url::Url;

use crate::plain::record;

use super::{
    form,
    web_url::{self, UrlError},
};

/// Why a redirect URI is refused.
pub type RedirectUriError = UrlError;

/// Parameters of the authorization response; a registered query that used them would make every answer ambiguous.
const RESERVED: [&str; 6] = ["code", "state", "iss", "error", "error_description", "error_uri"];

/// A redirect URI as it was registered. The text is kept byte for byte, because the authorization server compares it
/// so (RFC 6749 §4.1.3); the parsed form is used to recognise a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectUri {
    text: String,
    url: Url,
}
record!(RedirectUri as String);

impl RedirectUri {
    /// Accepts what LinkedIn accepts (linkedin.md §2): https anywhere, http on loopback, any port, path and query.
    pub fn parse(text: &str) -> Result<Self, RedirectUriError> {
        if text.contains('*') {
            return Err(UrlError::Wildcard);
        }
        let url = web_url::parse(text)?;
        if url.query_pairs().any(|(name, _)| RESERVED.contains(&name.as_ref())) {
            return Err(UrlError::ReservedParameter);
        }
        Ok(Self {
            text: text.to_owned(),
            url,
        })
    }

    /// The text exactly as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URL as a browser reads it.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The host without a port.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Whether the host is `127.0.0.1` or `[::1]` (RFC 8252 §7.3).
    #[must_use]
    pub fn is_loopback_ip(&self) -> bool {
        web_url::is_loopback_ip(&self.url)
    }

    /// Whether `callback` is an arrival at this URI: same scheme, host, port and path, no user-info, and every
    /// parameter of the registered query present (security.md §1.2, rule 13). Nothing is compared by prefix.
    #[must_use]
    pub fn matches(&self, callback: &Url) -> bool {
        self.is_at(callback)
            && self
                .url
                .query_pairs()
                .all(|pair| callback.query_pairs().any(|got| got == pair))
    }

    /// The same whatever the query: what the block rule stops.
    #[must_use]
    pub fn is_at(&self, callback: &Url) -> bool {
        callback.scheme() == self.url.scheme()
            && callback.host_str() == self.url.host_str()
            && callback.port_or_known_default() == self.url.port_or_known_default()
            && callback.path() == self.url.path()
            && callback.username().is_empty()
            && callback.password().is_none()
    }

    /// The match pattern to ask host permission for.
    #[must_use]
    pub fn host_permission(&self) -> String {
        web_url::host_permission(&self.url)
    }

    /// An RE2 expression for every URL at this redirect URI, whatever its query: a form-post callback has none. Case
    /// matters, so the rule must set `isUrlFilterCaseSensitive`.
    #[must_use]
    pub fn rule_regex(&self) -> String {
        let mut regex = self.base_regex();
        regex.push_str("([?#]|$)");
        regex
    }

    /// An RE2 expression for those URLs at this redirect URI whose query has the parameter `name` with exactly `value`.
    #[must_use]
    pub fn rule_regex_with(&self, name: &str, value: &str) -> String {
        self.rule_regex_with_raw(&form::encode(name), &form::encode(value))
    }

    /// The same for a name and a value as they stand in a query, encoded however their author liked.
    #[must_use]
    pub fn rule_regex_with_raw(&self, name: &str, value: &str) -> String {
        let mut regex = self.rule_regex_beginning(name, value);
        regex.push_str("([&#]|$)");
        regex
    }

    /// The same for every value that begins so.
    #[must_use]
    pub fn rule_regex_beginning(&self, name: &str, value: &str) -> String {
        let mut regex = self.base_regex();
        regex.push_str(r"\?([^#]*&)?");
        escape(&mut regex, name);
        regex.push('=');
        escape(&mut regex, value);
        regex
    }

    fn base_regex(&self) -> String {
        let mut regex = "^".to_owned();
        escape(&mut regex, self.url.scheme());
        regex.push_str("://");
        escape(&mut regex, self.host());
        if let Some(port) = self.url.port() {
            regex.push(':');
            regex.push_str(&port.to_string());
        }
        escape(&mut regex, self.url.path());
        regex
    }
}

impl TryFrom<String> for RedirectUri {
    type Error = RedirectUriError;

    fn try_from(text: String) -> Result<Self, RedirectUriError> {
        Self::parse(&text)
    }
}

impl From<RedirectUri> for String {
    fn from(uri: RedirectUri) -> Self {
        uri.text
    }
}

/// Escapes what RE2 and JavaScript's regular expressions both read as syntax.
pub(crate) fn escape(regex: &mut String, literal: &str) {
    for c in literal.chars() {
        if matches!(
            c,
            '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$'
        ) {
            regex.push('\\');
        }
        regex.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> RedirectUri {
        RedirectUri::parse(text).unwrap()
    }

    #[test]
    fn the_longest_is_taken_and_nothing_longer() {
        let longest = ["https://app.example.com/", &"a".repeat(web_url::MAX_LENGTH - 24)].concat();
        assert!(RedirectUri::parse(&longest).is_ok());
        assert_eq!(RedirectUri::parse(&[&longest, "a"].concat()), Err(UrlError::TooLong));
    }

    #[test]
    fn keeps_the_text_and_reads_the_url() {
        let uri = uri("HTTPS://App.Example.COM:443/a%2fB?x=1");
        assert_eq!(uri.as_str(), "HTTPS://App.Example.COM:443/a%2fB?x=1");
        assert_eq!(uri.url().as_str(), "https://app.example.com/a%2fB?x=1");
        assert_eq!(uri.host_permission(), "https://app.example.com/*");
        let json = serde_json::to_string(&uri).unwrap();
        assert_eq!(serde_json::from_str::<RedirectUri>(&json).unwrap(), uri);
        assert!(serde_json::from_str::<RedirectUri>(r#""http://app.example.com/""#).is_err());
    }

    #[test]
    fn rule_expressions() {
        let uri = uri("http://[::1]:9200/cb.php(1)");
        assert_eq!(uri.rule_regex(), r"^http://\[::1\]:9200/cb\.php\(1\)([?#]|$)");
        assert_eq!(
            uri.rule_regex_with("state", "a-b_c"),
            r"^http://\[::1\]:9200/cb\.php\(1\)\?([^#]*&)?state=a-b_c([&#]|$)"
        );
    }
}
