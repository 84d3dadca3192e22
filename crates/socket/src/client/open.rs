//! From a URI to an open WebSocket.

use everwire_wire::Role;
use everwire_wire::handshake::{ClientHandshake, Target};
use http::Response;

use super::Connector;
use super::handshake::{self, Answer, Shaken};
use super::redirect::Redirects;
use crate::countdown::Countdown;
use crate::{ClientStream, ConnectError, Stream, WebSocket, masks};

/// Opens a WebSocket to a `ws` or `wss` URI, with the default [`Connector`]: through the proxy that the
/// environment names, if it does.
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
    /// Opens a WebSocket to a `ws` or `wss` URI; `http` and `https` mean the same, as in browsers.
    ///
    /// The host's IPv6 and IPv4 addresses are tried in turn, with a head start for each, and the
    /// first that answers is taken (RFC 8305). `TCP_NODELAY` is on. If a
    /// [`proxy`](Self::proxy) is set or the [environment](Self::proxy_variables) names one, the server is
    /// reached through it. Redirects are followed as [`max_redirects`](Self::max_redirects) says.
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
                let stream = self.route.reach(&target, self.limits, &countdown).await?;
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
