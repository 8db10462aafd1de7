//! Proof Key for Code Exchange (RFC 7636), S256 only, and the making of `state`.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::secret::{CodeVerifier, State};

impl CodeVerifier {
    /// 43 characters from 32 random bytes, as RFC 7636 §4.1 recommends.
    #[must_use]
    pub fn from_entropy(entropy: &[u8; 32]) -> Self {
        Self::new(URL_SAFE_NO_PAD.encode(entropy))
    }
}

impl State {
    /// 43 characters from 32 random bytes. They must be other bytes than the verifier's: state is seen by the
    /// redirect's host, a verifier must not be (security.md §1.2, rule 3).
    #[must_use]
    pub fn from_entropy(entropy: &[u8; 32]) -> Self {
        Self::new(URL_SAFE_NO_PAD.encode(entropy))
    }

    /// By which it is known again where it must not stand itself: SHA-256, of 32 random bytes.
    #[must_use]
    pub fn hash(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.expose()))
    }
}

/// `code_challenge` with `code_challenge_method=S256`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// `BASE64URL-ENCODE(SHA256(ASCII(code_verifier)))`, RFC 7636 §4.2.
    #[must_use]
    pub fn s256(verifier: &CodeVerifier) -> Self {
        Self(URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose())))
    }

    /// The value to send.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
