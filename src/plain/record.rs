//! What can be written as plain data and read back.

use super::{Member, Plain};

/// Something that stands in storage or goes between page and worker. `record!` writes this, and Serde's traits by it.
pub trait Record: Sized {
    /// As plain data.
    fn to_plain(&self) -> Plain;

    /// From plain data. Members that nobody knows are left out; an absent one is null.
    fn from_plain(plain: &Plain) -> Result<Self, Unfit>;
}

/// Plain data that is not the record it should be; names the member, or what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} does not fit")]
pub struct Unfit(pub &'static str);

impl Plain {
    /// A member as a record.
    pub fn member<T: Record>(&self, name: &'static str) -> Result<T, Unfit> {
        T::from_plain(self.get(name).unwrap_or(&Self::Null)).map_err(|_| Unfit(name))
    }

    /// The name of a variant and what holds its members.
    pub(crate) fn as_variant(&self) -> Option<(&str, &Self)> {
        match self {
            Self::Text(name) => Some((name, &Self::Null)),
            Self::Object(members) => match members.as_slice() {
                [(name, members)] => Some((name, members)),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The members of an object under construction.
#[derive(Default)]
pub(crate) struct Members(Vec<Member>);

impl Members {
    /// Adds one. Not inlined, because there is a call of it for every field of every record.
    #[inline(never)]
    pub(crate) fn put<T: Record>(&mut self, name: &'static str, value: &T) {
        self.put_plain(name, value.to_plain());
    }

    /// Adds one that is plain already.
    pub(crate) fn put_plain(&mut self, name: &'static str, value: Plain) {
        self.0.push((name.into(), value));
    }

    /// Adds one unless it is none.
    pub(crate) fn put_some<T: Record>(&mut self, name: &'static str, value: Option<&T>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    /// The object.
    pub(crate) fn into_object(self) -> Plain {
        Plain::Object(self.0)
    }

    /// A variant as Serde writes it: its name, or an object with its members under its name.
    pub(crate) fn into_variant(self, name: &'static str) -> Plain {
        if self.0.is_empty() {
            return Plain::Text(name.to_owned());
        }
        Plain::Object(vec![(name.into(), self.into_object())])
    }
}

/// Makes a [`Record`] of a struct by its fields, of an enum by its variants, or of a type that is written as another
/// one, and lets Serde see it so. The compiler sees to it that no field is forgotten.
macro_rules! record {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl $crate::plain::Record for $name {
            fn to_plain(&self) -> $crate::plain::Plain {
                let Self { $($field),+ } = self;
                let mut members = $crate::plain::Members::default();
                $(members.put(stringify!($field), $field);)+
                members.into_object()
            }

            fn from_plain(plain: &$crate::plain::Plain) -> Result<Self, $crate::plain::Unfit> {
                Ok(Self { $($field: plain.member(stringify!($field))?),+ })
            }
        }
        $crate::plain::record!(serde $name);
    };
    (enum $name:ident { $($variant:ident $({ $($field:ident),+ $(,)? })?),+ $(,)? }) => {
        impl $crate::plain::Record for $name {
            fn to_plain(&self) -> $crate::plain::Plain {
                match self {
                    $(Self::$variant $({ $($field),+ })? => {
                        #[allow(unused_mut, reason = "a variant without members puts none in")]
                        let mut members = $crate::plain::Members::default();
                        $($(members.put(stringify!($field), $field);)+)?
                        members.into_variant(stringify!($variant))
                    })+
                }
            }

            fn from_plain(plain: &$crate::plain::Plain) -> Result<Self, $crate::plain::Unfit> {
                let unfit = $crate::plain::Unfit(stringify!($name));
                let (name, _members) = plain.as_variant().ok_or(unfit)?;
                $(if name == stringify!($variant) {
                    return Ok(Self::$variant $({ $($field: _members.member(stringify!($field))?),+ })?);
                })+
                Err(unfit)
            }
        }
        $crate::plain::record!(serde $name);
    };
    ($name:ident as $other:ty) => {
        impl $crate::plain::Record for $name {
            fn to_plain(&self) -> $crate::plain::Plain {
                $crate::plain::Record::to_plain(&<$other>::from(self.clone()))
            }

            fn from_plain(plain: &$crate::plain::Plain) -> Result<Self, $crate::plain::Unfit> {
                let other = <$other as $crate::plain::Record>::from_plain(plain)?;
                Self::try_from(other).map_err(|_| $crate::plain::Unfit(stringify!($name)))
            }
        }
        $crate::plain::record!(serde $name);
    };
    ($name:ident($inner:ty)) => {
        impl $crate::plain::Record for $name {
            fn to_plain(&self) -> $crate::plain::Plain {
                $crate::plain::Record::to_plain(&self.0)
            }

            fn from_plain(plain: &$crate::plain::Plain) -> Result<Self, $crate::plain::Unfit> {
                <$inner as $crate::plain::Record>::from_plain(plain).map(Self)
            }
        }
        $crate::plain::record!(serde $name);
    };
    (serde $name:ident) => {
        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::plain::Record::to_plain(self).serialize(serializer)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let plain = $crate::plain::Plain::deserialize(deserializer)?;
                $crate::plain::Record::from_plain(&plain).map_err(<D::Error as ::serde::de::Error>::custom)
            }
        }
    };
}
pub(crate) use record;

impl Record for String {
    fn to_plain(&self) -> Plain {
        Plain::Text(self.clone())
    }

    fn from_plain(plain: &Plain) -> Result<Self, Unfit> {
        plain.as_str().map(str::to_owned).ok_or(Unfit("a string"))
    }
}

impl Record for bool {
    fn to_plain(&self) -> Plain {
        Plain::Bool(*self)
    }

    fn from_plain(plain: &Plain) -> Result<Self, Unfit> {
        match plain {
            Plain::Bool(value) => Ok(*value),
            // A record of before the member was there.
            Plain::Null => Ok(false),
            _ => Err(Unfit("true or false")),
        }
    }
}

/// Integers: exact up to JavaScript's limit, which no time, id or count here comes near.
macro_rules! integers {
    ($($name:ident)+) => {$(
        impl Record for $name {
            #[allow(clippy::cast_precision_loss, clippy::cast_lossless, reason = "see above; one macro for all of them")]
            fn to_plain(&self) -> Plain {
                Plain::Number(*self as f64)
            }

            fn from_plain(plain: &Plain) -> Result<Self, Unfit> {
                plain.as_i64().and_then(|whole| whole.try_into().ok()).ok_or(Unfit("an integer"))
            }
        }
    )+};
}
integers! { i32 i64 u32 u64 }

impl<T: Record> Record for Option<T> {
    fn to_plain(&self) -> Plain {
        self.as_ref().map_or(Plain::Null, T::to_plain)
    }

    fn from_plain(plain: &Plain) -> Result<Self, Unfit> {
        match plain {
            Plain::Null => Ok(None),
            some => T::from_plain(some).map(Some),
        }
    }
}

impl<T: Record> Record for Box<T> {
    fn to_plain(&self) -> Plain {
        T::to_plain(self)
    }

    fn from_plain(plain: &Plain) -> Result<Self, Unfit> {
        T::from_plain(plain).map(Box::new)
    }
}

impl<T: Record> Record for Vec<T> {
    // Loops, because these two are compiled once for each kind of record, and `collect` takes three times as much.
    fn to_plain(&self) -> Plain {
        let mut items = Vec::with_capacity(self.len());
        for item in self {
            items.push(item.to_plain());
        }
        Plain::List(items)
    }

    fn from_plain(plain: &Plain) -> Result<Self, Unfit> {
        let Plain::List(items) = plain else {
            return Err(Unfit("a list"));
        };
        let mut list = Vec::new();
        for item in items {
            list.push(T::from_plain(item)?);
        }
        Ok(list)
    }
}

impl Record for (String, String) {
    fn to_plain(&self) -> Plain {
        Plain::List(vec![self.0.to_plain(), self.1.to_plain()])
    }

    fn from_plain(plain: &Plain) -> Result<Self, Unfit> {
        match plain {
            Plain::List(pair) if pair.len() == 2 => Ok((String::from_plain(&pair[0])?, String::from_plain(&pair[1])?)),
            _ => Err(Unfit("a pair")),
        }
    }
}

#[cfg(test)]
mod tests {
    #[derive(Clone, Debug, PartialEq)]
    struct Point {
        x: u32,
        label: Option<String>,
    }
    record!(Point { x, label });

    #[derive(Clone, Debug, PartialEq)]
    enum Shape {
        Nothing,
        Line { from: Point, to: Point },
        Many { points: Vec<Point>, closed: bool },
    }
    record!(enum Shape { Nothing, Line { from, to }, Many { points, closed } });

    fn point(x: u32) -> Point {
        Point { x, label: None }
    }

    #[test]
    fn written_as_serde_writes_it_and_read_back() {
        let labelled = Point {
            x: 7,
            label: Some("seven".into()),
        };
        for (shape, json) in [
            (Shape::Nothing, r#""Nothing""#),
            (
                Shape::Line {
                    from: point(1),
                    to: labelled,
                },
                r#"{"Line":{"from":{"x":1,"label":null},"to":{"x":7,"label":"seven"}}}"#,
            ),
            (
                Shape::Many {
                    points: vec![point(2)],
                    closed: true,
                },
                r#"{"Many":{"points":[{"x":2,"label":null}],"closed":true}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&shape).unwrap(), json);
            assert_eq!(serde_json::from_str::<Shape>(json).unwrap(), shape);
        }
    }

    #[test]
    fn unknown_members_are_left_out_and_absent_ones_are_null() {
        assert_eq!(serde_json::from_str::<Point>(r#"{"x":1,"y":2}"#).unwrap(), point(1));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (json, named) in [
            ("{}", "x"),
            (r#"{"x":-1}"#, "x"),
            (r#"{"x":1.5}"#, "x"),
            (r#"{"x":4294967296}"#, "x"),
            (r#"{"x":1,"label":1}"#, "label"),
            ("1", "x"),
        ] {
            let error = serde_json::from_str::<Point>(json).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{named} does not fit")), "{json}: {error}");
        }
        for json in [
            r#""Something""#,
            "{}",
            r#"{"Line":{},"Nothing":{}}"#,
            r#"{"Line":{"from":{"x":1}}}"#,
        ] {
            assert!(serde_json::from_str::<Shape>(json).is_err(), "{json}");
        }
    }
}
