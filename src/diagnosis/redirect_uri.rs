//! Where two redirect URIs differ. LinkedIn compares them character by character (linkedin.md section 2).

use crate::oauth::text;
use crate::provider::{Provider, RedirectRule};

use super::{Finding, Fix, NOT_REGISTERED, joined, with};

/// What kind of difference it is, by the part of the URI in which it comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DifferenceKind {
    /// White space, or a character that nobody sees.
    Whitespace,
    /// `http` and `https`, or a scheme in capitals.
    Scheme,
    /// The same host in other letters.
    HostCase,
    /// One has `www.`.
    Www,
    /// `localhost`, `127.0.0.1` and `[::1]` are the same machine, but not the same text.
    Loopback,
    /// Another host.
    Host,
    /// The port, a default one that is written out included.
    Port,
    /// One ends with a slash.
    TrailingSlash,
    /// The same path in other letters.
    PathCase,
    /// The same path, percent-encoded otherwise.
    Encoding,
    /// Another path.
    Path,
    /// The query, which LinkedIn ignores in what is registered.
    Query,
    /// A fragment, which LinkedIn does not take.
    Fragment,
}

/// The first difference of two redirect URIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedirectUriDifference {
    /// How many characters they share before it.
    pub at: usize,
    /// What it is.
    pub kind: DifferenceKind,
}

/// Compares the redirect URI that is sent with the one that is registered; `None` when they are the same text.
#[must_use]
pub fn redirect_uri_difference(sent: &str, registered: &str) -> Option<RedirectUriDifference> {
    if sent == registered {
        return None;
    }
    let same = sent.chars().zip(registered.chars()).take_while(|(a, b)| a == b);
    let at = same.count();
    let here = [sent, registered].map(|text| text.chars().nth(at));
    let kind = if here.into_iter().flatten().any(is_blank) {
        DifferenceKind::Whitespace
    } else {
        kind(&Parts::of(sent), &Parts::of(registered))
    };
    Some(RedirectUriDifference { at, kind })
}

/// Explains the difference of two redirect URIs. Arguments: the place, counted from one; what is sent; what is registered.
#[must_use]
pub fn diagnose_redirect_uri(sent: &str, registered: &str) -> Finding {
    let texts = [sent, registered].map(visible);
    let (at, code, fix) = match (query_at(sent), redirect_uri_difference(sent, registered)) {
        // Whatever is registered, and were it the same text: this one never matches.
        (Some(at), _) => (at, "redirect_uri_query", Fix::EditProfile),
        (None, Some(RedirectUriDifference { at, kind })) if kind != DifferenceKind::Query => {
            (at, code(kind), Fix::CopyRedirectUri)
        }
        (None, _) => return with("redirect_uri_same", texts.into(), Fix::OpenAuthTab),
    };
    let [sent, registered] = texts;
    // One below the other, with a mark under the first character that differs.
    let marked = [&sent, "\n", &registered, "\n", &" ".repeat(at.min(SHOWN)), "^"];
    Finding {
        evidence: Some(joined(&marked)),
        ..with(code, vec![(at + 1).to_string(), sent, registered], fix)
    }
}

/// The same finding, or the one of a query that no registered redirect URI can match. Arguments: the place of the query,
/// counted from one; what is sent.
#[must_use]
pub fn diagnose_unregistered(finding: Finding, provider: &Provider, sent: &str) -> Finding {
    match query_at(sent) {
        Some(at) if finding.code == NOT_REGISTERED && has_lost_query(provider, sent) => Finding {
            evidence: finding.evidence,
            ..with(
                "redirect_uri_query",
                vec![(at + 1).to_string(), visible(sent)],
                Fix::EditProfile,
            )
        },
        _ => finding,
    }
}

/// Whether a redirect URI has a query that the provider drops from what is registered, so that the two never match. A
/// loopback address of a native app is not registered character by character.
#[must_use]
pub fn has_lost_query(provider: &Provider, redirect_uri: &str) -> bool {
    provider.redirect_rule == RedirectRule::Any && query_at(redirect_uri).is_some()
}

/// How many characters stand before the query. LinkedIn drops the query of what is registered, then compares
/// (linkedin.md section 2).
fn query_at(uri: &str) -> Option<usize> {
    let (before, query) = cut(cut(uri, '#').0, '?');
    (!query.is_empty()).then(|| before.chars().count())
}

fn code(kind: DifferenceKind) -> &'static str {
    match kind {
        DifferenceKind::Whitespace => "redirect_uri_whitespace",
        DifferenceKind::Scheme => "redirect_uri_scheme",
        DifferenceKind::HostCase => "redirect_uri_host_case",
        DifferenceKind::Www => "redirect_uri_www",
        DifferenceKind::Loopback => "redirect_uri_loopback",
        DifferenceKind::Host => "redirect_uri_host",
        DifferenceKind::Port => "redirect_uri_port",
        DifferenceKind::TrailingSlash => "redirect_uri_slash",
        DifferenceKind::PathCase => "redirect_uri_path_case",
        DifferenceKind::Encoding => "redirect_uri_encoding",
        DifferenceKind::Path => "redirect_uri_path",
        DifferenceKind::Query => "redirect_uri_query",
        DifferenceKind::Fragment => "redirect_uri_fragment",
    }
}

/// The longest piece of a pasted URI that is shown.
const SHOWN: usize = 500;

/// As it can be shown: each invisible character as a mark of its own, so that places stay what they are. What was pasted
/// may be a callback with a code; only there can a token stand, and a long name in a host or path is none.
fn visible(uri: &str) -> String {
    let shown: String = uri
        .chars()
        .take(SHOWN)
        .map(|c| if is_blank(c) { '␣' } else { c })
        .collect();
    let (place, rest) = shown.split_at(shown.find(['?', '#']).unwrap_or(shown.len()));
    joined(&[place, &text::without_tokens(rest)])
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || text::is_invisible(c)
}

/// A URI cut by hand: a URL parser would repair the very differences that are looked for.
struct Parts<'a> {
    scheme: &'a str,
    host: &'a str,
    port: &'a str,
    path: &'a str,
    query: &'a str,
}

impl<'a> Parts<'a> {
    fn of(uri: &'a str) -> Self {
        let (rest, _) = cut(uri, '#');
        let (rest, query) = cut(rest, '?');
        let (scheme, rest) = rest.split_once("://").unwrap_or(("", rest));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        // The colons of an IPv6 address stand in brackets.
        let port = authority.rfind(':').filter(|colon| !authority[*colon..].contains(']'));
        let (host, port) = authority.split_at(port.unwrap_or(authority.len()));
        Self {
            scheme,
            host,
            port,
            path,
            query,
        }
    }
}

fn cut(text: &str, mark: char) -> (&str, &str) {
    text.split_at(text.find(mark).unwrap_or(text.len()))
}

fn kind(a: &Parts<'_>, b: &Parts<'_>) -> DifferenceKind {
    if a.scheme != b.scheme {
        DifferenceKind::Scheme
    } else if a.host != b.host {
        let is_loopback = |host: &str| ["localhost", "127.0.0.1", "[::1]"].contains(&host);
        if a.host.eq_ignore_ascii_case(b.host) {
            DifferenceKind::HostCase
        } else if a.host.strip_prefix("www.") == Some(b.host) || b.host.strip_prefix("www.") == Some(a.host) {
            DifferenceKind::Www
        } else if is_loopback(a.host) && is_loopback(b.host) {
            DifferenceKind::Loopback
        } else {
            DifferenceKind::Host
        }
    } else if a.port != b.port {
        DifferenceKind::Port
    } else if a.path != b.path {
        if a.path.strip_suffix('/') == Some(b.path) || b.path.strip_suffix('/') == Some(a.path) {
            DifferenceKind::TrailingSlash
        } else if a.path.eq_ignore_ascii_case(b.path) && !a.path.contains('%') {
            DifferenceKind::PathCase
        } else if decoded(a.path) == decoded(b.path) {
            DifferenceKind::Encoding
        } else {
            DifferenceKind::Path
        }
    } else if a.query != b.query {
        DifferenceKind::Query
    } else {
        DifferenceKind::Fragment
    }
}

/// The bytes that a percent-encoded path stands for.
fn decoded(path: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let pair = after.get(..2).and_then(|pair| str::from_utf8(pair).ok());
        let byte = pair
            .filter(|pair| first == b'%' && pair.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_at_its_place() {
        for (sent, registered, at, kind) in [
            ("https://a.b/c/", "https://a.b/c", 13, DifferenceKind::TrailingSlash),
            ("https://a.b", "https://a.b/", 11, DifferenceKind::TrailingSlash),
            ("http://a.b/c", "https://a.b/c", 4, DifferenceKind::Scheme),
            ("HTTPS://a.b/c", "https://a.b/c", 0, DifferenceKind::Scheme),
            ("https://A.b/c", "https://a.b/c", 8, DifferenceKind::HostCase),
            ("https://www.a.b/c", "https://a.b/c", 8, DifferenceKind::Www),
            ("https://a.b/c", "https://x.b/c", 8, DifferenceKind::Host),
            (
                "http://localhost:1/",
                "http://127.0.0.1:1/",
                7,
                DifferenceKind::Loopback,
            ),
            ("http://[::1]:1/", "http://[::1]:2/", 13, DifferenceKind::Port),
            ("https://a.b:443/", "https://a.b/", 11, DifferenceKind::Port),
            ("https://a.b/C", "https://a.b/c", 12, DifferenceKind::PathCase),
            ("https://a.b/%2f", "https://a.b/%2F", 14, DifferenceKind::Encoding),
            ("https://a.b/%63", "https://a.b/c", 12, DifferenceKind::Encoding),
            ("https://a.b/é", "https://a.b/%C3%A9", 12, DifferenceKind::Encoding),
            ("https://a.b/%+1", "https://a.b/%1", 13, DifferenceKind::Path),
            ("https://a.b/c", "https://a.b/d", 12, DifferenceKind::Path),
            ("https://a.b/c?x=1", "https://a.b/c", 13, DifferenceKind::Query),
            ("https://a.b/c#x", "https://a.b/c", 13, DifferenceKind::Fragment),
            ("https://a.b/c", "https://a.b/c ", 13, DifferenceKind::Whitespace),
            ("https://a.b/c", "\u{feff}https://a.b/c", 0, DifferenceKind::Whitespace),
            ("https://a.b/c", "", 0, DifferenceKind::Scheme),
        ] {
            let expected = Some(RedirectUriDifference { at, kind });
            assert_eq!(
                redirect_uri_difference(sent, registered),
                expected,
                "{sent} {registered}"
            );
            let turned = redirect_uri_difference(registered, sent);
            assert_eq!(turned, expected, "{registered} {sent}");
        }
        assert_eq!(redirect_uri_difference("https://a.b/", "https://a.b/"), None);
    }
}
