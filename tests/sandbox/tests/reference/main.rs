//! Holds the sandbox to `linkedin.md`, table by table, and to what its control interface promises.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test fails loudly at the line that is wrong"
)]

mod authorization;
mod authorization_failures;
mod client;
mod code_exchange;
mod control;
mod endpoints;
mod faults;
mod hostile;
mod introspection;
mod oidc;
mod program;
mod proxy;
mod quirks;
mod redirects;
mod refresh;
mod rest;
