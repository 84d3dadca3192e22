//! Whose session.

use everwire_proto::Name;

/// A session of a user. A user may have several.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "the hub makes it")]
pub struct Who {
    /// The user.
    pub user: Name,
    /// The session.
    pub session: Name,
}
