//! Who listens to a topic, and how each of them stands: a value behind the room's lock.

use std::sync::Arc;

use everwire_proto::{Epoch, GapReason, Position, SlowPolicy, Topic};

use super::places::Places;
use crate::log::Entry;
use crate::session::{Pushed, Session};

/// Who listens to a topic.
pub(crate) struct Crowd {
    topic: Topic,
    /// The place behind the last publication that was delivered; none before the topic is followed.
    end: Option<Position>,
    /// Publications may have been missed, and the topic is not followed anew yet: nobody goes live.
    is_lost: bool,
    /// The last publication, while somebody has publications left out: it comes behind the gap.
    newest: Option<Arc<Entry>>,
    seats: Places<Seat>,
    counters: Counters,
}

/// A subscription, as the topic knows it.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) session: Session,
    pub(crate) policy: SlowPolicy,
    /// Whether the topic has no history.
    pub(crate) live: bool,
    pub(crate) stance: Stance,
}

/// How a subscription stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stance {
    /// It has everything; the next publication is pushed.
    Live,
    /// It has everything up to this place; its session goes on from the log when it can.
    Behind(Position),
    /// What is behind this place is left out until there is room to say so.
    Dropping(Position),
}

/// What became of publications, summed over all who subscribed to a topic while somebody did.
///
/// At any time `due` = `delivered` + `dropped` + `left` + `pending`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Publications that somebody was to get, counted once for each.
    pub due: u64,
    /// Pushed to a session.
    pub delivered: u64,
    /// Left out, and told as a gap.
    pub dropped: u64,
    /// Not delivered because the subscription ended first.
    pub left: u64,
    /// What sessions that are behind have yet to get.
    pub pending: u64,
}

impl Crowd {
    pub(super) fn new(topic: Topic) -> Self {
        let (seats, counters) = (Places::default(), Counters::default());
        Self { topic, end: None, is_lost: false, newest: None, seats, counters }
    }

    /// The topic is followed: everything behind this place will be delivered.
    pub(super) fn begin(&mut self, end: Position) {
        self.is_lost = false;
        // The first of them may have come before this.
        let is_behind = |known: &Position| known.epoch == end.epoch && known.offset > end.offset;
        if !self.end.as_ref().is_some_and(is_behind) {
            self.skip_to(end);
        }
        for seat in self.seats.iter().filter(|seat| seat.stance != Stance::Live) {
            seat.session.handle_behind(&self.topic);
        }
    }

    /// What came up to here was not handed over: it is due to everybody who sits here. What another log had
    /// will not come.
    fn skip_to(&mut self, end: Position) {
        let before = self.pending();
        self.end = Some(end);
        let now = self.pending();
        self.counters.due += now.saturating_sub(before);
        self.counters.dropped += before.saturating_sub(now);
    }

    /// How far a place is beyond the last publication that was handed over: a log may be read sooner.
    fn beyond(&self, place: &Position) -> u64 {
        let end = self.end.as_ref().filter(|end| end.epoch == place.epoch);
        end.map_or(0, |end| place.offset.saturating_sub(end.offset))
    }

    /// Whether the topic has to be followed anew before anybody goes on.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// What became of publications so far.
    pub(crate) fn counters(&self) -> Counters {
        Counters { pending: self.pending(), ..self.counters }
    }

    fn pending(&self) -> u64 {
        let behind = self.seats.iter().filter_map(|seat| seat.stance.behind());
        behind.map(|place| self.distance(place)).sum()
    }

    /// Takes a seat.
    pub(crate) fn sit_down(&mut self, seat: Seat) -> usize {
        self.counters.due += seat.stance.behind().map_or(0, |place| self.distance(place));
        self.seats.insert(seat)
    }

    /// Gives a seat up.
    pub(crate) fn stand_up(&mut self, place: usize) -> Option<Seat> {
        let seat = self.seats.remove(place)?;
        self.counters.left += seat.stance.behind().map_or(0, |place| self.distance(place));
        Some(seat)
    }

    /// How a seat stands.
    pub(crate) fn stance(&self, place: usize) -> Option<&Stance> {
        self.seats.get(place).map(|seat| &seat.stance)
    }

    /// Hands a publication to everybody who has those before it.
    pub(super) fn deliver(&mut self, epoch: &Epoch, entry: &Arc<Entry>) {
        let before = Position {
            epoch: epoch.clone(),
            offset: entry.place.offset - 1,
            tag: entry.place.prev,
        };
        if self.is_lost && self.beyond(&before) > 0 {
            self.skip_to(before.clone());
        }
        self.end = Some(entry.position(epoch));
        let mut is_left_out = false;
        for seat in self.seats.iter_mut() {
            self.counters.due += 1;
            if seat.stance == Stance::Live {
                match seat.session.push_publication(&self.topic, entry, seat.live) {
                    Pushed::Taken => self.counters.delivered += 1,
                    Pushed::Full => seat.handle_full(&self.topic, before.clone()),
                    Pushed::Held => seat.handle_held(&self.topic, before.clone()),
                }
            }
            is_left_out |= matches!(seat.stance, Stance::Dropping(_));
        }
        self.newest = is_left_out.then(|| entry.clone());
    }

    /// Publications may have been missed: once the topic is followed anew everybody reads the log from here
    /// on.
    pub(super) fn handle_lost(&mut self) {
        let Some(end) = self.end.clone() else { return };
        (self.is_lost, self.newest) = (true, None);
        // What some have read already will not be handed over.
        let behind = self.seats.iter().filter_map(|seat| seat.stance.behind());
        let read: u64 = behind.map(|place| self.beyond(place)).sum();
        self.counters.due += read;
        for seat in self.seats.iter_mut().filter(|seat| seat.stance == Stance::Live) {
            seat.stance = Stance::Behind(end.clone());
        }
    }

    /// A session has caught up to here with this many publications. Says whether that is the end, from
    /// which on they are pushed.
    pub(crate) fn advance(&mut self, place: usize, to: Position, delivered: u64) -> bool {
        let at_end = !self.is_lost && self.end.as_ref() == Some(&to);
        let beyond = if self.is_lost { self.beyond(&to) } else { 0 };
        let Some(seat) = self.seats.get_mut(place) else { return true };
        self.counters.due += beyond.min(delivered);
        self.counters.delivered += delivered;
        seat.stance = if at_end { Stance::Live } else { Stance::Behind(to) };
        at_end
    }

    /// Tells a session that what it lacks will not come, and goes on at the end. Nothing happens if there
    /// is no room to tell.
    pub(crate) fn give_up(&mut self, place: usize, reason: GapReason) {
        let Some(end) = self.end.clone().filter(|_| !self.is_lost) else { return };
        let Some(seat) = self.seats.get_mut(place) else { return };
        let Some(from) = seat.stance.behind().cloned() else { return };
        let lost = if from.epoch == end.epoch { end.offset.saturating_sub(from.offset) } else { 0 };
        let range = (!seat.live).then_some((from, end));
        if seat.session.push_gap(&self.topic, reason, range) == Pushed::Taken {
            seat.stance = Stance::Live;
            self.counters.dropped += lost;
        }
    }

    /// Tells a session what was left out, and goes on with the newest publication. What there is no room for
    /// is left to another turn.
    pub(crate) fn drop_older(&mut self, place: usize) {
        let (Some(newest), Some(end)) = (self.newest.clone(), &self.end) else {
            return self.give_up(place, GapReason::Dropped);
        };
        let Some(seat) = self.seats.get_mut(place) else { return };
        let Some(from) = seat.stance.behind().cloned() else { return };
        let (offset, tag) = (newest.place.offset - 1, newest.place.prev);
        let to = Position { epoch: end.epoch.clone(), offset, tag };
        if from != to {
            let is_same_log = from.epoch == to.epoch;
            let lost = if is_same_log { to.offset.saturating_sub(from.offset) } else { 0 };
            let range = (!seat.live).then(|| (from, to.clone()));
            if seat.session.push_gap(&self.topic, GapReason::Dropped, range) != Pushed::Taken {
                return;
            }
            self.counters.dropped += lost;
            seat.stance = Stance::Dropping(to);
        }
        if seat.session.push_publication(&self.topic, &newest, seat.live) == Pushed::Taken {
            self.counters.delivered += 1;
            seat.stance = Stance::Live;
        }
    }

    /// What comes behind the gap of those who have publications left out.
    pub(crate) fn newest(&self) -> Option<Arc<Entry>> {
        self.newest.clone()
    }

    /// How much was published since a place.
    fn distance(&self, from: &Position) -> u64 {
        let end = self.end.as_ref().filter(|end| end.epoch == from.epoch);
        end.map_or(0, |end| end.offset.saturating_sub(from.offset))
    }
}

impl Seat {
    /// There was no room for the publication behind this place.
    fn handle_full(&mut self, topic: &Topic, before: Position) {
        match self.policy {
            SlowPolicy::Close => {
                // If the client comes back to the session in time, it goes on from here.
                self.fall_behind(topic, Stance::Behind(before));
                self.session.handle_too_slow();
            }
            // What is not kept cannot be read later.
            SlowPolicy::Drop => self.fall_behind(topic, Stance::Dropping(before)),
            _ if self.live => self.fall_behind(topic, Stance::Dropping(before)),
            _ => self.fall_behind(topic, Stance::Behind(before)),
        }
    }

    /// Whatever the policy, the log has what comes before the session is open.
    fn handle_held(&mut self, topic: &Topic, before: Position) {
        match self.live {
            true => self.fall_behind(topic, Stance::Dropping(before)),
            false => self.fall_behind(topic, Stance::Behind(before)),
        }
    }

    fn fall_behind(&mut self, topic: &Topic, stance: Stance) {
        self.stance = stance;
        self.session.handle_behind(topic);
    }
}

impl Stance {
    fn behind(&self) -> Option<&Position> {
        match self {
            Self::Live => None,
            Self::Behind(place) | Self::Dropping(place) => Some(place),
        }
    }
}

#[cfg(test)]
mod tests {
    use everwire_proto::Payload;

    use super::*;
    use crate::log::{Appended, Draft, HistoryLimits, TopicLog};

    #[test]
    fn a_publication_that_comes_before_the_place_where_the_following_began_is_the_end() {
        let mut log = TopicLog::new(Epoch::new("e").unwrap(), HistoryLimits::default());
        let began = log.end();
        let payload = Payload::of(&1).unwrap();
        let draft = Draft { from: None, payload, key: None, except: None };
        let Appended::Stored(entry) = log.append(0, 7, draft) else { panic!() };
        let mut crowd = Crowd::new(Topic::new("t").unwrap());
        crowd.deliver(log.epoch(), &entry);
        crowd.begin(began);
        // Else whoever has read that far would never be live.
        assert_eq!(crowd.end, Some(log.end()));
    }
}
