//! What stands sealed or checked, in a file or in storage.

use tokenkeep::plain::Plain;
use tokenkeep::vault::backup::{Backup, Kept, inspect_backup};
use tokenkeep::vault::header::{Begins, HEADER_LEN, Header};
use tokenkeep::vault::restore::{Choice, compare};
use tokenkeep::vault::seal::{KEY_LEN, Key, NONCE_LEN};
use tokenkeep::vault::stored::{Sealing, StoredError, check_stored, read_stored, write_stored};
use zeroize::Zeroizing;

use super::ours::read;
use super::{end, sample};

/// Where the texts of the target stand.
const KEY: &str = "token:a1";

fn sealing() -> Sealing {
    Sealing::Open(Key::new(Zeroizing::new([9; KEY_LEN])))
}

/// The header of a file. Its key is not derived: that takes the 64 MiB that it is meant to take.
pub(super) fn header(input: &[u8]) -> u64 {
    match Header::parse(Begins::Backup, input) {
        Ok(header) => {
            assert_eq!(header.bytes()[..], input[..HEADER_LEN]);
            end(&&input[10..24])
        }
        Err(error) => end(&error.code()),
    }
}

/// What can be said of a backup's file without its passphrase.
pub(super) fn backup(input: &[u8]) -> u64 {
    match inspect_backup(input) {
        Ok(()) => {
            assert!(Header::parse(Begins::Backup, input).is_ok());
            let sealed = (input.len() - HEADER_LEN - 8) as u64;
            assert_eq!(input[HEADER_LEN..HEADER_LEN + 8], sealed.to_be_bytes());
            end(&sealed.ilog2())
        }
        Err(error) => end(&error.code()),
    }
}

/// The contents of a backup, compared with what is here, and each choice made.
pub(super) fn contents(input: &[u8]) -> u64 {
    let Ok(plain) = serde_json::from_slice::<Plain>(input) else {
        return 0;
    };
    let backup = match Backup::read(&plain) {
        Ok(backup) => backup,
        Err(error) => return end(&format!("{error:?}")),
    };
    if let Err(end) = read::<Backup>(&plain) {
        return end;
    }
    let here = sample_kept();
    let mut ends = Vec::new();
    for (compared, kept) in compare(&backup, &here).iter().zip(&backup.profiles) {
        for choice in [Choice::Mine, Choice::Backup, Choice::Both] {
            let chosen = compared.chosen(kept, choice, "copy".to_owned());
            if let Some(restored) = chosen {
                let replaced = here.iter().find(|mine| mine.profile.id == restored.kept.profile.id);
                assert_eq!(replaced.is_some(), restored.replaces, "what it replaces is there");
                let newer = |mine: &Kept| match (&mine.token, &restored.kept.token) {
                    (Some(mine), Some(theirs)) => mine.token.obtained_ms > theirs.token.obtained_ms,
                    _ => false,
                };
                assert!(!replaced.is_some_and(newer), "a newer token is replaced");
            }
        }
        ends.push((compared.is_same(), compared.fields.clone(), compared.other_app));
    }
    end(&ends)
}

fn sample_kept() -> Vec<Kept> {
    let profile = sample("profile");
    let kept = profile.map(|profile| Kept {
        profile,
        secret: sample("secret"),
        token: sample("stored_token"),
    });
    kept.into_iter().collect()
}

/// The text of a record, sealed or not.
pub(super) fn stored(input: &str) -> u64 {
    let whole = match check_stored(KEY, input) {
        Ok(whole) => whole,
        Err(error) => {
            for sealing in [Sealing::Off, Sealing::Locked, sealing()] {
                assert_eq!(read_stored(KEY, input, &sealing), Err(error));
            }
            return end(&error.to_string());
        }
    };
    assert!(check_stored("token:b2", input).is_err(), "it stands for another record");
    let read = read_stored(KEY, input, &Sealing::Locked);
    assert_eq!(read == Err(StoredError::Locked), whole.sealed);
    if let Ok(json) = read {
        let again = write_stored(KEY, whole.generation, &json, &Sealing::Off, &[0; NONCE_LEN]);
        // A number may be written with zeros or a sign before it.
        let again = again.unwrap_or_default();
        assert_eq!(read_stored(KEY, &again, &Sealing::Off), Ok(json));
    }
    if whole.sealed {
        // Nobody who has not the key makes a text that opens.
        let opened = read_stored(KEY, input, &sealing());
        let sealed_by_us = opened.as_ref().is_ok_and(|json| {
            stored_seeds().iter().any(|seed| {
                let seed = String::from_utf8_lossy(seed);
                read_stored(KEY, &seed, &sealing()).as_ref() == Ok(json)
            })
        });
        assert!(opened.is_err() || sealed_by_us, "it was never sealed");
    }
    end(&(whole.sealed, whole.generation.checked_ilog2()))
}

/// Texts of records, plain and sealed, and with an older form's number.
pub(super) fn stored_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (place, json) in crate::seeds::records("stored_token").iter().enumerate() {
        let json = String::from_utf8_lossy(json);
        for sealing in [Sealing::Off, sealing()] {
            let text = write_stored(KEY, place as u64 + 1, &json, &sealing, &[7; NONCE_LEN]);
            seeds.extend(text.map(String::into_bytes));
        }
    }
    seeds
}

/// The files of the vectors.
pub(super) fn files() -> Vec<Vec<u8>> {
    let digits = crate::seeds::members("vault/backups", "file");
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits
        .iter()
        .map(|digits| digits.chunks(2).filter_map(byte).collect())
        .collect()
}
