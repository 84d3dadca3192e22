//! A WebSocket you can `.await`: client and server, strict, small when idle, fast.
//!
//! - [`connect`] to a URI, or build a [`Connector`].
//! - [`accept`] a stream, or build an [`Acceptor`]; [`upgrade`] and [`axum`](mod@axum) take a
//!   WebSocket out of somebody else's HTTP server.
//! - A [`Reconnector`] is a client that connects again.
//! - What either gives is a [`WebSocket`]: [`recv`](WebSocket::recv), [`send`](WebSocket::send),
//!   [`close`](WebSocket::close). Its documentation is the contract.
//! - A [`Group`] sends one message to many. [`Config`] has every limit.
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut socket = everwire::connect("ws://localhost:8000/echo").await?;
//! socket.send("hello").await?;
//! let answer = socket.recv().await;
//! let report = socket.close(None).await;
//! assert!(report.was_clean);
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//! - `websocket`, `halves`, `any`, `permit`, `confirm`, `pieces`, `futures`: the handles that programs hold.
//! - `link`: what is behind them: the protocol's value, the stream, who waits.
//! - `driver`, `timers`: what happens between calls. `buffers`, `masks`, `clock`: what a thread lends.
//! - `group`, `shutdown`, `budget`: many connections together.
//! - `reconnect`: a client that connects again, and the values that decide when.
//! - `client`, `server`, `tls`, `stream`, `upgrade`, `axum`: how a WebSocket is obtained.

mod any;
#[cfg(feature = "axum")]
pub mod axum;
mod budget;
mod buffers;
mod client;
mod clock;
mod confirm;
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
pub mod reconnect;
mod server;
mod shutdown;
mod stream;
mod timers;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "hyper")]
pub mod upgrade;
mod websocket;

// Their types stand in this API; programs need no version of their own to match.
pub use bytes;
pub use http;

pub use any::AnySender;
pub use budget::{Budget, process as process_budget};
pub use client::{
    Connector, InvalidProxy, InvalidProxyVariable, Opened, Proxy, ProxyError, ProxyFault,
    RedirectError, RedirectFault, SocksFault, SocksReply, connect,
};
pub use error::{AcceptError, ConnectError, Phase};
pub use everwire_wire::{
    Agreement, CloseCause, CloseCode, CloseReason, CloseReport, Compress, Config, DeflateConfig,
    DeflateParams, Incoming, InvalidCloseCode, InvalidCloseReason, Kind, Message, Outbound,
    ProtocolError, ReadyState, Role, SendError, SharedFrame, Text, TextHeartbeat, Timeout, Unsent,
    handshake,
};
pub use group::{Delivery, Group, Membership};
pub use halves::{Receiver, Sender};
pub use link::Stream;
pub use permit::Permit;
pub use pieces::{Incomplete, MessageReader, MessageWriter};
pub use reconnect::outbox::OutboxLimits;
pub use reconnect::{Messenger, Reconnector, RetryPolicy, Session, Sessions};
pub use server::{
    Acceptor, Admission, Choice, HostPolicy, Pending, Rejection, Ticket, accept, next_stream,
};
pub use shutdown::{Shutdown, ShutdownReport};
pub use stream::{ClientStream, MaybeTls, Replay};
pub use websocket::{Outlet, WebSocket};
