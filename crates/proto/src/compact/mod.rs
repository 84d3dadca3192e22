//! The compact form: a byte for the kind, then fields in a fixed order. See §9 of docs/protocol.md.
//!
//! - `client`, `hub`: the messages of either side, written and read.
//! - `write`, `read`: their fields.

pub(crate) mod client;
pub(crate) mod hub;
mod read;
mod write;
