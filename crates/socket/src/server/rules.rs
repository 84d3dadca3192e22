//! Who is let in, and with what: the decision on a request, whichever HTTP server read it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use everwire_wire::handshake::{HandshakeError, HandshakeLimits, Offer, Refusal, ServerHandshake};
use everwire_wire::{Agreement, Config};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};

use super::hosts::HostPolicy;
use crate::AcceptError;

type Hook = dyn Fn(&Request<()>, &Offer) -> Result<Choice, Rejection> + Send + Sync;

/// Everything that an [`Acceptor`](super::Acceptor) was told.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(super) handshake: ServerHandshake,
    pub(super) subprotocols: Vec<String>,
    pub(super) hosts: HostPolicy,
    pub(super) secure: bool,
    pub(super) hook: Option<Arc<Hook>>,
    pub(super) limits: HandshakeLimits,
    pub(crate) timeout: Duration,
    pub(crate) config: Arc<Config>,
}

impl Default for Rules {
    fn default() -> Self {
        let config = Config::default();
        Self {
            handshake: ServerHandshake::new().deflate(config.deflate.clone()),
            subprotocols: Vec::new(),
            hosts: HostPolicy::any(),
            secure: false,
            hook: None,
            limits: HandshakeLimits::default(),
            timeout: Duration::from_secs(10),
            config: Arc::new(config),
        }
    }
}

impl Rules {
    /// Checks the request, asks the program, accepts.
    pub(crate) fn decide(
        &self,
        request: &Request<()>,
    ) -> Result<(Response<()>, Agreement), Rejection> {
        let offer = self.check(request)?;
        let choice = match &self.hook {
            None => Choice::default(),
            Some(hook) => hook(request, &offer)?,
        };
        self.accept(offer, choice)
    }

    /// Whether the request may be accepted at all.
    pub(super) fn check(&self, request: &Request<()>) -> Result<Offer, Rejection> {
        let offer = self.handshake.check(request, self.secure)?;
        if !self.hosts.allows(offer.host()) {
            let error = AcceptError::Host(offer.host().into());
            // RFC 9110 §15.5.20: the request was meant for somebody else.
            let status = StatusCode::MISDIRECTED_REQUEST;
            return Err(Rejection::because(error, status, "host not served here\n"));
        }
        // RFC 8470 §5.1: a gateway in front of us read the request from early data, which anybody
        // can send again. Ours are never in early data themselves.
        if request.headers().get_all("early-data").iter().any(|value| value == "1") {
            return Err(HandshakeError::EarlyData.into());
        }
        Ok(offer)
    }

    pub(super) fn accept(
        &self,
        offer: Offer,
        choice: Choice,
    ) -> Result<(Response<()>, Agreement), Rejection> {
        let preferred = offer.select(&self.subprotocols).map(str::to_owned);
        let subprotocol = choice.subprotocol.unwrap_or(preferred);
        let (mut response, agreement) = offer.accept(subprotocol.as_deref()).map_err(|error| {
            let error = AcceptError::Subprotocol(Box::new(error));
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Rejection::because(error, status, "the server made a mistake\n")
        })?;
        for (name, value) in &choice.headers {
            if !is_the_handshakes(name) {
                response.headers_mut().append(name, value.clone());
            }
        }
        Ok((response, agreement))
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("handshake", &self.handshake)
            .field("hosts", &self.hosts)
            .field("secure", &self.secure)
            .field("limits", &self.limits)
            .field("handshake_timeout", &self.timeout)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// What 101 says by itself, and what would give it a body.
fn is_the_handshakes(name: &HeaderName) -> bool {
    name.as_str().starts_with("sec-websocket-")
        || matches!(
            *name,
            header::UPGRADE
                | header::CONNECTION
                | header::CONTENT_LENGTH
                | header::TRANSFER_ENCODING
                | header::TRAILER
        )
}

/// How a request is accepted. The default takes the acceptor's favourite subprotocol.
///
/// ```
/// use everwire::Choice;
/// use http::{HeaderValue, header::SET_COOKIE};
///
/// let choice = Choice::default()
///     .subprotocol(Some("chat.v2"))
///     .header(SET_COOKIE, HeaderValue::from_static("seen=1"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// `None`: the acceptor's favourite.
    subprotocol: Option<Option<String>>,
    headers: HeaderMap,
}

impl Choice {
    /// Takes this subprotocol, which must be among the offered ones, or none.
    #[must_use]
    pub fn subprotocol(mut self, name: Option<&str>) -> Self {
        self.subprotocol = Some(name.map(str::to_owned));
        self
    }

    /// Adds a header to the response, such as `Set-Cookie`. Those that the handshake says itself
    /// stay as they are.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }
}

/// A request that is not accepted: why, and the response to send instead.
///
/// Any HTTP response can be one: `Err(response.into())`.
///
/// ```
/// use everwire::Rejection;
/// use http::{Response, StatusCode};
///
/// let rejection = Rejection::new(StatusCode::NOT_FOUND, "no such endpoint\n");
/// assert_eq!(rejection.response().status(), 404);
/// let response = Response::builder().status(302).header("Location", "/login").body("".into());
/// let rejection = Rejection::from(response.unwrap());
/// assert_eq!(rejection.response().headers()["connection"], "close");
/// ```
#[derive(Debug)]
pub struct Rejection {
    error: AcceptError,
    response: Box<Response<Bytes>>,
}

impl Rejection {
    /// A status and a line of text, for people who look.
    pub fn new(status: StatusCode, text: impl Into<Bytes>) -> Self {
        let mut response = Response::new(text.into());
        *response.status_mut() = status;
        let value = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, value);
        response.into()
    }

    /// Why.
    pub fn error(&self) -> &AcceptError {
        &self.error
    }

    /// What to answer; it has `Connection: close`, because the bytes that follow a failed upgrade
    /// belong to nobody (RFC 9112 §11).
    pub fn response(&self) -> &Response<Bytes> {
        &self.response
    }

    /// Takes both.
    pub fn into_parts(self) -> (AcceptError, Response<Bytes>) {
        (self.error, *self.response)
    }

    fn because(error: AcceptError, status: StatusCode, text: &'static str) -> Self {
        Self { error, ..Self::new(status, text) }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rejected with {}: {}", self.response.status().as_u16(), self.error)
    }
}

impl std::error::Error for Rejection {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl From<HandshakeError> for Rejection {
    fn from(error: HandshakeError) -> Self {
        let response = Box::new(Refusal::from(error.clone()).response());
        Self { error: error.into(), response }
    }
}

impl From<Response<Bytes>> for Rejection {
    fn from(mut response: Response<Bytes>) -> Self {
        let error = AcceptError::Refused(response.status());
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        Self { error, response: Box::new(response) }
    }
}
