//! A WebSocket as a group knows it, whatever stream it goes over.

use std::sync::Arc;
use std::task::{Context, Poll};

use everwire_wire::{CloseCode, CloseReason, SendError, SharedFrame, Unsent};

use super::{Leave, Link, State, Stream};
use crate::clock;
use crate::masks::ThreadMasks;

/// How a member ended, as far as a group asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending {
    pub(crate) was_clean: bool,
    pub(crate) unsent: Unsent,
}

/// What a group asks of its members.
pub(crate) trait Member: Send + Sync {
    /// Queues a shared frame; it leaves with what else is queued before the driver's next turn.
    /// A member whose queue is full is closed with 1013: it cannot keep up.
    fn push_frame(self: Arc<Self>, frame: &SharedFrame) -> Result<(), SendError>;

    /// Begins the closing handshake.
    fn start_close(self: Arc<Self>, reason: Option<CloseReason>);

    /// How it ended, once nothing more is done for it: its stream was let go as well.
    fn ending(&self) -> Option<Ending>;

    /// Lets the stream go at once. Says how it ended, and whether this is what ended it.
    fn abort(self: Arc<Self>) -> (Ending, bool);
}

/// What a sender asks that does not know the stream.
pub(crate) trait Addressee: Member {
    /// As `push_frame`, but a queue that is full is all that is said of it.
    fn try_push_frame(self: Arc<Self>, frame: &SharedFrame) -> Result<(), SendError>;

    /// Waits until a frame whose message has `len` bytes may be queued.
    fn poll_room(&self, cx: &mut Context<'_>, len: usize) -> Poll<Result<(), SendError>>;

    /// Bytes that wait for the network.
    fn buffered_amount(&self) -> usize;

    /// Counts one more, or one less, of those who may send.
    fn add_handle(&self);
    fn drop_handle(self: Arc<Self>);
}

impl<S: Stream> Member for Link<S> {
    fn push_frame(self: Arc<Self>, frame: &SharedFrame) -> Result<(), SendError> {
        let mut state = self.lock();
        let sent = self.queue_frame(&mut state, frame);
        if let Err(SendError::QueueFull { .. }) = sent {
            tracing::debug!("a member of a group cannot keep up");
            let reason = CloseReason::new(CloseCode::TRY_AGAIN_LATER, "too slow");
            state.connection.close(clock::now(), reason.ok());
            self.push();
        }
        sent
    }

    fn start_close(self: Arc<Self>, reason: Option<CloseReason>) {
        self.close(reason);
    }

    fn ending(&self) -> Option<Ending> {
        let state = self.lock();
        let report = state.report().filter(|_| state.farewell().is_none())?;
        Some(Ending { was_clean: report.was_clean, unsent: report.unsent })
    }

    fn abort(self: Arc<Self>) -> (Ending, bool) {
        let mut state = self.lock();
        let by_this = state.end.is_none();
        state.connection.abort(clock::now());
        self.finish(&mut state);
        if state.farewell().is_some() {
            self.let_go(&mut state);
        }
        let (was_clean, unsent) = match state.report() {
            Some(report) => (report.was_clean, report.unsent),
            None => (false, Unsent::default()),
        };
        (Ending { was_clean, unsent }, by_this)
    }
}

impl<S: Stream> Addressee for Link<S> {
    fn try_push_frame(self: Arc<Self>, frame: &SharedFrame) -> Result<(), SendError> {
        self.queue_frame(&mut self.lock(), frame)
    }

    fn poll_room(&self, cx: &mut Context<'_>, len: usize) -> Poll<Result<(), SendError>> {
        self.lock().poll_room(cx, len)
    }

    fn buffered_amount(&self) -> usize {
        self.lock().connection.buffered_amount()
    }

    fn add_handle(&self) {
        Self::add_handle(self);
    }

    fn drop_handle(self: Arc<Self>) {
        Self::drop_handle(&self, false);
    }
}

impl<S: Stream> Link<S> {
    fn queue_frame(
        self: &Arc<Self>,
        state: &mut State<S>,
        frame: &SharedFrame,
    ) -> Result<(), SendError> {
        let len = frame.message().len();
        match state.check_message(len) {
            Ok(()) => state.connection.send_shared(frame, &mut ThreadMasks)?,
            Err(SendError::MessageInProgress) => {
                state.check_room(len)?;
                state.hold(frame);
            }
            Err(error) => return Err(error),
        }
        self.leave(state, Leave::Soon);
        Ok(())
    }
}
