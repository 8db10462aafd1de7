//! Randomness.

use wasm_bindgen::JsValue;

use super::api;

/// `N` bytes of the browser's cryptographic generator.
pub(super) fn bytes<const N: usize>() -> Result<[u8; N], JsValue> {
    let mut bytes = [0; N];
    api::CRYPTO.with(|crypto| crypto.get_random_values(&mut bytes))?;
    Ok(bytes)
}

/// A random name of 16 hexadecimal digits for a profile or a flow; no secret.
pub(super) fn name() -> Result<String, JsValue> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bytes: [u8; 8] = bytes()?;
    let mut name = String::with_capacity(16);
    for byte in bytes {
        name.push(char::from(DIGITS[usize::from(byte >> 4)]));
        name.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    Ok(name)
}
