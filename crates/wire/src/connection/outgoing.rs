//! Bytes on their way to the network, in the order in which they leave.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;

use crate::close::Unsent;
use crate::connection::Role;
use crate::frame::{Header, MAX_CONTROL_LEN, MAX_HEADER_LEN, Opcode, Short};
use crate::mask::{self, MaskSource};
use crate::message::Kind;

/// Frames shorter than this are copied side by side, so that many leave in one write; the payload
/// of longer ones is shared, and leaves beside its header in one vectored write.
const SHARE_FROM: usize = 16 * 1024;

/// A run of copied frames is closed at this length, so that a control frame never waits for more.
const RUN_LEN: usize = 32 * 1024;

/// How many pongs wait before the newest stands for all: enough for peers that count them.
const MAX_PONGS: usize = 16;

/// The first allocation for a run of copied frames.
const FIRST_RUN: usize = 1024;

/// The queue of encoded frames. Data keeps its order; control frames overtake it at the next
/// boundary between segments (RFC 6455 §5.4), and have room of their own that data cannot take.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    /// In front of `run`.
    #[expect(
        clippy::box_collection,
        reason = "nearly always none, and there are many connections"
    )]
    sealed: Option<Box<VecDeque<Segment>>>,
    /// Whole frames, side by side; the end of the queue.
    run: Vec<u8>,
    /// How much of the queue's front (`sealed`, else `run`) has left.
    written: usize,
    /// Bytes of data that wait.
    queued: usize,
    control: Option<Box<Control>>,
}

/// Whole frames: the payload of the last one may be shared.
#[derive(Debug)]
struct Segment {
    run: Vec<u8>,
    payload: Bytes,
}

/// Control frames, outside the data's queue. A few pongs wait to leave; when there are more, the
/// newest alone stands for all (RFC 6455 §5.5.3). Of pings, the newest waits. So however many are
/// asked for, their room is bounded.
#[derive(Debug, Default)]
struct Control {
    pongs: Vec<Payload>,
    ping: Option<Payload>,
    close: Option<Payload>,
    /// What is leaving now; at first, the answer to the opening handshake.
    encoded: Vec<u8>,
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

impl Outgoing {
    // Queueing.

    /// Queues an unmasked message of at most 125 bytes.
    #[inline]
    pub(crate) fn push_short(&mut self, kind: Kind, payload: &[u8]) {
        let head = Short::encode(kind, payload.len());
        self.reserve(head.len() + payload.len());
        self.run.extend_from_slice(&head);
        self.run.extend_from_slice(payload);
        self.queued += head.len() + payload.len();
        self.seal_long_run();
    }

    /// Queues a frame whose payload is copied, and masked if the header has a key.
    pub(crate) fn push_frame(&mut self, header: Header, payload: &[u8]) {
        let (head, head_len) = header.encode();
        self.reserve(head_len + payload.len());
        self.run.extend_from_slice(&head[..head_len]);
        let start = self.run.len();
        self.run.extend_from_slice(payload);
        if let Some(key) = header.mask {
            mask::apply(key, &mut self.run[start..]);
        }
        self.queued += head_len + payload.len();
        self.seal_long_run();
    }

    /// Queues an unmasked frame whose payload is shared if it is long.
    pub(crate) fn push_shared(&mut self, header: Header, payload: Bytes) {
        debug_assert!(header.mask.is_none());
        if payload.len() < SHARE_FROM {
            return self.push_frame(header, &payload);
        }
        let (head, head_len) = header.encode();
        self.run.extend_from_slice(&head[..head_len]);
        self.queued += head_len + payload.len();
        self.seal(payload);
    }

    /// Queues a frame that is already encoded.
    pub(crate) fn push_encoded(&mut self, frame: &Bytes) {
        self.queued += frame.len();
        if frame.len() >= SHARE_FROM {
            return self.seal(frame.clone());
        }
        self.reserve(frame.len());
        self.run.extend_from_slice(frame);
        self.seal_long_run();
    }

    pub(crate) fn push_ping(&mut self, payload: Payload) {
        self.control.get_or_insert_default().ping = Some(payload);
    }

    pub(crate) fn push_pong(&mut self, payload: Payload) {
        let pongs = &mut self.control.get_or_insert_default().pongs;
        if pongs.len() == MAX_PONGS {
            pongs.clear();
        }
        pongs.push(payload);
    }

    /// Queues the close frame, behind everything.
    pub(crate) fn push_close(&mut self, payload: Payload) {
        self.control.get_or_insert_default().close = Some(payload);
    }

    /// Queues bytes that leave before everything; nothing may have been queued before.
    pub(crate) fn push_first(&mut self, bytes: Vec<u8>) {
        debug_assert!(self.is_empty());
        self.control.get_or_insert_default().encoded = bytes;
    }

    // Leaving.

    /// Bytes of data that wait.
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queued == 0 && self.control.is_none()
    }

    /// Whether a control frame waits, or is leaving.
    pub(crate) fn has_control(&self) -> bool {
        self.control.is_some()
    }

    /// Whether a ping waits that has not begun to leave.
    pub(crate) fn has_ping(&self) -> bool {
        self.control.as_ref().is_some_and(|control| control.ping.is_some())
    }

    /// The next bytes to write, in order; says how many slices there are.
    pub(crate) fn slices<'a>(
        &'a mut self,
        masks: &mut impl MaskSource,
        client: bool,
        slices: &mut [IoSlice<'a>],
    ) -> usize {
        if self.sealed.is_none() && self.control.is_none() {
            // What there mostly is: one run.
            let rest = &self.run[self.written..];
            if let (false, [slice, ..]) = (rest.is_empty(), slices) {
                *slice = IoSlice::new(rest);
                return 1;
            }
            return 0;
        }
        let Self { sealed, run, written, queued, control } = self;
        // While a control frame waits for a boundary, no more leaves than up to the next one.
        let mut segments = usize::MAX;
        if let Some(control) = control {
            if *written == 0 && control.encoded.is_empty() {
                control.encode(masks, client, *queued > 0);
            }
            if control.written < control.encoded.len() {
                let Some(first) = slices.first_mut() else { return 0 };
                *first = IoSlice::new(&control.encoded[control.written..]);
                return 1;
            }
            segments = 1;
        }
        let runs = sealed.iter().flat_map(|sealed| sealed.iter());
        let runs = runs.map(|segment| (&segment.run[..], &segment.payload[..]));
        let runs = runs.chain([(&run[..], &[][..])]);
        let mut skip = *written;
        let mut count = 0;
        for part in runs.take(segments).flat_map(|(run, payload)| [run, payload]) {
            let skipped = skip.min(part.len());
            skip -= skipped;
            if skipped < part.len() {
                if count == slices.len() {
                    break;
                }
                slices[count] = IoSlice::new(&part[skipped..]);
                count += 1;
            }
        }
        count
    }

    /// `n` bytes of what [`slices`](Self::slices) gave have left.
    pub(crate) fn advance(&mut self, n: usize) -> Left {
        if let Some(control) = &mut self.control
            && control.written < control.encoded.len()
        {
            let left = control.advance(n);
            if control.is_done() {
                self.control = None;
            }
            return left;
        }
        self.queued -= n;
        self.written += n;
        while let Some(sealed) = &mut self.sealed {
            let Some(front) = sealed.front() else {
                self.sealed = None;
                break;
            };
            if self.written < front.len() {
                return Left::default();
            }
            self.written -= front.len();
            sealed.pop_front();
        }
        debug_assert!(self.written <= self.run.len());
        if self.written == self.run.len() {
            // An idle connection holds no buffer.
            self.run = Vec::new();
            self.written = 0;
        }
        Left::default()
    }

    /// Gives the memory of everything back; what waited still counts as queued.
    pub(crate) fn forget(&mut self) {
        *self = Self { queued: self.queued, ..Self::default() };
    }

    /// What has not left.
    pub(crate) fn unsent(&self) -> Unsent {
        let sealed = self.sealed.iter().flat_map(|sealed| sealed.iter());
        let sealed = sealed.map(|segment| (&segment.run[..], &segment.payload[..]));
        let mut messages = 0;
        let mut written = self.written;
        for (run, payload) in sealed.chain([(&self.run[..], &[][..])]) {
            let (ends, parsed) = ends_of_messages(run, written);
            messages += ends;
            // Where the run's last frame is complete, what is shared is a frame by itself.
            if parsed == run.len() && !payload.is_empty() {
                messages += ends_of_messages(payload, written.saturating_sub(run.len())).0;
            }
            written = written.saturating_sub(run.len() + payload.len());
        }
        Unsent { messages, bytes: self.queued }
    }

    /// Bytes that the queue holds in memory, shared payloads included.
    pub(crate) fn retained(&self) -> usize {
        // What has left of the front is held until all of it has.
        let sealed = self.sealed.iter().flat_map(|sealed| sealed.iter());
        let sealed: usize = sealed.map(|s| s.run.capacity() + s.payload.len()).sum();
        sealed + self.run.capacity()
    }

    fn reserve(&mut self, len: usize) {
        if self.run.capacity() == 0 {
            self.run = Vec::with_capacity(len.max(FIRST_RUN));
        } else if self.run.capacity() - self.run.len() < len {
            self.run.reserve_exact(len.max(FIRST_RUN).max(self.run.len()));
        }
    }

    fn seal_long_run(&mut self) {
        if self.run.len() >= RUN_LEN {
            self.seal(Bytes::new());
        }
    }

    fn seal(&mut self, payload: Bytes) {
        let run = std::mem::take(&mut self.run);
        self.sealed.get_or_insert_default().push_back(Segment { run, payload });
    }
}

impl Segment {
    fn len(&self) -> usize {
        self.run.len() + self.payload.len()
    }
}

/// How many messages end in these frames, beyond the first `written` bytes; also where the last
/// frame ends, which may be beyond the run.
fn ends_of_messages(run: &[u8], written: usize) -> (usize, usize) {
    let (mut messages, mut at) = (0, 0);
    while at < run.len() {
        let from = if run.get(at + 1).is_some_and(|byte| byte & 0x80 != 0) {
            Role::Client
        } else {
            Role::Server
        };
        let Ok(Some((header, head_len))) = Header::decode(&run[at..], from, true) else { break };
        at += head_len + header.len as usize;
        messages += usize::from(header.fin && !header.opcode.is_control() && at > written);
    }
    (messages, at)
}

impl Control {
    fn is_done(&self) -> bool {
        self.encoded.is_empty()
            && self.pongs.is_empty()
            && self.ping.is_none()
            && self.close.is_none()
    }

    fn advance(&mut self, n: usize) -> Left {
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
    fn encode(&mut self, masks: &mut impl MaskSource, client: bool, data_left: bool) {
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
