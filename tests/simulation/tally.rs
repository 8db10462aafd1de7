//! What happened in all schedules together, so that "nothing was lost" says of how much.

use std::fmt;
use std::sync::Mutex;

macro_rules! counts {
    ($($(#[$what:meta])* $name:ident,)*) => {
        #[derive(Clone, Debug, Default)]
        pub(crate) struct Counts {
            $($(#[$what])* pub(crate) $name: usize,)*
        }

        impl Counts {
            fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

counts! {
    schedules,
    kills,
    restarts,
    codes,
    refreshes,
    acknowledged,
    losses_told,
    /// Writes of `storage.local` and of the session that the browser refused.
    refused,
    refused_in_session,
    /// Tokens that the browser did not take, whose flow says so.
    refusals_told,
    /// Of these, the ones that were kept and stored later.
    stored_later,
    torn,
    /// Writes that the copy did not follow, because the worker died.
    uncopied,
    /// Batches that went with the power.
    cut,
    harmed,
    /// Looks that found something to put back or to tell.
    healed,
    /// Tokens called stored that went with the power before the disk or the copy had them.
    lost_with_power,
    /// Tokens called stored of which no whole text was left, which the person is told.
    beyond_repair,
    /// Refresh tokens that the server took for stolen, of which the note that they were sent was lost.
    sent_unknowingly,
}

#[derive(Default)]
pub(crate) struct Tally(Mutex<Counts>);

impl Tally {
    pub(crate) fn add(&self, counts: &Counts) {
        self.0.lock().unwrap().add(counts);
    }
}

impl fmt::Display for Tally {
    /// Only a run in which nothing failed is told: the zeros are what was checked after each step.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            schedules,
            kills,
            restarts,
            codes,
            refreshes,
            acknowledged,
            losses_told,
            refused,
            refused_in_session,
            refusals_told,
            stored_later,
            torn,
            uncopied,
            cut,
            harmed,
            healed,
            lost_with_power,
            beyond_repair,
            sent_unknowingly,
        } = self.0.lock().unwrap().clone();
        writeln!(
            f,
            "{schedules} schedules with {kills} killed workers and {restarts} restarted browsers"
        )?;
        writeln!(
            f,
            "  codes exchanged: {codes}, posted twice: 0, at the redirect host: 0"
        )?;
        writeln!(f, "  tokens called stored: {acknowledged}, lost: 0")?;
        writeln!(
            f,
            "  refresh tokens sent: {refreshes}, taken for stolen by the server: 0"
        )?;
        writeln!(
            f,
            "  grants lost with an answer: {losses_told}, told as \"sign in again\": {losses_told}"
        )?;
        writeln!(f, "  flows without an end: 0, rules or alarms that nobody owns: 0")?;
        writeln!(
            f,
            "  writes refused: {refused}, and {refused_in_session} of the session; tokens among them: {refusals_told}, called stored: 0, \
             stored later: {stored_later}"
        )?;
        writeln!(
            f,
            "  writes torn: {torn}, not followed by the copy: {uncopied}, lost with the power: {cut}"
        )?;
        writeln!(
            f,
            "  starts on something harmed: {harmed}; looks that put back or told: {healed}, taken for a first run: 0"
        )?;
        write!(
            f,
            "  beside the above, tokens lost with the power before the disk had them: {lost_with_power}, \
             damaged on all sides and told: {beyond_repair}, \
             taken for stolen where it was lost that they were sent: {sent_unknowingly}"
        )
    }
}
