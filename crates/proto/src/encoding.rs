//! The two encodings of one language.

use bytes::Bytes;

use crate::client::{ClientMessage, CommandKind};
use crate::decode::DecodeError;
use crate::hub::HubMessage;
use crate::position::Id;
use crate::{compact, json};

/// How messages become bytes; a WebSocket's subprotocol says which is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "version 1 has two")]
pub enum Encoding {
    /// Text messages, each one JSON object.
    Json,
    /// The compact form for what is frequent or carries bytes, as binary messages; all else as JSON.
    Compact,
}

impl Encoding {
    /// Both, the one to prefer first.
    pub const ALL: [Self; 2] = [Self::Compact, Self::Json];

    /// The name by which it is negotiated.
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Self::Json => "everwire.json.v1",
            Self::Compact => "everwire.bin.v1",
        }
    }

    /// The encoding of that name.
    pub fn from_subprotocol(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.subprotocol() == name)
    }
}

/// One message of a transport.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a WebSocket has two kinds of messages")]
pub enum Encoded {
    /// A text message: JSON.
    Text(Bytes),
    /// A binary message: the compact form.
    Binary(Bytes),
}

impl Encoded {
    /// The bytes of the message.
    pub fn as_bytes(&self) -> &Bytes {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) => bytes,
        }
    }
}

/// The length that a transport has to let pass, so that payloads of `max_message` bytes arrive: base64
/// and 64 KiB for all other fields.
pub const fn max_encoded(max_message: usize) -> usize {
    max_message.div_ceil(3).saturating_mul(4).saturating_add(64 << 10)
}

impl ClientMessage {
    /// Writes the message.
    pub fn encode(&self, encoding: Encoding) -> Encoded {
        let compact = (encoding == Encoding::Compact).then(|| compact::client::write(self));
        match compact.flatten() {
            Some(bytes) => Encoded::Binary(bytes),
            None => Encoded::Text(json::client::write(self)),
        }
    }

    /// Reads a message of which no payload is larger than `max_message` bytes. Payloads share the
    /// message's bytes. What to do about an error, [`DecodeError::verdict`] says.
    ///
    /// How long a whole message may be is the transport's to limit, with [`max_encoded`]; what is
    /// allocated here is in proportion to it.
    pub fn decode(
        message: &Encoded,
        encoding: Encoding,
        max_message: usize,
    ) -> Result<Self, DecodeError> {
        match (message, encoding) {
            (Encoded::Text(bytes), _) => json::client::read(bytes, max_message),
            (Encoded::Binary(bytes), Encoding::Compact) => {
                compact::client::read(bytes, max_message)
            }
            (Encoded::Binary(_), Encoding::Json) => Err(DecodeError::malformed(BINARY)),
        }
    }
}

impl HubMessage {
    /// Writes the message. A publication to many is written once for each encoding and then cloned,
    /// which shares it.
    pub fn encode(&self, encoding: Encoding) -> Encoded {
        let compact = (encoding == Encoding::Compact).then(|| compact::hub::write(self));
        match compact.flatten() {
            Some(bytes) => Encoded::Binary(bytes),
            None => Encoded::Text(json::hub::write(self)),
        }
    }

    /// Reads a message. A reply does not say to what: `asked` knows which command has an id.
    ///
    /// Payloads share the message's bytes. An error ends the link, unless it
    /// [is ignored](DecodeError::is_ignored_by_clients).
    pub fn decode(
        message: &Encoded,
        encoding: Encoding,
        asked: impl Fn(Id) -> Option<CommandKind>,
    ) -> Result<Self, DecodeError> {
        match (message, encoding) {
            (Encoded::Text(bytes), _) => json::hub::read(bytes, asked),
            (Encoded::Binary(bytes), Encoding::Compact) => compact::hub::read(bytes, asked),
            (Encoded::Binary(_), Encoding::Json) => Err(DecodeError::malformed(BINARY)),
        }
    }
}

const BINARY: &str = "a binary message, though JSON was agreed upon";
