//! What was published.

use crate::payload::Payload;
use crate::position::Place;
use crate::text::Name;

/// A publication as a subscriber gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the language has these three")]
pub enum Publication {
    /// One that is stored in the topic's log.
    Stored(Stored),
    /// One that is stored and not for this client, which only moves its position.
    Skipped(Place),
    /// One in a topic without history.
    Live(Content),
}

impl Publication {
    /// Where it lies in the log, if the topic has one.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Stored(stored) => Some(&stored.place),
            Self::Skipped(place) => Some(place),
            Self::Live(_) => None,
        }
    }

    /// What it says, unless it is not for this client.
    pub fn content(&self) -> Option<&Content> {
        match self {
            Self::Stored(Stored { content, .. }) | Self::Live(content) => Some(content),
            Self::Skipped(_) => None,
        }
    }
}

/// A publication in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a hub makes it")]
pub struct Stored {
    /// Where it lies.
    pub place: Place,
    /// What it says.
    pub content: Content,
}

/// What a publication says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a hub makes it")]
pub struct Content {
    /// When it was published, in milliseconds since 1970 UTC.
    pub time: u64,
    /// Who published it, if that is told.
    pub from: Option<Name>,
    /// The payload.
    pub payload: Payload,
}
