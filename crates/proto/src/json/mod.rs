//! The JSON form: one object a message.
//!
//! - `client`, `hub`: the messages of either side, written and read.
//! - `answers`: what a hub answers. `options`: how a client hears topics.
//! - `values`: what both have in them. `write`: objects being written. `read`: objects being read.

mod answers;
pub(crate) mod client;
pub(crate) mod hub;
mod options;
mod read;
mod values;
mod write;
