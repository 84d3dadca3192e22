//! What a proxy did wrong.

use std::fmt;
use std::io;

use bytes::Bytes;
use everwire_wire::handshake::HandshakeError;
use http::Response;

use super::Proxy;

/// A server was not reached through a proxy.
#[derive(Debug)]
pub struct ProxyError {
    proxy: Proxy,
    fault: ProxyFault,
}

impl ProxyError {
    pub(super) fn new(proxy: &Proxy, fault: ProxyFault) -> Self {
        Self { proxy: proxy.clone(), fault }
    }

    /// The proxy; its text has no credentials.
    pub fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// What went wrong.
    pub fn fault(&self) -> &ProxyFault {
        &self.fault
    }

    /// The proxy's answer, if it answered CONNECT with anything but 2xx.
    pub fn response(&self) -> Option<&Response<Bytes>> {
        match &self.fault {
            ProxyFault::Refused(response) => Some(response),
            _ => None,
        }
    }
}

/// What went wrong between this machine and a proxy, or between the proxy and the server.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProxyFault {
    // The network's.
    /// The proxy's name has no address, or nobody could be asked.
    Resolve(io::Error),
    /// No address of the proxy took the connection; this is what the first of them said.
    Connect(io::Error),
    /// The connection to the proxy broke before there was a tunnel.
    Io(io::Error),

    // The proxy's.
    /// TLS with the proxy failed.
    Tls(io::Error),
    /// The proxy closed the connection before it had answered.
    Closed,
    /// The proxy answered CONNECT with something that is no HTTP, or too much of it.
    Response(HandshakeError),
    /// The proxy answered CONNECT with a status other than 2xx: 407 wants other credentials, 502 and
    /// 504 say that the server was not reached. The body has its first bytes, at most 4 KiB of them.
    Refused(Box<Response<Bytes>>),
    /// The SOCKS5 proxy said no, or something that is no SOCKS5.
    Socks(SocksFault),
}

/// What a SOCKS5 proxy answered instead of what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocksFault {
    /// An answer in another version than 5: this is no SOCKS5 proxy (RFC 1928 §3, §6).
    Version(u8),
    /// No way to authenticate that was offered is good enough: it wants credentials, if there were
    /// none, or something other than a password (RFC 1928 §3, method 0xFF).
    NoMethod,
    /// A way to authenticate that was not offered (RFC 1928 §3).
    MethodNotOffered(u8),
    /// An answer to the password in another version than 1 (RFC 1929 §2).
    AuthVersion(u8),
    /// The user or the password is wrong (RFC 1929 §2).
    Credentials,
    /// The proxy did not connect to the server.
    Reply(SocksReply),
    /// A reserved byte that is not zero (RFC 1928 §6).
    Reserved(u8),
    /// A kind of address that does not exist (RFC 1928 §5), so nobody knows where the reply ends.
    AddressType(u8),
    /// The server's name is longer than SOCKS5 can say: 255 bytes.
    NameTooLong,
}

/// Why a SOCKS5 proxy did not connect to the server (RFC 1928 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocksReply {
    /// 1: general SOCKS server failure.
    General,
    /// 2: connection not allowed by ruleset.
    NotAllowed,
    /// 3: network unreachable.
    NetworkUnreachable,
    /// 4: host unreachable; with `socks5h` also a name that has no address.
    HostUnreachable,
    /// 5: connection refused.
    ConnectionRefused,
    /// 6: TTL expired.
    TtlExpired,
    /// 7: command not supported.
    CommandNotSupported,
    /// 8: address type not supported.
    AddressTypeNotSupported,
    /// A number that the RFC does not assign.
    Unassigned(u8),
}

impl SocksReply {
    /// None is success.
    pub(super) fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => return None,
            1 => Self::General,
            2 => Self::NotAllowed,
            3 => Self::NetworkUnreachable,
            4 => Self::HostUnreachable,
            5 => Self::ConnectionRefused,
            6 => Self::TtlExpired,
            7 => Self::CommandNotSupported,
            8 => Self::AddressTypeNotSupported,
            code => Self::Unassigned(code),
        })
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "proxy {}: {}", self.proxy, self.fault)
    }
}

impl fmt::Display for ProxyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(error) => write!(f, "host not found: {error}"),
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::Io(error) => write!(f, "connection lost before there was a tunnel: {error}"),
            Self::Tls(error) => write!(f, "TLS failed: {error}"),
            Self::Closed => f.write_str("closed the connection without an answer"),
            Self::Response(error) => error.fmt(f),
            Self::Refused(response) => write!(f, "answered {} to CONNECT", response.status()),
            Self::Socks(fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for SocksFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(f, "answered in SOCKS version {version} instead of 5"),
            Self::NoMethod => f.write_str("wants other credentials, or credentials at all"),
            Self::MethodNotOffered(method) => {
                write!(f, "chose authentication method {method}, which was not offered")
            }
            Self::AuthVersion(version) => {
                write!(f, "answered the password in version {version} instead of 1")
            }
            Self::Credentials => f.write_str("does not take this user and password"),
            Self::Reply(reply) => write!(f, "did not connect: {reply}"),
            Self::Reserved(byte) => write!(f, "answered {byte} where 0 is reserved"),
            Self::AddressType(kind) => {
                write!(f, "answered with an address of type {kind}, which does not exist")
            }
            Self::NameTooLong => {
                f.write_str("the server's name is longer than the 255 bytes that SOCKS5 can say")
            }
        }
    }
}

impl fmt::Display for SocksReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::General => f.write_str("general failure"),
            Self::NotAllowed => f.write_str("not allowed by its rules"),
            Self::NetworkUnreachable => f.write_str("network unreachable"),
            Self::HostUnreachable => f.write_str("host unreachable"),
            Self::ConnectionRefused => f.write_str("connection refused"),
            Self::TtlExpired => f.write_str("TTL expired"),
            Self::CommandNotSupported => f.write_str("it does not support the command CONNECT"),
            Self::AddressTypeNotSupported => {
                f.write_str("it does not support this type of address")
            }
            Self::Unassigned(code) => write!(f, "reply {code}, which has no meaning"),
        }
    }
}

impl std::error::Error for ProxyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            ProxyFault::Resolve(error)
            | ProxyFault::Connect(error)
            | ProxyFault::Io(error)
            | ProxyFault::Tls(error) => Some(error),
            ProxyFault::Response(error) => Some(error),
            ProxyFault::Closed | ProxyFault::Refused(_) | ProxyFault::Socks(_) => None,
        }
    }
}

impl From<SocksFault> for ProxyFault {
    fn from(fault: SocksFault) -> Self {
        Self::Socks(fault)
    }
}
