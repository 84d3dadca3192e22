//! WebSockets out of requests that hyper serves.
//!
//! [`accept`] checks the request by the same rules as [`Acceptor::accept`] and gives the response to
//! return from the service, and an [`Upgrading`] that becomes the WebSocket once hyper has sent it.
//! hyper then gives the socket back: TCP as it was, with the bytes that came behind the request, so
//! that nothing of hyper remains between the WebSocket and the network. Any other kind of
//! connection goes on through [`hyper::upgrade::Upgraded`].
//!
//! ```
//! use std::convert::Infallible;
//!
//! use bytes::Bytes;
//! use everwire::{Acceptor, upgrade};
//! use http_body_util::Full;
//! use hyper::body::Incoming;
//! use hyper::{Request, Response};
//!
//! async fn serve(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
//!     let (response, upgrading) = match upgrade::accept(&mut request, &Acceptor::new()) {
//!         Ok(accepted) => accepted,
//!         Err(rejection) => return Ok(rejection.into_parts().1.map(Full::new)),
//!     };
//!     tokio::spawn(async move {
//!         let Ok(mut websocket) = upgrading.await else { return };
//!         while let Some(message) = websocket.recv().await {
//!             if websocket.send(message).await.is_err() {
//!                 break;
//!             }
//!         }
//!     });
//!     Ok(response.map(|()| Full::default()))
//! }
//! ```
//!
//! The connection must be served `with_upgrades`.
//!
//! # What hyper decides
//! The request was read before anybody here saw it. These are hyper's to decide, by its own settings:
//! - how long a head may take (`header_read_timeout`, which needs a `timer`), how long it may be, and
//!   how many headers it may have: [`Acceptor::limits`] is not asked;
//! - lines that end in LF alone, white space around names, and what else its parser lets pass;
//! - a `Content-Length` beside a `Transfer-Encoding`, which it removes: the request is refused for
//!   the latter;
//! - how many connections and requests there are before this one: [`Admission`](crate::Admission)
//!   counts nothing here;
//! - how a refused client is seen off: it gets the answer and `Connection: close`, without the second
//!   that [`Acceptor`] gives it to read.
//!
//! A server that wants these decided as strictly as the rest reads requests with
//! [`Acceptor::read_request`] and hands to hyper what is no upgrade.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use everwire_wire::{Agreement, Config, Role};
use http::{Request, Response};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::{Acceptor, Rejection, WebSocket};

/// Checks a request that hyper serves, and accepts it by the acceptor's rules and its hook.
///
/// Return the response, with an empty body, from the service; await the [`Upgrading`] in a task of its
/// own, because hyper sends the response after the service has returned.
///
/// # Errors
/// If the request may not be accepted; the rejection has the response to return.
pub fn accept<B>(
    request: &mut Request<B>,
    acceptor: &Acceptor,
) -> Result<(Response<()>, Upgrading), Rejection> {
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.version_mut() = request.version();
    *head.headers_mut() = request.headers().clone();
    *head.extensions_mut() = request.extensions().clone();
    let rules = acceptor.rules();
    let (response, agreement) = rules.decide(&head)?;
    let upgrading = Upgrading {
        upgrade: hyper::upgrade::on(request),
        timeout: Box::pin(tokio::time::sleep(rules.timeout)),
        agreement,
        config: rules.config.clone(),
    };
    Ok((response, upgrading))
}

/// A WebSocket that opens once hyper has sent the response.
///
/// A future; it waits at most [`handshake_timeout`](Acceptor::handshake_timeout). Dropping it closes
/// the connection.
pub struct Upgrading {
    upgrade: OnUpgrade,
    timeout: Pin<Box<Sleep>>,
    agreement: Agreement,
    config: Arc<Config>,
}

impl Future for Upgrading {
    type Output = Result<WebSocket<UpgradedStream>, UpgradeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Poll::Ready(upgraded) = Pin::new(&mut this.upgrade).poll(cx) else {
            ready!(this.timeout.as_mut().poll(cx));
            return Poll::Ready(Err(UpgradeError::Timeout));
        };
        let (stream, unread) = UpgradedStream::take_back(upgraded.map_err(UpgradeError::Hyper)?);
        let agreement = std::mem::take(&mut this.agreement);
        let config = this.config.clone();
        Poll::Ready(Ok(WebSocket::from_handshake(
            stream,
            Role::Server,
            agreement,
            unread.into(),
            config,
        )))
    }
}

impl fmt::Debug for Upgrading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrading").field("agreement", &self.agreement).finish_non_exhaustive()
    }
}

/// What a WebSocket goes over that began as a request to hyper.
pub struct UpgradedStream {
    inner: Inner,
}

enum Inner {
    /// The socket, as it was before hyper had it.
    Tcp(TcpStream),
    /// Another kind of stream, such as TLS, with hyper's buffer in front of it.
    Hyper(TokioIo<Upgraded>),
}

impl UpgradedStream {
    /// The TCP socket, if there is nothing between it and the WebSocket.
    pub fn tcp(&self) -> Option<&TcpStream> {
        match &self.inner {
            Inner::Tcp(stream) => Some(stream),
            Inner::Hyper(_) => None,
        }
    }

    /// The socket itself, if it is TCP, and what hyper had read beyond the request.
    fn take_back(upgraded: Upgraded) -> (Self, Bytes) {
        // hyper's own connections.
        let upgraded = match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => return (Self::of_tcp(parts.io), parts.read_buf),
            Err(upgraded) => upgraded,
        };
        // Those of hyper-util that found out the version of HTTP first, as axum's do.
        match auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded) {
            Ok(parts) => (Self::of_tcp(parts.io), parts.read_buf),
            Err(upgraded) => (Self { inner: Inner::Hyper(TokioIo::new(upgraded)) }, Bytes::new()),
        }
    }

    fn of_tcp(stream: TokioIo<TcpStream>) -> Self {
        Self { inner: Inner::Tcp(stream.into_inner()) }
    }
}

impl fmt::Debug for UpgradedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpgradedStream").field("tcp", &self.tcp()).finish()
    }
}

/// Calls one method of whichever stream it is.
macro_rules! either {
    ($self:ident, $stream:ident => $call:expr) => {
        match &mut $self.get_mut().inner {
            Inner::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Inner::Hyper(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
        }
    };
}

impl AsyncRead for UpgradedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for UpgradedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.inner {
            Inner::Tcp(stream) => stream.is_write_vectored(),
            Inner::Hyper(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_shutdown(cx))
    }
}

/// An accepted request did not become a WebSocket.
#[derive(Debug)]
#[non_exhaustive]
pub enum UpgradeError {
    /// hyper did not give the connection: it broke, the response that was returned is not the one of
    /// [`accept`], or the connection is served without upgrades.
    Hyper(hyper::Error),
    /// [`handshake_timeout`](Acceptor::handshake_timeout) was over before the response was sent.
    Timeout,
}

impl fmt::Display for UpgradeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hyper(error) => write!(f, "no upgrade: {error}"),
            Self::Timeout => f.write_str("the response took longer than `handshake_timeout`"),
        }
    }
}

impl std::error::Error for UpgradeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Hyper(error) => Some(error),
            Self::Timeout => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Mutex;

    use http_body_util::Empty;
    use hyper::body::Incoming;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioExecutor;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::oneshot;

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nfirst frames";

    /// What hyper gives back of a connection that it serves by one of its two ways.
    async fn upgraded(by_auto: bool) -> Upgraded {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client.write_all(REQUEST).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let (sender, receiver) = oneshot::channel();
        let sender = Mutex::new(Some(sender));
        let service = service_fn(move |mut request: Request<Incoming>| {
            let (response, upgrading) = accept(&mut request, &Acceptor::new()).unwrap();
            let _ = sender.lock().unwrap().take().unwrap().send(upgrading.upgrade);
            async { Ok::<_, Infallible>(response.map(|()| Empty::<Bytes>::new())) }
        });
        let stream = TokioIo::new(stream);
        tokio::spawn(async move {
            if by_auto {
                let builder = auto::Builder::new(TokioExecutor::new());
                builder.serve_connection_with_upgrades(stream, service).await.unwrap();
            } else {
                let builder = hyper::server::conn::http1::Builder::new();
                builder.serve_connection(stream, service).with_upgrades().await.unwrap();
            }
        });
        let mut head = [0; 12];
        client.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 101");
        receiver.await.unwrap().await.unwrap()
    }

    #[tokio::test]
    async fn the_socket_comes_back_with_its_unread_bytes() {
        for by_auto in [false, true] {
            let (stream, unread) = UpgradedStream::take_back(upgraded(by_auto).await);
            assert!(stream.tcp().is_some(), "by_auto: {by_auto}");
            assert_eq!(unread, "first frames", "by_auto: {by_auto}");
        }
    }
}
