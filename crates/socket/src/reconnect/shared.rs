//! What sessions, messengers and receipts share: the two values, the messages, the live connection.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use everwire_wire::{CloseCause, CloseCode, CloseReason, CloseReport, Message, ReadyState};
use tokio::sync::{Notify, watch};

use super::outbox::{self, Fate, Outbox, OutboxLimits, Refusal};
use super::policy::RetryPolicy;
use super::receipt::{Receipt, Receipts, Refused};
use super::retry::{self, Phase, Retry, Verdict};
use super::status::Status;
use crate::{ClientStream, Permit, Sender, clock, masks};

/// One reconnecting client, behind a short lock. It is never held while code of the application runs,
/// nor across an await.
pub(super) struct Shared {
    state: Mutex<State>,
    status: watch::Sender<Status>,
    /// Tells the task that empties the queue of a change.
    pub(super) queue: Notify,
    /// Tells the task that asks for proof of a change.
    pub(super) proof: Notify,
    /// What milliseconds are counted from.
    origin: Instant,
}

/// What the lock guards.
pub(super) struct State {
    retry: Retry,
    outbox: Outbox,
    /// The messages of the outbox's queue.
    messages: VecDeque<Message>,
    pub(super) receipts: Receipts,
    /// The connection that messages go over, until its end has been dealt with.
    link: Option<Live>,
    /// How many connections there were.
    session: u64,
    /// How many attempts were asked for.
    attempt: u64,
    /// What our close frame says on the present connection, once the program has closed it.
    ours: Option<CloseReason>,
    /// Whoever awaits the next session.
    next: Option<Waker>,
}

/// The connection that messages go over.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) session: u64,
    pub(super) sender: Sender<ClientStream>,
}

/// Where the loop of sessions is.
pub(super) enum Turn {
    /// This attempt is to be under way, until then.
    Attempt(u64, Option<Instant>),
    /// Nothing is to be done before then, if ever.
    Wait(Option<Instant>),
    /// It is over.
    Ended,
}

/// What became of an attempt to send.
pub(super) enum Pushed {
    Taken(Receipt),
    Refused(Refused),
    /// It may leave at once, as soon as this connection has room for it.
    Direct(Live),
}

/// What is to be done about the queue.
pub(super) enum Due {
    /// Its first message, of so many bytes, needs room in this connection.
    Room(Live, usize),
    /// Its first message expires then.
    Expiry(Instant),
    Nothing,
}

impl Shared {
    pub(super) fn new(policy: &RetryPolicy, limits: &OutboxLimits) -> Self {
        let state = State {
            retry: Retry::new(policy),
            outbox: Outbox::new(limits),
            messages: VecDeque::new(),
            receipts: Receipts::default(),
            link: None,
            session: 0,
            attempt: 0,
            ours: None,
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

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Each step leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    // The loop of sessions.

    /// Starts if nobody has, and says where the loop is; `cx` is told when that changes.
    pub(super) fn turn(&self, cx: &Context<'_>) -> Turn {
        let mut state = self.lock();
        if state.retry.phase() == Phase::Idle {
            self.step(&mut state, retry::Input::Start);
        }
        state.next = Some(cx.waker().clone());
        let deadline = state.retry.next_deadline().and_then(|millis| self.at(millis));
        match state.retry.phase() {
            Phase::Connecting { .. } => Turn::Attempt(state.attempt, deadline),
            Phase::Ended(_) => Turn::Ended,
            _ => Turn::Wait(deadline),
        }
    }

    pub(super) fn tick(&self) {
        self.step(&mut self.lock(), retry::Input::Tick);
    }

    /// The attempt led to a connection. Says its number, unless nobody wants it any more.
    pub(super) fn open(&self, attempt: u64, sender: Sender<ClientStream>) -> Option<u64> {
        let mut state = self.lock();
        if !state.is_under_way(attempt) {
            return None;
        }
        state.session += 1;
        state.ours = None;
        let session = state.session;
        state.link = Some(Live { session, sender });
        self.step(&mut state, retry::Input::Opened);
        self.step_outbox(&mut state, outbox::Input::Up);
        Some(session)
    }

    /// The attempt failed.
    pub(super) fn fail(&self, attempt: u64, verdict: Verdict) {
        let mut state = self.lock();
        if state.is_under_way(attempt) {
            self.step(&mut state, retry::Input::Down(verdict));
        }
    }

    /// A connection ended, in this way.
    pub(super) fn close(&self, session: u64, report: &CloseReport, verdict: Verdict) {
        let mut state = self.lock();
        if state.is_live(session) {
            state.link = None;
            let down = down_with(report, state.ours.as_ref());
            self.step_outbox(&mut state, down);
            self.step(&mut state, retry::Input::Down(verdict));
        }
    }

    /// The program closes a connection, and will connect again.
    pub(super) fn closing(&self, session: u64, reason: Option<&CloseReason>) {
        let mut state = self.lock();
        if state.is_live(session) {
            state.ours = reason.cloned();
        }
    }

    /// The program left a session before its end: it is closed in the background, and what is still
    /// on its way may arrive or not.
    pub(super) fn leave(&self, session: u64) {
        let mut state = self.lock();
        if let Some(live) = state.link.take_if(|live| live.session == session) {
            live.sender.start_close(CloseReason::from_code(CloseCode::NORMAL).ok());
            self.step_outbox(&mut state, outbox::Input::Down { unsent: 0, answered: false });
            self.step(&mut state, retry::Input::Down(Verdict::Retry));
        }
    }

    // The messengers.

    /// Steps the retry value with something that the program knows.
    pub(super) fn tell(&self, input: retry::Input) {
        let mut state = self.lock();
        match (state.retry.phase(), input) {
            // The end is for good, for fates were told; and the first `next` begins.
            (Phase::Ended(_), _) | (Phase::Idle, retry::Input::Reconnect) => {}
            _ => self.step(&mut state, input),
        }
    }

    /// The program is done.
    pub(super) fn end(&self, reason: Option<CloseReason>) {
        let mut state = self.lock();
        state.ours = reason;
        self.step(&mut state, retry::Input::Close);
    }

    /// Queues or refuses a message, unless it may leave at once.
    pub(super) fn push(self: &Arc<Self>, message: &Message) -> Pushed {
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
    pub(super) fn write(
        self: &Arc<Self>,
        session: u64,
        permit: Permit<ClientStream>,
        message: &Message,
    ) -> Option<Receipt> {
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
    pub(super) fn refused_by(&self, session: u64) {
        let mut state = self.lock();
        // At the end nothing is pushed any more, and the answer to our close frame may prove
        // everything.
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
    pub(super) fn due(&self) -> Due {
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
    pub(super) fn take(&self, session: u64, permit: Permit<ClientStream>) {
        let mut state = self.lock();
        let Some(first) = state.messages.front().cloned() else { return };
        if state.takes_messages(session) && permit.send(first).is_ok() {
            self.step_outbox(&mut state, outbox::Input::Take);
        }
    }

    /// Tells of what has waited too long.
    pub(super) fn expire(&self) {
        self.step_outbox(&mut self.lock(), outbox::Input::Tick);
    }

    /// Begins to ask for proof, if somebody awaits it: whom to ask.
    pub(super) fn mark(&self) -> Option<Live> {
        let mut state = self.lock();
        if !state.wants_proof() {
            return None;
        }
        self.step_outbox(&mut state, outbox::Input::Mark).and_then(|_ping| state.link.clone())
    }

    /// The ping was answered.
    pub(super) fn pong(&self, session: u64) {
        let mut state = self.lock();
        if state.takes_messages(session) {
            self.step_outbox(&mut state, outbox::Input::Pong);
        }
    }

    // The receipts.

    pub(super) fn poll_fate(&self, cx: &Context<'_>, number: u64) -> Poll<Fate> {
        let mut state = self.lock();
        let awaited = state.receipts.awaited;
        let polled = state.receipts.poll(cx, number);
        if state.receipts.awaited > awaited && state.wants_proof() {
            self.proof.notify_one();
        }
        polled
    }

    // Both values.

    fn step(&self, state: &mut State, input: retry::Input) {
        let actions = state.retry.step(self.now(), masks::uniform(), input);
        for action in actions {
            match action {
                retry::Action::Connect => state.attempt += 1,
                retry::Action::Drop(_) => {
                    // An attempt is dropped by the loop, which sees that it is not the one it wants.
                    if let Some(live) = state.link.take() {
                        live.sender.link().abort();
                        let unsent = live.sender.link().unsent() as u64;
                        self.step_outbox(state, outbox::Input::Down { unsent, answered: false });
                    }
                }
                retry::Action::Close => {
                    if let Some(live) = &state.link {
                        live.sender.start_close(state.ours.clone());
                    }
                }
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
    fn step_outbox(&self, state: &mut State, input: outbox::Input) -> Option<outbox::Action> {
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

impl State {
    fn is_under_way(&self, attempt: u64) -> bool {
        self.attempt == attempt && matches!(self.retry.phase(), Phase::Connecting { .. })
    }

    fn receipt(&mut self, shared: &Arc<Shared>, number: u64) -> Receipt {
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

/// What a report says about messages.
///
/// Only the answer to our own close frame proves that all before it was read. A peer that closed by
/// itself in the same moment has not read it, and mostly has another code than ours: an answer
/// typically echoes it (RFC 6455 §5.5.1).
fn down_with(report: &CloseReport, ours: Option<&CloseReason>) -> outbox::Input {
    let code = ours.map_or(CloseCode::NO_STATUS, CloseReason::code);
    let answered = report.was_clean && report.cause == CloseCause::Local && report.code == code;
    outbox::Input::Down { unsent: report.unsent.messages as u64, answered }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("status", &*self.status.borrow()).finish_non_exhaustive()
    }
}
