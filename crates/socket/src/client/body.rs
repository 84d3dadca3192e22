//! The beginning of an answer's body: what the server has to say when it says no.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode, header};
use tokio::io::AsyncRead;
use tokio::time::timeout;

use crate::countdown::Countdown;
use crate::stream::read_chunk;

/// Nobody reads more in an error message.
const MAX_BODY: usize = 4 << 10;

/// How long to wait for it: whoever connects learns of the refusal a second later, not ten.
const PATIENCE: Duration = Duration::from_secs(1);

/// At most 4 KiB of the body, and what of it came within a second; whatever goes wrong ends it.
///
/// `bytes` came behind the head already.
pub(super) async fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    response: &Response<()>,
    mut bytes: Vec<u8>,
    countdown: &Countdown,
) -> Bytes {
    let framing = Framing::of(response);
    let fill = async {
        while !framing.is_enough(&bytes) {
            let take = |chunk: &[u8]| {
                bytes.extend_from_slice(chunk);
                chunk.len()
            };
            if !matches!(read_chunk(stream, take).await, Ok(1..)) {
                return;
            }
        }
    };
    let _ = timeout(countdown.left().min(PATIENCE), fill).await;
    let mut body = framing.decode(bytes);
    body.truncate(MAX_BODY);
    body.into()
}

/// How a body ends (RFC 9112 §6.3).
#[derive(Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

impl Framing {
    fn of(response: &Response<()>) -> Self {
        if matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return Self::Length(0);
        }
        if let Some(coding) = response.headers().get(header::TRANSFER_ENCODING) {
            let chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
            return if chunked { Self::Chunked } else { Self::UntilClose };
        }
        response
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse().ok())
            .map_or(Self::UntilClose, Self::Length)
    }

    /// Whether to stop reading.
    fn is_enough(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Length(length) => bytes.len() >= MAX_BODY.min(*length),
            // Twice, because the chunks' own lines are not counted.
            Self::Chunked => bytes.len() >= 2 * MAX_BODY || bytes.ends_with(b"0\r\n\r\n"),
            Self::UntilClose => bytes.len() >= MAX_BODY,
        }
    }

    fn decode(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Length(length) => {
                bytes.truncate(*length);
                bytes
            }
            Self::Chunked => decode_chunks(&bytes),
            Self::UntilClose => bytes,
        }
    }
}

/// What is in the chunks, as far as they are legal and there (RFC 9112 §7.1).
fn decode_chunks(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") {
        let line = bytes[..end].split(|byte| *byte == b';').next().unwrap_or_default();
        let size = std::str::from_utf8(line.trim_ascii())
            .ok()
            .and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let Some(size @ 1..) = size else { break };
        let rest = &bytes[end + 2..];
        let (chunk, rest) = rest.split_at(size.min(rest.len()));
        body.extend_from_slice(chunk);
        bytes = rest.strip_prefix(b"\r\n").unwrap_or_default();
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together() {
        assert_eq!(
            decode_chunks(b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n"),
            b"abc0123456789"
        );
    }

    #[test]
    fn chunks_may_be_cut_or_wrong_anywhere() {
        let whole = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        for cut in 0..=whole.len() {
            assert!(b"abcde".starts_with(&decode_chunks(&whole[..cut])), "{cut}");
        }
        assert_eq!(decode_chunks(b"ffffffffffffffff\r\nabc"), b"abc");
        assert_eq!(decode_chunks(b"ffffffffffffffffff\r\nabc"), b"");
        assert_eq!(decode_chunks(b"-1\r\nabc"), b"");
        assert_eq!(decode_chunks(b"\r\n\r\n\r\n"), b"");
    }
}
