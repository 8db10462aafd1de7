//! The browser: the only room that names `web_sys`, `js_sys`, `wasm_bindgen` or `gloo`.
//!
//! It carries bytes, times and clicks between the platform and the pure rooms, and decides nothing about OAuth.

mod api;
mod clock;
mod dom;
mod entropy;
mod fetch;
mod page;
mod storage;
mod texts;
mod worker;

pub use fetch::{TIMEOUT_MS, send};
