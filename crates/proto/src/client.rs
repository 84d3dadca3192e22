//! What a client says.

use crate::connect::Connect;
use crate::payload::Payload;
use crate::position::{Id, SubscribeFrom};
use crate::presence::PresenceMode;
use crate::text::{Epoch, Method, Name, Topic};
use crate::words::words;

/// How many users one `status` may ask for.
pub const MAX_STATUS_USERS: usize = 100;

/// A message of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientMessage {
    /// A command, which is answered with the same id.
    Command {
        /// Not one that still waits for its reply.
        id: Id,
        /// What is asked for.
        command: Command,
    },
    /// A message to the endpoint; nothing is answered.
    Send(Payload),
    /// The application has dealt with everything up to an offset.
    Ack {
        /// In which topic.
        topic: Topic,
        /// Up to where, this one included.
        offset: u64,
    },
    /// Whether the user is away from this session.
    Away(bool),
    /// A sign of life. Without `got` it asks for one; it is the only message that is not numbered.
    Heartbeat {
        /// How many numbered messages were received in all.
        got: Option<u64>,
    },
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// To begin a session or to go on with one.
    Connect(Box<Connect>),
    /// To hear a topic.
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
    /// To publish.
    Publish(Publish),
    /// For publications of the past.
    History {
        /// Of which topic.
        topic: Topic,
        /// Only those with offsets below this one; without it the newest.
        before: Option<u64>,
        /// At most so many; the hub gives at most 100, and takes that for left out.
        limit: Option<u64>,
    },
    /// To have the endpoint do something.
    Rpc {
        /// What.
        method: Method,
        /// With what.
        payload: Payload,
    },
    /// For who is there.
    Presence {
        /// In which topic.
        topic: Topic,
    },
    /// For whether users are there.
    Status {
        /// Which; at most [`MAX_STATUS_USERS`].
        users: Vec<Name>,
    },
}

impl Command {
    /// What kind of command it is, which says how to read its reply.
    pub fn kind(&self) -> CommandKind {
        match self {
            Self::Connect(_) => CommandKind::Connect,
            Self::Subscribe { .. } => CommandKind::Subscribe,
            Self::Unsubscribe { .. } => CommandKind::Unsubscribe,
            Self::Publish(_) => CommandKind::Publish,
            Self::History { .. } => CommandKind::History,
            Self::Rpc { .. } => CommandKind::Rpc,
            Self::Presence { .. } => CommandKind::Presence,
            Self::Status { .. } => CommandKind::Status,
        }
    }
}

impl Command {
    /// The size of the payload that it carries, in bytes.
    pub(crate) fn payload_size(&self) -> usize {
        match self {
            Self::Publish(Publish { payload, .. }) | Self::Rpc { payload, .. } => payload.size(),
            _ => 0,
        }
    }
}

words! {
    /// The kinds of commands.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    CommandKind {
        /// [`Command::Connect`].
        Connect = "connect",
        /// [`Command::Subscribe`].
        Subscribe = "subscribe",
        /// [`Command::Unsubscribe`].
        Unsubscribe = "unsubscribe",
        /// [`Command::Publish`].
        Publish = "publish",
        /// [`Command::History`].
        History = "history",
        /// [`Command::Rpc`].
        Rpc = "rpc",
        /// [`Command::Presence`].
        Presence = "presence",
        /// [`Command::Status`].
        Status = "status",
    }
}

impl CommandKind {
    /// The kind that travels by this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::from_word(word).ok()
    }
}

/// How to hear a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a client makes it")]
pub struct SubscribeOptions {
    /// From where. Default: what is published from now on.
    pub from: SubscribeFrom,
    /// What to do when the client is slow. Default: the topic's policy.
    pub slow: Option<SlowPolicy>,
    /// How much of the presence to hear. Default: nothing.
    pub presence: PresenceMode,
}

words! {
    /// What the hub does when more waits for a client than it keeps.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    SlowPolicy {
        /// It stops pushing and goes on from the log later.
        Resume = "resume",
        /// It leaves out all but the newest publication, and says which.
        Drop = "drop",
        /// It closes the link with [`CloseCode::TOO_SLOW`](crate::CloseCode::TOO_SLOW).
        Close = "close",
    }
}

/// A publication on its way to the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a client makes it")]
pub struct Publish {
    /// Where to.
    pub topic: Topic,
    /// Makes it idempotent: 1 to [`MAX_NUMBER`](crate::MAX_NUMBER), counted upwards by the client.
    pub key: Option<u64>,
    /// That it is sent again; needs a key.
    pub again: Option<Again>,
    /// Whether this session gets it back as well. Default true.
    pub echo: bool,
    /// What to publish.
    pub payload: Payload,
}

/// The epoch that the topic had when a publication was sent for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it is known or not")]
pub enum Again {
    /// The client did not know it.
    Unknown,
    /// This one.
    Since(Epoch),
}

impl Again {
    /// As it travels: empty if not known.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unknown => "",
            Self::Since(epoch) => epoch,
        }
    }
}
