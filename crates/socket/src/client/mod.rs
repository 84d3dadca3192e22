//! The client's side: from a URI to a WebSocket.
//!
//! ```text
//!  URI ──► proxy? ──► TCP ──► tunnel, if proxy ──► TLS, if wss ──► request ──► answer ──► WebSocket
//!   ▲       route     dial         proxy             encrypt        handshake    │
//!   └────────────────────────────── redirect ────────────────────────────────────┘
//! ```
//!
//! # Layout
//! - `connector`: [`Connector`], the builder; `open`: what it opens, and [`connect`]
//! - `route`: a stream that ends at the server
//! - `dial`: TCP to a host; `race`: to several addresses, the first to answer wins (RFC 8305)
//! - `proxy`: which proxy, and a tunnel through it
//! - `encrypt`: TLS, if the URI says so
//! - `handshake`: asks for the upgrade on a stream and reads the answer
//! - `redirect`: where an answer sends the client on to
//! - `body`: the beginning of an answer's body, when the answer was no

mod body;
mod connector;
mod dial;
#[cfg(feature = "tls")]
mod encrypt;
mod handshake;
mod open;
mod proxy;
mod race;
mod redirect;
mod route;

pub use connector::Connector;
pub(crate) use connector::append_header;
pub use open::{Opened, connect};
pub use proxy::{
    InvalidProxy, InvalidProxyVariable, Proxy, ProxyError, ProxyFault, SocksFault, SocksReply,
};
pub use redirect::{RedirectError, RedirectFault};
