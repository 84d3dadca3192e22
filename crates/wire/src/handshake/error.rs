//! What a peer did wrong while opening the connection.

use std::fmt;

use http::{Method, StatusCode};

use crate::deflate::DeflateFault;

/// The opening handshake failed, and it is the peer's doing.
///
/// A server answers with [`status`](Self::status); a client fails the connection (RFC 6455 §4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    // The head of either side.
    /// A CR that no LF follows (RFC 9112 §2.2).
    BareCr,
    /// A line that ends in LF alone (RFC 9112 §2.2).
    BareLf,
    /// A head longer than `max_size`.
    HeadTooLarge {
        /// The limit, in bytes.
        max: usize,
    },
    /// A header name that is not a token (RFC 9110 §5.1).
    HeaderName,
    /// A control byte in a header value (RFC 9110 §5.5).
    HeaderValue,
    /// A header continued on the next line (RFC 9112 §5.2).
    ObsFold,
    /// White space between a header's name and its colon (RFC 9112 §5.1).
    SpaceBeforeColon,
    /// A first line that is not exactly `METHOD SP target SP HTTP/1.x`, or `HTTP/1.x SP status SP
    /// reason` (RFC 9112 §3, §4).
    StartLine,
    /// More headers than `max_headers`.
    TooManyHeaders {
        /// The limit.
        max: usize,
    },

    // A header that the handshake needs.
    /// The header has a value that its grammar does not have.
    Malformed(&'static str),
    /// The header is needed and absent.
    Missing(&'static str),
    /// The header may stand once and stands twice.
    Repeated(&'static str),
    /// The header lists more elements than anybody needs.
    TooManyItems {
        /// The header.
        header: &'static str,
        /// The limit, in elements over all headers of that name.
        max: usize,
    },

    // A request.
    /// A request with a body, or one that could be taken to have a body (RFC 9112 §6.3).
    Body,
    /// An upgrade in TLS early data, which anybody can replay (RFC 8470 §5.2).
    EarlyData,
    /// Not HTTP/1.1: HTTP/1.0 has no `Upgrade` (RFC 9110 §7.8).
    HttpVersion,
    /// A method other than GET (RFC 6455 §4.1).
    Method(Method),
    /// No upgrade to WebSocket is asked for (RFC 6455 §4.2.1).
    NotAnUpgrade,
    /// An origin that the policy does not let in, or none where one is required (RFC 6455 §10.2).
    Origin(Option<String>),
    /// A first line that passes `max_size`.
    RequestLineTooLong {
        /// The limit, in bytes.
        max: usize,
    },
    /// A target that is no path, or one that two readers could understand in two ways.
    Target,
    /// The head was not complete when its time was over.
    TooSlow,
    /// A protocol version other than 13 (RFC 6455 §4.4).
    Version(u8),

    // A response.
    /// `Sec-WebSocket-Accept` does not belong to our key (RFC 6455 §4.1).
    Accept,
    /// permessage-deflate answered in a way that was not offered or is not legal (RFC 7692 §5.1).
    Deflate(DeflateFault),
    /// An extension that was not offered, or one that was answered twice (RFC 6455 §4.1).
    ExtensionNotOffered(String),
    /// The server did not switch protocols.
    Status(StatusCode),
    /// A subprotocol that was not offered (RFC 6455 §4.1).
    SubprotocolNotOffered(String),
}

impl HandshakeError {
    /// The status that a server answers with: the one place where errors become statuses.
    ///
    /// For a fault in a server's response it is 502, what a gateway would say of it.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BareCr
            | Self::BareLf
            | Self::Body
            | Self::HeaderName
            | Self::HeaderValue
            | Self::HttpVersion
            | Self::Malformed(_)
            | Self::Missing(_)
            | Self::ObsFold
            | Self::Repeated(_)
            | Self::SpaceBeforeColon
            | Self::StartLine
            | Self::Target
            | Self::TooManyItems { .. } => StatusCode::BAD_REQUEST,
            Self::Origin(_) => StatusCode::FORBIDDEN,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::RequestLineTooLong { .. } => StatusCode::URI_TOO_LONG,
            Self::EarlyData => StatusCode::TOO_EARLY,
            Self::NotAnUpgrade | Self::Version(_) => StatusCode::UPGRADE_REQUIRED,
            Self::HeadTooLarge { .. } | Self::TooManyHeaders { .. } => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::Accept
            | Self::Deflate(_)
            | Self::ExtensionNotOffered(_)
            | Self::Status(_)
            | Self::SubprotocolNotOffered(_) => StatusCode::BAD_GATEWAY,
        }
    }

    /// Whether the fault is in the protocol's version, so that the answer says which one we speak.
    pub(super) fn is_about_version(&self) -> bool {
        matches!(
            self,
            Self::NotAnUpgrade
                | Self::Version(_)
                | Self::Malformed(VERSION)
                | Self::Missing(VERSION)
                | Self::Repeated(VERSION)
        )
    }

    /// What the peer is told: what it did, and nothing of our insides.
    pub(super) fn peer_text(&self) -> String {
        match self {
            Self::Malformed(header) => format!("malformed {header}"),
            Self::Missing(header) => format!("missing {header}"),
            Self::Repeated(header) => format!("repeated {header}"),
            Self::TooManyItems { header, .. } => format!("too many elements in {header}"),
            other => other.fixed_text().to_owned(),
        }
    }

    fn fixed_text(&self) -> &'static str {
        match self {
            Self::BareCr => "CR without LF",
            Self::BareLf => "LF without CR",
            Self::Body => "a request for an upgrade has no body",
            Self::EarlyData => "no upgrade in early data",
            Self::HeadTooLarge { .. } => "head too large",
            Self::HeaderName => "header name is not a token",
            Self::HeaderValue => "control byte in a header value",
            Self::HttpVersion => "the upgrade needs HTTP/1.1",
            Self::Malformed(_) => "malformed header",
            Self::Method(_) => "the upgrade needs GET",
            Self::Missing(_) => "missing header",
            Self::NotAnUpgrade => "this is a WebSocket endpoint",
            Self::ObsFold => "header continued on the next line",
            Self::Origin(_) => "origin not allowed",
            Self::Repeated(_) => "repeated header",
            Self::RequestLineTooLong { .. } => "request line too long",
            Self::SpaceBeforeColon => "white space before the colon of a header",
            Self::StartLine => "malformed first line",
            Self::Target => "malformed request target",
            Self::TooManyHeaders { .. } => "too many headers",
            Self::TooManyItems { .. } => "too many elements in a header",
            Self::TooSlow => "the head took too long",
            Self::Version(_) => "WebSocket version is not 13",
            Self::Accept => "Sec-WebSocket-Accept does not match the key",
            Self::Deflate(_) => "permessage-deflate answered wrongly",
            Self::ExtensionNotOffered(_) => "extension not offered",
            Self::Status(_) => "did not switch protocols",
            Self::SubprotocolNotOffered(_) => "subprotocol not offered",
        }
    }
}

/// The name that the version header has in errors.
pub(super) const VERSION: &str = "Sec-WebSocket-Version";

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deflate(fault) => write!(f, "peer answered permessage-deflate wrongly: {fault}"),
            Self::ExtensionNotOffered(name) => {
                write!(f, "peer answered with extension `{}`, which was not offered", cut(name))
            }
            Self::HeadTooLarge { max } => write!(f, "peer sent a head over `max_size` of {max}"),
            Self::Malformed(header) => write!(f, "peer sent a malformed {header}"),
            Self::Method(method) => {
                write!(f, "peer asked for the upgrade with {} instead of GET", cut(method.as_str()))
            }
            Self::Missing(header) => write!(f, "peer did not send {header}"),
            Self::Origin(None) => write!(f, "peer sent no Origin, and one is required"),
            Self::Origin(Some(origin)) => write!(f, "origin `{}` is not allowed", cut(origin)),
            Self::Repeated(header) => write!(f, "peer sent {header} more than once"),
            Self::RequestLineTooLong { max } => {
                write!(f, "peer sent a request line over `max_size` of {max}")
            }
            Self::Status(status) => write!(f, "server answered {status} instead of 101"),
            Self::SubprotocolNotOffered(name) => {
                write!(f, "peer answered with subprotocol `{}`, which was not offered", cut(name))
            }
            Self::TooManyHeaders { max } => {
                write!(f, "peer sent more headers than `max_headers` of {max}")
            }
            Self::TooManyItems { header, max } => {
                write!(f, "peer listed more than {max} elements in {header}")
            }
            Self::Version(version) => {
                write!(f, "peer speaks WebSocket version {version}, and only 13 is spoken here")
            }
            other => write!(f, "bad opening handshake: {}", other.fixed_text()),
        }
    }
}

impl std::error::Error for HandshakeError {}

impl From<DeflateFault> for HandshakeError {
    fn from(fault: DeflateFault) -> Self {
        Self::Deflate(fault)
    }
}

/// The beginning of a peer's value: a log line need not be as long as a head may be.
fn cut(value: &str) -> &str {
    let mut end = value.len().min(80);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    &value[..end]
}
