//! Why a connection did not open: an error for each way to open one.

use std::fmt;
use std::io;

use bytes::Bytes;
use everwire_wire::handshake::{HandshakeError, InvalidHandshake, InvalidSubprotocol, InvalidUri};
use http::{Response, StatusCode};

use crate::{InvalidProxyVariable, ProxyError, RedirectError};

/// [`connect`](crate::connect) failed: by the program's fault, the network's or the server's.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    // The program's.
    /// The URI cannot be connected to.
    Uri(InvalidUri),
    /// A header or a subprotocol that may not be sent.
    Request(Box<InvalidHandshake>),
    /// `wss` in a build without the feature `tls`.
    NoTls,
    /// An environment variable names a proxy, and its value is none.
    ProxyVariable(Box<InvalidProxyVariable>),

    // The network's.
    /// The name has no address, or nobody could be asked.
    Resolve(io::Error),
    /// No address of the host took the connection; this is what the first of them said.
    Connect(io::Error),
    /// The server was not reached through the proxy: by the fault of the network, of the proxy, or of
    /// the credentials for it.
    Proxy(Box<ProxyError>),
    /// The connection broke during the opening handshake.
    Io(io::Error),
    /// [`open_timeout`](crate::Connector::open_timeout) was over in this phase.
    Timeout(Phase),

    // The server's.
    /// TLS failed: a certificate that does not fit the host or is not trusted, or no common
    /// version. Seen by browsers as close code 1015.
    Tls(io::Error),
    /// The server closed the connection before it had answered.
    Closed,
    /// The server answered the upgrade wrongly (RFC 6455 §4.1).
    Handshake(Box<HandshakeError>),
    /// The server answered something other than 101: a demand for credentials, a refusal, a redirect
    /// where none is followed. The body has its first bytes, at most 4 KiB of them.
    Refused(Box<Response<Bytes>>),
    /// The server sent us on, and there we do not go.
    Redirect(Box<RedirectError>),
}

impl ConnectError {
    /// The server's answer, if it answered something other than 101.
    pub fn response(&self) -> Option<&Response<Bytes>> {
        match self {
            Self::Refused(response) => Some(response),
            _ => None,
        }
    }
}

/// What [`connect`](crate::connect) was at when its time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Looking the host's addresses up.
    Resolve,
    /// Connecting to one of them.
    Connect,
    /// Reaching the server through a proxy: looking the proxy up, connecting to it, TLS with it, its
    /// answers.
    Proxy,
    /// The TLS handshake with the server.
    Tls,
    /// The opening handshake: sending the request, waiting for the answer.
    Handshake,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "looking the host up",
            Self::Connect => "connecting",
            Self::Proxy => "waiting for the proxy",
            Self::Tls => "in the TLS handshake",
            Self::Handshake => "waiting for the server's answer",
        })
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(error) => error.fmt(f),
            Self::Request(error) => error.fmt(f),
            Self::NoTls => f.write_str("`wss` and proxies that are `https` need the feature `tls`"),
            Self::ProxyVariable(error) => error.fmt(f),
            Self::Resolve(error) => write!(f, "host not found: {error}"),
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::Proxy(error) => error.fmt(f),
            Self::Io(error) => write!(f, "connection lost in the opening handshake: {error}"),
            Self::Timeout(phase) => write!(f, "`open_timeout` was over {phase}"),
            Self::Tls(error) => write!(f, "TLS failed: {error}"),
            Self::Closed => f.write_str("server closed the connection without an answer"),
            Self::Handshake(error) => error.fmt(f),
            Self::Refused(response) => {
                write!(f, "server answered {} instead of 101", response.status())
            }
            Self::Redirect(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Uri(error) => Some(error),
            Self::Request(error) => Some(error),
            Self::ProxyVariable(error) => Some(error),
            Self::Proxy(error) => Some(error),
            Self::Resolve(error) | Self::Connect(error) | Self::Io(error) | Self::Tls(error) => {
                Some(error)
            }
            Self::Handshake(error) => Some(error),
            Self::Redirect(error) => Some(error),
            Self::NoTls | Self::Timeout(_) | Self::Closed | Self::Refused(_) => None,
        }
    }
}

impl From<InvalidUri> for ConnectError {
    fn from(error: InvalidUri) -> Self {
        Self::Uri(error)
    }
}

impl From<InvalidHandshake> for ConnectError {
    fn from(error: InvalidHandshake) -> Self {
        Self::Request(Box::new(error))
    }
}

impl From<InvalidProxyVariable> for ConnectError {
    fn from(error: InvalidProxyVariable) -> Self {
        Self::ProxyVariable(Box::new(error))
    }
}

/// [`accept`](crate::accept) did not end in a WebSocket: by the client's fault, the network's, or
/// because the program said no.
///
/// The client was answered and the connection is closed.
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError {
    // The client's.
    /// The client left before its request was complete.
    Closed,
    /// A request that is not a WebSocket's, not legal, or not let in by the origin policy.
    Handshake(Box<HandshakeError>),
    /// A `Host` that the [`HostPolicy`](crate::HostPolicy) does not serve.
    Host(Box<str>),
    /// [`handshake_timeout`](crate::Acceptor::handshake_timeout) was over.
    Timeout,
    /// TLS failed.
    Tls(io::Error),

    // The network's.
    /// The connection broke during the opening handshake.
    Io(io::Error),

    // The program's.
    /// The program refused the request with this status.
    Refused(StatusCode),
    /// The program chose a subprotocol that the client did not offer; the client was told 500.
    Subprotocol(Box<InvalidSubprotocol>),
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("client left before its request was complete"),
            Self::Handshake(error) => error.fmt(f),
            Self::Host(host) => write!(f, "host `{}` is not served here", host.escape_debug()),
            Self::Timeout => f.write_str("client took longer than `handshake_timeout`"),
            Self::Tls(error) => write!(f, "TLS failed: {error}"),
            Self::Io(error) => write!(f, "connection lost in the opening handshake: {error}"),
            Self::Refused(status) => write!(f, "refused with {status}"),
            Self::Subprotocol(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AcceptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Handshake(error) => Some(error),
            Self::Tls(error) | Self::Io(error) => Some(error),
            Self::Subprotocol(error) => Some(error),
            Self::Closed | Self::Host(_) | Self::Timeout | Self::Refused(_) => None,
        }
    }
}

impl From<HandshakeError> for AcceptError {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stay_small() {
        assert!(size_of::<ConnectError>() <= 16);
        assert!(size_of::<AcceptError>() <= 24);
    }
}
