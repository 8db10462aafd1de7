//! Runs a WebAssembly test binary in a browser, for `.cargo/config.toml`.
//!
//! It is wasm-bindgen's own runner as a library, so its version is Cargo.lock's and nothing is installed by hand.

fn main() -> anyhow::Result<()> {
    wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(std::env::args_os())
}
