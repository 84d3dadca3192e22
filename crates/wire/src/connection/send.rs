//! Sending: messages become frames in the queue.

use bytes::Bytes;

use super::outgoing::Payload;
use super::{Connection, Role};
use crate::deflate::DeflateConfig;
use crate::error::SendError;
use crate::frame::{Header, MAX_SHORT_LEN, Opcode};
use crate::input::Incoming;
use crate::mask::MaskSource;
use crate::message::{Kind, Message};
use crate::shared::SharedFrame;
use crate::utf8::{InvalidUtf8, Utf8Validator};

/// A message to send: borrowed bytes are copied once, owned ones may be shared with the network's
/// queue.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "bytes are borrowed or owned")]
pub enum Outbound<'a> {
    /// Text, borrowed.
    Text(&'a str),
    /// Bytes, borrowed.
    Binary(&'a [u8]),
    /// A message, owned.
    Message(Message),
}

impl Outbound<'_> {
    /// The payload.
    pub fn payload(&self) -> &[u8] {
        self.parts().1
    }

    #[inline]
    pub(super) fn parts(&self) -> (Kind, &[u8]) {
        match self {
            Self::Text(text) => (Kind::Text, text.as_bytes()),
            Self::Binary(bytes) => (Kind::Binary, bytes),
            Self::Message(message) => (message.kind(), message.as_bytes()),
        }
    }
}

impl From<Message> for Outbound<'_> {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

impl<'a> From<Incoming<'a>> for Outbound<'a> {
    /// What lies in a read buffer is copied once, what was assembled is taken over.
    fn from(message: Incoming<'a>) -> Self {
        match message.lent() {
            Ok(lent) => lent,
            Err(message) => Self::Message(message.into_message()),
        }
    }
}

impl<'a> From<&'a str> for Outbound<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<String> for Outbound<'_> {
    fn from(text: String) -> Self {
        Self::Message(text.into())
    }
}

impl<'a> From<&'a [u8]> for Outbound<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Outbound<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<u8>> for Outbound<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Message(bytes.into())
    }
}

impl From<Bytes> for Outbound<'_> {
    fn from(bytes: Bytes) -> Self {
        Self::Message(bytes.into())
    }
}

/// Whether a message may be compressed, where permessage-deflate was negotiated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a message is compressed or it is not")]
pub enum Compress {
    /// If it is as long as the negotiated threshold.
    #[default]
    Auto,
    /// Never: for what mixes a secret with text that an attacker chooses, whose compressed length
    /// would tell (CRIME, BREACH).
    Never,
}

/// A message that is being sent in pieces.
#[derive(Debug)]
pub(super) struct Sending {
    compressed: bool,
    /// Of a text: what the pieces so far came to.
    utf8: Utf8Validator,
}

impl Connection {
    /// Queues the answer to the opening handshake, encoded: it leaves before everything else. Only
    /// for a connection that has not sent anything. After calling this: transmit.
    pub fn send_response(&mut self, response: Vec<u8>) {
        self.outgoing.push_first(response);
    }

    /// Queues a message, whole or not at all. After calling this: transmit.
    ///
    /// # Errors
    /// If the connection is closing, a message is being sent in pieces, or the queue is full. The
    /// message is not queued then, and nothing else is lost.
    pub fn send<'a>(
        &mut self,
        message: impl Into<Outbound<'a>>,
        compress: Compress,
        masks: &mut impl MaskSource,
    ) -> Result<(), SendError> {
        let message = message.into();
        self.check_sendable(message.parts().1.len())?;
        self.send_over_limit(message, compress, masks)
    }

    /// As [`send`](Self::send), whatever the queue holds: for a caller that asked before whether
    /// there is room without knowing for how much. After calling this: transmit.
    ///
    /// # Errors
    /// If the connection is closing, or a message is being sent in pieces.
    pub fn send_over_limit<'a>(
        &mut self,
        message: impl Into<Outbound<'a>>,
        compress: Compress,
        masks: &mut impl MaskSource,
    ) -> Result<(), SendError> {
        if self.closing.is_some() {
            return Err(SendError::Closed);
        }
        if self.sending.is_some() {
            return Err(SendError::MessageInProgress);
        }
        let message = message.into();
        let (kind, payload) = message.parts();
        if self.push_if_short(kind, payload, compress) {
            return Ok(());
        }
        let max = self.config.send_fragment_size.unwrap_or(usize::MAX);
        if self.compresses(payload.len(), compress) {
            let body = self.deflate(payload, true);
            self.send_frames(kind.into(), true, true, &body, masks);
            return Ok(());
        }
        let one_frame = payload.len() <= max;
        match message {
            // What is masked cannot be shared.
            Outbound::Message(message) if one_frame && self.role == Role::Server => {
                let len = message.len() as u64;
                let header =
                    Header { fin: true, rsv1: false, opcode: kind.into(), mask: None, len };
                self.outgoing.push_shared(header, message.into_bytes());
            }
            message => self.send_frames(kind.into(), true, false, message.parts().1, masks),
        }
        Ok(())
    }

    /// Queues a message, whatever the queue holds, if it is what most are that servers send: of at
    /// most 125 bytes, in one frame, not compressed. `false` says nothing; ask
    /// [`send_over_limit`](Self::send_over_limit), which does all that this does not. After calling
    /// this: transmit.
    #[inline]
    pub fn send_short(&mut self, message: &Outbound<'_>, compress: Compress) -> bool {
        let (kind, payload) = message.parts();
        self.closing.is_none()
            && self.sending.is_none()
            && self.push_if_short(kind, payload, compress)
    }

    /// Where nothing is in the way of a message.
    #[inline(always)]
    fn push_if_short(&mut self, kind: Kind, payload: &[u8], compress: Compress) -> bool {
        let len = payload.len();
        let short = len <= MAX_SHORT_LEN
            && self.role == Role::Server
            && self.config.send_fragment_size.is_none_or(|max| len <= max)
            && !self.compresses(len, compress);
        if short {
            self.outgoing.push_short(kind, payload);
        }
        short
    }

    /// Queues a frame that was encoded once for many clients. After calling this: transmit.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_shared(
        &mut self,
        frame: &SharedFrame,
        masks: &mut impl MaskSource,
    ) -> Result<(), SendError> {
        self.check_sendable(frame.message().len())?;
        self.send_shared_over_limit(frame, masks)
    }

    /// As [`send_shared`](Self::send_shared), whatever the queue holds: for a caller that kept room
    /// for the frame. After calling this: transmit.
    ///
    /// # Errors
    /// If the connection is closing, or a message is being sent in pieces.
    pub fn send_shared_over_limit(
        &mut self,
        frame: &SharedFrame,
        masks: &mut impl MaskSource,
    ) -> Result<(), SendError> {
        if self.role == Role::Client || self.config.send_fragment_size.is_some() {
            // A client's frames differ by their masks: only the message can be shared.
            return self.send_over_limit(frame.message().clone(), frame.compress(), masks);
        }
        if self.closing.is_some() {
            return Err(SendError::Closed);
        }
        if self.sending.is_some() {
            return Err(SendError::MessageInProgress);
        }
        let threshold = self.deflate_threshold();
        let compressed = match &mut self.deflater {
            Some(deflater) if deflater.bits() >= SharedFrame::WINDOW_BITS => {
                let compressed = frame.compressed(deflater.level(), threshold);
                if compressed.is_some() {
                    // The peer's window has this message and ours does not: a new context refers
                    // to nothing before it.
                    deflater.reset();
                }
                compressed
            }
            _ => None,
        };
        self.outgoing.push_encoded(compressed.unwrap_or_else(|| frame.plain()));
        Ok(())
    }

    /// Queues the next piece of a message that is sent in pieces, each a fragment (RFC 6455 §5.4).
    /// The first piece begins the message and decides its kind and compression.
    ///
    /// # Errors
    /// If the connection is closing, the queue is full, or the text so far is not UTF-8. The piece is
    /// not queued then.
    pub fn send_piece(
        &mut self,
        kind: Kind,
        piece: &[u8],
        last: bool,
        compress: Compress,
        masks: &mut impl MaskSource,
    ) -> Result<(), SendError> {
        self.check_sendable(piece.len())?;
        let begun = self.sending.as_deref();
        let mut utf8 = begun.map(|begun| begun.utf8.clone()).unwrap_or_default();
        if kind == Kind::Text {
            // §5.6: text is UTF-8 as a whole; a piece may end inside a code point.
            let checked = utf8.push(piece).and_then(|()| if last { utf8.finish() } else { Ok(()) });
            checked.map_err(|InvalidUtf8| SendError::NotUtf8)?;
        }
        // The length is not known before the end: the threshold is for those that are.
        let compressed = match begun {
            Some(begun) => begun.compressed,
            None => self.deflater.is_some() && compress == Compress::Auto,
        };
        let opcode = if begun.is_some() { Opcode::Continuation } else { kind.into() };
        let rsv1 = compressed && begun.is_none();
        if compressed {
            let body = self.deflate(piece, last);
            self.send_frame(opcode, last, rsv1, &body, masks);
        } else {
            self.send_frame(opcode, last, rsv1, piece, masks);
        }
        self.sending = (!last).then(|| Box::new(Sending { compressed, utf8 }));
        Ok(())
    }

    /// Whether a message is being sent in pieces.
    pub fn is_sending_pieces(&self) -> bool {
        self.sending.is_some()
    }

    /// Queues a ping with at most 125 bytes. A newer one replaces one that has not left.
    ///
    /// # Errors
    /// If the payload is longer, or the connection is closing.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        if self.closing.is_some() {
            return Err(SendError::Closed);
        }
        let payload = Payload::new(payload).ok_or(SendError::PingTooLong(payload.len()))?;
        self.outgoing.push_ping(payload);
        Ok(())
    }

    /// Queues a ping that overtakes nothing, with at most 125 bytes: when its pong comes, the peer
    /// has read all that was queued before. After calling this: transmit.
    ///
    /// # Errors
    /// If the payload is longer, the connection is closing, or the queue is full.
    pub fn ping_in_order(
        &mut self,
        payload: &[u8],
        masks: &mut impl MaskSource,
    ) -> Result<(), SendError> {
        self.check_sendable(payload.len())?;
        let ping = Payload::new(payload).ok_or(SendError::PingTooLong(payload.len()))?;
        // §5.4: it may stand between the fragments of a message.
        self.send_frame(Opcode::Ping, true, false, ping.as_slice(), masks);
        Ok(())
    }

    /// Whether a message of `len` bytes can be queued now.
    ///
    /// # Errors
    /// The reason why not.
    #[inline]
    pub fn check_sendable(&self, len: usize) -> Result<(), SendError> {
        let (queued, max) = (self.outgoing.queued(), self.config.max_queued_bytes);
        if self.closing.is_some() {
            Err(SendError::Closed)
        } else if queued > 0 && queued.saturating_add(len) > max {
            Err(SendError::QueueFull { queued, max })
        } else {
            Ok(())
        }
    }

    #[inline]
    pub(super) fn compresses(&self, len: usize, compress: Compress) -> bool {
        self.deflater.is_some() && compress == Compress::Auto && len >= self.deflate_threshold()
    }

    /// How long a message has to be for compression to be worth it.
    fn deflate_threshold(&self) -> usize {
        // What was negotiated without a wish of ours keeps to the defaults.
        self.config.deflate.as_ref().map_or(DeflateConfig::THRESHOLD, |deflate| deflate.threshold)
    }

    fn deflate(&mut self, payload: &[u8], last: bool) -> Vec<u8> {
        let mut body = Vec::new();
        if let Some(deflater) = &mut self.deflater {
            deflater.deflate(payload, &mut body, last);
        }
        body
    }

    /// Queues a message as one frame, or as many of `send_fragment_size`.
    fn send_frames(
        &mut self,
        opcode: Opcode,
        last: bool,
        rsv1: bool,
        payload: &[u8],
        masks: &mut impl MaskSource,
    ) {
        let max = self.config.send_fragment_size.unwrap_or(usize::MAX).max(1);
        if payload.len() <= max {
            return self.send_frame(opcode, last, rsv1, payload, masks);
        }
        let mut fragments = payload.chunks(max).peekable();
        let (mut opcode, mut rsv1) = (opcode, rsv1);
        while let Some(fragment) = fragments.next() {
            let fin = last && fragments.peek().is_none();
            self.send_frame(opcode, fin, rsv1, fragment, masks);
            (opcode, rsv1) = (Opcode::Continuation, false);
        }
    }

    pub(super) fn send_frame(
        &mut self,
        opcode: Opcode,
        fin: bool,
        rsv1: bool,
        payload: &[u8],
        masks: &mut impl MaskSource,
    ) {
        // §5.3: a fresh key for each frame.
        let mask = (self.role == Role::Client).then(|| masks.next_key());
        let header = Header { fin, rsv1, opcode, mask, len: payload.len() as u64 };
        self.outgoing.push_frame(header, payload);
    }
}
