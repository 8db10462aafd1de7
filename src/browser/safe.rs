//! The module that seals and opens files: the key derivation and the cipher, and nothing else.
//!
//! `www/answer.js` runs it in a worker of the page that needs it. A key takes a second and 64 MiB; both are given back when the
//! page ends the worker.

#![expect(unreachable_pub, reason = "wasm-bindgen exports public functions only")]

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use zeroize::Zeroizing;

use crate::vault::backup::{BackupEntropy, open_backup, seal_backup};
use crate::vault::header::{Begins, Header, HeaderEntropy, OpenError};
use crate::vault::kdf::{self, KdfParams};
use crate::vault::passphrase::Passphrase;
use crate::vault::seal::decrypt;

use super::entropy;

/// The page knows the reason by its code.
fn code(error: OpenError) -> JsValue {
    error.code().into()
}

/// The file of a backup with these contents, under a passphrase in normalization form C.
#[wasm_bindgen]
pub fn seal(passphrase: &str, contents: &str) -> Result<Vec<u8>, JsValue> {
    let entropy = BackupEntropy {
        header: HeaderEntropy {
            salt: entropy::bytes()?,
            nonce: entropy::bytes()?,
            key: Zeroizing::new(entropy::bytes()?),
        },
        nonce: entropy::bytes()?,
    };
    let passphrase = Passphrase::new(passphrase);
    seal_backup(&passphrase, KdfParams::NEW, entropy, contents.as_bytes()).map_err(code)
}

/// The contents of a backup's file.
#[wasm_bindgen]
pub fn open(passphrase: &str, file: &[u8]) -> Result<String, JsValue> {
    let contents = open_backup(&Passphrase::new(passphrase), file).map_err(code)?;
    // Only text was ever sealed.
    String::from_utf8(contents).map_err(|_| code(OpenError::Damaged))
}

/// The header of a storage under a passphrase, and its data key behind it.
#[wasm_bindgen]
pub fn new_vault(passphrase: &str) -> Result<Vec<u8>, JsValue> {
    let entropy = HeaderEntropy {
        salt: entropy::bytes()?,
        nonce: entropy::bytes()?,
        key: Zeroizing::new(entropy::bytes()?),
    };
    let passphrase = Passphrase::new(passphrase);
    let (header, key) = Header::create(Begins::Vault, &passphrase, KdfParams::NEW, entropy).map_err(code)?;
    Ok([header.bytes().as_slice(), key.expose()].concat())
}

/// The data key of a storage.
#[wasm_bindgen]
pub fn open_vault(passphrase: &str, header: &[u8]) -> Result<Vec<u8>, JsValue> {
    let header = Header::parse(Begins::Vault, header).map_err(code)?;
    let key = header.unlock(&Passphrase::new(passphrase)).map_err(code)?;
    Ok(key.expose().to_vec())
}

/// Argon2id with all its inputs: so that the vectors run on what ships.
#[wasm_bindgen]
pub fn argon2id(
    password: &[u8],
    salt: &[u8],
    secret: &[u8],
    data: &[u8],
    memory_kib: u32,
    passes: u32,
    lanes: u32,
) -> Result<Vec<u8>, JsValue> {
    let params = KdfParams {
        memory_kib,
        passes,
        lanes,
    };
    let mut tag = vec![0; 32];
    kdf::argon2id(password, salt, secret, data, params, &mut tag).map_err(|error| code(error.into()))?;
    Ok(tag)
}

/// XChaCha20-Poly1305, likewise; none where the tag does not fit.
#[wasm_bindgen]
pub fn xchacha20_poly1305(key: &[u8], nonce: &[u8], data: &[u8], ciphertext: &[u8]) -> Option<Vec<u8>> {
    decrypt(key.try_into().ok()?, nonce, data, ciphertext)
}
