//! What a session asks for and tells.

use crate::client::ClientMessage;
use crate::close::CloseCode;
use crate::hub::{Answer, Bye, Subscribed};
use crate::payload::Payload;
use crate::position::Position;
use crate::presence::{Departure, Member};
use crate::publication::{Content, Stored};
use crate::refusal::{ErrorReply, GapReason};
use crate::text::{Name, Topic};

/// Something to do, in the order in which it was put out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Send this message, in the encoding that was negotiated.
    Transmit(ClientMessage),
    /// Close the transport; nothing that it still receives matters.
    Close {
        /// With this code, 1000 or 4000 to 4999.
        code: CloseCode,
        /// What to do then.
        then: Then,
    },
    /// Tell the application what became of a request.
    Settled {
        /// The request's.
        ticket: u64,
        /// What became of it.
        outcome: Outcome,
    },
    /// Tell the application that something happened.
    Event(Event),
}

/// What a transport does after it was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Then {
    /// Open again, when its own policy says.
    Return,
    /// Open again after so many milliseconds.
    ReturnAfter(u64),
    /// Nothing more.
    Stop,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The hub did it.
    Done(Answer),
    /// The subscription stands; an [`Event::Subscribed`] has said how it begins.
    Subscribed,
    /// The hub has got the message.
    Sent,
    /// The hub did not do it.
    Refused(ErrorReply),
    /// It was done or not: the session was lost before the hub said which.
    Uncertain,
    /// It never left.
    NotSent(NotSent),
    /// The application unsubscribed before the subscription stood.
    Withdrawn,
}

/// Why a request never left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotSent {
    /// As much waits as may: `max_waiting`, `max_waiting_bytes` or `max_subscriptions`.
    Full,
    /// It waited longer than `max_age`.
    Expired,
    /// Its payload is larger than the hub takes.
    TooLarge,
    /// The topic is subscribed already.
    Subscribed,
    /// The topic is not subscribed.
    NotSubscribed,
    /// The session has ended.
    Ended,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// There is a link, and a session on it.
    Up {
        /// The session's name.
        session: Name,
        /// Who the hub takes the client for, if for anybody.
        user: Option<Name>,
        /// Whether it is the session of before: then nothing was missed.
        resumed: bool,
    },
    /// There is no link; it will come back.
    Down,
    /// It is over; nothing follows.
    Ended(End),
    /// A subscription begins, or goes on after a break or a hole.
    Subscribed {
        /// Of which topic.
        topic: Topic,
        /// From where. Who is there is told by an event of its own.
        subscribed: Box<Subscribed>,
    },
    /// A subscription is over, not by the application's wish.
    Unsubscribed {
        /// Of which topic.
        topic: Topic,
        /// Why, if that was told.
        error: Option<ErrorReply>,
    },
    /// Something was published.
    Publication {
        /// In which topic.
        topic: Topic,
        /// What.
        publication: Delivered,
    },
    /// Publications are missing and will not come.
    Gap {
        /// In which topic.
        topic: Topic,
        /// Why.
        reason: GapReason,
        /// Behind where, if the client was anywhere.
        from: Option<Position>,
        /// Up to where; none in a topic without history.
        to: Option<Position>,
    },
    /// A message from the endpoint.
    Message(Payload),
    /// The hub gave the sign of life that it was asked for.
    Heartbeat {
        /// Since it was asked, in milliseconds.
        round_trip: u64,
    },
    /// Who is there, all of them.
    Members {
        /// In which topic.
        topic: Topic,
        /// All of them.
        members: Vec<Member>,
    },
    /// Members came and went.
    MembersChanged {
        /// In which topic.
        topic: Topic,
        /// Who came.
        joined: Vec<Member>,
        /// Who went.
        left: Vec<Departure>,
    },
    /// How many are there.
    MemberCount {
        /// In which topic.
        topic: Topic,
        /// So many.
        count: u64,
    },
}

/// A publication as the application gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a topic has history or none")]
pub enum Delivered {
    /// From a log.
    Stored(Stored),
    /// From a topic without history.
    Live(Content),
}

impl Delivered {
    /// What it says.
    pub fn content(&self) -> &Content {
        match self {
            Self::Stored(stored) => &stored.content,
            Self::Live(content) => content,
        }
    }
}

/// Why a session is over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The application closed it.
    Closed,
    /// The hub sent it away.
    Bye(Bye),
    /// The hub refused `connect`.
    Refused(ErrorReply),
    /// The transport was closed with a code after which nobody comes back.
    Code(CloseCode),
    /// The hub said something that is none of this language.
    NotUnderstood(String),
}
