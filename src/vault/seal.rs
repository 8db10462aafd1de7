//! Sealing one record: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), bound to its header and to what it is.

use std::fmt;

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

/// The length of a key.
pub const KEY_LEN: usize = 32;
/// The length of a nonce: long enough to draw it at random for every write.
pub const NONCE_LEN: usize = 24;
/// The length of a tag, by which a ciphertext is longer than its plaintext.
pub const TAG_LEN: usize = 16;

/// A key, of either kind. Its `Debug` is redacted, and it is wiped when it is dropped.
pub struct Key(Zeroizing<[u8; KEY_LEN]>);

impl Key {
    /// Takes random or derived bytes.
    #[must_use]
    pub fn new(bytes: Zeroizing<[u8; KEY_LEN]>) -> Self {
        Self(bytes)
    }

    /// Its bytes, for wrapping it under another key.
    #[must_use]
    pub fn expose(&self) -> &[u8; KEY_LEN] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([redacted])")
    }
}

/// What a sealed record is. It is sealed along with it, so that one record can't stand in the place of another, nor an
/// old one in that of the new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity<'a> {
    /// The kind of record.
    pub kind: RecordKind,
    /// Where it stands: its key in storage; empty for what is alone in its file.
    pub name: &'a str,
    /// How often it was written.
    pub generation: u64,
}

/// The kinds of sealed records. The numbers stand in files: none is ever used anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// The whole of a backup.
    Backup = 1,
    /// A record in storage.
    Stored = 2,
}

impl Identity<'_> {
    /// The associated data: every part but the last has a fixed length, so that no two identities give the same bytes.
    fn associated_data(&self, header: &[u8]) -> Vec<u8> {
        let mut data = Vec::with_capacity(header.len() + 9 + self.name.len());
        data.extend_from_slice(header);
        data.push(self.kind as u8);
        data.extend_from_slice(&self.generation.to_be_bytes());
        data.extend_from_slice(self.name.as_bytes());
        data
    }
}

/// The nonce, then the ciphertext with its tag. `header` has the same length in every file. None for a plaintext beyond
/// the cipher's limit of 256 GiB.
#[must_use]
pub fn seal(
    key: &Key,
    header: &[u8],
    identity: &Identity<'_>,
    nonce: &[u8; NONCE_LEN],
    plaintext: &[u8],
) -> Option<Vec<u8>> {
    let ciphertext = encrypt(key.expose(), nonce, &identity.associated_data(header), plaintext)?;
    let mut sealed = Vec::with_capacity(NONCE_LEN + ciphertext.len());
    sealed.extend_from_slice(nonce);
    sealed.extend_from_slice(&ciphertext);
    Some(sealed)
}

/// The plaintext; none where anything differs from what was sealed: the key, the header, the identity, any byte.
#[must_use]
pub fn open(key: &Key, header: &[u8], identity: &Identity<'_>, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN)?;
    decrypt(key.expose(), nonce, &identity.associated_data(header), ciphertext)
}

/// XChaCha20-Poly1305 itself: the ciphertext with its tag behind it.
#[must_use]
pub fn encrypt(key: &[u8; KEY_LEN], nonce: &[u8; NONCE_LEN], data: &[u8], plaintext: &[u8]) -> Option<Vec<u8>> {
    let payload = Payload {
        msg: plaintext,
        aad: data,
    };
    XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(*nonce), payload)
        .ok()
}

/// The plaintext; none where the tag does not fit, or the nonce has another length.
#[must_use]
pub fn decrypt(key: &[u8; KEY_LEN], nonce: &[u8], data: &[u8], ciphertext: &[u8]) -> Option<Vec<u8>> {
    let nonce: [u8; NONCE_LEN] = nonce.try_into().ok()?;
    let payload = Payload {
        msg: ciphertext,
        aad: data,
    };
    XChaCha20Poly1305::new(key.into())
        .decrypt(&XNonce::from(nonce), payload)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"a header";
    const TOKEN: Identity<'_> = Identity {
        kind: RecordKind::Stored,
        name: "a1",
        generation: 7,
    };

    fn key(byte: u8) -> Key {
        Key::new(Zeroizing::new([byte; KEY_LEN]))
    }

    fn sealed() -> Vec<u8> {
        seal(&key(1), HEADER, &TOKEN, &[9; NONCE_LEN], b"AQXtoken").expect("it is short")
    }

    #[test]
    fn opened_by_the_same_key_header_and_identity() {
        let sealed = sealed();
        assert_eq!(sealed.len(), NONCE_LEN + b"AQXtoken".len() + TAG_LEN);
        assert!(!sealed.windows(8).any(|window| window == b"AQXtoken"));
        assert_eq!(
            open(&key(1), HEADER, &TOKEN, &sealed).as_deref(),
            Some(b"AQXtoken".as_slice())
        );
    }

    #[test]
    fn another_record_in_its_place_is_rejected() {
        let other = |identity: Identity<'_>| open(&key(1), HEADER, &identity, &sealed());
        for name in ["a2", "a", "a11", "", "A1", "\u{0}a1"] {
            assert_eq!(other(Identity { name, ..TOKEN }), None, "{name:?}");
        }
        for generation in [0, 6, 8, u64::MAX] {
            assert_eq!(other(Identity { generation, ..TOKEN }), None, "{generation}");
        }
        let kind = RecordKind::Backup;
        assert_eq!(other(Identity { kind, ..TOKEN }), None);
        assert_eq!(open(&key(1), b"a Header", &TOKEN, &sealed()), None);
        assert_eq!(open(&key(2), HEADER, &TOKEN, &sealed()), None);
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_rejected() {
        let sealed = sealed();
        for place in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[place] ^= 1 << bit;
                assert_eq!(open(&key(1), HEADER, &TOKEN, &changed), None, "byte {place}, bit {bit}");
            }
            assert_eq!(open(&key(1), HEADER, &TOKEN, &sealed[..place]), None, "cut at {place}");
        }
        let longer = [sealed.as_slice(), &[0]].concat();
        assert_eq!(open(&key(1), HEADER, &TOKEN, &longer), None);
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", key(1)), "Key([redacted])");
    }
}
