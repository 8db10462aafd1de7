//! Fuzzes every parser and format of Tokenkeep that reads outside input; `cargo xtask fuzz` builds and starts this.
//!
//! `targets` lists what is fuzzed and asserts what must hold, `seeds` reads the vectors that inputs are made from,
//! `mutate` makes them with the words of `dictionary`, `worker` runs them in a process of its own, and this file hands out
//! the work and tells what came out. `planted` has targets that fail on purpose.
//!
//! An input is chosen by target, seed and number of the run. It also depends on what the runs before it found, so the runs
//! are cut into tasks of [`TASK`], each of which begins with the vectors alone: on any machine, with any number of
//! workers, the same seed runs the same inputs. What an input reached in the code is not known here (that takes nightly or
//! `unsafe`); how it ended is (a refusal's name, the shape of a record), and one that ended as no other is kept.

#![allow(clippy::print_stdout, reason = "a tool that talks to the person who started it")]
#![allow(clippy::print_stderr, reason = "a tool that talks to the person who started it")]

mod dictionary;
mod mutate;
mod planted;
mod seeds;
mod targets;
mod worker;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs, thread};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;

use crate::targets::{TARGETS, Target};
use crate::worker::{Failure, Kind, Outcome, Task};

/// How many runs have one corpus and one process.
const TASK: u64 = 100_000;
/// How often the person hears that it goes on.
const NEWS: Duration = Duration::from_secs(15);

/// Runs changed vectors through every parser and format that reads outside input
#[derive(Parser, Clone)]
#[command(name = "tokenkeep-fuzz", version)]
struct Cli {
    /// How many inputs for each target
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    /// Only this target (may be repeated)
    #[arg(long, value_name = "NAME")]
    target: Vec<String>,
    /// Start of the random choices: repeats an earlier run
    #[arg(long)]
    seed: Option<u64>,
    /// Run this one of the target's inputs again, and show it
    #[arg(long, value_name = "NUMBER")]
    run: Option<u64>,
    /// Run the bytes of this file
    #[arg(long, value_name = "FILE", conflicts_with = "run")]
    input: Option<PathBuf>,
    /// How many processes work at once; as many as there are processors by default
    #[arg(long)]
    jobs: Option<usize>,
    /// How long one input may take of a processor, in milliseconds
    #[arg(long, default_value_t = 2000)]
    limit_ms: u64,
    /// Where inputs that failed are written
    #[arg(long, value_name = "FOLDER", default_value = "target/fuzz-findings")]
    findings: PathBuf,
    /// List the targets
    #[arg(long)]
    list: bool,
    /// Work for another one of these programs: from this run on
    #[arg(long, hide = true)]
    work_from: Option<u64>,
    /// Where to write each input before it is run
    #[arg(long, hide = true)]
    notes: Option<PathBuf>,
}

impl Cli {
    fn limit(&self) -> Duration {
        Duration::from_millis(self.limit_ms)
    }

    fn chosen(&self) -> Result<Vec<&'static Target>> {
        if self.target.is_empty() {
            return Ok(TARGETS.iter().collect());
        }
        let find = |name: &String| {
            targets::by_name(name).with_context(|| format!("there is no target {name}; --list names them"))
        };
        self.target.iter().map(find).collect()
    }
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing was found.
fn run(cli: &Cli) -> Result<bool> {
    let chosen = cli.chosen()?;
    if cli.list {
        for target in TARGETS {
            println!("{:<14} {}", target.name, target.about);
        }
        return Ok(true);
    }
    if let (Some(first), [target]) = (cli.work_from, chosen.as_slice()) {
        if let Some(file) = &cli.input {
            let input = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
            worker::once(target, input, cli.limit());
            return Ok(true);
        }
        worker::work(&Task {
            target,
            seed: cli.seed.unwrap_or_default(),
            first,
            count: cli.runs,
            limit: cli.limit(),
            show: cli.run.is_some(),
            notes: cli.notes.as_deref(),
        });
        return Ok(true);
    }
    let seed = cli.seed.unwrap_or_else(new_seed);
    if cli.run.is_some() || cli.input.is_some() {
        let [target] = chosen.as_slice() else {
            bail!("one input belongs to one --target");
        };
        ensure!(
            cli.input.is_some() || cli.seed.is_some(),
            "a run is found by its number and its --seed"
        );
        return again(cli, target, seed);
    }
    fuzz(cli, &chosen, seed)
}

fn new_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs()
}

/// Runs one input again.
fn again(cli: &Cli, target: &Target, seed: u64) -> Result<bool> {
    let run = cli.run.unwrap_or_default();
    let first = run - run % TASK;
    let outcome = start(cli, target, seed, first, run - first + 1)?;
    if let Some(failure) = &outcome.failure {
        print!("{}", report(cli, target, seed, failure)?);
        return Ok(false);
    }
    println!(
        "{}: nothing wrong; {} KiB at once, {} us",
        target.name,
        outcome.peak >> 10,
        outcome.slowest_us
    );
    Ok(true)
}

/// What was done of a target.
struct Progress {
    target: &'static Target,
    begun: Option<Instant>,
    time: Duration,
    tasks: u64,
    outcome: Outcome,
}

struct Board {
    todo: VecDeque<(usize, u64, u64)>,
    progress: Vec<Progress>,
    said: Instant,
    error: Option<anyhow::Error>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fuzz(cli: &Cli, chosen: &[&'static Target], seed: u64) -> Result<bool> {
    let jobs = cli
        .jobs
        .unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    println!(
        "{} targets, {} inputs each, seed {seed}, {jobs} at a time; an input may take {} s of a processor and {} MiB",
        chosen.len(),
        cli.runs,
        cli.limit().as_secs_f32(),
        worker::MEMORY_LIMIT >> 20,
    );
    let firsts = (0..cli.runs).step_by(usize::try_from(TASK)?);
    let tasks: Vec<(u64, u64)> = firsts.map(|first| (first, TASK.min(cli.runs - first))).collect();
    let board = Mutex::new(Board {
        todo: (0..chosen.len())
            .flat_map(|target| tasks.iter().map(move |(first, count)| (target, *first, *count)))
            .collect(),
        progress: chosen
            .iter()
            .map(|target| Progress {
                target,
                begun: None,
                time: Duration::ZERO,
                tasks: tasks.len() as u64,
                outcome: Outcome::default(),
            })
            .collect(),
        said: Instant::now(),
        error: None,
    });
    println!("target              inputs      new   inputs/s      peak    slowest");
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(error) = next(cli, seed, &board) {
                    if let Err(error) = error {
                        let mut board = lock(&board);
                        board.todo.clear();
                        board.error.get_or_insert(error);
                    }
                }
            });
        }
    });
    let board = board.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = board.error {
        return Err(error);
    }
    let failed: Vec<&str> = board
        .progress
        .iter()
        .filter(|progress| progress.outcome.failure.is_some())
        .map(|progress| progress.target.name)
        .collect();
    let runs: u64 = board.progress.iter().map(|progress| progress.outcome.runs).sum();
    if failed.is_empty() {
        println!("{runs} inputs, nothing found");
    } else {
        println!(
            "{runs} inputs; {} of {} targets failed: {}",
            failed.len(),
            chosen.len(),
            failed.join(", ")
        );
    }
    Ok(failed.is_empty())
}

/// Does one task; none when there is no more.
fn next(cli: &Cli, seed: u64, board: &Mutex<Board>) -> Option<Result<()>> {
    let (place, first, count, target) = {
        let mut board = lock(board);
        let (place, first, count) = board.todo.pop_front()?;
        let progress = &mut board.progress[place];
        progress.begun.get_or_insert_with(Instant::now);
        (place, first, count, progress.target)
    };
    let begun = Instant::now();
    Some(start(cli, target, seed, first, count).and_then(|outcome| {
        let mut board = lock(board);
        let board = &mut *board;
        let progress = &mut board.progress[place];
        progress.time += begun.elapsed();
        progress.tasks -= 1;
        let all = &mut progress.outcome;
        all.runs += outcome.runs;
        all.found += outcome.found;
        all.peak = all.peak.max(outcome.peak);
        all.slowest_us = all.slowest_us.max(outcome.slowest_us);
        if let Some(failure) = outcome.failure {
            // What is left of this target would say the same.
            let others = board.todo.iter().filter(|(own, ..)| *own == place).count() as u64;
            board.todo.retain(|(own, ..)| *own != place);
            progress.tasks -= others;
            if all.failure.is_none() {
                print!("{}", report(cli, target, seed, &failure)?);
                all.failure = Some(failure);
            }
        }
        let done = progress.tasks == 0;
        if done || board.said.elapsed() > NEWS {
            board.said = Instant::now();
            println!("{}", line(progress, done));
        }
        Ok(())
    }))
}

fn line(progress: &Progress, done: bool) -> String {
    let Outcome {
        runs,
        found,
        peak,
        slowest_us,
        failure,
    } = &progress.outcome;
    let state = match (failure, done) {
        (Some(_), _) => "  FAILED",
        (None, true) => "",
        (None, false) => "  ...",
    };
    let each_second = u128::from(*runs) * 1_000_000 / progress.time.as_micros().max(1);
    format!(
        "{:<14} {runs:>11} {found:>8} {each_second:>10} {:>5} KiB {:>7} us{state}",
        progress.target.name,
        peak >> 10,
        slowest_us
    )
}

/// Starts a worker and waits for what it has to tell.
fn start(cli: &Cli, target: &Target, seed: u64, first: u64, count: u64) -> Result<Outcome> {
    let command = |notes: Option<&Path>| -> Result<Command> {
        let mut command = Command::new(env::current_exe().context("finding this program")?);
        command.args(["--target", target.name, "--seed", &seed.to_string()]);
        command.args(["--runs", &count.to_string(), "--work-from", &first.to_string()]);
        command.args(["--limit-ms", &cli.limit_ms.to_string()]);
        if let Some(run) = cli.run {
            command.args(["--run", &run.to_string()]);
        }
        if let Some(input) = &cli.input {
            command.arg("--input").arg(input);
        }
        if let Some(notes) = notes {
            command.arg("--notes").arg(notes);
        }
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        Ok(command)
    };
    let told = |command: &mut Command| -> Result<(Option<Outcome>, String)> {
        let output = command.output().context("starting a worker")?;
        let outcome = serde_json::from_slice(&output.stdout).ok();
        let said = String::from_utf8_lossy(&output.stderr);
        Ok((
            outcome,
            format!("the process ended: {}\n{}", output.status, said.trim()),
        ))
    };
    let (outcome, said) = told(&mut command(None)?)?;
    if let Some(outcome) = outcome {
        return Ok(outcome);
    }
    // It ended without a word. Once more, with a note of each input.
    fs::create_dir_all(&cli.findings).with_context(|| format!("making {}", cli.findings.display()))?;
    let file = cli.findings.join(format!("{}-{first}.notes", target.name));
    let (outcome, _) = told(&mut command(Some(&file))?)?;
    if let Some(outcome) = outcome {
        return Ok(outcome);
    }
    let noted = match &cli.input {
        Some(input) => [&0_u64.to_le_bytes(), fs::read(input)?.as_slice()].concat(),
        None => fs::read(&file).with_context(|| format!("{}: {said}", target.name))?,
    };
    let _ = fs::remove_file(&file);
    let (run, input) = noted
        .split_first_chunk()
        .with_context(|| format!("{}: {said}", target.name))?;
    Ok(Outcome {
        failure: Some(Failure {
            kind: Kind::Crash,
            run: u64::from_le_bytes(*run),
            message: said,
            input: input.to_vec(),
            smaller: None,
        }),
        ..Outcome::default()
    })
}

/// Writes the input to a file, and says what happened and how to see it again.
fn report(cli: &Cli, target: &Target, seed: u64, failure: &Failure) -> Result<String> {
    let Failure {
        kind,
        run,
        message,
        input,
        smaller,
    } = failure;
    let kind = match kind {
        Kind::Panic => "panic",
        Kind::Hang => "hang",
        Kind::Memory => "too much memory",
        Kind::Crash => "crash",
    };
    fs::create_dir_all(&cli.findings).with_context(|| format!("making {}", cli.findings.display()))?;
    let file = cli.findings.join(format!("{}-{seed}-{run}", target.name));
    let shown = smaller.as_ref().unwrap_or(input);
    fs::write(&file, shown).with_context(|| format!("writing {}", file.display()))?;
    let smaller = smaller.as_ref().map_or_else(String::new, |smaller| {
        format!("  smaller ({} bytes): {}\n", smaller.len(), escaped(smaller))
    });
    let command = format!("cargo xtask fuzz --target {}", target.name);
    Ok([
        &format!("\n{kind} in {}, seed {seed}, run {run}\n", target.name),
        &format!("  {}\n", message.replace('\n', "\n  ")),
        &format!("  input ({} bytes): {}\n", input.len(), escaped(input)),
        &smaller[..],
        &format!("  again: {command} --seed {seed} --run {run}\n"),
        &format!("     or: {command} --input {}\n\n", file.display()),
    ]
    .concat())
}

/// As Rust writes bytes; the middle of a long one is in the file.
fn escaped(input: &[u8]) -> String {
    const SHOWN: usize = 4000;
    if input.len() <= SHOWN {
        return input.escape_ascii().to_string();
    }
    let (begin, end) = (&input[..SHOWN / 2], &input[input.len() - SHOWN / 2..]);
    format!("{} [...] {}", begin.escape_ascii(), end.escape_ascii())
}
