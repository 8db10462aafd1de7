//! Starts the Node programs of `tests/e2e`, which drive a real browser with the packed extension against the sandbox.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::browser::Browser;
use crate::package::{self, Packages};
use crate::process;
use crate::progress::{note, step};
use crate::setup::{self, Needs, Tools};
use crate::workspace::Workspace;

/// What the drivers are given: the packed extension as a store would deliver it, and the sandbox.
pub(crate) struct Stage<'a> {
    workspace: &'a Workspace,
    tools: &'a Tools,
    /// Chromium loads directories only.
    chromium: TempDir,
    firefox: PathBuf,
    sandbox: PathBuf,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(workspace: &'a Workspace, tools: &'a Tools, packages: &Packages) -> Result<Self> {
        let chromium = tempfile::Builder::new()
            .prefix("tokenkeep-")
            .tempdir()
            .context("making a directory")?;
        packages.unpack(Browser::Chromium, chromium.path())?;
        step("build the sandbox", || {
            process::run(
                workspace
                    .cargo()
                    .args(["build", "--locked", "--package", "tokenkeep-sandbox"]),
            )
        })?;
        let sandbox = format!("tokenkeep-sandbox{}", env::consts::EXE_SUFFIX);
        Ok(Self {
            workspace,
            tools,
            chromium,
            firefox: packages.file(Browser::Firefox).to_owned(),
            sandbox: workspace.target().join("debug").join(sandbox),
        })
    }

    /// Node with everything that a driver needs in its environment.
    fn node(&self, browser: Browser) -> Result<Command> {
        let screenshots = self.workspace.screenshots();
        fs::create_dir_all(&screenshots).with_context(|| format!("making {}", screenshots.display()))?;
        let mut command = self.tools.node();
        command
            .current_dir(self.workspace.root())
            .env("TOKENKEEP_BROWSER", browser.name())
            .env("TOKENKEEP_EXTENSION_CHROMIUM", self.chromium.path())
            .env("TOKENKEEP_EXTENSION_FIREFOX", &self.firefox)
            .env("TOKENKEEP_SANDBOX", &self.sandbox)
            .env("TOKENKEEP_SCREENSHOTS", screenshots);
        Ok(command)
    }

    /// One driver program.
    fn driver(&self, name: &str, browser: Browser) -> Result<Command> {
        let program = self.workspace.e2e().join(name);
        ensure!(program.is_file(), "{} is missing", program.display());
        let mut command = self.node(browser)?;
        command.arg(program).args(["--browser", browser.name()]);
        Ok(command)
    }

    /// The end-to-end tests in one browser, or a share of their files; what they say goes to `said`, if that is given.
    pub(crate) fn end_to_end_tests(&self, browser: Browser, shard: Option<Shard>, said: Option<&File>) -> Result<()> {
        let directory = self.workspace.e2e();
        let entries = fs::read_dir(&directory).with_context(|| format!("reading {}", directory.display()))?;
        let mut tests = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.to_string_lossy().ends_with(".test.mjs") {
                tests.push(path);
            }
        }
        ensure!(
            !tests.is_empty(),
            "there is no end-to-end test in {}",
            directory.display()
        );
        tests.sort();
        let failures = tempfile::NamedTempFile::new().context("making a file")?;
        let mut command = self.node(browser)?;
        // One file after the other: each starts a browser, and the other browser's tests may run at the same time.
        command
            .args(["--test", "--test-concurrency=1"])
            .args(["--test-reporter=spec", "--test-reporter-destination=stdout"])
            .arg(in_argument(
                "--test-reporter=",
                &directory.join("lib").join("failures.mjs"),
            ))
            .arg(in_argument("--test-reporter-destination=", failures.path()))
            // A file that waits forever fails instead of holding everything up. All files together take a little more.
            .arg("--test-timeout=1200000");
        if let Some(Shard { number, of }) = shard {
            command.arg(format!("--test-shard={number}/{of}"));
        }
        command.args(tests);
        say_to(&mut command, said)?;
        let status = process::status(&mut command)?;
        let failures = fs::read_to_string(failures.path()).context("reading which tests failed")?;
        ensure!(status.success(), "{status}\n{}", failures.trim_end());
        Ok(())
    }

    /// Many flows with faults, or many kills, in one browser; what it says goes to `said`, if that is given.
    pub(crate) fn soak(
        &self,
        browser: Browser,
        soak: Soak,
        seed: Option<u32>,
        said: Option<&File>,
    ) -> Result<ExitStatus> {
        let mut command = match soak {
            Soak::Flows(flows) => {
                let mut command = self.driver("soak.mjs", browser)?;
                command.args(["--flows", &flows.to_string()]);
                command
            }
            Soak::Kills { worker, browser: whole } => {
                let mut command = self.driver("faults.mjs", browser)?;
                command.args(["--worker-kills", &worker.to_string()]);
                command.args(["--browser-kills", &whole.to_string()]);
                command
            }
            Soak::Damages(damages) => {
                let mut command = self.driver("damage.mjs", browser)?;
                command.args(["--damages", &damages.to_string()]);
                command
            }
        };
        if let Some(seed) = seed {
            command.args(["--seed", &seed.to_string()]);
        }
        say_to(&mut command, said)?;
        process::status(&mut command)
    }
}

fn in_argument(option: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(option);
    argument.push(path);
    argument
}

fn say_to(command: &mut Command, said: Option<&File>) -> Result<()> {
    if let Some(said) = said {
        let again = || said.try_clone().context("opening a file twice");
        command.stdout(again()?).stderr(again()?);
    }
    Ok(())
}

/// A share of the test files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    /// Which, from 1.
    pub(crate) number: u32,
    /// Of how many.
    pub(crate) of: u32,
}

/// What a soak does.
#[derive(Clone, Copy)]
pub(crate) enum Soak {
    /// So many flows, a third of them with the worker killed.
    Flows(u32),
    /// So many kills of the worker and of the whole browser.
    Kills {
        /// Of the worker.
        worker: u32,
        /// Of the browser.
        browser: u32,
    },
    /// So many flipped bits and cuts in the browser's own files of storage.
    Damages(u32),
}

/// `cargo xtask demo`
pub(crate) fn demo(workspace: &Workspace, browser: Browser, headless: bool) -> Result<ExitCode> {
    let headless = headless || without_display();
    on_stage(workspace, browser, |stage| {
        let mut command = stage.driver("demo.mjs", browser)?;
        if headless {
            command.arg("--headless");
        }
        process::status(&mut command)
    })
}

/// `cargo xtask soak`
pub(crate) fn soak(workspace: &Workspace, browser: Browser, soak: Soak, seed: Option<u32>) -> Result<ExitCode> {
    on_stage(workspace, browser, |stage| stage.soak(browser, soak, seed, None))
}

/// `cargo xtask bench`
pub(crate) fn bench(workspace: &Workspace, browser: Browser) -> Result<ExitCode> {
    on_stage(workspace, browser, |stage| {
        process::status(&mut stage.driver("bench.mjs", browser)?)
    })
}

/// `cargo xtask screenshots`
pub(crate) fn screenshots(workspace: &Workspace, browser: Browser, only: Option<&str>) -> Result<ExitCode> {
    on_stage(workspace, browser, |stage| {
        let directory = workspace.target().join("screenshots").join(browser.name());
        let mut command = stage.driver("screenshots.mjs", browser)?;
        command.env("TOKENKEEP_SCREENSHOTS", directory);
        if let Some(only) = only {
            command.args(["--only", only]);
        }
        process::status(&mut command)
    })
}

/// Sets up and builds everything for one browser, then hands on how the driver ended.
fn on_stage(
    workspace: &Workspace,
    browser: Browser,
    drive: impl FnOnce(&Stage<'_>) -> Result<ExitStatus>,
) -> Result<ExitCode> {
    let tools = setup::ensure(workspace, &Needs::to_build().and_browser(browser))?;
    let packages = package::packages(workspace, &tools)?;
    let stage = Stage::new(workspace, &tools, &packages)?;
    Ok(exit_code(drive(&stage)?))
}

/// A driver's exit code, or 1 when a signal ended it.
fn exit_code(status: ExitStatus) -> ExitCode {
    status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Whether there is nowhere to show a window.
fn without_display() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let without = cfg!(target_os = "linux") && !is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY");
    if without {
        note("neither $DISPLAY nor $WAYLAND_DISPLAY is set: running headless");
    }
    without
}
