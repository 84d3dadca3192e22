//! Two halves of a WebSocket for two tasks.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use everwire_wire::{
    CloseReason, CloseReport, Compress, Kind, Message, Outbound, ReadyState, SendError,
};

use crate::confirm::Confirm;
use crate::link::{Leave, Link, Stream};
use crate::permit::Permit;
use crate::pieces::{MessageReader, MessageWriter};

/// The sending half. Clones send over the same connection; messages never mix.
pub struct Sender<S: Stream> {
    link: Arc<Link<S>>,
}

impl<S: Stream> Sender<S> {
    pub(crate) fn new(link: &Arc<Link<S>>) -> Self {
        link.add_handle();
        Self { link: link.clone() }
    }

    /// As [`WebSocket::send`](crate::WebSocket::send).
    ///
    /// # Errors
    /// If the connection is closing or closed.
    ///
    /// # Cancel safety
    /// Safe: the whole message has been queued, or nothing of it.
    pub fn send<'a>(
        &self,
        message: impl Into<Outbound<'a>>,
    ) -> impl Future<Output = Result<(), SendError>> {
        self.link.send(message, Compress::Auto, Leave::Now)
    }

    /// As [`WebSocket::send_with`](crate::WebSocket::send_with).
    ///
    /// # Errors
    /// If the connection is closing or closed.
    ///
    /// # Cancel safety
    /// As `send`.
    pub fn send_with<'a>(
        &self,
        message: impl Into<Outbound<'a>>,
        compress: Compress,
    ) -> impl Future<Output = Result<(), SendError>> {
        self.link.send(message, compress, Leave::Now)
    }

    /// As [`WebSocket::feed`](crate::WebSocket::feed).
    ///
    /// # Errors
    /// If the connection is closing or closed.
    ///
    /// # Cancel safety
    /// As `send`.
    pub fn feed<'a>(
        &self,
        message: impl Into<Outbound<'a>>,
    ) -> impl Future<Output = Result<(), SendError>> {
        self.link.send(message, Compress::Auto, Leave::Soon)
    }

    /// As [`WebSocket::flush`](crate::WebSocket::flush).
    ///
    /// # Errors
    /// If the connection ended before.
    ///
    /// # Cancel safety
    /// Safe: what is queued leaves anyway.
    pub async fn flush(&self) -> Result<(), SendError> {
        poll_fn(|cx| self.link.poll_drained(cx)).await
    }

    /// As [`WebSocket::try_send`](crate::WebSocket::try_send).
    ///
    /// # Errors
    /// If there is no room, or the connection is closing or closed.
    pub fn try_send<'a>(&self, message: impl Into<Outbound<'a>>) -> Result<(), SendError> {
        self.link.try_send(message.into(), Compress::Auto, Leave::Now)
    }

    /// As [`WebSocket::reserve`](crate::WebSocket::reserve).
    ///
    /// # Errors
    /// If the connection is closing or closed.
    ///
    /// # Cancel safety
    /// Safe: room that was not handed out is not held.
    pub async fn reserve(&self, len: usize) -> Result<Permit<S>, SendError> {
        Permit::reserve(&self.link, len).await
    }

    /// As [`WebSocket::start_message`](crate::WebSocket::start_message).
    ///
    /// # Errors
    /// If the connection is closing or closed.
    ///
    /// # Cancel safety
    /// Safe: nothing is sent before the first piece.
    pub async fn start_message(&self, kind: Kind) -> Result<MessageWriter<S>, SendError> {
        MessageWriter::begin(&self.link, kind).await
    }

    /// As [`WebSocket::ping`](crate::WebSocket::ping).
    ///
    /// # Errors
    /// If the payload is longer than 125 bytes, or the connection is closing or closed.
    pub fn ping(&self, payload: &[u8]) -> Result<(), SendError> {
        self.link.ping(payload)
    }

    /// As [`WebSocket::confirm`](crate::WebSocket::confirm), while the receiving half receives.
    ///
    /// # Errors
    /// If the connection is closing, or ends before the answer.
    ///
    /// # Cancel safety
    /// Safe: nothing is lost but the answer.
    pub async fn confirm(&self) -> Result<Duration, SendError> {
        Confirm::new(&self.link).await
    }

    /// As [`WebSocket::start_close`](crate::WebSocket::start_close).
    pub fn start_close(&self, reason: impl Into<Option<CloseReason>>) {
        self.link.close(reason.into());
    }

    /// Bytes of messages that wait for the network.
    pub fn buffered_amount(&self) -> usize {
        self.link.lock().connection.buffered_amount()
    }

    /// Where the connection is in its life.
    pub fn ready_state(&self) -> ReadyState {
        self.link.lock().ready_state()
    }

    pub(crate) fn link(&self) -> &Arc<Link<S>> {
        &self.link
    }
}

impl<S: Stream> Clone for Sender<S> {
    fn clone(&self) -> Self {
        Self::new(&self.link)
    }
}

impl<S: Stream> Drop for Sender<S> {
    fn drop(&mut self) {
        self.link.drop_handle(false);
    }
}

impl<S: Stream> fmt::Debug for Sender<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("ready_state", &self.ready_state()).finish_non_exhaustive()
    }
}

/// The receiving half: there is one.
///
/// When it is dropped before the senders, messages that still come are dropped too; pings and the
/// close frame are still answered.
pub struct Receiver<S: Stream> {
    link: Arc<Link<S>>,
}

impl<S: Stream> Receiver<S> {
    pub(crate) fn new(link: &Arc<Link<S>>) -> Self {
        link.add_handle();
        Self { link: link.clone() }
    }

    /// As [`WebSocket::recv`](crate::WebSocket::recv).
    ///
    /// # Cancel safety
    /// Safe: a message is taken when it is returned, not before.
    pub fn recv(&mut self) -> impl Future<Output = Option<Message>> {
        poll_fn(|cx| self.poll_recv(cx))
    }

    /// As [`recv`](Self::recv), by polling.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.link.poll_message(cx)
    }

    /// As [`WebSocket::next_message`](crate::WebSocket::next_message).
    ///
    /// # Cancel safety
    /// Safe: the message is begun when the reader is returned.
    pub async fn next_message(&mut self) -> Option<MessageReader<'_, S>> {
        MessageReader::begin(&self.link).await
    }

    /// How the connection ended, once [`recv`](Self::recv) has given `None`.
    pub fn close_report(&self) -> Option<CloseReport> {
        self.link.lock().report().cloned()
    }

    pub(crate) fn link(&self) -> &Arc<Link<S>> {
        &self.link
    }
}

impl<S: Stream> Drop for Receiver<S> {
    fn drop(&mut self) {
        self.link.drop_handle(true);
    }
}

impl<S: Stream> fmt::Debug for Receiver<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}
