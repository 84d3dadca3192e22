//! Frame headers (RFC 6455 §5.2): the only place that knows their bits.

use crate::connection::Role;
use crate::error::ProtocolError;
use crate::message::Kind;

/// The longest header: 2 + 8 of length + 4 of masking key.
pub(crate) const MAX_HEADER_LEN: usize = 14;

/// The longest payload of a control frame (§5.5).
pub(crate) const MAX_CONTROL_LEN: usize = 125;

/// The longest payload whose length stands in the header's second byte (§5.2).
pub(crate) const MAX_SHORT_LEN: usize = 125;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2_RSV3: u8 = 0x30;
const MASK: u8 = 0x80;

/// What a frame is (§11.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xA,
}

impl Opcode {
    fn parse(bits: u8) -> Result<Self, ProtocolError> {
        Ok(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            reserved => return Err(ProtocolError::ReservedOpcode(reserved)),
        })
    }

    pub(crate) fn is_control(self) -> bool {
        self as u8 >= 0x8
    }
}

impl From<Kind> for Opcode {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text,
            Kind::Binary => Self::Binary,
        }
    }
}

/// A legal frame header: one that exists obeys §5.1, §5.2 and §5.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) fin: bool,
    /// Compressed; on the first frame of a message only (RFC 7692 §6).
    pub(crate) rsv1: bool,
    pub(crate) opcode: Opcode,
    /// The masking key; a client's frames have one, a server's do not.
    pub(crate) mask: Option<[u8; 4]>,
    /// Bytes of payload.
    pub(crate) len: u64,
}

impl Header {
    /// Reads the header of a frame from a peer that plays `from`; also says how long it is.
    ///
    /// `None` asks for more bytes. All that the first two bytes can prove wrong is refused as soon
    /// as they are there, whatever length they announce.
    pub(crate) fn decode(
        bytes: &[u8],
        from: Role,
        deflate: bool,
    ) -> Result<Option<(Self, usize)>, ProtocolError> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let opcode = Opcode::parse(first & 0x0F)?;
        let fin = first & FIN != 0;
        let rsv1 = first & RSV1 != 0;
        // §5.2: reserved bits are zero unless an extension gives them a meaning; RFC 7692 §6:
        // RSV1 belongs to the first frame of a message.
        let compressible = matches!(opcode, Opcode::Text | Opcode::Binary);
        if first & RSV2_RSV3 != 0 || (rsv1 && !(deflate && compressible)) {
            return Err(ProtocolError::ReservedBit);
        }
        let masked = second & MASK != 0;
        // §5.1: a server closes on an unmasked frame, a client on a masked one.
        match from {
            Role::Client if !masked => return Err(ProtocolError::UnmaskedByClient),
            Role::Server if masked => return Err(ProtocolError::MaskedByServer),
            _ => {}
        }
        let short = second & 0x7F;
        if opcode.is_control() {
            if !fin {
                return Err(ProtocolError::FragmentedControlFrame);
            }
            if usize::from(short) > MAX_CONTROL_LEN {
                return Err(ProtocolError::ControlFrameTooLong);
            }
        }
        let (len, rest, len_bytes) = match short {
            126 => {
                let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (u64::from(u16::from_be_bytes(*len)), rest, 2)
            }
            127 => {
                let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (u64::from_be_bytes(*len), rest, 8)
            }
            short => (u64::from(short), rest, 0),
        };
        // §5.2: the shortest form, and the top bit of a 64-bit length is zero.
        let minimal = match len_bytes {
            2 => len > 125,
            8 => len > 0xFFFF && len >> 63 == 0,
            _ => true,
        };
        if !minimal {
            return Err(ProtocolError::NonMinimalLength);
        }
        let mask = match rest.first_chunk() {
            _ if !masked => None,
            Some(key) => Some(*key),
            None => return Ok(None),
        };
        let header_len = 2 + len_bytes + if masked { 4 } else { 0 };
        Ok(Some((Self { fin, rsv1, opcode, mask, len }, header_len)))
    }

    /// Writes the header in its shortest form; also says how long it is.
    pub(crate) fn encode(&self) -> ([u8; MAX_HEADER_LEN], usize) {
        let mut out = [0; MAX_HEADER_LEN];
        out[0] =
            self.opcode as u8 | if self.fin { FIN } else { 0 } | if self.rsv1 { RSV1 } else { 0 };
        let mut at = match self.len {
            len @ 0..=125 => {
                out[1] = len as u8;
                2
            }
            len @ 126..=0xFFFF => {
                out[1] = 126;
                out[2..4].copy_from_slice(&(len as u16).to_be_bytes());
                4
            }
            len => {
                out[1] = 127;
                out[2..10].copy_from_slice(&len.to_be_bytes());
                10
            }
        };
        if let Some(key) = self.mask {
            out[1] |= MASK;
            out[at..at + 4].copy_from_slice(&key);
            at += 4;
        }
        (out, at)
    }
}

/// The header of an unfragmented, uncompressed message of at most 125 bytes: what most frames are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Short {
    pub(crate) kind: Kind,
    pub(crate) header_len: usize,
    /// Zero where there is no mask.
    pub(crate) key: [u8; 4],
    pub(crate) len: usize,
}

impl Short {
    /// The header of such a message from a server.
    #[inline]
    pub(crate) fn encode(kind: Kind, len: usize) -> [u8; 2] {
        debug_assert!(len <= MAX_SHORT_LEN);
        [FIN | Opcode::from(kind) as u8, len as u8]
    }

    /// Reads such a header; `None` for any other, legal or not.
    #[inline]
    pub(crate) fn decode(bytes: &[u8], from: Role) -> Option<Self> {
        let kind = match bytes.first()? {
            0x81 => Kind::Text,
            0x82 => Kind::Binary,
            _ => return None,
        };
        let second = *bytes.get(1)?;
        let len = usize::from(second & 0x7F);
        if len > MAX_SHORT_LEN {
            return None;
        }
        match (from, second & MASK != 0) {
            (Role::Client, true) => {
                let key = *bytes.get(2..)?.first_chunk()?;
                Some(Self { kind, header_len: 6, key, len })
            }
            (Role::Server, false) => Some(Self { kind, header_len: 2, key: [0; 4], len }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// §5.2, §5.5 and RFC 7692 §6, written down a second time, as a table of reasons to refuse.
    fn legal(first: u8, second: u8, from: Role, deflate: bool) -> bool {
        let opcode = first & 0x0F;
        let control = opcode >= 8;
        let rsv1 = first & 0x40 != 0;
        let refused = [
            (3..=7).contains(&opcode) || opcode > 0xA,
            first & 0x30 != 0,
            rsv1 && (!deflate || control || opcode == 0),
            (second & 0x80 != 0) != (from == Role::Client),
            control && first & 0x80 == 0,
            control && second & 0x7F > 125,
        ];
        !refused.contains(&true)
    }

    #[test]
    fn all_65536_first_two_bytes_are_judged_as_the_rfc_does() {
        for from in [Role::Client, Role::Server] {
            for deflate in [false, true] {
                for bits in 0..=u16::MAX {
                    let [first, second] = bits.to_be_bytes();
                    let judged = Header::decode(&[first, second], from, deflate);
                    assert_eq!(
                        judged.is_ok(),
                        legal(first, second, from, deflate),
                        "{first:#04x} {second:#04x} from {from:?}, deflate {deflate}: {judged:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_encoded_is_decoded_and_no_shorter_prefix_is_enough() {
        for mask in [None, Some([1, 2, 3, 4])] {
            let from = if mask.is_some() { Role::Client } else { Role::Server };
            for len in [0, 1, 125, 126, 127, 0xFFFF, 0x1_0000, u64::MAX >> 1] {
                let header = Header { fin: true, rsv1: true, opcode: Opcode::Text, mask, len };
                let (bytes, size) = header.encode();
                assert_eq!(Header::decode(&bytes[..size], from, true), Ok(Some((header, size))));
                for short in 0..size {
                    assert_eq!(Header::decode(&bytes[..short], from, true), Ok(None));
                }
            }
        }
    }

    #[test]
    fn a_length_in_a_longer_form_than_it_needs_is_refused() {
        for len in 0..=125u16 {
            let [high, low] = len.to_be_bytes();
            let bytes = [0x82, 126, high, low];
            let refused = Header::decode(&bytes, Role::Server, false);
            assert_eq!(refused, Err(ProtocolError::NonMinimalLength));
        }
        for len in [0, 125, 126, 0xFFFF, 1 << 63, u64::MAX] {
            let mut bytes = [0x82, 127, 0, 0, 0, 0, 0, 0, 0, 0];
            bytes[2..].copy_from_slice(&u64::to_be_bytes(len));
            let refused = Header::decode(&bytes, Role::Server, false);
            assert_eq!(refused, Err(ProtocolError::NonMinimalLength), "{len}");
        }
    }
}
