//! `cargo xtask test`: everything that CI runs, part by part.

use std::fmt;
use std::fs;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum;
use serde_json::Value;

use crate::browser::Browser;
use crate::drivers::Stage;
use crate::lanes;
use crate::lint;
use crate::package::{self, Packages};
use crate::process;
use crate::progress::{seconds, step};
use crate::setup::{self, Needs, Tools, WASM_TARGET};
use crate::workspace::Workspace;

/// How Chromium is started for the WebAssembly tests.
const WEBDRIVER: &str = include_str!("../webdriver.json");

/// The test targets that run in a browser.
const BROWSER_TESTS: [&str; 2] = ["browser_page", "browser_worker"];

/// One part of the test run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Format, clippy, addons-linter on both packages
    Lint,
    /// Unit, vector, property, architecture, simulation and sandbox tests on this machine
    Native,
    /// The WebAssembly tests in a page and in a service worker of headless Chromium
    Browser,
    /// Both packages within their budgets, and identical from a second directory
    Package,
    /// The packed extension in Chromium
    E2eChromium,
    /// The packed extension in Firefox
    E2eFirefox,
    /// A short soak in Chromium
    SoakChromium,
    /// A short soak in Firefox
    SoakFirefox,
}

impl Part {
    /// The browser that it runs in from its beginning to its end.
    pub(crate) fn browser(self) -> Option<Browser> {
        match self {
            Self::E2eChromium | Self::SoakChromium => Some(Browser::Chromium),
            Self::E2eFirefox | Self::SoakFirefox => Some(Browser::Firefox),
            Self::Lint | Self::Native | Self::Browser | Self::Package => None,
        }
    }

    /// What this part cannot do without, beyond what the others need.
    fn add_needs(self, needs: Needs) -> Needs {
        match self {
            Self::Package => needs,
            Self::Native => needs.and_readers(),
            Self::Lint => needs.and_checkers(),
            Self::Browser => needs.and_chromedriver(),
            Self::E2eChromium | Self::SoakChromium => needs.and_browser(Browser::Chromium),
            Self::E2eFirefox | Self::SoakFirefox => needs.and_browser(Browser::Firefox),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.pad(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// The parts to run, in the order of all parts.
fn chosen(only: &[Part], skip: &[Part]) -> Vec<Part> {
    let wanted = |part: &Part| (only.is_empty() || only.contains(part)) && !skip.contains(part);
    Part::value_variants().iter().copied().filter(wanted).collect()
}

/// `cargo xtask test`
pub(crate) fn test(workspace: &Workspace, only: &[Part], skip: &[Part], keep_going: bool) -> Result<ExitCode> {
    let parts = chosen(only, skip);
    ensure!(!parts.is_empty(), "nothing is left to run");
    let needs = parts
        .iter()
        .fold(Needs::to_build(), |needs, part| part.add_needs(needs));
    let tools = setup::ensure(workspace, &needs)?;
    let mut run = Run {
        workspace,
        tools: &tools,
        packages: None,
    };
    let mut outcomes = Vec::new();
    for part in parts.iter().copied().filter(|part| part.browser().is_none()) {
        outcomes.push(run_unless(failed(&outcomes) && !keep_going, part, || run.part(part)));
    }
    let left: Vec<Part> = parts.into_iter().filter(|part| part.browser().is_some()).collect();
    if failed(&outcomes) && !keep_going {
        outcomes.extend(left.into_iter().map(|part| (part, Outcome::NotRun)));
    } else if !left.is_empty() {
        match run.stage() {
            Ok(stage) => outcomes.extend(lanes::run(&stage, &left, keep_going)?),
            Err(error) => {
                let why = format!("what the browsers need can't be built: {error:#}");
                eprintln!("error: {why}");
                let outcome = |part| (part, Outcome::Failed(Duration::ZERO, why.clone()));
                outcomes.extend(left.into_iter().map(outcome));
            }
        }
    }
    Ok(summary(&outcomes))
}

/// Runs a part and says so, unless it is not to be run any more.
fn run_unless(ended: bool, part: Part, work: impl FnOnce() -> Result<()>) -> (Part, Outcome) {
    if ended {
        return (part, Outcome::NotRun);
    }
    println!("\n######## {part}");
    let start = Instant::now();
    let result = work();
    if let Err(error) = &result {
        eprintln!("error: {part}: {error:#}");
    }
    (part, Outcome::of(&result, start.elapsed()))
}

fn failed(outcomes: &[(Part, Outcome)]) -> bool {
    outcomes
        .iter()
        .any(|(_, outcome)| matches!(outcome, Outcome::Failed(..)))
}

/// How a part ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed(Duration),
    /// And why.
    Failed(Duration, String),
    NotRun,
}

impl Outcome {
    pub(crate) fn of(result: &Result<()>, time: Duration) -> Self {
        match result {
            Ok(()) => Self::Passed(time),
            Err(error) => Self::Failed(time, format!("{error:#}")),
        }
    }

    /// Two pieces of one part.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Passed(one), Self::Passed(two)) => Self::Passed(one + two),
            (Self::Failed(one, why), Self::Failed(two, also)) => Self::Failed(one + two, format!("{why}\n{also}")),
            (Self::Failed(one, why), Self::Passed(two)) | (Self::Passed(two), Self::Failed(one, why)) => {
                Self::Failed(one + two, why)
            }
            (failed @ Self::Failed(..), Self::NotRun) | (Self::NotRun, failed @ Self::Failed(..)) => failed,
            (Self::NotRun, Self::NotRun | Self::Passed(_)) | (Self::Passed(_), Self::NotRun) => Self::NotRun,
        }
    }
}

/// Says once more why something failed: it may stand far above, behind what the other parts said.
fn summary(outcomes: &[(Part, Outcome)]) -> ExitCode {
    println!("\n######## summary");
    for (part, outcome) in outcomes {
        if let Outcome::Failed(_, why) = outcome {
            println!("{part}: {why}\n");
        }
    }
    for (part, outcome) in outcomes {
        match outcome {
            Outcome::Passed(time) => println!("{part:<14} passed   {}", seconds(*time)),
            Outcome::Failed(time, _) => println!("{part:<14} FAILED   {}", seconds(*time)),
            Outcome::NotRun => println!("{part:<14} not run"),
        }
    }
    let all_passed = outcomes
        .iter()
        .all(|(_, outcome)| matches!(outcome, Outcome::Passed(_)));
    if all_passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What one run has made so far: several parts use the same packages.
struct Run<'a> {
    workspace: &'a Workspace,
    tools: &'a Tools,
    packages: Option<Packages>,
}

impl<'a> Run<'a> {
    fn part(&mut self, part: Part) -> Result<()> {
        match part {
            Part::Lint => {
                lint::sources(self.workspace)?;
                lint::packages(self.workspace, self.tools, self.packages()?)
            }
            Part::Native => {
                let mut tests = self.workspace.cargo();
                process::run(tests.args(["test", "--locked", "--workspace", "--no-fail-fast"]))
            }
            Part::Browser => browser(self.workspace, self.tools),
            Part::Package => {
                let (workspace, tools) = (self.workspace, self.tools);
                package::check_budgets(workspace, self.packages()?)?;
                package::check_reproducible(workspace, tools, self.packages()?)
            }
            Part::E2eChromium | Part::E2eFirefox | Part::SoakChromium | Part::SoakFirefox => {
                bail!("{part} runs in a browser")
            }
        }
    }

    fn packages(&mut self) -> Result<&Packages> {
        if self.packages.is_none() {
            self.packages = Some(package::packages(self.workspace, self.tools)?);
        }
        self.packages.as_ref().context("the packages were just made")
    }

    fn stage(&mut self) -> Result<Stage<'a>> {
        let (workspace, tools) = (self.workspace, self.tools);
        Stage::new(workspace, tools, self.packages()?)
    }
}

/// The browser test targets that there are.
pub(crate) fn browser_tests(workspace: &Workspace) -> Vec<&'static str> {
    let exists = |name: &&str| workspace.root().join("tests").join(format!("{name}.rs")).is_file();
    BROWSER_TESTS.into_iter().filter(exists).collect()
}

fn browser(workspace: &Workspace, tools: &Tools) -> Result<()> {
    let tests = browser_tests(workspace);
    if tests.is_empty() {
        bail!(
            "there is no WebAssembly test: {} are missing",
            BROWSER_TESTS.join(" and ")
        );
    }
    step("build the WebAssembly test runner", || {
        let mut build = workspace.cargo();
        build.args(["build", "--locked", "--package", "xtask", "--features", "test-runner"]);
        process::run(build.args(["--bin", "wasm-bindgen-test-runner"]))
    })?;
    let directory = tempfile::tempdir().context("making a directory")?;
    let webdriver = directory.path().join("webdriver.json");
    fs::write(&webdriver, capabilities(tools)?.to_string()).context("writing webdriver.json")?;
    let mut cargo = workspace.cargo();
    cargo.args([
        "test",
        "--locked",
        "--package",
        "tokenkeep",
        "--target",
        WASM_TARGET,
        "--no-fail-fast",
    ]);
    for test in tests {
        cargo.args(["--test", test]);
    }
    // The runner takes the first driver that the environment names.
    cargo
        .env("CHROMEDRIVER", tools.chromedriver()?)
        .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", webdriver);
    process::run(&mut cargo)
}

/// The WebDriver capabilities, with the Chromium that the set-up found.
fn capabilities(tools: &Tools) -> Result<Value> {
    let mut capabilities: Value = serde_json::from_str(WEBDRIVER).context("parsing xtask/webdriver.json")?;
    capabilities["goog:chromeOptions"]["binary"] = tools.chromium()?.to_string_lossy().into();
    Ok(capabilities)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::{Duration, Outcome, Part, chosen};

    #[test]
    fn everything_runs_unless_told_otherwise() {
        assert_eq!(chosen(&[], &[]), Part::value_variants());
    }

    #[test]
    fn only_and_skip_choose_in_the_usual_order() {
        assert_eq!(
            chosen(&[Part::E2eFirefox, Part::Lint], &[]),
            [Part::Lint, Part::E2eFirefox]
        );
        assert_eq!(chosen(&[Part::Lint], &[Part::Lint]), []);
        assert!(!chosen(&[], &[Part::SoakChromium]).contains(&Part::SoakChromium));
    }

    #[test]
    fn a_part_is_as_good_as_its_worst_piece() {
        let passed = |seconds| Outcome::Passed(Duration::from_secs(seconds));
        let failed = |seconds, why: &str| Outcome::Failed(Duration::from_secs(seconds), why.to_owned());
        assert_eq!(passed(1).and(passed(2)), passed(3));
        assert_eq!(passed(1).and(failed(2, "a")), failed(3, "a"));
        assert_eq!(failed(1, "a").and(passed(2)), failed(3, "a"));
        assert_eq!(failed(1, "a").and(failed(2, "b")), failed(3, "a\nb"));
        assert_eq!(failed(1, "a").and(Outcome::NotRun), failed(1, "a"));
        assert_eq!(Outcome::NotRun.and(failed(1, "a")), failed(1, "a"));
        assert_eq!(passed(1).and(Outcome::NotRun), Outcome::NotRun);
        assert_eq!(Outcome::NotRun.and(passed(1)), Outcome::NotRun);
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        assert_eq!(format!("{:<12}|", Part::E2eChromium), "e2e-chromium|");
    }
}
