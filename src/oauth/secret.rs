//! Values that must never reach a log, an error text or a page by accident.

use std::{fmt, hint};

use crate::plain::record;

/// A newtype over a string whose `Debug` is redacted, which has no `Display`, and whose comparison takes the same time
/// for every wrong value of the right length.
macro_rules! secret {
    ($($(#[$meta:meta])* $name:ident)+) => {$(
        $(#[$meta])*
        #[derive(Clone)]
        pub struct $name(String);
        record!($name(String));

        impl $name {
            /// Takes the value as it is: nothing is trimmed or decoded.
            pub fn new(value: impl Into<String>) -> Self {
                Self(value.into())
            }

            /// The value itself, for the one place that sends or shows it.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                equal(self.0.as_bytes(), other.0.as_bytes())
            }
        }

        impl Eq for $name {}
    )+};
}

secret! {
    /// `client_secret` of RFC 6749 §2.3.1.
    ClientSecret
    /// `code` of RFC 6749 §4.1.2.
    AuthorizationCode
    /// `code_verifier` of RFC 7636 §4.1.
    CodeVerifier
    /// `state` of RFC 6749 §4.1.1: binds the redirect to the flow that the person started.
    State
    /// `access_token` of RFC 6749 §5.1.
    AccessToken
    /// `refresh_token` of RFC 6749 §5.1.
    RefreshToken
    /// `id_token` of OIDC Core §3.1.3.3.
    IdToken
    /// A text with a token in it, on its way to the clipboard.
    CopiedText
}

/// Compares without stopping at the first difference. Own code because it is four lines; a crate for it would only
/// add a build dependency. The length may leak: it is the same for every value of a kind.
fn equal(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && hint::black_box(left.iter().zip(right).fold(0, |sum, (a, b)| sum | (a ^ b))) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_do_not_cancel_out() {
        assert!(equal(b"abc", b"abc"));
        for other in ["bac", "abd", "abcd", "ab", "cba"] {
            assert!(!equal(b"abc", other.as_bytes()), "{other}");
        }
        // One bit, in two places.
        assert!(!equal(b"aabb", b"bbbb"));
    }

    #[test]
    fn debug_shows_the_kind_only() {
        assert_eq!(
            format!("{:?}", ClientSecret::new("WPL_AP1.x")),
            "ClientSecret([redacted])"
        );
        assert_eq!(format!("{:?}", Some(State::new("s"))), "Some(State([redacted]))");
    }

    #[test]
    fn compares_whole_values() {
        assert_eq!(State::new("abc"), State::new("abc"));
        for other in ["", "ab", "abcd", "abd", "Abc"] {
            assert_ne!(State::new("abc"), State::new(other), "{other}");
        }
    }

    #[test]
    fn serializes_as_the_string() {
        let json = serde_json::to_string(&AccessToken::new("AQ\"x")).unwrap();
        assert_eq!(json, r#""AQ\"x""#);
        assert_eq!(
            serde_json::from_str::<AccessToken>(&json).unwrap(),
            AccessToken::new("AQ\"x")
        );
    }
}
