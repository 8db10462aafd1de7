//! The clock.

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// Pages and workers both have it.
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, milliseconds: i32) -> f64;
}

/// Waits, as long as the worker or the page lives.
pub(super) async fn pause(milliseconds: i32) {
    let over = Promise::new(&mut |resolve, _| {
        set_timeout(&resolve, milliseconds);
    });
    // It never rejects.
    let _ = JsFuture::from(over).await;
}

/// Now, in milliseconds of the Unix epoch.
pub(super) fn now_ms() -> u64 {
    // A clock before 1970 reads as 1970; `as` saturates.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "Date.now() is integral, below 2^53"
    )]
    let now = js_sys::Date::now() as u64;
    now
}
