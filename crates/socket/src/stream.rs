//! The byte streams under a WebSocket: TCP or TLS as one type, and bytes put back in front.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What [`connect`](crate::connect) opens: TCP, or TLS over it.
pub type ClientStream = MaybeTls<TcpStream>;

/// A stream that is encrypted or not, so that `ws` and `wss` are one type, through any proxy.
///
/// A TLS stream that the peer cut without `close_notify` ends in an error of kind
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) and never like one that was closed: what an
/// attacker cut off is not taken for complete (RFC 8446 §6.1).
#[non_exhaustive]
pub enum MaybeTls<S> {
    /// Not encrypted here.
    Plain(S),
    /// TLS of either role, by rustls.
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::TlsStream<S>>),
    /// TLS as far as a proxy, and from there on not encrypted.
    #[cfg(feature = "tls")]
    PlainInTls(Box<tokio_rustls::TlsStream<S>>),
    /// TLS with the peer, inside of TLS with a proxy.
    #[cfg(feature = "tls")]
    TlsInTls(Box<tokio_rustls::TlsStream<tokio_rustls::TlsStream<S>>>),
}

impl<S> MaybeTls<S> {
    /// Whether it is TLS with the peer; with a proxy on the way there is not enough.
    pub fn is_tls(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            #[cfg(feature = "tls")]
            Self::PlainInTls(_) => false,
            #[cfg(feature = "tls")]
            Self::Tls(_) | Self::TlsInTls(_) => true,
        }
    }

    /// The stream beneath: TCP, to look at its addresses and options.
    pub fn get_ref(&self) -> &S {
        match self {
            Self::Plain(stream) => stream,
            #[cfg(feature = "tls")]
            Self::Tls(stream) | Self::PlainInTls(stream) => stream.get_ref().0,
            #[cfg(feature = "tls")]
            Self::TlsInTls(stream) => stream.get_ref().0.get_ref().0,
        }
    }
}

impl<S> fmt::Debug for MaybeTls<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "MaybeTls::Plain",
            #[cfg(feature = "tls")]
            Self::Tls(_) => "MaybeTls::Tls",
            #[cfg(feature = "tls")]
            Self::PlainInTls(_) => "MaybeTls::PlainInTls",
            #[cfg(feature = "tls")]
            Self::TlsInTls(_) => "MaybeTls::TlsInTls",
        })
    }
}

/// Calls one method of whichever stream it is.
macro_rules! either {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Self::Plain(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            #[cfg(feature = "tls")]
            Self::Tls(stream) | Self::PlainInTls(stream) => {
                let $stream = Pin::new(&mut **stream);
                $call
            }
            #[cfg(feature = "tls")]
            Self::TlsInTls(stream) => {
                let $stream = Pin::new(&mut **stream);
                $call
            }
        }
    };
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for MaybeTls<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read(cx, buf))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for MaybeTls<S> {
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
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            #[cfg(feature = "tls")]
            Self::Tls(stream) | Self::PlainInTls(stream) => stream.is_write_vectored(),
            #[cfg(feature = "tls")]
            Self::TlsInTls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_shutdown(cx))
    }
}

/// A stream with bytes in front that were read from it already: a request head, replayed into
/// another HTTP server.
#[derive(Debug)]
pub struct Replay<S> {
    first: Bytes,
    stream: S,
}

impl<S> Replay<S> {
    /// Puts `first` in front of what `stream` has to read.
    pub fn new(first: Bytes, stream: S) -> Self {
        Self { first, stream }
    }

    /// The bytes that were not read again yet, and the stream.
    pub fn into_parts(self) -> (Bytes, S) {
        (self.first, self.stream)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Replay<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let len = self.first.len().min(buf.remaining());
        buf.put_slice(&self.first[..len]);
        self.first.advance(len);
        if self.first.is_empty() {
            // Its memory is not kept for as long as the connection lives.
            self.first = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Replay<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Reads once and lends the bytes to `take`; there are none at the end of the stream.
///
/// The buffer is on the stack of one poll: a peer that keeps us waiting holds none of our memory.
pub(crate) async fn read_chunk<S, T>(
    stream: &mut S,
    mut take: impl FnMut(&[u8]) -> T,
) -> io::Result<T>
where
    S: AsyncRead + Unpin,
{
    poll_fn(|cx| {
        let mut chunk = [0; 4096];
        let mut chunk = ReadBuf::new(&mut chunk);
        ready!(Pin::new(&mut *stream).poll_read(cx, &mut chunk))?;
        Poll::Ready(Ok(take(chunk.filled())))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_connection_pays_nothing_for_tls() {
        assert_eq!(size_of::<ClientStream>(), size_of::<TcpStream>());
    }
}
