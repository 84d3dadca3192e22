//! The WebSocket protocol (RFC 6455) and permessage-deflate (RFC 7692) as values.
//!
//! This crate performs no I/O, reads no clock, draws no randomness and spawns nothing: bytes, time
//! and masking keys come in as arguments, events and bytes come out.
//!
//! ```text
//!            bytes read ──►┌────────────┐──► Event: message, piece, ping, pong, closed
//!   opening                │            │
//!  handshake ─ Agreement ─►│ Connection │◄── send, ping, close
//!                          │            │
//!         bytes written ◄──└────────────┘◄── now: timeouts
//! ```
//!
//! # Layout
//! - [`handshake`]: the opening handshake of both roles, ending in an [`Agreement`].
//! - `connection`: [`Connection`], one WebSocket; split into receiving, sending and closing.
//! - `frame`: frame headers, the only place that knows their bits.
//! - `deflate`: what is agreed about compression, and the compression itself.
//! - `input`: [`Input`], the bytes lent to a connection, which events borrow from.
//! - `shared`: [`SharedFrame`], encoded once and sent to many.
//! - `message`, `text`, `utf8`, `mask`, `close`, `error`: the values they speak in.
//! - `heartbeat`: the ping schedule. `text_heartbeat`: the same for peers that cannot ping.
//! - `config`: [`Config`], every limit in one table.

mod close;
mod config;
mod connection;
mod deflate;
mod error;
mod frame;
pub mod handshake;
mod heartbeat;
mod input;
mod mask;
mod message;
mod shared;
mod text;
mod text_heartbeat;
mod utf8;

pub use close::{
    CloseCause, CloseCode, CloseReason, CloseReport, InvalidCloseCode, InvalidCloseReason, Timeout,
    Unsent,
};
pub use config::Config;
pub use connection::{
    Compress, Connection, Direct, Event, Outbound, ReadyState, Role, ShortMessages,
};
pub use deflate::{DeflateConfig, DeflateParams};
pub use error::{ProtocolError, SendError};
pub use handshake::Agreement;
pub use input::{Incoming, Input, Piece};
pub use mask::{MaskSource, NoMask};
pub use message::{Kind, Message};
pub use shared::SharedFrame;
pub use text::Text;
pub use text_heartbeat::TextHeartbeat;
pub use utf8::{InvalidUtf8, Utf8Validator};
