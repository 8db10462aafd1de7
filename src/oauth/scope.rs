//! `scope` of RFC 6749 §3.3.

use crate::plain::record;

/// Scope tokens in the order given, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes(Vec<String>);
record!(Scopes as Vec<String>);

/// A text that cannot be a scope token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the scope \"{token}\" holds a character that RFC 6749 section 3.3 does not allow")]
pub struct ScopeError {
    /// The token as it was given, cleaned for display.
    pub token: String,
}

/// The most that a grant has here: each is compared with all before it, and a server may answer with a megabyte of them.
const MOST: usize = 1000;

impl Scopes {
    /// Splits at white space and commas: RFC 6749 says spaces, LinkedIn answers with commas (linkedin.md §0, item 5).
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        Self::collect(split(text))
    }

    /// The scopes of a provider's answer. A piece that is no scope token is left out: a label that nobody can read
    /// is no reason to throw the token away. Nor is what comes after the first thousand.
    #[must_use]
    pub fn from_answer(text: &str) -> Self {
        let mut scopes = Self::default();
        split(text)
            .filter(|token| is_scope_token(token))
            .for_each(|token| scopes.push(token));
        scopes
    }

    /// All tokens with `separator` between them.
    #[must_use]
    pub fn join(&self, separator: &str) -> String {
        self.iter().collect::<Vec<_>>().join(separator)
    }

    /// The tokens in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether this exact token is there; scope tokens are case-sensitive.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.iter().any(|own| own == token)
    }

    /// Whether both hold the same tokens, in whatever order.
    #[must_use]
    pub fn same_set(&self, other: &Scopes) -> bool {
        // Each token stands once.
        self.0.len() == other.0.len() && self.iter().all(|token| other.contains(token))
    }

    /// Whether there is no token at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tokens of `self` that `granted` lacks.
    #[must_use]
    pub fn missing_from(&self, granted: &Scopes) -> Scopes {
        Self(
            self.0
                .iter()
                .filter(|token| !granted.contains(token))
                .cloned()
                .collect(),
        )
    }

    fn collect<'a>(tokens: impl Iterator<Item = &'a str>) -> Result<Self, ScopeError> {
        let mut scopes = Self::default();
        for token in tokens {
            if !is_scope_token(token) || scopes.0.len() >= MOST {
                return Err(ScopeError {
                    token: super::text::clean(token, 60),
                });
            }
            scopes.push(token);
        }
        Ok(scopes)
    }

    fn push(&mut self, token: &str) {
        if self.0.len() < MOST && !self.contains(token) {
            self.0.push(token.to_owned());
        }
    }
}

impl TryFrom<Vec<String>> for Scopes {
    type Error = ScopeError;

    fn try_from(tokens: Vec<String>) -> Result<Self, ScopeError> {
        Self::collect(tokens.iter().map(String::as_str))
    }
}

impl From<Scopes> for Vec<String> {
    fn from(scopes: Scopes) -> Self {
        scopes.0
    }
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c == ',' || c.is_whitespace())
        .filter(|token| !token.is_empty())
}

/// `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`.
fn is_scope_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(text: &str) -> Scopes {
        Scopes::parse(text).unwrap()
    }

    #[test]
    fn spaces_and_commas_separate() {
        let expected = ["email", "openid", "profile", "w_member_social"];
        for text in [
            "email,openid,profile,w_member_social",
            " email  openid,\tprofile ,w_member_social\n,email",
        ] {
            assert_eq!(scopes(text).iter().collect::<Vec<_>>(), expected, "{text}");
        }
        assert!(scopes(" , ").is_empty());
        assert_eq!(scopes("b a").join(" "), "b a");
    }

    #[test]
    fn what_is_no_scope_token_is_refused() {
        for text in ["openid \"", "a\\b", "é", "a\u{7f}", "\u{1}"] {
            assert!(Scopes::parse(text).is_err(), "{text}");
            assert!(
                serde_json::from_str::<Scopes>(&serde_json::to_string(&[text]).unwrap()).is_err(),
                "{text}"
            );
        }
        assert_eq!(Scopes::from_answer("openid \"x\",profile"), scopes("openid profile"));
    }

    #[test]
    fn missing_keeps_the_order_asked_for() {
        let asked = scopes("openid profile email Profile");
        assert_eq!(asked.missing_from(&scopes("email,openid")), scopes("profile Profile"));
        assert!(asked.missing_from(&asked).is_empty());
    }

    #[test]
    fn a_grant_has_so_many_scopes_at_most() {
        let many = |count: usize| (0..count).map(|own| own.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(scopes(&many(MOST)), Scopes::from_answer(&many(100_000)));
        assert!(Scopes::parse(&many(MOST + 1)).is_err());
    }

    #[test]
    fn stored_as_an_array() {
        let json = serde_json::to_string(&scopes("openid profile")).unwrap();
        assert_eq!(json, r#"["openid","profile"]"#);
        assert_eq!(serde_json::from_str::<Scopes>(&json).unwrap(), scopes("openid profile"));
        assert!(serde_json::from_str::<Scopes>(r#"["openid profile"]"#).is_err());
    }
}
