//! Who is there.

use crate::payload::JsonText;
use crate::text::Name;
use crate::words::{open_words, words};

words! {
    /// How much of a topic's presence a subscription hears.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
    PresenceMode {
        /// Nothing. The default.
        #[default]
        None = "none",
        /// How many are there.
        Count = "count",
        /// Who is there.
        Full = "full",
    }
}

/// A session of a user in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a hub makes it")]
pub struct Member {
    /// Who.
    pub user: Name,
    /// By which session; a user may be there with several.
    pub session: Name,
    /// Since when, in milliseconds since 1970 UTC.
    pub since: u64,
    /// What the application tells about the member.
    pub info: Option<JsonText>,
}

/// A member that has left.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a hub makes it")]
pub struct Departure {
    /// Who.
    pub user: Name,
    /// By which session it had been there.
    pub session: Name,
    /// When the member was last there, in milliseconds since 1970 UTC.
    pub seen: u64,
}

/// Who is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a hub makes it")]
pub struct PresenceState {
    /// Counts the changes of the topic's presence, by one.
    pub version: u64,
    /// The members, or how many there are.
    pub members: Members,
}

/// The members of a topic, as far as a subscription hears of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two modes to hear of them")]
pub enum Members {
    /// All of them (`full`).
    List(Vec<Member>),
    /// How many (`count`).
    Count(u64),
}

/// What changed about who is there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a hub makes it")]
pub struct PresenceChange {
    /// The version that this change leads to.
    pub version: u64,
    /// The change.
    pub change: MemberChange,
}

/// Members that came and went, or how many there are now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two modes to hear of them")]
pub enum MemberChange {
    /// Who came and who went (`full`).
    List {
        /// Who came.
        join: Vec<Member>,
        /// Who went.
        leave: Vec<Departure>,
    },
    /// How many there are now (`count`); versions may leap.
    Count(u64),
}

open_words! {
    /// Whether a user is there.
    UserStatus {
        /// At least one session is there and not away.
        Online = "online",
        /// All sessions of the user are away.
        Away = "away",
        /// No session is there.
        Offline = "offline",
        /// The hub does not know, or does not tell.
        Unknown = "unknown",
    }
}

/// What the hub says about a user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a hub makes it")]
pub struct UserState {
    /// Whether the user is there.
    pub status: UserStatus,
    /// Since when that is so, in milliseconds since 1970 UTC.
    pub since: Option<u64>,
    /// When somebody who is offline was last there, in milliseconds since 1970 UTC.
    pub seen: Option<u64>,
}
