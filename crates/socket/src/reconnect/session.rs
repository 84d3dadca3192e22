//! One live connection.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use everwire_wire::{CloseReason, CloseReport, Message};
use http::Response;

use super::messenger::Messenger;
use super::receipt::{Receipt, Refused};
use super::sessions::Sessions;
use crate::{ClientStream, MessageReader, Stream, WebSocket};

/// A live connection of [`Sessions`], for one turn of the loop.
///
/// It is over when [`recv`](Self::recv) gives `None`, in whatever way the connection ended; then the
/// loop goes on with [`Sessions::next`]. A session that is dropped before closes in the background,
/// with 1000: the next turn connects anew, and messages that were not proven to be read are unsure.
/// [`close`](Self::close) waits for the peer's answer instead, which is such a proof.
pub struct Session<'a, S: Stream = ClientStream> {
    sessions: &'a mut Sessions<S>,
    open: Open<S>,
}

/// What a session holds.
pub(super) struct Open<S: Stream> {
    pub(super) session: u64,
    pub(super) websocket: WebSocket<S>,
    pub(super) response: Response<()>,
}

impl<'a, S: Stream> Session<'a, S> {
    pub(super) fn new(sessions: &'a mut Sessions<S>, open: Open<S>) -> Self {
        Self { sessions, open }
    }

    /// Which connection of the client this is: 1 for the first.
    pub fn number(&self) -> u64 {
        self.open.session
    }

    /// The next message, complete; `None` when the connection has ended.
    ///
    /// # Cancel safety
    /// Safe: a message is taken when it is returned, not before.
    pub fn recv(&mut self) -> impl Future<Output = Option<Message>> {
        poll_fn(|cx| self.poll_recv(cx))
    }

    /// As [`recv`](Self::recv), by polling.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let message = ready!(self.open.websocket.poll_recv(cx));
        if message.is_none() {
            self.sessions.finish(&self.open);
        }
        Poll::Ready(message)
    }

    /// The next message, in pieces as they arrive; `None` when the connection has ended. See
    /// [`WebSocket::next_message`].
    ///
    /// # Cancel safety
    /// Safe: the message is begun when the reader is returned.
    pub async fn next_message(&mut self) -> Option<MessageReader<'_, S>> {
        let reader = MessageReader::begin(self.open.websocket.link()).await;
        if reader.is_none() {
            self.sessions.finish(&self.open);
        }
        reader
    }

    /// Sends a message; see [`Messenger::send`].
    ///
    /// # Errors
    /// If the connection has ended and the message may not wait for another.
    ///
    /// # Cancel safety
    /// Safe: when the future is dropped the whole message has been taken, or nothing of it.
    pub fn send(
        &self,
        message: impl Into<Message>,
    ) -> impl Future<Output = Result<Receipt<S>, Refused>> {
        let messenger = self.messenger();
        let message = message.into();
        async move { messenger.send(message).await }
    }

    /// A handle to send with, which stays when this session ends.
    pub fn messenger(&self) -> Messenger<S> {
        self.sessions.messenger()
    }

    /// Closes this connection and waits for the peer's answer, for `close_timeout` at the most. The
    /// next turn connects anew; [`Messenger::close`] is for good.
    ///
    /// # Cancel safety
    /// Safe: closing goes on in the background, as for a session that is dropped.
    pub async fn close(mut self, reason: impl Into<Option<CloseReason>>) -> CloseReport {
        let reason = reason.into();
        self.sessions.shared().start_close(self.open.session, reason.clone());
        let report = self.open.websocket.close(reason).await;
        self.sessions.finish(&self.open);
        report
    }

    /// How the connection ended, once [`recv`](Self::recv) has given `None`.
    pub fn close_report(&self) -> Option<CloseReport> {
        self.open.websocket.close_report()
    }

    /// The server's response to the opening handshake, for its headers.
    pub fn response(&self) -> &Response<()> {
        &self.open.response
    }

    /// The negotiated subprotocol; empty if there is none.
    pub fn protocol(&self) -> &str {
        self.open.websocket.protocol()
    }

    /// The time from the last heartbeat's ping to its pong, once there was one.
    pub fn round_trip(&self) -> Option<Duration> {
        self.open.websocket.round_trip()
    }

    /// Bytes of messages that wait for the network.
    pub fn buffered_amount(&self) -> usize {
        self.open.websocket.buffered_amount()
    }
}

impl<S: Stream> futures_core::Stream for Session<'_, S> {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.get_mut().poll_recv(cx)
    }
}

impl<S: Stream> Drop for Session<'_, S> {
    fn drop(&mut self) {
        self.sessions.finish(&self.open);
    }
}

impl<S: Stream> fmt::Debug for Session<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("number", &self.open.session)
            .field("websocket", &self.open.websocket)
            .finish_non_exhaustive()
    }
}
