//! What permessage-deflate is agreed to be: offer, accept, verify (RFC 7692 §5, §7.1).
//!
//! ```text
//!  client                                             server
//!    offers()  ──── Sec-WebSocket-Extensions ────►  accept(offer), in the client's order
//!    verify()  ◄─── Sec-WebSocket-Extensions ─────  Display of what was accepted
//!        └──────────────► DeflateParams ◄──────────────┘
//! ```

use std::fmt;

/// The extension's registered name (RFC 7692 §7).
pub(crate) const PERMESSAGE_DEFLATE: &str = "permessage-deflate";

/// The largest window, and the one that holds where nothing is said (RFC 7692 §7.1.2).
const MAX_WINDOW_BITS: u8 = 15;

/// The smallest window that the compressor has; the standard goes down to 8.
const MIN_WINDOW_BITS: u8 = 9;

const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// How we would like messages to be compressed, whichever role we play.
///
/// What comes out of the negotiation is [`DeflateParams`]. For its own direction an endpoint may
/// always be stricter than what was negotiated: it compresses without takeover, and with the
/// smaller window, when either of the two says so.
///
/// ```
/// let mut config = everwire_wire::DeflateConfig::default();
/// config.server_max_window_bits = 10;
/// config.level = 6;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeflateConfig {
    /// Whether the server starts each message with an empty window. Default true: a window costs
    /// memory in both peers for as long as the connection lives. A client insists on it; a server
    /// answers with it even when it was not offered (RFC 7692 §7.1.1.1).
    pub server_no_context_takeover: bool,
    /// Whether the client starts each message with an empty window. Default true. A client says
    /// that it will; a server answers with it even when it was not offered (§7.1.1.2).
    pub client_no_context_takeover: bool,
    /// The server's window, as the base-2 logarithm of bytes: 9 to 15, others are taken as the
    /// nearer of the two. Default 15 (32 KiB). A client asks for it, and makes do without it when
    /// the server does not know the parameter; a server keeps to it.
    pub server_max_window_bits: u8,
    /// The client's window: 9 to 15, others are taken as the nearer of the two. Default 15. A
    /// client keeps to it; a server can ask it only of a client that offers to be asked
    /// (§7.1.2.2), so any other may use 15.
    pub client_max_window_bits: u8,
    /// How hard to compress: 1 (fastest) to 9 (smallest), others are taken as the nearer of the
    /// two. Default 1: most of the gain at a fraction of the work.
    pub level: u32,
    /// Messages shorter than this many bytes are sent uncompressed. Default 128: below it the work
    /// is not worth the bytes.
    pub threshold: usize,
}

impl Default for DeflateConfig {
    fn default() -> Self {
        Self {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_max_window_bits: MAX_WINDOW_BITS,
            client_max_window_bits: MAX_WINDOW_BITS,
            level: 1,
            threshold: 128,
        }
    }
}

/// permessage-deflate as both peers agreed on it.
///
/// [`Display`](fmt::Display) writes the element of `Sec-WebSocket-Extensions` that says so.
/// [`Default`] is what a bare `permessage-deflate` means: both take over, both windows 15.
///
/// ```
/// use everwire_wire::DeflateParams;
///
/// let params = DeflateParams::default().with_server_max_window_bits(10);
/// assert_eq!(params.to_string(), "permessage-deflate; server_max_window_bits=10");
/// assert_eq!(params.client_max_window_bits(), 15);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct DeflateParams {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    /// None where nothing was said, which means 15: an offered 15 must be answered (§7.1.2.1).
    server_max_window_bits: Option<u8>,
    client_max_window_bits: Option<u8>,
}

impl DeflateParams {
    /// Whether the server starts each message with an empty window (RFC 7692 §7.1.1.1).
    pub const fn server_no_context_takeover(&self) -> bool {
        self.server_no_context_takeover
    }

    /// Whether the client starts each message with an empty window (RFC 7692 §7.1.1.2).
    pub const fn client_no_context_takeover(&self) -> bool {
        self.client_no_context_takeover
    }

    /// The server's window, as the base-2 logarithm of bytes: 8 to 15 (RFC 7692 §7.1.2.1).
    pub const fn server_max_window_bits(&self) -> u8 {
        bits_or_max(self.server_max_window_bits)
    }

    /// The client's window, as the base-2 logarithm of bytes: 8 to 15 (RFC 7692 §7.1.2.2).
    ///
    /// The compressor has no window of 8: a client that is told 8 sends its messages uncompressed.
    pub const fn client_max_window_bits(&self) -> u8 {
        bits_or_max(self.client_max_window_bits)
    }

    /// The same with another answer to whether the server keeps its window.
    #[must_use]
    pub const fn with_server_no_context_takeover(mut self, yes: bool) -> Self {
        self.server_no_context_takeover = yes;
        self
    }

    /// The same with another answer to whether the client keeps its window.
    #[must_use]
    pub const fn with_client_no_context_takeover(mut self, yes: bool) -> Self {
        self.client_no_context_takeover = yes;
        self
    }

    /// The same with another window of the server: 8 to 15, others are taken as the nearer.
    #[must_use]
    pub fn with_server_max_window_bits(mut self, bits: u8) -> Self {
        self.server_max_window_bits = Some(bits.clamp(8, MAX_WINDOW_BITS));
        self
    }

    /// The same with another window of the client: 8 to 15, others are taken as the nearer.
    #[must_use]
    pub fn with_client_max_window_bits(mut self, bits: u8) -> Self {
        self.client_max_window_bits = Some(bits.clamp(8, MAX_WINDOW_BITS));
        self
    }
}

const fn bits_or_max(bits: Option<u8>) -> u8 {
    match bits {
        Some(bits) => bits,
        None => MAX_WINDOW_BITS,
    }
}

impl fmt::Display for DeflateParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PERMESSAGE_DEFLATE)?;
        if self.server_no_context_takeover {
            write!(f, "; {SERVER_NO_CONTEXT_TAKEOVER}")?;
        }
        if self.client_no_context_takeover {
            write!(f, "; {CLIENT_NO_CONTEXT_TAKEOVER}")?;
        }
        if let Some(bits) = self.server_max_window_bits {
            write!(f, "; {SERVER_MAX_WINDOW_BITS}={bits}")?;
        }
        if let Some(bits) = self.client_max_window_bits {
            write!(f, "; {CLIENT_MAX_WINDOW_BITS}={bits}")?;
        }
        Ok(())
    }
}
