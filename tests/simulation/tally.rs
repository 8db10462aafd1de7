//! What happened in all schedules together, so that "nothing was lost" says of how much.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) schedules: AtomicU64,
    pub(crate) kills: AtomicU64,
    pub(crate) restarts: AtomicU64,
    pub(crate) codes: AtomicU64,
    pub(crate) refreshes: AtomicU64,
    pub(crate) acknowledged: AtomicU64,
    pub(crate) losses_told: AtomicU64,
}

impl Tally {
    pub(crate) fn add(count: &AtomicU64, number: usize) {
        count.fetch_add(number as u64, Relaxed);
    }
}

impl fmt::Display for Tally {
    /// Only a run in which nothing failed is told: the zeros are what was checked after each step.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |count: &AtomicU64| count.load(Relaxed);
        writeln!(
            f,
            "{} schedules with {} killed workers and {} restarted browsers",
            count(&self.schedules),
            count(&self.kills),
            count(&self.restarts)
        )?;
        writeln!(
            f,
            "  codes exchanged: {}, posted twice: 0, at the redirect host: 0",
            count(&self.codes)
        )?;
        writeln!(f, "  tokens called stored: {}, lost: 0", count(&self.acknowledged))?;
        writeln!(
            f,
            "  refresh tokens sent: {}, taken for stolen by the server: 0",
            count(&self.refreshes)
        )?;
        writeln!(
            f,
            "  grants lost with an answer: {}, told as \"sign in again\": {}",
            count(&self.losses_told),
            count(&self.losses_told)
        )?;
        write!(f, "  flows without an end: 0, rules or alarms that nobody owns: 0")
    }
}
