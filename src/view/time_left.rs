//! How long a token still lives.

/// A unit as `Intl.NumberFormat` spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// 24 hours.
    Day,
    /// 60 minutes.
    Hour,
    /// 60 seconds.
    Minute,
    /// One second.
    Second,
}

impl TimeUnit {
    /// The name that `Intl` knows.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::Second => "second",
        }
    }
}

/// A duration in the largest unit that leaves at least two of it, rounded down: nobody is promised more than there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLeft {
    /// How many.
    pub value: u32,
    /// Of what.
    pub unit: TimeUnit,
}

impl TimeLeft {
    /// From now until then, both in milliseconds of the Unix epoch; none when it is over.
    #[must_use]
    pub fn until(now_ms: u64, then_ms: u64) -> Option<Self> {
        let seconds = then_ms.checked_sub(now_ms)? / 1000;
        if seconds == 0 {
            return None;
        }
        let (value, unit) = match seconds {
            172_800.. => (seconds / 86_400, TimeUnit::Day),
            7_200.. => (seconds / 3600, TimeUnit::Hour),
            120.. => (seconds / 60, TimeUnit::Minute),
            _ => (seconds, TimeUnit::Second),
        };
        Some(Self {
            value: u32::try_from(value).unwrap_or(u32::MAX),
            unit,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seconds: u64, expected: Option<(u32, &str)>) {
        let left = TimeLeft::until(1_000_000, 1_000_000 + seconds * 1000);
        assert_eq!(
            left.map(|left| (left.value, left.unit.as_str())),
            expected,
            "{seconds} s"
        );
    }

    #[test]
    fn largest_unit_of_which_there_are_two() {
        check(0, None);
        check(1, Some((1, "second")));
        check(119, Some((119, "second")));
        check(120, Some((2, "minute")));
        check(7_199, Some((119, "minute")));
        check(7_200, Some((2, "hour")));
        check(172_799, Some((47, "hour")));
        check(172_800, Some((2, "day")));
        check(5_183_999, Some((59, "day")));
    }

    #[test]
    fn the_past_and_the_far_future() {
        assert_eq!(TimeLeft::until(2000, 1000), None);
        assert_eq!(TimeLeft::until(0, u64::MAX).map(|left| left.value), Some(u32::MAX));
    }
}
