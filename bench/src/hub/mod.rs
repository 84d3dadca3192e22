//! The hub's message language, as far as subscribers need it (docs/protocol.md).
//!
//! - `member`: a subscriber that is cut off and comes back
//!
//! Commands are JSON, which both encodings let clients say.

pub(crate) mod member;

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::client::read_message;
use crate::frame::{Header, client_frame};
use crate::script::KEY;
use crate::transport::Transport;

/// The topic of those who share one.
pub const TOPIC: &str = "feed:bench";

/// After so many messages a client has to say how many it has got (§8).
pub(crate) const GOT_EVERY: u64 = 64;

/// How clients speak to a hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Whether publications come in the compact encoding.
    pub compact: bool,
    /// Whether each client has a topic of its own.
    pub own_topics: bool,
}

/// What a hub's message is, to somebody who only counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// What was published.
    Publication,
    /// Any other message that counts as received.
    Numbered,
    /// A heartbeat, which does not.
    Heartbeat,
}

impl Dialect {
    /// JSON, and one topic for all.
    pub const JSON: Self = Self { compact: false, own_topics: false };

    /// The subprotocol to be asked for.
    #[must_use]
    pub fn subprotocol(self) -> &'static str {
        if self.compact { "everwire.bin.v1" } else { "everwire.json.v1" }
    }

    /// Connects and subscribes, on a WebSocket that has just been opened.
    pub(crate) fn greet(self, stream: &mut Transport) -> io::Result<()> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let own = if self.own_topics { format!("-{number}") } else { String::new() };
        let connect = connect(number, "", &format!(r#""{TOPIC}{own}":{{}}"#));
        stream.write_all(&text(&connect))?;
        stream.flush()?;
        expect(&read_message(stream)?, r#""position""#)
    }

    /// What a message is, by its frame's header: publications are longer than the `letters` that are published,
    /// and a heartbeat is the shortest of all.
    #[inline]
    pub(crate) fn said(self, header: Header, letters: usize) -> Said {
        let longest_heartbeat = if header.opcode() == 1 { 30 } else { 10 };
        match header.payload {
            len if len > letters => Said::Publication,
            len if len <= longest_heartbeat => Said::Heartbeat,
            _ => Said::Numbered,
        }
    }
}

/// The publication of a text of `len` letters.
pub(crate) fn publish(len: usize) -> Vec<u8> {
    let letters = "x".repeat(len);
    format!(r#"{{"id":1,"publish":{{"topic":"{TOPIC}","data":"{letters}"}}}}"#).into_bytes()
}

/// A client's first message, with what goes before its subscriptions.
pub(crate) fn connect(number: usize, resume: &str, subscriptions: &str) -> String {
    format!(
        r#"{{"id":1,"connect":{{"version":1,"client":"bench-{number}",{resume}"subscriptions":{{{subscriptions}}}}}}}"#
    )
}

/// Says how many numbered messages were received.
pub(crate) fn got(count: u64) -> Vec<u8> {
    text(&format!(r#"{{"got":{count}}}"#))
}

/// A text message of a client.
pub(crate) fn text(message: &str) -> Vec<u8> {
    client_frame(1, message.as_bytes(), KEY)
}

/// The value of a field of JSON as it is written, without quotes; its first occurrence.
pub(crate) fn field<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = json.split_once(&format!(r#""{name}":"#))?;
    match rest.strip_prefix('"') {
        Some(rest) => rest.split('"').next(),
        None => rest.split([',', '}']).next(),
    }
}

fn expect(message: &[u8], part: &str) -> io::Result<()> {
    let said = String::from_utf8_lossy(message);
    if said.contains(part) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("`{part}` was due, not `{said}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(opcode: u8, payload: usize, compact: bool) -> Said {
        let header = Header { first: 0x80 | opcode, masked: false, len: 2, payload };
        Dialect { compact, own_topics: false }.said(header, 64)
    }

    #[test]
    fn messages_are_known_by_their_length() {
        let reply = r#"{"id":1,"ok":{"offset":21,"epoch":"x7Qd01234567"}}"#;
        for (len, expected) in [
            (r#"{"got":18446744073709551615}"#.len(), Said::Heartbeat),
            (reply.len(), Said::Numbered),
            (64 + 60, Said::Publication),
        ] {
            assert_eq!(said(1, len, false), expected);
        }
        // A kind, then a number; a kind, an id, an offset, and an epoch behind its length.
        assert_eq!(said(2, 1 + 8, true), Said::Heartbeat);
        assert_eq!(said(2, 1 + 1 + 1 + 1 + 12, true), Said::Numbered);
    }

    #[test]
    fn fields_are_found_as_they_are_written() {
        let json = r#"{"ok":{"session":"s-1","got":0,"position":{"tag":7}}}"#;
        assert_eq!(field(json, "session"), Some("s-1"));
        assert_eq!(field(json, "got"), Some("0"));
        assert_eq!(field(json, "tag"), Some("7"));
        assert_eq!(field(json, "key"), None);
    }
}
