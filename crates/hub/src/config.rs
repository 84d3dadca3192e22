//! Limits and times of a hub.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use everwire_proto::{SlowPolicy, Topic};

use crate::log::HistoryLimits;
use crate::presence::PresenceLimits;

/// Limits and times of a hub; every limit is on.
#[derive(Clone)]
#[non_exhaustive]
pub struct HubConfig {
    /// The largest payload that a client may send, in bytes. Default: 64 KiB. A larger one is answered
    /// with `too_large`; a raw client, whose text counts as a JSON string, is closed with 1009.
    pub max_message: usize,
    /// How many topics a session may hear at a time. Default: 128. One more is answered with `limit`.
    pub max_subscriptions: usize,
    /// How many commands of a client may wait for their replies. Default: 64. They are dealt with one after
    /// another; a client keeps to it so that they do not wait where nobody sees them.
    pub max_unanswered: usize,
    /// Bytes that were sent to a session and that its client has not said it has. Default: 256 KiB. Beyond
    /// it the oldest are forgotten, and a link that breaks is followed by a new session.
    pub max_unacknowledged: usize,
    /// Sessions at a time. Default: 1,000,000. One more is told to come back later.
    pub max_sessions: usize,
    /// How long a client may take for its `connect`. Default: 10 s. Then it is closed with 4408.
    pub connect_timeout: Duration,
    /// How long a session waits for its client to come back. Default: 30 s.
    pub resume_timeout: Duration,
    /// When clients ask for a sign of life. Default: after 25 s without one. The hub itself goes by the
    /// heartbeat of its WebSockets.
    pub heartbeat_interval: Duration,
    /// How long they wait for it. Default: 10 s.
    pub heartbeat_timeout: Duration,
    /// How long a session waits before it reads a log again that could not be read. Default: 1 s.
    pub retry_read: Duration,
    /// How large what an endpoint tells about a member may be, in bytes. Default: 1 KiB.
    pub max_info: usize,
    /// How far apart it is told, in each topic, who came and went. A lone change is told at once, those that
    /// come soon after it together. Default: 100 ms.
    pub presence_interval: Duration,
    /// Times and limits of the presence that the hub has without [`HubBuilder::presence`].
    ///
    /// [`HubBuilder::presence`]: crate::HubBuilder::presence
    pub presence: PresenceLimits,
    /// What each topic keeps and how it treats those who are slow. It is asked often, and must not wait.
    /// Default: [`TopicConfig::default`] for all.
    pub topics: Arc<dyn Fn(&Topic) -> TopicConfig + Send + Sync>,
}

/// What a topic keeps, and how it treats those who are slow.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicConfig {
    /// How much it remembers. With `max_entries` of 0 it has no history, and its subscribers no positions.
    pub history: HistoryLimits,
    /// What is done about a subscriber whose queue is full. Default: `resume`.
    pub slow: SlowPolicy,
    /// Whether its subscribers are its members, and may be heard of. Default: no. A member costs about a
    /// kilobyte.
    pub presence: bool,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            max_message: 64 << 10,
            max_subscriptions: 128,
            max_unanswered: 64,
            max_unacknowledged: 256 << 10,
            max_sessions: 1_000_000,
            connect_timeout: Duration::from_secs(10),
            resume_timeout: Duration::from_secs(30),
            heartbeat_interval: Duration::from_secs(25),
            heartbeat_timeout: Duration::from_secs(10),
            retry_read: Duration::from_secs(1),
            max_info: 1 << 10,
            presence_interval: Duration::from_millis(100),
            presence: PresenceLimits::default(),
            topics: Arc::new(|_| TopicConfig::default()),
        }
    }
}

impl Default for TopicConfig {
    fn default() -> Self {
        Self { history: HistoryLimits::default(), slow: SlowPolicy::Resume, presence: false }
    }
}

impl fmt::Debug for HubConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubConfig")
            .field("max_message", &self.max_message)
            .field("max_subscriptions", &self.max_subscriptions)
            .field("max_unacknowledged", &self.max_unacknowledged)
            .field("max_sessions", &self.max_sessions)
            .finish_non_exhaustive()
    }
}
