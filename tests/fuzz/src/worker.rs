//! Runs inputs of one target in a process of its own, so that a hang, a crash or a memory leak ends nothing else, and
//! tells what came out as one line of JSON.

use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, process, thread};

use cpu_time::{ProcessTime, ThreadTime};
use fastrand::Rng;
use peak_alloc::PeakAlloc;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::mutate::Corpus;
use crate::targets::{Run, Target};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What one input may take at once, beyond what was taken before.
pub(crate) const MEMORY_LIMIT: usize = 8 << 20;
/// What the machine must not be asked for: ends an input that still runs.
const MEMORY_STOP: usize = 1 << 30;
/// How many times the limit it may take by the clock.
const PATIENCE: u32 = 30;
/// How often a failure is tried with a smaller input.
const SHRINK_TRIES: u32 = 5000;
const SHRINK_TIME: Duration = Duration::from_secs(20);

/// Which inputs to run.
pub(crate) struct Task<'a> {
    pub(crate) target: &'a Target,
    pub(crate) seed: u64,
    /// The first one; the corpus is new there.
    pub(crate) first: u64,
    pub(crate) count: u64,
    /// How long an input may take.
    pub(crate) limit: Duration,
    /// Only the last one is run, with the corpus that the others leave.
    pub(crate) show: bool,
    /// Where each input is written before it is run: what ends the process tells nothing else.
    pub(crate) notes: Option<&'a Path>,
}

/// What came out.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) runs: u64,
    /// Inputs that were kept because they ended as no other one.
    pub(crate) found: usize,
    pub(crate) peak: usize,
    pub(crate) slowest_us: u64,
    pub(crate) failure: Option<Failure>,
}

/// An input that must not end as it did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) run: u64,
    pub(crate) message: String,
    pub(crate) input: Vec<u8>,
    /// The smallest input that was found to end alike.
    pub(crate) smaller: Option<Vec<u8>>,
}

/// How an input must not end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// A panic, a wrong sum or a property that does not hold.
    Panic,
    /// Longer than the limit.
    Hang,
    /// More than the limit.
    Memory,
    /// The process ended, as a stack that is used up ends it.
    Crash,
}

/// What the watchdog sees.
struct Now {
    run: u64,
    input: Vec<u8>,
    since: Option<(Instant, ProcessTime)>,
    memory: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The last panic, without a word on standard error.
static PANIC: Mutex<String> = Mutex::new(String::new());

/// Runs a task and prints its [`Outcome`].
pub(crate) fn work(task: &Task<'_>) {
    panic::set_hook(Box::new(|info| *lock(&PANIC) = info.to_string()));
    let now = Arc::new(Mutex::new(Now {
        run: 0,
        input: Vec::new(),
        since: None,
        memory: 0,
    }));
    let watched = Arc::clone(&now);
    let limit = task.limit;
    thread::spawn(move || watch(&watched, limit));
    let outcome = run(task, &now);
    tell(&outcome);
}

fn tell(outcome: &Outcome) {
    // Numbers and texts are always JSON.
    println!("{}", serde_json::to_string(outcome).unwrap_or_default());
}

/// The input of a run depends on the target, the seed and the run, and on what the runs before it in the same task found.
fn random(task: &Task<'_>, run: u64) -> Rng {
    let name = task.target.name.bytes();
    let name = name.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Rng::with_seed(name ^ task.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ run.wrapping_mul(0xd1b5_4a32_d192_ed03))
}

fn run(task: &Task<'_>, now: &Mutex<Now>) -> Outcome {
    let mut corpus = Corpus::new((task.target.seeds)());
    let mut outcome = Outcome::default();
    for run in task.first..task.first + task.count {
        let mut input = corpus.make(&mut random(task, run));
        input.truncate(task.target.most);
        let last = run + 1 == task.first + task.count;
        if let Some(notes) = task.notes
            && fs::write(notes, [&run.to_le_bytes(), input.as_slice()].concat()).is_err()
        {
            process::exit(2);
        }
        let tried = attempt(task.target, &input, run, now);
        outcome.runs += 1;
        outcome.peak = outcome.peak.max(tried.peak);
        outcome.slowest_us = outcome.slowest_us.max(tried.micros);
        match tried.result {
            Ok(end) => corpus.learn(&input, end),
            // Up to the one that is looked for, others have their own message.
            Err(_) if task.show && !last => {}
            Err((kind, message)) => {
                let smaller = shrink(task.target, kind, &message, &input, run, now);
                outcome.failure = Some(Failure {
                    kind,
                    run,
                    message,
                    smaller: (smaller.len() < input.len()).then_some(smaller),
                    input,
                });
                break;
            }
        }
    }
    outcome.found = corpus.found();
    outcome
}

struct Attempt {
    result: Result<u64, (Kind, String)>,
    peak: usize,
    micros: u64,
}

fn attempt(target: &Target, input: &[u8], run: u64, now: &Mutex<Now>) -> Attempt {
    let text: String = match target.run {
        // A browser hands over nothing but text.
        Run::Text(_) => {
            // A replacement character is three bytes for one.
            let mut text = String::from_utf8_lossy(input).into_owned();
            text.truncate(text.floor_char_boundary(target.most));
            text
        }
        Run::Address(_) => match Url::parse(&String::from_utf8_lossy(input)) {
            // ASCII, so that it can be cut anywhere.
            Ok(url) => url[..].get(..target.most).unwrap_or(url.as_str()).to_owned(),
            Err(_) => String::new(),
        },
        Run::Bytes(_) => String::new(),
    };
    {
        let mut now = lock(now);
        now.run = run;
        input.clone_into(&mut now.input);
        now.since = Some((Instant::now(), ProcessTime::now()));
        now.memory = MEMORY.current_usage();
    }
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let start = ThreadTime::now();
    let result = panic::catch_unwind(AssertUnwindSafe(|| match target.run {
        Run::Bytes(run) => run(input),
        Run::Text(run) | Run::Address(run) => run(&text),
    }));
    let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    let peak = MEMORY.peak_usage().saturating_sub(before);
    lock(now).since = None;
    let result = match result {
        Err(_) => Err((Kind::Panic, lock(&PANIC).clone())),
        Ok(_) if peak > MEMORY_LIMIT => Err((Kind::Memory, format!("{peak} bytes at once for {}", input.len()))),
        Ok(end) => Ok(end),
    };
    Attempt { result, peak, micros }
}

/// Leaves out piece after piece, as long as it ends alike.
fn shrink(target: &Target, kind: Kind, message: &str, input: &[u8], run: u64, now: &Mutex<Now>) -> Vec<u8> {
    let start = Instant::now();
    // The place of a panic: what stands behind it may tell of the input.
    let place = message.lines().next().unwrap_or_default();
    let mut smallest = input.to_vec();
    let mut tries = 0;
    let mut size = smallest.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < smallest.len() {
            tries += 1;
            if tries > SHRINK_TRIES || start.elapsed() > SHRINK_TIME {
                return smallest;
            }
            let mut candidate = smallest.clone();
            candidate.drain(at..(at + size).min(smallest.len()));
            match attempt(target, &candidate, run, now).result {
                Err((own, said)) if own == kind && (kind == Kind::Memory || said.starts_with(place)) => {
                    smallest = candidate;
                }
                _ => at += size,
            }
        }
        size /= 2;
    }
    smallest
}

/// Ends the process when an input takes too long, or what the machine does not have.
fn watch(now: &Mutex<Now>, limit: Duration) {
    loop {
        thread::sleep(Duration::from_millis(50));
        let now = lock(now);
        let Some((since, time)) = now.since else { continue };
        let taken = MEMORY.current_usage().saturating_sub(now.memory);
        // A busy machine is no hang, and who waits for something takes no time of a processor.
        let (kind, message) = if time.elapsed() > limit || since.elapsed() > limit * PATIENCE {
            (Kind::Hang, format!("still at it after {} s", limit.as_secs_f32()))
        } else if taken > MEMORY_STOP {
            (Kind::Memory, format!("{taken} bytes at once for {}", now.input.len()))
        } else {
            continue;
        };
        tell(&Outcome {
            failure: Some(Failure {
                kind,
                run: now.run,
                message,
                input: now.input.clone(),
                smaller: None,
            }),
            ..Outcome::default()
        });
        process::exit(3);
    }
}

/// Runs one input that somebody wrote down.
pub(crate) fn once(target: &'static Target, input: Vec<u8>, limit: Duration) {
    panic::set_hook(Box::new(|info| *lock(&PANIC) = info.to_string()));
    let now = Arc::new(Mutex::new(Now {
        run: 0,
        input: Vec::new(),
        since: None,
        memory: 0,
    }));
    let watched = Arc::clone(&now);
    thread::spawn(move || watch(&watched, limit));
    let tried = attempt(target, &input, 0, &now);
    let failure = tried.result.err().map(|(kind, message)| Failure {
        kind,
        run: 0,
        message,
        input,
        smaller: None,
    });
    tell(&Outcome {
        runs: 1,
        found: 0,
        peak: tried.peak,
        slowest_us: tried.micros,
        failure,
    });
}
