//! What the person sees while something takes long: one line when it starts, one when it ends, with the time.

use std::time::{Duration, Instant};

use anyhow::Result;

/// Runs one long step, saying when it starts and how long it took.
pub(crate) fn step<T>(title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("==> {title}");
    let start = Instant::now();
    let result = work();
    let outcome = if result.is_ok() { "done" } else { "failed" };
    println!("    {title}: {outcome} in {}", seconds(start.elapsed()));
    result
}

/// Says one thing that is no step.
pub(crate) fn note(text: &str) {
    println!("    {text}");
}

/// `0.4 s`, `12.3 s`, `2 m 03 s`.
pub(crate) fn seconds(time: Duration) -> String {
    if time < Duration::from_mins(1) {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{} m {:02} s", time.as_secs() / 60, time.as_secs() % 60)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::seconds;

    #[test]
    fn times_are_short_to_read() {
        assert_eq!(seconds(Duration::from_millis(440)), "0.4 s");
        assert_eq!(seconds(Duration::from_millis(12_340)), "12.3 s");
        assert_eq!(seconds(Duration::from_secs(123)), "2 m 03 s");
    }
}
