//! Host and port, as `Host`, `Origin` and URIs carry them (RFC 3986 §3.2).

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::InvalidUri;

/// `host [":" port]`, the host in lower case and an IPv6 literal in its shortest form.
///
/// ```
/// use everwire_wire::handshake::HostPort;
///
/// let at: HostPort = "[2001:DB8:0::1]:3128".parse().unwrap();
/// assert_eq!((at.host(), at.port()), ("2001:db8::1", Some(3128)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl HostPort {
    /// The host; an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, if one is said.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Reads it; there may be nothing else, no user and no password.
    ///
    /// Percent-encoding and the signs that RFC 3986 reserves are refused in names: no name in use
    /// has them, and two readers do not agree on what they mean.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(literal) => {
                let (address, rest) = literal.split_once(']')?;
                (address.parse::<Ipv6Addr>().ok()?.to_string(), rest)
            }
            None => {
                let (name, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
                if name.is_empty() || !name.bytes().all(is_name_byte) {
                    return None;
                }
                (name.to_ascii_lowercase(), rest)
            }
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            None => return None,
            // §3.2.3: the port may be empty and then means the default.
            Some("") => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().ok()?)
            }
            Some(_) => return None,
        };
        Some(Self { host, port })
    }

    /// The port where none is said.
    pub(super) fn port_or(&self, default: u16) -> u16 {
        self.port.unwrap_or(default)
    }

    /// As a URI writes it, without the port if that is the default.
    pub(super) fn to_authority(&self, default: u16) -> String {
        let colon = self.host.contains(':');
        let (open, close) = if colon { ("[", "]") } else { ("", "") };
        match self.port {
            Some(port) if port != default => format!("{open}{}{close}:{port}", self.host),
            _ => format!("{open}{}{close}", self.host),
        }
    }
}

impl FromStr for HostPort {
    type Err = InvalidUri;

    /// Only [`InvalidUri::Host`] comes out of it.
    fn from_str(text: &str) -> Result<Self, InvalidUri> {
        Self::parse(text).ok_or(InvalidUri::Host)
    }
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The port that the scheme means when none is said (RFC 6455 §3, RFC 9110 §4.2).
pub(super) fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// Whether a host is this machine: `localhost`, a name under it, or a loopback address.
///
/// A server on a loopback listener serves no other `Host`: a foreign name that resolves to it is
/// somebody's web page rebinding DNS.
pub fn is_loopback_host(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || host.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}
