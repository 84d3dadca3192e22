//! All subscriptions of a session.

use std::collections::VecDeque;

use crate::client::SubscribeOptions;
use crate::position::Id;
use crate::text::Topic;

use super::subscription::{Origin, Phase, Subscription};

/// The subscriptions in the order of their making, and those that are to end.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    all: Vec<Subscription>,
    /// Topics that the hub still has to be told about, with the request that is settled by that.
    pub(super) leaving: VecDeque<(Topic, Option<u64>)>,
}

impl Subscriptions {
    pub(super) fn len(&self) -> usize {
        self.all.len() + self.leaving.len()
    }

    pub(super) fn get(&mut self, topic: &str) -> Option<&mut Subscription> {
        self.all.iter_mut().find(|subscription| *subscription.topic == *topic)
    }

    /// The subscription that this command asks for.
    pub(super) fn asked(&mut self, id: Id) -> Option<&mut Subscription> {
        self.all.iter_mut().find(|subscription| subscription.phase == Phase::Asked(id))
    }

    pub(super) fn iter(&mut self) -> impl Iterator<Item = &mut Subscription> {
        self.all.iter_mut()
    }

    pub(super) fn push(&mut self, subscription: Subscription) -> &mut Subscription {
        self.all.push(subscription);
        self.all.last_mut().expect("it was pushed")
    }

    pub(super) fn remove(&mut self, topic: &str) -> Option<Subscription> {
        let index = self.all.iter().position(|subscription| *subscription.topic == *topic)?;
        Some(self.all.remove(index))
    }

    /// Those that `connect` names.
    pub(super) fn name(&mut self) -> Vec<(Topic, SubscribeOptions)> {
        let of_application = self.all.iter_mut().filter(|of| of.origin == Origin::Application);
        let name = |subscription: &mut Subscription| {
            subscription.is_named = true;
            (subscription.topic.clone(), subscription.request())
        };
        of_application.map(name).collect()
    }

    /// The first that is to be asked for.
    pub(super) fn wanted(&mut self) -> Option<&mut Subscription> {
        self.all.iter_mut().find(|subscription| subscription.phase == Phase::Wanted)
    }

    /// Those that the last `connect` named.
    pub(super) fn named(&self) -> Vec<Topic> {
        let named = self.all.iter().filter(|subscription| subscription.is_named);
        named.map(|subscription| subscription.topic.clone()).collect()
    }

    /// The first of which the hub does not know how far the application is.
    pub(super) fn unacknowledged(&mut self) -> Option<&mut Subscription> {
        let is_untold = |of: &&mut Subscription| of.acked.offset > 0 && !of.acked.is_told;
        self.all.iter_mut().filter(|of| of.phase == Phase::Active).find(is_untold)
    }

    /// When the next is to be asked for, or is over.
    pub(super) fn deadline(&self) -> Option<u64> {
        let later = |subscription: &Subscription| match subscription.phase {
            Phase::Later(at) | Phase::Lapsed(at) => Some(at),
            _ => None,
        };
        self.all.iter().filter_map(later).min()
    }

    /// Those whose time has come are to be asked for.
    pub(super) fn tick(&mut self, now: u64) {
        for subscription in &mut self.all {
            if matches!(subscription.phase, Phase::Later(at) if at <= now) {
                subscription.phase = Phase::Wanted;
            }
        }
    }

    /// Takes the first that the hub did not make again in time.
    pub(super) fn take_lapsed(&mut self, now: u64) -> Option<Subscription> {
        let is_over = |of: &Subscription| matches!(of.phase, Phase::Lapsed(until) if until <= now);
        let index = self.all.iter().position(is_over)?;
        Some(self.all.remove(index))
    }

    /// A new session begins: none stands any more. The hub has `until` then to make its own again.
    pub(super) fn restart(&mut self, until: u64) {
        for subscription in &mut self.all {
            subscription.phase = match subscription.origin {
                Origin::Application => Phase::Wanted,
                Origin::Hub => Phase::Lapsed(until),
            };
            subscription.roster.restart();
        }
    }
}
