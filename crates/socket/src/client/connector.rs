//! How a client opens WebSockets: all that can be asked for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use everwire_wire::Config;
use everwire_wire::handshake::{ClientHandshake, HandshakeLimits, InvalidHandshake};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::proxy::{Proxies, Proxy};
use super::route::Route;

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
    pub(super) headers: HeaderMap,
    pub(super) subprotocols: Vec<String>,
    pub(super) config: Arc<Config>,
    pub(super) limits: HandshakeLimits,
    pub(super) open_timeout: Duration,
    pub(super) max_redirects: u32,
    pub(super) route: Route,
    #[cfg(feature = "tls")]
    roots: Vec<crate::tls::rustls::pki_types::CertificateDer<'static>>,
}

impl Default for Connector {
    fn default() -> Self {
        Self {
            headers: HeaderMap::new(),
            subprotocols: Vec::new(),
            config: Arc::default(),
            limits: HandshakeLimits::default(),
            open_timeout: Duration::from_secs(10),
            max_redirects: 0,
            route: Route::default(),
            #[cfg(feature = "tls")]
            roots: Vec::new(),
        }
    }
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
        append_header(&mut self.headers, name, value)?;
        Ok(self)
    }

    /// Offers subprotocols, the dearest first. Default none. Which one the server took,
    /// [`WebSocket::protocol`](crate::WebSocket::protocol) says.
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

    /// How long a response head may be, a proxy's too, interim responses included, and how many headers it may have.
    /// Default 16 KiB and 100; more fails the connection.
    #[must_use]
    pub fn limits(mut self, limits: HandshakeLimits) -> Self {
        self.limits = limits;
        self
    }

    /// How long opening may take in all: looking the host up, connecting, a proxy, TLS, the opening handshake,
    /// and the same again for each redirect. Default 10 s.
    #[must_use]
    pub fn open_timeout(mut self, timeout: Duration) -> Self {
        self.open_timeout = timeout;
        self
    }

    /// How long an attempt to connect to one address, of the server or of a proxy, runs before the next address is tried beside it
    /// (RFC 8305 §5: "Connection Attempt Delay"). Default 250 ms; less than 10 ms is taken for 10 ms.
    #[must_use]
    pub fn attempt_delay(mut self, delay: Duration) -> Self {
        // §8: "MUST NOT be less than 10 milliseconds", or all addresses are flooded at once.
        self.route.attempt_delay = delay.max(Duration::from_millis(10));
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

    /// Reaches every server through this proxy, whatever the environment says. Default: see
    /// [`proxy_variables`](Self::proxy_variables).
    ///
    /// ```
    /// let proxy = everwire::Proxy::parse("socks5h://user:password@proxy.example")?;
    /// let connector = everwire::Connector::new().proxy(proxy);
    /// # Ok::<(), everwire::InvalidProxy>(())
    /// ```
    ///
    /// The proxy is told the server's host and port, and its own credentials; the server is not told of
    /// it. With `ws` the proxy can read and change everything, with `wss` nothing. With a proxy that is
    /// `https`, TLS goes by the same [`tls_config`](Self::tls_config) and
    /// [`root_certificate_der`](Self::root_certificate_der) as with servers, but without a client
    /// certificate.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.route.proxies = Proxies::One(proxy);
        self
    }

    /// Connects to every server directly, whatever the environment says.
    #[must_use]
    pub fn no_proxy(mut self) -> Self {
        self.route.proxies = Proxies::Never;
        self
    }

    /// Finds proxies by the variables that `lookup` gives: a program's settings, a test. Default: the
    /// environment variables of the process, read for each connection.
    ///
    /// Each is tried in lower case, then in upper case; an empty one counts as absent.
    ///
    /// 1. This machine, `localhost` and loopback addresses, is connected to directly, and so is what
    ///    `no_proxy` lists, separated by commas: `*` for all; names, `example.org` and `.example.org` alike,
    ///    for themselves and all below; addresses and networks (`192.0.2.0/24`); all but networks with
    ///    or without `:port`.
    /// 2. For `ws`, the proxy is that of `ws_proxy`, else of `http_proxy`; for `wss`, that of `wss_proxy`,
    ///    else of `https_proxy`. `HTTP_PROXY` is passed over where there is a `REQUEST_METHOD`: in a CGI
    ///    program it is a header of whoever asks ("httpoxy").
    /// 3. Else it is that of `all_proxy`, else there is none.
    ///
    /// A value that is no [`Proxy`] is [`ConnectError::ProxyVariable`](crate::ConnectError), never a
    /// direct connection.
    #[must_use]
    pub fn proxy_variables(
        mut self,
        lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.route.proxies = Proxies::Variables(Arc::new(lookup));
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
        self.route.tls = Some(Arc::new(crate::tls::client_config(&self.roots)?));
        Ok(self)
    }

    /// All of TLS: other roots, client certificates, versions. Default: see [`tls`](crate::tls).
    ///
    /// If it negotiates protocols (ALPN), `http/1.1` must be among them.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls_config(mut self, config: Arc<crate::tls::rustls::ClientConfig>) -> Self {
        self.route.tls = Some(config);
        self
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
            .field("attempt_delay", &self.route.attempt_delay)
            .field("max_redirects", &self.max_redirects)
            .field("proxies", &self.route.proxies)
            .finish_non_exhaustive()
    }
}

/// Adds a header to those of a request, if it may be sent.
pub(crate) fn append_header(
    headers: &mut HeaderMap,
    name: impl TryInto<HeaderName>,
    value: impl TryInto<HeaderValue>,
) -> Result<(), InvalidHandshake> {
    let name = name.try_into().map_err(|_| InvalidHandshake::HeaderName)?;
    let Ok(value) = value.try_into() else {
        return Err(InvalidHandshake::HeaderValue(name));
    };
    // The handshake knows which are its own.
    placeholder().header(name.clone(), value.clone())?;
    headers.try_append(name, value).map_err(|_| InvalidHandshake::HeaderName)?;
    Ok(())
}

/// A handshake that is never sent: it judges headers and subprotocols when they are given, not
/// when a connection is needed.
fn placeholder() -> ClientHandshake {
    let target = "ws://localhost/".parse().expect("a valid URI");
    ClientHandshake::with_target(target, [0; 16])
}
