//! A passphrase, prepared as the `OpaqueString` profile of RFC 8265 (section 4.2) says.
//!
//! Whoever makes one brings it into Unicode's normalization form C first: a browser does that by `String.normalize`, and the
//! tables for it would be a tenth of the WebAssembly. Here every space that is not ASCII becomes U+0020. Nothing is
//! trimmed, no letter's case is changed: a space at the end counts.

use std::fmt;

use zeroize::Zeroizing;

/// What a person types. Its `Debug` is redacted, and it is wiped when it is dropped.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

/// Characters that a new passphrase has at least: no PIN can be brought up to it by adding a few digits.
pub const MIN_PASSPHRASE: usize = 12;
/// Bytes that one has at most, so that a pasted file is refused.
pub const MAX_PASSPHRASE: usize = 1024;

impl Passphrase {
    /// Takes a text in normalization form C.
    #[must_use]
    pub fn new(normalized: &str) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(normalized.len()));
        for letter in normalized.chars() {
            text.push(if is_space(letter) { ' ' } else { letter });
        }
        Self(text)
    }

    /// Whether a new one has a usable length; the reason, as a key for the texts, when it has not.
    pub fn checked(&self) -> Result<(), &'static str> {
        if self.0.len() > MAX_PASSPHRASE {
            return Err("too_long");
        }
        if self.0.chars().count() < MIN_PASSPHRASE {
            return Err("too_short");
        }
        Ok(())
    }

    /// Its bytes, for the key derivation.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Unicode's general category `Zs`, but for the space itself.
fn is_space(letter: char) -> bool {
    matches!(
        letter,
        '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}'
    )
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_are_one_character_and_nothing_else_changes() {
        for (typed, prepared) in [
            ("a b", "a b"),
            ("a\u{a0}b\u{2009}c\u{3000}", "a b c "),
            (" A  b ", " A  b "),
            ("\u{e9}\u{df}\u{1f680}", "\u{e9}\u{df}\u{1f680}"),
            // Neither a tab nor a joiner is a space.
            ("a\tb\u{200d}", "a\tb\u{200d}"),
        ] {
            assert_eq!(Passphrase::new(typed).expose(), prepared.as_bytes(), "{typed:?}");
        }
    }

    #[test]
    fn length_is_counted_in_characters_and_bounded_in_bytes() {
        let check = |text: &str| Passphrase::new(text).checked();
        assert_eq!(check(""), Err("too_short"));
        assert_eq!(check("12345678901"), Err("too_short"));
        assert_eq!(check(&"\u{1f680}".repeat(11)), Err("too_short"));
        assert_eq!(check("123456789012"), Ok(()));
        assert_eq!(check(&"\u{1f680}".repeat(12)), Ok(()));
        assert_eq!(check(&"a".repeat(MAX_PASSPHRASE)), Ok(()));
        assert_eq!(check(&"a".repeat(MAX_PASSPHRASE + 1)), Err("too_long"));
    }

    #[test]
    fn debug_shows_nothing() {
        let shown = format!("{:?}", Some(Passphrase::new("canary")));
        assert_eq!(shown, "Some(Passphrase([redacted]))");
    }
}
