//! The builder.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;

use super::BoxError;
use super::attempt::{BeforeConnect, Classify, Destination, OnOpen, Open, Settings};
use super::ending::Ending;
use super::outbox::OutboxLimits;
use super::policy::RetryPolicy;
use super::retry::Verdict;
use super::sessions::Sessions;
use crate::{ClientStream, ConnectError, Connector, Stream, WebSocket};

/// A client that connects again, for as long as it makes sense.
///
/// The connection is a loop: each turn is a [`Session`](super::Session), a live connection.
///
/// ```no_run
/// # async fn example() {
/// let mut sessions = everwire::Reconnector::new("wss://example.com/feed")
///     .on_open(async |socket| {
///         socket.send("subscribe news").await?;
///         Ok(socket)
///     })
///     .sessions();
/// while let Some(mut session) = sessions.next().await {
///     while let Some(message) = session.recv().await {
///         println!("{message:?}");
///     }
/// }
/// println!("gave up: {:?}", sessions.ended());
/// # }
/// ```
///
/// When it tries again and when it gives up, a [`RetryPolicy`] says; what an ending means,
/// [`Ending::verdict`] or a classifier of the program. Messages are sent, from any task and whether or
/// not there is a connection, with a [`Messenger`](super::Messenger), which also says what became of
/// each.
pub struct Reconnector<S: Stream = ClientStream> {
    destination: Destination,
    connector: Connector,
    open: Open<S>,
    policy: RetryPolicy,
    limits: OutboxLimits,
    before_connect: Option<BeforeConnect>,
    on_open: Option<OnOpen<S>>,
    classify: Classify,
}

impl Reconnector {
    /// A client of a `ws` or `wss` URI, with the defaults that each method names.
    pub fn new(uri: impl Into<String>) -> Self {
        Self::with(
            uri.into(),
            Box::new(|connector, uri| Box::pin(async move { connector.open(&uri).await })),
        )
    }
}

impl<S: Stream> Reconnector<S> {
    /// A client over streams of the program's own: a pipe, a tunnel, a simulated network. `dial` is asked for
    /// one before each attempt, within its `open_timeout`; the opening handshake goes over it. An error counts
    /// as a server that cannot be reached.
    ///
    /// The stream has to be encrypted already where it is to be. Of the [`Connector`] that which is about
    /// addresses, proxies, TLS and redirects plays no part.
    pub fn over<F, Fut>(uri: impl Into<String>, dial: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<S>> + Send + 'static,
    {
        Self::with(
            uri.into(),
            Box::new(move |connector, uri| {
                let dialled = dial();
                Box::pin(async move {
                    let stream = dialled.await.map_err(ConnectError::Connect)?;
                    connector.open_over(stream, &uri).await
                })
            }),
        )
    }

    fn with(uri: String, open: Open<S>) -> Self {
        Self {
            destination: Destination::new(uri),
            connector: Connector::new(),
            open,
            policy: RetryPolicy::default(),
            limits: OutboxLimits::default(),
            before_connect: None,
            on_open: None,
            classify: Box::new(Ending::verdict),
        }
    }

    /// How each connection is opened. Default [`Connector::new`]. Its `open_timeout` gives way to that
    /// of the policy. With a [text heartbeat](everwire_wire::TextHeartbeat) in its config, what a
    /// broken connection had not sent is unsure: pongs in text count as messages there.
    #[must_use]
    pub fn connector(mut self, connector: Connector) -> Self {
        self.connector = connector;
        self
    }

    /// When to try again and when to give up. Default [`RetryPolicy::default`].
    #[must_use]
    pub fn policy(mut self, policy: RetryPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Lets messages wait for a connection. Default: none may, a message that finds no connection is
    /// refused.
    #[must_use]
    pub fn queue(mut self, limits: OutboxLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Asks for a URI and headers before each attempt: a fresh token, another server. They take the
    /// place of the URI of [`new`](Self::new). Default none.
    ///
    /// Its time counts towards `open_timeout`. An error is an [`Ending::Hook`], by default tried again;
    /// so are 401 and 403 where there is such a hook.
    ///
    /// ```
    /// use everwire::Reconnector;
    /// use everwire::reconnect::Destination;
    ///
    /// # async fn fetch_token() -> Result<String, std::io::Error> { Ok(String::new()) }
    /// let reconnector = Reconnector::new("wss://example.com/feed").before_connect(async || {
    ///     let token = fetch_token().await?;
    ///     let destination = Destination::new("wss://example.com/feed");
    ///     Ok(destination.header("Authorization", format!("Bearer {token}"))?)
    /// });
    /// ```
    #[must_use]
    pub fn before_connect<F, Fut>(mut self, ask: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Destination, BoxError>> + Send + 'static,
    {
        self.before_connect = Some(Box::new(move || Box::pin(ask())));
        self
    }

    /// Does something with each new connection before anybody else: subscribe, sign in. It is given
    /// the WebSocket and gives it back; messages that wait leave behind what it sends. Default none.
    ///
    /// Its time counts towards `open_timeout`, and until it is done there is no connection as far as
    /// a [`Messenger`](super::Messenger) knows. An error is an [`Ending::Hook`], by default tried
    /// again. A [`Sender`](crate::Sender) that it keeps is not counted when fates are told: what goes
    /// over it later may have others taken for sent when they were not.
    #[must_use]
    pub fn on_open<F, Fut>(mut self, greet: F) -> Self
    where
        F: Fn(WebSocket<S>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<WebSocket<S>, BoxError>> + Send + 'static,
    {
        self.on_open = Some(Box::new(move |socket| Box::pin(greet(socket))));
        self
    }

    /// Says what an ending means. Default [`Ending::verdict`], which a classifier may call for what it
    /// does not care about. It is asked about all but [`Ending::Timeout`] and [`Ending::Left`].
    ///
    /// ```
    /// use everwire::reconnect::{Ending, retry::Verdict};
    ///
    /// let reconnector = everwire::Reconnector::new("wss://example.com").classify(|ending| match ending {
    ///     Ending::Closed(report) if report.code.get() == 4000 => Verdict::Fatal,
    ///     _ => ending.verdict(),
    /// });
    /// ```
    #[must_use]
    pub fn classify(
        mut self,
        classify: impl Fn(&Ending) -> Verdict + Send + Sync + 'static,
    ) -> Self {
        self.classify = Box::new(classify);
        self
    }

    /// The client. It does nothing before its first [`next`](Sessions::next).
    pub fn sessions(self) -> Sessions<S> {
        let settings = Settings {
            destination: self.destination,
            connector: self.connector.open_timeout(self.policy.open_timeout),
            open: self.open,
            before_connect: self.before_connect,
            on_open: self.on_open,
            classify: self.classify,
        };
        Sessions::new(Arc::new(settings), &self.policy, &self.limits)
    }
}

impl<S: Stream> fmt::Debug for Reconnector<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnector")
            .field("destination", &self.destination)
            .field("connector", &self.connector)
            .field("policy", &self.policy)
            .field("queue", &self.limits)
            .finish_non_exhaustive()
    }
}
