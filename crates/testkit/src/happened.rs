//! Events by themselves.

use bytes::Bytes;
use everwire_wire::{CloseReport, Event, Incoming, Kind, Message};

/// An [`Event`] that borrows nothing, to be kept and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Happened {
    /// A complete message.
    Message(Message),
    /// A part of a message.
    Piece {
        /// Text or binary.
        kind: Kind,
        /// Its bytes.
        bytes: Bytes,
        /// Whether the message is complete with it.
        last: bool,
    },
    /// A ping.
    Ping(Bytes),
    /// A pong.
    Pong(Bytes),
    /// The end.
    Closed(CloseReport),
}

impl Happened {
    /// A text message.
    pub fn text(text: &str) -> Self {
        Self::Message(Message::text(text))
    }

    /// A binary message.
    pub fn binary(bytes: &[u8]) -> Self {
        Self::Message(Message::binary(bytes.to_vec()))
    }

    /// A ping.
    pub fn ping(bytes: &[u8]) -> Self {
        Self::Ping(bytes.to_vec().into())
    }

    /// A pong.
    pub fn pong(bytes: &[u8]) -> Self {
        Self::Pong(bytes.to_vec().into())
    }
}

impl From<Incoming<'_>> for Happened {
    fn from(message: Incoming<'_>) -> Self {
        // Both ways to the payload must agree.
        let borrowed = message.as_bytes().to_vec();
        let text = message.as_text().map(str::to_owned);
        let message = message.into_message();
        assert_eq!(message.as_bytes(), borrowed);
        assert_eq!(message.as_text(), text.as_deref());
        Self::Message(message)
    }
}

impl From<Event<'_>> for Happened {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Message(message) => message.into(),
            Event::Piece(piece) => {
                Self::Piece { kind: piece.kind(), last: piece.is_last(), bytes: piece.into_bytes() }
            }
            Event::Ping(payload) => Self::Ping(payload.to_vec().into()),
            Event::Pong(payload) => Self::Pong(payload.to_vec().into()),
            Event::Closed(report) => Self::Closed(*report),
            other => unreachable!("a new kind of event: {other:?}"),
        }
    }
}
