//! A proxy, out of its URL.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use everwire_wire::handshake::HostPort;

/// A proxy that servers are reached through: its URL, with a user and a password or without.
///
/// | scheme | what it speaks | port if none is said |
/// |---|---|--:|
/// | `http`, or none | HTTP CONNECT (RFC 9110 §9.3.6), with `Basic` credentials | 80 |
/// | `https` | the same inside of TLS, which needs the feature `tls` | 443 |
/// | `socks5h` | SOCKS5 (RFC 1928, RFC 1929); the proxy looks the server's name up | 1080 |
/// | `socks5` | SOCKS5; this machine looks it up, and the proxy sees an address | 1080 |
///
/// Many HTTP proxies let CONNECT through to port 443 alone, which is `wss`.
///
/// The password is in none of its texts: neither `Display` nor `Debug` shows credentials.
///
/// ```
/// let proxy = everwire::Proxy::parse("http://user:p%40ss@proxy.example:3128")?;
/// assert_eq!(proxy.to_string(), "http://proxy.example:3128");
/// # Ok::<(), everwire::InvalidProxy>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    scheme: Scheme,
    at: HostPort,
    credentials: Option<Arc<Credentials>>,
}

/// What a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
    /// With addresses only.
    Socks5,
    /// With names.
    Socks5h,
}

/// Bytes, because percent-encoding has no charset. Without `Debug`, on purpose.
#[derive(PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: Vec<u8>,
    pub(super) password: Vec<u8>,
}

impl Proxy {
    /// Reads `[scheme://][user[:password]@]host[:port][/]`, user and password percent-encoded.
    ///
    /// # Errors
    /// If it is anything else, or the credentials cannot be said in what the proxy speaks.
    pub fn parse(url: &str) -> Result<Self, InvalidProxy> {
        if !url.bytes().all(|byte| matches!(byte, 0x21..=0x7e)) {
            return Err(InvalidProxy::Character);
        }
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) => (Scheme::parse(scheme)?, rest),
            None => (Scheme::Http, url),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if !matches!(path, "" | "/") {
            return Err(InvalidProxy::Path);
        }
        let (userinfo, at) = authority.rsplit_once('@').unwrap_or(("", authority));
        let at: HostPort = at.parse().map_err(|_| InvalidProxy::Host)?;
        if at.port() == Some(0) {
            return Err(InvalidProxy::Host);
        }
        let proxy = Self { scheme, at, credentials: None };
        if userinfo.is_empty() {
            return Ok(proxy);
        }
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        proxy.with_credentials(percent_decode(user)?, percent_decode(password)?)
    }

    /// The same proxy with these credentials, as they are: nothing in them is percent-decoded.
    ///
    /// # Errors
    /// If they cannot be said in what the proxy speaks: HTTP has no user with a colon, SOCKS5 no empty
    /// user and neither with more than 255 bytes.
    pub fn with_credentials(
        mut self,
        user: impl Into<Vec<u8>>,
        password: impl Into<Vec<u8>>,
    ) -> Result<Self, InvalidProxy> {
        let credentials = Credentials { user: user.into(), password: password.into() };
        let sayable = match self.scheme {
            // RFC 7617 §2.
            Scheme::Http | Scheme::Https => !credentials.user.contains(&b':'),
            // RFC 1929 §2, which has no empty password either, but the proxies do.
            Scheme::Socks5 | Scheme::Socks5h => {
                (1..=255).contains(&credentials.user.len()) && credentials.password.len() <= 255
            }
        };
        if !sayable {
            return Err(InvalidProxy::Credentials);
        }
        self.credentials = Some(Arc::new(credentials));
        Ok(self)
    }

    /// The host in lower case; an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        self.at.host()
    }

    /// The port; if the URL says none, that of its scheme.
    pub fn port(&self) -> u16 {
        self.at.port().unwrap_or(match self.scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
            Scheme::Socks5 | Scheme::Socks5h => 1080,
        })
    }

    pub(super) fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(super) fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_deref()
    }
}

impl Scheme {
    fn parse(text: &str) -> Result<Self, InvalidProxy> {
        match text.to_ascii_lowercase().as_str() {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            "socks5" => Ok(Self::Socks5),
            "socks5h" => Ok(Self::Socks5h),
            _ => Err(InvalidProxy::Scheme),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }
}

/// RFC 3986 §2.1. Strict: of what is half encoded, nobody knows what was meant.
fn percent_decode(text: &str) -> Result<Vec<u8>, InvalidProxy> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).ok_or(InvalidProxy::Percent)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidProxy::Percent);
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| InvalidProxy::Percent)?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    Ok(bytes)
}

impl FromStr for Proxy {
    type Err = InvalidProxy;

    fn from_str(url: &str) -> Result<Self, InvalidProxy> {
        Self::parse(url)
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host();
        let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{}://{open}{host}{close}:{}", self.scheme.name(), self.port())
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Proxy").field(&format_args!("{self}")).finish()
    }
}

/// Why a URL is no proxy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidProxy {
    /// A character that a URL does not have.
    Character,
    /// A user or a password that cannot be said in what the proxy speaks.
    Credentials,
    /// No host, or none that could be one, or a port that is none.
    Host,
    /// Something behind host and port, or a `/`, `?` or `#` in a password.
    Path,
    /// A percent sign in the user or the password without two hexadecimal digits behind it.
    Percent,
    /// A scheme other than `http`, `https`, `socks5` and `socks5h`.
    Scheme,
}

impl fmt::Display for InvalidProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Character => "the proxy's URL has a character that must be percent-encoded",
            Self::Credentials => {
                "the proxy's user has a colon (HTTP) or is empty, or it or the password is longer \
                 than 255 bytes (SOCKS5)"
            }
            Self::Host => "the proxy's URL has no valid host and port",
            Self::Path => {
                "the proxy's URL goes on behind its host and port; percent-encode `/`, `?` and `#` \
                 in a password"
            }
            Self::Percent => "the proxy's user or password has a `%` that is not percent-encoded",
            Self::Scheme => {
                "the proxy's URL needs to begin with `http://`, `https://`, `socks5://` or \
                 `socks5h://`"
            }
        })
    }
}

impl std::error::Error for InvalidProxy {}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(url: &str) -> (Vec<u8>, Vec<u8>) {
        let proxy = Proxy::parse(url).unwrap();
        let credentials = proxy.credentials().expect("credentials");
        (credentials.user.clone(), credentials.password.clone())
    }

    #[test]
    fn a_scheme_has_its_port_and_none_is_http() {
        for (url, expected) in [
            ("proxy", "http://proxy:80"),
            ("Proxy.Example:3128/", "http://proxy.example:3128"),
            ("HTTP://proxy:443", "http://proxy:443"),
            ("https://proxy", "https://proxy:443"),
            ("socks5://proxy/", "socks5://proxy:1080"),
            ("socks5h://[2001:DB8::0:1]:80", "socks5h://[2001:db8::1]:80"),
        ] {
            assert_eq!(Proxy::parse(url).unwrap().to_string(), expected, "{url}");
        }
    }

    #[test]
    fn credentials_are_percent_decoded() {
        for (url, user, password) in [
            ("http://user:pass@proxy", "user", "pass"),
            ("user:pass@proxy:1", "user", "pass"),
            ("http://user@proxy", "user", ""),
            ("http://:pass@proxy", "", "pass"),
            ("socks5://a%3Ab:c%2f%25%40%00@proxy", "a:b", "c/%@\0"),
            ("http://user:a:b@c@proxy", "user", "a:b@c"),
        ] {
            assert_eq!(credentials(url), (user.into(), password.into()), "{url}");
        }
        assert_eq!(credentials("http://%ff:%C3%A9@proxy"), (vec![0xff], "é".into()));
        for none in ["http://proxy", "http://@proxy"] {
            assert!(Proxy::parse(none).unwrap().credentials().is_none(), "{none}");
        }
    }

    #[test]
    fn a_url_that_is_no_proxys_is_refused() {
        let long = format!("socks5://{}:x@proxy", "u".repeat(256));
        let long_password = format!("socks5://u:{}@proxy", "x".repeat(256));
        for (url, expected) in [
            ("", InvalidProxy::Host),
            ("http://", InvalidProxy::Host),
            ("http://:3128", InvalidProxy::Host),
            ("http://proxy:0", InvalidProxy::Host),
            ("http://proxy:65536", InvalidProxy::Host),
            ("http://[::1", InvalidProxy::Host),
            ("http://user:p@ss@", InvalidProxy::Host),
            ("http://proxy/path", InvalidProxy::Path),
            ("http://user:p/ss@proxy", InvalidProxy::Path),
            ("http://proxy?x", InvalidProxy::Path),
            ("http://proxy#x", InvalidProxy::Path),
            ("http://pro xy", InvalidProxy::Character),
            ("http://proxy\r\nX: y", InvalidProxy::Character),
            ("http://pröxy", InvalidProxy::Character),
            ("http://u:%@proxy", InvalidProxy::Percent),
            ("http://u:%2@proxy", InvalidProxy::Percent),
            ("http://u:%+2@proxy", InvalidProxy::Percent),
            ("socks4://proxy", InvalidProxy::Scheme),
            ("ftp://proxy", InvalidProxy::Scheme),
            ("://proxy", InvalidProxy::Scheme),
            ("http://a%3ab:x@proxy", InvalidProxy::Credentials),
            ("socks5://:x@proxy", InvalidProxy::Credentials),
            (&long, InvalidProxy::Credentials),
            (&long_password, InvalidProxy::Credentials),
        ] {
            assert_eq!(Proxy::parse(url), Err(expected), "{url}");
        }
    }

    #[test]
    fn credentials_are_in_no_text() {
        let proxy = Proxy::parse("http://alice:hunter2@proxy:1").unwrap();
        assert_eq!(format!("{proxy} {proxy:?}"), "http://proxy:1 Proxy(http://proxy:1)");
    }
}
