//! Tokenkeep: the map of the crate.
