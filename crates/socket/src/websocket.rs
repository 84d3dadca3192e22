//! The WebSocket that programs hold.

use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use everwire_wire::{
    Agreement, CloseReason, CloseReport, Compress, Config, Incoming, Message, Outbound, ReadyState,
    Role, SendError,
};

use crate::confirm::Confirm;
use crate::halves::{Receiver, Sender};
use crate::link::{Leave, Link, Stream};
use crate::permit::Permit;
use crate::pieces::{MessageReader, MessageWriter};

/// An open WebSocket over the stream `S`.
///
/// It is obtained with [`connect`](crate::connect) or [`accept`](crate::accept), and used with
/// [`recv`](Self::recv) and [`send`](Self::send):
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut socket = everwire::connect("ws://localhost:8000/echo").await?;
/// socket.send("hello").await?;
/// while let Some(message) = socket.recv().await {
///     println!("{message:?}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// # What happens between calls
/// Pings are sent when they are due, queued bytes leave, deadlines are kept: none of it waits for
/// the application. What does wait is the reading: pings of the peer are answered, and its close
/// frame is seen, when somebody awaits `recv` or one of its kin. A peer is never taken for dead
/// while its bytes wait unread.
///
/// # Cancel safety
/// Every future of this type may be dropped at any point, as `select!` does: no received byte is
/// lost, and a message is queued whole or not at all. Each method says it in particular.
///
/// # The end
/// `recv` gives `None` when the connection has ended in whatever way; then
/// [`close_report`](Self::close_report) says how. A WebSocket that is dropped closes by itself, in
/// the background, with 1000, or with 1011 if its task panicked.
pub struct WebSocket<S: Stream> {
    /// The one that receives; sending goes over the same link.
    receiver: Receiver<S>,
}

impl<S: Stream> WebSocket<S> {
    /// A WebSocket over a stream whose opening handshake is done.
    ///
    /// `unread` is what was read beyond the handshake: it belongs to the WebSocket already.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn from_handshake(
        stream: S,
        role: Role,
        agreement: Agreement,
        unread: Vec<u8>,
        config: Arc<Config>,
    ) -> Self {
        Self { receiver: Receiver::new(&Link::new(stream, role, agreement, unread, config)) }
    }

    /// As [`from_handshake`](Self::from_handshake), for a server whose answer to the handshake is
    /// yet to be sent.
    pub(crate) fn with_response(
        stream: S,
        response: Vec<u8>,
        agreement: Agreement,
        unread: Vec<u8>,
        config: Arc<Config>,
    ) -> Self {
        let link = Link::with_response(stream, response, agreement, unread, config);
        Self { receiver: Receiver::new(&link) }
    }

    // Receiving.

    /// The next message, complete; `None` when the connection has ended.
    ///
    /// Small payloads are copied, so that keeping one keeps nothing else in memory.
    ///
    /// # Cancel safety
    /// Safe: a message is taken when it is returned, not before.
    pub fn recv(&mut self) -> impl Future<Output = Option<Message>> {
        poll_fn(|cx| self.poll_recv(cx))
    }

    /// As [`recv`](Self::recv), by polling.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.link().poll_message(cx)
    }

    /// Shows messages to `visit` without copying them: waits until there are some, then shows all
    /// that have arrived. Says how many there were; `None` when the connection has ended.
    ///
    /// What `visit` sends with [`Outlet::send`] leaves in one write, when the visit is over. When the
    /// queue (`max_queued_bytes`) is full of it, no more messages are shown, and the next call waits
    /// until there is room again: so a peer that does not read its answers is not read either, and
    /// the first answer to each message is taken, unless others fill the queue meanwhile.
    ///
    /// # Cancel safety
    /// Safe: a message that was not shown stays for the next call.
    pub fn visit(
        &mut self,
        mut visit: impl FnMut(Incoming<'_>, &Outlet<'_, S>),
    ) -> impl Future<Output = Option<usize>> {
        poll_fn(move |cx| {
            let outlet = Outlet { link: self.link(), full: Cell::new(false) };
            self.link().poll_visit(cx, |message| {
                visit(message, &outlet);
                if outlet.full.get() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
        })
    }

    /// The next message, in pieces as they arrive: for messages larger than memory. `None` when the
    /// connection has ended.
    ///
    /// What a reader that is dropped early has left unread is dropped by the next call that
    /// receives.
    ///
    /// # Cancel safety
    /// Safe: the message is begun when the reader is returned.
    pub async fn next_message(&mut self) -> Option<MessageReader<'_, S>> {
        MessageReader::begin(self.link()).await
    }

    // Sending.

    /// Sends a message: waits until there is room in the queue (`max_queued_bytes`), queues it, and
    /// hands it to the network as far as that takes it.
    ///
    /// While more received messages wait to be taken, it leaves with the answers to those, within
    /// the current turn of the runtime.
    ///
    /// # Errors
    /// If the connection is closing or closed.
    ///
    /// # Cancel safety
    /// Safe: when the future is dropped the whole message has been queued, or nothing of it.
    pub fn send<'a>(
        &self,
        message: impl Into<Outbound<'a>>,
    ) -> impl Future<Output = Result<(), SendError>> {
        self.link().send(message, Compress::Auto, Leave::Now)
    }

    /// As [`send`](Self::send), with a say in whether the message is compressed.
    ///
    /// # Errors
    /// As `send`.
    ///
    /// # Cancel safety
    /// As `send`.
    pub fn send_with<'a>(
        &self,
        message: impl Into<Outbound<'a>>,
        compress: Compress,
    ) -> impl Future<Output = Result<(), SendError>> {
        self.link().send(message, compress, Leave::Now)
    }

    /// As [`send`](Self::send), but the message leaves with those that follow: within the current
    /// turn of the runtime, or with [`flush`](Self::flush).
    ///
    /// # Errors
    /// As `send`.
    ///
    /// # Cancel safety
    /// As `send`.
    pub fn feed<'a>(
        &self,
        message: impl Into<Outbound<'a>>,
    ) -> impl Future<Output = Result<(), SendError>> {
        self.link().send(message, Compress::Auto, Leave::Soon)
    }

    /// Waits until all that was queued has been handed to the network.
    ///
    /// # Errors
    /// If the connection ended before.
    ///
    /// # Cancel safety
    /// Safe: what is queued leaves anyway.
    pub async fn flush(&self) -> Result<(), SendError> {
        poll_fn(|cx| self.link().poll_drained(cx)).await
    }

    /// Sends a message if there is room for it now.
    ///
    /// # Errors
    /// [`SendError::QueueFull`] if there is none; otherwise as [`send`](Self::send).
    pub fn try_send<'a>(&self, message: impl Into<Outbound<'a>>) -> Result<(), SendError> {
        self.link().try_send(message.into(), Compress::Auto, Leave::Now)
    }

    /// Waits for room for `len` bytes and holds it: sending with the permit does not wait.
    ///
    /// # Errors
    /// If the connection is closing or closed.
    ///
    /// # Cancel safety
    /// Safe: room that was not handed out is not held.
    pub async fn reserve(&self, len: usize) -> Result<Permit<S>, SendError> {
        Permit::reserve(self.link(), len).await
    }

    /// Begins a message that is sent in pieces, each of them a fragment: for messages larger than
    /// memory. Other messages wait until it is complete.
    ///
    /// # Errors
    /// If the connection is closing or closed.
    ///
    /// # Cancel safety
    /// Safe: nothing is sent before the first piece.
    pub async fn start_message(
        &self,
        kind: everwire_wire::Kind,
    ) -> Result<MessageWriter<S>, SendError> {
        MessageWriter::begin(self.link(), kind).await
    }

    /// Sends a ping with at most 125 bytes; a newer one replaces one that has not left. Heartbeats
    /// need no call of this.
    ///
    /// # Errors
    /// If the payload is longer, or the connection is closing or closed.
    pub fn ping(&self, payload: &[u8]) -> Result<(), SendError> {
        self.link().ping(payload)
    }

    /// Waits until the peer has read all that was sent before: it answers a ping that goes behind
    /// it. Says how long that took.
    ///
    /// A message that `send` took may still be in a buffer when the connection breaks; one that is
    /// confirmed has reached the peer's WebSocket. The answer is seen when somebody awaits
    /// [`recv`](Self::recv) or one of its kin meanwhile.
    ///
    /// # Errors
    /// If the connection is closing, or ends before the answer: what was sent may have been read or
    /// not.
    ///
    /// # Cancel safety
    /// Safe: nothing is lost but the answer.
    pub async fn confirm(&self) -> Result<Duration, SendError> {
        Confirm::new(self.link()).await
    }

    // Closing.

    /// Closes the connection: everything queued leaves first, then the close frame. Waits for the
    /// peer's, for `close_timeout` at the most; messages that come before it are dropped.
    ///
    /// `None` sends a close frame without a code; a [`CloseCode`](crate::CloseCode) alone may be
    /// given through [`CloseReason::from_code`].
    ///
    /// # Cancel safety
    /// Safe: closing goes on in the background.
    pub async fn close(&mut self, reason: impl Into<Option<CloseReason>>) -> CloseReport {
        self.start_close(reason);
        while self.recv().await.is_some() {}
        self.close_report().expect("a connection that gives no more messages has its report")
    }

    /// Begins to close without waiting: messages that the peer sent before its own close frame can
    /// still be received.
    pub fn start_close(&self, reason: impl Into<Option<CloseReason>>) {
        self.link().close(reason.into());
    }

    /// Ends the connection at once, without a closing handshake. The peer sees 1006.
    pub fn abort(self) {
        self.link().abort();
    }

    /// How the connection ended, once [`recv`](Self::recv) has given `None`.
    pub fn close_report(&self) -> Option<CloseReport> {
        self.link().lock().report().cloned()
    }

    // Asking.

    /// Where the connection is in its life (WHATWG `readyState`).
    pub fn ready_state(&self) -> ReadyState {
        self.link().lock().ready_state()
    }

    /// Bytes of messages that wait for the network, frame headers included (WHATWG
    /// `bufferedAmount`).
    pub fn buffered_amount(&self) -> usize {
        self.link().lock().connection.buffered_amount()
    }

    /// The negotiated subprotocol; empty if there is none (WHATWG `protocol`).
    pub fn protocol(&self) -> &str {
        self.link().agreement().and_then(Agreement::subprotocol).unwrap_or_default()
    }

    /// The negotiated extensions; empty if there are none (WHATWG `extensions`).
    pub fn extensions(&self) -> String {
        self.link().agreement().map(Agreement::extensions).unwrap_or_default()
    }

    /// The time from the last heartbeat's ping to its pong, once there was one.
    pub fn round_trip(&self) -> Option<Duration> {
        self.link().lock().connection.round_trip()
    }

    /// Which end of the protocol this is.
    pub fn role(&self) -> Role {
        self.link().lock().connection.role()
    }

    // Sharing.

    /// Two halves for two tasks. The sending half can be cloned.
    pub fn split(self) -> (Sender<S>, Receiver<S>) {
        (Sender::new(self.link()), self.receiver)
    }

    /// A sending half, while receiving goes on here.
    pub fn sender(&self) -> Sender<S> {
        Sender::new(self.link())
    }

    pub(crate) fn link(&self) -> &Arc<Link<S>> {
        self.receiver.link()
    }
}

impl<S: Stream> Link<S> {
    /// The message is held once, and the future is as small as that allows.
    pub(crate) fn send<'m>(
        self: &Arc<Self>,
        message: impl Into<Outbound<'m>>,
        compress: Compress,
        leave: Leave,
    ) -> impl Future<Output = Result<(), SendError>> {
        let mut message = Some(message.into());
        poll_fn(move |cx| self.poll_send(cx, &mut message, compress, leave))
    }
}

impl<S: Stream> fmt::Debug for WebSocket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("ready_state", &self.ready_state())
            .finish_non_exhaustive()
    }
}

/// Where a visitor sends its answers, without waiting.
#[derive(Debug)]
pub struct Outlet<'a, S: Stream> {
    link: &'a Arc<Link<S>>,
    /// There is no room for more.
    full: Cell<bool>,
}

impl<S: Stream> Outlet<'_, S> {
    /// Queues a message; it leaves when the visit is over. The last one that finds any room may be
    /// larger than that.
    ///
    /// # Errors
    /// If the queue is full, or the connection is closing or closed.
    pub fn send<'m>(&self, message: impl Into<Outbound<'m>>) -> Result<(), SendError> {
        let more = self.link.answer(message.into())?;
        self.full.set(!more);
        Ok(())
    }

    /// Bytes of messages that wait for the network.
    pub fn buffered_amount(&self) -> usize {
        self.link.lock().connection.buffered_amount()
    }

    /// Begins to close the connection.
    pub fn start_close(&self, reason: impl Into<Option<CloseReason>>) {
        self.link.close(reason.into());
    }
}
