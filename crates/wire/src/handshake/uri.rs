//! ws and wss URIs (RFC 6455 §3).

use std::fmt;
use std::str::FromStr;

use http::uri::PathAndQuery;

use super::authority::{HostPort, default_port};

/// Where a client connects to, out of a URI.
///
/// `http` and `https` mean `ws` and `wss`, as in browsers. A fragment is refused (§3), and so are a
/// user and a password: send them in an `Authorization` header.
///
/// ```
/// use everwire_wire::handshake::Target;
///
/// let target: Target = "wss://example.com/chat?room=1".parse().unwrap();
/// assert_eq!((target.host(), target.port(), target.secure()), ("example.com", 443, true));
/// assert_eq!(target.resource(), "/chat?room=1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    secure: bool,
    at: HostPort,
    resource: PathAndQuery,
}

impl Target {
    /// Whether the connection is TLS.
    pub fn secure(&self) -> bool {
        self.secure
    }

    /// The host in lower case; an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.at.host
    }

    /// The port, by default 80, or 443 with TLS.
    pub fn port(&self) -> u16 {
        self.at.port_or(default_port(self.secure))
    }

    /// Path and query, never empty (§3: "resource name").
    pub fn resource(&self) -> &str {
        self.resource.as_str()
    }

    /// What `Host` says: the port only if it is not the default, brackets around IPv6.
    pub fn authority(&self) -> String {
        self.at.to_authority(default_port(self.secure))
    }

    /// The same server with another resource.
    pub(super) fn with_resource(&self, resource: &str) -> Result<Self, InvalidUri> {
        let resource = PathAndQuery::try_from(resource).map_err(|_| InvalidUri::Character)?;
        Ok(Self { resource, ..self.clone() })
    }

    pub(super) fn path_and_query(&self) -> &PathAndQuery {
        &self.resource
    }
}

impl FromStr for Target {
    type Err = InvalidUri;

    fn from_str(text: &str) -> Result<Self, InvalidUri> {
        // CR and LF above all: they would begin another header.
        if !text.bytes().all(|byte| matches!(byte, 0x21..=0x7e)) {
            return Err(InvalidUri::Character);
        }
        if text.contains('#') {
            return Err(InvalidUri::Fragment);
        }
        let (scheme, rest) = text.split_once("://").ok_or(InvalidUri::Scheme)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "wss" | "https" => true,
            "ws" | "http" => false,
            _ => return Err(InvalidUri::Scheme),
        };
        let (authority, resource) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(InvalidUri::UserInfo);
        }
        let at = HostPort::parse(authority).ok_or(InvalidUri::Host)?;
        if at.port == Some(0) {
            return Err(InvalidUri::Host);
        }
        // §3: `/` when the path is empty.
        let slash = if resource.starts_with('/') { "" } else { "/" };
        let resource = PathAndQuery::try_from(format!("{slash}{resource}"))
            .map_err(|_| InvalidUri::Character)?;
        Ok(Self { secure, at, resource })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority(), self.resource)
    }
}

/// Why a URI cannot be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidUri {
    /// A character that a URI does not have: percent-encode it, and write a name in Punycode.
    Character,
    /// A fragment (§3).
    Fragment,
    /// No host, or none that could be one, or a port that is none.
    Host,
    /// A scheme other than ws, wss, http and https.
    Scheme,
    /// A user or a password before the host.
    UserInfo,
}

impl fmt::Display for InvalidUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Character => "the URI has a character that must be percent-encoded",
            Self::Fragment => "a WebSocket URI has no fragment",
            Self::Host => "the URI has no valid host and port",
            Self::Scheme => "the URI needs to begin with `ws://` or `wss://`",
            Self::UserInfo => "a WebSocket URI has no user and password; use a header",
        })
    }
}

impl std::error::Error for InvalidUri {}
