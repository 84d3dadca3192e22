//! Request targets that everybody reads alike.

use http::Uri;

use super::HandshakeError;
use super::authority::HostPort;

/// Checks the target of an upgrade; `host` is the `Host` header.
///
/// A target in absolute form is legal (RFC 9112 §3.2.2); it must name the same host as `Host`, or
/// one of the two was meant for somebody else. Its path is the one that origin form would have, so
/// router and handler see one path.
pub(super) fn check_target(uri: &Uri, host: &HostPort) -> Result<(), HandshakeError> {
    if let Some(authority) = uri.authority() {
        let known = matches!(uri.scheme_str(), Some("http" | "https" | "ws" | "wss"));
        let default =
            super::authority::default_port(matches!(uri.scheme_str(), Some("https" | "wss")));
        let same = HostPort::parse(authority.as_str()).is_some_and(|named| {
            named.host == host.host && named.port_or(default) == host.port_or(default)
        });
        if !known || !same {
            return Err(HandshakeError::Target);
        }
    }
    if is_plain(uri.path()) { Ok(()) } else { Err(HandshakeError::Target) }
}

/// Whether the path means the same to a router, a proxy and a file system.
///
/// Refused are `*` and the empty path, `//` at the start (a host, to some), control bytes such as
/// `%00`, percent signs that encode nothing, and segments `.` and `..`, also when encoded, ended by
/// a backslash or followed by `;` (a parameter, to some). Clients resolve dot segments before they
/// send a URI (RFC 3986 §5.2.4), so no honest one is turned away.
fn is_plain(path: &str) -> bool {
    if !path.starts_with('/') || path.starts_with("//") {
        return false;
    }
    // Decoded once, as a router does; twice-encoded bytes stay text.
    let Some(decoded) = percent_decode(path.as_bytes()) else { return false };
    decoded.iter().all(|byte| !byte.is_ascii_control())
        && !decoded.starts_with(b"/\\")
        && decoded.split(|byte| matches!(byte, b'/' | b'\\')).all(|segment| {
            let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
            !matches!(name, b"." | b"..")
        })
}

fn percent_decode(path: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let [high, low, tail @ ..] = rest else { return None };
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        decoded.push((digit(high)? * 16 + digit(low)?) as u8);
        rest = tail;
    }
    Some(decoded)
}
