//! A request that was read and waits for a decision.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use everwire_wire::Agreement;
use everwire_wire::handshake::{Offer, encode_accept, wants_upgrade};
use http::{Request, Response};

use super::acceptor::Acceptor;
use super::refuse::refuse;
use super::rules::{Choice, Rejection, Rules};
use crate::stream::Replay;
use crate::{AcceptError, Stream, WebSocket};

/// A request that waits for a decision: accept it, refuse it, or hand it to another HTTP server.
///
/// Dropping it closes the connection without an answer. The time that the program takes is not
/// counted against the client's.
///
/// ```no_run
/// # async fn example(
/// #     acceptor: everwire::Acceptor, stream: tokio::net::TcpStream,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// let pending = acceptor.read_request(stream).await?;
/// if !pending.is_upgrade() {
///     let stream = pending.into_replay();
///     // Serve it with hyper, which reads the request again.
/// } else if pending.request().uri().path() == "/chat" {
///     let websocket = pending.accept().await?;
/// } else {
///     pending.refuse(everwire::Rejection::new(http::StatusCode::NOT_FOUND, "no\n")).await;
/// }
/// # Ok(()) }
/// ```
pub struct Pending<S> {
    pub(super) stream: S,
    pub(super) request: Request<()>,
    /// The bytes that the request was read from.
    pub(super) head: Bytes,
    /// The bytes behind them: the first frames, or the request's body.
    pub(super) unread: Vec<u8>,
    pub(super) rules: Arc<Rules>,
    /// What is left of the client's time.
    pub(super) left: Duration,
}

impl<S> Pending<S> {
    /// The request. It is a legal HTTP/1.1 head, and nothing else is known of it yet.
    pub fn request(&self) -> &Request<()> {
        &self.request
    }

    /// Whether it asks for a WebSocket, rightly or wrongly; any other is plain HTTP.
    pub fn is_upgrade(&self) -> bool {
        wants_upgrade(&self.request)
    }

    /// What the client offers, if its request may be accepted.
    ///
    /// # Errors
    /// If it may not; [`accept`](Self::accept) would answer with the rejection.
    pub fn offer(&self) -> Result<Offer, Rejection> {
        self.rules.check(&self.request)
    }

    /// Goes on with the rules of another acceptor: of the endpoint that the path names.
    ///
    /// What was read stays read: the limits and the time were the first acceptor's.
    #[must_use]
    pub fn with(mut self, acceptor: &Acceptor) -> Self {
        let secure = self.rules.secure;
        self.rules = if acceptor.rules().secure == secure {
            acceptor.rules().clone()
        } else {
            acceptor.clone().secure(secure).rules().clone()
        };
        self
    }

    /// The stream, the bytes of the head as they came, and those that came behind it.
    pub fn into_parts(self) -> (S, Bytes, Vec<u8>) {
        (self.stream, self.head, self.unread)
    }

    /// The stream as if nothing had been read from it.
    pub fn into_replay(self) -> Replay<S> {
        let first = if self.unread.is_empty() {
            self.head
        } else {
            [&*self.head, &*self.unread].concat().into()
        };
        Replay::new(first, self.stream)
    }
}

impl<S: Stream> Pending<S> {
    /// Accepts as [`Acceptor::accept`] does: by the policies, then by its hook.
    ///
    /// The client hears of it when the task next waits for something: by then the WebSocket may be a
    /// member of a [`Group`](crate::Group), and the client misses none of its messages. On a runtime
    /// with several threads it may hear of it earlier.
    ///
    /// # Errors
    /// If the request may not be accepted; the client was answered. A stream that breaks is seen by
    /// the WebSocket.
    ///
    /// # Cancel safety
    /// A dropped future drops the stream.
    pub async fn accept(self) -> Result<WebSocket<S>, AcceptError> {
        Box::pin(self.settle()).await
    }

    /// Accepts with the program's choice; the policies are asked, the hook is not.
    ///
    /// # Errors
    /// As [`accept`](Self::accept), and if the choice is a subprotocol that the client does not offer.
    ///
    /// # Cancel safety
    /// A dropped future drops the stream.
    pub async fn accept_with(self, choice: Choice) -> Result<WebSocket<S>, AcceptError> {
        let decision =
            self.rules.check(&self.request).and_then(|offer| self.rules.accept(offer, choice));
        Box::pin(self.conclude(decision)).await
    }

    /// Refuses, with any HTTP response or with the [`Rejection`] that [`offer`](Self::offer) gave;
    /// waits up to a second for the client to read it, and closes the connection.
    ///
    /// The response gets `Connection: close` and the length of its body. A status of 1xx goes out as
    /// 500.
    ///
    /// # Cancel safety
    /// A dropped future drops the stream; the answer may be cut.
    pub async fn refuse(self, rejection: impl Into<Rejection>) {
        let (error, response) = rejection.into().into_parts();
        tracing::debug!(%error, "handshake refused");
        Box::pin(refuse(self.stream, &response, self.left)).await;
    }

    pub(super) async fn settle(self) -> Result<WebSocket<S>, AcceptError> {
        let decision = self.rules.decide(&self.request);
        self.conclude(decision).await
    }

    async fn conclude(
        self,
        decision: Result<(Response<()>, Agreement), Rejection>,
    ) -> Result<WebSocket<S>, AcceptError> {
        let (response, agreement) = match decision {
            Ok(accepted) => accepted,
            Err(rejection) => {
                let (error, response) = rejection.into_parts();
                tracing::debug!(%error, "handshake refused");
                refuse(self.stream, &response, self.left).await;
                return Err(error);
            }
        };
        let response = encode_accept(&response).into();
        let config = self.rules.config.clone();
        Ok(WebSocket::with_response(self.stream, response, agreement, self.unread, config))
    }
}

impl<S> fmt::Debug for Pending<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the headers: they carry cookies and tokens.
        f.debug_struct("Pending")
            .field("method", self.request.method())
            .field("path", &self.request.uri().path())
            .finish_non_exhaustive()
    }
}
