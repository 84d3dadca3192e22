//! How long somebody counts as there, and how much is remembered.

use std::time::Duration;

/// Times and limits of presence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PresenceLimits {
    /// How long a session is there after it was last renewed: three heartbeats. Default: 75 s.
    pub lease: Duration,
    /// How long a session that went without a farewell may take to return, before its leave is told.
    /// Default: 10 s.
    pub grace: Duration,
    /// How far apart two counts of a topic are told at least. Default: 1 s.
    pub count_interval: Duration,
    /// Members of a topic, with those who may still return. Whoever comes beyond it is refused with
    /// [`TooManyMembers`](super::PresenceError::TooManyMembers) and is neither listed nor counted;
    /// those who are there may always return. Default: 10,000.
    pub max_members: usize,
    /// Sessions in all, with those that may still return. Beyond it a session is refused with
    /// [`TooManySessions`](super::PresenceError::TooManySessions). Default: 1,000,000.
    pub max_sessions: usize,
    /// Topics that have members or are followed. Beyond it joining and following are refused with
    /// [`TooManyTopics`](super::PresenceError::TooManyTopics). Default: 100,000.
    pub max_topics: usize,
    /// Users who are offline and of whom it is remembered when they were last there; beyond it those
    /// who were last there the longest ago are forgotten first. Default: 100,000.
    pub max_last_seen: usize,
}

impl Default for PresenceLimits {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(75),
            grace: Duration::from_secs(10),
            count_interval: Duration::from_secs(1),
            max_members: 10_000,
            max_sessions: 1_000_000,
            max_topics: 100_000,
            max_last_seen: 100_000,
        }
    }
}
