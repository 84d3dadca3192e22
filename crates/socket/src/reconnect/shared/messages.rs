//! Messages on their way: into the outbox, to the connection, to their fates.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use everwire_wire::{Message, ReadyState};

use super::{Live, Shared};
use crate::reconnect::outbox::{self, Fate, Refusal};
use crate::reconnect::receipt::{Receipt, Refused};
use crate::{Permit, Stream};

/// What became of an attempt to send.
pub(in crate::reconnect) enum Pushed<S: Stream> {
    Taken(Receipt<S>),
    Refused(Refused),
    /// It may leave at once, as soon as this connection has room for it.
    Direct(Live<S>),
}

/// What is to be done about the queue.
pub(in crate::reconnect) enum Due<S: Stream> {
    /// Its first message, of so many bytes, needs room in this connection.
    Room(Live<S>, usize),
    /// Its first message expires then.
    Expiry(Instant),
    Nothing,
}

impl<S: Stream> Shared<S> {
    /// Queues or refuses a message, unless it may leave at once.
    pub(in crate::reconnect) fn push(self: &Arc<Self>, message: &Message) -> Pushed<S> {
        let mut state = self.lock();
        if let Some(live) = state.link.as_ref().filter(|_| state.is_direct()) {
            return Pushed::Direct(live.clone());
        }
        let why = match self.step_outbox(&mut state, outbox::Input::Push { size: message.len() }) {
            Some(outbox::Action::Queued(number)) => {
                state.messages.push_back(message.clone());
                self.queue.notify_one();
                return Pushed::Taken(state.receipt(self, number));
            }
            Some(outbox::Action::Refuse(why)) => why,
            // Without a connection nothing is written.
            _ => Refusal::Down,
        };
        Pushed::Refused(Refused { why, message: message.clone() })
    }

    /// Hands a message to the connection that has room for it. `None` if that is not the way any more.
    ///
    /// Its number is decided under the same lock as its place on the wire.
    pub(in crate::reconnect) fn write(
        self: &Arc<Self>,
        session: u64,
        permit: Permit<S>,
        message: &Message,
    ) -> Option<Receipt<S>> {
        let mut state = self.lock();
        let direct =
            state.takes_messages(session) && !state.outbox.is_ended() && state.messages.is_empty();
        if !direct || permit.send(message.clone()).is_err() {
            return None;
        }
        match self.step_outbox(&mut state, outbox::Input::Push { size: message.len() }) {
            Some(outbox::Action::Write(number)) => Some(state.receipt(self, number)),
            _ => None,
        }
    }

    /// The connection takes no more messages: for the outbox it is gone, before anybody has received
    /// what it still has.
    pub(in crate::reconnect) fn refused_by(&self, session: u64) {
        let mut state = self.lock();
        // At the end nothing is pushed any more, and the answer to the ping before our close frame
        // may prove everything.
        if !state.takes_messages(session) || state.outbox.is_ended() {
            return;
        }
        let unsent = state.link.as_ref().map_or(0, |live| live.sender.link().unsent());
        self.step_outbox(
            &mut state,
            outbox::Input::Down { unsent: unsent as u64, answered: false },
        );
    }

    // The two tasks.

    /// What is due for the queue.
    pub(in crate::reconnect) fn due(&self) -> Due<S> {
        let state = self.lock();
        if !state.outbox.is_up() {
            let expiry = state.outbox.next_deadline().and_then(|millis| self.at(millis));
            return expiry.map_or(Due::Nothing, Due::Expiry);
        }
        match (&state.link, state.messages.front()) {
            (Some(live), Some(first)) if live.sender.ready_state() == ReadyState::Open => {
                Due::Room(live.clone(), first.len())
            }
            _ => Due::Nothing,
        }
    }

    /// Hands the first of the queue to the connection that has room for it.
    pub(in crate::reconnect) fn take(&self, session: u64, permit: Permit<S>) {
        let mut state = self.lock();
        let Some(first) = state.messages.front().cloned() else { return };
        if state.takes_messages(session) && permit.send(first).is_ok() {
            self.step_outbox(&mut state, outbox::Input::Take);
        }
    }

    /// Tells of what has waited too long.
    pub(in crate::reconnect) fn expire(&self) {
        self.step_outbox(&mut self.lock(), outbox::Input::Tick);
    }

    /// Begins to ask for proof, if somebody awaits it: whom to ask.
    pub(in crate::reconnect) fn mark(&self) -> Option<Live<S>> {
        let mut state = self.lock();
        if !state.wants_proof() {
            return None;
        }
        self.step_outbox(&mut state, outbox::Input::Mark).and_then(|_ping| state.link.clone())
    }

    /// Whether an answer from this session would still be proof.
    pub(in crate::reconnect) fn is_proving(&self, session: u64) -> bool {
        let state = self.lock();
        state.takes_messages(session) && state.outbox.mark().is_some()
    }

    /// The ping was answered.
    pub(in crate::reconnect) fn pong(&self, session: u64) {
        let mut state = self.lock();
        if state.takes_messages(session) {
            self.step_outbox(&mut state, outbox::Input::Pong);
        }
    }

    // The receipts.

    pub(in crate::reconnect) fn poll_fate(&self, cx: &Context<'_>, number: u64) -> Poll<Fate> {
        let mut state = self.lock();
        let awaited = state.receipts.awaited;
        let polled = state.receipts.poll(cx, number);
        if state.receipts.awaited > awaited && state.wants_proof() {
            self.proof.notify_one();
        }
        polled
    }
}
