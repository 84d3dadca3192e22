//! What messages carry.

use bytes::Bytes;
use everwire_testkit::Frame;

/// The masking key of every client.
pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A payload: text or not.
#[derive(Debug, Clone)]
pub(crate) struct Payload {
    pub(crate) bytes: Bytes,
    is_text: bool,
}

impl Payload {
    /// Bytes of every value.
    pub(crate) fn binary(len: usize) -> Self {
        let bytes: Vec<u8> = (0..len).map(|at| (at * 7) as u8).collect();
        Self { bytes: bytes.into(), is_text: false }
    }

    /// Text with a letter beyond ASCII in most words.
    pub(crate) fn text(len: usize) -> Self {
        let mut text = "Größere Wörter für müde Köpfe über schönen Flüssen ".repeat(len / 50 + 1);
        while !text.is_char_boundary(len) {
            text.insert(0, '-');
        }
        text.truncate(len);
        Self { bytes: text.into(), is_text: true }
    }

    /// As a client sends it.
    pub(crate) fn request(&self) -> Vec<u8> {
        self.frame().masked_with(KEY).encode()
    }

    /// As a server sends it.
    pub(crate) fn answer(&self) -> Vec<u8> {
        self.frame().encode()
    }

    fn frame(&self) -> Frame {
        if self.is_text { Frame::text(&self.bytes) } else { Frame::binary(&self.bytes) }
    }
}
