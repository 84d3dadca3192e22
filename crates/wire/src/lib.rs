//! The WebSocket protocol as values: no I/O, no clock, no randomness.

mod deflate;
pub mod handshake;

pub use deflate::{DeflateConfig, DeflateParams};
