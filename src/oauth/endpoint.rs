//! URLs of an authorization server's endpoints (RFC 6749 §3).

use serde::{Deserialize, Serialize};
use url::Url;

use super::web_url::{self, UrlError};

/// Why an endpoint URL is refused.
pub type EndpointUrlError = UrlError;

/// An endpoint that a secret may be sent to or a tab opened at: https, or http on loopback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EndpointUrl {
    text: String,
    url: Url,
}

impl EndpointUrl {
    /// Only `https:` and loopback `http:` pass: an endpoint from a file or a document must not become a `javascript:`
    /// or `file:` URL in a tab (security.md §1.2, rule 11).
    pub fn parse(text: &str) -> Result<Self, EndpointUrlError> {
        Ok(Self {
            text: text.to_owned(),
            url: web_url::parse(text)?,
        })
    }

    /// The text it was made from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The parsed URL.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Scheme, host and port, as the browser serialises an origin.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The host without a port.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The match pattern to ask host permission for.
    #[must_use]
    pub fn host_permission(&self) -> String {
        web_url::host_permission(&self.url)
    }
}

impl TryFrom<String> for EndpointUrl {
    type Error = EndpointUrlError;

    fn try_from(text: String) -> Result<Self, EndpointUrlError> {
        Self::parse(&text)
    }
}

impl From<EndpointUrl> for String {
    fn from(endpoint: EndpointUrl) -> Self {
        endpoint.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_its_origin_and_permission() {
        let endpoint = EndpointUrl::parse("https://www.linkedin.com/oauth/v2/accessToken").unwrap();
        assert_eq!(endpoint.origin(), "https://www.linkedin.com");
        assert_eq!(endpoint.host_permission(), "https://www.linkedin.com/*");
        let endpoint = EndpointUrl::parse("http://[::1]:9200/token?tenant=a").unwrap();
        assert_eq!(endpoint.origin(), "http://[::1]:9200");
        assert_eq!(endpoint.host_permission(), "http://[::1]/*");
        assert_eq!(endpoint.as_str(), "http://[::1]:9200/token?tenant=a");
    }
}
