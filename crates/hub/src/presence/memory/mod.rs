//! The presence of a single process: gone with it, and with it everybody who was there.

mod room;
mod rooms;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use everwire_proto::{JsonText, Name, PresenceState, Topic, UserState};

use self::room::Room;
use self::rooms::Rooms;
use super::{Answer, Presence, PresenceError, PresenceLimits, PresenceListener, Users, Who};

/// Who is there, in this process's memory.
///
/// A topic is remembered while it has members or is followed. If it is forgotten in between, its
/// versions go on behind the highest of all that were forgotten: they may leap then, but never go back.
pub struct MemoryPresence {
    limits: PresenceLimits,
    listener: OnceLock<Arc<dyn PresenceListener>>,
    /// Never locked together with a room: neither waits for the other.
    sessions: Mutex<Sessions>,
    rooms: Rooms,
}

/// Who is there at all, and where.
struct Sessions {
    users: Users,
    topics: BTreeMap<Who, BTreeSet<Topic>>,
}

impl MemoryPresence {
    /// Nobody is there yet.
    pub fn new(limits: PresenceLimits) -> Self {
        Self {
            sessions: Mutex::new(Sessions { users: Users::new(&limits), topics: BTreeMap::new() }),
            rooms: Rooms::new(limits.clone()),
            listener: OnceLock::new(),
            limits,
        }
    }

    /// How many topics have members or are followed.
    pub fn topics(&self) -> usize {
        self.rooms.len()
    }

    /// How many sessions there are, with those that may still return.
    pub fn sessions(&self) -> usize {
        lock(&self.sessions).users.len()
    }

    /// The limits it was made with.
    pub fn limits(&self) -> &PresenceLimits {
        &self.limits
    }

    fn join(
        &self,
        now: u64,
        topic: &Topic,
        who: &Who,
        info: Option<JsonText>,
    ) -> Result<(), PresenceError> {
        lock(&self.sessions).joins(now, topic, who)?;
        let joined = self.rooms.open(now, topic, self.teller(), |room| room.join(now, who, info));
        let joined = joined.and_then(|joined| joined);
        if joined.is_err() {
            lock(&self.sessions).leaves(topic, who);
        }
        joined
    }

    fn renew(&self, now: u64, who: &Who) -> Result<(), PresenceError> {
        let topics = lock(&self.sessions).renew(now, who)?;
        // All of them, also behind one that has forgotten the session.
        let renew = |room: &mut Room| room.roster.renew(now, who);
        let is_lost =
            |topic: &&Topic| self.rooms.within(now, topic, self.teller(), renew) != Some(true);
        let lost: Vec<_> = topics.iter().filter(is_lost).collect();
        if lost.is_empty() {
            return Ok(());
        }
        let mut sessions = lock(&self.sessions);
        lost.iter().for_each(|topic| sessions.leaves(topic, who));
        Err(PresenceError::Forgotten)
    }

    fn depart(&self, now: u64, who: &Who) {
        let topics = {
            let mut sessions = lock(&self.sessions);
            sessions.users.depart(now, who);
            sessions.topics.get(who).cloned().unwrap_or_default()
        };
        for topic in &topics {
            self.rooms.within(now, topic, self.teller(), |room| room.roster.depart(now, who));
        }
    }

    fn leave(&self, now: u64, topic: &Topic, who: &Who) {
        lock(&self.sessions).leaves(topic, who);
        self.rooms.within(now, topic, self.teller(), |room| room.farewell(now, who));
    }

    fn farewell(&self, now: u64, who: &Who) {
        let topics = {
            let mut sessions = lock(&self.sessions);
            let state = sessions.users.farewell(now, who);
            self.tell(&who.user, state);
            sessions.topics.remove(who).unwrap_or_default()
        };
        for topic in &topics {
            self.rooms.within(now, topic, self.teller(), |room| room.farewell(now, who));
        }
    }

    fn expire(&self, now: u64) {
        // What lapses as a session lapses as a member too, by a lease that is no longer.
        self.rooms.expire(now, self.teller());
        while self.expire_session(now) {}
    }

    /// One at a time, so that others are not kept waiting for thousands.
    fn expire_session(&self, now: u64) -> bool {
        let mut sessions = lock(&self.sessions);
        let Some((who, state)) = sessions.users.expire(now) else { return false };
        sessions.topics.remove(&who);
        self.tell(&who.user, state);
        true
    }

    /// Within the lock of sessions: in the order in which it came about.
    fn tell(&self, user: &Name, state: Option<UserState>) {
        if let (Some(listener), Some(state)) = (self.teller(), state) {
            listener.status(user, state);
        }
    }

    fn teller(&self) -> Option<&dyn PresenceListener> {
        self.listener.get().map(|listener| &**listener)
    }

    /// Does something with the sessions, and tells what that makes of the user.
    fn with_user(
        &self,
        user: &Name,
        act: impl FnOnce(&mut Users) -> Result<Option<UserState>, PresenceError>,
    ) -> Result<(), PresenceError> {
        let mut sessions = lock(&self.sessions);
        let state = act(&mut sessions.users)?;
        self.tell(user, state);
        Ok(())
    }
}

impl Presence for MemoryPresence {
    fn attach(&self, listener: Arc<dyn PresenceListener>) {
        let attached = self.listener.set(listener).is_ok();
        debug_assert!(attached, "presence has one listener");
    }

    fn enter<'a>(&'a self, now: u64, who: &'a Who) -> Answer<'a, ()> {
        answer(self.with_user(&who.user, |users| users.enter(now, who)))
    }

    fn join<'a>(
        &'a self,
        now: u64,
        topic: &'a Topic,
        who: &'a Who,
        info: Option<JsonText>,
    ) -> Answer<'a, ()> {
        answer(self.join(now, topic, who, info))
    }

    fn leave<'a>(&'a self, now: u64, topic: &'a Topic, who: &'a Who) -> Answer<'a, ()> {
        self.leave(now, topic, who);
        answer(Ok(()))
    }

    fn renew<'a>(&'a self, now: u64, who: &'a Who) -> Answer<'a, ()> {
        answer(self.renew(now, who))
    }

    fn set_away<'a>(&'a self, now: u64, who: &'a Who, away: bool) -> Answer<'a, ()> {
        answer(self.with_user(&who.user, |users| Ok(users.set_away(now, who, away))))
    }

    fn depart<'a>(&'a self, now: u64, who: &'a Who) -> Answer<'a, ()> {
        self.depart(now, who);
        answer(Ok(()))
    }

    fn farewell<'a>(&'a self, now: u64, who: &'a Who) -> Answer<'a, ()> {
        self.farewell(now, who);
        answer(Ok(()))
    }

    fn follow<'a>(&'a self, now: u64, topic: &'a Topic) -> Answer<'a, ()> {
        answer(self.rooms.open(now, topic, self.teller(), Room::follow))
    }

    fn unfollow(&self, topic: &Topic) {
        // Time plays no part: what is waiting is dropped.
        self.rooms.within(0, topic, None, Room::unfollow);
    }

    fn list<'a>(&'a self, topic: &'a Topic) -> Answer<'a, PresenceState> {
        answer(Ok(self.rooms.look(topic, |roster| roster.list())))
    }

    fn count<'a>(&'a self, topic: &'a Topic) -> Answer<'a, PresenceState> {
        answer(Ok(self.rooms.look(topic, |roster| roster.count())))
    }

    fn status<'a>(&'a self, users: &'a [Name]) -> Answer<'a, Vec<UserState>> {
        let sessions = lock(&self.sessions);
        answer(Ok(users.iter().map(|user| sessions.users.status(user)).collect()))
    }

    fn expire(&self, now: u64) -> Answer<'_, ()> {
        self.expire(now);
        answer(Ok(()))
    }
}

impl Sessions {
    /// Before the topic knows: then nobody is in a topic that its session does not know of.
    fn joins(&mut self, now: u64, topic: &Topic, who: &Who) -> Result<(), PresenceError> {
        if !self.users.renew(now, who) {
            return Err(PresenceError::Forgotten);
        }
        self.topics.entry(who.clone()).or_default().insert(topic.clone());
        Ok(())
    }

    fn leaves(&mut self, topic: &Topic, who: &Who) {
        if let Some(topics) = self.topics.get_mut(who) {
            topics.remove(topic);
            if topics.is_empty() {
                self.topics.remove(who);
            }
        }
    }

    /// The topics that have to renew it too.
    fn renew(&mut self, now: u64, who: &Who) -> Result<BTreeSet<Topic>, PresenceError> {
        let known = self.users.renew(now, who);
        let topics = self.topics.get(who).cloned().unwrap_or_default();
        if known { Ok(topics) } else { Err(PresenceError::Forgotten) }
    }
}

impl fmt::Debug for MemoryPresence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (topics, sessions) = (self.topics(), self.sessions());
        f.debug_struct("MemoryPresence")
            .field("topics", &topics)
            .field("sessions", &sessions)
            .finish_non_exhaustive()
    }
}

fn answer<'a, T: Send + 'a>(result: Result<T, PresenceError>) -> Answer<'a, T> {
    Box::pin(ready(result))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
