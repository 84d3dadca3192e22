//! What happens to a session.

use crate::client::SubscribeOptions;
use crate::close::CloseCode;
use crate::encoding::{Encoded, Encoding};
use crate::payload::Payload;
use crate::text::{Method, Name, Secret, Topic};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// The transport is open.
    Opened {
        /// What was negotiated.
        encoding: Encoding,
        /// The token to connect with, if the hub's application asks for one.
        token: Option<Secret>,
    },
    /// A message arrived.
    Received(Encoded),
    /// The transport is no longer open.
    Lost {
        /// The code that the hub closed it with, if it did.
        code: Option<CloseCode>,
    },
    /// It is [`next_deadline`](super::Session::next_deadline).
    Tick,
    /// The application asks for something; what becomes of it is [settled](super::Output::Settled) once,
    /// under this ticket.
    Request {
        /// A number of the application's, one for each request.
        ticket: u64,
        /// What it asks for.
        request: Request,
    },
    /// The application has dealt with everything up to an offset of a topic that it subscribes to. In
    /// other topics, and backwards, it does nothing.
    Ack {
        /// In which topic.
        topic: Topic,
        /// Up to where, this one included.
        offset: u64,
    },
    /// The user is away, or back.
    Away(bool),
    /// The application wants no more: farewell to the hub.
    Close,
}

/// What an application asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// To hear a topic from now on, whatever becomes of the link; it waits for a link without a limit of
    /// time. Settled when the hub has answered for the first time.
    Subscribe {
        /// Which.
        topic: Topic,
        /// From where, and what besides publications.
        options: SubscribeOptions,
    },
    /// To hear it no longer.
    Unsubscribe {
        /// Which.
        topic: Topic,
    },
    /// To publish; sent again until the hub has answered, if the client has a name.
    Publish {
        /// Where to.
        topic: Topic,
        /// What.
        payload: Payload,
        /// Whether this session gets it back as well.
        echo: bool,
    },
    /// To have the endpoint do something.
    Rpc {
        /// What.
        method: Method,
        /// With what.
        payload: Payload,
    },
    /// To tell the endpoint something; settled when the hub has got it.
    Send(Payload),
    /// For publications of the past.
    History {
        /// Of which topic.
        topic: Topic,
        /// Only those with offsets below this one; without it the newest.
        before: Option<u64>,
        /// At most so many.
        limit: Option<u64>,
    },
    /// For who is there.
    Presence {
        /// In which topic.
        topic: Topic,
    },
    /// For whether users are there.
    Status {
        /// Which.
        users: Vec<Name>,
    },
}
