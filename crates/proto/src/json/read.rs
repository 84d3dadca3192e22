//! Objects being read.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::decode::{DecodeError, Fault};
use crate::number::MAX_NUMBER;
use crate::position::Id;
use crate::problem::Problem;

/// The fields of an object that are known here, not yet looked into. Of a name that comes twice, the
/// last counts, as in JavaScript.
pub(super) struct Fields<'a, const N: usize> {
    names: [&'static str; N],
    values: [Option<&'a RawValue>; N],
    /// Whether the object has no field at all.
    is_empty: bool,
}

impl<'a, const N: usize> Fields<'a, N> {
    /// Reads an object that is a field's value.
    pub(super) fn read(value: &'a RawValue, names: [&'static str; N]) -> Result<Self, Problem> {
        Self::parse(value.get(), names).ok_or(Problem::Type { expected: "an object" })
    }

    fn parse(text: &'a str, names: [&'static str; N]) -> Option<Self> {
        let fields = Self { names, values: [None; N], is_empty: true };
        let mut json = serde_json::Deserializer::from_str(text);
        let fields = json.deserialize_map(fields).ok()?;
        json.end().ok()?;
        Some(fields)
    }

    /// The value as it is, `null` too.
    pub(super) fn raw(&self, name: &'static str) -> Option<&'a RawValue> {
        let index = self.names.iter().position(|known| *known == name);
        self.values[index.expect("a name that was asked for")]
    }

    /// The value as it is, none if it is `null` or left out.
    pub(super) fn given(&self, name: &'static str) -> Option<&'a RawValue> {
        self.raw(name).filter(|value| value.get() != "null")
    }

    /// The value, none if it is `null` or left out.
    pub(super) fn optional<T, E: At>(
        &self,
        name: &'static str,
        read: impl FnOnce(&'a RawValue) -> Result<T, E>,
    ) -> Result<Option<T>, Fault> {
        self.given(name).map(read).transpose().map_err(|error| error.at(name))
    }

    pub(super) fn required<T, E: At>(
        &self,
        name: &'static str,
        read: impl FnOnce(&'a RawValue) -> Result<T, E>,
    ) -> Result<T, Fault> {
        self.optional(name, read)?.ok_or_else(|| Problem::Missing.at(name))
    }

    pub(super) fn flag(&self, name: &'static str, default: bool) -> Result<bool, Fault> {
        Ok(self.optional(name, flag)?.unwrap_or(default))
    }
}

impl<'de, const N: usize> Visitor<'de> for Fields<'de, N> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some(Text(name)) = map.next_key()? {
            self.is_empty = false;
            match self.names.iter().position(|known| *known == name) {
                Some(index) => self.values[index] = Some(map.next_value()?),
                None => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(self)
    }
}

/// A message, its kind told and not yet looked into.
pub(super) struct Envelope<'a> {
    pub(super) id: Option<Id>,
    pub(super) kind: &'static str,
    pub(super) value: &'a RawValue,
}

/// The two things that a message without a fault may be.
pub(super) enum Sorted<'a> {
    Heartbeat { got: Option<u64> },
    Of(Envelope<'a>),
}

/// Tells what kind of message it is. `names` are `id`, `got` and all kinds.
pub(super) fn sort<'a, const N: usize>(
    message: &'a Bytes,
    names: [&'static str; N],
) -> Result<Sorted<'a>, DecodeError> {
    let text = std::str::from_utf8(message)
        .map_err(|_| DecodeError::malformed("text that is not UTF-8"))?;
    let fields = Fields::parse(text, names)
        .ok_or(DecodeError::malformed("a message that is not a JSON object"))?;
    let kinds = names.iter().filter(|name| !matches!(**name, "id" | "got"));
    let mut kinds = kinds.filter_map(|kind| Some((*kind, fields.given(kind)?)));
    let Some((kind, value)) = kinds.next() else {
        let got = fields.optional("got", number)?;
        if fields.is_empty || got.is_some() {
            return Ok(Sorted::Heartbeat { got });
        }
        return Err(DecodeError { id: fields.optional("id", id)?, fault: Fault::UnknownKind });
    };
    if kinds.next().is_some() {
        return Err(DecodeError::malformed("a message of two kinds"));
    }
    Ok(Sorted::Of(Envelope { id: fields.optional("id", id)?, kind, value }))
}

/// The entries of an object whose names are data.
pub(super) struct Entries<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Entries<'a> {
    pub(super) fn read(value: &'a RawValue) -> Result<Self, Problem> {
        let mut json = serde_json::Deserializer::from_str(value.get());
        json.deserialize_map(Self(Vec::new())).map_err(|_| Problem::Type { expected: "an object" })
    }
}

impl<'de> Visitor<'de> for Entries<'de> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some((Text(name), value)) = map.next_entry()? {
            self.0.push((name, value));
        }
        Ok(self)
    }
}

/// What becomes a fault once the field's name is known.
pub(super) trait At {
    fn at(self, field: &'static str) -> Fault;
}

impl At for Problem {
    fn at(self, field: &'static str) -> Fault {
        Fault::Field { field, problem: self }
    }
}

/// The fault of a field within a field, which has the better name.
impl At for Fault {
    fn at(self, _: &'static str) -> Fault {
        self
    }
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

pub(super) fn text(value: &RawValue) -> Result<Cow<'_, str>, Problem> {
    let text = serde_json::from_str::<Text<'_>>(value.get());
    text.map(|Text(text)| text).map_err(|_| Problem::Type { expected: "text" })
}

pub(super) fn number(value: &RawValue) -> Result<u64, Problem> {
    number_up_to(value, MAX_NUMBER)
}

pub(super) fn number_up_to(value: &RawValue, max: u64) -> Result<u64, Problem> {
    let digits = value.get().strip_prefix('-').unwrap_or(value.get());
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::Type { expected: "an integer" });
    }
    let number = value.get().parse().ok().filter(|number| *number <= max);
    number.ok_or(Problem::Range { min: 0, max })
}

pub(super) fn u32(value: &RawValue) -> Result<u32, Problem> {
    number_up_to(value, u32::MAX.into()).map(|number| number as u32)
}

pub(super) fn id(value: &RawValue) -> Result<Id, Problem> {
    Id::new(number(value)?)
}

pub(super) fn flag(value: &RawValue) -> Result<bool, Problem> {
    serde_json::from_str(value.get()).map_err(|_| Problem::Type { expected: "true or false" })
}

pub(super) fn list(value: &RawValue) -> Result<Vec<&RawValue>, Problem> {
    serde_json::from_str(value.get()).map_err(|_| Problem::Type { expected: "a list" })
}
