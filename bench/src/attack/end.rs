//! What became of a connection.

use std::fmt;
use std::io::{self, Read};

use crate::frame::Header;
use crate::transport::Transport;

/// More than this is not read to find out.
const ENOUGH: usize = 64 << 20;

/// What the server did with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It is open.
    Open,
    /// The handshake was answered with this status.
    Refused(u16),
    /// A close frame with this code came.
    Closed(u16),
    /// It ended without a close frame.
    Dropped,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::Refused(status) => write!(f, "status {status}"),
            Self::Closed(code) => write!(f, "close {code}"),
            Self::Dropped => f.write_str("dropped"),
        }
    }
}

/// What a server says to a connection whose handshake is over, or is not.
#[derive(Debug)]
pub(super) enum Ear {
    /// Frames: of what was cut in two, the beginning; and how much payload is to be passed over.
    Frames { rest: Vec<u8>, skip: usize },
    /// The head of an answer.
    Head(Vec<u8>),
}

impl Ear {
    /// For a connection that is a WebSocket, or not yet.
    pub(super) fn new(open: bool) -> Self {
        if open { Self::Frames { rest: Vec::new(), skip: 0 } } else { Self::Head(Vec::new()) }
    }

    /// Reads what has come, and what it says; `None` while the end is not known. The stream does
    /// not block.
    pub(super) fn listen(
        &mut self,
        stream: &mut Transport,
        buffer: &mut [u8],
    ) -> io::Result<Option<End>> {
        let mut heard = 0;
        while heard < ENOUGH {
            match stream.read(buffer) {
                Ok(0) => return Ok(Some(End::Dropped)),
                Ok(len) => {
                    heard += len;
                    if let Some(end) = self.hear(&buffer[..len]) {
                        return Ok(Some(end));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Ok(Some(End::Dropped));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn hear(&mut self, bytes: &[u8]) -> Option<End> {
        match self {
            Self::Head(head) => {
                head.extend(bytes);
                let status = head.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
                std::str::from_utf8(status).ok()?.parse().ok().map(End::Refused)
            }
            Self::Frames { rest, skip } => {
                let joined = [rest, bytes].concat();
                let (end, used) = hear_frames(&joined, skip);
                *rest = joined[used..].to_vec();
                end
            }
        }
    }
}

/// Looks for a close frame, and says how many bytes are of no further interest.
fn hear_frames(bytes: &[u8], skip: &mut usize) -> (Option<End>, usize) {
    let mut used = 0;
    loop {
        let over = (*skip).min(bytes.len() - used);
        used += over;
        *skip -= over;
        let rest = &bytes[used..];
        match Header::decode(rest) {
            Some(header) if header.opcode() == 8 => {
                let code = rest.get(header.len..header.frame_len()).map(|payload| {
                    // §7.1.5: a close frame without a code.
                    payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code))
                });
                return (code.map(End::Closed), used);
            }
            Some(header) => {
                used += header.len;
                *skip = header.payload;
            }
            None => return (None, used),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_code_is_found_behind_frames_however_they_are_cut() {
        let bytes =
            [&b"\x8a\x02hi\x82\x7e\x01\x00"[..], &[8; 256], b"\x88\x05\x03\xf1why"].concat();
        for size in 1..bytes.len() {
            let mut ear = Ear::new(true);
            let ends: Vec<End> = bytes.chunks(size).filter_map(|piece| ear.hear(piece)).collect();
            assert_eq!(ends, [End::Closed(1009)], "pieces of {size}");
        }
    }

    #[test]
    fn a_refusal_is_known_by_its_status() {
        let mut ear = Ear::new(false);
        assert_eq!(ear.hear(b"HTTP/1.1 4"), None);
        assert_eq!(ear.hear(b"08 Request Timeout\r\n"), Some(End::Refused(408)));
    }
}
