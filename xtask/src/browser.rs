//! The two browsers, and what xtask must know about each.

use std::fmt;

use clap::ValueEnum;

/// A browser that Tokenkeep is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Browser {
    /// Chromium, Chrome, Edge
    Chromium,
    /// Firefox
    Firefox,
}

impl Browser {
    /// Both, in the order in which everything is done.
    pub(crate) const ALL: [Self; 2] = [Self::Chromium, Self::Firefox];

    /// The name in paths, options and manifest prefixes.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
        }
    }
}

impl fmt::Display for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
