//! One subscription: where it is, and what proves it.

use std::collections::VecDeque;

use crate::client::SubscribeOptions;
use crate::hub::Subscribed;
use crate::position::{Id, Place, Position, SubscribeFrom};
use crate::presence::{Members, PresenceMode};
use crate::text::Topic;

use super::roster::Roster;

/// So many tags of the past are remembered, to tell a repetition from a fork.
const SEEN_TAGS: usize = 32;

/// A topic that is subscribed, or is to be.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) topic: Topic,
    pub(super) options: SubscribeOptions,
    pub(super) origin: Origin,
    pub(super) phase: Phase,
    /// Whether the last `connect` named it.
    pub(super) is_named: bool,
    /// Where the client is in the topic's log.
    pub(super) position: Option<Position>,
    /// The last tags up to `position`, the newest last.
    seen: VecDeque<u32>,
    /// The request to settle once it stands.
    pub(super) ticket: Option<u64>,
    pub(super) roster: Roster,
    pub(super) acked: Acked,
}

/// Who wants the subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Application,
    Hub,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// To be asked for.
    Wanted,
    /// Asked for, with this command; what arrives before its reply is of the time before.
    Asked(Id),
    /// To be asked for at this time.
    Later(u64),
    Active,
    /// The hub had made it, in a session that is lost, and has until then to make it again.
    Lapsed(u64),
}

/// How far the application has acknowledged.
#[derive(Debug, Default)]
pub(super) struct Acked {
    pub(super) offset: u64,
    pub(super) is_told: bool,
}

/// What a publication is, seen from where the client is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Continuity {
    /// The one that follows.
    Next,
    /// One that was seen.
    Repetition,
    /// Something is missing before it.
    Hole,
}

impl Subscription {
    pub(super) fn new(topic: Topic, options: SubscribeOptions, ticket: Option<u64>) -> Self {
        Self {
            topic,
            options,
            origin: Origin::Application,
            phase: Phase::Wanted,
            is_named: false,
            position: None,
            seen: VecDeque::new(),
            ticket,
            roster: Roster::default(),
            acked: Acked::default(),
        }
    }

    pub(super) fn of_hub(topic: Topic) -> Self {
        let new = Self::new(topic, SubscribeOptions::default(), None);
        Self { origin: Origin::Hub, ..new }
    }

    /// What to ask for: from where the client is, if it is anywhere.
    pub(super) fn request(&self) -> SubscribeOptions {
        let mut options = self.options.clone();
        if let Some(position) = &self.position {
            options.from = SubscribeFrom::Position(position.clone());
        }
        options
    }

    /// The hub says how it begins.
    pub(super) fn begin(&mut self, subscribed: &Subscribed) {
        self.phase = Phase::Active;
        match &subscribed.start {
            Some(start) => self.move_to(start.position.clone()),
            None => self.position = None,
        }
        if self.origin == Origin::Hub {
            self.options.presence = match &subscribed.presence {
                None => PresenceMode::None,
                Some(state) if matches!(state.members, Members::Count(_)) => PresenceMode::Count,
                Some(_) => PresenceMode::Full,
            };
        }
        // From now on it goes on from where it is, or with what is new.
        self.options.from = SubscribeFrom::Latest;
    }

    /// The client is there now, whatever was before.
    pub(super) fn move_to(&mut self, position: Position) {
        if self.position.as_ref() == Some(&position) {
            return;
        }
        if self.position.as_ref().is_some_and(|old| old.epoch != position.epoch) {
            self.acked = Acked::default();
        }
        self.seen = VecDeque::from([position.tag]);
        self.position = Some(position);
    }

    /// What the publication at this place is, and moves there if it is the next.
    pub(super) fn advance(&mut self, place: &Place) -> Continuity {
        let Some(position) = &mut self.position else { return Continuity::Hole };
        if position.is_before(place) {
            (position.offset, position.tag) = (place.offset, place.tag);
            if self.seen.len() == SEEN_TAGS {
                self.seen.pop_front();
            }
            self.seen.push_back(place.tag);
            return Continuity::Next;
        }
        let back = position.offset.checked_sub(place.offset);
        let tag = back.and_then(|back| self.seen.iter().rev().nth(usize::try_from(back).ok()?));
        if tag == Some(&place.tag) { Continuity::Repetition } else { Continuity::Hole }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Epoch;

    fn at(offset: u64, tag: u32) -> Subscription {
        let topic = Topic::new("t").unwrap();
        let mut subscription = Subscription::new(topic, SubscribeOptions::default(), None);
        subscription.move_to(Position { epoch: Epoch::new("e").unwrap(), offset, tag });
        subscription
    }

    #[test]
    fn a_publication_follows_by_offset_and_tag() {
        let mut subscription = at(4, 40);
        assert_eq!(subscription.advance(&Place { offset: 5, tag: 50, prev: 40 }), Continuity::Next);
        assert_eq!(subscription.advance(&Place { offset: 6, tag: 60, prev: 51 }), Continuity::Hole);
        assert_eq!(subscription.advance(&Place { offset: 7, tag: 70, prev: 50 }), Continuity::Hole);
        assert_eq!(subscription.advance(&Place { offset: 6, tag: 60, prev: 50 }), Continuity::Next);
    }

    #[test]
    fn a_repetition_is_one_whose_tag_was_seen() {
        let mut subscription = at(4, 40);
        let next = Place { offset: 5, tag: 50, prev: 40 };
        assert_eq!(subscription.advance(&next), Continuity::Next);
        assert_eq!(subscription.advance(&next), Continuity::Repetition);
        let before = Place { offset: 4, tag: 40, prev: 39 };
        assert_eq!(subscription.advance(&before), Continuity::Repetition);
        let forked = Place { offset: 5, tag: 51, prev: 40 };
        assert_eq!(subscription.advance(&forked), Continuity::Hole);
        // Older than what is remembered: it proves nothing.
        let ancient = Place { offset: 3, tag: 39, prev: 0 };
        assert_eq!(subscription.advance(&ancient), Continuity::Hole);
    }
}
