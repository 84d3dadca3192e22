//! Places in a topic's log.

use crate::number::MAX_NUMBER;
use crate::problem::Problem;
use crate::text::Epoch;

/// The place behind the publication with this offset. It proves continuity: see "Position" in
/// docs/protocol.md.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a position has three parts")]
pub struct Position {
    /// Which log.
    pub epoch: Epoch,
    /// Of the publication before this place, counted from 1; 0 is the place before the first.
    /// At most [`MAX_NUMBER`].
    pub offset: u64,
    /// The tag of that publication; 0 before the first.
    pub tag: u32,
}

impl Position {
    /// The place before the first publication of a log.
    pub fn start(epoch: Epoch) -> Self {
        Self { epoch, offset: 0, tag: 0 }
    }

    /// Whether a publication is the one that follows here.
    pub fn is_before(&self, place: &Place) -> bool {
        place.offset == self.offset + 1 && place.prev == self.tag
    }
}

/// Where a publication lies in its topic's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "it has three parts")]
pub struct Place {
    /// Its offset: 1 to [`MAX_NUMBER`].
    pub offset: u64,
    /// Its tag, drawn when it was published.
    pub tag: u32,
    /// Its predecessor's tag; 0 for the first.
    pub prev: u32,
}

/// Where a subscription is to begin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscribeFrom {
    /// At the log's end: what is published from now on. The default.
    #[default]
    Latest,
    /// With the first publication that is stored.
    Earliest,
    /// With so many of the newest publications.
    Last(u32),
    /// Behind what this client acknowledged last; as `Latest` if it never did.
    Acknowledged,
    /// Behind this position.
    Position(Position),
}

/// A command's id, chosen by the client: 1 to [`MAX_NUMBER`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u64);

impl Id {
    /// Takes the number, unless it is 0 or above [`MAX_NUMBER`].
    pub fn new(number: u64) -> Result<Self, Problem> {
        if (1..=MAX_NUMBER).contains(&number) {
            return Ok(Self(number));
        }
        Err(Problem::Range { min: 1, max: MAX_NUMBER })
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
