//! `everwire serve`: a page, a hub with rooms, and two raw endpoints.
//!
//! ```text
//!  accept ─► read_request ─┬─ upgrade ──► /hub, /echo, /broadcast   (never enters hyper)
//!                          └─ anything else ──► page                (replayed into hyper and axum)
//! ```
//!
//! # Layout
//! - `args`: the flags; `listen`: sockets and threads; `connection`: one connection, from its first
//!   byte to its endpoint; `endpoints`: which one; `rooms`, `echo`, `broadcast`: what each does; `page`:
//!   everything over plain HTTP; `shutdown`: the way out.

mod args;
mod broadcast;
mod connection;
mod echo;
mod endpoints;
mod listen;
mod page;
mod rooms;
mod shutdown;

use std::error::Error;

pub(crate) use args::Args;

/// Serves until a signal ends it.
pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    listen::run(args)
}
