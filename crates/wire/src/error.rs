//! Whose fault it was: the peer's ([`ProtocolError`]) or ours ([`SendError`]).

use std::fmt;

use crate::close::CloseCode;

/// The peer broke RFC 6455 or RFC 7692, or went over one of our limits.
///
/// Each carries the [close code](Self::close_code) that the peer is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A close frame with a body of one byte (§5.5.1).
    CloseBodyOfOneByte,
    /// A close frame with a code that may not be sent (§7.4).
    CloseCode(u16),
    /// A close reason that is not UTF-8 (§5.5.1).
    CloseReasonNotUtf8,
    /// A continuation frame without a message to continue (§5.4).
    ContinuationWithoutStart,
    /// A control frame of more than 125 bytes (§5.5).
    ControlFrameTooLong,
    /// A fragmented control frame (§5.5).
    FragmentedControlFrame,
    /// A frame longer than `max_frame_size`.
    FrameTooBig {
        /// The payload's length by its header, in bytes.
        size: u64,
        /// The limit, in bytes.
        max: u64,
    },
    /// Compressed data that is not DEFLATE (RFC 7692 §7.2.2).
    Inflate,
    /// A message that inflates more than `max_inflate_ratio` times.
    InflateRatio {
        /// The limit.
        max: u32,
    },
    /// A data frame inside a fragmented message (§5.4).
    InterleavedMessage,
    /// A frame from a server that is masked (§5.1).
    MaskedByServer,
    /// A message longer than `max_message_size`, fragments' overhead included.
    MessageTooBig {
        /// The size reached, in bytes.
        size: u64,
        /// The limit, in bytes.
        max: u64,
    },
    /// A message that was not complete within `max_assembly_time`.
    MessageTooSlow,
    /// A length that is not in its shortest form, or has its top bit set (§5.2).
    NonMinimalLength,
    /// Text that is not UTF-8 (§8.1).
    NotUtf8,
    /// Everything that the process holds for unfinished messages exceeds its budget, and this one
    /// was the largest.
    OverBudget,
    /// A reserved bit that no extension gave a meaning to (§5.2).
    ReservedBit,
    /// A reserved opcode (§5.2).
    ReservedOpcode(u8),
    /// More than `max_control_frames` pings and pongs within a second.
    TooManyControlFrames {
        /// The limit, in frames per second.
        max: u32,
    },
    /// More than `max_empty_fragments` fragments in a row that carry nothing.
    TooManyEmptyFragments {
        /// The limit.
        max: u32,
    },
    /// A frame from a client that is not masked (§5.1).
    UnmaskedByClient,
}

impl ProtocolError {
    /// The code that the peer is told: the one place where errors become close codes.
    pub fn close_code(&self) -> CloseCode {
        match self {
            Self::CloseBodyOfOneByte
            | Self::CloseCode(_)
            | Self::ContinuationWithoutStart
            | Self::ControlFrameTooLong
            | Self::FragmentedControlFrame
            | Self::InterleavedMessage
            | Self::MaskedByServer
            | Self::NonMinimalLength
            | Self::ReservedBit
            | Self::ReservedOpcode(_)
            | Self::UnmaskedByClient => CloseCode::PROTOCOL_ERROR,
            Self::CloseReasonNotUtf8 | Self::Inflate | Self::NotUtf8 => CloseCode::INVALID_PAYLOAD,
            Self::FrameTooBig { .. } | Self::InflateRatio { .. } | Self::MessageTooBig { .. } => {
                CloseCode::MESSAGE_TOO_BIG
            }
            Self::MessageTooSlow
            | Self::TooManyControlFrames { .. }
            | Self::TooManyEmptyFragments { .. } => CloseCode::POLICY_VIOLATION,
            Self::OverBudget => CloseCode::TRY_AGAIN_LATER,
        }
    }

    /// What the peer is told besides the code: what it did, and nothing of our insides.
    pub(crate) fn close_text(&self) -> &'static str {
        match self {
            Self::CloseBodyOfOneByte => "close frame with one byte",
            Self::CloseCode(_) => "close code not allowed",
            Self::CloseReasonNotUtf8 => "close reason is not UTF-8",
            Self::ContinuationWithoutStart => "continuation without a start",
            Self::ControlFrameTooLong => "control frame over 125 bytes",
            Self::FragmentedControlFrame => "fragmented control frame",
            Self::FrameTooBig { .. } => "frame too big",
            Self::Inflate => "not DEFLATE",
            Self::InflateRatio { .. } => "inflates too much",
            Self::InterleavedMessage => "new message inside a message",
            Self::MaskedByServer => "masked frame from a server",
            Self::MessageTooBig { .. } => "message too big",
            Self::MessageTooSlow => "message took too long",
            Self::NonMinimalLength => "length not in its shortest form",
            Self::NotUtf8 => "text is not UTF-8",
            Self::OverBudget => "out of memory for messages",
            Self::ReservedBit => "reserved bit set",
            Self::ReservedOpcode(_) => "reserved opcode",
            Self::TooManyControlFrames { .. } => "too many control frames",
            Self::TooManyEmptyFragments { .. } => "too many empty fragments",
            Self::UnmaskedByClient => "unmasked frame from a client",
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CloseCode(code) => write!(f, "peer sent close code {code}, which is not allowed"),
            Self::FrameTooBig { size, max } => {
                write!(f, "peer sent a frame of {size} bytes, over `max_frame_size` of {max}")
            }
            Self::InflateRatio { max } => {
                write!(f, "peer sent a message that inflates over `max_inflate_ratio` of {max}")
            }
            Self::MessageTooBig { size, max } => {
                write!(
                    f,
                    "peer sent a message of {size} bytes or more, over `max_message_size` of {max}"
                )
            }
            Self::ReservedOpcode(opcode) => write!(f, "peer sent reserved opcode {opcode:#x}"),
            Self::TooManyControlFrames { max } => {
                write!(
                    f,
                    "peer sent more control frames than `max_control_frames` of {max} a second"
                )
            }
            Self::TooManyEmptyFragments { max } => {
                write!(
                    f,
                    "peer sent more empty fragments in a row than `max_empty_fragments` of {max}"
                )
            }
            Self::MessageTooSlow => {
                write!(f, "peer did not complete a message within `max_assembly_time`")
            }
            Self::OverBudget => {
                write!(f, "the process budget is spent and this unfinished message was the largest")
            }
            other => write!(f, "peer broke the protocol: {}", other.close_text()),
        }
    }
}

impl std::error::Error for ProtocolError {}

/// A message could not be queued; the connection is as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The closing handshake has begun or the connection has ended: nothing more can be sent.
    Closed,
    /// A message is being sent in pieces; another may begin when it is complete.
    MessageInProgress,
    /// The queue holds this many bytes and `max_queued_bytes` would be exceeded.
    QueueFull {
        /// Bytes waiting.
        queued: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// A ping carries at most 125 bytes (§5.5); this one has more.
    PingTooLong(usize),
    /// The pieces of a text message are not UTF-8 (§5.6).
    NotUtf8,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => write!(f, "the connection is closing or closed"),
            Self::MessageInProgress => write!(f, "another message is being sent in pieces"),
            Self::QueueFull { queued, max } => {
                write!(f, "{queued} bytes are queued, and `max_queued_bytes` is {max}")
            }
            Self::PingTooLong(len) => write!(f, "ping of {len} bytes exceeds 125"),
            Self::NotUtf8 => write!(f, "the pieces of a text message are not UTF-8"),
        }
    }
}

impl std::error::Error for SendError {}
