//! What the hub says.

use crate::client::{Command, CommandKind};
use crate::encoding::Encoded;
use crate::hub::{Answer, Gap, HubMessage, Recovered, Subscribed};
use crate::position::Id;
use crate::presence::{MemberChange, Members, PresenceChange, PresenceState};
use crate::publication::Publication;
use crate::refusal::{ErrorCode, ErrorReply};
use crate::text::Topic;

use super::output::Delivered;
use super::pending::Asked;
use super::roster::Advice;
use super::subscription::{Continuity, Phase, Subscription};
use super::{Event, Outcome, Session, State};

impl Session {
    pub(super) fn received(&mut self, now: u64, random: f64, message: &Encoded) {
        let (encoding, connect) = match &self.state {
            State::Connecting { encoding, id, .. } => (*encoding, Some(*id)),
            State::Up(link) => (link.encoding, None),
            State::Down | State::Ended => return,
        };
        let asked = |id: Id| match connect {
            Some(connect) => (connect == id).then_some(CommandKind::Connect),
            None => self.pending.kind(id),
        };
        let decoded = HubMessage::decode(message, encoding, asked);
        if let State::Up(link) = &mut self.state {
            link.pulse.heard(now);
            if !matches!(decoded, Ok(HubMessage::Heartbeat { .. } | HubMessage::Bye(_))) {
                self.numbering.received(now, message.as_bytes().len());
            }
        }
        match decoded {
            Ok(message) if connect.is_some() => self.received_connecting(now, random, message),
            Ok(message) => self.received_up(now, random, message),
            Err(error) if error.is_ignored_by_clients() => {}
            Err(error) => self.not_understood(error.to_string()),
        }
    }

    fn received_up(&mut self, now: u64, random: f64, message: HubMessage) {
        match message {
            HubMessage::Reply { id, outcome } => self.replied(now, random, id, outcome),
            HubMessage::Publication { topic, publication } => self.published(topic, publication),
            HubMessage::Gap(gap) => self.gap(gap),
            HubMessage::Message(payload) => self.event(Event::Message(payload)),
            HubMessage::Presence { topic, change } => self.presence_changed(topic, change),
            HubMessage::Subscribed { topic, subscribed } => {
                self.subscribed_by_hub(topic, subscribed);
            }
            HubMessage::Unsubscribed { topic, error } => {
                if let Some(subscription) = self.subscriptions.remove(&topic) {
                    self.subscription_ended(subscription, error);
                }
            }
            HubMessage::Bye(bye) => self.bye(now, bye),
            HubMessage::Drain { after, .. } => {
                if let State::Up(link) = &mut self.state {
                    link.leave_at = Some(now.saturating_add(after));
                }
            }
            HubMessage::Heartbeat { got: None } => self.tell_got(),
            HubMessage::Heartbeat { got: Some(got) } => self.confirmed(now, got),
        }
    }

    /// The hub has got so many messages, which it may have been asked for.
    fn confirmed(&mut self, now: u64, got: u64) {
        let Some(sent) = self.numbering.confirm(got) else {
            return self.not_understood("a `got` beyond what was sent".to_owned());
        };
        self.settle_sent(sent);
        if let State::Up(link) = &mut self.state
            && let Some(round_trip) = link.pulse.answered(now)
        {
            self.event(Event::Heartbeat { round_trip });
        }
    }

    pub(super) fn settle_sent(&mut self, tickets: Vec<u64>) {
        tickets.into_iter().for_each(|ticket| self.settle(ticket, Outcome::Sent));
    }

    fn replied(&mut self, now: u64, random: f64, id: Id, outcome: Result<Answer, ErrorReply>) {
        let Some(Asked { ticket, command, .. }) = self.pending.remove(id) else { return };
        if let (Command::Publish(publish), Ok(Answer::Published(Some(receipt)))) =
            (&command, &outcome)
        {
            self.epochs.learn(&publish.topic, &receipt.epoch);
        }
        match (ticket, outcome) {
            (Some(ticket), Ok(answer)) => self.settle(ticket, Outcome::Done(answer)),
            (Some(ticket), Err(error))
                if command.kind() == CommandKind::Unsubscribe
                    && error.code == ErrorCode::NotSubscribed =>
            {
                self.settle(ticket, Outcome::Done(Answer::Unsubscribed));
            }
            (Some(ticket), Err(error)) if error.code == ErrorCode::Unsure => {
                self.settle(ticket, Outcome::Uncertain);
            }
            (Some(ticket), Err(error)) => self.settle(ticket, Outcome::Refused(error)),
            (None, outcome) => self.replied_to_session(now, random, id, &command, outcome),
        }
    }

    /// A reply to what the session itself asked for.
    fn replied_to_session(
        &mut self,
        now: u64,
        random: f64,
        id: Id,
        command: &Command,
        outcome: Result<Answer, ErrorReply>,
    ) {
        match (command, outcome) {
            (Command::Subscribe { topic, .. }, outcome) => {
                let outcome = match outcome {
                    Ok(Answer::Subscribed(subscribed)) => Ok(*subscribed),
                    Ok(_) => return,
                    Err(error) => Err(error),
                };
                if self.subscriptions.asked(id).is_some() {
                    self.subscribe_answered(now, random, topic, outcome);
                }
            }
            (Command::Presence { topic }, outcome) => {
                let subscription = self.subscriptions.get(topic);
                let Some(subscription) = subscription.filter(|of| of.roster.is_asked(id)) else {
                    return;
                };
                match outcome {
                    Ok(Answer::Presence(state)) => self.members(topic.clone(), state),
                    _ => subscription.roster.fail(id),
                }
            }
            _ => {}
        }
    }

    /// The answer to a subscription, in a reply or in that to `connect`.
    pub(super) fn subscribe_answered(
        &mut self,
        now: u64,
        random: f64,
        topic: &Topic,
        outcome: Result<Subscribed, ErrorReply>,
    ) {
        let delay = self.config.resubscribe_delay;
        let Some(subscription) = self.subscriptions.get(topic) else { return };
        match outcome {
            Ok(subscribed) => self.begin(topic.clone(), subscribed),
            Err(error) if error.temporary => {
                // Spread, so that not all clients come at once.
                let wait = (delay as f64 * (0.5 + random / 2.0)) as u64;
                subscription.phase = Phase::Later(now.saturating_add(wait));
            }
            Err(error) => {
                if let Some(subscription) = self.subscriptions.remove(topic) {
                    self.subscription_ended(subscription, Some(error));
                }
            }
        }
    }

    pub(super) fn subscription_ended(
        &mut self,
        subscription: Subscription,
        error: Option<ErrorReply>,
    ) {
        match (subscription.ticket, error) {
            (Some(ticket), Some(error)) => self.settle(ticket, Outcome::Refused(error)),
            (Some(ticket), None) => self.settle(ticket, Outcome::Withdrawn),
            (None, error) => self.event(Event::Unsubscribed { topic: subscription.topic, error }),
        }
    }

    /// A subscription begins, or goes on.
    fn begin(&mut self, topic: Topic, mut subscribed: Subscribed) {
        let Some(subscription) = self.subscriptions.get(&topic) else { return };
        let (from, ticket) = (subscription.position.clone(), subscription.ticket.take());
        subscription.begin(&subscribed);
        let (recovered, presence) = (subscribed.recovered.clone(), subscribed.presence.take());
        let to = subscribed.start.as_ref().map(|start| start.position.clone());
        let subscribed = Box::new(subscribed);
        self.event(Event::Subscribed { topic: topic.clone(), subscribed });
        if let Some(Recovered::No(reason)) = recovered {
            self.event(Event::Gap { topic: topic.clone(), reason, from, to });
        }
        if let Some(ticket) = ticket {
            self.settle(ticket, Outcome::Subscribed);
        }
        if let Some(state) = presence {
            self.members(topic, state);
        }
    }

    /// The hub made a subscription. One that it made before goes on where the client is.
    fn subscribed_by_hub(&mut self, topic: Topic, subscribed: Subscribed) {
        if self.subscriptions.get(&topic).is_none() {
            if self.subscriptions.len() >= self.config.max_subscriptions {
                let max = self.config.max_subscriptions;
                return self.not_understood(format!("more than {max} subscriptions"));
            }
            self.subscriptions.push(Subscription::of_hub(topic.clone()));
        }
        let Some(subscription) = self.subscriptions.get(&topic) else { return };
        let start = subscribed.start.as_ref().map(|start| &start.position);
        if subscription.position.is_some() && subscription.position.as_ref() != start {
            subscription.phase = Phase::Wanted;
            return;
        }
        self.begin(topic, subscribed);
    }

    fn published(&mut self, topic: Topic, publication: Publication) {
        let subscription = self.subscriptions.get(&topic);
        let Some(subscription) = subscription.filter(|of| of.phase == Phase::Active) else {
            return;
        };
        if let Some(place) = publication.place() {
            match subscription.advance(place) {
                Continuity::Next => {}
                Continuity::Repetition => return,
                Continuity::Hole => {
                    subscription.phase = Phase::Wanted;
                    return;
                }
            }
        }
        let publication = match publication {
            Publication::Stored(stored) => Delivered::Stored(stored),
            Publication::Live(content) => Delivered::Live(content),
            Publication::Skipped(_) => return,
        };
        self.event(Event::Publication { topic, publication });
    }

    fn gap(&mut self, gap: Gap) {
        let subscription = self.subscriptions.get(&gap.topic);
        let Some(subscription) = subscription.filter(|of| of.phase == Phase::Active) else {
            return;
        };
        let (from, to) = gap.range.unzip();
        if let Some(to) = &to {
            subscription.move_to(to.clone());
        }
        self.event(Event::Gap { topic: gap.topic, reason: gap.reason, from, to });
    }

    fn presence_changed(&mut self, topic: Topic, change: PresenceChange) {
        let Some(subscription) = self.subscriptions.get(&topic) else { return };
        match subscription.roster.change(&change) {
            Advice::Ignore => {}
            Advice::Tell => self.event(match change.change {
                MemberChange::Count(count) => Event::MemberCount { topic, count },
                MemberChange::List { join, leave } => {
                    Event::MembersChanged { topic, joined: join, left: leave }
                }
            }),
            // Without room the next change asks.
            Advice::Ask if self.may_ask(0) => {
                let id = self.ask(None, Command::Presence { topic: topic.clone() });
                if let Some(subscription) = self.subscriptions.get(&topic) {
                    subscription.roster.ask(id);
                }
            }
            Advice::Ask => {}
        }
    }

    /// Who is there, as a whole.
    fn members(&mut self, topic: Topic, state: PresenceState) {
        if let Some(subscription) = self.subscriptions.get(&topic) {
            subscription.roster.reset(state.version);
        }
        self.event(match state.members {
            Members::List(members) => Event::Members { topic, members },
            Members::Count(count) => Event::MemberCount { topic, count },
        });
    }
}
