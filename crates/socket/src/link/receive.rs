//! Reading: one event a call, from what was read before or from the stream.

use std::io::ErrorKind;
use std::ops::{ControlFlow, Deref, DerefMut};
use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll, ready};

use everwire_wire::{CloseCode, CloseReason, Event, Incoming, Input, Message, ReadyState};

use super::tail::Tail;
use super::{Link, State, Stream};
use crate::buffers::with_buffer;
use crate::clock;

/// After so many reads that brought nothing to return, other tasks have their turn: a peer that sends
/// faster than we read must not keep the thread.
const TURN: u32 = 16;

/// A read of fewer bytes has found all that there was, as good as: whoever was shown messages in it
/// does not ask for more before their answers have left.
const SHORT_READ: usize = 4 * 1024;

/// How messages are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Complete.
    Whole,
    /// In pieces, as they arrive.
    Pieces,
}

impl<S: Stream> Link<S> {
    /// Shows events to `pick` until it takes one; `None` when the connection has ended.
    ///
    /// All state is in the link, so a caller may stop asking at any time and lose nothing.
    pub(crate) fn poll_pick<T>(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        delivery: Delivery,
        pick: impl FnMut(Event<'_>) -> Option<T>,
    ) -> Poll<Option<T>> {
        let mut held = Held::new(self);
        let polled = self.poll_events(&mut held, cx, delivery, &mut Picker(pick));
        if polled.is_ready() && held.end.is_none() {
            self.account(&mut held);
        }
        polled
    }

    /// The next whole message.
    pub(crate) fn poll_message(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        if let Some(message) = self.lock().short_in_tail() {
            return Poll::Ready(Some(message));
        }
        self.poll_pick(cx, Delivery::Whole, |event| match event {
            Event::Message(message) => Some(message.into_message()),
            _ => None,
        })
    }

    /// Waits until an answer may be queued, and then shows whole messages to `visit` for as long as
    /// there are some without waiting, and it says to go on; says how many there were. The lock is
    /// free while `visit` runs, and what it sends leaves in one write.
    pub(crate) fn poll_visit(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        visit: impl FnMut(Incoming<'_>) -> ControlFlow<()>,
    ) -> Poll<Option<usize>> {
        let mut held = Held::new(self);
        std::task::ready!(held.poll_answerable(cx));
        let mut visitor = Visitor { visit, visited: 0 };
        let polled = self.poll_events(&mut held, cx, Delivery::Whole, &mut visitor);
        match polled {
            Poll::Ready(_) if visitor.visited == 0 => Poll::Ready(None),
            Poll::Pending if visitor.visited == 0 => Poll::Pending,
            _ => {
                // The answers relied on this; none of them has told the driver.
                if held.end.is_none() {
                    self.leave_now(&mut held);
                }
                Poll::Ready(Some(visitor.visited))
            }
        }
    }

    /// The loop that both share.
    fn poll_events<T>(
        self: &Arc<Self>,
        held: &mut Held<'_, S>,
        cx: &mut Context<'_>,
        delivery: Delivery,
        show: &mut impl Show<S, T>,
    ) -> Poll<Option<T>> {
        let mut reads = 0;
        loop {
            if held.end.is_some() {
                return Poll::Ready(None);
            }
            if held.has_tail() {
                let mut tail = held.tail.take();
                let mut input = tail.input();
                let shown = held.show_events(delivery, &mut input, show);
                let used = input.used();
                drop(input);
                tail.used(used);
                held.tail = tail;
                if shown.is_some() {
                    return Poll::Ready(shown);
                }
                continue;
            }
            if held.ready_state() >= ReadyState::Closing {
                // What was queued goes first: the report waits for our close frame to leave.
                held.flush(self);
                let shown = held.show_events(delivery, &mut Input::new(&mut []), show);
                if shown.is_some() {
                    return Poll::Ready(shown);
                }
                if held.end.is_some() {
                    continue;
                }
            }
            match with_buffer(|buffer| held.read_events(cx, delivery, buffer, show)) {
                Poll::Ready(Ok(None)) => {
                    reads += 1;
                    if reads == TURN {
                        cx.waker().wake_by_ref();
                        held.flush(self);
                        self.account(held);
                        self.arm(held);
                        return Poll::Pending;
                    }
                }
                Poll::Ready(Ok(shown)) => return Poll::Ready(shown),
                Poll::Ready(Err(end)) => held.handle_end(end),
                Poll::Pending => match held.write_failed {
                    // All that the peer sent before it stopped listening has been read.
                    Some(kind) => held.handle_end(End::Failed(kind)),
                    None => {
                        let state = &mut **held;
                        // Nothing more to answer for now: what was corked leaves.
                        state.flush(self);
                        if state.takes_no_more() {
                            continue;
                        }
                        state.await_more(cx);
                        if !state.is_settled() {
                            self.account(state);
                            self.arm(state);
                        }
                        return Poll::Pending;
                    }
                },
            }
        }
    }
}

impl<S: Stream> Link<S> {
    /// The reader of a message in pieces left before its end.
    pub(crate) fn leave_pieces(&self) {
        self.lock().piece_left = true;
    }
}

impl<S> State<S> {
    fn await_more(&mut self, cx: &Context<'_>) {
        if !self.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
            self.reader = Some(cx.waker().clone());
        }
    }

    /// A message that came with those before it, when it is a short one: the shortest way there is.
    fn short_in_tail(&mut self) -> Option<Message> {
        if self.tail.is_empty() || self.end.is_some() {
            return None;
        }
        let mut input = self.tail.input();
        let message = self.connection.poll_short(&mut input)?.into_message();
        let used = input.used();
        drop(input);
        self.tail.used(used);
        Some(message)
    }
}

/// To whom events are shown.
trait Show<S, T> {
    /// Shows an event; what it gives ends the showing.
    fn event(&mut self, held: &mut Held<'_, S>, event: Event<'_>) -> Option<T>;

    /// After each event, what is still in the input: all of it may be used, or nothing.
    fn rest(&mut self, _: &mut Held<'_, S>, _: &mut Input<'_>) -> Option<T> {
        None
    }

    /// After a [short read](SHORT_READ).
    fn caught_up(&self) -> Option<T> {
        None
    }
}

/// Takes one event.
struct Picker<F>(F);

impl<S, T, F: FnMut(Event<'_>) -> Option<T>> Show<S, T> for Picker<F> {
    fn event(&mut self, _: &mut Held<'_, S>, event: Event<'_>) -> Option<T> {
        self.0(event)
    }
}

/// Is shown messages until it breaks off.
struct Visitor<F> {
    visit: F,
    visited: usize,
}

impl<S: Stream, F: FnMut(Incoming<'_>) -> ControlFlow<()>> Show<S, ()> for Visitor<F> {
    fn event(&mut self, held: &mut Held<'_, S>, event: Event<'_>) -> Option<()> {
        let Event::Message(message) = event else { return None };
        self.visited += 1;
        held.visiting(|| (self.visit)(message)).break_value()
    }

    /// Several short messages in one read are shown without asking for the lock between them.
    fn rest(&mut self, held: &mut Held<'_, S>, input: &mut Input<'_>) -> Option<()> {
        if input.unread().is_empty() {
            return None;
        }
        let messages = held.connection.short_messages()?;
        let visit_all = || {
            while let Some(message) = messages.next(input) {
                self.visited += 1;
                (self.visit)(message)?;
            }
            ControlFlow::Continue(())
        };
        held.visiting(visit_all).break_value()
    }

    fn caught_up(&self) -> Option<()> {
        (self.visited > 0).then_some(())
    }
}

/// The lock, held, and given back while code of the application runs.
struct Held<'a, S> {
    link: &'a Arc<Link<S>>,
    /// None while it is given back.
    guard: Option<MutexGuard<'a, State<S>>>,
}

/// The stream gives no more.
enum End {
    Eof,
    Failed(ErrorKind),
}

impl<'a, S: Stream> Held<'a, S> {
    fn new(link: &'a Arc<Link<S>>) -> Self {
        Self { link, guard: Some(link.lock()) }
    }

    /// Runs code of the application, which may use the connection.
    fn visiting<R>(&mut self, run: impl FnOnce() -> R) -> R {
        self.visiting = true;
        self.guard = None;
        let panicked = Panicked(self.link);
        let result = run();
        std::mem::forget(panicked);
        self.guard = Some(self.link.lock());
        self.visiting = false;
        result
    }

    /// Reads once, and shows the events in what was read until one is taken.
    fn read_events<T>(
        &mut self,
        cx: &mut Context<'_>,
        delivery: Delivery,
        buffer: &mut [u8],
        show: &mut impl Show<S, T>,
    ) -> Poll<Result<Option<T>, End>> {
        let len = match ready!(self.poll_read(cx, buffer)) {
            Ok(0) => return Poll::Ready(Err(End::Eof)),
            Ok(len) => len,
            Err(error) => return Poll::Ready(Err(End::Failed(error.kind()))),
        };
        let mut input = Input::new(&mut buffer[..len]);
        let shown = self.show_events(delivery, &mut input, show);
        // No buffer of the thread survives a return: what is unread moves once, to a place of its
        // size.
        if !input.unread().is_empty() {
            self.tail = Tail::new(input.unread().to_vec());
        }
        let caught_up = || if len < SHORT_READ { show.caught_up() } else { None };
        Poll::Ready(Ok(shown.or_else(caught_up)))
    }

    /// Shows the events in `input` until one is taken or there are no more.
    fn show_events<T>(
        &mut self,
        delivery: Delivery,
        input: &mut Input<'_>,
        show: &mut impl Show<S, T>,
    ) -> Option<T> {
        loop {
            let connection = &mut self.connection;
            let now = connection.active_at();
            let event = match delivery {
                Delivery::Whole => connection.poll_event(now, input),
                Delivery::Pieces => connection.poll_piece(now, input),
            };
            match event? {
                Event::Closed(report) => {
                    let link = self.link;
                    link.handle_report(self, *report);
                    return None;
                }
                Event::Piece(piece) if self.piece_left => self.piece_left = !piece.is_last(),
                event => {
                    if let (Event::Pong(payload), Some(waiting)) = (&event, &mut self.waiting) {
                        waiting.handle_pong(payload);
                    }
                    // Its pong must not wait for the application, which may be shown a message next.
                    if matches!(event, Event::Ping(_)) {
                        self.link.push();
                    }
                    let shown = show.event(self, event).or_else(|| show.rest(self, input));
                    if shown.is_some() {
                        return shown;
                    }
                }
            }
        }
    }

    fn handle_end(&mut self, end: End) {
        let now = clock::now();
        let failed = match end {
            End::Failed(kind) => Some(kind),
            End::Eof => self.write_failed,
        };
        match failed {
            Some(kind) => self.connection.handle_transport_error(now, kind),
            None => self.connection.handle_eof(now),
        }
    }
}

/// The application panicked while it was shown a message. What was read behind that is lost, so
/// nothing that comes can be understood: the connection ends, whoever catches the panic.
struct Panicked<'a, S: Stream>(&'a Arc<Link<S>>);

impl<S: Stream> Drop for Panicked<'_, S> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.visiting = false;
        let reason = CloseReason::from_code(CloseCode::INTERNAL_ERROR);
        state.connection.close(clock::now(), reason.ok());
        state.flush(self.0);
        state.connection.abort(clock::now());
        self.0.finish(&mut state);
    }
}

impl<S> Deref for Held<'_, S> {
    type Target = State<S>;

    fn deref(&self) -> &State<S> {
        self.guard.as_ref().expect("held, except while the application's code runs")
    }
}

impl<S> DerefMut for Held<'_, S> {
    fn deref_mut(&mut self) -> &mut State<S> {
        self.guard.as_mut().expect("held, except while the application's code runs")
    }
}
