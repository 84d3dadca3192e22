//! The names a server answers to.

use everwire_wire::handshake::is_loopback_host;
use http::uri::Authority;
use http::{HeaderMap, header};

/// Which `Host` a request may name. Everything else is refused with 421.
///
/// A web page can have its own name resolve to 127.0.0.1 (DNS rebinding); then the browser takes a
/// server on the visitor's machine for the page's own host, and the origin policy lets it in. What
/// such a page cannot change is the `Host` that the browser sends.
///
/// ```
/// use everwire::HostPolicy;
///
/// let hosts = HostPolicy::loopback().and("dev.example.com");
/// assert!(hosts.allows("localhost") && hosts.allows("dev.example.com"));
/// assert!(!hosts.allows("attacker.example"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPolicy {
    any: bool,
    loopback: bool,
    names: Vec<String>,
}

impl Default for HostPolicy {
    fn default() -> Self {
        Self::any()
    }
}

impl HostPolicy {
    /// Every name: for servers that the whole network may reach anyway.
    pub fn any() -> Self {
        Self { any: true, loopback: false, names: Vec::new() }
    }

    /// `localhost`, names under it, and loopback addresses: for a server on a loopback listener.
    pub fn loopback() -> Self {
        Self { any: false, loopback: true, names: Vec::new() }
    }

    /// Only the names that follow with [`and`](Self::and).
    pub fn none() -> Self {
        Self { any: false, loopback: false, names: Vec::new() }
    }

    /// This name as well: without a port, an IPv6 address without brackets, in any case.
    #[must_use]
    pub fn and(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into().to_ascii_lowercase());
        self
    }

    /// Whether a host is served: a name or an address in lower case, without a port and without
    /// brackets, as [`Offer::host`](crate::handshake::Offer::host) has it.
    pub fn allows(&self, host: &str) -> bool {
        self.any
            || (self.loopback && is_loopback_host(host))
            || self.names.iter().any(|name| name == host)
    }

    /// Whether a request of plain HTTP is served: by its one `Host` header.
    pub fn allows_headers(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(header::HOST).iter();
        match (values.next(), values.next()) {
            _ if self.any => true,
            (Some(value), None) => Authority::try_from(value.as_bytes())
                .is_ok_and(|host| !host.as_str().contains('@') && self.allows(&bare(host.host()))),
            _ => false,
        }
    }
}

/// In lower case and without brackets.
fn bare(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase()
}
