//! The server's side: check a request, answer it (RFC 6455 §4.2).

use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};

use super::authority::HostPort;
use super::headers::{self, CONNECTION, HOST, KEY, UPGRADE, VERSION};
use super::{Agreement, HandshakeError, OriginPolicy, key, path};
use crate::deflate::{DeflateConfig, DeflateParams, PERMESSAGE_DEFLATE};

/// How a server answers opening handshakes.
///
/// [`respond`](Self::respond) does it all. Whoever wants to look first calls
/// [`check`](Self::check), chooses among what the [`Offer`] has, and then either
/// [accepts](Offer::accept) it or answers with any other response.
///
/// ```
/// use everwire_wire::handshake::{ServerHandshake, encode_accept};
///
/// let server = ServerHandshake::new().subprotocols(["chat.v2", "chat.v1"]).unwrap();
/// let request = http::Request::get("/chat")
///     .header("Host", "example.org")
///     .header("Connection", "Upgrade")
///     .header("Upgrade", "websocket")
///     .header("Sec-WebSocket-Version", "13")
///     .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
///     .header("Sec-WebSocket-Protocol", "chat.v1, chat.v2")
///     .body(())
///     .unwrap();
/// let (response, agreement) = server.respond(&request, false).unwrap();
/// assert_eq!(response.headers()["Sec-WebSocket-Accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// assert_eq!(agreement.subprotocol(), Some("chat.v2"));
/// assert!(encode_accept(&response).starts_with(b"HTTP/1.1 101 "));
/// ```
#[derive(Debug, Clone, Default)]
pub struct ServerHandshake {
    subprotocols: Vec<String>,
    deflate: Option<DeflateConfig>,
    origin: OriginPolicy,
}

impl ServerHandshake {
    /// No subprotocols, no compression, [`OriginPolicy::same_host`].
    pub fn new() -> Self {
        Self::default()
    }

    /// The subprotocols that the server speaks, the dearest first. Default none: what is offered is
    /// not taken, and the connection opens without a subprotocol.
    ///
    /// # Errors
    /// If a name is not a token (RFC 9110 §5.6.2).
    pub fn subprotocols<I>(mut self, names: I) -> Result<Self, InvalidSubprotocol>
    where
        I: IntoIterator<Item: Into<String>>,
    {
        self.subprotocols = names.into_iter().map(Into::into).collect();
        match self.subprotocols.iter().find(|name| !headers::is_token(name)) {
            Some(name) => Err(InvalidSubprotocol(name.clone())),
            None => Ok(self),
        }
    }

    /// How to compress with clients that offer it. Default `None`: not at all.
    #[must_use]
    pub fn deflate(mut self, config: Option<DeflateConfig>) -> Self {
        self.deflate = config;
        self
    }

    /// Which web pages may connect. Default [`OriginPolicy::same_host`].
    #[must_use]
    pub fn origin(mut self, policy: OriginPolicy) -> Self {
        self.origin = policy;
        self
    }

    /// Checks a request and answers it: the response that switches protocols, or the refusal.
    ///
    /// `secure` says that the connection is known to be TLS; behind a proxy that ends TLS it is
    /// false. Headers may be added to the response before it is sent.
    ///
    /// # Errors
    /// If the request may not be answered with 101; the refusal has the response to send instead.
    pub fn respond<B>(
        &self,
        request: &Request<B>,
        secure: bool,
    ) -> Result<(Response<()>, Agreement), Refusal> {
        let offer = self.check(request, secure)?;
        let subprotocol = offer.select(&self.subprotocols).map(str::to_owned);
        Ok(offer.switch(subprotocol))
    }

    /// Checks a request: whether it may be accepted, and what it offers.
    ///
    /// # Errors
    /// If the request may not be answered with 101 by RFC 6455 §4.2.1 or by the origin policy.
    pub fn check<B>(&self, request: &Request<B>, secure: bool) -> Result<Offer, HandshakeError> {
        let fields = request.headers();
        // §4.2.1 (1): GET, of HTTP/1.1. In HTTP/1.0, `Upgrade` is to be ignored (RFC 9110 §7.8).
        if request.method() != Method::GET {
            return Err(HandshakeError::Method(request.method().clone()));
        }
        if request.version() != Version::HTTP_11 {
            return Err(HandshakeError::HttpVersion);
        }
        // RFC 9112 §3.2: one Host, and a valid one.
        let host = HOST.exactly_one(fields)?.to_str().ok().and_then(HostPort::parse);
        let host = host.ok_or(HandshakeError::Malformed(HOST.title))?;
        path::check_target(request.uri(), &host)?;
        // RFC 9112 §11.2: a body behind an upgrade would be read as frames by one, as the next
        // request by another.
        if !headers::has_no_body(fields) {
            return Err(HandshakeError::Body);
        }
        // (3), (4): both are lists of tokens, in any case.
        if !wants_upgrade(request) || !CONNECTION.lists(fields, "upgrade") {
            return Err(HandshakeError::NotAnUpgrade);
        }
        // (6): the version before the key, because other versions have other keys.
        check_version(VERSION.exactly_one(fields)?)?;
        // (5): sixteen bytes, in base64.
        let key = KEY.exactly_one(fields)?;
        if !key::is_key(key.as_bytes()) {
            return Err(HandshakeError::Malformed(KEY.title));
        }
        self.origin.check(
            fields,
            HOST.exactly_one(fields)?.to_str().unwrap_or_default(),
            secure,
        )?;
        Ok(Offer {
            accept: key::accept_value(key.as_bytes()),
            host: host.host,
            subprotocols: headers::subprotocols(fields)?.into_iter().map(str::to_owned).collect(),
            deflate: self.accept_deflate(&headers::extensions(fields)?),
        })
    }

    /// The first offer of permessage-deflate that can be accepted (RFC 7692 §5.1); extensions that
    /// nobody here knows are not accepted, which is no fault (RFC 6455 §9.1).
    fn accept_deflate(&self, offers: &[headers::Extension<'_>]) -> Option<DeflateParams> {
        let config = self.deflate.as_ref()?;
        offers
            .iter()
            .filter(|offer| offer.name.eq_ignore_ascii_case(PERMESSAGE_DEFLATE))
            .find_map(|offer| config.accept(&offer.params))
    }
}

/// Whether a request asks for WebSocket by its `Upgrade` header, rightly or wrongly.
///
/// Such a request belongs to [`ServerHandshake`], which may still refuse it; any other is plain
/// HTTP.
pub fn wants_upgrade<B>(request: &Request<B>) -> bool {
    UPGRADE.lists(request.headers(), "websocket")
}

/// §4.1, ABNF `version`: 0 to 255 without a leading zero. Ours is 13 alone (§4.4).
fn check_version(value: &HeaderValue) -> Result<(), HandshakeError> {
    let digits = value.as_bytes();
    let version = match digits {
        [b'1'..=b'9', ..] | [b'0'] if digits.len() <= 3 => {
            value.to_str().ok().and_then(|digits| digits.parse::<u8>().ok())
        }
        _ => None,
    };
    match version {
        Some(13) => Ok(()),
        Some(version) => Err(HandshakeError::Version(version)),
        None => Err(HandshakeError::Malformed(VERSION.title)),
    }
}

/// A request that may be accepted.
#[derive(Debug, Clone)]
pub struct Offer {
    accept: HeaderValue,
    host: String,
    subprotocols: Vec<String>,
    deflate: Option<DeflateParams>,
}

impl Offer {
    /// The host that the client believes to talk to, in lower case, without the port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The subprotocols that the client offers, in its order of preference.
    pub fn subprotocols(&self) -> &[String] {
        &self.subprotocols
    }

    /// How messages will be compressed, if they will.
    pub fn deflate(&self) -> Option<&DeflateParams> {
        self.deflate.as_ref()
    }

    /// The first of `preferred` that the client offers.
    pub fn select<'a, S: AsRef<str>>(&self, preferred: &'a [S]) -> Option<&'a str> {
        preferred.iter().map(S::as_ref).find(|name| self.offers(name))
    }

    /// Accepts: the response that switches protocols, and what is agreed by it.
    ///
    /// # Errors
    /// If the subprotocol is not among the [offered](Self::subprotocols), which would make the
    /// client fail the connection (RFC 6455 §4.1).
    pub fn accept(
        self,
        subprotocol: Option<&str>,
    ) -> Result<(Response<()>, Agreement), InvalidSubprotocol> {
        match subprotocol {
            Some(name) if !self.offers(name) => Err(InvalidSubprotocol(name.to_owned())),
            name => {
                let name = name.map(str::to_owned);
                Ok(self.switch(name))
            }
        }
    }

    fn offers(&self, name: &str) -> bool {
        self.subprotocols.iter().any(|offered| offered == name)
    }

    /// §4.2.2 (5); the subprotocol was offered, so it is a token.
    fn switch(self, subprotocol: Option<String>) -> (Response<()>, Agreement) {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let fields = response.headers_mut();
        fields.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        fields.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        fields.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept);
        if let Some(value) = subprotocol.as_deref().and_then(|name| name.parse().ok()) {
            fields.insert(header::SEC_WEBSOCKET_PROTOCOL, value);
        }
        let agreement = Agreement::new(subprotocol, self.deflate);
        if let (Some(_), Ok(value)) = (self.deflate, agreement.extensions().parse()) {
            fields.insert(header::SEC_WEBSOCKET_EXTENSIONS, value);
        }
        (response, agreement)
    }
}

/// A subprotocol's name is not a token, or the client did not offer it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSubprotocol(pub String);

impl fmt::Display for InvalidSubprotocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "subprotocol `{}` is not a token or was not offered", self.0.escape_debug())
    }
}

impl std::error::Error for InvalidSubprotocol {}

/// A request was not accepted, and this is what to answer before closing the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    error: HandshakeError,
}

impl Refusal {
    /// What the client did wrong.
    pub fn error(&self) -> &HandshakeError {
        &self.error
    }

    /// The response: status, a line of text, and `Connection: close`, because the bytes that
    /// follow a failed upgrade belong to nobody (RFC 9112 §11).
    pub fn response(&self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(self.error.peer_text() + "\n"));
        *response.status_mut() = self.error.status();
        let fields = response.headers_mut();
        let mut say = |name, value| fields.insert(name, HeaderValue::from_static(value));
        say(header::CONNECTION, "close");
        say(header::CONTENT_TYPE, "text/plain; charset=utf-8");
        if self.error.status() == StatusCode::METHOD_NOT_ALLOWED {
            say(header::ALLOW, "GET");
        }
        if self.error.status() == StatusCode::UPGRADE_REQUIRED {
            // RFC 9110 §15.5.22: 426 names what to upgrade to, and §7.8 wants the option with it.
            say(header::UPGRADE, "websocket");
            say(header::CONNECTION, "close, Upgrade");
        }
        if self.error.is_about_version() {
            // §4.4: so that the client may come back with a version we speak.
            say(header::SEC_WEBSOCKET_VERSION, "13");
        }
        response
    }
}

impl From<HandshakeError> for Refusal {
    fn from(error: HandshakeError) -> Self {
        Self { error }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused with {}: {}", self.error.status().as_u16(), self.error)
    }
}

impl std::error::Error for Refusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
