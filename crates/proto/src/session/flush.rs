//! What leaves when there is room: in this order, what keeps the session right and what waits.

use crate::client::{Again, ClientMessage, Command};
use crate::position::Id;
use crate::text::Topic;

use super::outbox::{Waiting, What};
use super::pending::Asked;
use super::subscription::Phase;
use super::{NotSent, Outcome, Session};

impl Session {
    /// Sends what waits, as far as there is a link with room.
    pub(super) fn flush(&mut self) {
        if !self.is_up() {
            return;
        }
        self.flush_away();
        self.flush_acks();
        self.flush_leaving();
        self.flush_wanted();
        self.flush_outbox();
        if self.is_up() && self.numbering.is_much_untold() {
            self.tell_got();
        }
    }

    fn flush_away(&mut self) {
        if !self.is_away_told && self.has_room(0) {
            self.is_away_told = true;
            self.transmit_numbered(ClientMessage::Away(self.away), None, 0);
        }
    }

    fn flush_acks(&mut self) {
        while self.has_room(0)
            && let Some(subscription) = self.subscriptions.unacknowledged()
        {
            subscription.acked.is_told = true;
            let (topic, offset) = (subscription.topic.clone(), subscription.acked.offset);
            self.transmit_numbered(ClientMessage::Ack { topic, offset }, None, 0);
        }
    }

    /// Before what is wanted: a topic may be left and then wanted anew.
    fn flush_leaving(&mut self) {
        while self.may_ask(0)
            && let Some((topic, ticket)) = self.subscriptions.leaving.pop_front()
        {
            self.ask(ticket, Command::Unsubscribe { topic });
        }
    }

    fn flush_wanted(&mut self) {
        while self.may_ask(0)
            && let Some(subscription) = self.subscriptions.wanted()
        {
            let (topic, options) = (subscription.topic.clone(), subscription.request());
            let id = self.ask(None, Command::Subscribe { topic: topic.clone(), options });
            let subscription = self.subscriptions.get(&topic).expect("it is wanted");
            subscription.phase = Phase::Asked(id);
        }
    }

    fn flush_outbox(&mut self) {
        while let Some(first) = self.outbox.first() {
            let size = first.size;
            let max_message = self.limits.as_ref().map_or(u64::MAX, |limits| limits.max_message);
            let is_large = size as u64 > max_message;
            let may = match first.what {
                What::Send(_) => self.has_room(size),
                What::Command(_) => self.may_ask(size),
            };
            if !may && !is_large {
                return;
            }
            let Some(Waiting { ticket, what, .. }) = self.outbox.pop() else { return };
            match what {
                _ if is_large => self.settle(ticket, Outcome::NotSent(NotSent::TooLarge)),
                What::Command(command) => _ = self.ask(Some(ticket), command),
                What::Send(payload) => {
                    self.transmit_numbered(ClientMessage::Send(payload), Some(ticket), size);
                }
            }
        }
    }

    /// Sends a command; its reply is waited for.
    pub(super) fn ask(&mut self, ticket: Option<u64>, command: Command) -> Id {
        let id = self.draw_id();
        let again = match &command {
            Command::Publish(publish) => self.again(&publish.topic),
            _ => Again::Unknown,
        };
        let size = command.payload_size();
        self.pending.insert(id, Asked { ticket, command: command.clone(), again });
        self.transmit_numbered(ClientMessage::Command { id, command }, None, size);
        id
    }

    /// How a publication would be sent again.
    fn again(&mut self, topic: &Topic) -> Again {
        let subscription = self.subscriptions.get(topic);
        let position = subscription.and_then(|subscription| subscription.position.as_ref());
        let epoch = position.map(|position| &position.epoch);
        epoch.or(self.epochs.get(topic)).map_or(Again::Unknown, |epoch| Again::Since(epoch.clone()))
    }

    /// Whether one more command may be sent.
    pub(super) fn may_ask(&self, size: usize) -> bool {
        let max = self.limits.as_ref().map_or(1, |limits| limits.max_unanswered.max(1));
        (self.pending.len() as u64) < max && self.has_room(size)
    }

    fn has_room(&self, size: usize) -> bool {
        let (max, max_bytes) = (self.config.max_unconfirmed, self.config.max_unconfirmed_bytes);
        self.numbering.has_room(size, max, max_bytes)
    }
}
