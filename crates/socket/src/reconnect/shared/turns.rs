//! The loop of sessions, and what the program knows of the world.

use std::task::Context;
use std::time::Instant;

use everwire_wire::{CloseCode, CloseReason};

use super::last_word::LastWord;
use super::{Live, Shared};
use crate::reconnect::outbox;
use crate::reconnect::retry::{self, Phase, Verdict};
use crate::{Sender, Stream};

/// Where the loop of sessions is.
pub(in crate::reconnect) enum Turn {
    /// This attempt is to be under way, until then.
    Attempt(u64, Option<Instant>),
    /// Nothing is to be done before then, if ever.
    Wait(Option<Instant>),
    /// It is over.
    Ended,
}

impl<S: Stream> Shared<S> {
    /// Starts if nobody has, and says where the loop is; `cx` is told when that changes.
    pub(in crate::reconnect) fn turn(&self, cx: &Context<'_>) -> Turn {
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

    pub(in crate::reconnect) fn tick(&self) {
        self.step(&mut self.lock(), retry::Input::Tick);
    }

    /// The attempt led to a connection. Says its number, unless nobody wants it any more.
    pub(in crate::reconnect) fn open(&self, attempt: u64, sender: Sender<S>) -> Option<u64> {
        let mut state = self.lock();
        if !state.is_under_way(attempt) {
            return None;
        }
        state.session += 1;
        let session = state.session;
        state.link = Some(Live { session, sender });
        self.step(&mut state, retry::Input::Opened);
        self.step_outbox(&mut state, outbox::Input::Up);
        Some(session)
    }

    /// The attempt failed.
    pub(in crate::reconnect) fn fail(&self, attempt: u64, verdict: Verdict) {
        let mut state = self.lock();
        if state.is_under_way(attempt) {
            self.step(&mut state, retry::Input::Down(verdict));
        }
    }

    /// A connection ended.
    pub(in crate::reconnect) fn close(&self, session: u64, verdict: Verdict) {
        let mut state = self.lock();
        if let Some(live) = state.link.take_if(|live| live.session == session) {
            let answered = state.last_word.take().is_some_and(LastWord::was_heard);
            let unsent = live.sender.link().unsent() as u64;
            self.step_outbox(&mut state, outbox::Input::Down { unsent, answered });
            self.step(&mut state, retry::Input::Down(verdict));
        }
    }

    /// The program closes a connection, and will connect again.
    pub(in crate::reconnect) fn start_close(&self, session: u64, reason: Option<CloseReason>) {
        let mut state = self.lock();
        if state.is_live(session) {
            state.start_close(reason);
        }
    }

    /// The program left a session before its end: it is closed in the background, and what is still
    /// on its way may arrive or not.
    pub(in crate::reconnect) fn leave(&self, session: u64) {
        let mut state = self.lock();
        if let Some(live) = state.link.take_if(|live| live.session == session) {
            live.sender.start_close(CloseReason::from_code(CloseCode::NORMAL).ok());
            state.last_word = None;
            self.step_outbox(&mut state, outbox::Input::Down { unsent: 0, answered: false });
            self.step(&mut state, retry::Input::Down(Verdict::Retry));
        }
    }

    // What the program knows.

    /// Steps the retry value with something that the program knows.
    pub(in crate::reconnect) fn tell(&self, input: retry::Input) {
        let mut state = self.lock();
        match (state.retry.phase(), input) {
            // The end is for good, for fates were told; and the first `next` begins.
            (Phase::Ended(_), _) | (Phase::Idle, retry::Input::Reconnect) => {}
            _ => self.step(&mut state, input),
        }
    }

    /// The program is done.
    pub(in crate::reconnect) fn end(&self, reason: Option<CloseReason>) {
        let mut state = self.lock();
        if matches!(state.retry.phase(), Phase::Open { .. }) {
            state.start_close(reason);
        }
        self.step(&mut state, retry::Input::Close);
    }
}
