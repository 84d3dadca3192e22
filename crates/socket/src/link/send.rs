//! Sending: messages are queued whole or not at all, and leave together where they can.

use std::sync::Arc;
use std::task::{Context, Poll};

use everwire_wire::{
    CloseCode, CloseReason, Compress, Kind, Outbound, ReadyState, SendError, SharedFrame, Unsent,
};

use super::waiting::PING_LEN;
use super::{Link, State, Stream};
use crate::clock;
use crate::masks::ThreadMasks;

/// While more input waits to be answered, answers are held back up to this many bytes.
const CORK: usize = 64 * 1024;

/// When queued bytes leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// At once, unless more input waits whose answers may leave with them.
    Now,
    /// With what follows: the driver sees them off after the current tasks have run.
    Soon,
    /// When the visit is over whose answers they are.
    AfterVisit,
}

impl<S: Stream> Link<S> {
    /// Queues a message if there is room.
    pub(crate) fn try_send(
        self: &Arc<Self>,
        message: Outbound<'_>,
        compress: Compress,
        leave: Leave,
    ) -> Result<(), SendError> {
        let mut state = self.lock();
        state.check_message(message.payload().len())?;
        self.put(&mut state, message, compress, leave)
    }

    /// Queues a message as soon as there is room.
    pub(crate) fn poll_send(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        message: &mut Option<Outbound<'_>>,
        compress: Compress,
        leave: Leave,
    ) -> Poll<Result<(), SendError>> {
        let mut state = self.lock();
        let len = message.as_ref().map_or(0, |message| message.payload().len());
        std::task::ready!(state.poll_room(cx, len))?;
        if let Some(message) = message.take() {
            // The room was asked for.
            self.put(&mut state, message, compress, leave)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until a message may be queued, whatever its length.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.lock().poll_room(cx, 1)
    }

    /// Queues a message after [`poll_ready`](Self::poll_ready) said that there is room: one message
    /// may go beyond the limit.
    pub(crate) fn force_send(
        self: &Arc<Self>,
        message: Outbound<'_>,
        compress: Compress,
        leave: Leave,
    ) -> Result<(), SendError> {
        let mut state = self.lock();
        match state.check_message(1) {
            // Another task was told the same and was faster.
            Err(SendError::QueueFull { .. }) => {}
            result => result?,
        }
        self.put(&mut state, message, compress, leave)
    }

    /// Queues a visitor's answer if there is any room; says whether there still is.
    pub(crate) fn answer(self: &Arc<Self>, message: Outbound<'_>) -> Result<bool, SendError> {
        let mut state = self.lock();
        state.check_message(1)?;
        self.put(&mut state, message, Compress::Auto, Leave::AfterVisit)?;
        Ok(state.has_room(1))
    }

    /// Waits for room for a piece of a message in progress, and queues it.
    pub(crate) fn poll_send_piece(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        kind: Kind,
        piece: &[u8],
        last: bool,
    ) -> Poll<Result<(), SendError>> {
        let mut state = self.lock();
        // Where the queue is empty the piece goes on, whatever waits for the message to end.
        match state.check_piece(piece.len()) {
            Err(SendError::QueueFull { .. }) => {
                state.wait_for_room(cx);
                return Poll::Pending;
            }
            result => result?,
        }
        let compress = Compress::Auto;
        state.connection.send_piece(kind, piece, last, compress, &mut ThreadMasks)?;
        self.leave(&mut state, Leave::Now);
        if last {
            // Others waited for the message to end.
            state.wake_writers();
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until no other message is being sent in pieces, and begins one.
    pub(crate) fn poll_begin_pieces(&self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let mut state = self.lock();
        std::task::ready!(state.poll_room(cx, 1))?;
        state.writing_pieces = true;
        Poll::Ready(Ok(()))
    }

    /// A message in pieces is complete, or given up: then the connection cannot go on, for the peer
    /// would take what follows for the rest of it.
    pub(crate) fn end_pieces(self: &Arc<Self>, complete: bool) {
        let mut state = self.lock();
        state.writing_pieces = false;
        if !complete && state.connection.is_sending_pieces() {
            let reason = CloseReason::new(CloseCode::INTERNAL_ERROR, "message given up");
            state.connection.close(clock::now(), reason.ok());
            self.push();
        }
        // On a connection that ends they stay, and are reported as not sent.
        let open = state.ready_state() == ReadyState::Open;
        let held = if open { state.take_held() } else { Vec::new() };
        for frame in held {
            state.release(frame.message().len());
            // It is open, and the room was theirs.
            let _ = state.connection.send_shared_over_limit(&frame, &mut ThreadMasks);
            self.push();
        }
        state.wake_writers();
    }

    pub(crate) fn ping(self: &Arc<Self>, payload: &[u8]) -> Result<(), SendError> {
        let mut state = self.lock();
        state.connection.ping(payload)?;
        self.leave(&mut state, Leave::Now);
        Ok(())
    }

    /// Begins the closing handshake.
    pub(crate) fn close(self: &Arc<Self>, reason: Option<CloseReason>) {
        let mut state = self.lock();
        state.connection.close(clock::now(), reason);
        state.wake_writers();
        state.flush(self);
        self.arm(&mut state);
        self.push();
    }

    /// Waits until all that was queued has been handed to the network.
    pub(crate) fn poll_drained(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError>> {
        let mut state = self.lock();
        state.flush(self);
        self.arm(&mut state);
        let closed = state.ready_state() == ReadyState::Closed;
        if state.write_failed.is_some() || (closed && state.connection.buffered_amount() > 0) {
            return Poll::Ready(Err(SendError::Closed));
        }
        if closed || state.is_drained() {
            return Poll::Ready(Ok(()));
        }
        state.wait_for_room(cx);
        Poll::Pending
    }

    // Proof.

    /// Queues a ping behind all that is queued, as soon as there is room; says its number.
    pub(crate) fn poll_ping_in_order(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<u32, SendError>> {
        let mut state = self.lock();
        match state.check_piece(PING_LEN) {
            Err(SendError::QueueFull { .. }) => {
                state.wait_for_room(cx);
                return Poll::Pending;
            }
            result => result?,
        }
        let (number, payload) = state.waiting.get_or_insert_default().ping();
        state.connection.ping_in_order(&payload, &mut ThreadMasks)?;
        self.leave(&mut state, Leave::Now);
        Poll::Ready(Ok(number))
    }

    /// Waits for the pong of that ping.
    pub(crate) fn poll_confirmed(
        &self,
        cx: &mut Context<'_>,
        number: u32,
    ) -> Poll<Result<(), SendError>> {
        let mut state = self.lock();
        let confirmed = state.waiting.as_mut().map(|waiting| waiting.is_confirmed(cx, number));
        match confirmed {
            Some(true) => Poll::Ready(Ok(())),
            Some(false) if state.ready_state() != ReadyState::Closed => Poll::Pending,
            _ => Poll::Ready(Err(SendError::Closed)),
        }
    }

    /// Nobody waits for that pong any more.
    pub(crate) fn forget_confirm(&self, number: u32) {
        if let Some(waiting) = &mut self.lock().waiting {
            waiting.forget(number);
        }
    }

    // Permits.

    /// Waits for room for `len` bytes and holds it.
    pub(crate) fn poll_reserve(
        &self,
        cx: &mut Context<'_>,
        len: usize,
    ) -> Poll<Result<(), SendError>> {
        let mut state = self.lock();
        std::task::ready!(state.poll_room(cx, len))?;
        state.reserve(len);
        Poll::Ready(Ok(()))
    }

    /// Gives room back that a permit held.
    pub(crate) fn release(&self, len: usize) {
        let mut state = self.lock();
        state.release(len);
        state.wake_writers();
    }

    /// Queues a message in the room of a permit for `reserved` bytes.
    pub(crate) fn send_reserved(
        self: &Arc<Self>,
        message: Outbound<'_>,
        reserved: usize,
    ) -> Result<(), SendError> {
        let mut state = self.lock();
        state.release(reserved);
        let len = message.payload().len();
        match state.check_message(if len > reserved { len } else { 0 }) {
            // There is room, whatever the queue holds by now: frame headers and what compression
            // adds may take it a little over its limit.
            Err(SendError::QueueFull { .. }) if len <= reserved => {}
            Err(error) => {
                // Others may have the room.
                state.wake_writers();
                return Err(error);
            }
            Ok(()) => {}
        }
        self.put(&mut state, message, Compress::Auto, Leave::Now)
    }

    /// Queues a message, or gives it to the network from where it lies. There is room for it.
    #[inline]
    fn put(
        self: &Arc<Self>,
        state: &mut State<S>,
        message: Outbound<'_>,
        compress: Compress,
        leave: Leave,
    ) -> Result<(), SendError> {
        if state.connection.send_short(&message, compress) {
            // What most messages are.
        } else if leave == Leave::Soon || !state.write_directly(self, &message, compress) {
            state.connection.send_over_limit(message, compress, &mut ThreadMasks)?;
        }
        self.leave(state, leave);
        Ok(())
    }

    /// Sees queued bytes off, now or soon.
    #[inline]
    pub(super) fn leave(self: &Arc<Self>, state: &mut State<S>, leave: Leave) {
        // More input waits: its answers may leave in the same write. The driver keeps that from
        // waiting for the application.
        let more_to_answer = state.has_tail() || state.visiting;
        if (leave == Leave::Soon || more_to_answer) && state.connection.buffered_amount() < CORK {
            if leave != Leave::AfterVisit {
                self.push();
            }
            return;
        }
        self.leave_now(state);
    }

    pub(super) fn leave_now(self: &Arc<Self>, state: &mut State<S>) {
        state.flush(self);
        if !state.is_settled() {
            self.arm(state);
            // What the network did not take is held.
            self.account(state);
        }
    }
}

impl<S> State<S> {
    /// Whether a message of `len` bytes has room.
    pub(super) fn has_room(&self, len: usize) -> bool {
        self.check_room(len).is_ok()
    }

    /// Waits until a visitor's answer may be queued; also over when the connection is.
    pub(super) fn poll_answerable(&mut self, cx: &Context<'_>) -> Poll<()> {
        if matches!(self.check_room(1), Err(SendError::QueueFull { .. })) {
            self.wait_for_room(cx);
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Waits for room for a message of `len` bytes.
    pub(super) fn poll_room(
        &mut self,
        cx: &Context<'_>,
        len: usize,
    ) -> Poll<Result<(), SendError>> {
        match self.check_message(len) {
            Err(SendError::QueueFull { .. } | SendError::MessageInProgress) => {
                self.wait_for_room(cx);
                Poll::Pending
            }
            result => Poll::Ready(result),
        }
    }

    #[inline]
    pub(super) fn check_message(&self, len: usize) -> Result<(), SendError> {
        if self.writing_pieces && self.ready_state() == ReadyState::Open {
            return Err(SendError::MessageInProgress);
        }
        self.check_room(len)
    }

    #[inline]
    fn check_piece(&self, len: usize) -> Result<(), SendError> {
        if self.write_failed.is_some() {
            return Err(SendError::Closed);
        }
        self.connection.check_sendable(len.saturating_add(self.reserved()))
    }

    #[inline]
    pub(super) fn check_room(&self, len: usize) -> Result<(), SendError> {
        self.check_piece(len)?;
        // An empty queue takes one message of any length, but not where others hold room in it.
        let (queued, max) = (self.reserved(), self.connection.config().max_queued_bytes);
        if queued > 0 && queued.saturating_add(len) > max {
            return Err(SendError::QueueFull { queued, max });
        }
        Ok(())
    }

    /// Keeps a group's message until the one in pieces is complete; there is room for it.
    pub(super) fn hold(&mut self, frame: &SharedFrame) {
        self.reserve(frame.message().len());
        self.waiting.get_or_insert_default().held.push(frame.clone());
    }

    /// Room promised, in bytes.
    fn reserved(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.reserved)
    }

    fn reserve(&mut self, len: usize) {
        self.waiting.get_or_insert_default().reserved += len;
    }

    fn release(&mut self, len: usize) {
        if let Some(waiting) = &mut self.waiting {
            waiting.reserved -= len;
            self.waiting.take_if(|waiting| waiting.is_unused());
        }
    }

    fn take_held(&mut self) -> Vec<SharedFrame> {
        self.waiting.as_mut().map_or_else(Vec::new, |waiting| std::mem::take(&mut waiting.held))
    }

    /// Those messages will not be sent; whoever queued them was told that they would be.
    pub(super) fn give_up_held(&mut self, unsent: &mut Unsent) {
        for frame in self.take_held() {
            self.release(frame.message().len());
            unsent.messages += 1;
            unsent.bytes += frame.message().len();
        }
    }

    fn wait_for_room(&mut self, cx: &Context<'_>) {
        let writers = &mut self.waiting.get_or_insert_default().writers;
        if !writers.iter().any(|writer| writer.will_wake(cx.waker())) {
            writers.push(cx.waker().clone());
        }
    }
}
