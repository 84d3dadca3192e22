//! A sending half that has forgotten what stream it goes over.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use everwire_wire::{CloseReason, SendError, SharedFrame};

use crate::halves::Sender;
use crate::link::{Addressee, Stream};

/// A [`Sender`] of any stream: for lists in which plain and encrypted connections stand together.
///
/// It sends [`SharedFrame`]s, which are encoded once however many they go to. Clones send over the
/// same connection.
pub struct AnySender {
    link: Arc<dyn Addressee>,
}

impl AnySender {
    /// Queues a frame if there is room for it; it leaves with what else is queued after the current
    /// tasks have run.
    ///
    /// # Errors
    /// If there is no room, or the connection is closing or closed.
    pub fn try_send(&self, frame: &SharedFrame) -> Result<(), SendError> {
        self.link.clone().try_push_frame(frame)
    }

    /// Waits until a frame whose message has `len` bytes may be queued.
    ///
    /// # Errors
    /// If the connection is closing or closed.
    ///
    /// # Cancel safety
    /// Safe: room is not held, others may take it first.
    pub async fn ready(&self, len: usize) -> Result<(), SendError> {
        poll_fn(|cx| self.link.poll_room(cx, len)).await
    }

    /// Bytes of messages that wait for the network.
    pub fn buffered_amount(&self) -> usize {
        self.link.buffered_amount()
    }

    /// As [`WebSocket::start_close`](crate::WebSocket::start_close).
    pub fn start_close(&self, reason: impl Into<Option<CloseReason>>) {
        self.link.clone().start_close(reason.into());
    }
}

impl<S: Stream> From<Sender<S>> for AnySender {
    fn from(sender: Sender<S>) -> Self {
        let link = sender.link().clone();
        link.add_handle();
        Self { link }
    }
}

impl Clone for AnySender {
    fn clone(&self) -> Self {
        self.link.add_handle();
        Self { link: self.link.clone() }
    }
}

impl Drop for AnySender {
    fn drop(&mut self) {
        self.link.clone().drop_handle();
    }
}

impl fmt::Debug for AnySender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnySender").field("buffered_amount", &self.buffered_amount()).finish()
    }
}
