//! Why the hub says no.

use std::fmt;

use crate::words::open_words;

open_words! {
    /// Why a command failed.
    ErrorCode {
        /// The command is not known.
        Unknown = "unknown",
        /// A field is missing, of the wrong kind or beyond its limit.
        Invalid = "invalid",
        /// None of the versions is spoken.
        Version = "version",
        /// The token is missing or refused.
        Unauthorized = "unauthorized",
        /// Known, and not allowed.
        Denied = "denied",
        /// The payload is beyond `max_message`.
        TooLarge = "too_large",
        /// Too many subscriptions, unanswered commands or topics.
        Limit = "limit",
        /// There is no such subscription.
        NotSubscribed = "not_subscribed",
        /// There is one already.
        AlreadySubscribed = "already_subscribed",
        /// The endpoint does not know the rpc.
        NoMethod = "no_method",
        /// The topic keeps no history.
        NoHistory = "no_history",
        /// A publication that was sent again may or may not be stored.
        Unsure = "unsure",
        /// The hub has too much to do.
        Overloaded = "overloaded",
        /// The hub's own fault.
        Internal = "internal",
    }
}

open_words! {
    /// Why publications are missing.
    GapReason {
        /// The log is another one: history was lost.
        Epoch = "epoch",
        /// The log no longer goes back that far.
        Trimmed = "trimmed",
        /// The position is not on this log: its tail was lost and written anew.
        Fork = "fork",
        /// The hub does not replay that much.
        Limit = "limit",
        /// They were left out for a client that was too slow; only in a `gap`.
        Dropped = "dropped",
    }
}

/// What is answered to a command that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a hub makes it")]
pub struct ErrorReply {
    /// What kind of failure.
    pub code: ErrorCode,
    /// For people who read logs. Names the field or the limit; has no internals in it.
    pub message: String,
    /// Whether trying again later may help.
    pub temporary: bool,
}

impl ErrorReply {
    /// A failure that trying again does not mend; `overloaded` is the one that may.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let temporary = code == ErrorCode::Overloaded;
        Self { code, message: message.into(), temporary }
    }
}

impl fmt::Display for ErrorReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ErrorReply {}
