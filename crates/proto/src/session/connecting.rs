//! Links that open: the old session goes on, or a new one begins.

use std::collections::{BTreeMap, VecDeque};

use crate::client::{ClientMessage, Command};
use crate::connect::{Connect, Connected, Resume};
use crate::encoding::Encoding;
use crate::hub::{Answer, HubMessage, Subscribed};
use crate::position::Id;
use crate::refusal::ErrorReply;
use crate::text::{Secret, Topic};

use super::numbering::Sent;
use super::pending::Asked;
use super::{End, Event, Link, Outcome, Pulse, Session, State, Then};

type SubscriptionAnswer = (Topic, Result<Subscribed, ErrorReply>);

impl Session {
    pub(super) fn opened(&mut self, now: u64, encoding: Encoding, token: Option<Secret>) {
        match self.state {
            State::Ended => return,
            State::Up(_) => self.lost(now, None),
            State::Down | State::Connecting { .. } => {}
        }
        let id = self.draw_id();
        let resume = self.identity.clone().map(|(session, key)| {
            let got = self.numbering.tell();
            Resume { session, key, got }
        });
        let subscriptions = self.subscriptions.name();
        let client = self.config.client.clone();
        let connect = Connect { client, token, resume, subscriptions };
        let command = Command::Connect(Box::new(connect));
        self.transmit(ClientMessage::Command { id, command });
        let deadline = now.saturating_add(self.config.connect_timeout);
        self.state = State::Connecting { encoding, id, deadline };
    }

    /// What the hub says before there is a session. It does not have numbers.
    pub(super) fn received_connecting(&mut self, now: u64, random: f64, message: HubMessage) {
        match message {
            HubMessage::Reply { outcome: Ok(Answer::Connected(connected)), .. } => {
                self.connected(now, random, *connected);
            }
            HubMessage::Reply { outcome: Err(error), .. } => self.refused(now, error),
            HubMessage::Bye(bye) => self.bye(now, bye),
            HubMessage::Heartbeat { .. } => {}
            _ => self.not_understood("a message before the reply to `connect`".to_owned()),
        }
    }

    fn refused(&mut self, now: u64, error: ErrorReply) {
        if error.temporary {
            return self.leave(now, crate::CloseCode::RETURNING, Then::Return);
        }
        self.end(Some(crate::CloseCode::FAREWELL), End::Refused(error));
    }

    fn connected(&mut self, now: u64, random: f64, connected: Connected) {
        let State::Connecting { encoding, .. } = self.state else { return };
        let is_ours = self.identity.as_ref().is_some_and(|(name, _)| *name == connected.session);
        if connected.resumed && !is_ours {
            return self.not_understood("a resumption of another session".to_owned());
        }
        let pulse = Pulse::new(now, connected.heartbeat, &self.config);
        self.state = State::Up(Link { encoding, pulse, leave_at: None });
        self.identity = Some((connected.session.clone(), connected.key.clone()));
        self.limits = Some(connected.limits);
        self.down_since = None;
        let Connected { session, user, resumed, .. } = connected;
        if resumed {
            let Some(sent) = self.numbering.confirm(connected.got) else {
                return self.not_understood("a `got` beyond what was sent".to_owned());
            };
            self.event(Event::Up { session, user, resumed });
            self.settle_sent(sent);
            return self.send_again();
        }
        let (unconfirmed, unanswered) = (self.numbering.restart(), self.pending.take());
        self.event(Event::Up { session, user, resumed });
        self.settle_lost(unconfirmed);
        self.subscriptions.restart(now.saturating_add(self.config.lapse_timeout));
        self.is_away_told = !self.away;
        for (_, ticket) in std::mem::take(&mut self.subscriptions.leaving) {
            self.settle_done(ticket, Answer::Unsubscribed);
        }
        self.subscriptions_answered(now, random, connected.subscriptions);
        for (id, asked) in unanswered {
            self.ask_again(id, asked);
        }
    }

    /// What became of the subscriptions that `connect` named, told in the order of their making.
    fn subscriptions_answered(&mut self, now: u64, random: f64, answers: Vec<SubscriptionAnswer>) {
        let mut answers: BTreeMap<Topic, _> = answers.into_iter().collect();
        for topic in self.subscriptions.named() {
            if let Some(outcome) = answers.remove(&topic) {
                self.subscribe_answered(now, random, &topic, outcome);
            }
        }
        // The application unsubscribed from these in the meantime.
        let left = answers.into_iter().filter(|(_, outcome)| outcome.is_ok());
        self.subscriptions.leaving.extend(left.map(|(topic, _)| (topic, None)));
    }

    /// What the hub did not get goes again, with the numbers that it had.
    fn send_again(&mut self) {
        let messages = self.numbering.unconfirmed().map(|sent| sent.message.clone());
        let messages: Vec<ClientMessage> = messages.collect();
        messages.into_iter().for_each(|message| self.transmit(message));
    }

    /// What the lost session may have got or not, and nothing answers.
    fn settle_lost(&mut self, unconfirmed: VecDeque<Sent>) {
        for sent in unconfirmed {
            if let Some(ticket) = sent.ticket {
                self.settle(ticket, Outcome::Uncertain);
            }
            if let ClientMessage::Ack { topic, .. } = sent.message
                && let Some(subscription) = self.subscriptions.get(&topic)
            {
                subscription.acked.is_told = false;
            }
        }
    }

    /// A command whose reply was lost with the session.
    fn ask_again(&mut self, id: Id, mut asked: Asked) {
        match &mut asked.command {
            // Named in `connect`, or asked for anew.
            Command::Connect(_) | Command::Subscribe { .. } => return,
            Command::Presence { .. } if asked.ticket.is_none() => return,
            Command::Unsubscribe { .. } => {
                return self.settle_done(asked.ticket, Answer::Unsubscribed);
            }
            // Keys are the client's: without a name the hub takes it for another one now.
            Command::Publish(publish) if self.config.client.is_some() => {
                publish.again = Some(asked.again.clone());
            }
            Command::Rpc { .. } | Command::Publish(_) => {
                if let Some(ticket) = asked.ticket {
                    self.settle(ticket, Outcome::Uncertain);
                }
                return;
            }
            Command::History { .. } | Command::Presence { .. } | Command::Status { .. } => {}
        }
        let (command, size) = (asked.command.clone(), asked.command.payload_size());
        self.pending.insert(id, asked);
        self.transmit_numbered(ClientMessage::Command { id, command }, None, size);
    }
}
