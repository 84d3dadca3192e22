//! The scripted peer: frames as bytes, written and read without the code under test.

use everwire_wire::Role;

/// The key that scripted clients mask with.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Any frame (RFC 6455 §5.2), legal or not.
///
/// ```
/// use everwire_testkit::Frame;
///
/// // §5.7: "a single-frame unmasked text message".
/// assert_eq!(Frame::text("Hello").encode(), b"\x81\x05Hello");
/// assert_eq!(Frame::text("Hello").masked().encode(), b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
/// ```
#[derive(Debug, Clone)]
pub struct Frame {
    fin: bool,
    rsv: u8,
    opcode: u8,
    mask: Option<[u8; 4]>,
    length: Length,
    payload: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum Length {
    Shortest(u64),
    Two(u16),
    Eight(u64),
}

impl Frame {
    /// The only frame of a message, or a control frame; unmasked.
    pub fn new(opcode: u8, payload: impl AsRef<[u8]>) -> Self {
        let payload = payload.as_ref().to_vec();
        let length = Length::Shortest(payload.len() as u64);
        Self { fin: true, rsv: 0, opcode, mask: None, length, payload }
    }

    /// Text, or the beginning of one.
    pub fn text(payload: impl AsRef<[u8]>) -> Self {
        Self::new(0x1, payload)
    }

    /// Bytes, or the beginning of them.
    pub fn binary(payload: impl AsRef<[u8]>) -> Self {
        Self::new(0x2, payload)
    }

    /// More of a message.
    pub fn continuation(payload: impl AsRef<[u8]>) -> Self {
        Self::new(0x0, payload)
    }

    /// A ping.
    pub fn ping(payload: impl AsRef<[u8]>) -> Self {
        Self::new(0x9, payload)
    }

    /// A pong.
    pub fn pong(payload: impl AsRef<[u8]>) -> Self {
        Self::new(0xA, payload)
    }

    /// A close frame with a code and a reason.
    pub fn close(code: u16, reason: &str) -> Self {
        Self::new(0x8, [&code.to_be_bytes(), reason.as_bytes()].concat())
    }

    /// A close frame with any body.
    pub fn close_with(body: impl AsRef<[u8]>) -> Self {
        Self::new(0x8, body)
    }

    /// Without FIN: more follows.
    #[must_use]
    pub fn unfinished(mut self) -> Self {
        self.fin = false;
        self
    }

    /// With RSV1 set: compressed.
    #[must_use]
    pub fn rsv1(self) -> Self {
        self.rsv(0b100)
    }

    /// With these reserved bits, RSV1 being 4 and RSV3 being 1.
    #[must_use]
    pub fn rsv(mut self, bits: u8) -> Self {
        self.rsv = bits;
        self
    }

    /// With a masking key.
    #[must_use]
    pub fn masked(self) -> Self {
        self.masked_with(KEY)
    }

    /// With this masking key.
    #[must_use]
    pub fn masked_with(mut self, key: [u8; 4]) -> Self {
        self.mask = Some(key);
        self
    }

    /// As this role sends it: a client masks.
    #[must_use]
    pub fn from(self, role: Role) -> Self {
        if role == Role::Client { self.masked() } else { self }
    }

    /// Announcing this length in the shortest form, whatever the payload is.
    #[must_use]
    pub fn announcing(mut self, len: u64) -> Self {
        self.length = Length::Shortest(len);
        self
    }

    /// Announcing this length in 16 bits.
    #[must_use]
    pub fn announcing_in_16_bits(mut self, len: u16) -> Self {
        self.length = Length::Two(len);
        self
    }

    /// Announcing this length in 64 bits.
    #[must_use]
    pub fn announcing_in_64_bits(mut self, len: u64) -> Self {
        self.length = Length::Eight(len);
        self
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode];
        let masked = u8::from(self.mask.is_some()) << 7;
        match self.length {
            Length::Shortest(len @ 0..=125) => out.push(masked | len as u8),
            Length::Shortest(len @ 126..=0xFFFF) => {
                out.push(masked | 126);
                out.extend((len as u16).to_be_bytes());
            }
            Length::Two(len) => {
                out.push(masked | 126);
                out.extend(len.to_be_bytes());
            }
            Length::Shortest(len) | Length::Eight(len) => {
                out.push(masked | 127);
                out.extend(len.to_be_bytes());
            }
        }
        let key = self.mask.unwrap_or_default();
        out.extend(self.mask.into_iter().flatten());
        out.extend(self.payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]));
        out
    }
}

/// A frame as it was seen on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// The last of its message.
    pub fin: bool,
    /// The reserved bits, RSV1 being 4.
    pub rsv: u8,
    /// What it is.
    pub opcode: u8,
    /// The masking key.
    pub key: Option<[u8; 4]>,
    /// The payload, unmasked.
    pub payload: Vec<u8>,
}

impl Seen {
    /// The code of a close frame that has one.
    pub fn close_code(&self) -> Option<u16> {
        let code = self.payload.first_chunk().filter(|_| self.opcode == 0x8)?;
        Some(u16::from_be_bytes(*code))
    }
}

/// Reads frames that are all complete and legal.
///
/// # Panics
/// If they are not: the code under test wrote them.
pub fn read_frames(mut bytes: &[u8]) -> Vec<Seen> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (frame, len) = read_frame(bytes).expect("a complete frame");
        frames.push(frame);
        bytes = &bytes[len..];
    }
    frames
}

/// Reads the first frame, and says how long it is; `None` if it is not complete.
///
/// # Panics
/// If its length is not in the shortest form.
pub fn read_frame(bytes: &[u8]) -> Option<(Seen, usize)> {
    let mut at = 0;
    let mut take = |n: usize| {
        let taken = bytes.get(at..at + n)?;
        at += n;
        Some(taken)
    };
    let first = take(1)?[0];
    let second = take(1)?[0];
    let len = match second & 0x7F {
        126 => usize::from(u16::from_be_bytes(take(2)?.try_into().expect("two bytes"))),
        127 => u64::from_be_bytes(take(8)?.try_into().expect("eight bytes")) as usize,
        short => usize::from(short),
    };
    let shortest = match second & 0x7F {
        126 => len > 125,
        127 => len > 0xFFFF,
        _ => true,
    };
    assert!(shortest, "a length of {len} in its shortest form");
    let key: Option<[u8; 4]> = match second & 0x80 {
        0 => None,
        _ => Some(take(4)?.try_into().expect("four bytes")),
    };
    let mask = key.unwrap_or_default();
    let payload = take(len)?.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]).collect();
    let (rsv, opcode) = (first >> 4 & 7, first & 0xF);
    Some((Seen { fin: first & 0x80 != 0, rsv, opcode, key, payload }, at))
}
