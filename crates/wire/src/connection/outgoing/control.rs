//! Control frames on their way: room of their own, which data cannot take.

use crate::frame::{Header, MAX_CONTROL_LEN, MAX_HEADER_LEN, Opcode};
use crate::mask::{self, MaskSource};

/// How many pongs wait before the newest stands for all: enough for peers that count them.
const MAX_PONGS: usize = 16;

/// Control frames, outside the data's queue. A few pongs wait to leave; when there are more, the
/// newest alone stands for all (RFC 6455 §5.5.3). Of pings, the newest waits. So however many are
/// asked for, their room is bounded.
#[derive(Debug, Default)]
pub(super) struct Control {
    pongs: Vec<Payload>,
    pub(super) ping: Option<Payload>,
    pub(super) close: Option<Payload>,
    /// What is leaving now; at first, the answer to the opening handshake.
    pub(super) encoded: Vec<u8>,
    written: usize,
    leaving: Left,
}

/// The payload of a control frame: at most 125 bytes (§5.5).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Payload {
    bytes: [u8; MAX_CONTROL_LEN],
    len: u8,
}

impl Payload {
    /// `None` if there are more than 125.
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        let mut payload = Self { bytes: [0; MAX_CONTROL_LEN], len: bytes.len() as u8 };
        payload.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(payload)
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Which control frames have left entirely.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) ping: bool,
    pub(crate) close: bool,
}

impl Control {
    pub(super) fn push_pong(&mut self, payload: Payload) {
        if self.pongs.len() == MAX_PONGS {
            self.pongs.clear();
        }
        self.pongs.push(payload);
    }

    /// What is leaving now, if something is.
    pub(super) fn leaving(&self) -> Option<&[u8]> {
        let rest = &self.encoded[self.written..];
        (!rest.is_empty()).then_some(rest)
    }

    pub(super) fn is_done(&self) -> bool {
        self.encoded.is_empty()
            && self.pongs.is_empty()
            && self.ping.is_none()
            && self.close.is_none()
    }

    pub(super) fn advance(&mut self, n: usize) -> Left {
        self.written += n;
        debug_assert!(self.written <= self.encoded.len());
        if self.written < self.encoded.len() {
            return Left::default();
        }
        self.encoded.clear();
        self.written = 0;
        std::mem::take(&mut self.leaving)
    }

    /// Encodes all that may leave now: the close frame only when no data is left before it.
    pub(super) fn encode(&mut self, masks: &mut impl MaskSource, client: bool, data_left: bool) {
        let ping = self.ping.take();
        self.leaving.ping = ping.is_some();
        let close = if data_left { None } else { self.close.take() };
        self.leaving.close = close.is_some();
        let pongs = self.pongs.drain(..).map(|pong| (Opcode::Pong, pong));
        let ping = ping.map(|ping| (Opcode::Ping, ping));
        let close = close.map(|close| (Opcode::Close, close));
        for (opcode, payload) in pongs.chain(ping).chain(close) {
            let mask = client.then(|| masks.next_key());
            let len = payload.as_slice().len() as u64;
            let (head, head_len) = Header { fin: true, rsv1: false, opcode, mask, len }.encode();
            self.encoded.reserve(MAX_HEADER_LEN + payload.as_slice().len());
            self.encoded.extend_from_slice(&head[..head_len]);
            let start = self.encoded.len();
            self.encoded.extend_from_slice(payload.as_slice());
            if let Some(key) = mask {
                mask::apply(key, &mut self.encoded[start..]);
            }
        }
    }
}
