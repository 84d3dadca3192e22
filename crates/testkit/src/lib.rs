//! What the tests of Everwire share: real connections, a scripted peer, a clock moved by hand.
//!
//! # Layout
//! - `side`: [`Side`], one real connection, its time, and everything that came of it.
//! - `pair`: [`Pair`], two sides in memory with the bytes between them.
//! - `frame`: [`Frame`], the scripted peer: any frame, legal or not, and a reader of frames that
//!   shares no code with the one under test.
//! - `peer`: [`Peer`], the scripted peer at the end of a real stream.
//! - `rigged`: [`Rigged`], a stream that is slow, stalls or fails when it is told to.
//! - `happened`: [`Happened`], an event by itself, to be compared.
//! - [`fault`]: [`FaultProxy`], a real network between real programs that fails on command; also the
//!   program `fault-proxy`.
//! - `reverse_proxy`: [`ReverseProxy`], a real nginx, HAProxy or Apache httpd in front of a server;
//!   also the program `reverse-proxy`.
//! - `stream`: streams of frames to try connections with.
//! - `dice`: [`Dice`], a repeatable source of test data.
//! - `alloc`: [`Counting`], an allocator that says how much memory this thread holds, and how often it
//!   asked for some.

mod alloc;
mod dice;
mod frame;
mod happened;
mod pair;
mod peer;
mod reverse_proxy;
mod rigged;
mod side;
mod stream;

pub use alloc::{Counting, allocations, live, peak, reset_peak};
pub use dice::Dice;
pub use everwire_fault as fault;
pub use everwire_fault::FaultProxy;
pub use frame::{Frame, Seen, read_frame, read_frames};
pub use happened::Happened;
pub use pair::Pair;
pub use peer::Peer;
pub use reverse_proxy::{ProxyKind, ReverseProxy};
pub use rigged::{Rig, Rigged, Step};
pub use side::{Keys, Side, config, with_deflate};
pub use stream::{bad_frame, legal_stream, mutate};
