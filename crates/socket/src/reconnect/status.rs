//! What programs watch.

use std::time::Instant;

use super::retry::{Phase, Retry, Why};

/// Where a reconnecting client is, as [`Messenger::status`](super::Messenger::status) says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// Not started: nobody has called [`Sessions::next`](super::Sessions::next).
    Idle,
    /// An attempt is under way.
    Connecting {
        /// Which one since the last connection that was stable, beginning with 1.
        attempt: u32,
    },
    /// There is a connection.
    Open {
        /// Which one of this client, beginning with 1.
        session: u64,
    },
    /// For the next attempt.
    Waiting {
        /// Which one it will be.
        attempt: u32,
        /// When it begins; none if that is further away than time goes.
        until: Option<Instant>,
        /// Whether the server named the time.
        paced: bool,
    },
    /// There is no network, as [`Messenger::network`](super::Messenger::network) said.
    Offline,
    /// Given up for good.
    Ended(Why),
}

impl Status {
    pub(super) fn of(retry: &Retry, session: u64, at: impl Fn(u64) -> Option<Instant>) -> Self {
        let attempt = retry.attempts().saturating_add(1);
        match retry.phase() {
            Phase::Idle => Self::Idle,
            Phase::Connecting { .. } => Self::Connecting { attempt },
            Phase::Open { .. } => Self::Open { session },
            Phase::Waiting { until, paced } => Self::Waiting { attempt, until: at(until), paced },
            Phase::Offline => Self::Offline,
            Phase::Ended(why) => Self::Ended(why),
        }
    }
}
