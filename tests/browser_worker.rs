//! The WebAssembly in a service worker: `cargo xtask test --only browser`.

#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, reason = "the page has a test of its own that uses the rest")]
mod browser;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_service_worker);
