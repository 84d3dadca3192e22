//! The opening handshake (RFC 6455 §4) as values: bytes in, a decision and bytes out.

use crate::deflate::DeflateParams;

/// What both peers agreed on while opening the connection.
///
/// It knows nothing of HTTP/1.1, so a WebSocket that was opened over HTTP/2 (RFC 8441) has the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agreement {
    subprotocol: Option<String>,
    deflate: Option<DeflateParams>,
}

impl Agreement {
    /// An agreement that was reached by other means than this module's.
    pub fn new(subprotocol: Option<String>, deflate: Option<DeflateParams>) -> Self {
        Self { subprotocol, deflate }
    }

    /// The subprotocol that the messages follow, if one was agreed on (RFC 6455 §1.9).
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// How messages are compressed, if they may be (RFC 7692).
    pub fn deflate(&self) -> Option<&DeflateParams> {
        self.deflate.as_ref()
    }

    /// The extensions in use, as `Sec-WebSocket-Extensions` says them; empty if there is none
    /// (WHATWG `WebSocket.extensions`).
    pub fn extensions(&self) -> String {
        self.deflate.map(|params| params.to_string()).unwrap_or_default()
    }
}
