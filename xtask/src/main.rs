//! `cargo xtask`: builds, runs, tests and packages Tokenkeep.
//!
//! This file is the command line only. `workspace` knows where things are, `process` runs other programs, `setup`
//! installs what is missing, `build` makes the two unpacked extensions, `manifest` their manifests, `package` the store
//! packages, `lint`, `test`, `simulate`, `fuzz` and `mutants` check, and `drivers` starts the programs of `tests/e2e` in real
//! browsers.

#![allow(clippy::print_stdout, reason = "a build tool talks to the person who started it")]
#![allow(clippy::print_stderr, reason = "a build tool talks to the person who started it")]

mod browser;
mod build;
mod drivers;
mod fuzz;
mod lanes;
mod lint;
mod manifest;
mod mutants;
mod package;
mod process;
mod progress;
mod setup;
mod simulate;
mod test;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::browser::Browser;
use crate::drivers::Soak;
use crate::mutants::Area;
use crate::test::Part;
use crate::workspace::Workspace;

/// Build, run, test and package Tokenkeep
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the unpacked extension for both browsers (target/extension/chromium and target/extension/firefox)
    Build,
    /// Open a browser with the extension, a ready profile and the sandbox in place of LinkedIn
    ///
    /// Installs what is missing first. Without a display it drives the main job itself: click, consent, capture,
    /// exchange, copy; it prints each step with its time, what reached the redirect host, and where the screenshots are.
    Demo(DemoArgs),
    /// Run everything that CI runs
    ///
    /// The parts, in order: lint, native, browser, package, e2e-chromium, e2e-firefox, soak-chromium, soak-firefox.
    Test(TestArgs),
    /// Check format, clippy (native and WebAssembly) and both packages with addons-linter
    Lint,
    /// Make the store packages dist/tokenkeep-chromium.zip and dist/tokenkeep-firefox.zip and check their sizes
    Dist(DistArgs),
    /// Run many flows with faults and killed workers, and count what was lost or leaked
    ///
    /// With --faults: kill the worker, then the whole browser, at random moments of sign-in and renewal, and compare what is
    /// stored with what stood there before and with what the authorization server gave out.
    ///
    /// With --damage: flip bits in the browser's own files of storage and cut them off, and see that what was stored is there again
    /// or that the person is told.
    Soak(SoakArgs),
    /// Run the engine through random schedules of clicks, faults and kills, and check after each step that nothing was lost
    ///
    /// The world around it is a model: browser, storage, authorization server. A failure prints the smallest schedule and
    /// the seed that gives it; `--runs 5000 --seed` with that seed shows it again.
    Simulate(SimulateArgs),
    /// Run millions of changed vectors through every parser and format that reads outside input
    ///
    /// None may panic, hang, take more than 8 MiB at once, or break what must hold of every input, such as that what was
    /// accepted is written as it was read. A failure is printed with its input, made smaller, and with the command that runs
    /// it again; the exit code is then 1. The same seed runs the same inputs.
    Fuzz(FuzzArgs),
    /// Change the code in small ways, one after the other, and count the changes that no test notices
    ///
    /// What is changed, and which tests must notice, stands in .cargo/mutants.toml; tests/MUTANTS.md explains those that none
    /// does. The exit code is 1 when fewer than nine of ten are noticed in an area. Takes hours; reports are in
    /// target/mutants-found.
    Mutants(MutantsArgs),
    /// Measure popup, capture and sizes against the budgets
    Bench(BenchArgs),
    /// Take pictures of every page in every state (target/screenshots/<browser>) and check that nothing is cut off
    ///
    /// Each in light and dark, at its own width, as at 200 % zoom, and 360 px wide. On each, nothing may be cut off,
    /// overlap its card or be too small to read, and no rule of axe-core may be broken; what is wrong is listed at the end.
    Screenshots(ScreenshotsArgs),
}

#[derive(Args)]
struct DemoArgs {
    /// Show no window: drive the main job and print each step
    #[arg(long)]
    headless: bool,
    /// The browser to use
    #[arg(long, value_enum, default_value_t = Browser::Chromium)]
    browser: Browser,
}

#[derive(Args)]
struct TestArgs {
    /// Run only this part (may be repeated)
    #[arg(long, value_enum, value_name = "PART")]
    only: Vec<Part>,
    /// Leave this part out (may be repeated)
    #[arg(long, value_enum, value_name = "PART")]
    skip: Vec<Part>,
    /// Run the remaining parts after one has failed
    #[arg(long)]
    keep_going: bool,
}

#[derive(Args)]
struct DistArgs {
    /// Build a second time, from a copy of the sources in another directory, and compare the packages byte by byte
    #[arg(long)]
    check_reproducible: bool,
}

#[derive(Args)]
struct SoakArgs {
    /// The browser to use
    #[arg(long, value_enum, default_value_t = Browser::Chromium)]
    browser: Browser,
    /// How many flows to run
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    flows: u32,
    /// Kill worker and browser instead, and look at what is stored
    #[arg(long, conflicts_with = "flows")]
    faults: bool,
    /// How often --faults kills the worker
    #[arg(long, default_value_t = 500, requires = "faults")]
    worker_kills: u32,
    /// How often --faults kills the browser
    #[arg(long, default_value_t = 100, requires = "faults")]
    browser_kills: u32,
    /// Damage storage's files so often instead, evenly over all their bytes; twice as often as there are bytes damages each
    #[arg(long, value_name = "COUNT", conflicts_with_all = ["flows", "faults"])]
    damage: Option<u32>,
    /// Start of the random choices: repeats an earlier run's order
    #[arg(long)]
    seed: Option<u32>,
}

#[derive(Args)]
struct SimulateArgs {
    /// How many schedules to run
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Start of the random choices [default: the time, so that each call tries others]
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Args)]
struct FuzzArgs {
    /// How many inputs for each target
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    /// Only this target (may be repeated)
    #[arg(long, value_name = "NAME")]
    target: Vec<String>,
    /// Start of the random choices: repeats an earlier run
    #[arg(long)]
    seed: Option<u64>,
    /// Run this one of the target's inputs again, with the seed that it had
    #[arg(long, value_name = "NUMBER", requires = "seed", requires = "target")]
    run: Option<u64>,
    /// Run the bytes of this file
    #[arg(long, value_name = "FILE", conflicts_with = "run", requires = "target")]
    input: Option<PathBuf>,
    /// How many processes work at once; as many as there are processors by default
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    jobs: Option<u64>,
    /// List the targets
    #[arg(long)]
    list: bool,
}

#[derive(Args)]
struct MutantsArgs {
    /// Change only this (may be repeated)
    #[arg(long, value_enum, value_name = "AREA")]
    area: Vec<Area>,
    /// Make only every N-th change, from the K-th on
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
}

#[derive(Args)]
struct BenchArgs {
    /// The browser to use
    #[arg(long, value_enum, default_value_t = Browser::Chromium)]
    browser: Browser,
}

#[derive(Args)]
struct ScreenshotsArgs {
    /// The browser to use
    #[arg(long, value_enum, default_value_t = Browser::Chromium)]
    browser: Browser,
    /// Take pictures only of states whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        // What a shell reports for a program that was interrupted.
        _ if process::is_stopping() => ExitCode::from(130),
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    process::end_children_on_signals()?;
    let workspace = Workspace::find()?;
    match command {
        Command::Build => {
            let tools = setup::ensure(&workspace, &setup::Needs::to_build())?;
            build::build(&workspace, &tools)?;
        }
        Command::Demo(args) => return drivers::demo(&workspace, args.browser, args.headless),
        Command::Test(args) => return test::test(&workspace, &args.only, &args.skip, args.keep_going),
        Command::Lint => lint::lint(&workspace)?,
        Command::Dist(args) => {
            let tools = setup::ensure(&workspace, &setup::Needs::to_build())?;
            let packages = package::packages(&workspace, &tools)?;
            package::check_budgets(&workspace, &packages)?;
            if args.check_reproducible {
                package::check_reproducible(&workspace, &tools, &packages)?;
            }
        }
        Command::Soak(args) => {
            let soak = match args.damage {
                Some(damages) => Soak::Damages(damages),
                None if args.faults => Soak::Kills {
                    worker: args.worker_kills,
                    browser: args.browser_kills,
                },
                None => Soak::Flows(args.flows),
            };
            return drivers::soak(&workspace, args.browser, soak, args.seed);
        }
        Command::Simulate(args) => simulate::simulate(&workspace, args.runs, args.seed)?,
        Command::Fuzz(args) => return fuzz::fuzz(&workspace, &args),
        Command::Mutants(args) => return mutants::mutants(&workspace, &args.area, args.shard.as_deref()),
        Command::Bench(args) => return drivers::bench(&workspace, args.browser),
        Command::Screenshots(args) => {
            return drivers::screenshots(&workspace, args.browser, args.only.as_deref());
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_explains_itself() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{} has no help", command.get_name());
            for argument in command.get_arguments().filter(|argument| argument.get_id() != "help") {
                assert!(
                    argument.get_help().is_some(),
                    "{} {} has no help",
                    command.get_name(),
                    argument.get_id()
                );
            }
        }
    }
}
