//! `LinkedIn-Version` (linkedin.md §8, Versions): a version a month, each served for about twelve.

/// The newest version that is known to have been served, on 4 September 2026: 202608, as months since January 1970.
const KNOWN: u64 = 56 * 12 + 7;

/// How many months a version is trusted: 202508 died on 17 August 2026, so the twelfth month is not whole.
const TRUSTED: u64 = 11;

/// How many months back a version is certain to be out: that of August was the newest on 4 September.
const OUT_SINCE: u64 = 2;

/// The version to ask for at this time, as `YYYYMM`: the one that is known as long as it lives, afterwards the month before
/// last, which is out for certain and far from its end. A clock that is behind changes nothing.
#[must_use]
pub fn api_version(now_ms: u64) -> String {
    let now = months_since_1970(now_ms / 86_400_000);
    let version = if now < KNOWN + TRUSTED { KNOWN } else { now - OUT_SINCE };
    (197_000 + version / 12 * 100 + version % 12 + 1).to_string()
}

/// Whole months of the Gregorian calendar from January 1970 to that day.
fn months_since_1970(days: u64) -> u64 {
    // Years begin in March, so that the leap day is the last of a year (H. Hinnant, "chrono-compatible low-level date
    // algorithms").
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    (era * 400 + year) * 12 + month_from_march + 2 - 1970 * 12
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 86_400_000;

    #[test]
    fn the_known_version_for_its_life_then_the_month_before_last() {
        for (day, expected) in [
            (0, "202608"),      // a clock that is behind
            (20_701, "202608"), // 5 September 2026
            (20_780, "202608"), // 23 November 2026
            (20_999, "202608"), // 30 June 2027
            (21_000, "202705"), // 1 July 2027
            (21_183, "202710"), // 31 December 2027
            (21_184, "202711"), // 1 January 2028
            (21_243, "202712"), // 29 February 2028
            (21_244, "202801"), // 1 March 2028
        ] {
            assert_eq!(api_version(day * DAY_MS), expected, "day {day}");
        }
    }

    #[test]
    fn never_older_than_a_year_nor_younger_than_a_month() {
        for day in 20_701..30_000 {
            let now = months_since_1970(day);
            let version: u64 = api_version(day * DAY_MS).parse().unwrap();
            let version = (version / 100 - 1970) * 12 + version % 100 - 1;
            assert!((1..=TRUSTED).contains(&(now - version)), "day {day}");
        }
    }
}
