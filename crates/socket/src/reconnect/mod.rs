//! The connection that stays: a client that connects again.
//!
//! What it decides is in two values, [`Retry`](retry::Retry) and [`Outbox`](outbox::Outbox), which
//! know neither sockets nor clocks; docs/reconnecting.md specifies them, and recorded traces hold them
//! and their twins in JavaScript together.
//!
//! # Layout
//! - `policy`: [`RetryPolicy`], how patient the client is
//! - `retry`: when to connect, when to give up
//! - `outbox`: what becomes of each message
//! - `actions`: what a step of either asks for

mod actions;
pub mod outbox;
mod policy;
pub mod retry;

pub use actions::Actions;
pub use policy::RetryPolicy;
