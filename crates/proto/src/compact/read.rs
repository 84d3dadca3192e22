//! Fields being read.

use bytes::Bytes;

use crate::decode::{DecodeError, Fault};
use crate::number::MAX_NUMBER;
use crate::payload::{JsonText, Payload};
use crate::position::{Id, Place};
use crate::problem::Problem;
use crate::publication::Content;
use crate::text::{Name, Topic};

/// Kinds of a later version from here on begin with an id, so that they can be answered.
const FIRST_KIND_WITH_ID: u8 = 128;

/// What is left of a message.
pub(super) struct Reader<'a> {
    message: &'a Bytes,
    at: usize,
}

impl<'a> Reader<'a> {
    /// The kind, and a reader of the fields.
    pub(super) fn new(message: &'a Bytes) -> Result<(u8, Self), DecodeError> {
        let kind = *message.first().ok_or(DecodeError::malformed("an empty binary message"))?;
        Ok((kind, Self { message, at: 1 }))
    }

    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn u32(&mut self) -> Result<u32, Fault> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes(bytes.try_into().expect("four bytes")))
    }

    pub(super) fn varint(&mut self, field: &'static str) -> Result<u64, Fault> {
        let mut value = 0;
        for shift in (0..56).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte >= 0x80 {
                continue;
            }
            if byte == 0 && shift > 0 {
                return Err(Fault::Malformed("a varint that could be shorter"));
            }
            let problem = Problem::Range { min: 0, max: MAX_NUMBER };
            let in_range = value <= MAX_NUMBER;
            return if in_range { Ok(value) } else { Err(Fault::Field { field, problem }) };
        }
        Err(Fault::Malformed("a varint of more than 8 bytes"))
    }

    pub(super) fn id(&mut self) -> Result<Id, Fault> {
        let number = self.varint("id")?;
        Id::new(number).map_err(|problem| Fault::Field { field: "id", problem })
    }

    /// A text that `make` takes.
    pub(super) fn text<T>(
        &mut self,
        field: &'static str,
        make: impl FnOnce(&str) -> Result<T, Problem>,
    ) -> Result<T, Fault> {
        let length = self.varint(field)?;
        let length = usize::try_from(length).map_err(|_| SHORT)?;
        let text = std::str::from_utf8(self.take(length)?)
            .map_err(|_| Fault::Malformed("text that is not UTF-8"))?;
        make(text).map_err(|problem| Fault::Field { field, problem })
    }

    pub(super) fn topic(&mut self) -> Result<Topic, Fault> {
        self.text("topic", Topic::new)
    }

    pub(super) fn place(&mut self) -> Result<Place, Fault> {
        Ok(Place { offset: self.varint("offset")?, tag: self.u32()?, prev: self.u32()? })
    }

    pub(super) fn content(&mut self) -> Result<Content, Fault> {
        let time = self.varint("time")?;
        let from = self.text("from", optional(Name::new))?;
        Ok(Content { time, from, payload: self.payload(usize::MAX)? })
    }

    /// All that is left.
    pub(super) fn payload(&mut self, max: usize) -> Result<Payload, Fault> {
        let fault = |problem| Fault::Field { field: "payload", problem };
        let kind = self.byte()?;
        let size = self.message.len() - self.at;
        if size > max {
            return Err(fault(Problem::TooLarge { size, max }));
        }
        let bytes = self.message.slice(self.at..);
        self.at = self.message.len();
        match kind {
            0 => JsonText::new(bytes).map(Payload::Json).map_err(fault),
            1 => Ok(Payload::Binary(bytes)),
            _ => Err(Fault::Malformed("a payload of a kind that is not known")),
        }
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), Fault> {
        let is_end = self.at == self.message.len();
        if is_end { Ok(()) } else { Err(Fault::Malformed("bytes behind the last field")) }
    }

    /// What to say of a kind that is not known.
    pub(super) fn unknown(mut self, kind: u8) -> DecodeError {
        let id = (kind >= FIRST_KIND_WITH_ID).then(|| self.id().ok()).flatten();
        DecodeError { id, fault: Fault::UnknownKind }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let taken = self.message[self.at..].get(..length).ok_or(SHORT)?;
        self.at += length;
        Ok(taken)
    }
}

const SHORT: Fault = Fault::Malformed("a message that ends within a field");

/// Takes empty text for none.
pub(super) fn optional<T>(
    make: impl FnOnce(&str) -> Result<T, Problem>,
) -> impl FnOnce(&str) -> Result<Option<T>, Problem> {
    |text| if text.is_empty() { Ok(None) } else { make(text).map(Some) }
}
