//! How a client is made.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use everwire::reconnect::Ending;
use everwire::reconnect::retry::Verdict;
use everwire::{Connector, Reconnector, RetryPolicy, Stream};
use everwire_proto::session::Config;
use everwire_proto::{CloseCode, Encoding, MAX_NUMBER, Secret};
use tokio::sync::mpsc;

use crate::client::{Client, ClientEvent};
use crate::core::{Core, Observer, Step};
use crate::driver;

/// What a token is asked with, before each connection.
pub(crate) type Tokens = Arc<dyn Fn() -> Option<Secret> + Send + Sync>;

/// Requests that wait for the client's task. One more waits where it is made.
const COMMANDS: usize = 64;

/// Makes a [`Client`].
pub struct Builder {
    uri: String,
    connector: Connector,
    policy: RetryPolicy,
    config: Config,
    tokens: Tokens,
    encodings: Vec<Encoding>,
    max_undelivered: usize,
    events: Option<mpsc::Sender<ClientEvent>>,
    observer: Option<Observer>,
}

impl Builder {
    pub(crate) fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            connector: Connector::new(),
            policy: RetryPolicy::default(),
            config: Config::default(),
            tokens: Arc::new(|| None),
            encodings: Encoding::ALL.to_vec(),
            max_undelivered: 256,
            events: None,
            observer: None,
        }
    }

    /// How each connection is opened. Default [`Connector::new`]; its subprotocols are the client's.
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

    /// Who the client is, and the limits of its session. Default [`Config::default`]: the client has no name, and
    /// what was not answered when a session is lost has an uncertain fate. If it has one and `first_key` is 1, keys
    /// begin at the microseconds since 1970 instead, above those of an earlier process that had the name.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Says, before each connection, what to prove with who this is. Default nothing.
    #[must_use]
    pub fn token(mut self, ask: impl Fn() -> Option<Secret> + Send + Sync + 'static) -> Self {
        self.tokens = Arc::new(ask);
        self
    }

    /// Which encodings are offered, the preferred one first. Default both, compact first.
    #[must_use]
    pub fn encodings(mut self, encodings: impl IntoIterator<Item = Encoding>) -> Self {
        self.encodings = encodings.into_iter().collect();
        self
    }

    /// What a subscription keeps that the program has not asked for yet. Default 256. Beyond it the subscription
    /// is given up, and goes on from the topic's log once the program has caught up.
    #[must_use]
    pub fn max_undelivered(mut self, max: usize) -> Self {
        self.max_undelivered = max.max(1);
        self
    }

    /// Whom to tell that the connection came and went, and what the endpoint says. What finds no room there is
    /// dropped. Default nobody.
    #[must_use]
    pub fn events(mut self, events: mpsc::Sender<ClientEvent>) -> Self {
        self.events = Some(events);
        self
    }

    /// Shows each step of the client's session to whoever records it.
    #[doc(hidden)]
    #[must_use]
    pub fn observer(mut self, observe: impl FnMut(Step<'_>) + Send + 'static) -> Self {
        self.observer = Some(Box::new(observe));
        self
    }

    /// The client, which connects from now on in a task of its own, until it is closed or its last handle is
    /// dropped.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn connect(self) -> Client {
        let reconnector = Reconnector::new(self.uri.clone());
        self.run(reconnector)
    }

    /// As [`connect`](Self::connect), over streams of the program's own, as of
    /// [`Reconnector::over`]: `dial` gives one for each connection.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn connect_over<S, F, Fut>(self, dial: F) -> Client
    where
        S: Stream,
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<S>> + Send + 'static,
    {
        let reconnector = Reconnector::over(self.uri.clone(), dial);
        self.run(reconnector)
    }

    fn run<S: Stream>(mut self, reconnector: Reconnector<S>) -> Client {
        self.config.first_key = first_key(&self.config);
        let names = self.encodings.iter().map(|encoding| encoding.subprotocol());
        let connector = self.connector.subprotocols(names).expect("they are tokens");
        let sessions =
            reconnector.connector(connector).policy(self.policy).classify(verdict).sessions();
        let (commands, received) = mpsc::channel(COMMANDS);
        let core = Core::new(self.config, self.tokens, self.events, self.observer);
        tokio::spawn(driver::run(sessions, core, received));
        Client::new(commands, self.max_undelivered)
    }
}

/// Another process may have used the client's name, and its keys from 1 on: a publication under one of them
/// would be taken for what is stored already. Nobody publishes more than one each microsecond.
fn first_key(config: &Config) -> u64 {
    let is_chosen = config.first_key != Config::default().first_key;
    if is_chosen || config.client.is_none() {
        return config.first_key;
    }
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX).clamp(1, MAX_NUMBER)
}

/// A hub's close code carries its verdict.
fn verdict(ending: &Ending) -> Verdict {
    match ending {
        Ending::Closed(report) if report.code.get() >= 4000 => {
            match CloseCode(report.code.get()).retry() {
                true => Verdict::Retry,
                false => Verdict::Fatal,
            }
        }
        other => other.verdict(),
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("uri", &self.uri)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
