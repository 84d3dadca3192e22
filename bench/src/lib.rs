//! What Everwire's speed is held against.
//!
//! Two programs, neither of which uses a WebSocket library, an async runtime or a thread pool:
//!
//! - `floor`, an echo server that does as little as a correct one can: the distance between it and
//!   Everwire is what Everwire costs;
//! - `load`, a client that keeps messages in flight and counts what comes back, cheap enough to
//!   saturate any server from one core.
//!
//! # Layout
//!
//! - [`floor`]: the echo server's event loop and its connections.
//! - [`load`]: the runs of the load generator: `echo`, `fanout`, `idle`, `connect`.
//! - [`client`]: one connection of the load generator; [`script`]: what it sends.
//! - [`transport`]: plain TCP or TLS.
//! - [`frame`]: headers, in-place unmasking, and turning a client's frame into a server's.
//! - [`handshake`]: the opening handshake of both roles, as short as it can be.
//! - [`histogram`]: latencies in log-linear buckets.
//! - [`epoll`]: the system calls that the standard library does not offer.

pub mod client;
pub mod epoll;
pub mod floor;
pub mod frame;
pub mod handshake;
pub mod histogram;
pub mod load;
pub mod script;
pub mod transport;
