//! [`Plain`] for Serde: to and from JSON, and to and from JavaScript by serde-wasm-bindgen.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Plain;

impl Serialize for Plain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            // JSON writes a whole number without a fraction.
            Self::Number(number) => match self.as_i64() {
                Some(whole) => serializer.serialize_i64(whole),
                None => serializer.serialize_f64(*number),
            },
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(members) => serializer.collect_map(members.iter().map(|(name, value)| (name.as_ref(), value))),
        }
    }
}

/// The most values that JSON of others may hold. A value takes fifty times its two characters, so that the size of a text
/// says little.
const MOST_VALUES: u32 = 1 << 15;

impl Plain {
    /// Reads JSON that others wrote. One with too many values is an error of data; no other error is.
    pub(crate) fn from_others(json: &[u8]) -> serde_json::Result<Self> {
        let left = Cell::new(MOST_VALUES);
        let mut reader = serde_json::Deserializer::from_slice(json);
        let plain = Any(&left).deserialize(&mut reader)?;
        reader.end()?;
        Ok(plain)
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Any(&Cell::new(u32::MAX)).deserialize(deserializer)
    }
}

/// Reads any value, as long as there may be one more.
#[derive(Clone, Copy)]
struct Any<'a>(&'a Cell<u32>);

impl<'de> DeserializeSeed<'de> for Any<'_> {
    type Value = Plain;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Plain, D::Error> {
        let left = self.0.get().checked_sub(1);
        self.0.set(left.ok_or_else(|| D::Error::custom("too many values"))?);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any<'_> {
    type Value = Plain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("plain data")
    }

    fn visit_unit<E>(self) -> Result<Plain, E> {
        Ok(Plain::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Plain, E> {
        Ok(Plain::Bool(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "who needs an exact integer asks for one")]
    fn visit_i64<E>(self, number: i64) -> Result<Plain, E> {
        Ok(Plain::Number(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "who needs an exact integer asks for one")]
    fn visit_u64<E>(self, number: u64) -> Result<Plain, E> {
        Ok(Plain::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Plain, E> {
        Ok(Plain::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Plain, E> {
        Ok(Plain::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Plain, E> {
        Ok(Plain::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Plain, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Plain::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Plain, A::Error> {
        let mut object = Vec::new();
        while let Some(name) = members.next_key::<String>()? {
            object.push((name.into(), members.next_value_seed(self)?));
        }
        Ok(Plain::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_comes_back_as_it_was() {
        for json in [
            r#"{"a":[1,-2,0.5,"x",true,null],"b":{"c":{}},"":[]}"#,
            "[]",
            "9007199254740991",
            r#""\u0000""#,
        ] {
            let plain: Plain = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&plain).unwrap(), json);
        }
    }

    #[test]
    fn others_may_write_so_many_values() {
        let list = |values: usize| ["[0", &",0".repeat(values - 2), "]"].concat();
        let most = MOST_VALUES as usize;
        assert!(Plain::from_others(list(most).as_bytes()).is_ok());
        let error = Plain::from_others(list(most + 1).as_bytes()).unwrap_err();
        assert!(error.is_data(), "{error}");
        assert!(
            serde_json::from_str::<Plain>(&list(most + 1)).is_ok(),
            "storage may hold more"
        );
        for wrong in ["", "[0", "[0] x", "{\"a\":0,}"] {
            assert!(!Plain::from_others(wrong.as_bytes()).unwrap_err().is_data(), "{wrong}");
        }
    }
}
