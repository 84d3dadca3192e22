//! Who hears who is there: those in a topic who asked for its presence.

use std::cell::OnceCell;
use std::sync::Arc;

use everwire::SharedFrame;
use everwire_proto::{Encoding, HubMessage, MemberChange, PresenceChange, PresenceMode, Topic};

use super::places::Places;
use crate::frames::hub_frame;
use crate::session::{Pushed, Session};

/// Changes that wait for the reply that they come behind. One more is forgotten: the hole in the
/// versions tells the client to ask again.
const MAX_WAITING: usize = 64;

/// Who hears a topic's presence: a value behind the room's lock.
#[derive(Default)]
pub(crate) struct Audience {
    hearers: Places<Hearer>,
}

struct Hearer {
    session: Session,
    mode: PresenceMode,
    stand: Stand,
}

/// How a hearer stands.
enum Stand {
    /// The reply with the members is on its way; what changes meanwhile comes behind it.
    Waiting(Vec<PresenceChange>),
    /// Each change is pushed.
    Live,
    /// There was no room. The last change is pushed when there is: the hole before it tells the client
    /// to ask again.
    Lagging(PresenceChange),
}

impl Audience {
    /// Takes a place. What changes from here on waits until [`begin`](Self::begin).
    pub(crate) fn enter(&mut self, session: Session, mode: PresenceMode) -> usize {
        self.hearers.insert(Hearer { session, mode, stand: Stand::Waiting(Vec::new()) })
    }

    /// Gives a place up. What is returned is to be dropped with no lock held.
    pub(crate) fn leave(&mut self, place: usize) -> Option<Session> {
        self.hearers.remove(place).map(|hearer| hearer.session)
    }

    /// The members were told in this version: what came after it is pushed.
    pub(crate) fn begin(&mut self, topic: &Topic, place: usize, version: u64) {
        let Some(hearer) = self.hearers.get_mut(place) else { return };
        let Stand::Waiting(waiting) = std::mem::replace(&mut hearer.stand, Stand::Live) else {
            return;
        };
        for change in waiting.into_iter().filter(|change| change.version > version) {
            hearer.push(topic, &change, &Frames::default());
        }
    }

    /// Tells everybody who asked for changes of this kind.
    pub(super) fn tell(&mut self, topic: &Topic, change: &PresenceChange) {
        let mode = match change.change {
            MemberChange::List { .. } => PresenceMode::Full,
            MemberChange::Count(_) => PresenceMode::Count,
        };
        let frames = Frames::default();
        for hearer in self.hearers.iter_mut().filter(|hearer| hearer.mode == mode) {
            hearer.push(topic, change, &frames);
        }
    }

    /// Pushes what there was no room for; true if there is nothing left.
    pub(crate) fn catch_up(&mut self, topic: &Topic, place: usize) -> bool {
        let Some(hearer) = self.hearers.get_mut(place) else { return true };
        match std::mem::replace(&mut hearer.stand, Stand::Live) {
            Stand::Lagging(change) => hearer.push(topic, &change, &Frames::default()),
            stand => hearer.stand = stand,
        }
        !matches!(hearer.stand, Stand::Lagging(_))
    }
}

impl Hearer {
    fn push(&mut self, topic: &Topic, change: &PresenceChange, frames: &Frames) {
        match &mut self.stand {
            Stand::Waiting(waiting) => {
                if waiting.len() == MAX_WAITING {
                    waiting.remove(0);
                }
                return waiting.push(change.clone());
            }
            Stand::Lagging(last) => return *last = change.clone(),
            Stand::Live => {}
        }
        let Some(encoding) = self.session.encoding() else { return };
        let frame = frames.of(topic, change, encoding);
        if self.session.push_in_turn(&frame) == Pushed::Full {
            self.stand = Stand::Lagging(change.clone());
            self.session.handle_behind(topic);
        }
    }
}

/// One change as each encoding has it.
#[derive(Default)]
struct Frames {
    json: OnceCell<Arc<SharedFrame>>,
    compact: OnceCell<Arc<SharedFrame>>,
}

impl Frames {
    fn of(&self, topic: &Topic, change: &PresenceChange, encoding: Encoding) -> Arc<SharedFrame> {
        let slot = match encoding {
            Encoding::Json => &self.json,
            Encoding::Compact => &self.compact,
        };
        let make = || {
            let (topic, change) = (topic.clone(), change.clone());
            hub_frame(&HubMessage::Presence { topic, change }, encoding)
        };
        slot.get_or_init(make).clone()
    }
}
