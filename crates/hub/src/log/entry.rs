//! What is published, before and after it has its place in a log.

use everwire_proto::{Again, Content, Epoch, Name, Payload, Place, Position};

use crate::frames::Frames;

/// Something to be published.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The user who is named as its author.
    pub from: Option<Name>,
    /// What it says.
    pub payload: Payload,
    /// What it is recognized by if it is sent again.
    pub key: Option<Key>,
    /// The client that is not to get it back.
    pub except: Option<Name>,
}

/// What makes a publication idempotent: a number that its client gives only once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The client, for as long as it keeps its id; not the session.
    pub client: Name,
    /// Counts upwards in each client.
    pub number: u64,
    /// Whether it was sent before.
    pub again: Option<Again>,
}

/// A publication in its place.
#[derive(Debug)]
pub struct Entry {
    /// Its place in the topic.
    pub place: Place,
    /// What it says.
    pub content: Content,
    /// The client that is not to get it back.
    pub except: Option<Name>,
    /// What is sent of it, made when somebody first needs it.
    pub(crate) frames: Frames,
}

impl Entry {
    /// What keeping an entry costs besides its payload: itself, names, a frame's fields.
    const OVERHEAD: usize = 512;

    /// What keeping it costs, in bytes: the payload counts twice, once for the frames made of it.
    pub fn cost(&self) -> usize {
        2 * self.content.payload.size() + Self::OVERHEAD
    }

    /// The place behind it.
    pub fn position(&self, epoch: &Epoch) -> Position {
        Position { epoch: epoch.clone(), offset: self.place.offset, tag: self.place.tag }
    }
}
