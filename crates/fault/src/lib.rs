//! A network that fails on command.
//!
//! ```text
//!    client ──► FaultProxy ──► server
//!                  │ 1 : n
//!               FaultLink
//! ```
//!
//! Clients connect to the proxy's address instead of the server's, and know nothing of it:
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use everwire_fault::FaultProxy;
//!
//! # async fn example() -> std::io::Result<()> {
//! let proxy = FaultProxy::start("127.0.0.1:8000".parse().unwrap()).await?;
//! println!("connect to {}", proxy.addr());
//! proxy.refuse(Duration::from_secs(2)).await;
//! proxy.reset();
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//! - `proxy`: [`FaultProxy`], the listening socket, and orders that concern everybody.
//! - `link`: [`FaultLink`], one connection through it, and the orders that concern this one.
//! - `pump`: the bytes of one connection, and how it ends.
//! - `trap`: a cut after so many bytes.
//! - `stats`: [`Stats`], what has been counted.
//! - `command`: [`Command`], the same orders as lines of text, for the program `fault-proxy`.

mod command;
mod link;
mod proxy;
mod pump;
mod stats;
mod trap;

pub use command::{BadCommand, Command};
pub use link::FaultLink;
pub use proxy::FaultProxy;
pub use stats::{LinkStats, Stats};

/// The direction in which bytes go through a [`FaultProxy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two ends")]
pub enum Toward {
    /// From the client to the server.
    Server,
    /// From the server to the client.
    Client,
}
