//! The hub: everything that sessions share.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use everwire::{AcceptError, Acceptor, Pending, Rejection, Stream, WebSocket};
use everwire_proto::{Encoding, Name, Payload, Topic};

use crate::attendance::Attendance;
use crate::broker::{Broker, BrokerError, MemoryBroker, Published};
use crate::config::{HubConfig, TopicConfig};
use crate::dice::Dice;
use crate::endpoint::Endpoint;
use crate::handler::Bound;
use crate::leaving::Leaving;
use crate::log::Draft;
use crate::path::{InvalidPath, Params, Pattern};
use crate::presence::{MemoryPresence, Presence, PresenceListener};
use crate::session::{Request, Session};
use crate::socket::Socket;
use crate::topics::{Counters, Topics};

/// Sessions, topics and who listens to them: what an application embeds.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use everwire_hub::{Endpoint, Hub};
///
/// struct Chat;
/// impl Endpoint for Chat {}
///
/// let hub = Hub::builder().endpoint("/chat/{room}", Chat)?.build();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Hub(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: HubConfig,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) topics: Arc<Topics>,
    pub(crate) attendance: Attendance,
    pub(crate) dice: Dice,
    pub(crate) leaving: Leaving,
    endpoints: Vec<(Pattern, Bound)>,
    sessions: Mutex<HashMap<Name, Session>>,
    /// Connections, ever.
    connections: AtomicU64,
}

/// Makes a [`Hub`].
#[derive(Default)]
pub struct HubBuilder {
    config: HubConfig,
    broker: Option<Arc<dyn Broker>>,
    presence: Option<Arc<dyn Presence>>,
    endpoints: Vec<(Pattern, Bound)>,
}

impl HubBuilder {
    /// Binds an endpoint to a path. A segment in braces, as in `/chat/{room}`, is a parameter. Paths are
    /// tried in the order in which they were bound.
    ///
    /// # Errors
    /// If that is no path.
    pub fn endpoint(mut self, path: &str, endpoint: impl Endpoint) -> Result<Self, InvalidPath> {
        self.endpoints.push((Pattern::parse(path)?, Bound::Endpoint(Arc::new(endpoint))));
        Ok(self)
    }

    /// Binds a function to a path, as [`endpoint`](Self::endpoint) binds an endpoint. It gets the request and
    /// the WebSocket, and has it until it returns; there is no session, and the hub's language is not spoken.
    /// If it panics the connection is closed with 1011.
    ///
    /// ```
    /// use everwire_hub::{Hub, Request, Socket};
    ///
    /// async fn echo(_: Request, mut socket: Socket) {
    ///     while let Some(message) = socket.recv().await {
    ///         if socket.send(message).await.is_err() {
    ///             break;
    ///         }
    ///     }
    /// }
    ///
    /// let hub = Hub::builder().handler("/echo", echo)?.build();
    /// # Ok::<(), everwire_hub::InvalidPath>(())
    /// ```
    ///
    /// # Errors
    /// If that is no path.
    pub fn handler<F, R>(mut self, path: &str, handler: F) -> Result<Self, InvalidPath>
    where
        F: Fn(Request, Socket) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        self.endpoints.push((Pattern::parse(path)?, Bound::Handler(Arc::new(handler))));
        Ok(self)
    }

    /// Limits and times. Without it [`HubConfig::default`].
    #[must_use]
    pub fn config(mut self, config: HubConfig) -> Self {
        self.config = config;
        self
    }

    /// Who keeps logs and carries publications. Without it a [`MemoryBroker`] of its own, which keeps what
    /// the configuration says for each topic.
    #[must_use]
    pub fn broker(mut self, broker: impl Broker) -> Self {
        self.broker = Some(Arc::new(broker));
        self
    }

    /// Who keeps who is there. Without it a [`MemoryPresence`] of its own.
    #[must_use]
    pub fn presence(mut self, presence: impl Presence) -> Self {
        self.presence = Some(Arc::new(presence));
        self
    }

    /// The hub.
    pub fn build(self) -> Hub {
        let config = self.config;
        let broker = self.broker.unwrap_or_else(|| {
            let rules = config.topics.clone();
            Arc::new(MemoryBroker::new().limits(move |topic| rules(topic).history))
        });
        let topics = Topics::new(&config);
        topics.attach(&broker);
        let presence =
            self.presence.unwrap_or_else(|| Arc::new(MemoryPresence::new(config.presence.clone())));
        presence.attach(topics.clone() as Arc<dyn PresenceListener>);
        Hub(Arc::new(Inner {
            config,
            broker,
            topics,
            attendance: Attendance::new(presence),
            dice: Dice::default(),
            leaving: Leaving::default(),
            endpoints: self.endpoints,
            sessions: Mutex::default(),
            connections: AtomicU64::new(0),
        }))
    }
}

impl Hub {
    /// Begins a hub.
    pub fn builder() -> HubBuilder {
        HubBuilder::default()
    }

    /// An acceptor that negotiates the hub's language, with the other rules of `acceptor`.
    pub fn acceptor(&self, acceptor: &Acceptor) -> Acceptor {
        let names = Encoding::ALL.map(Encoding::subprotocol);
        acceptor.clone().subprotocols(names).expect("they are tokens")
    }

    /// Whether there is an endpoint for a path.
    pub fn has_endpoint(&self, path: &str) -> bool {
        self.0.endpoint(path).is_some()
    }

    /// Answers a request for a WebSocket, and serves it until it is over: 404 if there is no endpoint at its
    /// path, and [`refusal`](Self::refusal) while the hub goes.
    ///
    /// To be awaited in a task of its own. The request was read by what [`acceptor`](Self::acceptor) gave:
    ///
    /// ```no_run
    /// # async fn example(hub: everwire_hub::Hub, listener: tokio::net::TcpListener) {
    /// let acceptor = hub.acceptor(&everwire::Acceptor::new());
    /// loop {
    ///     let (stream, _) = everwire::next_stream(&listener).await;
    ///     let (hub, acceptor) = (hub.clone(), acceptor.clone());
    ///     tokio::spawn(async move { hub.accept(acceptor.read_request(stream).await?).await });
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the request may not be accepted; the client was answered.
    pub async fn accept<S: Stream>(&self, pending: Pending<S>) -> Result<(), AcceptError> {
        if let Some(refusal) = self.refusal() {
            pending.refuse(refusal).await;
            return Ok(());
        }
        if !self.has_endpoint(pending.request().uri().path()) {
            let text = "there is no endpoint here\n";
            pending.refuse(Rejection::new(http::StatusCode::NOT_FOUND, text)).await;
            return Ok(());
        }
        let request = pending.request().clone();
        let serving = self.serve(&request, pending.accept().await?);
        drop(request);
        serving.await;
        Ok(())
    }

    /// Serves a connection until it is over. It speaks the hub's language if that was negotiated, as
    /// [`acceptor`](Self::acceptor) does; else it is a raw client.
    ///
    /// To be awaited in a task of its own; it borrows neither the hub nor the request. If the request's path has
    /// no endpoint the connection is closed with 4504.
    pub fn serve<S: Stream, B>(
        &self,
        request: &http::Request<B>,
        socket: WebSocket<S>,
    ) -> impl Future<Output = ()> + Send + use<S, B> {
        Session::serve(&self.0, request, socket)
    }

    /// Publishes from anywhere, to all who are subscribed to the topic.
    ///
    /// To reach everybody at an endpoint, have its `on_open` [subscribe](Session::subscribe) each session to one
    /// topic, raw clients too. To reach one session there is [`Session::send`]; all but one,
    /// [`Session::publish_to_others`].
    ///
    /// # Errors
    /// If the broker cannot store it.
    pub async fn publish(
        &self,
        topic: &Topic,
        payload: impl Into<Payload>,
    ) -> Result<Published, BrokerError> {
        let draft = Draft { from: None, payload: payload.into(), key: None, except: None };
        self.0.broker.publish(topic, draft).await
    }

    /// A session that has not ended.
    pub fn session(&self, id: &str) -> Option<Session> {
        self.0.lock().get(id).cloned()
    }

    /// How many sessions there are, those included whose clients are away for a moment.
    pub fn sessions(&self) -> usize {
        self.0.lock().len()
    }

    /// What became of publications in a topic, since somebody first subscribed who is still there or was
    /// followed by others without a break.
    pub fn counters(&self, topic: &Topic) -> Option<Counters> {
        self.0.topics.room(topic).map(|room| room.crowd().counters())
    }
}

impl Inner {
    /// A number for a connection that was opened, higher than those before it.
    pub(crate) fn number_connection(&self) -> NonZeroU64 {
        NonZeroU64::MIN.saturating_add(self.connections.fetch_add(1, Ordering::Relaxed))
    }

    /// What is bound to a path, and its parameters.
    pub(crate) fn endpoint(&self, path: &str) -> Option<(Bound, Params)> {
        let find =
            |(pattern, bound): &(Pattern, Bound)| Some((bound.clone(), pattern.matches(path)?));
        self.endpoints.iter().find_map(find)
    }

    /// Gives up a topic that was opened.
    pub(crate) fn leave(&self, topic: &Topic) {
        let closed = self.topics.leave(&*self.broker, topic);
        if closed.is_some_and(|room| room.was_heard()) {
            self.attendance.handle_closed(topic);
        }
    }

    /// Whether a topic has no history.
    pub(crate) fn is_live(&self, topic: &Topic) -> bool {
        self.rules(topic).history.max_entries == 0
    }

    pub(crate) fn rules(&self, topic: &Topic) -> TopicConfig {
        (self.config.topics)(topic)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, HashMap<Name, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("sessions", &self.lock().len())
            .field("broker", &self.broker)
            .field("topics", &self.topics)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for HubBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}
