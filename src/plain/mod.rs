//! Records as plain data: what stands in storage, goes between page and worker, or comes as JSON.
//!
//! Serde's derives make a reader and a writer of their own for each record and each format; together they were a fifth
//! of the WebAssembly. Here a record turns into the one [`Plain`] and back by a few calls, and Serde carries a `Plain`.

pub(crate) mod json;
mod record;
mod serde_impl;

pub(crate) use record::{Members, record};
pub use record::{Record, Unfit};

use std::borrow::Cow;

/// A value as JSON knows it. An object keeps its members in their order, doubled names included.
#[derive(Clone, Debug, PartialEq)]
pub enum Plain {
    /// `null`, and what is absent.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as JavaScript has it.
    Number(f64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Plain>),
    /// An object.
    Object(Vec<Member>),
}

/// A member of an object.
pub type Member = (Cow<'static, str>, Plain);

/// The integers that a [`Plain::Number`] holds exactly: JavaScript's `Number.MAX_SAFE_INTEGER`.
const EXACT: f64 = 9_007_199_254_740_991.0;

impl Plain {
    /// The last member of that name, null or not.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Plain> {
        let Self::Object(members) = self else { return None };
        members
            .iter()
            .rev()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value)
    }

    /// The string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The number, when it is whole and exact.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        let number = self
            .as_f64()
            .filter(|number| number.fract() == 0.0 && number.abs() <= EXACT)?;
        #[expect(clippy::cast_possible_truncation, reason = "whole, and below 2^53")]
        Some(number as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_exact_or_none() {
        for (number, expected) in [
            (0.0, Some(0)),
            (-1.0, Some(-1)),
            (EXACT, Some(9_007_199_254_740_991)),
            (EXACT + 1.0, None),
            (1e300, None),
            (0.5, None),
            (f64::NAN, None),
            (f64::NEG_INFINITY, None),
        ] {
            assert_eq!(Plain::Number(number).as_i64(), expected, "{number}");
        }
        assert_eq!(Plain::Text("1".into()).as_i64(), None);
    }

    #[test]
    fn the_last_of_two_members_counts() {
        let object: Plain = serde_json::from_str(r#"{"a":1,"a":2,"b":null}"#).unwrap();
        assert_eq!(object.get("a"), Some(&Plain::Number(2.0)));
        assert_eq!(object.get("b"), Some(&Plain::Null));
        assert_eq!(object.get("c"), None);
    }
}
