//! How a session begins or goes on.

use crate::client::SubscribeOptions;
use crate::hub::Subscribed;
use crate::refusal::ErrorReply;
use crate::text::{Name, Secret, Topic};

/// The version of the language that this crate speaks.
pub const VERSION: u64 = 1;

/// A client's first message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a client makes it")]
pub struct Connect {
    /// Drawn once by the client and kept as long as it can. Without one the hub draws one, good for this
    /// session.
    pub client: Option<Name>,
    /// Whatever the hub's application asks for.
    pub token: Option<Secret>,
    /// The session to go on with.
    pub resume: Option<Resume>,
    /// Subscriptions to establish in the same round trip, each answered on its own.
    pub subscriptions: Vec<(Topic, SubscribeOptions)>,
}

/// A session to go on with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a client makes it")]
pub struct Resume {
    /// Its name.
    pub session: Name,
    /// Its secret.
    pub key: Secret,
    /// How many numbered messages of the hub the client has received.
    pub got: u64,
}

/// What the hub answers to [`Connect`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a hub makes it")]
pub struct Connected {
    /// The session's name: the old one if it goes on.
    pub session: Name,
    /// Its secret.
    pub key: Secret,
    /// Who the hub takes the client for, if for anybody.
    pub user: Option<Name>,
    /// Whether the old session goes on. Then the subscriptions were not looked at.
    pub resumed: bool,
    /// How many numbered messages of the client the hub has taken; 0 for a new session.
    pub got: u64,
    /// When either side asks for a sign of life.
    pub heartbeat: Heartbeat,
    /// What the client has to keep to.
    pub limits: SessionLimits,
    /// What became of the subscriptions; none if the old session goes on.
    pub subscriptions: Vec<(Topic, Result<Subscribed, ErrorReply>)>,
}

/// When either side asks for a sign of life, and for how long it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a hub makes it")]
pub struct Heartbeat {
    /// After so many milliseconds without one; at least 1.
    pub interval: u64,
    /// So many milliseconds later the link is taken for dead.
    pub timeout: u64,
}

/// What a session has to keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a hub makes it")]
pub struct SessionLimits {
    /// The largest payload, in bytes.
    pub max_message: u64,
    /// How many subscriptions a session may have.
    pub max_subscriptions: u64,
    /// How many commands may wait for their reply.
    pub max_unanswered: u64,
}
