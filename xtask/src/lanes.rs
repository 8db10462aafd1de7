//! What runs in a browser: two pieces at the same time, because either waits most of it.

use std::fmt;
use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use crate::browser::Browser;
use crate::drivers::{Shard, Soak, Stage};
use crate::test::{Outcome, Part};

/// How many pieces run at the same time.
const LANES: usize = 2;

/// Firefox takes twice as long as Chromium, so whoever has time takes some of its tests.
const FIREFOX_SHARDS: u32 = 4;

/// How many flows the soak of a test run has; `cargo xtask soak` runs more.
const SOAK_FLOWS: u32 = 15;

/// How many kills; `cargo xtask soak --faults` has more.
const SOAK_KILLS: Soak = Soak::Kills { worker: 20, browser: 3 };

/// What a lane takes at a time: a part, or a share of its tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    part: Part,
    shard: Option<Shard>,
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shard {
            None => write!(f, "{}", self.part),
            Some(Shard { number, of }) => write!(f, "{}, {number} of {of}", self.part),
        }
    }
}

/// In the order in which they begin.
fn pieces(parts: &[Part]) -> Vec<Piece> {
    let shards = |part| match part {
        Part::E2eFirefox => (1..=FIREFOX_SHARDS)
            .map(|number| {
                Some(Shard {
                    number,
                    of: FIREFOX_SHARDS,
                })
            })
            .collect(),
        _ => vec![None],
    };
    let of_part = |part: Part| shards(part).into_iter().map(move |shard| Piece { part, shard });
    parts.iter().copied().flat_map(of_part).collect()
}

/// What became of the pieces.
struct Ends {
    /// With what was said, unless it was said at once.
    ended: Vec<Option<(Outcome, Option<File>)>>,
    /// How many are shown.
    shown: usize,
}

impl Ends {
    /// Shows what the pieces said that ended, up to the first one that has not.
    fn show(&mut self, pieces: &[Piece]) -> Result<()> {
        while let Some(Some((outcome, said))) = self.ended.get_mut(self.shown) {
            if let Some(said) = said.as_mut().filter(|_| !matches!(outcome, Outcome::NotRun)) {
                println!("\n######## {}", pieces[self.shown]);
                said.rewind().context("reading what was said")?;
                io::copy(said, &mut io::stdout()).context("showing what was said")?;
            }
            self.shown += 1;
        }
        Ok(())
    }

    /// The outcomes of the parts, each of all its pieces.
    fn of_parts(self, pieces: &[Piece]) -> Vec<(Part, Outcome)> {
        let mut parts: Vec<(Part, Outcome)> = Vec::new();
        for (piece, ended) in pieces.iter().zip(self.ended) {
            let outcome = ended.map_or(Outcome::NotRun, |(outcome, _)| outcome);
            match parts.pop() {
                Some((part, before)) if part == piece.part => parts.push((part, before.and(outcome))),
                before => {
                    parts.extend(before);
                    parts.push((piece.part, outcome));
                }
            }
        }
        parts
    }
}

/// Runs parts. The first piece is shown as it goes on, each other one when all before it have ended. After a failure no more are
/// begun, unless it is to keep going.
pub(crate) fn run(stage: &Stage<'_>, parts: &[Part], keep_going: bool) -> Result<Vec<(Part, Outcome)>> {
    let pieces = pieces(parts);
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let ends = Mutex::new(Ends {
        ended: pieces.iter().map(|_| None).collect(),
        shown: 0,
    });
    let lane = || -> Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(piece) = pieces.get(number).copied() else {
                return Ok(());
            };
            let mut said = (number > 0)
                .then(tempfile::tempfile)
                .transpose()
                .context("making a file")?;
            let outcome = if stop.load(Ordering::Relaxed) {
                Outcome::NotRun
            } else {
                if said.is_none() {
                    println!("\n######## {piece}");
                }
                let start = Instant::now();
                let result = in_browser(stage, piece, said.as_ref());
                if let Err(error) = &result {
                    let why = format!("error: {piece}: {error:#}");
                    match &mut said {
                        Some(said) => writeln!(said, "{why}").context("writing what was said")?,
                        None => eprintln!("{why}"),
                    }
                }
                Outcome::of(&result, start.elapsed())
            };
            if matches!(outcome, Outcome::Failed(..)) && !keep_going {
                stop.store(true, Ordering::Relaxed);
            }
            // A lane that panicked is told where it is joined.
            let mut ends = ends.lock().unwrap_or_else(PoisonError::into_inner);
            ends.ended[number] = Some((outcome, said));
            ends.show(&pieces)?;
        }
    };
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|_| scope.spawn(lane)).collect();
        for lane in lanes {
            match lane.join() {
                Ok(result) => result?,
                Err(_) => bail!("a lane panicked"),
            }
        }
        Ok(())
    })?;
    let ends = ends.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(ends.of_parts(&pieces))
}

/// A piece; what it says goes to this file instead of this program's output.
fn in_browser(stage: &Stage<'_>, piece: Piece, said: Option<&File>) -> Result<()> {
    let Some(browser) = piece.part.browser() else {
        bail!("{} is no part of a browser's", piece.part)
    };
    match piece.part {
        Part::SoakChromium | Part::SoakFirefox => short_soak(stage, browser, said),
        _ => stage.end_to_end_tests(browser, piece.shard, said),
    }
}

fn short_soak(stage: &Stage<'_>, browser: Browser, said: Option<&File>) -> Result<()> {
    for soak in [Soak::Flows(SOAK_FLOWS), SOAK_KILLS] {
        let status = stage.soak(browser, soak, None, said)?;
        ensure!(status.success(), "the soak in {browser} failed: {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Ends, Outcome, Part, pieces};

    fn named(parts: &[Part]) -> Vec<String> {
        pieces(parts).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_takes_longest_is_shared() {
        assert_eq!(
            named(&[Part::E2eChromium, Part::E2eFirefox, Part::SoakFirefox]),
            [
                "e2e-chromium",
                "e2e-firefox, 1 of 4",
                "e2e-firefox, 2 of 4",
                "e2e-firefox, 3 of 4",
                "e2e-firefox, 4 of 4",
                "soak-firefox"
            ]
        );
        assert!(named(&[]).is_empty());
    }

    #[test]
    fn pieces_of_a_part_end_as_one() {
        let passed = |seconds| Some((Outcome::Passed(Duration::from_secs(seconds)), None));
        let failed = Some((Outcome::Failed(Duration::from_secs(1), "why".to_owned()), None));
        let ends = Ends {
            ended: vec![passed(1), passed(2), failed, passed(4), passed(8), None],
            shown: 0,
        };
        assert_eq!(
            ends.of_parts(&pieces(&[Part::E2eChromium, Part::E2eFirefox, Part::SoakFirefox])),
            [
                (Part::E2eChromium, Outcome::Passed(Duration::from_secs(1))),
                (
                    Part::E2eFirefox,
                    Outcome::Failed(Duration::from_secs(15), "why".to_owned())
                ),
                (Part::SoakFirefox, Outcome::NotRun),
            ]
        );
    }
}
