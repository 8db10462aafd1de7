//! One record as it stands in `storage.local`: a text that tells whether it is whole.
//!
//! ```text
//! <checksum>;2;<generation>;<p or s>;<body>
//! ```
//!
//! The checksum is CRC-32 (of ISO-HDLC) in eight hexadecimal digits, over the key, a NUL and everything behind the first `;`, so that
//! a text under another key is as damaged as one with another byte. `2` is the version of this form: in the first one,
//! records stood in storage as plain objects. The generation grows with every write of the key: it is the time of the write, or one more
//! than that of the text before. The body of `p` is the record
//! as JSON; that of `s` the nonce and the ciphertext of it in base64url, sealed with the key and the generation.
//!
//! The record before the last one stands under the [`former_key`].

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use crc::{CRC_32_ISO_HDLC, Crc, NoTable};

use super::seal::{Identity, Key, NONCE_LEN, RecordKind, open, seal};

/// Without a table: it would be larger than what it makes faster is slow.
const CHECKSUM: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);
/// The version of the form.
const VERSION: &str = "2";
/// How many characters the checksum has.
const CHECKSUM_LEN: usize = 8;

/// Whether records are sealed, and whether they can be opened now.
#[derive(Debug, Default)]
pub enum Sealing {
    /// There is no passphrase.
    #[default]
    Off,
    /// There is one, and it was not entered.
    Locked,
    /// Sealed under this data key.
    Open(Key),
}

/// Why a stored text gives no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// It is not what was written, or stands in the place of another.
    #[error("it is damaged")]
    Damaged,
    /// A newer version wrote it.
    #[error("a newer version wrote it")]
    Newer,
    /// It is sealed, and the passphrase was not entered.
    #[error("it is locked")]
    Locked,
}

/// Where the text stands that a key had before its last write.
#[must_use]
pub fn former_key(key: &str) -> String {
    ["~", key].concat()
}

fn checksum(key: &str, rest: &str) -> u32 {
    let mut digest = CHECKSUM.digest();
    digest.update(key.as_bytes());
    digest.update(&[0]);
    digest.update(rest.as_bytes());
    digest.finalize()
}

fn hexadecimal(number: u32) -> String {
    let digits = (0..8)
        .rev()
        .filter_map(|place| char::from_digit((number >> (4 * place)) & 15, 16));
    digits.collect()
}

/// The text of a record. `generation` is more than that of the text before. None while locked, or for a record beyond the
/// cipher's limit.
#[must_use]
pub fn write_stored(
    key: &str,
    generation: u64,
    json: &str,
    sealing: &Sealing,
    nonce: &[u8; NONCE_LEN],
) -> Option<String> {
    let generation_text = generation.to_string();
    let rest = match sealing {
        Sealing::Off => [VERSION, ";", &generation_text, ";p;", json].concat(),
        Sealing::Locked => return None,
        Sealing::Open(data_key) => {
            let sealed = seal(data_key, &[], &identity(key, generation), nonce, json.as_bytes())?;
            [VERSION, ";", &generation_text, ";s;", &URL_SAFE_NO_PAD.encode(sealed)].concat()
        }
    };
    Some([&hexadecimal(checksum(key, &rest)), ";", &rest].concat())
}

/// A text that is what was written under its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole<'a> {
    /// Which of the key's texts it is: a later one has a higher number.
    pub generation: u64,
    /// Whether the body is sealed.
    pub sealed: bool,
    body: &'a str,
}

/// Looks whether a text is whole, which needs no passphrase.
pub fn check_stored<'a>(key: &str, text: &'a str) -> Result<Whole<'a>, StoredError> {
    let (sum, rest) = text.split_at_checked(CHECKSUM_LEN).ok_or(StoredError::Damaged)?;
    let rest = rest.strip_prefix(';').ok_or(StoredError::Damaged)?;
    if sum != hexadecimal(checksum(key, rest)) {
        return Err(StoredError::Damaged);
    }
    let rest = rest
        .strip_prefix(VERSION)
        .and_then(|rest| rest.strip_prefix(';'))
        .ok_or(StoredError::Newer)?;
    // The checksum fits: what has another form than this one was meant so.
    let (generation, rest) = rest.split_once(';').ok_or(StoredError::Newer)?;
    let generation = generation.parse().map_err(|_| StoredError::Newer)?;
    let (kind, body) = rest.split_once(';').ok_or(StoredError::Newer)?;
    let sealed = match kind {
        "p" => false,
        "s" => true,
        _ => return Err(StoredError::Newer),
    };
    Ok(Whole {
        generation,
        sealed,
        body,
    })
}

/// The JSON of the record that stands under a key.
pub fn read_stored(key: &str, text: &str, sealing: &Sealing) -> Result<String, StoredError> {
    let whole = check_stored(key, text)?;
    if !whole.sealed {
        return Ok(whole.body.to_owned());
    }
    let Sealing::Open(data_key) = sealing else {
        return Err(StoredError::Locked);
    };
    let sealed = URL_SAFE_NO_PAD.decode(whole.body).map_err(|_| StoredError::Damaged)?;
    let json = open(data_key, &[], &identity(key, whole.generation), &sealed).ok_or(StoredError::Damaged)?;
    String::from_utf8(json).map_err(|_| StoredError::Damaged)
}

fn identity(key: &str, generation: u64) -> Identity<'_> {
    Identity {
        kind: RecordKind::Stored,
        name: key,
        generation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    const KEY: &str = "token:a1";
    const JSON: &str = r#"{"access_token":"AQX-ä;~\"","generation":7}"#;
    const NONCE: [u8; NONCE_LEN] = [5; NONCE_LEN];

    fn open_vault() -> Sealing {
        Sealing::Open(Key::new(Zeroizing::new([9; 32])))
    }

    fn text(sealing: &Sealing, generation: u64) -> String {
        write_stored(KEY, generation, JSON, sealing, &NONCE).expect("it can be written")
    }

    #[test]
    fn what_was_written_is_read() {
        for sealing in [Sealing::Off, open_vault()] {
            let text = text(&sealing, 3);
            assert_eq!(read_stored(KEY, &text, &sealing).as_deref(), Ok(JSON));
            assert_eq!(check_stored(KEY, &text).map(|whole| whole.generation), Ok(3));
        }
        assert_eq!(text(&Sealing::Off, 3), format!("1a0bda2a;2;3;p;{JSON}"));
    }

    #[test]
    fn every_changed_byte_and_every_truncation_is_seen_without_a_passphrase() {
        for sealing in [Sealing::Off, open_vault()] {
            let whole = text(&sealing, 12);
            for at in 0..whole.len() {
                let cut = String::from_utf8_lossy(&whole.as_bytes()[..at]).into_owned();
                assert_eq!(check_stored(KEY, &cut), Err(StoredError::Damaged), "cut at {at}");
                for bit in 0..8 {
                    let mut bytes = whole.clone().into_bytes();
                    bytes[at] ^= 1 << bit;
                    let changed = String::from_utf8_lossy(&bytes).into_owned();
                    assert_eq!(
                        check_stored(KEY, &changed),
                        Err(StoredError::Damaged),
                        "byte {at}, bit {bit}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_record_of_another_key_or_generation_is_refused() {
        let sealing = open_vault();
        let third = text(&sealing, 3);
        assert_eq!(read_stored("token:b2", &third, &sealing), Err(StoredError::Damaged));
        // Whoever computes the checksum anew still has no tag that fits.
        let forged = |key: &str, rest: String| [hexadecimal(checksum(key, &rest)), ";".to_owned(), rest].concat();
        let body = &third[third.rfind(';').expect("a body")..];
        for (key, generation) in [("token:b2", 3), (KEY, 4), ("~token:a1", 3)] {
            let text = forged(key, format!("2;{generation};s{body}"));
            assert!(check_stored(key, &text).is_ok());
            assert_eq!(
                read_stored(key, &text, &sealing),
                Err(StoredError::Damaged),
                "{key} {generation}"
            );
        }
    }

    #[test]
    fn sealed_records_need_their_key() {
        let text = text(&open_vault(), 1);
        assert_eq!(read_stored(KEY, &text, &Sealing::Locked), Err(StoredError::Locked));
        assert_eq!(read_stored(KEY, &text, &Sealing::Off), Err(StoredError::Locked));
        let other = Sealing::Open(Key::new(Zeroizing::new([8; 32])));
        assert_eq!(read_stored(KEY, &text, &other), Err(StoredError::Damaged));
        assert_eq!(write_stored(KEY, 1, JSON, &Sealing::Locked, &NONCE), None);
        assert!(!text.contains("access_token"));
    }

    #[test]
    fn another_form_with_a_checksum_that_fits_is_a_newer_one() {
        for rest in ["3;1;p;{}", "2;1;x;{}", "2;one;p;{}", "2", ""] {
            let text = [&hexadecimal(checksum(KEY, rest)), ";", rest].concat();
            assert_eq!(check_stored(KEY, &text), Err(StoredError::Newer), "{rest}");
        }
    }
}
