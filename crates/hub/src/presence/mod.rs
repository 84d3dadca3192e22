//! Who is there: in topics, and at all.
//!
//! # Layout
//! - `roster`: [`Roster`], the members of a topic as a value; `users`: [`Users`], whether users are
//!   there. `leased`: what both are made of, a map whose entries have to be renewed.
//! - [`Presence`]: who keeps them for all nodes; `memory` is the one of a single process.
//! - `pace`: how often a count is told. `limits`: times and limits. `who`: a user's session.

mod leased;
mod limits;
mod memory;
mod pace;
mod roster;
mod users;
mod who;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use everwire_proto::{JsonText, Name, PresenceChange, PresenceState, Topic, UserState};

pub use self::limits::PresenceLimits;
pub use self::memory::MemoryPresence;
pub use self::roster::Roster;
pub use self::users::Users;
pub use self::who::Who;
use crate::broker::Pending;

/// Keeps who is there, for all nodes.
///
/// # The contract
/// - A session calls [`enter`](Self::enter), then [`join`](Self::join) for each topic, and its node
///   [`renew`](Self::renew)s it with each heartbeat. At its end it says [`farewell`](Self::farewell), or
///   its node says that it [`depart`](Self::depart)ed; if its node cannot, its lease runs out. The calls
///   for one session come one after the other.
/// - A session that departed and returns before its leave was told was never away: nothing is told.
///   Each member that has joined leaves exactly once.
/// - What the listener is told of a topic that is [`follow`](Self::follow)ed are all changes behind the
///   list it asks for, in order, with versions that count by one. Versions of a topic never go back
///   while the store lives.
/// - Times are milliseconds since 1970, by the clock of whoever calls; the clocks of nodes have to agree
///   within less than the grace.
/// - A node that had stopped for a while renews its sessions before it calls [`expire`](Self::expire).
///
/// One suite of tests, `tests/presence`, holds every implementor to it.
pub trait Presence: fmt::Debug + Send + Sync + 'static {
    /// Whom to tell. Called once, before anything else.
    fn attach(&self, listener: Arc<dyn PresenceListener>);

    /// A session begins, or returns: then nothing changes, and it joins the topics again that it is
    /// still in. Whoever returns to all of them is renewed instead.
    fn enter<'a>(&'a self, now: u64, who: &'a Who) -> Answer<'a, ()>;

    /// A session that has entered is a member of this topic from now on. With other `info` than before,
    /// the member is told of again, in `join`. A session that did not enter, or whose lease is over, is
    /// refused with [`PresenceError::Forgotten`].
    fn join<'a>(
        &'a self,
        now: u64,
        topic: &'a Topic,
        who: &'a Who,
        info: Option<JsonText>,
    ) -> Answer<'a, ()>;

    /// A session leaves a topic, at once. Nothing happens if it is no member.
    fn leave<'a>(&'a self, now: u64, topic: &'a Topic, who: &'a Who) -> Answer<'a, ()>;

    /// A session was heard of: it is there, and in all its topics, for another lease. With
    /// [`PresenceError::Forgotten`] if that was told to be over already, of the session or in one of its
    /// topics: then it enters and joins again, all of them, which is silent where it still is.
    fn renew<'a>(&'a self, now: u64, who: &'a Who) -> Answer<'a, ()>;

    /// A session says that its user is away, or is back. Nothing happens if it is not there.
    fn set_away<'a>(&'a self, now: u64, who: &'a Who, away: bool) -> Answer<'a, ()>;

    /// A session's link broke. It has the grace to be renewed, or to enter again.
    fn depart<'a>(&'a self, now: u64, who: &'a Who) -> Answer<'a, ()>;

    /// A session is over: it leaves all its topics at once.
    fn farewell<'a>(&'a self, now: u64, who: &'a Who) -> Answer<'a, ()>;

    /// From now on the listener is told what changes in this topic.
    fn follow<'a>(&'a self, now: u64, topic: &'a Topic) -> Answer<'a, ()>;

    /// The topic's changes are of no interest any more.
    fn unfollow(&self, topic: &Topic);

    /// Who is in a topic, and in which version.
    fn list<'a>(&'a self, topic: &'a Topic) -> Answer<'a, PresenceState>;

    /// How many are in a topic, and in which version.
    fn count<'a>(&'a self, topic: &'a Topic) -> Answer<'a, PresenceState>;

    /// What is known of users, in the order in which they are asked for.
    fn status<'a>(&'a self, users: &'a [Name]) -> Answer<'a, Vec<UserState>>;

    /// Tells what is due: leaves of those whose lease or grace is over, and counts. Call it about once
    /// a second; it costs what is due, however many sessions there are.
    fn expire(&self, now: u64) -> Answer<'_, ()>;
}

/// What the methods of [`Presence`] return: some stores are on the other side of a network.
pub type Answer<'a, T> = Pending<'a, Result<T, PresenceError>>;

/// Who is told about presence: a node. It must not wait, nor call [`Presence`].
pub trait PresenceListener: Send + Sync + 'static {
    /// Who is in a topic changed. [`MemberChange::List`](everwire_proto::MemberChange::List) is for those
    /// who hear `full`, each version once. [`MemberChange::Count`](everwire_proto::MemberChange::Count) is
    /// for those who hear `count`, at most one in a second.
    fn changed(&self, topic: &Topic, change: PresenceChange);

    /// A user is online, away or offline now. Told once for each change, by the node that noticed it.
    fn status(&self, user: &Name, state: UserState);

    /// Changes of this topic may have been missed; it has to be followed and listed anew.
    fn lost(&self, topic: &Topic);
}

/// Why presence does not do what it was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum PresenceError {
    /// The session is not there, or not any more.
    Forgotten,
    /// The topic has as many members as it may have.
    TooManyMembers {
        /// The limit, `max_members`.
        max: usize,
    },
    /// There are as many sessions as there may be.
    TooManySessions {
        /// The limit, `max_sessions`.
        max: usize,
    },
    /// There are as many topics as there may be.
    TooManyTopics {
        /// The limit, `max_topics`.
        max: usize,
    },
    /// The store cannot be reached, or does not keep up; later it may.
    Unavailable(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for PresenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, limit, max) = match self {
            Self::Forgotten => return f.write_str("the session is not there, or not any more"),
            Self::Unavailable(_) => return f.write_str("the store is not available"),
            Self::TooManyMembers { max } => ("members", "max_members", max),
            Self::TooManySessions { max } => ("sessions", "max_sessions", max),
            Self::TooManyTopics { max } => ("topics", "max_topics", max),
        };
        write!(f, "there are already as many {what} as `{limit}` of {max} allows")
    }
}

impl Error for PresenceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable(source) => Some(&**source),
            _ => None,
        }
    }
}
