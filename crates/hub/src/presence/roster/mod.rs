//! Who is in one topic.

#[cfg(test)]
mod tests;

use everwire_proto::{
    Departure, JsonText, Member, MemberChange, Members, PresenceChange, PresenceState,
};

use super::leased::{Ended, Leased};
use super::{PresenceError, PresenceLimits, Who};

/// How many members one change tells of that are gone, so that the end of a node with thousands of
/// members is no message of megabytes.
const MAX_LEAVES: usize = 500;

/// The members of a topic, as a value: no I/O, no clock, no randomness.
///
/// What changes who is listed gives a [`PresenceChange`], and each change is one version: a list of
/// version `n` and the changes after it are the list of any later version. Times are milliseconds since
/// 1970.
///
/// A member is there until [`farewell`](Self::farewell), or until its lease or its grace is over *and*
/// [`expire`](Self::expire) has told so: whoever returns before that was never away.
#[derive(Debug)]
pub struct Roster {
    version: u64,
    members: Leased<Who, Stay>,
    max_members: usize,
}

#[derive(Debug)]
struct Stay {
    since: u64,
    info: Option<JsonText>,
}

impl Roster {
    /// Nobody is there yet. The first change has the version behind this one.
    pub fn new(limits: &PresenceLimits, version: u64) -> Self {
        Self { version, members: Leased::new(limits), max_members: limits.max_members }
    }

    /// Somebody comes, returns, or says something else about itself: then the change has the member as
    /// one that joins, and whoever lists members puts it in the place of the one it has. Nothing changes
    /// if the member is there already, with the same `info`.
    pub fn join(
        &mut self,
        now: u64,
        who: &Who,
        info: Option<JsonText>,
    ) -> Result<Option<PresenceChange>, PresenceError> {
        if self.members.renew(now, who)
            && let Some(stay) = self.members.get_mut(who)
        {
            if stay.info == info {
                return Ok(None);
            }
            stay.info = info;
            let member = member(who, stay);
            return Ok(Some(self.change(vec![member], Vec::new())));
        }
        if self.members.len() >= self.max_members {
            return Err(PresenceError::TooManyMembers { max: self.max_members });
        }
        let stay = Stay { since: now, info };
        let member = member(who, &stay);
        self.members.insert(now, who.clone(), stay);
        Ok(Some(self.change(vec![member], Vec::new())))
    }

    /// The session was heard of: it has a new lease, and is back if it had departed. False if it is no
    /// member.
    pub fn renew(&mut self, now: u64, who: &Who) -> bool {
        self.members.renew(now, who)
    }

    /// The session went without a farewell. It has the grace to return. False if it is no member.
    pub fn depart(&mut self, now: u64, who: &Who) -> bool {
        self.members.depart(now, who)
    }

    /// The session leaves at once. Nothing changes if it is no member.
    pub fn farewell(&mut self, now: u64, who: &Who) -> Option<PresenceChange> {
        let ended = self.members.remove(now, who)?;
        Some(self.change(Vec::new(), vec![departure(ended)]))
    }

    /// Tells of members whose lease or grace is over, at most 500 in one change: call it until it gives
    /// none. It costs what there is to tell, however many members there are.
    pub fn expire(&mut self, now: u64) -> Option<PresenceChange> {
        let lapsed = std::iter::from_fn(|| self.members.pop_lapsed(now));
        let leave: Vec<_> = lapsed.take(MAX_LEAVES).map(departure).collect();
        (!leave.is_empty()).then(|| self.change(Vec::new(), leave))
    }

    /// Before this time [`expire`](Self::expire) has nothing to tell.
    pub fn next_deadline(&self) -> Option<u64> {
        self.members.next_deadline()
    }

    /// All members, by the names of their users and then of their sessions.
    pub fn list(&self) -> PresenceState {
        let members = self.members.iter().map(|(who, stay)| member(who, stay)).collect();
        PresenceState { version: self.version, members: Members::List(members) }
    }

    /// How many members there are.
    pub fn count(&self) -> PresenceState {
        PresenceState { version: self.version, members: Members::Count(self.len() as u64) }
    }

    /// Counts the changes, by one.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many members there are, with those who may still return.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn change(&mut self, join: Vec<Member>, leave: Vec<Departure>) -> PresenceChange {
        self.version += 1;
        PresenceChange { version: self.version, change: MemberChange::List { join, leave } }
    }
}

fn member(who: &Who, stay: &Stay) -> Member {
    Member {
        user: who.user.clone(),
        session: who.session.clone(),
        since: stay.since,
        info: stay.info.clone(),
    }
}

fn departure(ended: Ended<Who, Stay>) -> Departure {
    Departure { user: ended.key.user, session: ended.key.session, seen: ended.seen }
}
