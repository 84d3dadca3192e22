//! A WebSocket as a handler has it, whatever it goes over.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

use everwire::{
    AnySender, CloseReason, CloseReport, Message, SendError, SharedFrame, Stream, WebSocket,
};

/// A WebSocket that has forgotten what stream it goes over: what a [handler] gets.
///
/// [handler]: crate::HubBuilder::handler
pub struct Socket {
    receiver: Box<dyn Receive>,
    sender: AnySender,
}

/// What is asked of a WebSocket of some stream.
trait Receive: Send + Sync {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>>;
    fn close_report(&self) -> Option<CloseReport>;
    fn protocol(&self) -> &str;
}

impl Socket {
    pub(crate) fn new<S: Stream>(socket: WebSocket<S>) -> Self {
        Self { sender: socket.sender().into(), receiver: Box::new(socket) }
    }

    /// The next message, complete; `None` when the connection has ended.
    ///
    /// # Cancel safety
    /// Safe: a message is taken when it is returned, not before.
    pub async fn recv(&mut self) -> Option<Message> {
        poll_fn(|cx| self.receiver.poll_recv(cx)).await
    }

    /// Sends a message: waits until there is room in the queue (`max_queued_bytes`), and queues it.
    ///
    /// # Errors
    /// If the connection is closing or closed.
    ///
    /// # Cancel safety
    /// Safe: when the future is dropped the whole message has been queued, or nothing of it.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        let frame = SharedFrame::new(message);
        loop {
            match self.sender.try_send(&frame) {
                Err(SendError::QueueFull { .. }) => {
                    self.sender.ready(frame.message().len()).await?;
                }
                done => return done,
            }
        }
    }

    /// Another hand to send with, from any task.
    pub fn sender(&self) -> AnySender {
        self.sender.clone()
    }

    /// Closes the connection, and waits for the peer's close frame, for `close_timeout` at the most; messages
    /// that come before it are dropped.
    ///
    /// # Cancel safety
    /// Safe: closing goes on in the background.
    pub async fn close(&mut self, reason: impl Into<Option<CloseReason>>) -> CloseReport {
        self.sender.start_close(reason);
        while self.recv().await.is_some() {}
        self.close_report().expect("a connection that gives no more messages has its report")
    }

    /// How the connection ended, once [`recv`](Self::recv) has given `None`.
    pub fn close_report(&self) -> Option<CloseReport> {
        self.receiver.close_report()
    }

    /// The negotiated subprotocol; empty if there is none.
    pub fn protocol(&self) -> &str {
        self.receiver.protocol()
    }
}

impl<S: Stream> Receive for WebSocket<S> {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        Self::poll_recv(self, cx)
    }

    fn close_report(&self) -> Option<CloseReport> {
        Self::close_report(self)
    }

    fn protocol(&self) -> &str {
        Self::protocol(self)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("sender", &self.sender).finish_non_exhaustive()
    }
}
