//! Who is there: snapshots and numbered changes.

use crate::position::Id;
use crate::presence::{MemberChange, PresenceChange};

/// How far a subscription knows who is there.
#[derive(Debug, Default)]
pub(super) struct Roster {
    version: Option<u64>,
    /// The command that asks anew.
    asked: Option<Id>,
}

/// What to do about a change.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Advice {
    Tell,
    Ignore,
    /// Changes were missed.
    Ask,
}

impl Roster {
    /// A snapshot of this version came.
    pub(super) fn reset(&mut self, version: u64) {
        (self.version, self.asked) = (Some(version), None);
    }

    /// A new session begins.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }

    /// It is being asked for with this command.
    pub(super) fn ask(&mut self, id: Id) {
        self.asked = Some(id);
    }

    /// The command failed: the next change asks again.
    pub(super) fn fail(&mut self, id: Id) {
        if self.asked == Some(id) {
            *self = Self::default();
        }
    }

    pub(super) fn is_asked(&self, id: Id) -> bool {
        self.asked == Some(id)
    }

    pub(super) fn change(&mut self, change: &PresenceChange) -> Advice {
        if self.asked.is_some() {
            return Advice::Ignore;
        }
        match (self.version, &change.change) {
            (Some(version), _) if change.version <= version => return Advice::Ignore,
            // A count is whole by itself.
            (_, MemberChange::Count(_)) => {}
            (Some(version), _) if change.version == version + 1 => {}
            _ => return Advice::Ask,
        }
        self.version = Some(change.version);
        Advice::Tell
    }
}
