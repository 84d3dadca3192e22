//! What one subscription heard: everything, once, in order, or a gap that says so.

use everwire_proto::{GapReason, Name, Place, Position, SlowPolicy, Topic};

use crate::truth::{At, Truth};

/// Something that a program heard of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A publication, with its place if the topic has history.
    Publication { id: u64, place: Option<Place> },
    /// Publications are missing.
    Gap { reason: GapReason, from: Option<Position>, to: Option<Position> },
}

/// What is legal for a subscription.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) topic: Topic,
    /// Whose it is, if the client has a name: it may have asked not to get its own back.
    pub(crate) client: Option<Name>,
    /// What the log keeps; with 0 the topic has no history.
    pub(crate) max_entries: u64,
    /// What one recovery may replay.
    pub(crate) max_recovered: u64,
    pub(crate) slow: SlowPolicy,
}

/// A subscription, from when it stood.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    rules: Rules,
    /// Whether it began with what is new: then what was stored after it stood is heard.
    begin: Option<At>,
    heard: Vec<Heard>,
}

impl Stream {
    /// A subscription stands; the log's end at that time.
    pub(crate) fn new(rules: Rules, begin: Option<At>) -> Self {
        Self { rules, begin, heard: Vec::new() }
    }

    /// The program heard something.
    pub(crate) fn hear(&mut self, heard: Heard) {
        self.heard.push(heard);
    }

    /// Whether this publication was heard.
    pub(crate) fn has_heard(&self, id: u64) -> bool {
        let is_it =
            |heard: &Heard| matches!(heard, Heard::Publication { id: other, .. } if *other == id);
        self.heard.iter().rev().any(is_it)
    }

    /// Whether all that was heard is what the topic said.
    ///
    /// # Errors
    /// With what was lost, doubled, out of order or made up.
    pub(crate) fn check(&self, truth: &Truth) -> Result<(), String> {
        let mut reader = Reader { rules: &self.rules, truth, at: None, tag: None };
        for (number, heard) in self.heard.iter().enumerate() {
            let found = match heard {
                Heard::Publication { id, place } => reader.publication(*id, *place, self),
                Heard::Gap { reason, from, to } => {
                    reader.gap(reason, from.as_ref(), to.as_ref(), self)
                }
            };
            found.map_err(|what| {
                format!("{}: {what}, in event {number}: {heard:?}", self.rules.topic)
            })?;
        }
        Ok(())
    }
}

/// Where a stream is that is being checked.
struct Reader<'a> {
    rules: &'a Rules,
    truth: &'a Truth,
    /// Behind what it heard last.
    at: Option<At>,
    /// The tag of what it heard last, if that was a publication.
    tag: Option<u32>,
}

impl Reader<'_> {
    fn publication(&mut self, id: u64, place: Option<Place>, of: &Stream) -> Result<(), String> {
        let stored = self.truth.places(id).iter().find(|(topic, _)| *topic == self.rules.topic);
        let Some((_, at)) = stored else { return Err("it was never stored".to_owned()) };
        match place {
            None if self.rules.max_entries == 0 => self.live(at),
            Some(place) if self.rules.max_entries > 0 => self.stored(at, place, of),
            _ => Err("a place in a topic without history, or none in one with".to_owned()),
        }
    }

    /// Without history all that is promised is the order.
    fn live(&mut self, at: &At) -> Result<(), String> {
        let before = self.at.replace(at.clone());
        match before.filter(|before| before.epoch == at.epoch) {
            Some(before) if before.offset >= at.offset => Err(format!("behind {before:?}")),
            _ => Ok(()),
        }
    }

    fn stored(&mut self, at: &At, place: Place, of: &Stream) -> Result<(), String> {
        if place.offset != at.offset {
            return Err(format!("it was stored at {at:?}"));
        }
        match self.at.as_ref().or(of.begin.as_ref()) {
            Some(before) if before.epoch != at.epoch => {
                return Err(format!("the log is another one, which was not told: {before:?}"));
            }
            Some(before) if self.at.is_some() && at.offset <= before.offset => {
                return Err(format!("again, or out of order, behind {before:?}"));
            }
            Some(before) => self.only_own(before, at.offset)?,
            // The log was empty.
            None => {
                let start = At { epoch: at.epoch.clone(), offset: 0 };
                self.only_own(&start, at.offset)?;
            }
        }
        let follows = self.at.as_ref().is_some_and(|before| before.offset + 1 == at.offset);
        if let Some(tag) = self.tag.filter(|tag| follows && *tag != place.prev) {
            return Err(format!("it does not follow the one with the tag {tag}"));
        }
        (self.at, self.tag) = (Some(at.clone()), Some(place.tag));
        Ok(())
    }

    fn gap(
        &mut self,
        reason: &GapReason,
        from: Option<&Position>,
        to: Option<&Position>,
        of: &Stream,
    ) -> Result<(), String> {
        if self.rules.max_entries == 0 {
            // There is nothing to go on from.
            return match reason {
                GapReason::Dropped | GapReason::Trimmed => Ok(()),
                _ => Err("no reason for a topic without history".to_owned()),
            };
        }
        let to = to.ok_or("nobody knows up to where")?;
        match (self.at.clone(), from) {
            (None, None) => {}
            (Some(_), None) => return Err("nobody knows from where".to_owned()),
            (at, Some(from)) => {
                self.begins_there(at.as_ref(), from, of)?;
                self.is_legal(reason, from, to)?;
            }
        }
        self.at = Some(At { epoch: to.epoch.clone(), offset: to.offset });
        self.tag = Some(to.tag);
        Ok(())
    }

    /// Whether a gap begins where the stream is.
    fn begins_there(&self, at: Option<&At>, from: &Position, of: &Stream) -> Result<(), String> {
        match at.or(of.begin.as_ref()) {
            Some(at) if at.epoch != from.epoch => Err(format!("it was in another log, at {at:?}")),
            Some(before) if at.is_some() && from.offset < before.offset => {
                Err(format!("it was further already, at {before:?}"))
            }
            Some(before) => self.only_own(before, from.offset + 1),
            None => Ok(()),
        }
    }

    fn is_legal(&self, reason: &GapReason, from: &Position, to: &Position) -> Result<(), String> {
        let same = from.epoch == to.epoch;
        let missing = to.offset.saturating_sub(from.offset);
        let legal = match reason {
            GapReason::Epoch => !same,
            GapReason::Trimmed => same && missing > self.rules.max_entries,
            GapReason::Limit => same && missing > self.rules.max_recovered,
            GapReason::Dropped => same && missing > 0 && self.rules.slow == SlowPolicy::Drop,
            // The store never loses only its tail.
            _ => false,
        };
        if legal { Ok(()) } else { Err(format!("no reason to leave {missing} out")) }
    }

    /// Whether all that was left out before this offset is the client's own.
    fn only_own(&self, behind: &At, before: u64) -> Result<(), String> {
        for offset in behind.offset + 1..before {
            let kept = self.truth.kept(&self.rules.topic, &behind.epoch, offset);
            let own = |except: &Name| self.rules.client.as_ref().is_none_or(|own| own == except);
            if !kept.is_some_and(|kept| kept.except.as_ref().is_some_and(own)) {
                return Err(format!("offset {offset} is missing: {kept:?}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use everwire_proto::Epoch;

    use super::*;

    const COUNT: u64 = 9;

    /// A log of nine publications, numbered from 101; the fifth is for everybody but `c`.
    fn truth() -> Truth {
        let mut truth = Truth::default();
        for offset in 1..=COUNT {
            let except = (offset == 5).then(|| Name::new("c").unwrap());
            truth.store(&topic(), &at(offset), 100 + offset, except);
        }
        truth
    }

    fn topic() -> Topic {
        Topic::new("t").unwrap()
    }

    fn at(offset: u64) -> At {
        At { epoch: Epoch::new("e").unwrap(), offset }
    }

    fn position(epoch: &str, offset: u64) -> Position {
        Position { epoch: Epoch::new(epoch).unwrap(), offset, tag: offset as u32 }
    }

    fn publication(offset: u64) -> Heard {
        let tag = offset as u32;
        let place = Some(Place { offset, tag, prev: tag - 1 });
        Heard::Publication { id: 100 + offset, place }
    }

    fn gap(reason: GapReason, from: Position, to: Position) -> Heard {
        Heard::Gap { reason, from: Some(from), to: Some(to) }
    }

    fn rules(client: &str) -> Rules {
        Rules {
            topic: topic(),
            client: Name::new(client).ok(),
            max_entries: 3,
            max_recovered: 2,
            slow: SlowPolicy::Drop,
        }
    }

    /// What is found in a stream of `b`'s that began at offset 2 and heard this.
    fn heard(heard: impl IntoIterator<Item = Heard>) -> Result<(), String> {
        let mut stream = Stream::new(rules("b"), Some(at(2)));
        heard.into_iter().for_each(|heard| stream.hear(heard));
        stream.check(&truth())
    }

    #[test]
    fn everything_in_order_is_right_wherever_it_began() {
        assert_eq!(heard((3..=COUNT).map(publication)), Ok(()));
        assert_eq!(heard((1..=COUNT).map(publication)), Ok(()));
        assert_eq!(heard([]), Ok(()));
    }

    #[test]
    fn what_is_missing_doubled_out_of_order_or_made_up_is_found() {
        for wrong in [vec![4], vec![3, 4, 6], vec![3, 4, 4], vec![3, 5, 4], vec![3, 4, 5, 3]] {
            assert!(heard(wrong.iter().copied().map(publication)).is_err(), "{wrong:?}");
        }
        assert!(heard([Heard::Publication { id: 999, place: None }]).is_err());
        assert!(heard([Heard::Publication { id: 103, place: None }]).is_err());
        let moved = Some(Place { offset: 4, tag: 4, prev: 3 });
        assert!(heard([Heard::Publication { id: 103, place: moved }]).is_err());
        let forked = Some(Place { offset: 4, tag: 4, prev: 33 });
        assert!(heard([publication(3), Heard::Publication { id: 104, place: forked }]).is_err());
    }

    #[test]
    fn only_its_own_may_be_kept_from_a_client() {
        let skipping = [3, 4, 6, 7].map(publication);
        assert!(heard(skipping.clone()).is_err());
        let mut stream = Stream::new(rules("c"), Some(at(2)));
        skipping.into_iter().for_each(|heard| stream.hear(heard));
        assert_eq!(stream.check(&truth()), Ok(()));
    }

    #[test]
    fn a_gap_excuses_what_is_missing_if_it_has_a_reason() {
        use GapReason::{Dropped, Epoch, Fork, Limit, Trimmed};
        let with = |reason, from, to: Position| {
            let next = to.offset + 1;
            let events = [publication(3), gap(reason, from, to), publication(next)];
            heard(events)
        };
        assert_eq!(with(Dropped, position("e", 3), position("e", 5)), Ok(()));
        assert_eq!(with(Trimmed, position("e", 3), position("e", 7)), Ok(()));
        assert!(with(Trimmed, position("e", 3), position("e", 6)).is_err());
        assert_eq!(with(Limit, position("e", 3), position("e", 6)), Ok(()));
        assert!(with(Limit, position("e", 3), position("e", 5)).is_err());
        assert!(with(Epoch, position("e", 3), position("e", 5)).is_err());
        assert!(with(Fork, position("e", 3), position("e", 5)).is_err());
        // It begins and ends where the stream does.
        assert!(with(Dropped, position("e", 4), position("e", 6)).is_err());
        assert!(with(Dropped, position("e", 2), position("e", 6)).is_err());
        assert!(with(Dropped, position("f", 3), position("e", 6)).is_err());
        let short =
            [publication(3), gap(Dropped, position("e", 3), position("e", 5)), publication(7)];
        assert!(heard(short).is_err());
    }

    #[test]
    fn a_log_that_is_another_one_has_to_be_told() {
        let mut truth = truth();
        let other = At { epoch: Epoch::new("f").unwrap(), offset: 1 };
        truth.store(&topic(), &other, 201, None);
        let place = Some(Place { offset: 1, tag: 1, prev: 0 });
        let first = Heard::Publication { id: 201, place };
        let told = gap(GapReason::Epoch, position("e", 3), position("f", 0));
        let mut stream = Stream::new(rules("b"), Some(at(2)));
        stream.hear(publication(3));
        stream.hear(told);
        stream.hear(first.clone());
        assert_eq!(stream.check(&truth), Ok(()));
        let mut silent = Stream::new(rules("b"), Some(at(2)));
        silent.hear(publication(3));
        silent.hear(first);
        assert!(silent.check(&truth).is_err());
    }

    #[test]
    fn without_history_only_the_order_counts() {
        let rules = Rules { max_entries: 0, ..rules("b") };
        let with = |ids: &[u64]| {
            let mut stream = Stream::new(rules.clone(), None);
            ids.iter().for_each(|id| stream.hear(Heard::Publication { id: *id, place: None }));
            stream.check(&truth())
        };
        assert_eq!(with(&[102, 104, 109]), Ok(()));
        assert!(with(&[102, 102]).is_err());
        assert!(with(&[104, 102]).is_err());
    }
}
