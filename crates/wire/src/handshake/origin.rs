//! Which web pages may connect (RFC 6455 §10.2, RFC 6454).
//!
//! A browser sends its cookies with every opening handshake, whatever page asks for it, and CORS
//! does not apply: without this check, any page can talk to the server as its visitor.

use std::fmt;

use http::{HeaderMap, header};

use super::HandshakeError;
use super::authority::{HostPort, default_port};

/// Which origins are let in. Everything else is refused with 403.
///
/// The default is [`same_host`](Self::same_host). Programs that are no browsers send no `Origin` and
/// are served, unless [`require_origin`](Self::require_origin) says otherwise.
///
/// ```
/// use everwire_wire::handshake::OriginPolicy;
///
/// let policy = OriginPolicy::allow_list(["https://app.example.com", "http://localhost:3000"])
///     .unwrap()
///     .require_origin(true);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPolicy {
    rule: Rule,
    required: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Any,
    /// The listed, and with `same_host` those at the server's own host.
    Listed {
        origins: Vec<Origin>,
        same_host: bool,
    },
}

impl Default for OriginPolicy {
    fn default() -> Self {
        Self::same_host()
    }
}

impl OriginPolicy {
    /// Lets in pages that came from the host and port that they connect to.
    ///
    /// On a connection that is known to be TLS the page must be `https`. Elsewhere TLS may have
    /// ended at a proxy, so the page's own scheme is taken for the connection's.
    pub fn same_host() -> Self {
        Self { rule: Rule::Listed { origins: Vec::new(), same_host: true }, required: false }
    }

    /// Lets in the listed origins: scheme, host and port, exactly; a port that is the scheme's
    /// default may be left out. The server's own host is in only if it is listed.
    ///
    /// # Errors
    /// If an entry is not `scheme://host[:port]`.
    pub fn allow_list<I>(origins: I) -> Result<Self, InvalidOrigin>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let origins = origins
            .into_iter()
            .map(|text| {
                Origin::parse(text.as_ref()).ok_or_else(|| InvalidOrigin(text.as_ref().to_owned()))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { rule: Rule::Listed { origins, same_host: false }, required: false })
    }

    /// Lets in pages at the server's own host too, besides the listed ones.
    #[must_use]
    pub fn and_same_host(mut self) -> Self {
        if let Rule::Listed { same_host, .. } = &mut self.rule {
            *same_host = true;
        }
        self
    }

    /// Lets in everything: for servers that hold nothing a visitor's cookies could open.
    pub fn any() -> Self {
        Self { rule: Rule::Any, required: false }
    }

    /// Whether a handshake without `Origin` is refused. Default false.
    #[must_use]
    pub fn require_origin(mut self, yes: bool) -> Self {
        self.required = yes;
        self
    }

    /// Checks a request that came over TLS (`secure`) or not known to be over TLS, and was sent to
    /// `host`.
    ///
    /// Transports other than WebSocket need it as much.
    ///
    /// # Errors
    /// [`HandshakeError::Origin`] if the page may not connect.
    pub fn check(
        &self,
        headers: &HeaderMap,
        host: &str,
        secure: bool,
    ) -> Result<(), HandshakeError> {
        let mut values = headers.get_all(header::ORIGIN).iter();
        let Some(value) = values.next() else {
            return if self.required { Err(HandshakeError::Origin(None)) } else { Ok(()) };
        };
        // RFC 6454 §7.3: one header. Of two, one would be the attacker's.
        let allowed = match &self.rule {
            Rule::Any => true,
            _ if values.next().is_some() => false,
            Rule::Listed { origins, same_host } => {
                // `null`, the origin of sandboxed pages and files, is no origin here.
                let origin = value.to_str().ok().and_then(Origin::parse);
                let at_host = |origin: &Origin| {
                    HostPort::parse(host).is_some_and(|host| origin.is_at(&host, secure))
                };
                origin.is_some_and(|origin| {
                    origins.contains(&origin) || (*same_host && at_host(&origin))
                })
            }
        };
        if allowed {
            return Ok(());
        }
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        Err(HandshakeError::Origin(Some(value)))
    }
}

/// An entry of an allow-list is not `scheme://host[:port]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidOrigin(pub String);

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not an origin: it needs to be `scheme://host` or `scheme://host:port`",
            self.0
        )
    }
}

impl std::error::Error for InvalidOrigin {}

/// Scheme, host and port (RFC 6454 §4), so that equal origins are equal values.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let is_scheme_byte =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        if !scheme.starts_with(|char: char| char.is_ascii_alphabetic())
            || !scheme.bytes().all(is_scheme_byte)
        {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        // §6.2: no path, not even `/`.
        let HostPort { host, port } = HostPort::parse(rest)?;
        let port = port.or(secure_scheme(&scheme).map(default_port));
        Some(Self { scheme, host, port })
    }

    /// Whether the page came from the host it connects to.
    fn is_at(&self, host: &HostPort, secure: bool) -> bool {
        match secure_scheme(&self.scheme) {
            // A page that came unencrypted could be anybody's on the way.
            Some(false) if secure => false,
            Some(page_secure) => {
                self.host == host.host && self.port == Some(host.port_or(default_port(page_secure)))
            }
            // A browser's extension or an application's own scheme: its host is no host.
            None => false,
        }
    }
}

fn secure_scheme(scheme: &str) -> Option<bool> {
    match scheme {
        "https" | "wss" => Some(true),
        "http" | "ws" => Some(false),
        _ => None,
    }
}
