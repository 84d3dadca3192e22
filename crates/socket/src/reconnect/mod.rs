//! The connection that stays: a client that connects again.
//!
//! What it decides is in two values, [`Retry`](retry::Retry) and [`Outbox`](outbox::Outbox), which
//! know neither sockets nor clocks; docs/reconnecting.md specifies them, and recorded traces hold them
//! and their twins in JavaScript together.
//!
//! ```text
//!  Reconnector ──► Sessions ──► Session: a turn of the loop     Messenger ──► Receipt ──► Fate
//!                     │ attempt                                     │
//!                     └───────────► Shared: Retry, Outbox ◄─────────┘
//! ```
//!
//! # Layout
//! - `reconnector`: [`Reconnector`], the builder
//! - `sessions`, `session`: [`Sessions`], the loop, and [`Session`], one live connection
//! - `messenger`, `receipt`, `status`: [`Messenger`], the handle that stays; the fate of a message;
//!   where the client is
//! - `attempt`, `ending`: one attempt; how it or a connection ended, and what that means
//! - `shared`, `tasks`: what all of them share; what goes on by itself
//! - `policy`, `retry`: [`RetryPolicy`], how patient the client is; when to connect, when to give up
//! - `outbox`: what becomes of each message
//! - `actions`: what a step of either value asks for

mod actions;
mod attempt;
mod ending;
mod messenger;
pub mod outbox;
mod policy;
mod receipt;
mod reconnector;
pub mod retry;
mod session;
mod sessions;
mod shared;
mod status;
mod tasks;

pub use actions::Actions;
pub use attempt::Destination;
pub use ending::Ending;
pub use messenger::Messenger;
pub use policy::RetryPolicy;
pub use receipt::{Receipt, Refused};
pub use reconnector::Reconnector;
pub use session::Session;
pub use sessions::Sessions;
pub use status::Status;

/// Whatever a program's own part of connecting can fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
