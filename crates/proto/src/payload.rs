//! What applications say to each other.

use std::fmt;

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::problem::Problem;

/// How deep JSON in a payload may be nested: 100. Whoever reads a whole message with a parser that
/// stops at 128, as serde_json does, can.
pub const MAX_DEPTH: usize = 100;

/// A payload: JSON that nobody on the way looks into, or bytes. Cloning shares it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the language has two kinds")]
pub enum Payload {
    /// Any JSON value, as its text.
    Json(JsonText),
    /// Any bytes.
    Binary(Bytes),
}

impl Payload {
    /// Takes JSON text as it is, or says what is wrong with it.
    pub fn json(text: impl Into<Bytes>) -> Result<Self, Problem> {
        JsonText::new(text.into()).map(Self::Json)
    }

    /// Writes a value as JSON.
    pub fn of<T: serde::Serialize + ?Sized>(value: &T) -> Result<Self, Problem> {
        JsonText::of(value).map(Self::Json)
    }

    /// Takes bytes.
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self::Binary(bytes.into())
    }

    /// The JSON value, read into a type of yours.
    ///
    /// # Errors
    /// If it is another value, or bytes.
    pub fn read<'a, T: serde::Deserialize<'a>>(&'a self) -> serde_json::Result<T> {
        match self {
            Self::Json(text) => text.read(),
            Self::Binary(_) => Err(serde::de::Error::custom("bytes are no JSON")),
        }
    }

    /// Its size in bytes: of the JSON text, or of the bytes themselves. `max_message` limits this.
    pub fn size(&self) -> usize {
        match self {
            Self::Json(text) => text.as_bytes().len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

/// The text of one JSON value, checked when it was made: well formed, UTF-8, nested no deeper than
/// [`MAX_DEPTH`], without white space around it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct JsonText(Bytes);

impl JsonText {
    /// Takes the text, or says what is wrong with it.
    pub fn new(text: Bytes) -> Result<Self, Problem> {
        let value: &RawValue = serde_json::from_slice(&text).map_err(|_| Problem::NotJson)?;
        Self::part(&text, value)
    }

    /// Writes a value as JSON.
    pub fn of<T: serde::Serialize + ?Sized>(value: &T) -> Result<Self, Problem> {
        let text = serde_json::to_vec(value).map_err(|_| Problem::NotJson)?;
        check_depth(&text)?;
        Ok(Self(text.into()))
    }

    /// Part of a message that was parsed. A small part of a large message is copied, so that it
    /// does not keep the message.
    pub(crate) fn part(message: &Bytes, value: &RawValue) -> Result<Self, Problem> {
        let text = value.get().as_bytes();
        check_depth(text)?;
        let small = text.len() < message.len() / 2;
        Ok(Self(if small { Bytes::copy_from_slice(text) } else { message.slice_ref(text) }))
    }

    /// The text.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The value, read into a type of yours.
    pub fn read<'a, T: serde::Deserialize<'a>>(&'a self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.0)
    }
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

/// serde_json skips over a value without counting how deep it goes.
fn check_depth(json: &[u8]) -> Result<(), Problem> {
    let opens = |byte: &&u8| matches!(byte, b'[' | b'{');
    // Nearly every payload ends here; the compiler makes vectors of it.
    if json.iter().filter(opens).count() <= MAX_DEPTH {
        return Ok(());
    }
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(Problem::TooDeep);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_text_without_the_space_around_it() {
        let payload = Payload::json(" {\"a\": 1.0} \n").unwrap();
        assert_eq!(payload, Payload::Json(JsonText(Bytes::from_static(b"{\"a\": 1.0}"))));
        assert_eq!(payload.size(), 10);
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in ["", "{", "nul", "1 2", "\"\n\"", "[1,]", "\"\\x\""] {
            assert_eq!(Payload::json(text), Err(Problem::NotJson), "{text}");
        }
        assert_eq!(Payload::json(&b"\"\xff\""[..]), Err(Problem::NotJson));
    }

    #[test]
    fn json_is_nested_a_hundred_deep_and_no_deeper() {
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Payload::json(nested(100)).is_ok());
        assert_eq!(Payload::json(nested(101)), Err(Problem::TooDeep));
        assert!(Payload::json(format!("[{}[]]", "[],".repeat(200))).is_ok());
        assert!(Payload::json(format!("\"\\\"{}\"", "[".repeat(200))).is_ok());
    }

    #[test]
    fn a_small_part_of_a_message_is_copied_and_a_large_one_shared() {
        let message = Bytes::from(format!("[1,\"{}\"]", "a".repeat(100)));
        let parts: Vec<&RawValue> = serde_json::from_slice(&message).unwrap();
        let within = |text: &JsonText| message.as_ptr_range().contains(&text.0.as_ptr());
        assert!(!within(&JsonText::part(&message, parts[0]).unwrap()));
        assert!(within(&JsonText::part(&message, parts[1]).unwrap()));
        assert!(within(&JsonText::new(message.clone()).unwrap()));

        // Nor does the space around it stay.
        let message = Bytes::from(format!("1{}", " ".repeat(100)));
        let text = JsonText::new(message.clone()).unwrap();
        assert!(!message.as_ptr_range().contains(&text.0.as_ptr()));
    }
}
