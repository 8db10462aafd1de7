//! A time as people and tools write it.

/// 9999-12-31T23:59:59, the last second that RFC 3339 can write.
const LAST: u64 = 253_402_300_799;

/// A time in milliseconds since 1970 in UTC (RFC 3339), in whole seconds: a token never ends later than it is told. A
/// time after the year 9999 is the last second of that year.
#[must_use]
pub fn iso8601(ms: u64) -> String {
    let seconds = (ms / 1000).min(LAST);
    let (year, month, day) = date(seconds / 86400);
    let mut out = String::with_capacity(20);
    for (value, digits, end) in [
        (year, 4, '-'),
        (month, 2, '-'),
        (day, 2, 'T'),
        (seconds / 3600 % 24, 2, ':'),
        (seconds / 60 % 60, 2, ':'),
        (seconds % 60, 2, 'Z'),
    ] {
        for place in (0..digits).rev() {
            let digit = (value / 10_u64.pow(place) % 10) as u8;
            out.push((b'0' + digit).into());
        }
        out.push(end);
    }
    out
}

/// Year, month and day of a day since 1970. Years are counted from 1 March, so that a leap day is the last of its year.
fn date(day: u64) -> (u64, u64, u64) {
    // Days since 1 March of the year 0; the calendar repeats after 400 years of 146097 days.
    let day = day + 719_468;
    let (cycles, day) = (day / 146_097, day % 146_097);
    // Without the leap days before it, a day's year is a division by 365. They stand after 4 years (1460 days), not
    // after 100 (36524), but after 400.
    let year = (day - day / 1460 + day / 36524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // From March on, five months have 153 days, and again.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (400 * cycles + year + next, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_follows_the_one_before() {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for number in 0..=LAST / 86400 {
            assert_eq!(date(number), (year, month, day), "day {number}");
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 if leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
        }
        assert_eq!((year, month, day), (10_000, 1, 1));
    }

    #[test]
    fn seconds_are_whole_and_the_year_has_four_digits() {
        for (ms, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (999, "1970-01-01T00:00:00Z"),
            (86_399_999, "1970-01-01T23:59:59Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_700_000_000_000, "2023-11-14T22:13:20Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59Z"),
            (253_402_300_800_000, "9999-12-31T23:59:59Z"),
            (u64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(iso8601(ms), expected, "{ms}");
        }
    }
}
