//! Everything that is checked without running it.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::browser::Browser;
use crate::package::{self, Packages};
use crate::process;
use crate::progress::{note, step};
use crate::setup::{self, Needs, Tools, WASM_TARGET};
use crate::test;
use crate::workspace::Workspace;

/// `cargo xtask lint`
pub(crate) fn lint(workspace: &Workspace) -> Result<()> {
    let tools = setup::ensure(workspace, &Needs::to_build().and_checkers())?;
    sources(workspace)?;
    packages(workspace, &tools, &package::dist(workspace, &tools)?)
}

/// Format and clippy.
pub(crate) fn sources(workspace: &Workspace) -> Result<()> {
    step("cargo fmt --check", || {
        process::run(workspace.cargo().args(["fmt", "--all", "--check"]))
    })?;
    step("clippy, native", || {
        let mut clippy = workspace.cargo();
        clippy.args(["clippy", "--locked", "--workspace", "--all-targets", "--all-features"]);
        process::run(clippy.args(["--", "--deny", "warnings"]))
    })?;
    step("clippy, WebAssembly", || {
        let mut clippy = workspace.cargo();
        clippy.args([
            "clippy",
            "--locked",
            "--package",
            "tokenkeep",
            "--target",
            WASM_TARGET,
            "--lib",
        ]);
        for name in test::browser_tests(workspace) {
            clippy.args(["--test", name]);
        }
        process::run(clippy.args(["--", "--deny", "warnings"]))
    })
}

/// Mozilla's addons-linter on both store packages.
pub(crate) fn packages(workspace: &Workspace, tools: &Tools, packages: &Packages) -> Result<()> {
    for browser in Browser::ALL {
        step(&format!("addons-linter, {browser}"), || {
            package(workspace, tools.node(), packages, browser)
        })?;
    }
    Ok(())
}

fn package(workspace: &Workspace, mut linter: Command, packages: &Packages, browser: Browser) -> Result<()> {
    linter.arg(workspace.e2e().join("node_modules/addons-linter/bin/addons-linter"));
    linter.args(["--output", "json"]).arg(packages.file(browser));
    // Its exit code only repeats whether there are errors.
    let output = process::capture(&mut linter)?;
    let report = serde_json::from_slice(&output.stdout).with_context(|| {
        format!(
            "addons-linter gave no report: {}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        )
    })?;
    let (errors, findings) = judge(&report, browser)?;
    for finding in &findings {
        note(finding);
    }
    note(&format!("{errors} errors, {} findings in all", findings.len()));
    if errors > 0 {
        bail!("addons-linter has {errors} errors in the package for {browser}");
    }
    Ok(())
}

/// Counts the errors of a report and writes its findings as lines.
fn judge(report: &Value, browser: Browser) -> Result<(usize, Vec<String>)> {
    let _ = browser;
    let mut errors = 0;
    let mut lines = Vec::new();
    for kind in ["errors", "warnings", "notices"] {
        let findings = report[kind]
            .as_array()
            .with_context(|| format!("addons-linter's report has no {kind}"))?;
        for finding in findings {
            let text = |key: &str| finding[key].as_str().unwrap_or("-").to_owned();
            if kind == "errors" {
                errors += 1;
            }
            lines.push(format!(
                "{} {} in {}: {}",
                text("_type"),
                text("code"),
                text("file"),
                text("message")
            ));
        }
    }
    Ok((errors, lines))
}
