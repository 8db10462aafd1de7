//! Everything that is checked without running it.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
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
    packages(workspace, &tools, &package::packages(workspace, &tools)?)
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
    let findings = judge(&report, set_aside(browser))?;
    for finding in &findings {
        note(finding);
    }
    // Both packages have none, so a warning is news, too.
    ensure!(
        findings.is_empty(),
        "addons-linter found {} things in the package for {browser}",
        findings.len()
    );
    Ok(())
}

/// What the linter says about a package only because it is not for Firefox.
fn set_aside(browser: Browser) -> &'static [&'static str] {
    match browser {
        Browser::Chromium => &[
            // Chromium refuses the `background.scripts` that Firefox asks for beside a service worker.
            "BACKGROUND_SERVICE_WORKER_NOFALLBACK",
            // Both belong to `browser_specific_settings.gecko`, which Chromium does not know.
            "ADDON_ID_REQUIRED",
            "MISSING_DATA_COLLECTION_PERMISSIONS",
            // Firefox has no `offscreen`. The list is frozen by a test of the manifest.
            "MANIFEST_OPTIONAL_PERMISSIONS",
        ],
        Browser::Firefox => &[],
    }
}

/// The findings of a report, as lines, without those that were set aside.
fn judge(report: &Value, set_aside: &[&str]) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    let mut unused: Vec<_> = set_aside.to_vec();
    for kind in ["errors", "warnings", "notices"] {
        let findings = report[kind]
            .as_array()
            .with_context(|| format!("addons-linter's report has no {kind}"))?;
        for finding in findings {
            let text = |key: &str| finding[key].as_str().unwrap_or("-");
            unused.retain(|code| *code != text("code"));
            if set_aside.contains(&text("code")) {
                continue;
            }
            let place = match finding["line"].as_u64() {
                Some(line) => format!("{}:{line}", text("file")),
                None => text("file").to_owned(),
            };
            lines.push(format!(
                "{} {} {place}: {}",
                text("_type"),
                text("code"),
                text("message")
            ));
        }
    }
    ensure!(
        unused.is_empty(),
        "addons-linter no longer says {}: there is nothing to set aside",
        unused.join(", ")
    );
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::judge;

    fn report() -> Value {
        json!({
            "errors": [{"_type": "error", "code": "ADDON_ID_REQUIRED", "file": "manifest.json", "message": "no id"}],
            "warnings": [{
                "_type": "warning", "code": "UNSAFE_VAR_ASSIGNMENT", "file": "a.js", "line": 3, "message": "innerHTML"
            }],
            "notices": [],
        })
    }

    #[test]
    fn every_finding_is_a_line() {
        let lines = [
            "error ADDON_ID_REQUIRED manifest.json: no id",
            "warning UNSAFE_VAR_ASSIGNMENT a.js:3: innerHTML",
        ];
        assert_eq!(judge(&report(), &[]).expect("a verdict"), lines);
    }

    #[test]
    fn only_the_named_code_is_set_aside() {
        let lines = judge(&report(), &["ADDON_ID_REQUIRED"]).expect("a verdict");
        assert_eq!(lines, ["warning UNSAFE_VAR_ASSIGNMENT a.js:3: innerHTML"]);
    }

    #[test]
    fn a_code_that_no_longer_comes_must_not_stay_set_aside() {
        let error = judge(&report(), &["GONE"]).expect_err("an unused entry").to_string();
        assert_eq!(
            error,
            "addons-linter no longer says GONE: there is nothing to set aside"
        );
    }

    #[test]
    fn a_report_without_its_lists_is_no_report() {
        assert!(judge(&json!({}), &[]).is_err());
    }
}
