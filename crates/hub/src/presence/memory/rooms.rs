//! All topics, and which of them has to be looked after next.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use everwire_proto::{PresenceState, Topic};

use super::lock;
use super::room::Room;
use crate::presence::{PresenceError, PresenceLimits, PresenceListener, Roster};

/// Each topic behind its own lock. Locks are taken in this order: index, room, due.
#[derive(Debug)]
pub(super) struct Rooms {
    limits: PresenceLimits,
    index: Mutex<Index>,
    /// One for each room that has something to wait for, never later than that.
    due: Mutex<BTreeSet<(u64, Topic)>>,
}

#[derive(Debug, Default)]
struct Index {
    rooms: HashMap<Topic, Arc<Mutex<Room>>>,
    /// The highest version of a room that was forgotten.
    version: u64,
}

impl Rooms {
    pub(super) fn new(limits: PresenceLimits) -> Self {
        Self { limits, index: Mutex::default(), due: Mutex::default() }
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.index).rooms.len()
    }

    /// Does something in a topic, made if there is room for one more, and tells what changed.
    pub(super) fn open<T>(
        &self,
        now: u64,
        topic: &Topic,
        listener: Option<&dyn PresenceListener>,
        act: impl FnOnce(&mut Room) -> T,
    ) -> Result<T, PresenceError> {
        loop {
            let shared = self.find_or_make(topic)?;
            let mut room = lock(&shared);
            // It was forgotten between the two locks.
            if room.retired {
                continue;
            }
            let done = act(&mut room);
            let is_done_with = self.settle(now, topic, &mut room, listener);
            drop(room);
            if is_done_with {
                self.retire(topic);
            }
            return Ok(done);
        }
    }

    /// The same in a topic that is there. `None` if nobody is in it and nobody follows it.
    pub(super) fn within<T>(
        &self,
        now: u64,
        topic: &Topic,
        listener: Option<&dyn PresenceListener>,
        act: impl FnOnce(&mut Room) -> T,
    ) -> Option<T> {
        let shared = self.find(topic)?;
        let mut room = lock(&shared);
        if room.retired {
            // Whoever is in a room keeps it; a new one does not know the caller's session either.
            return None;
        }
        let done = act(&mut room);
        let is_done_with = self.settle(now, topic, &mut room, listener);
        drop(room);
        if is_done_with {
            self.retire(topic);
        }
        Some(done)
    }

    /// Looks at who is in a topic.
    pub(super) fn look(
        &self,
        topic: &Topic,
        look: impl FnOnce(&Roster) -> PresenceState,
    ) -> PresenceState {
        match self.find(topic) {
            Some(shared) => look(&lock(&shared).roster),
            None => look(&Roster::new(&self.limits, lock(&self.index).version)),
        }
    }

    /// Tells what is due, in those topics that have something.
    pub(super) fn expire(&self, now: u64, listener: Option<&dyn PresenceListener>) {
        while let Some((at, topic)) = self.pop_due(now) {
            self.within(now, &topic, listener, |room| {
                if room.queued == Some(at) {
                    room.queued = None;
                }
                room.expire(now);
            });
        }
    }

    fn pop_due(&self, now: u64) -> Option<(u64, Topic)> {
        let mut due = lock(&self.due);
        let (at, _) = due.first()?;
        if *at <= now { due.pop_first() } else { None }
    }

    /// Tells what changed, and notes when to look after the room. True if it can be forgotten.
    fn settle(
        &self,
        now: u64,
        topic: &Topic,
        room: &mut Room,
        listener: Option<&dyn PresenceListener>,
    ) -> bool {
        // Within the room's lock: in the order of versions.
        while let Some(change) = room.next_news(now) {
            if let Some(listener) = listener {
                listener.changed(topic, change);
            }
        }
        self.queue(topic, room);
        room.is_done_with()
    }

    /// A deadline that moved later is left: it is noticed when the earlier one fires.
    fn queue(&self, topic: &Topic, room: &mut Room) {
        let due = room.due();
        let is_early_enough = match (room.queued, due) {
            (Some(queued), Some(due)) => queued <= due,
            (queued, due) => queued == due,
        };
        if !is_early_enough {
            let mut all = lock(&self.due);
            room.queued.map(|queued| all.remove(&(queued, topic.clone())));
            due.map(|due| all.insert((due, topic.clone())));
            room.queued = due;
        }
    }

    fn find(&self, topic: &Topic) -> Option<Arc<Mutex<Room>>> {
        lock(&self.index).rooms.get(topic).cloned()
    }

    fn find_or_make(&self, topic: &Topic) -> Result<Arc<Mutex<Room>>, PresenceError> {
        let mut index = lock(&self.index);
        if let Some(room) = index.rooms.get(topic) {
            return Ok(room.clone());
        }
        if index.rooms.len() >= self.limits.max_topics {
            return Err(PresenceError::TooManyTopics { max: self.limits.max_topics });
        }
        let room = Arc::new(Mutex::new(Room::new(&self.limits, index.version)));
        index.rooms.insert(topic.clone(), room.clone());
        Ok(room)
    }

    fn retire(&self, topic: &Topic) {
        let mut index = lock(&self.index);
        let Some(shared) = index.rooms.get(topic).cloned() else { return };
        let mut room = lock(&shared);
        // Somebody may have come meanwhile.
        if room.is_done_with() {
            room.retired = true;
            index.version = index.version.max(room.roster.version());
            index.rooms.remove(topic);
        }
    }
}
