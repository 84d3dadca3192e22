//! What became of each request is what its client was told.

use std::collections::BTreeMap;

use everwire_proto::Topic;

use crate::truth::{At, Truth};

/// What a client was told of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was done; where it is stored, if it is a publication in a topic with history.
    Done(Option<At>),
    /// It was not done.
    NotDone,
    /// Nobody knows.
    Unsure,
}

/// The requests of all clients, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Fates {
    publications: BTreeMap<u64, (Topic, Option<Fate>)>,
    /// Messages and calls to the endpoint.
    calls: BTreeMap<u64, Option<Fate>>,
    /// How often the endpoint was called with them.
    handled: BTreeMap<u64, u64>,
}

impl Fates {
    /// A publication is asked for.
    pub(crate) fn publish(&mut self, id: u64, topic: Topic) {
        self.publications.insert(id, (topic, None));
    }

    /// Something is asked of the endpoint.
    pub(crate) fn call(&mut self, id: u64) {
        self.calls.insert(id, None);
    }

    /// The endpoint is asked.
    pub(crate) fn handle(&mut self, id: u64) {
        *self.handled.entry(id).or_default() += 1;
    }

    /// The client is told what became of it.
    ///
    /// # Errors
    /// If it was told already.
    pub(crate) fn settle(&mut self, id: u64, fate: Fate) -> Result<(), String> {
        let slot = match self.publications.get_mut(&id) {
            Some((_, slot)) => Some(slot),
            None => self.calls.get_mut(&id),
        };
        let slot = slot.ok_or_else(|| format!("#{id} was settled, and nobody asked for it"))?;
        match slot.replace(fate) {
            None => Ok(()),
            Some(_) => Err(format!("#{id} was settled twice")),
        }
    }

    /// Compares what clients were told with what was done.
    ///
    /// # Errors
    /// With the first request of which they were told something else.
    pub(crate) fn check(&self, truth: &Truth) -> Result<(), String> {
        for (id, (topic, fate)) in &self.publications {
            let places = truth.places(*id);
            if places.len() > 1 {
                return Err(format!("#{id} was stored {} times: {places:?}", places.len()));
            }
            if let Some((stored, _)) = places.first().filter(|(stored, _)| stored != topic) {
                return Err(format!("#{id} for {topic} was stored in {stored}"));
            }
            let stored = places.first().map(|(_, at)| at);
            match (fate, stored) {
                (None, _) => return Err(format!("#{id} was never settled")),
                (Some(Fate::NotDone), Some(at)) => {
                    return Err(format!("#{id} was refused, and is stored at {at:?}"));
                }
                (Some(Fate::Done(told)), stored) => {
                    if stored.is_none() || told.as_ref().is_some_and(|told| Some(told) != stored) {
                        return Err(format!("#{id} was told to be at {told:?}, it is {stored:?}"));
                    }
                }
                (Some(Fate::NotDone), None) | (Some(Fate::Unsure), _) => {}
            }
        }
        self.check_calls()
    }

    fn check_calls(&self) -> Result<(), String> {
        for (id, fate) in &self.calls {
            let times = self.handled.get(id).copied().unwrap_or(0);
            let fits = match fate {
                None => return Err(format!("#{id} was never settled")),
                Some(Fate::Done(_)) => times == 1,
                Some(Fate::NotDone) => times == 0,
                Some(Fate::Unsure) => times <= 1,
            };
            if !fits {
                return Err(format!("#{id} was told to be {fate:?}, and was done {times} times"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use everwire_proto::Epoch;

    use super::*;

    fn at(offset: u64) -> At {
        At { epoch: Epoch::new("e").unwrap(), offset }
    }

    /// One publication, stored so often, of which the client is told this.
    fn published(times: u64, fate: Option<Fate>) -> Result<(), String> {
        let topic = Topic::new("t").unwrap();
        let (mut fates, mut truth) = (Fates::default(), Truth::default());
        fates.publish(7, topic.clone());
        (1..=times).for_each(|offset| truth.store(&topic, &at(offset), 7, None));
        if let Some(fate) = fate {
            fates.settle(7, fate).unwrap();
        }
        fates.check(&truth)
    }

    /// One call, made so often, of which the client is told this.
    fn called(times: u64, fate: Option<Fate>) -> Result<(), String> {
        let mut fates = Fates::default();
        fates.call(7);
        (0..times).for_each(|_| fates.handle(7));
        if let Some(fate) = fate {
            fates.settle(7, fate).unwrap();
        }
        fates.check(&Truth::default())
    }

    #[test]
    fn what_is_told_to_be_stored_is_stored_once_and_there() {
        assert_eq!(published(1, Some(Fate::Done(Some(at(1))))), Ok(()));
        assert_eq!(published(1, Some(Fate::Done(None))), Ok(()));
        assert!(published(1, Some(Fate::Done(Some(at(2))))).is_err());
        assert!(published(0, Some(Fate::Done(None))).is_err());
        assert!(published(2, Some(Fate::Done(Some(at(1))))).is_err());
    }

    #[test]
    fn what_is_refused_is_not_stored_and_what_is_unsure_at_most_once() {
        assert_eq!(published(0, Some(Fate::NotDone)), Ok(()));
        assert!(published(1, Some(Fate::NotDone)).is_err());
        assert_eq!(published(0, Some(Fate::Unsure)), Ok(()));
        assert_eq!(published(1, Some(Fate::Unsure)), Ok(()));
        assert!(published(2, Some(Fate::Unsure)).is_err());
    }

    #[test]
    fn whatever_is_asked_is_settled_once() {
        assert!(published(0, None).is_err());
        assert!(called(0, None).is_err());
        let mut fates = Fates::default();
        assert!(fates.settle(1, Fate::Unsure).is_err());
        fates.call(1);
        assert_eq!(fates.settle(1, Fate::Unsure), Ok(()));
        assert!(fates.settle(1, Fate::Unsure).is_err());
    }

    #[test]
    fn the_endpoint_is_called_as_often_as_the_client_is_told() {
        assert_eq!(called(1, Some(Fate::Done(None))), Ok(()));
        assert!(called(0, Some(Fate::Done(None))).is_err());
        assert!(called(2, Some(Fate::Done(None))).is_err());
        assert!(called(1, Some(Fate::NotDone)).is_err());
        assert!(called(2, Some(Fate::Unsure)).is_err());
    }
}
