//! Frames of data on their way, encoded, in the order in which they leave.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;

use crate::close::Unsent;
use crate::connection::Role;
use crate::frame::{Header, Short};
use crate::mask;
use crate::message::Kind;

/// Frames shorter than this are copied side by side, so that many leave in one write; the payload
/// of longer ones is shared, and leaves beside its header in one vectored write.
pub(in crate::connection) const SHARE_FROM: usize = 16 * 1024;

/// A run of copied frames is closed at this length, so that a control frame never waits for more.
const RUN_LEN: usize = 32 * 1024;

/// The first allocation for a run of copied frames.
const FIRST_RUN: usize = 1024;

/// A longer run is not kept by the thread when it has left.
const MAX_SPARE_RUN: usize = 4 * RUN_LEN;

thread_local! {
    /// A queue that nobody uses. Most are empty most of the time: the connection that has something
    /// to say takes this one, and gives it back when it has said it.
    static SPARE: Cell<Option<Box<Data>>> = const { Cell::new(None) };
}

/// A queue of encoded frames.
#[derive(Debug, Default)]
pub(super) struct Data {
    /// In front of `run`.
    sealed: VecDeque<Segment>,
    /// Whole frames, side by side; the end of the queue.
    run: Vec<u8>,
    /// A frame that was encoded for many, instead of `run`, while it is all that there is: nearly
    /// always it has left before there is more.
    only: Bytes,
    /// How much of the queue's front (`sealed`, else `run`) has left.
    written: usize,
    /// Bytes that wait.
    queued: usize,
}

/// Whole frames: the payload of the last one may be shared.
#[derive(Debug)]
struct Segment {
    run: Vec<u8>,
    payload: Bytes,
}

impl Data {
    /// The thread's spare queue, or a new one.
    pub(super) fn take() -> Box<Self> {
        SPARE.try_with(Cell::take).ok().flatten().unwrap_or_default()
    }

    /// Leaves an empty queue to the thread.
    pub(super) fn give_back(mut self: Box<Self>) {
        debug_assert!(self.queued == 0 && self.parts().all(|(run, _)| run.is_empty()));
        if self.run.capacity() == 0 {
            // The thread's own, if it has one, may have memory for a run.
            return;
        }
        if self.sealed.capacity() > 0 {
            self.sealed = VecDeque::new();
        }
        if self.run.capacity() > MAX_SPARE_RUN {
            self.run = Vec::new();
        }
        // A thread that ends keeps nothing.
        let _ = SPARE.try_with(|spare| spare.set(Some(self)));
    }

    // Queueing.

    /// Queues an unmasked message of at most 125 bytes.
    #[inline(always)]
    pub(super) fn push_short(&mut self, kind: Kind, payload: &[u8]) {
        self.copy_only();
        let head = Short::encode(kind, payload.len());
        self.reserve(head.len() + payload.len());
        self.run.extend_from_slice(&head);
        self.run.extend_from_slice(payload);
        self.queued += head.len() + payload.len();
        self.seal_long_run();
    }

    /// Queues a frame whose payload is copied, and masked if the header has a key.
    pub(super) fn push_frame(&mut self, header: Header, payload: &[u8]) {
        self.copy_only();
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
    pub(super) fn push_shared(&mut self, header: Header, payload: Bytes) {
        debug_assert!(header.mask.is_none());
        if payload.len() < SHARE_FROM {
            return self.push_frame(header, &payload);
        }
        self.copy_only();
        let (head, head_len) = header.encode();
        self.run.extend_from_slice(&head[..head_len]);
        self.queued += head_len + payload.len();
        self.seal(payload);
    }

    /// Queues a frame that is already encoded.
    pub(super) fn push_encoded(&mut self, frame: &Bytes) {
        if self.queued == 0 {
            self.queued = frame.len();
            self.only = frame.clone();
            return;
        }
        self.copy_only();
        self.queued += frame.len();
        if frame.len() >= SHARE_FROM {
            return self.seal(frame.clone());
        }
        self.reserve(frame.len());
        self.run.extend_from_slice(frame);
        self.seal_long_run();
    }

    // Leaving.

    /// Bytes that wait.
    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// Whether nothing of the front has left yet.
    pub(super) fn is_at_boundary(&self) -> bool {
        self.written == 0
    }

    /// The next bytes to write, in order, from at most so many segments; says how many slices there
    /// are.
    #[inline]
    pub(super) fn slices<'a>(&'a self, segments: usize, slices: &mut [IoSlice<'a>]) -> usize {
        if !self.sealed.is_empty() {
            return self.slices_of_many(segments, slices);
        }
        // What there mostly is: one run.
        let rest = &self.run()[self.written..];
        let (false, [slice, ..]) = (rest.is_empty(), slices) else { return 0 };
        *slice = IoSlice::new(rest);
        1
    }

    fn slices_of_many<'a>(&'a self, segments: usize, slices: &mut [IoSlice<'a>]) -> usize {
        let mut skip = self.written;
        let mut count = 0;
        for part in self.parts().take(segments).flat_map(|(run, payload)| [run, payload]) {
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
    pub(super) fn advance(&mut self, n: usize) {
        self.queued -= n;
        self.written += n;
        while let Some(front) = self.sealed.front() {
            if self.written < front.len() {
                return;
            }
            self.written -= front.len();
            let left = self.sealed.pop_front();
            // The thread may keep the memory of the last one.
            if let (true, 0, Some(left)) = (self.sealed.is_empty(), self.run.capacity(), left) {
                self.run = left.run;
                self.run.clear();
            }
        }
        debug_assert!(self.written <= self.run().len());
        if self.written == self.run().len() {
            self.run.clear();
            if !self.only.is_empty() {
                self.only = Bytes::new();
            }
            self.written = 0;
        }
    }

    /// Gives the memory of everything back; what waited still counts as queued.
    pub(super) fn forget(&mut self) {
        *self = Self { queued: self.queued, ..Self::default() };
    }

    /// What has not left.
    pub(super) fn unsent(&self) -> Unsent {
        let mut messages = 0;
        let mut written = self.written;
        for (run, payload) in self.parts() {
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
    pub(super) fn retained(&self) -> usize {
        // What has left of the front is held until all of it has.
        let sealed: usize = self.sealed.iter().map(|s| s.run.capacity() + s.payload.len()).sum();
        sealed + self.run.capacity() + self.only.len()
    }

    /// Runs of frames, each with what is shared behind it.
    fn parts(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let sealed = self.sealed.iter().map(|segment| (&segment.run[..], &segment.payload[..]));
        sealed.chain([(self.run(), &[][..])])
    }

    #[inline]
    fn run(&self) -> &[u8] {
        if self.only.is_empty() { &self.run } else { &self.only }
    }

    /// More is queued behind it: it goes where it can lie beside that.
    #[inline]
    fn copy_only(&mut self) {
        if !self.only.is_empty() {
            self.copy_only_frame();
        }
    }

    #[cold]
    fn copy_only_frame(&mut self) {
        let frame = std::mem::take(&mut self.only);
        if frame.len() >= SHARE_FROM {
            return self.seal(frame);
        }
        self.reserve(frame.len());
        self.run.extend_from_slice(&frame);
    }

    #[inline]
    fn reserve(&mut self, len: usize) {
        if self.run.capacity() - self.run.len() < len {
            self.grow(len);
        }
    }

    #[cold]
    fn grow(&mut self, len: usize) {
        self.run.reserve_exact(len.max(FIRST_RUN).max(self.run.len()));
    }

    fn seal_long_run(&mut self) {
        if self.run.len() >= RUN_LEN {
            self.seal(Bytes::new());
        }
    }

    fn seal(&mut self, payload: Bytes) {
        let run = std::mem::take(&mut self.run);
        self.sealed.push_back(Segment { run, payload });
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
