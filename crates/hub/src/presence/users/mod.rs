//! Whether users are there.

mod last_seen;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use everwire_proto::{Name, UserState, UserStatus};

use self::last_seen::LastSeen;
use super::leased::{Ended, Leased};
use super::{PresenceError, PresenceLimits, Who};

/// The sessions of all users, and what follows from them about each, as a value: no I/O, no clock, no
/// randomness. Times are milliseconds since 1970.
///
/// A user is online while a session is there that is not away, away while all are, and then offline.
/// What changes that gives the user's new state, once for each change; a session that returns before
/// [`expire`](Self::expire) took it changes nothing.
#[derive(Debug)]
pub struct Users {
    sessions: Leased<Who, Session>,
    present: BTreeMap<Name, Present>,
    gone: LastSeen,
    max_sessions: usize,
}

#[derive(Debug, Default)]
struct Session {
    away: bool,
}

/// A user with at least one session.
#[derive(Debug)]
struct Present {
    sessions: usize,
    awake: usize,
    /// Since when it is online or away.
    since: u64,
    /// When one of its sessions was last there and not away.
    awake_until: u64,
    /// When one of its sessions that are gone was last there.
    seen: u64,
}

impl Users {
    /// Nothing is known of anybody.
    pub fn new(limits: &PresenceLimits) -> Self {
        Self {
            sessions: Leased::new(limits),
            present: BTreeMap::new(),
            gone: LastSeen::new(limits.max_last_seen),
            max_sessions: limits.max_sessions,
        }
    }

    /// A session begins, or returns.
    pub fn enter(&mut self, now: u64, who: &Who) -> Result<Option<UserState>, PresenceError> {
        if self.sessions.renew(now, who) {
            return Ok(None);
        }
        if self.sessions.len() >= self.max_sessions {
            return Err(PresenceError::TooManySessions { max: self.max_sessions });
        }
        self.sessions.insert(now, who.clone(), Session::default());
        self.gone.forget(&who.user);
        let user = self.present.entry(who.user.clone()).or_insert(Present::at(now));
        user.sessions += 1;
        Ok(user.wake(now))
    }

    /// The session was heard of. False if it is not there.
    pub fn renew(&mut self, now: u64, who: &Who) -> bool {
        self.sessions.renew(now, who)
    }

    /// The session is away, or back. Nothing changes if it is not there.
    pub fn set_away(&mut self, now: u64, who: &Who, away: bool) -> Option<UserState> {
        let session = self.sessions.get_mut(who)?;
        if std::mem::replace(&mut session.away, away) == away {
            return None;
        }
        let user = self.present.get_mut(&who.user)?;
        if away { user.doze(now) } else { user.wake(now) }
    }

    /// The session went without a farewell. It has the grace to return. False if it is not there.
    pub fn depart(&mut self, now: u64, who: &Who) -> bool {
        self.sessions.depart(now, who)
    }

    /// The session is over at once. Nothing changes if it is not there.
    pub fn farewell(&mut self, now: u64, who: &Who) -> Option<UserState> {
        let ended = self.sessions.remove(now, who)?;
        self.end(&ended)
    }

    /// Takes one session whose lease or grace is over, with what became of its user if that changed:
    /// call it until it gives none. It costs what there is to take, however many sessions there are.
    pub fn expire(&mut self, now: u64) -> Option<(Who, Option<UserState>)> {
        let ended = self.sessions.pop_lapsed(now)?;
        let state = self.end(&ended);
        Some((ended.key, state))
    }

    /// Before this time [`expire`](Self::expire) has nothing to take.
    pub fn next_deadline(&self) -> Option<u64> {
        self.sessions.next_deadline()
    }

    /// What is known of a user.
    pub fn status(&self, user: &Name) -> UserState {
        match (self.present.get(user), self.gone.get(user)) {
            (Some(present), _) => present.state(),
            (None, Some(seen)) => offline(seen),
            (None, None) => UserState { status: UserStatus::Unknown, since: None, seen: None },
        }
    }

    /// How many sessions a user has, with those that may still return.
    pub fn sessions(&self, user: &Name) -> usize {
        self.present.get(user).map_or(0, |present| present.sessions)
    }

    /// How many sessions there are, with those that may still return.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn end(&mut self, ended: &Ended<Who, Session>) -> Option<UserState> {
        let user = self.present.get_mut(&ended.key.user)?;
        user.sessions -= 1;
        user.seen = user.seen.max(ended.seen);
        if user.sessions > 0 {
            return if ended.value.away { None } else { user.doze(ended.seen) };
        }
        let seen = user.seen;
        self.present.remove(&ended.key.user);
        self.gone.note(&ended.key.user, seen);
        Some(offline(seen))
    }
}

impl Present {
    fn at(now: u64) -> Self {
        Self { sessions: 0, awake: 0, since: now, awake_until: now, seen: now }
    }

    /// One session more is not away.
    fn wake(&mut self, now: u64) -> Option<UserState> {
        self.awake += 1;
        (self.awake == 1).then(|| self.begin(now))
    }

    /// One session less is not away, since then.
    fn doze(&mut self, since: u64) -> Option<UserState> {
        self.awake -= 1;
        // One that lapsed was last there before another one went away.
        self.awake_until = self.awake_until.max(since);
        (self.awake == 0).then(|| self.begin(self.awake_until))
    }

    fn begin(&mut self, since: u64) -> UserState {
        self.since = since;
        self.state()
    }

    fn state(&self) -> UserState {
        let status = if self.awake > 0 { UserStatus::Online } else { UserStatus::Away };
        UserState { status, since: Some(self.since), seen: None }
    }
}

fn offline(seen: u64) -> UserState {
    UserState { status: UserStatus::Offline, since: None, seen: Some(seen) }
}
