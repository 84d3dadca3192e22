//! What is sent, and whether what came back is it.

use std::fmt;
use std::sync::Arc;

use everwire::{Kind, Outbound};

/// How many different messages there are.
const SPREAD: usize = 4096;

/// After how many messages a connection's begin anew; a prime, so that no habit of a server falls
/// in with it.
const PERIOD: usize = 61;

/// Echoes of up to this many bytes are compared whole.
const COMPARE_ALWAYS: usize = 1024;

/// Of longer echoes, one in so many is compared; each is measured.
const COMPARE_EVERY: u64 = 16;

/// What the text is made of: it compresses about as well as prose.
const WORDS: [&str; 16] = [
    "wire ", "frame ", "mask ", "echo ", "opcode ", "payload ", "close ", "ping ", "pong ",
    "text ", "binary ", "socket ", "stream ", "origin ", "upgrade ", "window ",
];

/// All messages of a run: each is a part of one text that all connections share.
#[derive(Debug, Clone)]
pub(super) struct Payloads {
    /// `SPREAD` bytes more than a message has; ASCII.
    text: Arc<str>,
    size: usize,
    kind: Kind,
}

impl Payloads {
    pub(super) fn new(size: usize, text: bool) -> Self {
        let kind = if text { Kind::Text } else { Kind::Binary };
        let mut text = String::with_capacity(size + SPREAD + 8);
        let mut state = 0x9e37_79b9_u32;
        while text.len() < size + SPREAD {
            // xorshift32: the same words in every run.
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            text.push_str(WORDS[(state >> 28) as usize]);
        }
        Self { text: text.into(), size, kind }
    }

    /// The messages of one connection. They differ from one another and from its neighbours', so
    /// that neither a broadcast nor a repetition passes for an echo.
    pub(super) fn of_connection(&self, index: usize) -> Payload {
        Payload { all: self.clone(), start: index * PERIOD % (SPREAD - PERIOD) }
    }
}

/// The messages of one connection.
#[derive(Debug, Clone)]
pub(super) struct Payload {
    all: Payloads,
    start: usize,
}

impl Payload {
    /// The message with this number, to be sent.
    #[inline]
    pub(super) fn message(&self, number: u64) -> Outbound<'_> {
        match self.all.kind {
            Kind::Text => Outbound::Text(self.text(number)),
            Kind::Binary => Outbound::Binary(self.bytes(number)),
        }
    }

    /// The same with other bytes in front, in a buffer that is used again and again.
    pub(super) fn message_with<'b>(
        &self,
        number: u64,
        front: &[u8],
        buffer: &'b mut String,
    ) -> Outbound<'b> {
        buffer.clear();
        // Ours is ASCII, as all of it: text goes through the server as it is.
        buffer.extend(front.iter().map(|&byte| char::from(byte)));
        buffer.push_str(&self.text(number)[front.len()..]);
        match self.all.kind {
            Kind::Text => Outbound::Text(buffer),
            Kind::Binary => Outbound::Binary(buffer.as_bytes()),
        }
    }

    /// Whether this is the echo of the message with this number. Kind and length are always
    /// compared, the bytes of long messages now and then.
    #[inline]
    pub(super) fn check(&self, number: u64, kind: Kind, bytes: &[u8]) -> Result<(), Difference> {
        self.check_behind(0, number, kind, bytes)
    }

    /// The same for a message that has as many other bytes in front.
    #[inline]
    pub(super) fn check_behind(
        &self,
        front: usize,
        number: u64,
        kind: Kind,
        bytes: &[u8],
    ) -> Result<(), Difference> {
        if kind != self.all.kind {
            return Err(Difference::Kind { sent: self.all.kind });
        }
        let size = self.all.size;
        if bytes.len() != size {
            return Err(Difference::Length { sent: size, came: bytes.len() });
        }
        let compared = size <= COMPARE_ALWAYS || number.is_multiple_of(COMPARE_EVERY);
        if compared && bytes[front..] != self.bytes(number)[front..] {
            return Err(Difference::Bytes);
        }
        Ok(())
    }

    fn text(&self, number: u64) -> &str {
        let start = self.start_of(number);
        &self.all.text[start..start + self.all.size]
    }

    /// The same without a look at where its characters begin: it is done for every message.
    #[inline]
    fn bytes(&self, number: u64) -> &[u8] {
        &self.all.text.as_bytes()[self.start_of(number)..][..self.all.size]
    }

    #[inline]
    fn start_of(&self, number: u64) -> usize {
        self.start + (number % PERIOD as u64) as usize
    }
}

/// In what a message differs from the echo that was awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Difference {
    Kind { sent: Kind },
    Length { sent: usize, came: usize },
    Bytes,
    Unasked,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind { sent: Kind::Text } => f.write_str("sent text, and binary came back"),
            Self::Kind { sent: Kind::Binary } => f.write_str("sent binary, and text came back"),
            Self::Length { sent, came } => write!(f, "sent {sent} bytes, and {came} came back"),
            Self::Bytes => f.write_str("what came back is as long as what was sent, but differs"),
            Self::Unasked => f.write_str("a message came while none was under way"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_message_itself_passes_for_its_echo() {
        for size in [20, 1024, 5000] {
            let payloads = Payloads::new(size, false);
            let (mine, other) = (payloads.of_connection(3), payloads.of_connection(4));
            let bytes = mine.text(32).as_bytes();
            assert_eq!(mine.check(32, Kind::Binary, bytes), Ok(()));
            assert_eq!(
                mine.check(32, Kind::Text, bytes),
                Err(Difference::Kind { sent: Kind::Binary })
            );
            assert_eq!(
                mine.check(32, Kind::Binary, &bytes[1..]),
                Err(Difference::Length { sent: size, came: size - 1 })
            );
            assert_eq!(mine.check(48, Kind::Binary, bytes), Err(Difference::Bytes), "{size}");
            assert_eq!(other.check(32, Kind::Binary, bytes), Err(Difference::Bytes), "{size}");
        }
    }

    #[test]
    fn another_front_is_let_through_and_nothing_else() {
        let payload = Payloads::new(20, true).of_connection(7);
        let mut buffer = String::new();
        let Outbound::Text(text) = payload.message_with(3, b"0123", &mut buffer) else { panic!() };
        assert!(text.starts_with("0123") && text.len() == 20);
        assert_eq!(payload.check_behind(4, 3, Kind::Text, text.as_bytes()), Ok(()));
        let difference = payload.check_behind(3, 3, Kind::Text, text.as_bytes());
        assert_eq!(difference, Err(Difference::Bytes));
    }

    #[test]
    fn every_size_and_connection_has_messages() {
        for size in [0, 1, 125] {
            let payloads = Payloads::new(size, true);
            for index in [0, 66, 67, 1_000_000] {
                for number in [0, 60, 61, u64::MAX] {
                    assert_eq!(payloads.of_connection(index).text(number).len(), size);
                }
            }
        }
    }
}
