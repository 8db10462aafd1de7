//! The WebAssembly in a page: `cargo xtask test --only browser`.

#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod browser;

use browser::get;
use js_sys::{Array, Uint8Array};
use tokenkeep::browser::send;
use tokenkeep::diagnosis::TransportError;
use tokenkeep::oauth::http::MAX_RESPONSE_BYTES;
use wasm_bindgen_test::wasm_bindgen_test;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

/// A URL at which this many bytes stand.
fn blob(bytes: usize) -> String {
    let content = Uint8Array::new_with_length(u32::try_from(bytes).unwrap());
    let blob = web_sys::Blob::new_with_u8_array_sequence(&Array::of1(&content)).unwrap();
    web_sys::Url::create_object_url_with_blob(&blob).unwrap()
}

// A service worker has no object URLs.
#[wasm_bindgen_test]
async fn the_limit_of_an_answer() {
    let whole = send(&get(blob(MAX_RESPONSE_BYTES))).await.unwrap();
    assert_eq!(whole.body.len(), MAX_RESPONSE_BYTES);
    let error = send(&get(blob(MAX_RESPONSE_BYTES + 1))).await.unwrap_err();
    assert_eq!(error, TransportError::TooLarge);
}
