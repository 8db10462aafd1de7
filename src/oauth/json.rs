//! JSON objects from a server, with doubled member names noticed.

use crate::plain::Plain;

/// What a body turned out to be.
pub(crate) enum Json {
    Object(Object),
    /// Some other JSON value.
    Other,
    /// No JSON at all.
    Invalid,
    /// JSON with more values than anybody needs.
    TooLarge,
}

/// An object.
pub(crate) struct Object(Plain);

impl Object {
    /// A member that is there and not null.
    pub(crate) fn get(&self, name: &str) -> Option<&Plain> {
        self.0.get(name).filter(|value| **value != Plain::Null)
    }

    /// A string member that is not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// The first name that stood twice. RFC 8259 §4 leaves the meaning open, so two readers could see two tokens.
    pub(super) fn duplicate(&self) -> Option<&str> {
        let Plain::Object(members) = &self.0 else { return None };
        // Sorted, because a server may send very many.
        let mut names: Vec<(&str, usize)> = members.iter().map(|(name, _)| name.as_ref()).zip(0..).collect();
        names.sort_unstable();
        let doubled = names.windows(2).filter(|pair| pair[0].0 == pair[1].0);
        doubled
            .map(|pair| pair[1])
            .min_by_key(|(_, place)| *place)
            .map(|(name, _)| name)
    }

    /// An object with string members, from a form body.
    pub(super) fn from_pairs(pairs: Vec<(String, String)>) -> Self {
        let members = pairs.into_iter().map(|(name, value)| (name.into(), Plain::Text(value)));
        Self(Plain::Object(members.collect()))
    }
}

pub(crate) fn parse(body: &[u8]) -> Json {
    // A letter of another encoding in a word of the server's costs that letter and not the answer. A token with one is
    // refused for it: it is no ASCII.
    let text = String::from_utf8_lossy(body);
    // RFC 8259 §8.1 lets a parser ignore a byte order mark.
    match Plain::from_others(text.strip_prefix('\u{FEFF}').unwrap_or(&text).as_bytes()) {
        Ok(object @ Plain::Object(_)) => Json::Object(Object(object)),
        Ok(_) => Json::Other,
        Err(error) if error.is_data() => Json::TooLarge,
        Err(_) => Json::Invalid,
    }
}

/// The number that a text is, as JSON writes numbers.
pub(super) fn number(text: &str) -> Option<f64> {
    serde_json::from_str::<Plain>(text).ok()?.as_f64()
}
