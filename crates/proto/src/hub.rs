//! What a hub says.

use crate::close::CloseCode;
use crate::connect::Connected;
use crate::payload::Payload;
use crate::position::{Id, Position};
use crate::presence::{PresenceChange, PresenceState, UserState};
use crate::publication::{Publication, Stored};
use crate::refusal::{ErrorReply, GapReason};
use crate::text::{Epoch, Name, Topic};

/// A message of a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HubMessage {
    /// What became of a command.
    Reply {
        /// The command's id.
        id: Id,
        /// What it asked for, or why not.
        outcome: Result<Answer, ErrorReply>,
    },
    /// Something was published.
    Publication {
        /// In which topic.
        topic: Topic,
        /// What.
        publication: Publication,
    },
    /// Publications that will not come.
    Gap(Gap),
    /// A message from the endpoint.
    Message(Payload),
    /// Who is there has changed.
    Presence {
        /// In which topic.
        topic: Topic,
        /// How.
        change: PresenceChange,
    },
    /// A subscription that the hub made.
    Subscribed {
        /// Of which topic.
        topic: Topic,
        /// As in the reply to `subscribe`.
        subscribed: Subscribed,
    },
    /// A subscription that the hub ended.
    Unsubscribed {
        /// Of which topic.
        topic: Topic,
        /// Why, if that is told.
        error: Option<ErrorReply>,
    },
    /// The link ends now.
    Bye(Bye),
    /// The hub will go.
    Drain {
        /// Connect elsewhere after so many milliseconds,
        after: u64,
        /// and close within so many.
        within: u64,
    },
    /// A sign of life. Without `got` it asks for one; it is the only message that is not numbered.
    Heartbeat {
        /// How many numbered messages were received in all.
        got: Option<u64>,
    },
}

/// What a command asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// To `connect`.
    Connected(Box<Connected>),
    /// To `subscribe`.
    Subscribed(Box<Subscribed>),
    /// To `unsubscribe`.
    Unsubscribed,
    /// To `publish`: where it is stored, unless the topic has no history.
    Published(Option<Receipt>),
    /// To `history`.
    History(HistoryPage),
    /// To `rpc`.
    Rpc(Payload),
    /// To `presence`.
    Presence(PresenceState),
    /// To `status`, in any order.
    Status(Vec<(Name, UserState)>),
}

/// Where a publication is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a hub makes it")]
pub struct Receipt {
    /// Its offset.
    pub offset: u64,
    /// In which log.
    pub epoch: Epoch,
}

/// A subscription at its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a hub makes it")]
pub struct Subscribed {
    /// Where it begins; none in a topic without history.
    pub start: Option<Start>,
    /// Whether it goes on where the client was, if the client was somewhere.
    pub recovered: Option<Recovered>,
    /// Who is there, if that was asked for.
    pub presence: Option<PresenceState>,
}

/// Where a subscription begins in a log, and where the log ended at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a hub makes it")]
pub struct Start {
    /// Every publication behind it follows.
    pub position: Position,
    /// Whoever has reached it has caught up.
    pub head: Position,
}

/// Whether a subscription goes on where the client was.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a replay is whole or it is refused")]
pub enum Recovered {
    /// It does: everything that was missed follows.
    Yes,
    /// It does not; it begins at the log's end.
    No(GapReason),
}

/// Publications that will not come.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a hub makes it")]
pub struct Gap {
    /// In which topic.
    pub topic: Topic,
    /// Why not.
    pub reason: GapReason,
    /// Behind where and up to where; none in a topic without history.
    pub range: Option<(Position, Position)>,
}

/// Publications of the past.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a hub makes it")]
pub struct HistoryPage {
    /// The log's end at that moment.
    pub position: Position,
    /// Whether the log goes further back.
    pub more: bool,
    /// Oldest first.
    pub publications: Vec<Stored>,
}

/// The last message of a hub on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a hub makes it")]
pub struct Bye {
    /// The code that the transport is closed with.
    pub code: CloseCode,
    /// The reason that it is closed with.
    pub reason: String,
    /// Whether to come back.
    pub retry: bool,
    /// When, in milliseconds.
    pub after: Option<u64>,
}

impl Bye {
    /// With the code's own verdict on whether to come back, and no word of when.
    pub fn new(code: CloseCode, reason: &str) -> Self {
        Self { code, reason: reason.to_owned(), retry: code.retry(), after: None }
    }
}
