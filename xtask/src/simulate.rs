//! `cargo xtask simulate`: the engine's simulation, with as many schedules as wanted.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};

use crate::process;
use crate::progress::step;
use crate::workspace::Workspace;

/// Runs `runs` schedules from `seed` on; a time of day stands in for a seed that nobody chose.
pub(crate) fn simulate(workspace: &Workspace, runs: u32, seed: Option<u64>) -> Result<()> {
    let seed = match seed {
        Some(seed) => seed,
        None => SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .context("the computer's clock stands before 1970")?
            .as_secs(),
    };
    step(&format!("simulation: {runs} schedules from seed {seed}"), || {
        process::run(
            workspace
                .cargo()
                .args([
                    "test",
                    "--release",
                    "--locked",
                    "-p",
                    "tokenkeep",
                    "--test",
                    "simulation",
                ])
                .args(["--", "--nocapture"])
                .env("TOKENKEEP_SIMULATE_RUNS", runs.to_string())
                .env("TOKENKEEP_SIMULATE_SEED", seed.to_string()),
        )
    })
}
