//! What is sealed under a passphrase: the vectors of tests/vectors/vault, and that nothing else opens.
//!
//! The same files run through the WebAssembly that ships, in both browsers (tests/e2e/backup.test.mjs).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;
use tokenkeep::profile::MAX_NAME;
use tokenkeep::vault::backup::{
    Backup, BackupEntropy, ContentsError, MAX_BACKUP_BYTES, inspect_backup, open_backup, seal_backup,
};
use tokenkeep::vault::header::{HEADER_LEN, HeaderEntropy, OpenError};
use tokenkeep::vault::kdf::{KdfParams, argon2id};
use tokenkeep::vault::passphrase::Passphrase;
use tokenkeep::vault::seal::{decrypt, encrypt};
use zeroize::Zeroizing;

const PASSPHRASE: &str = "tundra velvet okapi lantern";

/// The vectors of a file; a file that lost some is a broken test.
fn vectors(name: &str, count: usize) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors/vault")
        .join(name);
    let file: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(!file["about"].as_str().unwrap().is_empty());
    let vectors = file["vectors"].as_array().unwrap().clone();
    assert_eq!(vectors.len(), count, "{name}");
    vectors
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn xchacha20_poly1305_as_wycheproof_says() {
    for vector in vectors("xchacha20_poly1305.json", 315) {
        let input = &vector["input"];
        let (nonce, data, ciphertext) = (
            bytes(&input["nonce"]),
            bytes(&input["aad"]),
            bytes(&input["ciphertext"]),
        );
        let key = bytes(&input["key"]).try_into().unwrap();
        let opened = decrypt(&key, &nonce, &data, &ciphertext);
        let expected = (!vector["expect"].is_null()).then(|| bytes(&vector["expect"]));
        assert_eq!(opened, expected, "{}", vector["name"]);
        if let Some(plaintext) = expected {
            let sealed = encrypt(&key, &nonce.try_into().unwrap(), &data, &plaintext);
            assert_eq!(sealed, Some(ciphertext), "{}", vector["name"]);
        }
    }
}

#[test]
fn argon2id_as_rfc_9106_says() {
    for vector in vectors("argon2id.json", 9) {
        let input = &vector["input"];
        let number = |name: &str| u32::try_from(input[name].as_u64().unwrap()).unwrap();
        let params = KdfParams {
            memory_kib: number("memory_kib"),
            passes: number("passes"),
            lanes: number("lanes"),
        };
        let [password, salt, secret, data] = ["password", "salt", "secret", "data"].map(|name| bytes(&input[name]));
        let mut tag = [0; 32];
        argon2id(&password, &salt, &secret, &data, params, &mut tag).unwrap();
        assert_eq!(tag.to_vec(), bytes(&vector["expect"]), "{}", vector["name"]);
    }
}

#[test]
fn files_open_or_say_why_not() {
    for vector in vectors("backups.json", 49) {
        let (input, expect) = (&vector["input"], &vector["expect"]);
        let file = bytes(&input["file"]);
        let passphrase = Passphrase::new(input["passphrase"].as_str().unwrap());
        let opened = open_backup(&passphrase, &file);
        // What can be said without the passphrase is said before anybody is asked for it.
        if let Err(error) = inspect_backup(&file) {
            assert_eq!(opened, Err(error), "{}", vector["name"]);
        }
        match opened {
            Ok(contents) => assert_eq!(
                contents,
                expect["contents"].as_str().unwrap().as_bytes(),
                "{}",
                vector["name"]
            ),
            Err(error) => assert_eq!(Some(error.code()), expect["error"].as_str(), "{}", vector["name"]),
        }
    }
}

/// Random bytes that count upwards: what is the same in the vectors and here.
fn entropy() -> BackupEntropy {
    let upwards = |from: u8| std::array::from_fn(|at| from + u8::try_from(at).unwrap());
    BackupEntropy {
        header: HeaderEntropy {
            salt: std::array::from_fn(|at| u8::try_from(at).unwrap()),
            nonce: std::array::from_fn(|at| u8::try_from(at).unwrap()),
            key: Zeroizing::new(upwards(32)),
        },
        nonce: std::array::from_fn(|at| 64 + u8::try_from(at).unwrap()),
    }
}

fn sealed(contents: &[u8]) -> Vec<u8> {
    seal_backup(&Passphrase::new(PASSPHRASE), KdfParams::FLOOR, entropy(), contents).unwrap()
}

#[test]
fn the_same_randomness_gives_the_vector_to_the_byte() {
    let vector = &vectors("backups.json", 49)[0];
    let contents = vector["expect"]["contents"].as_str().unwrap();
    assert_eq!(sealed(contents.as_bytes()), bytes(&vector["input"]["file"]));
}

#[test]
fn every_header_byte_mutated_is_rejected() {
    let file = sealed(b"{}");
    let passphrase = Passphrase::new(PASSPHRASE);
    assert!(open_backup(&passphrase, &file).is_ok());
    for place in 0..HEADER_LEN {
        let mut changed = file.clone();
        changed[place] ^= 1;
        let error = open_backup(&passphrase, &changed).expect_err("a changed header");
        let expected = match place {
            0..8 | 10 => &["foreign"][..],
            8..10 => &["newer_version", "foreign"],
            // Another derivation, or the parameters of another key.
            11..24 => &["refused_parameters", "wrong_passphrase"],
            _ => &["wrong_passphrase"],
        };
        assert!(expected.contains(&error.code()), "byte {place}: {error}");
    }
}

#[test]
fn every_truncation_is_rejected_before_a_key_is_derived() {
    let file = sealed(b"{\"schema\":1}");
    for length in 0..file.len() {
        let expected = if length == 0 {
            OpenError::Foreign
        } else {
            OpenError::Truncated
        };
        assert_eq!(inspect_backup(&file[..length]), Err(expected), "{length} bytes");
    }
    assert_eq!(inspect_backup(&file), Ok(()));
}

#[test]
fn parts_of_two_files_do_not_mix() {
    let passphrase = Passphrase::new(PASSPHRASE);
    let one = sealed(b"{\"of\":1}");
    let mut other = entropy();
    // The same data key under another header.
    other.header.salt[0] ^= 1;
    let two = seal_backup(&passphrase, KdfParams::FLOOR, other, b"{\"of\":2}").unwrap();
    let mixed = [&one[..HEADER_LEN], &two[HEADER_LEN..]].concat();
    assert_eq!(open_backup(&passphrase, &mixed), Err(OpenError::Damaged));
}

#[test]
fn a_full_storage_fits_into_a_backup() {
    const QUOTA_BYTES: usize = 10 * 1024 * 1024;
    let around = sealed(b"").len();
    assert!(QUOTA_BYTES + around <= MAX_BACKUP_BYTES, "{around} bytes more");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sealed_opens_and_is_not_seen(contents in "[ -~é日🚀]{16,200}", passphrase in "\\PC{1,60}") {
        let passphrase = Passphrase::new(&passphrase);
        let file = seal_backup(&passphrase, KdfParams::FLOOR, entropy(), contents.as_bytes()).unwrap();
        prop_assert!(!file.windows(8).any(|window| contents.as_bytes().windows(8).any(|own| own == window)));
        prop_assert_eq!(open_backup(&passphrase, &file).unwrap(), contents.into_bytes());
    }

    #[test]
    fn a_change_anywhere_is_rejected(place in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut file = sealed(b"{\"schema\":1,\"profiles\":[]}");
        let place = place.index(file.len());
        // A cost that is changed within its limits takes long and is rejected all the same.
        prop_assume!(!(13..16).contains(&place));
        file[place] ^= 1 << bit;
        prop_assert!(open_backup(&Passphrase::new(PASSPHRASE), &file).is_err());
    }

    #[test]
    fn any_bytes_are_no_backup(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert_eq!(inspect_backup(&bytes).err().map(OpenError::code), Some("foreign"));
    }

    #[test]
    fn any_cost_beyond_the_limits_is_refused(memory in any::<u32>(), passes in any::<u32>(), lanes in any::<u32>()) {
        let params = KdfParams { memory_kib: memory, passes, lanes };
        let (floor, ceiling) = (KdfParams::FLOOR, KdfParams::CEILING);
        let within = (floor.memory_kib..=ceiling.memory_kib).contains(&memory)
            && (floor.passes..=ceiling.passes).contains(&passes) && (floor.lanes..=ceiling.lanes).contains(&lanes);
        prop_assume!(!within);
        let mut file = sealed(b"{}");
        for (place, number) in [(12, memory), (16, passes), (20, lanes)] {
            file[place..place + 4].copy_from_slice(&number.to_be_bytes());
        }
        prop_assert_eq!(inspect_backup(&file), Err(OpenError::RefusedParameters));
        let sealed = seal_backup(&Passphrase::new(PASSPHRASE), params, entropy(), b"{}");
        prop_assert_eq!(sealed.err(), Some(OpenError::RefusedParameters));
    }
}

#[test]
fn contents_that_no_page_stored_are_refused() {
    let good = vectors("backups.json", 49)[0]["expect"]["contents"]
        .as_str()
        .unwrap()
        .to_owned();
    let read = |contents: &str| Backup::read(&serde_json::from_str(contents).unwrap());
    let backup = read(&good).unwrap();
    assert_eq!(backup.profiles.len(), 1);
    assert!(backup.profiles[0].secret.is_some() && backup.profiles[0].token.is_some());
    for (from, to, expected) in [
        (r#""schema":1"#, r#""schema":2"#, ContentsError::Newer),
        (r#""schema":1"#, r#""schema":"1""#, ContentsError::Unfit("schema")),
        (r#""schema":1,"#, "", ContentsError::Unfit("schema")),
        (r#""made_ms":1790000000000,"#, "", ContentsError::Unfit("made_ms")),
        ("[7,1]", "[]", ContentsError::Unfit("required")),
        ("[7,1]", "[99]", ContentsError::Unfit("out_of_range")),
        ("00112233445566aa", "a b", ContentsError::Unfit("id")),
        ("00112233445566aa", "", ContentsError::Unfit("id")),
        ("00112233445566aa", "<b>", ContentsError::Unfit("id")),
        (
            "https://app.example.com/cb",
            "javascript:alert(1)",
            ContentsError::Unfit("profiles"),
        ),
        (r#""name":"Billing","#, "", ContentsError::Unfit("profiles")),
        (r#""v":1,"#, "", ContentsError::Unfit("profiles")),
    ] {
        let changed = good.replace(from, to);
        assert_ne!(changed, good, "{from}");
        assert_eq!(read(&changed).err(), Some(expected), "{from} -> {to}");
    }
    let longest = ["n".repeat(MAX_NAME), "a".repeat(64)];
    for (from, to) in [
        ("Billing", longest[0].as_str()),
        ("00112233445566aa", &longest[1]),
        ("00112233445566aa", "-a_B-9"),
    ] {
        assert_eq!(read(&good.replace(from, to)).err(), None, "{to}");
    }
    for (from, to, unfit) in [
        ("Billing", &longest[0], "name"),
        ("00112233445566aa", &longest[1], "id"),
    ] {
        let longer = good.replace(from, &[to, "a"].concat());
        assert_eq!(read(&longer).err(), Some(ContentsError::Unfit(unfit)));
    }
    let list = good.find("[{").unwrap();
    let profile = &good[list + 1..good.len() - 2];
    let twice = good.replace(profile, &[profile, ",", profile].concat());
    assert_eq!(read(&twice).err(), Some(ContentsError::Unfit("id")));
}
