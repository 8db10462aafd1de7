//! What was copied last, as the session knows it: a salted hash, by which the clipboard is told to hold it still. The text itself
//! is kept nowhere.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::oauth::secret::CopiedText;
use crate::plain::record;

/// A text on the clipboard, and until when it may stay there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Random digits, new for each copy.
    pub salt: String,
    /// SHA-256 of the salt and the text, in hexadecimal digits.
    pub hash: String,
    /// When the clipboard is to be cleared, in milliseconds of the Unix epoch.
    pub due_ms: u64,
}
record!(Copied { salt, hash, due_ms });

impl Copied {
    /// Takes a text that is being copied. Systems have line ends of their own.
    #[must_use]
    pub fn new(text: &CopiedText, entropy: &[u8; 16], due_ms: u64) -> Self {
        let salt = hexadecimal(entropy);
        let mut hash = Sha256::new();
        hash.update(&salt);
        hash.update(text.expose().replace("\r\n", "\n"));
        let hash = hexadecimal(&hash.finalize());
        Self { salt, hash, due_ms }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same in a shell: `printf '%s' "00010203…0e0fabc" | sha256sum`.
    #[test]
    fn the_hash_is_that_of_salt_and_text() {
        let entropy: [u8; 16] = std::array::from_fn(|place| u8::try_from(place).unwrap());
        let copied = Copied::new(&CopiedText::new("abc"), &entropy, 7);
        assert_eq!(copied.salt, "000102030405060708090a0b0c0d0e0f");
        assert_eq!(
            copied.hash,
            "2c5ea440d4dc70305f8e284a862fc881ac8585b3cd52be94fab43b46d03b3591"
        );
        assert_eq!(copied.due_ms, 7);
    }

    #[test]
    fn another_salt_or_text_has_another_hash_and_line_ends_have_none() {
        let hash = |text: &str, salt: u8| Copied::new(&CopiedText::new(text), &[salt; 16], 0).hash;
        assert_ne!(hash("abc", 0), hash("abc", 1));
        assert_ne!(hash("abc", 0), hash("abc ", 0));
        assert_eq!(hash("a\r\nb\n", 0), hash("a\nb\n", 0));
        assert_ne!(hash("a\rb", 0), hash("a\nb", 0));
    }

    #[test]
    fn the_record_does_not_hold_the_text() {
        let copied = Copied::new(&CopiedText::new("AQVcanary"), &[1; 16], 0);
        let json = serde_json::to_string(&copied).unwrap();
        assert!(!json.contains("canary"), "{json}");
    }
}
