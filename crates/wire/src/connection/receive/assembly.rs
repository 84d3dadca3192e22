//! A message that arrives in more than one frame or read, or compressed.

use std::time::Instant;

use crate::config::Config;
use crate::deflate::{Inflater, NotDeflate, Progress};
use crate::error::ProtocolError;
use crate::message::Kind;
use crate::utf8::Utf8Validator;

/// The largest piece of an inflated message.
const MAX_PIECE: usize = 64 * 1024;

/// Below this a message may inflate as much as it likes: a short one easily does, and costs little.
const RATIO_FROM: u64 = 1 << 20;

/// The message so far, and what it was charged.
#[derive(Debug)]
pub(super) struct Assembly {
    pub(super) kind: Kind,
    pub(super) compressed: bool,
    /// Given out as it arrives, instead of held until it is complete.
    pub(super) in_pieces: bool,
    pub(super) began: Instant,
    /// Payload that was not given out, inflated.
    body: Vec<u8>,
    /// The inflated piece is as long as a piece may be; there may be more.
    full: bool,
    utf8: Utf8Validator,

    // What limits are measured by.
    fragments: u64,
    empty_in_a_row: u32,
    /// Payload that its frames announced, as on the wire.
    announced: u64,
    /// Bytes given out, beyond `body`.
    given_out: u64,
    /// What `announced` and the output were when output last grew.
    announced_at_output: u64,
    output_then: u64,
}

impl Assembly {
    pub(super) fn new(kind: Kind, compressed: bool, in_pieces: bool, now: Instant) -> Self {
        Self {
            kind,
            compressed,
            in_pieces,
            began: now,
            body: Vec::new(),
            full: false,
            utf8: Utf8Validator::new(),
            fragments: 0,
            empty_in_a_row: 0,
            announced: 0,
            given_out: 0,
            announced_at_output: 0,
            output_then: 0,
        }
    }

    /// Charges a frame by its header, before any of its payload is there.
    pub(super) fn begin_frame(&mut self, len: u64, config: &Config) -> Result<(), ProtocolError> {
        // The progress rule: legal senders have no use for runs of empty fragments.
        self.empty_in_a_row = if len == 0 { self.empty_in_a_row + 1 } else { 0 };
        let max = config.max_empty_fragments;
        if self.empty_in_a_row > max {
            return Err(ProtocolError::TooManyEmptyFragments { max });
        }
        self.announced = self.announced.saturating_add(len);
        // A message in one frame is charged its payload alone.
        let overhead = self.fragments.saturating_mul(config.fragment_cost as u64);
        self.fragments += 1;
        let charged = if self.in_pieces {
            // Nothing is held, but compressed bytes that never become output are work for nothing.
            if !self.compressed {
                return Ok(());
            }
            if self.output() > self.output_then {
                self.output_then = self.output();
                self.announced_at_output = self.announced - len;
            }
            self.announced - self.announced_at_output
        } else {
            self.announced.saturating_add(overhead)
        };
        let max = config.max_message_size as u64;
        // What comes out of a compressed message is measured when it does.
        if charged > on_the_wire(max, self.compressed) {
            return Err(ProtocolError::MessageTooBig { size: charged, max });
        }
        Ok(())
    }

    /// Adds payload as it was sent; `expected` more bytes of its frame are announced.
    pub(super) fn append(&mut self, bytes: &[u8], expected: u64) -> Result<(), ProtocolError> {
        let len = self.body.len() + bytes.len();
        if len > self.body.capacity() {
            // Grow with what has come, never with what is promised.
            let promised = len as u64 + expected;
            let target = promised.min((2 * self.body.len()).max(len) as u64) as usize;
            self.body.reserve_exact(target - self.body.len());
        }
        self.body.extend_from_slice(bytes);
        self.check_text(bytes)
    }

    /// Inflates payload; says how much of it was used. All of it, unless a piece is full.
    pub(super) fn inflate(
        &mut self,
        inflater: &mut Inflater,
        bytes: &[u8],
        config: &Config,
    ) -> Result<usize, ProtocolError> {
        let mut used = 0;
        self.output_with(config, |body, max| {
            let result = inflater.inflate(bytes, body, max);
            result.map(|(took, progress)| {
                used = took;
                progress
            })
        })?;
        Ok(used)
    }

    /// Ends a compressed message; if the piece is full afterwards, call again.
    pub(super) fn finish_inflating(
        &mut self,
        inflater: &mut Inflater,
        config: &Config,
    ) -> Result<(), ProtocolError> {
        self.output_with(config, |body, max| inflater.finish(body, max))
    }

    /// Lets `work` write to the body, within every limit on what may come out.
    ///
    /// The limits stop the output at the same byte however the input was split between reads.
    fn output_with(
        &mut self,
        config: &Config,
        work: impl FnOnce(&mut Vec<u8>, usize) -> Result<Progress, NotDeflate>,
    ) -> Result<(), ProtocolError> {
        let before = self.body.len();
        let overhead = self.fragments.saturating_sub(1).saturating_mul(config.fragment_cost as u64);
        let by_size = (config.max_message_size as u64).saturating_sub(overhead);
        let by_ratio =
            self.announced.saturating_mul(config.max_inflate_ratio.into()).max(RATIO_FROM);
        let by_ratio = by_ratio.saturating_sub(self.given_out);
        let (max, piece) = if self.in_pieces {
            (by_ratio, MAX_PIECE as u64)
        } else {
            (by_ratio.min(by_size), u64::MAX)
        };
        // One byte more than is allowed shows that there is more.
        let result = work(&mut self.body, max.saturating_add(1).min(piece) as usize);
        self.full = result == Ok(Progress::Full) && self.in_pieces;
        let (body, utf8) = (&self.body[before..], &mut self.utf8);
        if self.kind == Kind::Text {
            utf8.push(body).map_err(|_| ProtocolError::NotUtf8)?;
        }
        // Before what is wrong behind it, which a codec may find although it has no room to go on.
        if self.body.len() as u64 > max {
            return Err(if max == by_ratio {
                ProtocolError::InflateRatio { max: config.max_inflate_ratio }
            } else {
                // However much came out at once: the first byte over the limit was one too many.
                let max = config.max_message_size as u64;
                ProtocolError::MessageTooBig { size: max + 1, max }
            });
        }
        result.map(|_| ()).map_err(|NotDeflate| ProtocolError::Inflate)
    }

    /// Checks text that is given out or was appended.
    pub(super) fn check_text(&mut self, bytes: &[u8]) -> Result<(), ProtocolError> {
        match self.kind {
            Kind::Text => self.utf8.push(bytes).map_err(|_| ProtocolError::NotUtf8),
            Kind::Binary => Ok(()),
        }
    }

    /// §8.1: text must not end inside a code point.
    pub(super) fn finish_text(&mut self) -> Result<(), ProtocolError> {
        self.utf8.finish().map_err(|_| ProtocolError::NotUtf8)
    }

    /// Whether an inflated piece must be given out before more is inflated.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    pub(super) fn take_body(&mut self) -> Vec<u8> {
        self.given_out += self.body.len() as u64;
        self.full = false;
        std::mem::take(&mut self.body)
    }

    pub(super) fn retained(&self) -> usize {
        self.body.capacity() + size_of::<Self>()
    }

    fn output(&self) -> u64 {
        self.given_out + self.body.len() as u64
    }
}

/// How many bytes on the wire `max` bytes of a message may be. Compressing what does not shrink makes
/// it longer: by five bytes for each stored block (RFC 1951 §3.2.4), and codecs choose how short a
/// block is; by an eighth where all that a codec has is the fixed code (§3.2.6).
pub(super) const fn on_the_wire(max: u64, compressed: bool) -> u64 {
    if compressed { max.saturating_add(max / 8).saturating_add(64) } else { max }
}
