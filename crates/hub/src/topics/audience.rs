//! Who hears who is there: those in a topic who asked for its presence.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use everwire::SharedFrame;
use everwire_proto::{Encoding, HubMessage, MemberChange, PresenceChange, PresenceMode, Topic};
use tokio::time::Instant;

use super::gathered::Gathered;
use super::places::Places;
use crate::frames::hub_frame;
use crate::session::{Pushed, Session};

/// Changes that wait for the reply that they come behind. One more is forgotten: the hole in the
/// versions tells the client to ask again.
const MAX_WAITING: usize = 64;

/// Bytes that are gathered, about; beyond it they are told before their time. Whoever speaks the language
/// takes a message of that size.
const MAX_GATHERED: usize = 64 << 10;

/// Who hears a topic's presence: a value behind the room's lock.
///
/// Those who hear `full` are told changes in numbered steps: a lone change at once, those that come soon
/// after it together.
#[derive(Default)]
pub(crate) struct Audience {
    hearers: Places<Hearer>,
    /// The last step, and when it was. Steps are the node's own; the versions of the store are finer.
    version: u64,
    told: Option<Instant>,
    /// The store's version of the last change that came.
    came: Option<u64>,
    /// What belongs to the next step.
    gathered: Gathered,
    /// Somebody is about to tell it.
    is_awaited: bool,
}

struct Hearer {
    session: Session,
    mode: PresenceMode,
    stand: Stand,
    /// How much of what is gathered it knows already.
    known: usize,
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
        let (stand, known) = (Stand::Waiting(Vec::new()), self.gathered.len());
        self.hearers.insert(Hearer { session, mode, stand, known })
    }

    /// The step behind which somebody hears who looks at the list from now on; none for whoever does not hear
    /// `full`. What is gathered comes all the same: a client need not keep what it has looked at.
    pub(crate) fn step(&self, place: usize) -> Option<u64> {
        let hearer = self.hearers.get(place)?;
        (hearer.mode == PresenceMode::Full).then_some(self.version)
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
            hearer.tell(topic, &change, &Frames::default());
        }
    }

    /// Tells everybody who asked for changes of this kind, or says when [`tell_gathered`](Self::tell_gathered)
    /// is to be called: an `interval` behind the last step.
    pub(super) fn tell(
        &mut self,
        topic: &Topic,
        change: PresenceChange,
        now: Instant,
        interval: Duration,
    ) -> Option<Instant> {
        let MemberChange::List { join, leave } = change.change else {
            let frames = Frames::default();
            let counting = |hearer: &&mut Hearer| hearer.mode == PresenceMode::Count;
            self.hearers.iter_mut().filter(counting).for_each(|h| h.tell(topic, &change, &frames));
            return None;
        };
        if self.came.is_some_and(|came| change.version > came + 1) {
            self.handle_lost();
        }
        self.came = Some(change.version);
        self.gathered.add(join, leave);
        let due = self.told.map(|told| told + interval).filter(|due| *due > now);
        if due.is_none() || self.gathered.size() > MAX_GATHERED {
            self.tell_step(topic, now);
            return None;
        }
        due.filter(|_| !std::mem::replace(&mut self.is_awaited, true))
    }

    /// Tells what was gathered.
    pub(super) fn tell_gathered(&mut self, topic: &Topic, now: Instant) {
        self.is_awaited = false;
        self.tell_step(topic, now);
    }

    /// Changes were missed: the next step has a hole before it, and clients ask anew.
    pub(super) fn handle_lost(&mut self) {
        self.version += 1;
    }

    fn tell_step(&mut self, topic: &Topic, now: Instant) {
        let gathered = std::mem::take(&mut self.gathered);
        if gathered.len() == 0 {
            return;
        }
        self.version += 1;
        self.told = Some(now);
        let version = self.version;
        let step = |known| PresenceChange { version, change: gathered.behind(known) };
        // Nearly all know none of it; whoever has just come knows some.
        let (all, frames) = (step(0), Frames::default());
        for hearer in self.hearers.iter_mut().filter(|hearer| hearer.mode == PresenceMode::Full) {
            match std::mem::take(&mut hearer.known) {
                0 => hearer.tell(topic, &all, &frames),
                known => hearer.tell(topic, &step(known), &Frames::default()),
            }
        }
    }

    /// Pushes what there was no room for.
    ///
    /// # Errors
    /// If there is still none: how many bytes it takes.
    pub(crate) fn catch_up(&mut self, topic: &Topic, place: usize) -> Result<(), usize> {
        let Some(hearer) = self.hearers.get_mut(place) else { return Ok(()) };
        match std::mem::replace(&mut hearer.stand, Stand::Live) {
            Stand::Lagging(change) => hearer.push(topic, &change, &Frames::default()),
            stand => {
                hearer.stand = stand;
                Ok(())
            }
        }
    }
}

impl Hearer {
    /// Pushes a change; what finds no room has its turn later.
    fn tell(&mut self, topic: &Topic, change: &PresenceChange, frames: &Frames) {
        if self.push(topic, change, frames).is_err() {
            self.session.handle_behind(topic);
        }
    }

    /// Pushes a change, or keeps it for later: then how many bytes it takes.
    ///
    /// It tells nobody of that: whoever catches up would wake itself, again and again.
    fn push(
        &mut self,
        topic: &Topic,
        change: &PresenceChange,
        frames: &Frames,
    ) -> Result<(), usize> {
        match &mut self.stand {
            Stand::Waiting(waiting) => {
                if waiting.len() == MAX_WAITING {
                    waiting.remove(0);
                }
                waiting.push(change.clone());
                return Ok(());
            }
            Stand::Lagging(last) => {
                *last = change.clone();
                return Ok(());
            }
            Stand::Live => {}
        }
        let Some(encoding) = self.session.encoding() else { return Ok(()) };
        let frame = frames.of(topic, change, encoding);
        if self.session.push_in_turn(&frame) != Pushed::Taken {
            self.stand = Stand::Lagging(change.clone());
            return Err(frame.message().len());
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use everwire_proto::{Departure, Name};

    use super::*;

    fn leave(version: u64) -> PresenceChange {
        let user = Name::new("ada").unwrap();
        let gone = Departure { session: user.clone(), user, seen: 0 };
        PresenceChange { version, change: MemberChange::List { join: vec![], leave: vec![gone] } }
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_store_left_out_is_a_hole_in_the_steps() {
        let (topic, mut audience) = (Topic::new("t").unwrap(), Audience::default());
        let mut tell = |version| {
            audience.tell(&topic, leave(version), Instant::now(), Duration::ZERO);
            audience.version
        };
        // Where the store begins does not matter.
        assert_eq!([7, 8, 10, 11].map(&mut tell), [1, 2, 4, 5]);
        audience.handle_lost();
        audience.tell(&topic, leave(12), Instant::now(), Duration::ZERO);
        assert_eq!(audience.version, 7);
    }

    #[tokio::test(start_paused = true)]
    async fn one_is_asked_once_to_tell_what_is_gathered() {
        let (topic, mut audience) = (Topic::new("t").unwrap(), Audience::default());
        let interval = Duration::from_secs(1);
        let began = Instant::now();
        let due = [1, 2, 3].map(|v| audience.tell(&topic, leave(v), began, interval));
        assert_eq!(due, [None, Some(began + interval), None]);
        audience.tell_gathered(&topic, began + interval);
        assert_eq!(audience.version, 2);
        let due = audience.tell(&topic, leave(4), began + interval, interval);
        assert_eq!(due, Some(began + 2 * interval));
    }
}
