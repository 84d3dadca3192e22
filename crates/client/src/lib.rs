//! The client of a hub: subscribe, publish, recover, and hear what became of each request.
//!
//! ```no_run
//! use everwire_client::{Client, TopicEvent, proto::Payload};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::connect("wss://example.com/chat/blue");
//! let chat = client.topic("chat:blue")?;
//! let mut heard = chat.subscribe().await?;
//! chat.publish(Payload::of("hello")?).await?;
//! while let Some(event) = heard.next().await {
//!     match event {
//!         TopicEvent::Publication(publication) => println!("{:?}", publication.content().payload),
//!         TopicEvent::Gap { reason, .. } => println!("something is missing: {reason}"),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! When to connect, again and again, [`everwire::Reconnector`] decides; what to say to the hub and what it means,
//! the session of [`everwire_proto::session`], a value that its twin in JavaScript is held to.
//!
//! # Layout
//! - `client`, `builder`: the handle. `topic`, `subscription`: what is heard. `request`: what is asked.
//! - `driver`: the task that has the connection; `core`: the session and who waits for what.

mod builder;
mod client;
mod core;
mod driver;
mod request;
mod subscription;
mod topic;

pub use everwire_proto as proto;

#[doc(hidden)]
pub use crate::core::Step;
pub use builder::Builder;
pub use client::{Client, ClientEvent};
pub use request::RequestError;
pub use subscription::{Subscription, TopicEvent};
pub use topic::{Subscribe, TopicHandle};
