//! Sessions, topics, presence and recovery, on top of Everwire's WebSockets.
//!
//! ```
//! use everwire::Acceptor;
//! use everwire_client::{Client, TopicEvent};
//! use everwire_hub::proto::{ErrorReply, Payload, Topic};
//! use everwire_hub::{Access, Endpoint, Hub, Session};
//! use tokio::net::TcpListener;
//!
//! /// Everybody may hear everything, and publish it.
//! struct Open;
//!
//! impl Endpoint for Open {
//!     async fn allow(&self, _: &Session, _: Access, _: &Topic) -> Result<(), ErrorReply> {
//!         Ok(())
//!     }
//! }
//!
//! async fn serve(hub: Hub, listener: TcpListener) {
//!     let acceptor = hub.acceptor(&Acceptor::new());
//!     loop {
//!         let (stream, _) = everwire::next_stream(&listener).await;
//!         let (hub, acceptor) = (hub.clone(), acceptor.clone());
//!         tokio::spawn(async move { hub.accept(acceptor.read_request(stream).await?).await });
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = Hub::builder().endpoint("/hub", Open)?.build();
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let uri = format!("ws://{}/hub", listener.local_addr()?);
//! tokio::spawn(serve(hub.clone(), listener));
//!
//! // A client, as it would be in another program.
//! let client = Client::connect(uri);
//! let mut heard = client.topic("greetings")?.subscribe().await?;
//! hub.publish(&Topic::new("greetings")?, Payload::of("hello")?).await?;
//! let Some(TopicEvent::Publication(said)) = heard.next().await else { panic!("it is said") };
//! assert_eq!(said.content().payload.read::<String>()?, "hello");
//! # Ok(())
//! # }
//! ```
//!
//! `examples/chat` is a whole program with rooms and a page, in axum; `examples/quotes` one whose clients listen.
//!
//! # What is there for what
//!
//! | to | |
//! |---|---|
//! | know who asks, let in or refuse | [`Endpoint::identify`] |
//! | say who may hear, publish, look back | [`Endpoint::allow`] |
//! | answer a client | [`Endpoint::on_message`], [`Endpoint::on_rpc`] |
//! | send to one client | [`Session::send`] |
//! | send to all who hear a topic | [`Hub::publish`], [`Session::publish`] |
//! | send to all but the sender | [`Session::publish_to_others`] |
//! | send to everybody at an endpoint | [`Session::subscribe`] in [`Endpoint::on_open`], then [`Hub::publish`] |
//! | take plain `new WebSocket(url)` as well | nothing: whoever offers no subprotocol of the hub's is a raw client |
//! | speak another language | [`HubBuilder::handler`], a function over the bare WebSocket |
//! | keep more or less of a topic's past | [`TopicConfig::history`] |
//! | choose what becomes of those who are slow | [`TopicConfig::slow`] |
//! | tell who is there | [`TopicConfig::presence`], [`Session::introduce`] |
//! | listen | [`Hub::accept`]; in an axum program `Hub::upgrade`, with the feature `axum` |
//! | stop without losing anybody | [`Hub::shut_down`] |
//!
//! What is promised, and by which test, is in `docs/guarantees.md`; what is said on the wire in `docs/protocol.md`.
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

/// The README's examples, compiled.
#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
