//! What is due without a call: deadlines, writes that had to wait, and the end of the stream.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use everwire_wire::{CloseCause, CloseReport, Input, ProtocolError, ReadyState, Role};

use super::{Delivery, End, Link, State, Stream};
use crate::budget;
use crate::buffers::with_buffer;
use crate::driver::Driven;

/// How long a stream is seen off at the most.
const LINGER: Duration = Duration::from_secs(2);

/// How much is read and dropped on the way: enough for whoever is in the middle of a message that was
/// refused for its length, and reads our answer only when it is done.
const LINGER_BYTES: usize = 32 << 20;

/// While the stream is seen off. A stream that is let go with unread bytes is reset by the system,
/// and a reset destroys the close frame that is still on its way (RFC 9293 §3.10.7.4, RFC 6455
/// §7.1.1).
#[derive(Debug)]
pub(super) struct Farewell {
    pub(super) deadline: Instant,
    /// Our direction is yet to be ended.
    shutdown: bool,
    /// How many more bytes may be dropped.
    allowance: usize,
}

impl<S: Stream> Driven for Link<S> {
    fn drive(self: Arc<Self>, now: Instant) {
        // Before the look: what happens during it is looked at again.
        self.on_driver.store(false, Ordering::Release);
        let mut state = self.lock();
        if let Some(tick) = state.armed.take_if(|tick| self.driver.is_due(*tick, now)) {
            let link: Arc<dyn Driven> = self.clone();
            self.driver.disarm(&link, tick);
        }
        // No deadline is due before the tick that was armed for the first of them.
        let due = state.armed.is_none();
        if state.farewell().is_some() {
            return self.see_off(&mut state, now);
        }
        if state.end.is_some() {
            return;
        }
        if self.over_budget.swap(false, Ordering::Relaxed) {
            state.connection.fail(now, ProtocolError::OverBudget);
        }
        if due {
            self.meet_deadlines(&mut state, now);
        }
        state.flush(&self);
        if state.receiver_gone {
            drop(state);
            return self.discard();
        }
        // What ended without the application's doing is told to whoever awaits it, or will.
        if state.ready_state() == ReadyState::Closed || state.write_failed.is_some() {
            if state.reader.is_none()
                && !state.has_tail()
                && state.ready_state() == ReadyState::Closed
            {
                self.finish(&mut state);
            }
            state.wake_all();
        }
        if !state.is_settled() {
            self.account(&mut state);
            self.arm(&mut state);
        }
    }

    fn give_up_message(self: Arc<Self>) {
        self.over_budget.store(true, Ordering::Relaxed);
        self.push();
    }
}

impl<S> State<S> {
    fn set_farewell(&mut self, farewell: Option<Farewell>) {
        if let Some(end) = &mut self.end {
            end.farewell = farewell;
        }
    }
}

/// The stream takes more bytes, or has some: the driver has a look.
impl<S: Stream> Wake for Link<S> {
    fn wake(self: Arc<Self>) {
        self.push();
    }
}

impl<S: Stream> Link<S> {
    fn meet_deadlines(&self, state: &mut State<S>, now: Instant) {
        if state.connection.poll_timeout().is_none_or(|deadline| deadline > now) {
            return;
        }
        // A peer is not dead while its bytes wait unread: a slow application is our own doing.
        if state.connection.judges_silence() && state.has_unread() {
            state.connection.handle_life(now);
        }
        state.connection.handle_timeout(now);
    }

    /// Reads on behalf of an application that will not: messages are dropped, control frames are
    /// answered, and the end is found.
    fn discard(self: &Arc<Self>) {
        let waker = Waker::from(self.clone());
        let cx = &mut Context::from_waker(&waker);
        // The end has its own path; there is nothing to pick.
        let _ = self.poll_pick(cx, Delivery::Pieces, |_| None::<()>);
    }

    /// The connection has ended, in whatever way: takes its report and sees the stream off.
    pub(super) fn finish(self: &Arc<Self>, state: &mut State<S>) {
        let mut nothing = Input::new(&mut []);
        let now = state.connection.active_at();
        if let Some(everwire_wire::Event::Closed(report)) =
            state.connection.poll_event(now, &mut nothing)
        {
            self.handle_report(state, *report);
        }
    }

    pub(super) fn handle_report(self: &Arc<Self>, state: &mut State<S>, mut report: CloseReport) {
        state.give_up_held(&mut report.unsent);
        tracing::debug!(code = %report.code, was_clean = report.was_clean, "connection closed");
        let now = crate::clock::now();
        // After a closing handshake, or a violation that was answered with a close frame, the last
        // frame must arrive; in all other cases nobody listens.
        let last_frame = report.was_clean || matches!(report.cause, CloseCause::Violation(_));
        let was_clean = report.was_clean;
        state.end = Some(Box::new(End { report, farewell: None }));
        state.wake_all();
        self.charge(state, 0, 0);
        if last_frame && state.write_failed.is_none() {
            let linger = LINGER.min(state.connection.config().close_timeout);
            // §7.1.1: the server ends TCP first; a client waits for it, unless the server is the
            // one that broke the protocol.
            let waits = state.connection.role() == Role::Client && was_clean;
            state.set_farewell(Some(Farewell {
                deadline: now + linger,
                shutdown: !waits,
                allowance: LINGER_BYTES,
            }));
            self.push();
            self.arm(state);
        } else {
            self.let_go(state);
        }
    }

    fn see_off(self: &Arc<Self>, state: &mut State<S>, now: Instant) {
        let waker = Waker::from(self.clone());
        let cx = &mut Context::from_waker(&waker);
        let Some(mut farewell) = state.end.as_mut().and_then(|end| end.farewell.take()) else {
            return;
        };
        if farewell.shutdown {
            match state.poll_shutdown(cx) {
                Poll::Ready(Ok(())) => farewell.shutdown = false,
                Poll::Ready(Err(_)) => return self.let_go(state),
                Poll::Pending => {}
            }
        }
        if farewell.deadline <= now {
            return self.let_go(state);
        }
        let over = with_buffer(|buffer| {
            loop {
                match state.poll_read(cx, buffer) {
                    Poll::Ready(Ok(len)) if len > 0 && len <= farewell.allowance => {
                        farewell.allowance -= len;
                    }
                    Poll::Ready(_) => return true,
                    Poll::Pending => return false,
                }
            }
        });
        if over {
            return self.let_go(state);
        }
        state.set_farewell(Some(farewell));
        self.arm(state);
    }

    pub(super) fn let_go(self: &Arc<Self>, state: &mut State<S>) {
        state.set_farewell(None);
        state.let_go();
        if let Some(tick) = state.armed.take() {
            let link: Arc<dyn Driven> = self.clone();
            self.driver.disarm(&link, tick);
        }
    }

    /// Tells the process budget what this connection holds, when that changed enough to matter.
    pub(super) fn account(self: &Arc<Self>, state: &mut State<S>) {
        let held = state.connection.retained() + state.tail.retained();
        if held.abs_diff(state.charged) >= budget::GRAIN || (held == 0 && state.charged > 0) {
            let unfinished = state.connection.unfinished();
            self.charge(state, held, unfinished);
        }
    }

    fn charge(self: &Arc<Self>, state: &mut State<S>, held: usize, unfinished: usize) {
        if state.charged != held {
            let link: Arc<dyn Driven> = self.clone();
            budget::process().charge(&link, state.charged, held, unfinished);
            state.charged = held;
        }
    }
}
