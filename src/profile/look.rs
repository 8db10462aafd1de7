//! What tells a profile from others at a glance: an environment's name, a sign and its colour.

use crate::{oauth::text, plain::record};

/// The colours that a sign may have, as the pages' style sheet names them; the first one is the quiet one.
pub const COLORS: [&str; 8] = ["slate", "red", "orange", "yellow", "green", "teal", "blue", "violet"];

const MAX_LABEL: usize = 40;
/// An emoji may be put together from several characters.
const MAX_ICON: usize = 8;

/// The person's own marks of a profile. All of it may be absent, as in a record of an earlier version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// Where its tokens are used: "production", "staging".
    pub label: Option<String>,
    /// A letter or two, or an emoji; without it the name's first letter stands there.
    pub icon: Option<String>,
    /// One of [`COLORS`].
    pub color: Option<String>,
}
record!(Look { label, icon, color });

impl Look {
    /// The field that holds more than fits.
    #[must_use]
    pub fn too_long(&self) -> Option<&'static str> {
        let exceeds = |field: &Option<String>, max| field.as_ref().is_some_and(|text| text.chars().count() > max);
        if exceeds(&self.label, MAX_LABEL) {
            return Some("label");
        }
        let letters = self.icon.as_ref().is_some_and(|icon| icon.is_ascii());
        exceeds(&self.icon, if letters { 2 } else { MAX_ICON }).then_some("icon")
    }

    /// Without what nobody could read, and without a colour that does not exist.
    #[must_use]
    pub fn clean(&self) -> Self {
        let readable = |field: &Option<String>, max| {
            let clean = text::clean(field.as_deref().unwrap_or_default(), max);
            Some(clean).filter(|clean| !clean.is_empty())
        };
        Self {
            label: readable(&self.label, MAX_LABEL),
            icon: readable(&self.icon, MAX_ICON),
            color: self.known_color().map(str::to_owned),
        }
    }

    /// The colour to draw with.
    #[must_use]
    pub fn color(&self) -> &'static str {
        self.known_color().unwrap_or(COLORS[0])
    }

    /// What stands in the sign of a profile of this name.
    #[must_use]
    pub fn sign(&self, name: &str) -> String {
        match &self.icon {
            Some(icon) => icon.clone(),
            // The pages' style sheet makes it a capital.
            None => name.chars().take(1).collect(),
        }
    }

    fn known_color(&self) -> Option<&'static str> {
        let color = self.color.as_deref()?;
        COLORS.into_iter().find(|known| *known == color)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(label: &str, icon: &str, color: &str) -> Look {
        Look {
            label: Some(label.to_owned()),
            icon: Some(icon.to_owned()),
            color: Some(color.to_owned()),
        }
    }

    #[test]
    fn absent_in_an_older_record() {
        for json in ["null", "{}", r#"{"label":null}"#] {
            assert_eq!(serde_json::from_str::<Look>(json).unwrap(), Look::default(), "{json}");
        }
        assert!(serde_json::from_str::<Look>(r#"{"label":1}"#).is_err());
    }

    #[test]
    fn a_sign_is_the_icon_or_the_first_letter() {
        assert_eq!(Look::default().sign("linkedIn"), "l");
        assert_eq!(Look::default().sign(""), "");
        assert_eq!(look("", "\u{1f680}", "").sign("linkedIn"), "\u{1f680}");
    }

    #[test]
    fn what_is_too_long_is_named() {
        assert_eq!(look(&"l".repeat(40), "AB", "red").too_long(), None);
        assert_eq!(look(&"l".repeat(41), "AB", "red").too_long(), Some("label"));
        assert_eq!(look("", "ABC", "red").too_long(), Some("icon"));
        assert_eq!(look("", "\u{1f469}\u{200d}\u{1f4bb}", "red").too_long(), None);
        assert_eq!(look("", &"\u{1f680}".repeat(9), "red").too_long(), Some("icon"));
    }

    #[test]
    fn clean_leaves_nothing_that_is_no_text_and_no_color_of_its_own() {
        assert_eq!(look(" ", "", "url(x)").clean(), Look::default());
        let clean = look("stag\u{202e}ing\n", "S", "teal").clean();
        assert_eq!(
            clean.label.as_deref().map(|label| label.contains(['\u{202e}', '\n'])),
            Some(false)
        );
        assert_eq!((clean.color(), look("", "", "pink").color()), ("teal", "slate"));
    }
}
