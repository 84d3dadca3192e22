//! What permessage-deflate is agreed to be: offer, accept, verify (RFC 7692 §5, §7.1).
//!
//! ```text
//!  client                                             server
//!    offers()  ──── Sec-WebSocket-Extensions ────►  accept(offer), in the client's order
//!    verify()  ◄─── Sec-WebSocket-Extensions ─────  Display of what was accepted
//!        └──────────────► DeflateParams ◄──────────────┘
//! ```

use std::borrow::Cow;
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
    /// that it will, and does so even where the server does not know the parameter; a server answers
    /// with it even when it was not offered (§7.1.1.2).
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

impl DeflateConfig {
    /// The default of [`threshold`](Self::threshold).
    pub(crate) const THRESHOLD: usize = 128;
}

impl Default for DeflateConfig {
    fn default() -> Self {
        Self {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_max_window_bits: MAX_WINDOW_BITS,
            client_max_window_bits: MAX_WINDOW_BITS,
            level: 1,
            threshold: Self::THRESHOLD,
        }
    }
}

impl DeflateConfig {
    /// What a client offers, as `Sec-WebSocket-Extensions` says it: what we want first, then, for a
    /// server that does not know all the parameters, only what we cannot do without.
    pub fn offers(&self) -> String {
        let [first, second] = self.offer_list();
        format!("{first}, {second}")
    }

    fn offer_list(&self) -> [DeflateOffer; 2] {
        let bits = |bits: u8| bits.clamp(MIN_WINDOW_BITS, MAX_WINDOW_BITS);
        // Only the server can keep its own promise. What we do without, such as our own takeover, we
        // may say as a hint (§7.1.1.2), and pywebsocket3 declines an offer with that hint.
        let needed = DeflateOffer {
            server_no_context_takeover: self.server_no_context_takeover,
            ..DeflateOffer::default()
        };
        let wanted = DeflateOffer {
            client_no_context_takeover: self.client_no_context_takeover,
            // 15 holds where nothing is said, so it need not be said.
            server_max_window_bits: Some(bits(self.server_max_window_bits))
                .filter(|bits| *bits < 15),
            client_max_window_bits: match bits(self.client_max_window_bits) {
                MAX_WINDOW_BITS => ClientBits::Bare,
                bits => ClientBits::Of(bits),
            },
            ..needed
        };
        [wanted, needed]
    }

    /// What a server answers to one offer; `None` declines it, and the next may be better (§5.1).
    pub(crate) fn accept(&self, params: &[Param<'_>]) -> Option<DeflateParams> {
        let offer = DeflateOffer::parse(params).ok()?;
        let ours = self.server_max_window_bits.clamp(MIN_WINDOW_BITS, MAX_WINDOW_BITS);
        let server_max_window_bits = match offer.server_max_window_bits {
            // §7.1.2.1: accepted by answering the same or less; the compressor has nothing less
            // than 9.
            Some(theirs) if theirs < MIN_WINDOW_BITS => return None,
            Some(theirs) => Some(theirs.min(ours)),
            // It may be answered unasked, and then saves the client memory.
            None => Some(ours).filter(|bits| *bits < MAX_WINDOW_BITS),
        };
        let ours = self.client_max_window_bits.clamp(MIN_WINDOW_BITS, MAX_WINDOW_BITS);
        let client_max_window_bits = match offer.client_max_window_bits {
            // §7.1.2.2: never answered to a client that did not offer it.
            ClientBits::Unsaid => None,
            ClientBits::Bare => Some(ours).filter(|bits| *bits < MAX_WINDOW_BITS),
            ClientBits::Of(theirs) => Some(theirs.min(ours)),
        };
        Some(DeflateParams {
            // §7.1.1.1, §7.1.1.2: a server may answer either unasked.
            server_no_context_takeover: offer.server_no_context_takeover
                || self.server_no_context_takeover,
            client_no_context_takeover: offer.client_no_context_takeover
                || self.client_no_context_takeover,
            server_max_window_bits,
            client_max_window_bits,
        })
    }

    /// Whether a server's answer is legal and belongs to one of our offers (§5.1).
    pub(crate) fn verify(&self, params: &[Param<'_>]) -> Result<DeflateParams, DeflateFault> {
        let answer = DeflateOffer::parse(params)?;
        let client_max_window_bits = match answer.client_max_window_bits {
            ClientBits::Unsaid => None,
            // §7.1.2.2: in an answer it has a value.
            ClientBits::Bare => return Err(DeflateFault::Value),
            ClientBits::Of(bits) => Some(bits),
        };
        let [first, second] = self.offer_list();
        first.matches(&answer).or_else(|fault| second.matches(&answer).map_err(|_| fault))?;
        Ok(DeflateParams {
            server_no_context_takeover: answer.server_no_context_takeover,
            client_no_context_takeover: answer.client_no_context_takeover,
            server_max_window_bits: answer.server_max_window_bits,
            client_max_window_bits,
        })
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

/// A parameter's name and, if it has one, its value.
pub(crate) type Param<'a> = (&'a str, Option<Cow<'a, str>>);

/// What one element of the header says, offer or answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct DeflateOffer {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    client_max_window_bits: ClientBits,
}

/// `client_max_window_bits` alone says "you may ask me"; with a value it says how much is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum ClientBits {
    #[default]
    Unsaid,
    Bare,
    Of(u8),
}

impl DeflateOffer {
    fn parse(params: &[Param<'_>]) -> Result<Self, DeflateFault> {
        let mut said = Self::default();
        for (name, value) in params {
            let value = value.as_deref();
            let first = match *name {
                SERVER_NO_CONTEXT_TAKEOVER => {
                    set_flag(&mut said.server_no_context_takeover, value)?
                }
                CLIENT_NO_CONTEXT_TAKEOVER => {
                    set_flag(&mut said.client_no_context_takeover, value)?
                }
                SERVER_MAX_WINDOW_BITS => {
                    said.server_max_window_bits.replace(parse_bits(value)?).is_none()
                }
                CLIENT_MAX_WINDOW_BITS => {
                    let bits = match value {
                        None => ClientBits::Bare,
                        value => ClientBits::Of(parse_bits(value)?),
                    };
                    std::mem::replace(&mut said.client_max_window_bits, bits) == ClientBits::Unsaid
                }
                _ => return Err(DeflateFault::UnknownParameter),
            };
            if !first {
                return Err(DeflateFault::DuplicateParameter);
            }
        }
        Ok(said)
    }

    /// Whether `answer` accepts this offer.
    fn matches(&self, answer: &Self) -> Result<(), DeflateFault> {
        // §7.1.1.1: accepted by saying it, too.
        if self.server_no_context_takeover && !answer.server_no_context_takeover {
            return Err(DeflateFault::Ignored(SERVER_NO_CONTEXT_TAKEOVER));
        }
        // §7.1.2.1: the same or less. Where we asked nothing, the server may still limit itself.
        if let Some(asked) = self.server_max_window_bits
            && answer.server_max_window_bits.is_none_or(|bits| bits > asked)
        {
            return Err(DeflateFault::Ignored(SERVER_MAX_WINDOW_BITS));
        }
        // §7.1.2.2: only if offered. More than the value we offered is harmless: that was a promise
        // of ours and is kept anyway.
        if self.client_max_window_bits == ClientBits::Unsaid
            && answer.client_max_window_bits != ClientBits::Unsaid
        {
            return Err(DeflateFault::NotOffered);
        }
        Ok(())
    }
}

/// §7.1.1: these have no value. Says whether it was not set before.
fn set_flag(flag: &mut bool, value: Option<&str>) -> Result<bool, DeflateFault> {
    match value {
        None => Ok(!std::mem::replace(flag, true)),
        Some(_) => Err(DeflateFault::Value),
    }
}

/// §7.1.2: 8 to 15 in decimal, without leading zeros.
fn parse_bits(value: Option<&str>) -> Result<u8, DeflateFault> {
    match value {
        Some("8") => Ok(8),
        Some("9") => Ok(9),
        Some("10") => Ok(10),
        Some("11") => Ok(11),
        Some("12") => Ok(12),
        Some("13") => Ok(13),
        Some("14") => Ok(14),
        Some("15") => Ok(15),
        _ => Err(DeflateFault::Value),
    }
}

impl fmt::Display for DeflateOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let params = DeflateParams {
            server_no_context_takeover: self.server_no_context_takeover,
            client_no_context_takeover: self.client_no_context_takeover,
            server_max_window_bits: self.server_max_window_bits,
            client_max_window_bits: match self.client_max_window_bits {
                ClientBits::Of(bits) => Some(bits),
                ClientBits::Unsaid | ClientBits::Bare => None,
            },
        };
        write!(f, "{params}")?;
        if self.client_max_window_bits == ClientBits::Bare {
            write!(f, "; {CLIENT_MAX_WINDOW_BITS}")?;
        }
        Ok(())
    }
}

/// What is wrong with a server's answer to our offer of permessage-deflate (RFC 7692 §5.1, §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeflateFault {
    /// A parameter stands twice.
    DuplicateParameter,
    /// A parameter that every acceptable answer repeats is missing, or asks for more.
    Ignored(&'static str),
    /// `client_max_window_bits` came to an offer without it.
    NotOffered,
    /// A parameter that the extension does not have.
    UnknownParameter,
    /// A parameter with a value that it cannot have.
    Value,
}

impl fmt::Display for DeflateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateParameter => f.write_str("a parameter stands twice"),
            Self::Ignored(name) => write!(f, "`{name}` was offered and is not kept to"),
            Self::NotOffered => write!(f, "`{CLIENT_MAX_WINDOW_BITS}` does not fit the offer"),
            Self::UnknownParameter => f.write_str("it has no such parameter"),
            Self::Value => f.write_str("a parameter has a value that it cannot have"),
        }
    }
}

impl std::error::Error for DeflateFault {}
