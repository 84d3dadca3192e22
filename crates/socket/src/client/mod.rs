//! The client's side: from a URI to a WebSocket.
//!
//! ```text
//!  URI ──► addresses ──► TCP ──► TLS, if wss ──► request ──► answer ──► WebSocket
//!           connector    race     encrypt      handshake
//! ```
//!
//! # Layout
//! - `connector`: [`Connector`], the builder, and [`connect`]
//! - `race`: connects to several addresses, the first to answer wins (RFC 8305)
//! - `encrypt`: TLS, if the URI says so
//! - `handshake`: asks for the upgrade on a stream and reads the answer
//! - `redirect`: where an answer sends the client on to
//! - `body`: the beginning of an answer's body, when the answer was no

mod body;
mod connector;
#[cfg(feature = "tls")]
mod encrypt;
mod handshake;
mod race;
mod redirect;

pub use connector::{Connector, Opened, connect};
pub use redirect::{RedirectError, RedirectFault};
