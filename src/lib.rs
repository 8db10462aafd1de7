//! Tokenkeep: the map of the crate.
//!
//! | room | what it holds | may use |
//! |---|---|---|
//! | [`plain`] | records as plain data, for storage, messages and JSON | nobody |
//! | [`oauth`] | the protocol: each step a request builder and a response parser | `plain` |
//! | [`provider`] | what differs between providers, as data | the above |
//! | [`profile`] | a client registration and the token record that belongs to it | the above |
//! | [`vault`] | what stands in storage: keys, schema version | `profile`, `flow`'s ids |
//! | [`flow`] | the engine: `step(Engine, now, Event) -> Vec<Effect>` | the above |
//! | [`diagnosis`] | evidence to findings | the above |
//! | [`handoff`] | a token as text for other tools | the above |
//! | [`view`] | what a page shows, as plain data | the above |
//! | `browser` | the only place that names the browser; compiled for WebAssembly alone | all |
//!
//! Everything but `browser` is pure: no I/O, no clock, no randomness. ARCHITECTURE.md names the test of each invariant.

pub mod diagnosis;
pub mod flow;
pub mod handoff;
pub mod oauth;
pub mod plain;
pub mod profile;
pub mod provider;
pub mod vault;
pub mod view;

#[cfg(target_arch = "wasm32")]
pub mod browser;

/// Constant time, and 1 KB of code; that of the standard library is five.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();
