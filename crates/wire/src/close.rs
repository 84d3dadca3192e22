//! Close codes, close reasons and the report of how a connection ended.

use std::fmt;
use std::num::NonZeroU16;

use bytes::Bytes;

use crate::error::ProtocolError;
use crate::text::Text;

/// A close code: why a connection ends (RFC 6455 §7.4).
///
/// A `CloseCode` may be one that is only ever reported and never sent: see
/// [`is_sendable`](Self::is_sendable).
///
/// ```
/// use everwire_wire::CloseCode;
///
/// assert_eq!(CloseCode::NORMAL.get(), 1000);
/// assert!(CloseCode::try_from(4001).unwrap().is_sendable());
/// assert!(!CloseCode::ABNORMAL.is_sendable());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(NonZeroU16);

macro_rules! close_codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        impl CloseCode {
            $($(#[$doc])* pub const $name: Self = Self(NonZeroU16::new($value).unwrap());)*

            /// The registered name of the code, if it has one.
            pub const fn name(self) -> Option<&'static str> {
                match self.0.get() {
                    $($value => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

close_codes! {
    /// 1000: the purpose of the connection is fulfilled.
    NORMAL = 1000;
    /// 1001: the server goes down, or the browser leaves the page.
    GOING_AWAY = 1001;
    /// 1002: the peer broke the protocol.
    PROTOCOL_ERROR = 1002;
    /// 1003: a kind of data that the endpoint cannot accept.
    UNSUPPORTED_DATA = 1003;
    /// 1005: reported when the close frame carried no code; never sent.
    NO_STATUS = 1005;
    /// 1006: reported when there was no close frame at all; never sent.
    ABNORMAL = 1006;
    /// 1007: data that is not what its message type promises, such as text that is not UTF-8.
    INVALID_PAYLOAD = 1007;
    /// 1008: a policy was violated.
    POLICY_VIOLATION = 1008;
    /// 1009: a message too big to process.
    MESSAGE_TOO_BIG = 1009;
    /// 1010: the client missed an extension in the server's answer.
    MANDATORY_EXTENSION = 1010;
    /// 1011: the endpoint met an error of its own.
    INTERNAL_ERROR = 1011;
    /// 1012: the service restarts; come back after a random delay.
    SERVICE_RESTART = 1012;
    /// 1013: overloaded; try again later.
    TRY_AGAIN_LATER = 1013;
    /// 1014: a gateway got an invalid answer from upstream.
    BAD_GATEWAY = 1014;
    /// 1015: reported when the TLS handshake failed; never sent.
    TLS_HANDSHAKE = 1015;
}

impl CloseCode {
    /// The number.
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// Whether the code may stand in a close frame (RFC 6455 §7.4.1, §7.4.2 and the IANA registry):
    /// 1000–1003, 1007–1014, 3000–4999.
    pub const fn is_sendable(self) -> bool {
        matches!(self.0.get(), 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

/// The number is outside 1000–4999, the range that close codes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidCloseCode(pub u16);

impl fmt::Display for InvalidCloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not a close code: they are 1000 to 4999", self.0)
    }
}

impl std::error::Error for InvalidCloseCode {}

impl TryFrom<u16> for CloseCode {
    type Error = InvalidCloseCode;

    fn try_from(value: u16) -> Result<Self, InvalidCloseCode> {
        match NonZeroU16::new(value) {
            Some(code) if (1000..=4999).contains(&value) => Ok(Self(code)),
            _ => Err(InvalidCloseCode(value)),
        }
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.get()
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} {name}", self.get()),
            None => write!(f, "{}", self.get()),
        }
    }
}

/// What a close frame says: a code that may be sent, and a reason of at most 123 bytes of UTF-8
/// (RFC 6455 §5.5: a control frame carries 125 bytes, and the code takes two).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseReason {
    code: CloseCode,
    text: Text,
}

impl CloseReason {
    /// The longest reason, in bytes of UTF-8: 125 of a control frame less two for the code.
    pub const MAX_LEN: usize = 123;

    /// A reason that may be sent.
    ///
    /// # Errors
    /// If the code may not be sent, or the text is longer than [`MAX_LEN`](Self::MAX_LEN) bytes.
    pub fn new(code: CloseCode, text: impl Into<Text>) -> Result<Self, InvalidCloseReason> {
        let text = text.into();
        if !code.is_sendable() {
            return Err(InvalidCloseReason::Code(code));
        }
        if text.len() > Self::MAX_LEN {
            return Err(InvalidCloseReason::TooLong(text.len()));
        }
        Ok(Self { code, text })
    }

    /// A code without a text.
    ///
    /// # Errors
    /// If the code may not be sent.
    pub fn from_code(code: CloseCode) -> Result<Self, InvalidCloseReason> {
        Self::new(code, Text::default())
    }

    /// A code of ours with a text of ours; both are known to be in range.
    pub(crate) fn fixed(code: CloseCode, text: &'static str) -> Self {
        debug_assert!(code.is_sendable() && text.len() <= Self::MAX_LEN);
        Self { code, text: Text::from_static(text) }
    }

    /// The code.
    pub fn code(&self) -> CloseCode {
        self.code
    }

    /// The text, for people and logs.
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }

    /// Reads the payload of a close frame; `None` is an empty one (§5.5.1).
    pub(crate) fn parse(payload: &[u8]) -> Result<Option<Self>, ProtocolError> {
        let (code, text) = match payload {
            [] => return Ok(None),
            // §5.5.1: if there is a body, its first two bytes are the code.
            [_] => return Err(ProtocolError::CloseBodyOfOneByte),
            [high, low, text @ ..] => (u16::from_be_bytes([*high, *low]), text),
        };
        // §7.4.1: 1005, 1006 and 1015 are never on the wire; §7.4.2: 0–999 are not used.
        let code = CloseCode::try_from(code)
            .ok()
            .filter(|code| code.is_sendable())
            .ok_or(ProtocolError::CloseCode(code))?;
        let text = Text::try_from(Bytes::copy_from_slice(text))
            .map_err(|_| ProtocolError::CloseReasonNotUtf8)?;
        Ok(Some(Self { code, text }))
    }

    /// The payload of a close frame.
    pub(crate) fn encode(&self) -> ([u8; 125], usize) {
        let mut body = [0; 125];
        body[..2].copy_from_slice(&self.code.get().to_be_bytes());
        body[2..2 + self.text.len()].copy_from_slice(self.text.as_bytes());
        (body, 2 + self.text.len())
    }
}

/// Why a [`CloseReason`] cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidCloseReason {
    /// The code may be reported but never sent.
    Code(CloseCode),
    /// The text has this many bytes, more than [`CloseReason::MAX_LEN`].
    TooLong(usize),
}

impl fmt::Display for InvalidCloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "close code {code} is reported, never sent"),
            Self::TooLong(len) => {
                write!(
                    f,
                    "close reason of {len} bytes exceeds the {} of a close frame",
                    CloseReason::MAX_LEN
                )
            }
        }
    }
}

impl std::error::Error for InvalidCloseReason {}

/// How a connection ended: the last thing it says, exactly once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseReport {
    /// The code: the peer's when it closed, ours when we did, [`CloseCode::NO_STATUS`] for a close
    /// frame without a code, [`CloseCode::ABNORMAL`] when there was no close frame.
    pub code: CloseCode,
    /// The reason that came with the code.
    pub reason: Text,
    /// Whether both close frames were exchanged (WHATWG `wasClean`).
    pub was_clean: bool,
    /// What ended it.
    pub cause: CloseCause,
    /// What was queued and never handed to the network.
    pub unsent: Unsent,
}

/// What ended a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseCause {
    /// Our own `close`.
    Local,
    /// The peer's close frame.
    Peer,
    /// The peer broke the protocol or went over a limit; we failed the connection (§7.1.7).
    Violation(ProtocolError),
    /// The peer's stream ended without a close frame.
    Eof,
    /// The network failed.
    Transport(std::io::ErrorKind),
    /// A deadline passed.
    Timeout(Timeout),
    /// It was dropped without a closing handshake.
    Aborted,
}

/// Which deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timeout {
    /// Nothing came from the peer within the heartbeat's interval and timeout.
    Heartbeat,
    /// No byte could be written for `write_timeout`.
    Write,
    /// No byte went either way for `idle_timeout`.
    Idle,
    /// The closing handshake did not end within `close_timeout`.
    Close,
}

/// What was queued and never handed to the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsent {
    /// Messages of which at least the last byte was not sent.
    pub messages: usize,
    /// Bytes, frame headers included.
    pub bytes: usize,
}

impl fmt::Display for CloseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "closed with {}", self.code)?;
        if !self.reason.is_empty() {
            write!(f, " `{}`", self.reason.as_str())?;
        }
        match &self.cause {
            CloseCause::Local => write!(f, " by us"),
            CloseCause::Peer => write!(f, " by the peer"),
            CloseCause::Violation(error) => write!(f, ": {error}"),
            CloseCause::Eof => write!(f, ": the stream ended without a close frame"),
            CloseCause::Transport(kind) => write!(f, ": the network failed, {kind}"),
            CloseCause::Timeout(timeout) => write!(f, ": {} timeout", timeout.name()),
            CloseCause::Aborted => write!(f, ": dropped"),
        }
    }
}

impl Timeout {
    fn name(self) -> &'static str {
        match self {
            Self::Heartbeat => "heartbeat",
            Self::Write => "write",
            Self::Idle => "idle",
            Self::Close => "close",
        }
    }
}
