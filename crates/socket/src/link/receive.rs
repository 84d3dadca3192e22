//! Reading: one event a call, from what was read before or from the stream.

use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll};

use everwire_wire::{Event, Input, ReadyState};

use super::{Link, State, Stream};
use crate::buffers::with_buffer;
use crate::clock;

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
        mut pick: impl FnMut(Event<'_>) -> Option<T>,
    ) -> Poll<Option<T>> {
        self.poll_events(cx, delivery, |_, state, event| (state, pick(event)))
    }

    /// Shows whole messages to `visit` for as long as there are some without waiting; says how many
    /// there were. The lock is free while `visit` runs, and what it sends leaves in one write.
    pub(crate) fn poll_visit(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        mut visit: impl FnMut(everwire_wire::Incoming<'_>),
    ) -> Poll<Option<usize>> {
        let mut visited = 0;
        let polled = self.poll_events(cx, Delivery::Whole, |link, mut state, event| {
            if let Event::Message(message) = event {
                state.visiting = true;
                drop(state);
                visited += 1;
                visit(message);
                state = link.lock();
                state.visiting = false;
            }
            (state, None::<()>)
        });
        match polled {
            Poll::Ready(_) if visited == 0 => Poll::Ready(None),
            Poll::Pending if visited == 0 => Poll::Pending,
            _ => Poll::Ready(Some(visited)),
        }
    }

    /// The loop that both share. `show` may give the lock back while it looks at an event.
    fn poll_events<'a, T>(
        self: &'a Arc<Self>,
        cx: &mut Context<'_>,
        delivery: Delivery,
        mut show: impl FnMut(
            &'a Arc<Self>,
            MutexGuard<'a, State<S>>,
            Event<'_>,
        ) -> (MutexGuard<'a, State<S>>, Option<T>),
    ) -> Poll<Option<T>> {
        let mut state = self.lock();
        loop {
            if state.report.is_some() {
                return Poll::Ready(None);
            }
            if state.has_tail() {
                let mut tail = std::mem::take(&mut state.tail);
                let at = std::mem::take(&mut state.tail_at);
                let mut input = Input::new(&mut tail[at..]);
                let shown;
                (state, shown) = self.show_events(state, delivery, &mut input, &mut show);
                let at = at + input.used();
                if at < tail.len() {
                    state.tail = tail;
                    state.tail_at = at;
                }
                if let Some(shown) = shown {
                    return Poll::Ready(Some(shown));
                }
                continue;
            }
            if state.ready_state() >= ReadyState::Closing {
                // What was queued goes first: the report waits for our close frame to leave.
                state.flush(self);
                let mut input = Input::new(&mut []);
                let shown;
                (state, shown) = self.show_events(state, delivery, &mut input, &mut show);
                if let Some(shown) = shown {
                    return Poll::Ready(Some(shown));
                }
                if state.report.is_some() {
                    continue;
                }
            }
            let read = with_buffer(|buffer| {
                let len = match state.poll_read(cx, buffer) {
                    Poll::Pending => return Read::Pending(state),
                    Poll::Ready(Ok(0)) => return Read::End(state, None),
                    Poll::Ready(Err(error)) => return Read::End(state, Some(error.kind())),
                    Poll::Ready(Ok(len)) => len,
                };
                let mut input = Input::new(&mut buffer[..len]);
                let (mut state, shown) = self.show_events(state, delivery, &mut input, &mut show);
                // No buffer of the thread survives a return: what is unread moves once, to a place
                // of its size.
                if !input.unread().is_empty() {
                    state.tail = input.unread().to_vec();
                    state.tail_at = 0;
                }
                Read::Some(state, shown)
            });
            match read {
                Read::Some(guard, None) => state = guard,
                Read::Some(mut guard, shown) => {
                    self.account(&mut guard);
                    return Poll::Ready(shown);
                }
                Read::End(guard, error) => {
                    state = guard;
                    self.handle_end(&mut state, error);
                }
                Read::Pending(guard) => {
                    state = guard;
                    if let Some(kind) = state.write_failed {
                        self.handle_end(&mut state, Some(kind));
                        continue;
                    }
                    if !state.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
                        state.reader = Some(cx.waker().clone());
                    }
                    // Nothing more to answer for now: what was corked leaves.
                    state.flush(self);
                    if state.ready_state() == ReadyState::Closed || state.write_failed.is_some() {
                        continue;
                    }
                    self.account(&mut state);
                    self.arm(&mut state);
                    return Poll::Pending;
                }
            }
        }
    }

    /// Shows the events in `input` until one is taken or there are no more.
    fn show_events<'a, T>(
        self: &'a Arc<Self>,
        mut state: MutexGuard<'a, State<S>>,
        delivery: Delivery,
        input: &mut Input<'_>,
        show: &mut impl FnMut(
            &'a Arc<Self>,
            MutexGuard<'a, State<S>>,
            Event<'_>,
        ) -> (MutexGuard<'a, State<S>>, Option<T>),
    ) -> (MutexGuard<'a, State<S>>, Option<T>) {
        loop {
            let now = state.now;
            let event = match delivery {
                Delivery::Whole => state.connection.poll_event(now, input),
                Delivery::Pieces => state.connection.poll_piece(now, input),
            };
            match event {
                None => return (state, None),
                Some(Event::Closed(report)) => {
                    self.handle_report(&mut state, report);
                    return (state, None);
                }
                Some(event) => {
                    let shown;
                    (state, shown) = show(self, state, event);
                    if shown.is_some() {
                        return (state, shown);
                    }
                }
            }
        }
    }

    /// The stream gives no more.
    fn handle_end(self: &Arc<Self>, state: &mut State<S>, error: Option<std::io::ErrorKind>) {
        let now = clock::now();
        match error.or(state.write_failed) {
            Some(kind) => state.connection.handle_transport_error(now, kind),
            None => state.connection.handle_eof(now),
        }
    }
}

/// What a read brought; the lock comes back with it.
enum Read<'a, S, T> {
    Some(MutexGuard<'a, State<S>>, Option<T>),
    Pending(MutexGuard<'a, State<S>>),
    End(MutexGuard<'a, State<S>>, Option<std::io::ErrorKind>),
}
