//! Sessions, topics, presence and recovery, on top of Everwire's WebSockets.
//!
//! # Layout
//! - `hub`: what an application embeds; `endpoint`: what it writes for a path; `handler`, `socket`: a function over the
//!   bare WebSocket in its place; `path`: which path;
//!   `config`: limits and times; `leaving`: how a hub goes.
//! - `session`: one client, over one connection after another. `frames`: what it is sent.
//! - `topics`: who listens to what on this node, and how each of them stands.
//! - `broker`: who keeps logs and carries publications; `memory` is the one of a single process.
//! - `log`: a topic's log as a value, and what a position in it proves.
//! - `presence`: who is there, in topics and at all; `memory` is the store of a single process.
//!   `attendance`: what the hub tells it, and when.
//! - `axum`: a hub in an axum program. `clock`, `dice`: time and chance.

mod attendance;
#[cfg(feature = "axum")]
mod axum;
pub mod broker;
mod clock;
mod config;
mod dice;
mod endpoint;
mod frames;
mod handler;
mod hub;
mod leaving;
pub mod log;
mod path;
pub mod presence;
mod session;
mod socket;
mod topics;

pub use everwire_proto as proto;

pub use config::{HubConfig, TopicConfig};
pub use endpoint::{Access, Ending, Endpoint, EndpointError};
pub use hub::{Hub, HubBuilder};
pub use path::InvalidPath;
pub use session::{Request, Session, SessionEnded, TrySendError};
pub use socket::Socket;
pub use topics::Counters;
