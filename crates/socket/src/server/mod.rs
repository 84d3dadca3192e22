//! The server's side: from a stream to a WebSocket.
//!
//! ```text
//!  stream ──► Acceptor::read_request ──► Pending ──► accept ──► WebSocket
//!                     │                     ├──────► refuse ──► an HTTP answer, then closed
//!                  answers                  └──────► into_replay: another HTTP server takes it
//! ```
//!
//! # Layout
//! - `acceptor`: [`Acceptor`], the builder; `rules` is what it builds: who is let in, and with what
//! - `pending`: [`Pending`], a request that waits for a decision
//! - `refuse`: an answer that arrives although the connection is closed behind it
//! - `hosts`: [`HostPolicy`], the names a server answers to
//! - `admission`: [`Admission`], how many handshakes run at once
//! - `listen`: [`next_stream`], an accept loop that does not end

mod acceptor;
mod admission;
mod hosts;
mod listen;
mod pending;
mod refuse;
mod rules;

pub use acceptor::{Acceptor, accept};
pub use admission::{Admission, Ticket};
pub use hosts::HostPolicy;
pub use listen::next_stream;
pub use pending::Pending;
pub use rules::{Choice, Rejection};
