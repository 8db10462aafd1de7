//! JSON objects from a server, with doubled member names noticed.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value};

/// What a body turned out to be.
pub(super) enum Json {
    Object(Object),
    /// Some other JSON value.
    Other,
    /// No JSON at all.
    Invalid,
}

/// The members of an object.
#[derive(Default)]
pub(super) struct Object {
    members: Map<String, Value>,
    /// The first name that stood twice. RFC 8259 §4 leaves the meaning open, so two readers could see two tokens.
    pub(super) duplicate: Option<String>,
}

impl Object {
    /// A member that is there and not null.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// A string member that is not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// An object with string members, from a form body.
    pub(super) fn from_pairs(pairs: Vec<(String, String)>) -> Self {
        let mut object = Self::default();
        for (name, value) in pairs {
            object.push(name, Value::String(value));
        }
        object
    }

    fn push(&mut self, name: String, value: Value) {
        if self.duplicate.is_none() && self.members.contains_key(&name) {
            self.duplicate = Some(name.clone());
        }
        self.members.insert(name, value);
    }
}

pub(super) fn parse(body: &[u8]) -> Json {
    // RFC 8259 §8.1 lets a parser ignore a byte order mark.
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    if body.trim_ascii_start().starts_with(b"{") {
        return serde_json::from_slice(body).map_or(Json::Invalid, Json::Object);
    }
    match serde_json::from_slice::<IgnoredAny>(body) {
        Ok(_) => Json::Other,
        Err(_) => Json::Invalid,
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut object = Object::default();
                while let Some((name, value)) = map.next_entry()? {
                    object.push(name, value);
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(Members)
    }
}
