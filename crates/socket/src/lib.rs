//! A WebSocket you can `.await`.

#[cfg(feature = "axum")]
pub mod axum;
mod budget;
mod buffers;
mod client;
mod clock;
mod countdown;
mod driver;
mod error;
mod futures;
mod group;
mod halves;
mod link;
mod masks;
mod permit;
mod pieces;
mod server;
mod stream;
mod timers;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "hyper")]
pub mod upgrade;
mod websocket;

pub use budget::{Budget, process as process_budget};
pub use client::{Connector, Opened, connect};
pub use error::{AcceptError, ConnectError, Phase};
pub use everwire_wire::{
    Agreement, CloseCause, CloseCode, CloseReason, CloseReport, Compress, Config, DeflateConfig,
    DeflateParams, Incoming, InvalidCloseCode, InvalidCloseReason, Kind, Message, Outbound,
    ProtocolError, ReadyState, Role, SendError, SharedFrame, Text, Timeout, Unsent, handshake,
};
pub use group::{Delivery, Group, Membership};
pub use halves::{Receiver, Sender};
pub use link::Stream;
pub use permit::Permit;
pub use pieces::{Incomplete, MessageReader, MessageWriter};
pub use server::{
    Acceptor, Admission, Choice, HostPolicy, Pending, Rejection, Ticket, accept, next_stream,
};
pub use stream::{ClientStream, MaybeTls, Replay};
pub use websocket::{Outlet, WebSocket};
