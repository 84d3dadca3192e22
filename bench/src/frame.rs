//! Frames, as far as an echo needs them (RFC 6455 §5.2).

/// The bytes of a masking key.
pub const MASK_LEN: usize = 4;

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// FIN, the reserved bits and the opcode.
    pub first: u8,
    /// Whether a masking key follows the length.
    pub masked: bool,
    /// The bytes of the header without the masking key: 2, 4 or 10.
    pub len: usize,
    /// The bytes of payload.
    pub payload: usize,
}

impl Header {
    /// Reads the header at the start of `bytes`; `None` when it is not there in full yet (a
    /// masking key is not waited for).
    #[inline]
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let &[first, second, ..] = bytes else { return None };
        let (len, payload) = match second & 0x7f {
            126 => (4, u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize),
            127 => (10, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize),
            short => (2, short as usize),
        };
        Some(Self { first, masked: second & 0x80 != 0, len, payload })
    }

    /// The bytes of the whole frame.
    #[inline]
    #[must_use]
    pub fn frame_len(&self) -> usize {
        let mask = if self.masked { MASK_LEN } else { 0 };
        (self.len + mask).saturating_add(self.payload)
    }

    /// The four bits that say what the frame is.
    #[inline]
    #[must_use]
    pub fn opcode(&self) -> u8 {
        self.first & 0x0f
    }

    /// Whether the frame ends its message.
    #[inline]
    #[must_use]
    pub fn fin(&self) -> bool {
        self.first & 0x80 != 0
    }
}

/// What [`echo_in_place`] did with a buffer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Echo {
    /// The part of the buffer that is to be sent now.
    pub output: std::ops::Range<usize>,
    /// How many bytes from the start are dealt with; an unfinished frame begins there.
    pub consumed: usize,
    /// The connection ends once the output is sent.
    pub close: bool,
}

/// Turns every complete client frame in `buffer` into the server frame that answers it, in place
/// and without gaps.
///
/// A server's header is as long as the client's without the key, so the first answer stands where
/// its frame stood and each further one moves four bytes more to the left.
#[inline]
pub fn echo_in_place(buffer: &mut [u8]) -> Echo {
    let mut echo = Echo::default();
    while let Some(header) = Header::decode(&buffer[echo.consumed..]) {
        let first = match header.opcode() {
            0..=2 => Some(header.first),
            8 => Some(0x88),
            9 => Some(0x8a),
            10 => None,
            _ => return Echo { close: true, ..echo },
        };
        if !header.masked {
            // §5.1: a server closes on an unmasked frame.
            return Echo { close: true, ..echo };
        }
        let frame_len = header.frame_len();
        if frame_len > buffer.len() - echo.consumed {
            break;
        }
        let key_at = echo.consumed + header.len;
        let payload_at = key_at + MASK_LEN;
        let frame_at = echo.consumed;
        echo.consumed += frame_len;
        let Some(first) = first else { continue };
        let key: [u8; MASK_LEN] = buffer[key_at..payload_at].try_into().unwrap_or_default();
        if echo.output.is_empty() {
            buffer.copy_within(frame_at..key_at, frame_at + MASK_LEN);
            echo.output = frame_at + MASK_LEN..echo.consumed;
            unmask(&mut buffer[payload_at..echo.consumed], key);
        } else {
            buffer.copy_within(frame_at..key_at, echo.output.end);
            let target = echo.output.end + header.len;
            unmask_to_left(buffer, payload_at, target, header.payload, key);
            echo.output.end = target + header.payload;
        }
        let head_at = echo.output.end - header.payload - header.len;
        buffer[head_at] = first;
        buffer[head_at + 1] &= 0x7f;
        if first == 0x88 {
            return Echo { close: true, ..echo };
        }
    }
    echo
}

/// Masks or unmasks `payload` (RFC 6455 §5.3) with a key that starts at its first byte.
#[inline]
pub fn unmask(payload: &mut [u8], key: [u8; MASK_LEN]) {
    let (words, rest) = payload.as_chunks_mut::<8>();
    let key = widen(key);
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ u64::from_ne_bytes(key)).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// Unmasks `len` bytes from `source` to `target`, which lies to the left and may overlap.
#[inline]
fn unmask_to_left(
    buffer: &mut [u8],
    source: usize,
    target: usize,
    len: usize,
    key: [u8; MASK_LEN],
) {
    if len > 256 {
        // The vector instructions of a move and an unmask in place beat one pass of words.
        buffer.copy_within(source..source + len, target);
        return unmask(&mut buffer[target..target + len], key);
    }
    let key = widen(key);
    let mut at = 0;
    while at + 8 <= len {
        let word: [u8; 8] = buffer[source + at..][..8].try_into().unwrap_or_default();
        let word = u64::from_ne_bytes(word) ^ u64::from_ne_bytes(key);
        buffer[target + at..][..8].copy_from_slice(&word.to_ne_bytes());
        at += 8;
    }
    for byte in at..len {
        buffer[target + byte] = buffer[source + byte] ^ key[byte % 8];
    }
}

fn widen([a, b, c, d]: [u8; MASK_LEN]) -> [u8; 8] {
    [a, b, c, d, a, b, c, d]
}

/// A client's frame with FIN set.
#[must_use]
pub fn client_frame(opcode: u8, payload: &[u8], key: [u8; MASK_LEN]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend(key);
    let start = frame.len();
    frame.extend(payload);
    unmask(&mut frame[start..], key);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [1, 0x80, 3, 0xff];

    fn server_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = client_frame(opcode, payload, [0; 4]);
        let header = Header::decode(&frame).unwrap();
        frame[1] &= 0x7f;
        frame.drain(header.len..header.len + MASK_LEN);
        frame
    }

    #[test]
    fn frames_of_every_length_are_answered_without_gaps() {
        let mut input = Vec::new();
        let mut expected = Vec::new();
        for len in (0..300).chain([1000, 65_535, 65_536, 70_001]) {
            let payload: Vec<u8> = (0..len).map(|byte: usize| (byte * 7 + len) as u8).collect();
            input.extend(client_frame(2, &payload, KEY));
            expected.extend(server_frame(2, &payload));
        }
        let echo = echo_in_place(&mut input);
        assert_eq!(echo.consumed, input.len());
        assert!(!echo.close);
        assert!(input[echo.output] == expected[..]);
    }

    #[test]
    fn an_unfinished_frame_is_left_as_it_is() {
        let whole = client_frame(1, b"hello", KEY);
        let next = client_frame(1, &[b'x'; 200], KEY);
        for cut in 0..next.len() {
            let mut input = [&whole[..], &next[..cut]].concat();
            let echo = echo_in_place(&mut input);
            assert_eq!(echo.consumed, whole.len());
            assert_eq!(input[echo.output], server_frame(1, b"hello"));
            assert_eq!(input[whole.len()..], next[..cut]);
        }
    }

    #[test]
    fn a_ping_gets_its_pong_a_pong_nothing_and_a_close_its_echo() {
        let mut input = [
            client_frame(9, b"are you there", KEY),
            client_frame(10, b"unasked", KEY),
            client_frame(8, &[3, 232], KEY),
            client_frame(1, b"too late", KEY),
        ]
        .concat();
        let echo = echo_in_place(&mut input);
        assert!(echo.close);
        let expected = [server_frame(10, b"are you there"), server_frame(8, &[3, 232])].concat();
        assert_eq!(input[echo.output], expected);
    }

    #[test]
    fn an_unmasked_frame_ends_the_connection() {
        assert!(echo_in_place(&mut server_frame(1, b"hello")).close);
    }
}
