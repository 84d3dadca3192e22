//! How a client opens WebSockets.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use everwire_wire::handshake::{ClientHandshake, HandshakeLimits, InvalidHandshake, Target};
use everwire_wire::{Config, Role};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use tokio::net::TcpStream;

use super::handshake::{self, Answer, Shaken};
use super::race;
use super::redirect::Redirects;
use crate::countdown::Countdown;
use crate::stream::{ClientStream, MaybeTls};
use crate::{ConnectError, Phase, Stream, WebSocket, masks};

/// Opens a WebSocket to a `ws` or `wss` URI, with the default [`Connector`].
///
/// # Errors
/// If the URI is none, the server cannot be reached, or it does not agree.
///
/// # Cancel safety
/// A dropped future closes what it had opened; only a lookup of the host's name may still run for a
/// while in the background.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut websocket = everwire::connect("wss://echo.example.com/").await?;
/// websocket.send("hello").await?;
/// # Ok(()) }
/// ```
pub async fn connect(uri: &str) -> Result<WebSocket<ClientStream>, ConnectError> {
    Connector::new().connect(uri).await
}

/// How a client opens WebSockets: what it asks for, whom it trusts, how long it waits.
///
/// Made once and used for any number of connections; cloning is cheap enough for each of them.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let connector = everwire::Connector::new()
///     .header("Authorization", "Bearer abc")?
///     .subprotocols(["chat.v2", "chat.v1"])?;
/// let websocket = connector.connect("wss://example.com/chat").await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Connector {
    headers: HeaderMap,
    subprotocols: Vec<String>,
    config: Arc<Config>,
    limits: HandshakeLimits,
    open_timeout: Duration,
    attempt_delay: Duration,
    max_redirects: u32,
    #[cfg(feature = "tls")]
    roots: Vec<crate::tls::rustls::pki_types::CertificateDer<'static>>,
    #[cfg(feature = "tls")]
    tls: Option<Arc<crate::tls::rustls::ClientConfig>>,
}

impl Default for Connector {
    fn default() -> Self {
        Self {
            headers: HeaderMap::new(),
            subprotocols: Vec::new(),
            config: Arc::default(),
            limits: HandshakeLimits::default(),
            open_timeout: Duration::from_secs(10),
            attempt_delay: Duration::from_millis(250),
            max_redirects: 0,
            #[cfg(feature = "tls")]
            roots: Vec::new(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

/// A WebSocket that is open, and what the server said when it opened it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened<S: Stream> {
    /// The WebSocket.
    pub websocket: WebSocket<S>,
    /// The server's response, for its headers.
    pub response: Response<()>,
    /// Where the WebSocket was opened: after redirects, somewhere other than was asked for.
    pub target: Target,
}

impl Connector {
    /// A connector with the defaults that each method names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header to the request, such as `Origin`, `Authorization` or `Cookie`.
    ///
    /// # Errors
    /// If the name is not a token, the value has a control byte (CR and LF among them), or the
    /// header is one that the handshake itself says or that would give the request a body.
    pub fn header(
        mut self,
        name: impl TryInto<HeaderName>,
        value: impl TryInto<HeaderValue>,
    ) -> Result<Self, InvalidHandshake> {
        let name = name.try_into().map_err(|_| InvalidHandshake::HeaderName)?;
        let Ok(value) = value.try_into() else {
            return Err(InvalidHandshake::HeaderValue(name));
        };
        // The handshake knows which are its own.
        placeholder().header(name.clone(), value.clone())?;
        match self.headers.try_append(name, value) {
            Ok(_) => Ok(self),
            Err(_) => Err(InvalidHandshake::HeaderName),
        }
    }

    /// Offers subprotocols, the dearest first. Default none. Which one the server took,
    /// [`WebSocket::protocol`] says.
    ///
    /// # Errors
    /// If a name is not a token, stands twice, or there are more than 100.
    pub fn subprotocols<I>(mut self, names: I) -> Result<Self, InvalidHandshake>
    where
        I: IntoIterator<Item: Into<String>>,
    {
        self.subprotocols = names.into_iter().map(Into::into).collect();
        placeholder().subprotocols(self.subprotocols.iter().cloned())?;
        Ok(self)
    }

    /// The limits and habits of the connections; compression is offered if it has any. Default
    /// [`Config::default`].
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = Arc::new(config);
        self
    }

    /// How long a response head may be, interim responses included, and how many headers it may have.
    /// Default 16 KiB and 100; more fails the connection.
    #[must_use]
    pub fn limits(mut self, limits: HandshakeLimits) -> Self {
        self.limits = limits;
        self
    }

    /// How long opening may take in all: looking the host up, connecting, TLS, the opening handshake,
    /// and the same again for each redirect. Default 10 s.
    #[must_use]
    pub fn open_timeout(mut self, timeout: Duration) -> Self {
        self.open_timeout = timeout;
        self
    }

    /// How long an attempt to connect to one address runs before the next address is tried beside it
    /// (RFC 8305 §5: "Connection Attempt Delay"). Default 250 ms; less than 10 ms is taken for 10 ms.
    #[must_use]
    pub fn attempt_delay(mut self, delay: Duration) -> Self {
        // §8: "MUST NOT be less than 10 milliseconds", or all addresses are flooded at once.
        self.attempt_delay = delay.max(Duration::from_millis(10));
        self
    }

    /// How many redirects in a row (301, 302, 303, 307 and 308 with a `Location`) are followed. Default
    /// 0, as in browsers: a redirect is an error that has the response, and so is one more than `max`.
    ///
    /// Each lets the server choose whom this program connects to, hosts that only it can reach
    /// included. What is certain: none leads from `wss` to `ws`; once the origin (scheme, host and
    /// port) has changed, nothing that [`header`](Self::header) added is sent any more, `Authorization`
    /// and `Cookie` among it; [`open_timeout`](Self::open_timeout) is for all of them together.
    /// Subprotocols are offered everywhere.
    #[must_use]
    pub fn max_redirects(mut self, max: u32) -> Self {
        self.max_redirects = max;
        self
    }

    /// Trusts these root certificates, in PEM, as well as the usual ones. Default none.
    ///
    /// # Errors
    /// If there is no certificate, or none that can be used.
    #[cfg(feature = "tls")]
    pub fn root_certificates_pem(mut self, pem: &[u8]) -> Result<Self, crate::tls::TlsError> {
        for root in crate::tls::read_certificates(pem)? {
            self = self.root_certificate_der(&root)?;
        }
        Ok(self)
    }

    /// Trusts this root certificate, in DER, as well as the usual ones. Default none.
    ///
    /// It takes the place of a [`tls_config`](Self::tls_config) that was set before.
    ///
    /// # Errors
    /// If the certificate cannot be used.
    #[cfg(feature = "tls")]
    pub fn root_certificate_der(mut self, der: &[u8]) -> Result<Self, crate::tls::TlsError> {
        self.roots.push(der.to_vec().into());
        self.tls = Some(Arc::new(crate::tls::client_config(&self.roots)?));
        Ok(self)
    }

    /// All of TLS: other roots, client certificates, versions. Default: see [`tls`](crate::tls).
    ///
    /// If it negotiates protocols (ALPN), `http/1.1` must be among them.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls_config(mut self, config: Arc<crate::tls::rustls::ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Opens a WebSocket to a `ws` or `wss` URI; `http` and `https` mean the same, as in browsers.
    ///
    /// The host's IPv6 and IPv4 addresses are tried in turn, with a head start for each, and the
    /// first that answers is taken (RFC 8305). `TCP_NODELAY` is on. Redirects are followed as
    /// [`max_redirects`](Self::max_redirects) says.
    ///
    /// # Errors
    /// If the URI is none, the server cannot be reached, or it does not agree.
    ///
    /// # Cancel safety
    /// A dropped future closes what it had opened; only a lookup of the host's name may still run
    /// for a while in the background.
    pub async fn connect(&self, uri: &str) -> Result<WebSocket<ClientStream>, ConnectError> {
        Ok(self.open(uri).await?.websocket)
    }

    /// Like [`connect`](Self::connect), and gives the server's response as well.
    ///
    /// # Errors
    /// As `connect`.
    ///
    /// # Cancel safety
    /// As `connect`.
    pub async fn open(&self, uri: &str) -> Result<Opened<ClientStream>, ConnectError> {
        // Boxed, so that the caller's future, which lives as long as the connection, has no room
        // set aside for a handshake that is over.
        Box::pin(async move {
            let countdown = Countdown::new(self.open_timeout);
            let mut redirects = Redirects::new(self.max_redirects);
            let mut target: Target = uri.parse()?;
            loop {
                let stream = self.reach(&target, &countdown).await?;
                let request = self.request(target, !redirects.left_origin())?;
                match handshake::shake(stream, &request, self.limits, &countdown).await? {
                    Answer::Agreed(shaken) => return Ok(self.opened(shaken, &request)),
                    Answer::Other(other) => {
                        match redirects.follow(request.target(), &other.response)? {
                            Some(next) => target = next,
                            None => return Err(other.into_refusal(&countdown).await),
                        }
                    }
                }
            }
        })
        .await
    }

    /// Opens a WebSocket on a stream that leads to the server already: a pipe, a tunnel through a
    /// proxy.
    ///
    /// It speaks no TLS: for `wss`, the stream must be encrypted by the time it comes here. The URI
    /// says which host and which path to ask for. No redirect is followed: the stream leads where it
    /// leads.
    ///
    /// # Errors
    /// If the URI is none, the stream breaks, or the server does not agree.
    ///
    /// # Cancel safety
    /// A dropped future drops the stream.
    pub async fn handshake_over<S: Stream>(
        &self,
        stream: S,
        uri: &str,
    ) -> Result<WebSocket<S>, ConnectError> {
        Ok(self.open_over(stream, uri).await?.websocket)
    }

    /// Like [`handshake_over`](Self::handshake_over), and gives the server's response as well.
    ///
    /// # Errors
    /// As `handshake_over`.
    ///
    /// # Cancel safety
    /// As `handshake_over`.
    pub async fn open_over<S: Stream>(
        &self,
        stream: S,
        uri: &str,
    ) -> Result<Opened<S>, ConnectError> {
        Box::pin(async move {
            let countdown = Countdown::new(self.open_timeout);
            let request = self.request(uri.parse()?, true)?;
            match handshake::shake(stream, &request, self.limits, &countdown).await? {
                Answer::Agreed(shaken) => Ok(self.opened(shaken, &request)),
                Answer::Other(other) => Err(other.into_refusal(&countdown).await),
            }
        })
        .await
    }

    fn request(&self, target: Target, with_headers: bool) -> Result<ClientHandshake, ConnectError> {
        let mut request = ClientHandshake::with_target(target, masks::nonce())
            .subprotocols(self.subprotocols.iter().cloned())?
            .deflate(self.config.deflate.clone());
        if with_headers {
            for (name, value) in &self.headers {
                request = request.header(name.clone(), value.clone())?;
            }
        }
        Ok(request)
    }

    /// A stream that ends at the target, encrypted if its URI says so.
    async fn reach(
        &self,
        target: &Target,
        countdown: &Countdown,
    ) -> Result<ClientStream, ConnectError> {
        if target.secure() && !cfg!(feature = "tls") {
            return Err(ConnectError::NoTls);
        }
        let stream = self.connect_tcp(target, countdown).await?;
        #[cfg(feature = "tls")]
        if target.secure() {
            return super::encrypt::encrypt(stream, target.host(), self.tls.as_ref(), countdown)
                .await;
        }
        Ok(MaybeTls::Plain(stream))
    }

    async fn connect_tcp(
        &self,
        target: &Target,
        countdown: &Countdown,
    ) -> Result<TcpStream, ConnectError> {
        let addresses = countdown
            .step(tokio::net::lookup_host((target.host(), target.port())))
            .await
            .map_err(|_| ConnectError::Timeout(Phase::Resolve))?
            .map_err(ConnectError::Resolve)?;
        let addresses = race::interleave(addresses.collect());
        let stream = countdown
            .step(race::race(addresses, self.attempt_delay, TcpStream::connect))
            .await
            .map_err(|_| ConnectError::Timeout(Phase::Connect))?
            .map_err(ConnectError::Connect)?;
        stream.set_nodelay(true).map_err(ConnectError::Io)?;
        Ok(stream)
    }

    fn opened<S: Stream>(&self, shaken: Shaken<S>, request: &ClientHandshake) -> Opened<S> {
        let websocket = WebSocket::from_handshake(
            shaken.stream,
            Role::Client,
            shaken.agreement,
            shaken.unread,
            self.config.clone(),
        );
        Opened { websocket, response: shaken.response, target: request.target().clone() }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the headers' values: they carry cookies and tokens.
        f.debug_struct("Connector")
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("subprotocols", &self.subprotocols)
            .field("config", &self.config)
            .field("limits", &self.limits)
            .field("open_timeout", &self.open_timeout)
            .field("attempt_delay", &self.attempt_delay)
            .field("max_redirects", &self.max_redirects)
            .finish_non_exhaustive()
    }
}

/// A handshake that is never sent: it judges headers and subprotocols when they are given, not
/// when a connection is needed.
fn placeholder() -> ClientHandshake {
    let target = "ws://localhost/".parse().expect("a valid URI");
    ClientHandshake::with_target(target, [0; 16])
}
