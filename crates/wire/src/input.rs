//! The bytes that were read and what they became: lent to a connection for the length of a call.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use crate::connection::Outbound;
use crate::message::{Kind, Message};
use crate::text::{Text, checked_str};

/// Bytes from the network, lent to [`Connection::poll_event`](crate::Connection::poll_event).
///
/// Events borrow from here and not from the connection, so a message may be read while its answer
/// is being sent. Payloads are unmasked in place; those that came in several reads, or compressed,
/// are moved here when they are complete.
pub struct Input<'r> {
    unread: &'r mut [u8],
    at: usize,
    pub(crate) body: Vec<u8>,
}

impl<'r> Input<'r> {
    /// Bytes as they were read.
    pub fn new(bytes: &'r mut [u8]) -> Self {
        Self { unread: bytes, at: 0, body: Vec::new() }
    }

    /// What was not used yet.
    #[inline]
    pub fn unread(&self) -> &[u8] {
        &self.unread[self.at..]
    }

    #[inline]
    pub(crate) fn unread_mut(&mut self) -> &mut [u8] {
        &mut self.unread[self.at..]
    }

    /// How many bytes were used.
    pub fn used(&self) -> usize {
        self.at
    }

    /// Takes `len` bytes; says where they are.
    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Range<usize> {
        let range = self.at..self.at + len;
        self.at += len;
        range
    }

    /// Puts back the last `len` bytes taken.
    pub(crate) fn give_back(&mut self, len: usize) {
        self.at -= len;
    }

    /// The bytes at a place, without the right to take them away.
    #[inline]
    pub(crate) fn lent(&self, place: Place) -> &[u8] {
        match place {
            Place::Read(range) => &self.unread[range],
            Place::Body => &self.body,
        }
    }

    pub(crate) fn discard(&mut self) {
        self.at = self.unread.len();
    }

    #[inline]
    pub(crate) fn bytes_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        &mut self.unread[range]
    }

    pub(crate) fn payload(&mut self, place: Place) -> Payload<'_> {
        match place {
            Place::Read(range) => Payload::Lent(&self.unread[range]),
            Place::Body => Payload::Whole(&mut self.body),
        }
    }
}

impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("unread", &self.unread().len()).finish_non_exhaustive()
    }
}

/// Where a payload is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Read(Range<usize>),
    Body,
}

/// A payload in an [`Input`].
#[derive(Debug)]
pub(crate) enum Payload<'b> {
    Lent(&'b [u8]),
    Whole(&'b mut Vec<u8>),
}

impl Payload<'_> {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Lent(bytes) => bytes,
            Self::Whole(bytes) => bytes,
        }
    }

    /// Owned bytes. What came in one read is copied: a slice of the read buffer would pin all of
    /// it. What was assembled is taken over, without what it holds to spare.
    fn into_bytes(self) -> Bytes {
        match self {
            Self::Lent(bytes) => Bytes::copy_from_slice(bytes),
            Self::Whole(bytes) => Bytes::from(std::mem::take(bytes).into_boxed_slice()),
        }
    }
}

/// A complete message that still lies in the [`Input`]: borrowed for speed, owned for comfort.
#[derive(Debug)]
pub struct Incoming<'b> {
    pub(crate) kind: Kind,
    pub(crate) payload: Payload<'b>,
}

impl<'b> Incoming<'b> {
    /// The payload where it lies, if that is in a read buffer.
    #[expect(unsafe_code, reason = "text was checked as it arrived")]
    pub(crate) fn lent(self) -> Result<Outbound<'b>, Self> {
        match (self.kind, self.payload) {
            // SAFETY: as in `as_text`.
            (Kind::Text, Payload::Lent(text)) => Ok(Outbound::Text(unsafe { checked_str(text) })),
            (Kind::Binary, Payload::Lent(bytes)) => Ok(Outbound::Binary(bytes)),
            (kind, payload @ Payload::Whole(_)) => Err(Self { kind, payload }),
        }
    }
}

impl Incoming<'_> {
    /// Text or binary.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The payload.
    pub fn as_bytes(&self) -> &[u8] {
        self.payload.as_bytes()
    }

    /// The text, if it is text. Costs nothing: it was checked as it arrived (RFC 6455 §8.1).
    #[expect(unsafe_code, reason = "text was checked as it arrived")]
    pub fn as_text(&self) -> Option<&str> {
        // SAFETY: the receive path gives out text only after `Utf8Validator` or simdutf8 passed it.
        (self.kind == Kind::Text).then(|| unsafe { checked_str(self.payload.as_bytes()) })
    }

    /// The message by itself.
    #[expect(unsafe_code, reason = "text was checked as it arrived")]
    pub fn into_message(self) -> Message {
        let bytes = self.payload.into_bytes();
        match self.kind {
            // SAFETY: as above.
            Kind::Text => Message::Text(unsafe { Text::from_utf8_unchecked(bytes) }),
            Kind::Binary => Message::Binary(bytes),
        }
    }
}

/// A part of a message that is taken in pieces. Pieces of a text may end inside a code point; the
/// text as a whole is checked.
#[derive(Debug)]
pub struct Piece<'b> {
    pub(crate) kind: Kind,
    pub(crate) payload: Payload<'b>,
    pub(crate) last: bool,
}

impl Piece<'_> {
    /// Text or binary.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The bytes; may be empty in the last piece.
    pub fn as_bytes(&self) -> &[u8] {
        self.payload.as_bytes()
    }

    /// Whether the message is complete with it.
    pub fn is_last(&self) -> bool {
        self.last
    }

    /// The bytes by themselves.
    pub fn into_bytes(self) -> Bytes {
        self.payload.into_bytes()
    }
}
