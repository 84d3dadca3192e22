//! A frame that is encoded once and sent to many.

use std::sync::OnceLock;

use bytes::{BufMut, Bytes, BytesMut};

use crate::connection::Compress;
use crate::deflate::Deflater;
use crate::frame::{Header, Opcode};
use crate::message::Message;

/// A message encoded as one server frame, to be sent to any number of clients.
///
/// Encoding happens once per form: plain, and compressed when the first client that negotiated
/// permessage-deflate asks for it. Cloning is cheap, and shares what was encoded by then.
#[derive(Debug, Clone)]
pub struct SharedFrame {
    message: Message,
    plain: OnceLock<Bytes>,
    compressed: OnceLock<Option<Bytes>>,
    compress: bool,
}

impl SharedFrame {
    /// The window that shared frames are compressed with; a client that agreed to a smaller one
    /// gets the plain form.
    pub(crate) const WINDOW_BITS: u8 = 15;

    /// A frame of this message, compressed for those who can read it.
    pub fn new(message: impl Into<Message>) -> Self {
        Self {
            message: message.into(),
            plain: OnceLock::new(),
            compressed: OnceLock::new(),
            compress: true,
        }
    }

    /// A frame of this message that is never compressed: for what mixes a secret with text that an
    /// attacker chooses, whose length would tell (CRIME, BREACH).
    pub fn uncompressed(message: impl Into<Message>) -> Self {
        Self { compress: false, ..Self::new(message) }
    }

    /// The message.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// Whether it may be compressed.
    pub(crate) fn compress(&self) -> Compress {
        if self.compress { Compress::Auto } else { Compress::Never }
    }

    pub(crate) fn plain(&self) -> &Bytes {
        self.plain.get_or_init(|| encode(&self.message, false, self.message.as_bytes()))
    }

    /// The compressed form, if it is the shorter one.
    pub(crate) fn compressed(&self, level: u32, threshold: usize) -> Option<&Bytes> {
        if !self.compress || self.message.len() < threshold {
            return None;
        }
        let compressed = self.compressed.get_or_init(|| {
            let mut body = Vec::new();
            Deflater::new(Self::WINDOW_BITS, level, false)?.deflate(
                self.message.as_bytes(),
                &mut body,
                true,
            );
            (body.len() < self.message.len()).then(|| encode(&self.message, true, &body))
        });
        compressed.as_ref()
    }
}

fn encode(message: &Message, rsv1: bool, body: &[u8]) -> Bytes {
    let opcode = Opcode::from(message.kind());
    let header = Header { fin: true, rsv1, opcode, mask: None, len: body.len() as u64 };
    let (header, header_len) = header.encode();
    let mut frame = BytesMut::with_capacity(header_len + body.len());
    frame.put_slice(&header[..header_len]);
    frame.put_slice(body);
    frame.freeze()
}
