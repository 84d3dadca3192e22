//! What the hub tells its presence, and when.

use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use everwire_proto::{ErrorCode, ErrorReply, PresenceMode, PresenceState, Topic};
use tokio::time::Instant;

use crate::clock::now;
use crate::hub::Inner;
use crate::presence::{Presence, PresenceError};

/// How often leaves and counts that are due are told.
const TICK: Duration = Duration::from_secs(1);

/// How many sessions are renewed before other tasks get their turn.
const TURN: usize = 64;

/// The presence of a hub, and which of its topics are followed.
#[derive(Debug)]
pub(crate) struct Attendance {
    pub(crate) presence: Arc<dyn Presence>,
    /// Held while a topic is followed or not any more: the two never overtake each other.
    gate: tokio::sync::Mutex<()>,
    /// Topics in which nobody is left who hears.
    closed: Mutex<Vec<Topic>>,
    started: Once,
}

impl Attendance {
    pub(crate) fn new(presence: Arc<dyn Presence>) -> Self {
        Self {
            presence,
            gate: tokio::sync::Mutex::default(),
            closed: Mutex::default(),
            started: Once::new(),
        }
    }

    /// The members of a topic, or how many there are; what changes afterwards is told.
    pub(crate) async fn hear(
        &self,
        topic: &Topic,
        mode: PresenceMode,
    ) -> Result<PresenceState, PresenceError> {
        let _gate = self.gate.lock().await;
        self.presence.follow(now(), topic).await?;
        self.look(topic, mode).await
    }

    /// The members of a topic, or how many there are.
    pub(crate) async fn look(
        &self,
        topic: &Topic,
        mode: PresenceMode,
    ) -> Result<PresenceState, PresenceError> {
        match mode {
            PresenceMode::Count => self.presence.count(topic).await,
            _ => self.presence.list(topic).await,
        }
    }

    /// A topic has no room any more.
    pub(crate) fn handle_closed(&self, topic: &Topic) {
        self.closed().push(topic.clone());
    }

    fn closed(&self) -> MutexGuard<'_, Vec<Topic>> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Begins to tell what is due, once; needs a runtime.
    pub(crate) fn start_attendance(self: &Arc<Self>) {
        let hub = Arc::downgrade(self);
        // Three times in a lease.
        let renew_every = (self.config.presence.lease / 3).max(TICK);
        self.attendance.started.call_once(|| {
            tokio::spawn(async move {
                let mut renewed = Instant::now();
                loop {
                    tokio::time::sleep(TICK).await;
                    let Some(hub) = hub.upgrade() else { return };
                    let renew = renewed.elapsed() >= renew_every;
                    if renew {
                        renewed = Instant::now();
                    }
                    hub.attend(renew).await;
                }
            });
        });
    }

    async fn attend(self: &Arc<Self>, renew: bool) {
        let closed = std::mem::take(&mut *self.attendance.closed());
        for topic in closed {
            let _gate = self.attendance.gate.lock().await;
            if self.topics.room(&topic).is_none() {
                self.attendance.presence.unfollow(&topic);
            }
        }
        if renew {
            // Before leases are looked at: after a halt nobody here is told to have gone.
            let sessions: Vec<_> = self.lock().values().cloned().collect();
            for some in sessions.chunks(TURN) {
                for session in some.iter().filter(|session| session.is_attached()) {
                    session.renew().await;
                }
                tokio::task::yield_now().await;
            }
        }
        self.broker.expire(now());
        let expired = self.attendance.presence.expire(now()).await;
        note("expire", expired);
    }
}

/// Presence never stands in the way of messages: what it does not do is written to the log.
pub(crate) fn note(what: &'static str, result: Result<(), PresenceError>) {
    if let Err(error) = result {
        tracing::warn!(what, %error, "presence is not complete");
    }
}

/// What a client is told of an error of presence.
pub(crate) fn report(error: &PresenceError) -> ErrorReply {
    let code = match error {
        PresenceError::Forgotten | PresenceError::Unavailable(_) => ErrorCode::Overloaded,
        _ => ErrorCode::Limit,
    };
    ErrorReply::new(code, error.to_string())
}
