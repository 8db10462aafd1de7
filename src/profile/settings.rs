//! What a person chose for all profiles.

use crate::plain::record;

/// Days before a token's end at which people are reminded, unless they choose others.
pub const DEFAULT_REMIND_DAYS: [u32; 3] = [14, 3, 1];

/// The choices that hold for all profiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Days before a token's end at which the person is reminded, the earliest reminder first.
    pub remind_days: Vec<u32>,
    /// Whether the browser shows a notification.
    pub notify: bool,
    /// The person's own format, as `handoff::fill` takes it.
    pub template: Option<String>,
    /// After how many minutes without use a storage with a passphrase is locked, 0 for never; none for the usual.
    pub lock_after_min: Option<u32>,
    /// Whether it is locked when the screen is.
    pub lock_with_screen: bool,
    /// After how many seconds the clipboard is cleared that holds a copied token; none for never.
    pub clear_after_s: Option<u32>,
}
record!(Settings {
    remind_days,
    notify,
    template,
    lock_after_min,
    lock_with_screen,
    clear_after_s
});

/// After how many minutes without use a storage with a passphrase is locked, unless people choose otherwise.
const LOCK_AFTER_MIN: u32 = 15;

/// Characters in a template.
const MAX_TEMPLATE: usize = 4000;

impl Default for Settings {
    fn default() -> Self {
        Self {
            remind_days: DEFAULT_REMIND_DAYS.to_vec(),
            notify: false,
            template: None,
            lock_after_min: None,
            lock_with_screen: false,
            clear_after_s: None,
        }
    }
}

impl Settings {
    /// The most days that a reminder may be ahead: LinkedIn's tokens live for 60.
    const MOST_DAYS: u32 = 60;
    /// The longest time without use, in minutes.
    const MOST_LOCK_MIN: u32 = 1440;
    /// The bounds of the time until the clipboard is cleared, in seconds: browsers ring no alarm within half a minute.
    const CLEAR_S: (u32, u32) = (30, 3600);
    /// The most reminders of one token.
    const MOST_REMINDERS: usize = 5;

    /// After which time without use to lock, in milliseconds; none for never.
    #[must_use]
    pub fn lock_after_ms(&self) -> Option<u64> {
        match self.lock_after_min.unwrap_or(LOCK_AFTER_MIN) {
            0 => None,
            // Browsers ring no alarm within half a minute, and nobody waits for longer than a day.
            minutes => Some(u64::from(minutes.min(Self::MOST_LOCK_MIN)) * 60_000),
        }
    }

    /// After which time the clipboard is cleared, in milliseconds; none for never.
    #[must_use]
    pub fn clear_after_ms(&self) -> Option<u64> {
        let (least, most) = Self::CLEAR_S;
        Some(u64::from(self.clear_after_s?.clamp(least, most)) * 1000)
    }

    /// The days in order and each once; the reason, as a key for the texts, when they cannot be used.
    pub fn checked(mut self) -> Result<Self, &'static str> {
        self.remind_days.sort_unstable_by(|one, other| other.cmp(one));
        self.remind_days.dedup();
        if self
            .template
            .as_ref()
            .is_some_and(|template| template.chars().count() > MAX_TEMPLATE)
        {
            return Err("template_too_long");
        }
        if self.remind_days.is_empty() {
            return Err("required");
        }
        if self.remind_days.len() > Self::MOST_REMINDERS {
            return Err("too_many");
        }
        if self
            .remind_days
            .iter()
            .any(|days| !(1..=Self::MOST_DAYS).contains(days))
        {
            return Err("out_of_range");
        }
        Ok(self)
    }

    /// Days as people type them: numbers with commas or spaces between them.
    pub fn parse_days(text: &str) -> Result<Vec<u32>, &'static str> {
        let mut days = Vec::new();
        for word in text.split([',', ';', ' ', '\t', '\n']).filter(|word| !word.is_empty()) {
            if !word.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err("not_whole");
            }
            // Digits that fill more than a `u32` are too many days.
            days.push(word.parse().map_err(|_| "out_of_range")?);
        }
        Ok(days)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&[u32], &str>) {
        let checked = Settings::parse_days(text).and_then(|remind_days| {
            Settings {
                remind_days,
                notify: true,
                ..Settings::default()
            }
            .checked()
        });
        let days = checked.map(|settings| settings.remind_days);
        assert_eq!(days.as_deref().map_err(|code| *code), expected, "{text:?}");
    }

    #[test]
    fn days_in_any_order_become_the_earliest_reminder_first() {
        check("14, 3, 1", Ok(&[14, 3, 1]));
        check("1 3;14", Ok(&[14, 3, 1]));
        check(" 7,7 ,07", Ok(&[7]));
        check("60", Ok(&[60]));
        check("5 4 3 2 1 1", Ok(&[5, 4, 3, 2, 1]));
    }

    #[test]
    fn what_is_no_list_of_days_is_refused() {
        for (text, code) in [
            ("", "required"),
            (" , ", "required"),
            ("0", "out_of_range"),
            ("61", "out_of_range"),
            ("4294967296", "out_of_range"),
            ("6 5 4 3 2 1", "too_many"),
            ("1.5", "not_whole"),
            ("-1", "not_whole"),
            ("+1", "not_whole"),
            ("three", "not_whole"),
            ("\u{0663}", "not_whole"),
        ] {
            check(text, Err(code));
        }
    }

    #[test]
    fn stored_and_read_back() {
        let settings = Settings::default();
        let json = serde_json::to_string(&settings).unwrap();
        assert_eq!(
            json,
            r#"{"remind_days":[14,3,1],"notify":false,"template":null,"lock_after_min":null,"lock_with_screen":false,"clear_after_s":null}"#
        );
        assert_eq!(serde_json::from_str::<Settings>(&json).unwrap(), settings);
        assert!(serde_json::from_str::<Settings>(r#"{"remind_days":[-1]}"#).is_err());
        assert!(serde_json::from_str::<Settings>(r#"{"remind_days":[1.5]}"#).is_err());
    }

    #[test]
    fn what_was_stored_before_there_were_locks_is_read() {
        let old: Settings = serde_json::from_str(r#"{"remind_days":[7],"notify":true,"template":null}"#).unwrap();
        assert_eq!(old.lock_after_ms(), Some(15 * 60_000));
        assert!(!old.lock_with_screen);
        assert_eq!(old.clear_after_ms(), None);
    }

    #[test]
    fn locked_after_a_time_or_never() {
        for (minutes, after_ms) in [
            (None, Some(900_000)),
            (Some(0), None),
            (Some(5), Some(300_000)),
            (Some(u32::MAX), Some(86_400_000)),
        ] {
            let settings = Settings {
                lock_after_min: minutes,
                ..Settings::default()
            };
            assert_eq!(settings.lock_after_ms(), after_ms, "{minutes:?}");
        }
    }

    #[test]
    fn the_clipboard_is_cleared_after_a_time_or_never() {
        for (seconds, after_ms) in [
            (None, None),
            (Some(0), Some(30_000)),
            (Some(120), Some(120_000)),
            (Some(u32::MAX), Some(3_600_000)),
        ] {
            let settings = Settings {
                clear_after_s: seconds,
                ..Settings::default()
            };
            assert_eq!(settings.clear_after_ms(), after_ms, "{seconds:?}");
        }
    }

    #[test]
    fn the_defaults_are_in_order() {
        assert_eq!(Settings::default().checked(), Ok(Settings::default()));
    }
}
