//! The browser: the only room that names `web_sys`, `js_sys`, `wasm_bindgen` or `gloo`.
//!
//! It carries bytes, times and clicks between the platform and the pure rooms, and decides nothing about OAuth.

#![cfg_attr(
    not(all(feature = "worker", feature = "popup", feature = "manager", feature = "safe")),
    allow(dead_code, reason = "each of the modules that ship uses a part")
)]

mod api;
mod clock;
#[cfg(feature = "worker")]
mod copy;
mod dom;
mod entropy;
mod fetch;
#[cfg(any(feature = "popup", feature = "manager"))]
mod page;
#[cfg(feature = "safe")]
mod safe;
mod storage;
mod texts;
#[cfg(feature = "worker")]
mod worker;
#[cfg(feature = "worker")]
mod writing;

pub use fetch::send;
