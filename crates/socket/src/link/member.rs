//! A WebSocket as a group knows it, whatever stream it goes over.

use std::sync::Arc;

use everwire_wire::{CloseCode, CloseReason, SendError, SharedFrame, Unsent};

use super::{Leave, Link, Stream};
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

impl<S: Stream> Member for Link<S> {
    fn push_frame(self: Arc<Self>, frame: &SharedFrame) -> Result<(), SendError> {
        let mut state = self.lock();
        let len = frame.message().len();
        let sent = match state.check_message(len) {
            Ok(()) => state.connection.send_shared(frame, &mut ThreadMasks),
            Err(SendError::MessageInProgress) => state.check_room(len).map(|()| state.hold(frame)),
            Err(error) => Err(error),
        };
        match sent {
            Ok(()) => self.leave(&mut state, Leave::Soon),
            Err(SendError::QueueFull { .. }) => {
                tracing::debug!("a member of a group cannot keep up");
                let reason = CloseReason::new(CloseCode::TRY_AGAIN_LATER, "too slow");
                state.connection.close(clock::now(), reason.ok());
                self.push();
            }
            Err(_) => {}
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
