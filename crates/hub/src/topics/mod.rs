//! The topics that somebody on this node listens to, and who.
//!
//! ```text
//!  Broker ──► Topics::deliver ──► Room ──► seat ─┬─ live ───► Session::push
//!                                                └─ behind    (it reads the log itself, later)
//!  Presence ► Topics::changed ──► Room ──► audience ──► Session::push
//! ```

mod audience;
mod crowd;
mod gathered;
mod places;
mod room;
mod visit;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use everwire_proto::{Epoch, Name, PresenceChange, Topic, UserState};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};

pub use self::crowd::Counters;
pub(crate) use self::crowd::{Crowd, Seat, Stance};
pub(crate) use self::room::Room;
pub(crate) use self::visit::{Hearing, Visit};
use crate::broker::{Broker, Listener};
use crate::config::HubConfig;
use crate::log::Entry;
use crate::presence::PresenceListener;

/// The rooms of a node.
pub(crate) struct Topics {
    rooms: Mutex<HashMap<Topic, Open>>,
    /// How far apart it is told who came and went.
    presence_interval: Duration,
    /// How long to wait before a topic is followed that could not be followed anew.
    retry: Duration,
    itself: Weak<Self>,
    broker: OnceLock<Weak<dyn Broker>>,
}

/// A room that somebody uses.
struct Open {
    room: Arc<Room>,
    /// Whoever sits in it or is about to.
    users: usize,
}

impl Topics {
    pub(crate) fn new(config: &HubConfig) -> Arc<Self> {
        Arc::new_cyclic(|itself| Self {
            rooms: Mutex::default(),
            presence_interval: config.presence_interval,
            retry: config.retry_read,
            itself: itself.clone(),
            broker: OnceLock::new(),
        })
    }

    /// Hears of publications from this broker. Called once, before anything else.
    pub(crate) fn attach(self: &Arc<Self>, broker: &Arc<dyn Broker>) {
        let is_first = self.broker.set(Arc::downgrade(broker)).is_ok();
        debug_assert!(is_first, "a node has one broker");
        broker.attach(self.clone());
    }

    /// The room of a topic, opened if nobody was in it. Each that was opened has to be
    /// [left](Self::leave).
    pub(crate) fn open(&self, topic: &Topic) -> Arc<Room> {
        let mut rooms = self.lock();
        let open =
            rooms.entry(topic.clone()).or_insert_with(|| Open { room: Room::new(topic), users: 0 });
        open.users += 1;
        open.room.clone()
    }

    /// Gives up what [`open`](Self::open) gave. The last one closes the room, which is returned.
    pub(crate) fn leave(&self, broker: &dyn Broker, topic: &Topic) -> Option<Arc<Room>> {
        let mut rooms = self.lock();
        let open = rooms.get_mut(topic)?;
        open.users -= 1;
        if open.users > 0 {
            return None;
        }
        // Within the lock: whoever opens it again follows it afterwards.
        broker.unfollow(topic);
        rooms.remove(topic).map(|open| open.room)
    }

    /// Whoever was there may have left while the topic was followed anew.
    fn unfollow_closed(&self, broker: &dyn Broker, topic: &Topic) {
        let rooms = self.lock();
        if !rooms.contains_key(topic) {
            broker.unfollow(topic);
        }
    }

    /// The room of a topic, if somebody is in it.
    pub(crate) fn room(&self, topic: &Topic) -> Option<Arc<Room>> {
        self.lock().get(topic).map(|open| open.room.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Topic, Open>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Topics {
    fn deliver(&self, topic: &Topic, epoch: &Epoch, publication: &Arc<Entry>) {
        if let Some(room) = self.room(topic) {
            room.deliver(epoch, publication);
        }
    }

    fn lost(&self, topic: &Topic) {
        tracing::warn!(%topic, "publications may have been missed");
        let (Some(room), Some(broker)) = (self.room(topic), self.broker.get()) else { return };
        room.crowd().handle_lost();
        let again =
            follow_again(self.itself.clone(), broker.clone(), Arc::downgrade(&room), self.retry);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(again)),
            Err(_) => tracing::error!(%topic, "without a runtime it is not followed anew"),
        }
    }
}

/// Follows a topic anew, as long as it is open.
async fn follow_again(
    topics: Weak<Topics>,
    broker: Weak<dyn Broker>,
    room: Weak<Room>,
    retry: Duration,
) {
    loop {
        {
            let (Some(topics), Some(broker)) = (topics.upgrade(), broker.upgrade()) else { return };
            let Some(room) = room.upgrade() else { return };
            match broker.follow(room.topic()).await {
                Ok(end) => {
                    room.crowd().begin(end);
                    return topics.unfollow_closed(&*broker, room.topic());
                }
                Err(error) => {
                    tracing::warn!(topic = %room.topic(), %error, "it cannot be followed anew");
                }
            }
        }
        tokio::time::sleep(retry).await;
    }
}

impl PresenceListener for Topics {
    fn changed(&self, topic: &Topic, change: PresenceChange) {
        let Some(room) = self.room(topic) else { return };
        let due = room.audience().tell(topic, change, Instant::now(), self.presence_interval);
        let Some(due) = due else { return };
        let topic = topic.clone();
        let tell = move || room.audience().tell_gathered(&topic, Instant::now());
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move {
                sleep_until(due).await;
                tell();
            })),
            // Without a runtime nobody can be waited for.
            Err(_) => tell(),
        }
    }

    fn status(&self, user: &Name, state: UserState) {
        tracing::debug!(%user, status = ?state.status, "status");
    }

    fn lost(&self, topic: &Topic) {
        tracing::warn!(%topic, "changes of presence may have been missed");
        if let Some(room) = self.room(topic) {
            room.audience().handle_lost();
        }
    }
}

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topics").field("open", &self.lock().len()).finish()
    }
}
