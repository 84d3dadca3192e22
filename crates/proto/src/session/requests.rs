//! What the application asks for.

use crate::client::{Command, Publish, SubscribeOptions};
use crate::text::Topic;

use super::outbox::What;
use super::subscription::{Phase, Subscription};
use super::{NotSent, Outcome, Request, Session};

impl Session {
    pub(super) fn request(&mut self, now: u64, ticket: u64, request: Request) {
        if self.is_ended() {
            return self.settle(ticket, Outcome::NotSent(NotSent::Ended));
        }
        let what = match request {
            Request::Subscribe { topic, options } => return self.subscribe(ticket, topic, options),
            Request::Unsubscribe { topic } => return self.unsubscribe(ticket, topic),
            Request::Send(payload) => What::Send(payload),
            Request::Publish { topic, payload, echo } => {
                let key = Some(self.next_key);
                What::Command(Command::Publish(Publish { topic, key, again: None, echo, payload }))
            }
            Request::Rpc { method, payload } => What::Command(Command::Rpc { method, payload }),
            Request::History { topic, before, limit } => {
                What::Command(Command::History { topic, before, limit })
            }
            Request::Presence { topic } => What::Command(Command::Presence { topic }),
            Request::Status { users } => What::Command(Command::Status { users }),
        };
        let is_publication = matches!(what, What::Command(Command::Publish(_)));
        if !self.is_up() {
            self.age(now);
        }
        if !self.outbox.push(now, ticket, what, &self.config) {
            return self.settle(ticket, Outcome::NotSent(NotSent::Full));
        }
        if is_publication {
            self.next_key += 1;
        }
    }

    pub(super) fn ack(&mut self, topic: &Topic, offset: u64) {
        let Some(subscription) = self.subscriptions.get(topic) else { return };
        if subscription.position.is_some() && offset > subscription.acked.offset {
            subscription.acked.offset = offset;
            subscription.acked.is_told = false;
        }
    }

    pub(super) fn set_away(&mut self, away: bool) {
        if self.away != away {
            self.away = away;
            self.is_away_told = false;
        }
    }

    fn subscribe(&mut self, ticket: u64, topic: Topic, options: SubscribeOptions) {
        if self.subscriptions.get(&topic).is_some() {
            return self.settle(ticket, Outcome::NotSent(NotSent::Subscribed));
        }
        if self.subscriptions.len() >= self.config.max_subscriptions {
            return self.settle(ticket, Outcome::NotSent(NotSent::Full));
        }
        self.subscriptions.push(Subscription::new(topic, options, Some(ticket)));
    }

    fn unsubscribe(&mut self, ticket: u64, topic: Topic) {
        let Some(subscription) = self.subscriptions.remove(&topic) else {
            return self.settle(ticket, Outcome::NotSent(NotSent::NotSubscribed));
        };
        if let Some(first) = subscription.ticket {
            self.settle(first, Outcome::Withdrawn);
        }
        let was_never_asked = subscription.position.is_none()
            && !matches!(subscription.phase, Phase::Asked(_) | Phase::Active);
        if was_never_asked || matches!(subscription.phase, Phase::Lapsed(_)) {
            let answer = crate::hub::Answer::Unsubscribed;
            return self.settle(ticket, Outcome::Done(answer));
        }
        self.subscriptions.leaving.push_back((topic, Some(ticket)));
    }
}
