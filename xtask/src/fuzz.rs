//! Builds and starts the fuzzing of tests/fuzz.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::FuzzArgs;
use crate::process;
use crate::progress::step;
use crate::workspace::Workspace;

/// `cargo xtask fuzz`
pub(crate) fn fuzz(workspace: &Workspace, args: &FuzzArgs) -> Result<ExitCode> {
    step("build the fuzzing", || {
        let mut build = workspace.cargo();
        build.args(["build", "--locked", "--profile", "fuzz", "--package", "tokenkeep-fuzz"]);
        process::run(&mut build)
    })?;
    let name = format!("tokenkeep-fuzz{}", std::env::consts::EXE_SUFFIX);
    let mut command = std::process::Command::new(workspace.target().join("fuzz").join(name));
    command.args(["--runs", &args.runs.to_string()]);
    for target in &args.target {
        command.args(["--target", target]);
    }
    let numbers = [("--seed", args.seed), ("--run", args.run), ("--jobs", args.jobs)];
    for (name, number) in numbers {
        if let Some(number) = number {
            command.args([name, &number.to_string()]);
        }
    }
    if let Some(input) = &args.input {
        command.args([Path::new("--input"), input]);
    }
    if args.list {
        command.arg("--list");
    }
    command.arg("--findings").arg(workspace.target().join("fuzz-findings"));
    // What it found it has said.
    let status = process::status(&mut command)?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
