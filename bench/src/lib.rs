//! What Everwire's speed is held against.
//!
//! Three programs, none of which uses a WebSocket library, an async runtime or a thread pool:
//!
//! - `floor`, an echo server that does as little as a correct one can: the distance between it and
//!   Everwire is what Everwire costs;
//! - `load`, a client that keeps messages in flight and counts what comes back, cheap enough to
//!   saturate any server from one core;
//! - `attack`, a client that means no good, and says how much of the server's memory it has got hold
//!   of.
//!
//! # Layout
//!
//! - [`floor`]: the echo server's event loop and its connections.
//! - [`load`]: the runs of the load generator: `echo`, `fanout`, `idle`, `connect`, `recovery`.
//! - [`attack`]: what a hostile client does, and what the server holds meanwhile.
//! - [`client`]: one connection of the load generator; [`script`]: what it sends.
//! - [`socket_io`]: what Socket.IO says over it; [`hub`]: what Everwire's hub says; [`transport`]: plain TCP or TLS.
//! - [`frame`]: headers, in-place unmasking, and turning a client's frame into a server's.
//! - [`handshake`]: the opening handshake of both roles, as short as it can be.
//! - [`histogram`]: latencies in log-linear buckets.
//! - [`epoll`]: the system calls that the standard library does not offer.

pub mod attack;
pub mod client;
pub mod epoll;
pub mod floor;
pub mod frame;
pub mod handshake;
pub mod histogram;
pub mod hub;
pub mod load;
pub mod script;
pub mod socket_io;
pub mod transport;
