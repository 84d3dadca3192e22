//! Fields being written.

use bytes::Bytes;

use crate::payload::Payload;
use crate::position::Id;

/// What a message has besides its payload, mostly.
const OVERHEAD: usize = 96;

pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// Begins a message; `payload` is the size of what it carries.
    pub(super) fn new(kind: u8, payload: usize) -> Self {
        let mut out = Vec::with_capacity(payload + OVERHEAD);
        out.push(kind);
        Self(out)
    }

    pub(super) fn byte(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    /// LEB128, as short as can be.
    pub(super) fn varint(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    pub(super) fn id(self, id: Id) -> Self {
        self.varint(id.get())
    }

    pub(super) fn u32(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(super) fn text(mut self, text: &str) -> Self {
        self = self.varint(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// Ends the message.
    pub(super) fn payload(mut self, payload: &Payload) -> Bytes {
        let (kind, bytes) = match payload {
            Payload::Json(text) => (0, text.as_bytes()),
            Payload::Binary(bytes) => (1, bytes),
        };
        self.0.push(kind);
        self.0.extend_from_slice(bytes);
        self.0.into()
    }

    /// Ends a message that carries no payload.
    pub(super) fn end(self) -> Bytes {
        self.0.into()
    }
}
