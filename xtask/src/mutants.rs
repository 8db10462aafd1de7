//! `cargo xtask mutants`: changes the code in small ways, one after the other, and counts the changes that no test notices.

use std::collections::BTreeMap;
use std::fs;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum;
use serde_json::Value;

use crate::process;
use crate::progress::step;
use crate::setup;
use crate::workspace::Workspace;

/// How many of a hundred changes must be noticed, in each area.
const AT_LEAST: usize = 90;

/// A part of what `.cargo/mutants.toml` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Area {
    /// Sealing, recovery, restoring
    Vault,
    /// State, issuer and redirect matching
    Oauth,
    /// The engine and its block rules
    Flow,
}

impl Area {
    /// Where its files are.
    fn directory(self) -> &'static str {
        match self {
            Self::Vault => "src/vault/",
            Self::Oauth => "src/oauth/",
            Self::Flow => "src/flow/",
        }
    }

    fn of(name: &str) -> Option<Self> {
        Self::value_variants()
            .iter()
            .copied()
            .find(|area| name.starts_with(area.directory()))
    }
}

/// How many changes of an area ended how.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    caught: usize,
    timeout: usize,
    missed: usize,
    unviable: usize,
}

impl Tally {
    /// Whether enough was noticed. A test that never ends has noticed; what does not compile says nothing.
    fn is_enough(&self) -> bool {
        let noticed = self.caught + self.timeout;
        noticed * 100 >= (noticed + self.missed) * AT_LEAST
    }

    fn line(&self, name: &str) -> String {
        let Self {
            caught,
            timeout,
            missed,
            unviable,
        } = self;
        let verdict = if self.is_enough() { "" } else { "   TOO FEW" };
        format!("{name:<8}{caught:>8}{timeout:>9}{missed:>8}{unviable:>10}{verdict}")
    }
}

/// `cargo xtask mutants`
pub(crate) fn mutants(workspace: &Workspace, areas: &[Area], shard: Option<&str>) -> Result<ExitCode> {
    let program = setup::cargo_mutants(workspace)?;
    let output = workspace.target().join("mutants-found");
    fs::create_dir_all(&output).with_context(|| format!("making {}", output.display()))?;
    let mut command = std::process::Command::new(program);
    command
        .current_dir(workspace.root())
        .args(["mutants", "--output"])
        .arg(&output);
    for other in Area::value_variants() {
        if !areas.is_empty() && !areas.contains(other) {
            command.args(["--exclude", &[other.directory(), "*"].concat()]);
        }
    }
    if let Some(shard) = shard {
        // Every so many, so that a part is a sample of the whole.
        command.args(["--sharding", "round-robin", "--shard", shard]);
    }
    step("change and test", || {
        let status = process::status(&mut command)?;
        // 2: some were missed; 3: some never ended. Everything else is a failure of the run itself.
        ensure!(
            matches!(status.code(), Some(0 | 2 | 3)),
            "cargo-mutants failed: {status}"
        );
        Ok(())
    })?;
    let report = output.join("mutants.out").join("outcomes.json");
    let report = fs::read(&report).with_context(|| format!("reading {}", report.display()))?;
    let report = serde_json::from_slice(&report).context("parsing outcomes.json")?;
    let (tallies, missed) = count(&report)?;
    ensure!(!tallies.is_empty(), "nothing was changed");
    println!();
    for name in missed {
        println!("missed: {name}");
    }
    println!("\n          caught  timeout  missed  unviable");
    for (area, tally) in &tallies {
        println!(
            "{}",
            tally.line(area.directory().trim_start_matches("src/").trim_end_matches('/'))
        );
    }
    Ok(if tallies.values().all(Tally::is_enough) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The totals of each area, and the names of what was missed.
fn count(report: &Value) -> Result<(BTreeMap<Area, Tally>, Vec<&str>)> {
    let outcomes = report["outcomes"].as_array().context("the report has no outcomes")?;
    let mut tallies = BTreeMap::<Area, Tally>::new();
    let mut missed = Vec::new();
    for outcome in outcomes {
        // The run without any change is no mutant.
        let Some(name) = outcome["scenario"]["Mutant"]["name"].as_str() else {
            continue;
        };
        let area = Area::of(name).with_context(|| format!("{name} is in no area"))?;
        let tally = tallies.entry(area).or_default();
        match outcome["summary"].as_str() {
            Some("CaughtMutant") => tally.caught += 1,
            Some("Timeout") => tally.timeout += 1,
            Some("MissedMutant") => {
                tally.missed += 1;
                missed.push(name);
            }
            Some("Unviable") => tally.unviable += 1,
            other => bail!("{name} ended in {other:?}"),
        }
    }
    Ok((tallies, missed))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Area, Tally, count};

    fn outcome(name: &str, summary: &str) -> Value {
        json!({"scenario": {"Mutant": {"name": name}}, "summary": summary})
    }

    #[test]
    fn each_area_is_counted_by_itself() {
        let report = json!({"outcomes": [
            {"scenario": "Baseline", "summary": "Success"},
            outcome("src/vault/seal.rs:1:1: replace a", "CaughtMutant"),
            outcome("src/vault/seal.rs:2:1: replace b", "MissedMutant"),
            outcome("src/flow/engine.rs:1:1: replace c", "Timeout"),
            outcome("src/flow/engine.rs:2:1: replace d", "Unviable"),
        ]});
        let (tallies, missed) = count(&report).expect("a report");
        assert_eq!(missed, ["src/vault/seal.rs:2:1: replace b"]);
        let [vault, flow] = [&tallies[&Area::Vault], &tallies[&Area::Flow]];
        assert_eq!(
            (vault.caught, vault.timeout, vault.missed, vault.unviable),
            (1, 0, 1, 0)
        );
        assert_eq!((flow.caught, flow.timeout, flow.missed, flow.unviable), (0, 1, 0, 1));
        assert_eq!(tallies.len(), 2);
    }

    #[test]
    fn what_is_not_understood_is_no_success() {
        for outcomes in [
            json!(null),
            json!([outcome("src/vault/seal.rs:1:1: a", "New")]),
            json!([outcome("src/view/popup.rs:1:1: a", "CaughtMutant")]),
        ] {
            assert!(count(&json!({"outcomes": outcomes})).is_err());
        }
    }

    #[test]
    fn nine_of_ten_are_enough() {
        let tally = |caught, timeout, missed| Tally {
            caught,
            timeout,
            missed,
            unviable: 5,
        };
        assert!(tally(9, 0, 1).is_enough());
        assert!(tally(8, 1, 1).is_enough());
        assert!(!tally(8, 0, 1).is_enough());
        assert!(!tally(899, 0, 100).is_enough());
        assert!(tally(900, 0, 100).is_enough());
    }
}
