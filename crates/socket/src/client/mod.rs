//! The client's side: from a URI to a WebSocket.
//!
//! ```text
//!  URI ──► addresses ──► TCP ──► TLS, if wss ──► request ──► answer ──► WebSocket
//!            resolve      race                      handshake
//! ```
//!
//! # Layout
//! - `connector`: [`Connector`], the builder, and [`connect`]
//! - `race`: connects to several addresses, the first to answer wins (RFC 8305)
//! - `handshake`: asks for the upgrade on a stream and reads the answer
//! - `body`: the beginning of an answer's body, when the answer was no

mod body;
mod connector;
mod handshake;
mod race;

pub use connector::{Connector, Opened, connect};
