//! What a client and a hub say to each other, as values. `docs/protocol.md` specifies it.
//!
//! This crate performs no I/O, reads no clock, draws no randomness and spawns nothing.
//!
//! ```
//! use everwire_proto::{ClientMessage, Encoded, Encoding, Payload};
//!
//! let message = ClientMessage::Send(Payload::json(r#"{"x":1}"#).unwrap());
//! let text = message.encode(Encoding::Json);
//! assert_eq!(text, Encoded::Text(r#"{"send":{"data":{"x":1}}}"#.into()));
//! assert_eq!(ClientMessage::decode(&text, Encoding::Json, 65_536), Ok(message));
//! ```
//!
//! # Layout
//! - `client`, `connect`: what a client says, [`ClientMessage`]. `hub`: what a hub says, [`HubMessage`].
//! - `position`: places in a topic's log. `publication`: what lies there. `payload`: what it says.
//! - `presence`: who is there. `refusal`: why not. `close`: how a link ends.
//! - `text`, `number`, `words`: what values are made of, checked when they are made. `problem`: what is
//!   wrong with one.
//! - `encoding`: [`Encoding`], with both codecs: `json` and `compact`. `decode`: what is wrong with a
//!   message.
//! - [`session`]: a client's session as a value.

mod client;
mod close;
mod compact;
mod connect;
mod decode;
mod encoding;
mod hub;
mod json;
mod number;
mod payload;
mod position;
mod presence;
mod problem;
mod publication;
mod refusal;
pub mod session;
mod text;
mod words;

pub use client::{
    Again, ClientMessage, Command, CommandKind, MAX_STATUS_USERS, Publish, SlowPolicy,
    SubscribeOptions,
};
pub use close::CloseCode;
pub use connect::{Connect, Connected, Heartbeat, Resume, SessionLimits, VERSION};
pub use decode::{DecodeError, Fault, Verdict};
pub use encoding::{Encoded, Encoding, max_encoded};
pub use hub::{Answer, Bye, Gap, HistoryPage, HubMessage, Receipt, Recovered, Start, Subscribed};
pub use number::MAX_NUMBER;
pub use payload::{JsonText, MAX_DEPTH, Payload};
pub use position::{Id, Place, Position, SubscribeFrom};
pub use presence::{
    Departure, Member, MemberChange, Members, PresenceChange, PresenceMode, PresenceState,
    UserState, UserStatus,
};
pub use problem::Problem;
pub use publication::{Content, Publication, Stored};
pub use refusal::{ErrorCode, ErrorReply, GapReason};
pub use text::{Epoch, Method, Name, Secret, Topic};
