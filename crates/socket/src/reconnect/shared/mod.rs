//! What sessions, messengers and receipts share: the two values, the messages, the live connection.
//!
//! # Layout
//! - `turns`: the loop of sessions, and what the program knows
//! - `messages`: into the outbox, to the connection, to their fates
//! - `last_word`: whether the peer read everything before we closed

mod last_word;
mod messages;
mod turns;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use everwire_wire::{CloseReason, Message};
use tokio::sync::{Notify, watch};

use super::outbox::{self, Outbox, OutboxLimits};
use super::policy::RetryPolicy;
use super::receipt::{Receipt, Receipts};
use super::retry::{self, Phase, Retry};
use super::status::Status;
use crate::{Sender, Stream, clock, masks};
use last_word::LastWord;
pub(super) use messages::{Due, Pushed};
pub(super) use turns::Turn;

/// One reconnecting client, behind a short lock. It is never held while code of the application runs,
/// nor across an await.
pub(super) struct Shared<S: Stream> {
    state: Mutex<State<S>>,
    status: watch::Sender<Status>,
    /// Tells the task that empties the queue of a change.
    pub(super) queue: Notify,
    /// Tells the task that asks for proof of a change.
    pub(super) proof: Notify,
    /// What milliseconds are counted from.
    origin: Instant,
}

/// What the lock guards.
pub(super) struct State<S: Stream> {
    retry: Retry,
    outbox: Outbox,
    /// The messages of the outbox's queue.
    messages: VecDeque<Message>,
    pub(super) receipts: Receipts,
    /// The connection that messages go over, until its end has been dealt with.
    link: Option<Live<S>>,
    /// How many connections there were.
    session: u64,
    /// How many attempts were asked for.
    attempt: u64,
    /// What went before our close frame on the present connection, once the program has closed it.
    last_word: Option<LastWord>,
    /// Whoever awaits the next session.
    next: Option<Waker>,
}

/// The connection that messages go over.
pub(super) struct Live<S: Stream> {
    pub(super) session: u64,
    pub(super) sender: Sender<S>,
}

impl<S: Stream> Shared<S> {
    pub(super) fn new(policy: &RetryPolicy, limits: &OutboxLimits) -> Self {
        let state = State {
            retry: Retry::new(policy),
            outbox: Outbox::new(limits),
            messages: VecDeque::new(),
            receipts: Receipts::default(),
            link: None,
            session: 0,
            attempt: 0,
            last_word: None,
            next: None,
        };
        Self {
            state: Mutex::new(state),
            status: watch::Sender::new(Status::Idle),
            queue: Notify::new(),
            proof: Notify::new(),
            origin: clock::now(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<S>> {
        // Each step leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Steps the retry value and does what it says, except to close: that takes a reason.
    fn step(&self, state: &mut State<S>, input: retry::Input) {
        let actions = state.retry.step(self.now(), masks::uniform(), input);
        for action in actions {
            match action {
                retry::Action::Connect => state.attempt += 1,
                retry::Action::Drop(_) => {
                    // An attempt is dropped by the loop, which sees that it is not the one it wants.
                    state.last_word = None;
                    if let Some(live) = state.link.take() {
                        live.sender.link().abort();
                        let unsent = live.sender.link().unsent() as u64;
                        self.step_outbox(state, outbox::Input::Down { unsent, answered: false });
                    }
                }
                retry::Action::Close => {}
                retry::Action::End(_) => {
                    self.step_outbox(state, outbox::Input::End);
                }
            }
        }
        let status = Status::of(&state.retry, state.session, |millis| self.at(millis));
        self.status.send_if_modified(|old| std::mem::replace(old, status) != status);
        if let Some(next) = state.next.take() {
            next.wake();
        }
    }

    /// Steps the outbox and tells what became of messages; gives the other action, for no step asks
    /// for two.
    fn step_outbox(&self, state: &mut State<S>, input: outbox::Input) -> Option<outbox::Action> {
        let written = state.outbox.written();
        let mut other = None;
        for action in state.outbox.step(self.now(), input) {
            match action {
                outbox::Action::Fate(fate, range) => state.receipts.tell(fate, range),
                action => other = Some(action),
            }
        }
        // What the queue counts as written has left it, or has its fate.
        let gone = (state.outbox.written() - written).min(state.messages.len() as u64);
        state.messages.drain(..gone as usize);
        if !state.messages.is_empty() {
            self.queue.notify_one();
        }
        if state.wants_proof() {
            self.proof.notify_one();
        }
        other
    }

    fn now(&self) -> u64 {
        retry::millis(clock::now().saturating_duration_since(self.origin))
    }

    fn at(&self, millis: u64) -> Option<Instant> {
        self.origin.checked_add(Duration::from_millis(millis))
    }
}

impl<S: Stream> State<S> {
    fn is_under_way(&self, attempt: u64) -> bool {
        self.attempt == attempt && matches!(self.retry.phase(), Phase::Connecting { .. })
    }

    /// Begins to close the connection, behind all that was written.
    fn start_close(&mut self, reason: Option<CloseReason>) {
        let Some(live) = &self.link else { return };
        let unproven = self.outbox.is_up() && self.outbox.written() > self.outbox.settled();
        if unproven && self.last_word.is_none() {
            self.last_word = Some(LastWord::say(live.sender.clone()));
        }
        live.sender.start_close(reason);
    }

    fn receipt(&mut self, shared: &Arc<Shared<S>>, number: u64) -> Receipt<S> {
        self.receipts.hold(number);
        Receipt::new(shared.clone(), number)
    }

    fn is_live(&self, session: u64) -> bool {
        self.link.as_ref().is_some_and(|live| live.session == session)
    }

    /// Somebody awaits the fate of a message that was written, and no ping is under way.
    fn wants_proof(&self) -> bool {
        let outbox = &self.outbox;
        let unproven = outbox.settled() < outbox.written().min(self.receipts.awaited);
        outbox.is_up() && outbox.mark().is_none() && unproven
    }

    /// Whether a message may leave without waiting in the queue.
    fn is_direct(&self) -> bool {
        self.outbox.is_up() && !self.outbox.is_ended() && self.messages.is_empty()
    }

    fn takes_messages(&self, session: u64) -> bool {
        self.is_live(session) && self.outbox.is_up()
    }
}

impl<S: Stream> Clone for Live<S> {
    fn clone(&self) -> Self {
        Self { session: self.session, sender: self.sender.clone() }
    }
}

impl<S: Stream> fmt::Debug for Shared<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("status", &*self.status.borrow()).finish_non_exhaustive()
    }
}
