//! The shape of an HTTP/1.1 head, one byte after the other (RFC 9112 §2–§5).
//!
//! Stricter than what `httparse` lets through: every line ends in CR LF, nothing is folded, and no
//! control byte stands anywhere. Whoever is strict here cannot be made to see another request than
//! the proxy before it saw.

use super::headers::is_tchar;
use super::{HandshakeError, HandshakeLimits};

/// Whose head it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Response,
}

/// Where in the head the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    // Request line.
    MethodStart,
    Method,
    TargetStart,
    Target,
    /// How much of `HTTP/1.x` was seen; the other side's status line begins with it, too.
    Version(u8),
    // Status line.
    StatusStart,
    Status(u8),
    AfterStatus,
    Reason,
    // Both.
    /// After the first line's CR.
    StartLineCr,
    LineStart,
    Name,
    Value,
    LineCr,
    EndCr,
    Done,
}

/// Looks at each byte of a head once, however it is cut.
#[derive(Debug)]
pub(super) struct Scanner {
    kind: Kind,
    state: State,
    limits: HandshakeLimits,
    size: usize,
    headers: usize,
}

impl Scanner {
    pub(super) fn new(kind: Kind, limits: HandshakeLimits) -> Self {
        Self { kind, state: Self::start(kind), limits, size: 0, headers: 0 }
    }

    /// Takes bytes up to the end of the head; says how many, and whether the head is complete.
    pub(super) fn scan(&mut self, chunk: &[u8]) -> Result<(usize, bool), HandshakeError> {
        for (index, byte) in chunk.iter().enumerate() {
            if self.size >= self.limits.max_size {
                return Err(self.too_large());
            }
            self.size += 1;
            self.state = self.step(*byte)?;
            if self.state == State::Done {
                return Ok((index + 1, true));
            }
        }
        Ok((chunk.len(), false))
    }

    /// Begins another head that counts against the same `max_size`.
    pub(super) fn next_head(&mut self) {
        self.state = Self::start(self.kind);
        self.headers = 0;
    }

    /// How many headers there are so far.
    pub(super) fn headers(&self) -> usize {
        self.headers
    }

    /// How many bytes were looked at.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    fn start(kind: Kind) -> State {
        match kind {
            Kind::Request => State::MethodStart,
            Kind::Response => State::Version(0),
        }
    }

    fn too_large(&self) -> HandshakeError {
        let max = self.limits.max_size;
        match self.state {
            State::MethodStart | State::Method | State::TargetStart | State::Target => {
                HandshakeError::RequestLineTooLong { max }
            }
            State::Version(_) | State::StartLineCr if self.kind == Kind::Request => {
                HandshakeError::RequestLineTooLong { max }
            }
            _ => HandshakeError::HeadTooLarge { max },
        }
    }

    fn step(&mut self, byte: u8) -> Result<State, HandshakeError> {
        use HandshakeError::{BareCr, BareLf, HeaderName, HeaderValue, ObsFold, SpaceBeforeColon};
        // RFC 9112 §2.2 lets a recipient take a bare LF for a line's end; two that differ in it see
        // two different requests, so none is taken.
        let is_cr_before = matches!(self.state, State::StartLineCr | State::LineCr | State::EndCr);
        if byte == b'\n' && !is_cr_before {
            return Err(BareLf);
        }
        Ok(match (self.state, byte) {
            // RFC 9112 §3: one space between the parts, no white space before them.
            (State::MethodStart | State::Method, byte) if is_tchar(byte) => State::Method,
            (State::Method, b' ') => State::TargetStart,
            // A fragment is never sent (§3.2); `http::Uri` would drop it without a word.
            (State::TargetStart | State::Target, b'#') => return Err(HandshakeError::Target),
            (State::TargetStart | State::Target, 0x21..=0x7e) => State::Target,
            (State::Target, b' ') => State::Version(0),
            (State::Version(seen @ 0..=6), byte) if byte == b"HTTP/1."[usize::from(seen)] => {
                State::Version(seen + 1)
            }
            (State::Version(7), b'0' | b'1') => match self.kind {
                Kind::Request => State::Version(8),
                Kind::Response => State::StatusStart,
            },
            (State::Version(8), b'\r') => State::StartLineCr,

            (State::StatusStart, b' ') => State::Status(0),
            (State::Status(seen @ 0..=2), b'0'..=b'9') => {
                if seen == 2 {
                    State::AfterStatus
                } else {
                    State::Status(seen + 1)
                }
            }
            // RFC 9112 §4 wants the space even before an empty reason; many servers forget it, and
            // nothing can be misread.
            (State::AfterStatus, b' ') => State::Reason,
            (State::AfterStatus | State::Reason, b'\r') => State::StartLineCr,
            (State::Reason, byte) if is_value_byte(byte) => State::Reason,

            (State::StartLineCr | State::LineCr, b'\n') => State::LineStart,
            (State::LineStart, b'\r') => State::EndCr,
            (State::EndCr, b'\n') => State::Done,
            (State::LineStart, b' ' | b'\t') => return Err(ObsFold),
            (State::LineStart, byte) if is_tchar(byte) => {
                self.headers += 1;
                if self.headers > self.limits.max_headers {
                    return Err(HandshakeError::TooManyHeaders { max: self.limits.max_headers });
                }
                State::Name
            }
            (State::Name, byte) if is_tchar(byte) => State::Name,
            (State::Name, b':') => State::Value,
            (State::Name, b' ' | b'\t') => return Err(SpaceBeforeColon),
            (State::Value, b'\r') => State::LineCr,
            (State::Value, byte) if is_value_byte(byte) => State::Value,

            (State::LineCr | State::StartLineCr | State::EndCr, _) => return Err(BareCr),
            (State::LineStart | State::Name, _) => return Err(HeaderName),
            (State::Value, _) => return Err(HeaderValue),
            _ => return Err(HandshakeError::StartLine),
        })
    }
}

/// Whether a header's value may have this byte: text, the old obs-text, space and tab (RFC 9110
/// §5.5).
const fn is_value_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | 0x20..=0x7e | 0x80..)
}
