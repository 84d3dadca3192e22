//! How a server opens WebSockets.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use everwire_wire::Config;
use everwire_wire::handshake::{
    HandshakeError, HandshakeLimits, InvalidSubprotocol, Offer, OriginPolicy, Refusal,
    RequestReader,
};
use http::Request;
use tokio::io::AsyncRead;

use super::hosts::HostPolicy;
use super::pending::Pending;
use super::refuse::refuse;
use super::rules::{Choice, Rejection, Rules};
use crate::countdown::Countdown;
use crate::stream::read_chunk;
use crate::{AcceptError, Stream, WebSocket};

/// Opens a WebSocket on a stream that a client connected, with the default [`Acceptor`].
///
/// # Errors
/// If the client did not ask for a WebSocket in a way that may be granted; it was answered.
///
/// # Cancel safety
/// A dropped future drops the stream.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
/// let (stream, _) = everwire::next_stream(&listener).await;
/// let websocket = everwire::accept(stream).await?;
/// # Ok(()) }
/// ```
pub async fn accept<S: Stream>(stream: S) -> Result<WebSocket<S>, AcceptError> {
    Acceptor::new().accept(stream).await
}

/// How a server opens WebSockets: who may connect, what is negotiated, how long it may take.
///
/// Made once and used for every connection; cloning is cheap. [`accept`](Self::accept) does it all;
/// a server that routes by path, or asks a database first, reads the request with
/// [`read_request`](Self::read_request) and then decides.
///
/// ```no_run
/// use everwire::{Acceptor, Choice, Rejection};
/// use http::StatusCode;
///
/// # async fn example(stream: tokio::net::TcpStream) -> Result<(), Box<dyn std::error::Error>> {
/// let acceptor = Acceptor::new().subprotocols(["chat.v2", "chat.v1"])?.on_request(
///     |request, _offer| match request.uri().path() {
///         "/chat" => Ok(Choice::default()),
///         _ => Err(Rejection::new(StatusCode::NOT_FOUND, "no such endpoint\n")),
///     },
/// );
/// let websocket = acceptor.accept(stream).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct Acceptor {
    rules: Arc<Rules>,
}

impl Acceptor {
    /// An acceptor with the defaults that each method names.
    pub fn new() -> Self {
        Self::default()
    }

    /// The limits and habits of the connections, compression among them. Default
    /// [`Config::default`].
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        let rules = self.rules_mut();
        rules.handshake = rules.handshake.clone().deflate(config.deflate.clone());
        rules.config = Arc::new(config);
        self
    }

    /// The subprotocols that the server speaks, the dearest first; the first that the client offers
    /// is taken. Default none: offers are not taken, and the connection opens without a subprotocol.
    ///
    /// # Errors
    /// If a name is not a token (RFC 9110 §5.6.2).
    pub fn subprotocols<I>(mut self, names: I) -> Result<Self, InvalidSubprotocol>
    where
        I: IntoIterator<Item: Into<String>>,
    {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let rules = self.rules_mut();
        rules.handshake = rules.handshake.clone().subprotocols(names.iter().cloned())?;
        rules.subprotocols = names;
        Ok(self)
    }

    /// Which web pages may connect. Default [`OriginPolicy::same_host`]: a page of another site is
    /// refused with 403, because the browser would send the visitor's cookies along (RFC 6455
    /// §10.2). Programs that are no browsers send no `Origin` and are let in.
    #[must_use]
    pub fn origin(mut self, policy: OriginPolicy) -> Self {
        let rules = self.rules_mut();
        rules.handshake = rules.handshake.clone().origin(policy);
        self
    }

    /// Which names the server answers to. Default [`HostPolicy::any`].
    #[must_use]
    pub fn hosts(mut self, policy: HostPolicy) -> Self {
        self.rules_mut().hosts = policy;
        self
    }

    /// Whether the streams are TLS, which the origin policy then asks of pages as well. Default
    /// false, which is right behind a proxy that ends TLS, too.
    #[must_use]
    pub fn secure(mut self, yes: bool) -> Self {
        self.rules_mut().secure = yes;
        self
    }

    /// How long a request head may be, and how many headers it may have. Default 16 KiB and 100; more
    /// is refused with 431 or 414.
    #[must_use]
    pub fn limits(mut self, limits: HandshakeLimits) -> Self {
        self.rules_mut().limits = limits;
        self
    }

    /// How long a client may take for the whole opening handshake, from the first byte of TLS to the
    /// last of its request; the time that the program itself takes to decide is not counted. Default
    /// 10 s. A client that has begun its request and takes longer is told 408. One that does not read
    /// our answer is given up as any peer that does not read: by `write_timeout`.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.rules_mut().timeout = timeout;
        self
    }

    /// Looks at each request that is legal and let in by the policies: accepts it with a [`Choice`] of
    /// subprotocol and headers, or refuses it with a [`Rejection`], which any HTTP response can be.
    /// Default: accepts.
    ///
    /// For decisions that wait for something, use [`read_request`](Self::read_request).
    #[must_use]
    pub fn on_request<F>(mut self, hook: F) -> Self
    where
        F: Fn(&Request<()>, &Offer) -> Result<Choice, Rejection> + Send + Sync + 'static,
    {
        self.rules_mut().hook = Some(Arc::new(hook));
        self
    }

    /// Opens a WebSocket on a stream that a client connected.
    ///
    /// Frames that the client sent right behind its request are not lost; they are the first that
    /// the WebSocket receives. After a refusal the connection is closed, and nothing that came
    /// behind the request is answered.
    ///
    /// # Errors
    /// If the client did not ask for a WebSocket in a way that may be granted; it was answered, and
    /// given a second to read the answer.
    ///
    /// # Cancel safety
    /// A dropped future drops the stream.
    pub async fn accept<S: Stream>(&self, stream: S) -> Result<WebSocket<S>, AcceptError> {
        let countdown = Countdown::new(self.rules.timeout);
        // Boxed, as the other steps are: the caller's future lives as long as the connection and
        // holds a pointer, not the state of a handshake that is over.
        Box::pin(async move { self.read(stream, countdown).await?.settle().await }).await
    }

    /// Reads a request and leaves the decision to the program.
    ///
    /// It may be any HTTP/1.1 request: [`Pending::is_upgrade`] says whether a WebSocket is asked for.
    ///
    /// # Errors
    /// If what came is not the head of a legal request, or did not come in time; the client was
    /// answered.
    ///
    /// # Cancel safety
    /// A dropped future drops the stream.
    pub async fn read_request<S: Stream>(&self, stream: S) -> Result<Pending<S>, AcceptError> {
        let countdown = Countdown::new(self.rules.timeout);
        Box::pin(self.read(stream, countdown)).await
    }

    /// Like [`accept`](Self::accept), on a stream that begins with a TLS handshake.
    ///
    /// # Errors
    /// As `accept`; [`AcceptError::Tls`] if the TLS handshake fails.
    ///
    /// # Cancel safety
    /// A dropped future drops the stream.
    #[cfg(feature = "tls")]
    pub async fn accept_tls<S: Stream>(
        &self,
        tls: &crate::tls::TlsAcceptor,
        stream: S,
    ) -> Result<WebSocket<crate::MaybeTls<S>>, AcceptError> {
        let countdown = Countdown::new(self.rules.timeout);
        Box::pin(async move { self.read_tls(tls, stream, countdown).await?.settle().await }).await
    }

    /// Like [`read_request`](Self::read_request), on a stream that begins with a TLS handshake; it
    /// counts as [`secure`](Self::secure).
    ///
    /// # Errors
    /// As `read_request`; [`AcceptError::Tls`] if the TLS handshake fails.
    ///
    /// # Cancel safety
    /// A dropped future drops the stream.
    #[cfg(feature = "tls")]
    pub async fn read_request_tls<S: Stream>(
        &self,
        tls: &crate::tls::TlsAcceptor,
        stream: S,
    ) -> Result<Pending<crate::MaybeTls<S>>, AcceptError> {
        let countdown = Countdown::new(self.rules.timeout);
        Box::pin(self.read_tls(tls, stream, countdown)).await
    }

    #[cfg(feature = "tls")]
    async fn read_tls<S: Stream>(
        &self,
        tls: &crate::tls::TlsAcceptor,
        stream: S,
        countdown: Countdown,
    ) -> Result<Pending<crate::MaybeTls<S>>, AcceptError> {
        let stream = countdown
            .step(tls.accept(stream))
            .await
            .map_err(|_| AcceptError::Timeout)?
            .map_err(AcceptError::Tls)?;
        let stream = crate::MaybeTls::Tls(Box::new(stream.into()));
        self.clone().secure(true).read(stream, countdown).await
    }

    async fn read<S: Stream>(
        &self,
        mut stream: S,
        countdown: Countdown,
    ) -> Result<Pending<S>, AcceptError> {
        let mut reader = RequestReader::new(self.rules.limits);
        let error = match countdown.step(read_head(&mut stream, &mut reader)).await {
            Ok(Ok((request, unread))) => {
                let head = reader.into_raw();
                let rules = self.rules.clone();
                return Ok(Pending {
                    stream,
                    request,
                    head,
                    unread,
                    rules,
                    left: countdown.left(),
                });
            }
            Ok(Err(AcceptError::Handshake(error))) => *error,
            Ok(Err(error)) => return Err(error),
            // A browser that connected ahead of need has asked for nothing, so it gets no answer
            // (RFC 9112 §9.5: either side may close an idle connection).
            Err(_) if reader.raw().is_empty() => return Err(AcceptError::Timeout),
            Err(_) => HandshakeError::TooSlow,
        };
        tracing::debug!(%error, "handshake refused");
        refuse(stream, &Refusal::from(error.clone()).response(), countdown.left()).await;
        Err(match error {
            HandshakeError::TooSlow => AcceptError::Timeout,
            error => error.into(),
        })
    }

    pub(crate) fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    fn rules_mut(&mut self) -> &mut Rules {
        Arc::make_mut(&mut self.rules)
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rules.fmt(f)
    }
}

/// The request, and what came behind its head.
async fn read_head<S: AsyncRead + Unpin>(
    stream: &mut S,
    reader: &mut RequestReader,
) -> Result<(Request<()>, Vec<u8>), AcceptError> {
    loop {
        let head = read_chunk(stream, |chunk| {
            if chunk.is_empty() {
                return Err(AcceptError::Closed);
            }
            let (used, request) = reader.read(chunk)?;
            Ok(request.map(|request| (request, chunk[used..].to_vec())))
        })
        .await
        .map_err(AcceptError::Io)??;
        if let Some(head) = head {
            return Ok(head);
        }
    }
}
