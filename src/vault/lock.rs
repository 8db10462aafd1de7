//! Storage under a passphrase: what stands beside the sealed records.
//!
//! The passphrase unlocks the [`Header`](super::header::Header), which gives the data key. Each passphrase has a data key of its own: who knew
//! the last one and has a copy of the disk from then can't read what is written later. The data key stands in
//! `storage.session`, which is memory, and nowhere else.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::seal::{KEY_LEN, Key};
use super::stored::Sealing;
use crate::plain::{Plain, Record, Unfit, record};

/// Whether there is a passphrase. The record is never removed: one write of the whole storage sets, changes or ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultRecord {
    /// The bytes of the header, in Base64; empty when there is no passphrase any more.
    pub header: String,
}
record!(VaultRecord { header });

impl VaultRecord {
    /// The header's bytes; none when it is damaged.
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.header).ok()
    }

    /// The record of a header.
    #[must_use]
    pub fn new(header: &[u8]) -> Self {
        Self {
            header: STANDARD.encode(header),
        }
    }
}

/// A data key in Base64. Its `Debug` is redacted, and it is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct EncodedKey(Zeroizing<String>);

impl EncodedKey {
    /// Takes a key's bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(STANDARD.encode(bytes)))
    }

    fn key(&self) -> Option<Key> {
        let bytes = Zeroizing::new(STANDARD.decode(self.0.as_str()).ok()?);
        let bytes: [u8; KEY_LEN] = bytes.as_slice().try_into().ok()?;
        Some(Key::new(Zeroizing::new(bytes)))
    }
}

impl fmt::Debug for EncodedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncodedKey([redacted])")
    }
}

impl Record for EncodedKey {
    fn to_plain(&self) -> Plain {
        Plain::Text(self.0.as_str().to_owned())
    }

    fn from_plain(plain: &Plain) -> Result<Self, Unfit> {
        let text = plain.as_str().ok_or(Unfit("key"))?;
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

/// The data key of an unlocked storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenKey {
    /// The header that it belongs to: the key of another passphrase opens nothing.
    pub header: String,
    /// The key.
    pub key: EncodedKey,
    /// Whether it is on its way out: what was posted is waited for, and the pages are locked already.
    pub closing: bool,
}
record!(OpenKey { header, key, closing });

/// How the stored records are read and written.
#[must_use]
pub fn sealing(vault: Option<&VaultRecord>, open: Option<&OpenKey>) -> Sealing {
    let Some(vault) = vault.filter(|vault| !vault.header.is_empty()) else {
        return Sealing::Off;
    };
    match open
        .filter(|open| open.header == vault.header)
        .and_then(|open| open.key.key())
    {
        Some(key) => Sealing::Open(key),
        None => Sealing::Locked,
    }
}

/// What comes due while storage is locked. Times only: nobody may read there what they belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// When each renewal is due, in milliseconds of the Unix epoch.
    pub renewals_ms: Vec<u64>,
    /// When each token ends, in milliseconds of the Unix epoch.
    pub ends_ms: Vec<u64>,
}
record!(Waiting { renewals_ms, ends_ms });

impl Waiting {
    /// How many renewals are due.
    #[must_use]
    pub fn renewals(&self, now_ms: u64) -> usize {
        self.renewals_ms.iter().filter(|at_ms| **at_ms <= now_ms).count()
    }

    /// Whether a token has ended.
    #[must_use]
    pub fn has_ended(&self, now_ms: u64) -> bool {
        self.ends_ms.iter().any(|at_ms| *at_ms <= now_ms)
    }

    /// When something comes due next.
    #[must_use]
    pub fn next_ms(&self, now_ms: u64) -> Option<u64> {
        let all = self.renewals_ms.iter().chain(&self.ends_ms);
        all.copied().filter(|at_ms| *at_ms > now_ms).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> VaultRecord {
        VaultRecord::new(&[7; 112])
    }

    fn open(header: &[u8], key: &[u8]) -> OpenKey {
        OpenKey {
            header: VaultRecord::new(header).header,
            key: EncodedKey::new(key),
            closing: false,
        }
    }

    #[test]
    fn without_a_passphrase_nothing_is_sealed() {
        assert!(matches!(sealing(None, None), Sealing::Off));
        assert!(matches!(sealing(Some(&VaultRecord::new(&[])), None), Sealing::Off));
        assert!(matches!(sealing(None, Some(&open(&[7; 112], &[1; 32]))), Sealing::Off));
    }

    #[test]
    fn only_the_key_of_this_header_opens() {
        let all = |open: &OpenKey| sealing(Some(&vault()), Some(open));
        assert!(matches!(all(&open(&[7; 112], &[1; 32])), Sealing::Open(key) if *key.expose() == [1; 32]));
        assert!(matches!(sealing(Some(&vault()), None), Sealing::Locked));
        assert!(matches!(all(&open(&[8; 112], &[1; 32])), Sealing::Locked));
        assert!(matches!(all(&open(&[7; 112], &[1; 31])), Sealing::Locked));
        let mut no_base64 = open(&[7; 112], &[1; 32]);
        no_base64.key = EncodedKey(Zeroizing::new("?".to_owned()));
        assert!(matches!(all(&no_base64), Sealing::Locked));
    }

    #[test]
    fn no_debug_shows_the_key() {
        let shown = format!("{:?}", open(&[7; 112], &[1; 32]));
        assert!(
            shown.contains("[redacted]") && !shown.contains(&STANDARD.encode([1; 32])),
            "{shown}"
        );
    }

    #[test]
    fn read_as_it_was_written() {
        let open = open(&[7; 112], &[1; 32]);
        assert_eq!(OpenKey::from_plain(&open.to_plain()), Ok(open));
        assert_eq!(vault().bytes(), Some(vec![7; 112]));
        assert_eq!(VaultRecord { header: "ü".into() }.bytes(), None);
    }

    #[test]
    fn what_waits_is_counted() {
        let waiting = Waiting {
            renewals_ms: vec![10, 20, 30],
            ends_ms: vec![25],
        };
        for (now_ms, renewals, ended, next_ms) in [
            (9, 0, false, Some(10)),
            (10, 1, false, Some(20)),
            (20, 2, false, Some(25)),
            (25, 2, true, Some(30)),
            (30, 3, true, None),
        ] {
            assert_eq!(waiting.renewals(now_ms), renewals, "{now_ms}");
            assert_eq!(waiting.has_ended(now_ms), ended, "{now_ms}");
            assert_eq!(waiting.next_ms(now_ms), next_ms, "{now_ms}");
        }
    }
}
