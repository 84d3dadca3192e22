//! The opening handshake (RFC 6455 §4) as values: bytes in, a decision and bytes out.
//!
//! ```text
//!  client                                               server
//!
//!  ClientHandshake::encode ───────── bytes ─────────► RequestReader::read
//!                                                           │ Request
//!                                                           ▼
//!                                                     ServerHandshake::respond = check ► Offer ► accept
//!                                                           │ Response, Agreement │ Refusal
//!                                                           ▼                     ▼
//!  ResponseReader::read ◄─────────── bytes ────────── encode_accept      encode_refusal
//!        │ Response
//!        ▼
//!  ClientHandshake::verify ► Agreement
//! ```
//!
//! # Layout
//!
//! - `head` reads a head as it arrives; `scan` judges its bytes; `limits` says how many there may be
//! - `server` checks a request and answers it; `path` and `origin` are two of its checks
//! - `client` makes a request and verifies the answer
//! - `uri` says where to connect to, `reference` where a redirect leads
//! - `headers` has the grammar of header values, `authority` that of hosts, `key` the proof
//! - `encode` writes heads; `error` says what the peer did wrong

mod authority;
mod client;
mod encode;
mod error;
mod head;
mod headers;
mod key;
mod limits;
mod origin;
mod path;
mod reference;
mod scan;
mod server;
mod uri;

pub use crate::deflate::DeflateFault;
pub use authority::{HostPort, is_loopback_host};
pub use client::{ClientHandshake, InvalidHandshake};
pub use encode::{encode_accept, encode_refusal};
pub use error::HandshakeError;
pub use head::{RequestReader, ResponseReader};
pub use limits::HandshakeLimits;
pub use origin::{InvalidOrigin, OriginPolicy};
pub use server::{InvalidSubprotocol, Offer, Refusal, ServerHandshake, wants_upgrade};
pub use uri::{InvalidUri, Target};

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
