//! One topic, and what its followers are told.

use std::collections::VecDeque;

use everwire_proto::{JsonText, MemberChange, PresenceChange};

use crate::presence::pace::Pace;
use crate::presence::{PresenceError, PresenceLimits, Roster, Who};

/// A topic that has members or is followed. Times are milliseconds since 1970.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) roster: Roster,
    pace: Pace,
    followed: bool,
    /// What one call changed and the listener was not told yet; empty between calls.
    news: VecDeque<PresenceChange>,
    /// When it is to be looked after, as far as others know.
    pub(super) queued: Option<u64>,
    /// It was forgotten: whoever still has it looks for the topic anew.
    pub(super) retired: bool,
}

impl Room {
    pub(super) fn new(limits: &PresenceLimits, version: u64) -> Self {
        Self {
            roster: Roster::new(limits, version),
            pace: Pace::new(limits.count_interval),
            followed: false,
            news: VecDeque::new(),
            queued: None,
            retired: false,
        }
    }

    pub(super) fn follow(&mut self) {
        self.followed = true;
    }

    pub(super) fn unfollow(&mut self) {
        self.followed = false;
        self.pace.forget();
    }

    pub(super) fn join(
        &mut self,
        now: u64,
        who: &Who,
        info: Option<JsonText>,
    ) -> Result<(), PresenceError> {
        let change = self.roster.join(now, who, info)?;
        self.note(change);
        Ok(())
    }

    pub(super) fn farewell(&mut self, now: u64, who: &Who) {
        let change = self.roster.farewell(now, who);
        self.note(change);
    }

    pub(super) fn expire(&mut self, now: u64) {
        while let Some(change) = self.roster.expire(now) {
            self.note(Some(change));
        }
    }

    /// The next that the listener is to be told.
    pub(super) fn next_news(&mut self, now: u64) -> Option<PresenceChange> {
        self.news.pop_front().or_else(|| {
            let count = MemberChange::Count(self.roster.len() as u64);
            let change = PresenceChange { version: self.roster.version(), change: count };
            self.pace.take(now).then_some(change)
        })
    }

    /// When it has to be looked after.
    pub(super) fn due(&self) -> Option<u64> {
        let (leave, count) = (self.roster.next_deadline(), self.pace.due());
        leave.into_iter().chain(count).min()
    }

    /// Whether there is nobody, and nobody wants to know.
    pub(super) fn is_done_with(&self) -> bool {
        !self.followed && self.roster.is_empty()
    }

    fn note(&mut self, change: Option<PresenceChange>) {
        if self.followed
            && let Some(change) = change
        {
            self.news.push_back(change);
            self.pace.changed();
        }
    }
}
