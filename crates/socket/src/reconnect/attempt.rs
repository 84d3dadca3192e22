//! One attempt: ask for a destination, connect, do what is done on opening.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use everwire_wire::handshake::InvalidHandshake;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::BoxError;
use super::ending::Ending;
use super::retry::Verdict;
use crate::client::append_header;
use crate::{ConnectError, Connector, Opened, Stream, WebSocket};

/// Where to connect to, and what to say there beside what the
/// [`Connector`] says each time.
#[derive(Clone)]
pub struct Destination {
    uri: String,
    headers: HeaderMap,
}

impl Destination {
    /// A `ws` or `wss` URI.
    pub fn new(uri: impl Into<String>) -> Self {
        Self { uri: uri.into(), headers: HeaderMap::new() }
    }

    /// Adds a header to the request, such as `Authorization` with a fresh token. It is sent beside
    /// those of the connector.
    ///
    /// # Errors
    /// As [`Connector::header`].
    pub fn header(
        mut self,
        name: impl TryInto<HeaderName>,
        value: impl TryInto<HeaderValue>,
    ) -> Result<Self, InvalidHandshake> {
        append_header(&mut self.headers, name, value)?;
        Ok(self)
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither the URI's query nor the headers' values: they carry tokens.
        f.debug_struct("Destination")
            .field("uri", &self.uri.split('?').next().unwrap_or_default())
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .finish()
    }
}

type Asked<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

pub(super) type BeforeConnect = Box<dyn Fn() -> Asked<Destination> + Send + Sync>;

pub(super) type OnOpen<S> = Box<dyn Fn(WebSocket<S>) -> Asked<WebSocket<S>> + Send + Sync>;

/// Opens a WebSocket to a URI as the connector says.
pub(super) type Open<S> = Box<dyn Fn(Connector, String) -> Opening<S> + Send + Sync>;

pub(super) type Opening<S> = Pin<Box<dyn Future<Output = Result<Opened<S>, ConnectError>> + Send>>;

pub(super) type Classify = Box<dyn Fn(&Ending) -> Verdict + Send + Sync>;

/// What every attempt does.
pub(super) struct Settings<S: Stream> {
    pub(super) destination: Destination,
    pub(super) connector: Connector,
    pub(super) open: Open<S>,
    pub(super) before_connect: Option<BeforeConnect>,
    pub(super) on_open: Option<OnOpen<S>>,
    pub(super) classify: Classify,
}

/// An attempt under way.
pub(super) struct Attempt<S: Stream> {
    /// Which one, of those that were asked for.
    pub(super) number: u64,
    pub(super) future: Pin<Box<dyn Future<Output = Result<Opened<S>, Ending>> + Send>>,
}

impl<S: Stream> Attempt<S> {
    pub(super) fn begin(number: u64, settings: Arc<Settings<S>>) -> Self {
        Self { number, future: Box::pin(attempt(settings)) }
    }
}

async fn attempt<S: Stream>(settings: Arc<Settings<S>>) -> Result<Opened<S>, Ending> {
    let asked = match &settings.before_connect {
        Some(ask) => Some(ask().await.map_err(Ending::Hook)?),
        None => None,
    };
    let fresh = asked.is_some();
    let destination = asked.as_ref().unwrap_or(&settings.destination);
    let failed = |error: ConnectError| Ending::Connect { error, fresh };
    let mut connector = settings.connector.clone();
    for (name, value) in &destination.headers {
        connector =
            connector.header(name.clone(), value.clone()).map_err(|error| failed(error.into()))?;
    }
    let uri = destination.uri.clone();
    let mut opened = (settings.open)(connector, uri).await.map_err(failed)?;
    if let Some(greet) = &settings.on_open {
        opened.websocket = greet(opened.websocket).await.map_err(Ending::Hook)?;
    }
    Ok(opened)
}

impl<S: Stream> fmt::Debug for Attempt<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("number", &self.number).finish_non_exhaustive()
    }
}
