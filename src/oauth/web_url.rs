//! What every URL that a person enters must be: absolute, https (or http on loopback), and without surprises.

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// The longest URL that is taken, in bytes: a browser's block rule bears half of that.
pub const MAX_LENGTH: usize = 4096;

/// Why a URL is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum UrlError {
    /// Nothing there.
    #[error("the URL is empty")]
    Empty,
    /// More than [`MAX_LENGTH`].
    #[error("the URL is longer than {MAX_LENGTH} characters")]
    TooLong,
    /// White space or a control character, which a browser would drop silently.
    #[error("the URL holds white space or a line break")]
    Whitespace,
    /// No scheme.
    #[error("the URL is relative: it must start with https:// or http://")]
    Relative,
    /// The URL Standard cannot read it.
    #[error("this is not a URL")]
    Unparsable,
    /// `#…`, which no registered redirect URI and no endpoint may have (RFC 6749 §3.1, §3.1.2).
    #[error("the URL has a fragment (#)")]
    Fragment,
    /// `*`: redirect URIs are compared exactly, patterns do not exist.
    #[error("the URL has a wildcard (*)")]
    Wildcard,
    /// `http:` to a host that is not this machine.
    #[error("plain http works on localhost, 127.0.0.1 and [::1] only")]
    PlainHttp,
    /// A scheme other than `https:` and `http:`.
    #[error("the URL's scheme is neither https nor http")]
    Scheme,
    /// `user:password@`.
    #[error("the URL has a user name or password before its host")]
    UserInfo,
    /// A host name with letters outside ASCII.
    #[error("the host name has letters outside ASCII: write it in punycode (xn--…)")]
    NonAsciiHost,
    /// The query holds a parameter that the authorization response itself uses.
    #[error("the query has a parameter that the authorization response uses itself (code, state, iss or error)")]
    ReservedParameter,
}

impl UrlError {
    /// A stable name for messages and tests.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::Whitespace => "whitespace",
            Self::Relative => "relative",
            Self::Unparsable => "unparsable",
            Self::Fragment => "fragment",
            Self::Wildcard => "wildcard",
            Self::PlainHttp => "plain_http",
            Self::Scheme => "scheme",
            Self::UserInfo => "user_info",
            Self::NonAsciiHost => "non_ascii_host",
            Self::ReservedParameter => "reserved_parameter",
        }
    }
}

/// Parses what the URL Standard and this house both accept. The checks read the text as well as the parsed URL, because
/// a parser repairs what a person should see: line breaks, backslashes, an `@` with nothing before it.
pub(super) fn parse(text: &str) -> Result<Url, UrlError> {
    if text.is_empty() {
        return Err(UrlError::Empty);
    }
    if text.len() > MAX_LENGTH {
        return Err(UrlError::TooLong);
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(UrlError::Whitespace);
    }
    let (scheme, rest) = split_scheme(text)?;
    let secure = scheme.eq_ignore_ascii_case("https");
    if !secure && !scheme.eq_ignore_ascii_case("http") {
        return Err(UrlError::Scheme);
    }
    let rest = rest.strip_prefix("//").ok_or(UrlError::Unparsable)?;
    if rest.contains('\\') {
        return Err(UrlError::Unparsable);
    }
    if rest.contains('#') {
        return Err(UrlError::Fragment);
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(UrlError::UserInfo);
    }
    if !authority.is_ascii() {
        return Err(UrlError::NonAsciiHost);
    }
    // `https:///path` would borrow its host from the path.
    if authority.is_empty() {
        return Err(UrlError::Unparsable);
    }
    let url = Url::parse(text).map_err(|_| UrlError::Unparsable)?;
    if !secure && !is_loopback(&url) {
        return Err(UrlError::PlainHttp);
    }
    Ok(url)
}

/// An address as the browser tells it, whatever its scheme. Nobody's is one with a host of more than [`MAX_LENGTH`] bytes:
/// reading that takes ten times its memory.
#[must_use]
pub fn told(text: &str) -> Option<Url> {
    let (_, rest) = text.split_once(':')?;
    let rest = rest.trim_start_matches(['/', '\\']);
    let authority = rest.split(['/', '\\', '?', '#']).next()?;
    if authority.len() > MAX_LENGTH {
        return None;
    }
    Url::parse(text).ok()
}

fn split_scheme(text: &str) -> Result<(&str, &str), UrlError> {
    let (scheme, rest) = text.split_once(':').ok_or(UrlError::Relative)?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    // `localhost:3000/callback`: a host and a port, whatever the grammar says.
    let is_port = rest.starts_with(|c: char| c.is_ascii_digit());
    if is_scheme && !is_port {
        Ok((scheme, rest))
    } else {
        Err(UrlError::Relative)
    }
}

/// `localhost`, `127.0.0.1` or `[::1]`: the loopback hosts that the extension may ask permission for.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address == core::net::Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(address)) => address == core::net::Ipv6Addr::LOCALHOST,
        None => false,
    }
}

/// `127.0.0.1` or `[::1]`, but not `localhost`.
#[must_use]
pub fn is_loopback_ip(url: &Url) -> bool {
    is_loopback(url) && !matches!(url.host(), Some(Host::Domain(_)))
}

/// The match pattern to ask host permission for. Without the port: Firefox accepts one and then matches nothing
/// (security.md §2.4).
pub(super) fn host_permission(url: &Url) -> String {
    [url.scheme(), "://", url.host_str().unwrap_or_default(), "/*"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_nobody_can_have_is_not_read() {
        for before in ["https://", "https:/", "https:", "https:\\\\", "x://"] {
            let with = |name: &str| told(&[before, &name.repeat(MAX_LENGTH / 6 + 1), "/callback?code=1"].concat());
            // As a changed vector had it, and it took 13 MB.
            assert_eq!(with("&state=iss"), None, "{before}");
        }
        for long in ["https://a.test/", "https://a.test?", "https://a.test#", "data:,/"] {
            assert!(told(&[long, &"a".repeat(MAX_LENGTH)].concat()).is_some(), "{long}");
        }
        // A host of that very length is the last one that is.
        let host = |length: usize| told(&["https://", &"a".repeat(length), "/"].concat());
        assert!(host(MAX_LENGTH).is_some());
        assert_eq!(host(MAX_LENGTH + 1), None);
        assert_eq!(told("no address"), None);
    }
}
