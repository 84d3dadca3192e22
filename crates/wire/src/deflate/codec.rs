//! Compression itself: flate2, the four-byte tail of RFC 7692, and a cache of idle codecs.

use std::cell::RefCell;
use std::fmt;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// What a sender removes from the end of a message and a receiver puts back (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// An empty final block: whoever can read it after the tail stood between two blocks.
const FINAL_BLOCK: [u8; 5] = [0x01, 0x00, 0x00, 0xFF, 0xFF];

/// The smallest window flate2 works with.
const MIN_WINDOW_BITS: u8 = 9;

/// The largest window that DEFLATE can refer to.
const MAX_WINDOW_BITS: u8 = 15;

/// What flate2 holds to inflate, whatever the window: measured.
const INFLATE_MEMORY: usize = 48 * 1024;

/// What flate2 holds to deflate, besides four times the window: measured.
const DEFLATE_MEMORY: usize = 244 * 1024;

/// How many idle codecs of each kind a thread keeps. A codec is large (about 48 KiB to inflate,
/// 372 KiB to deflate) and slow to make. To inflate, one is needed for the length of a message only,
/// and so it is to deflate without context takeover: a thread shares few.
const MAX_IDLE: usize = 4;

thread_local! {
    static IDLE: RefCell<Idle> = const { RefCell::new(Idle { inflate: Vec::new(), deflate: Vec::new() }) };
}

#[expect(clippy::vec_box, reason = "a codec goes from here to a connection and back, not copied")]
struct Idle {
    inflate: Vec<Box<Decompress>>,
    deflate: Vec<((u8, u32), Box<Compress>)>,
}

/// The compressed data was not DEFLATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotDeflate;

/// How far [`Inflater::inflate`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All input is used and all it stands for is written.
    NeedsInput,
    /// The output is as long as it may become; there may be more.
    Full,
}

/// The receiving direction of permessage-deflate.
///
/// Between messages it holds no decompressor: with context takeover, the window alone.
pub(crate) struct Inflater {
    bits: u8,
    takeover: bool,
    /// The end of all earlier messages, if the context is taken over.
    window: Vec<u8>,
    /// None between messages.
    codec: Option<Box<Decompress>>,
    /// How much of the message's ending was fed.
    ending: u8,
}

impl Inflater {
    pub(crate) fn new(bits: u8, takeover: bool) -> Self {
        // zlib deflates with 9 where 8 was agreed on; one bit more does no harm.
        let bits = bits.max(MIN_WINDOW_BITS);
        Self { bits, takeover, window: Vec::new(), codec: None, ending: 0 }
    }

    /// Inflates `input` to the end of `out`, which grows to at most `max` bytes.
    ///
    /// Says how many bytes of input were used. After [`Progress::Full`], call again with the rest.
    pub(crate) fn inflate(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        max: usize,
    ) -> Result<(usize, Progress), NotDeflate> {
        let codec = match &mut self.codec {
            Some(codec) => codec,
            none => {
                let mut codec = take_inflate();
                if !self.window.is_empty() {
                    codec.set_dictionary(&self.window).map_err(|_| NotDeflate)?;
                }
                none.insert(codec)
            }
        };
        let mut used = 0;
        loop {
            if out.len() == out.capacity() {
                if out.len() >= max {
                    return Ok((used, Progress::Full));
                }
                // Grow as the output grows, never beyond the limit.
                let step =
                    out.len().clamp(1024, 1 << 20).max(4 * (input.len() - used)).min(1 << 20);
                out.reserve_exact(step.min(max - out.len()));
            }
            let (before_in, before_out) = (codec.total_in(), out.len());
            let room_before = out.capacity() - out.len();
            let status = codec
                .decompress_vec(&input[used..], out, FlushDecompress::Sync)
                .map_err(|_| NotDeflate)?;
            let took = (codec.total_in() - before_in) as usize;
            used += took;
            if status == Status::StreamEnd {
                // RFC 7692 §7.2.3.4: a final block may end inside a message; what follows it is
                // another stream.
                codec.reset(false);
                if used == input.len() {
                    return Ok((used, Progress::NeedsInput));
                }
                continue;
            }
            let wrote = out.len() - before_out;
            if wrote < room_before && (used == input.len() || took == 0) {
                return Ok((used, Progress::NeedsInput));
            }
        }
    }

    /// Ends a message: puts back the tail and writes what that completes.
    ///
    /// After [`Progress::Full`], call again.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>, max: usize) -> Result<Progress, NotDeflate> {
        let ending = usize::from(self.ending);
        if ending < TAIL.len() {
            let (used, progress) = self.inflate(&TAIL[ending..], out, max)?;
            self.ending += used as u8;
            if progress == Progress::Full {
                return Ok(progress);
            }
        }
        self.ending = 0;
        if let Some(mut codec) = self.codec.take() {
            ended_between_blocks(&mut codec)?;
            give_inflate(codec);
        }
        Ok(Progress::NeedsInput)
    }

    /// Keeps what later messages may refer to: the end of `output`, the next part of what was
    /// inflated.
    pub(crate) fn remember(&mut self, output: &[u8]) {
        if !self.takeover {
            return;
        }
        let size = 1 << self.bits;
        let output = &output[output.len().saturating_sub(size)..];
        let excess = (self.window.len() + output.len()).saturating_sub(size);
        self.window.drain(..excess);
        let needed = self.window.len() + output.len();
        if needed > self.window.capacity() {
            let target = needed.next_power_of_two().min(size);
            self.window.reserve_exact(target - self.window.len());
        }
        self.window.extend_from_slice(output);
    }

    /// Gives everything back: nothing more will be inflated.
    pub(crate) fn release(&mut self) {
        self.window = Vec::new();
        self.codec = None;
    }

    /// Bytes of memory that this direction holds.
    pub(crate) fn retained(&self) -> usize {
        self.window.capacity() + if self.codec.is_some() { INFLATE_MEMORY } else { 0 }
    }
}

/// A message that was cut inside a block cannot read a final block next.
fn ended_between_blocks(codec: &mut Decompress) -> Result<(), NotDeflate> {
    // A message that ended in a final block of its own left a fresh decoder behind.
    let mut nothing = [0];
    match codec.decompress(&FINAL_BLOCK, &mut nothing, FlushDecompress::Sync) {
        Ok(Status::StreamEnd) => Ok(()),
        _ => Err(NotDeflate),
    }
}

/// The sending direction of permessage-deflate.
pub(crate) struct Deflater {
    bits: u8,
    level: u32,
    takeover: bool,
    /// None between messages when the context is not taken over.
    codec: Option<Box<Compress>>,
}

impl Deflater {
    /// A window of 8 bits cannot be made: such a direction has no deflater and sends uncompressed.
    pub(crate) fn new(bits: u8, level: u32, takeover: bool) -> Option<Self> {
        (bits >= MIN_WINDOW_BITS).then_some(Self { bits, level, takeover, codec: None })
    }

    /// Compresses the next part of a message to the end of `out`.
    pub(crate) fn deflate(&mut self, input: &[u8], out: &mut Vec<u8>, last: bool) {
        let (bits, level) = (self.bits, self.level);
        let codec = self.codec.get_or_insert_with(|| take_deflate(bits, level));
        let start = out.len();
        out.reserve(input.len() / 2 + 64);
        let before = codec.total_in();
        loop {
            let used = (codec.total_in() - before) as usize;
            let status = codec.compress_vec(&input[used..], out, FlushCompress::Sync);
            debug_assert!(status.is_ok(), "deflating bytes into memory cannot fail");
            // Room left over means that the flush is complete.
            if out.len() < out.capacity() || status.is_err() {
                break;
            }
            out.reserve(out.len() - start);
        }
        if last {
            // §7.2.1: remove the tail that every sync flush ends with. After a flush with nothing
            // in between there is no other.
            if out[start..].ends_with(&TAIL) {
                out.truncate(out.len() - TAIL.len());
            }
            if out.len() == start {
                // §7.2.3.6: an empty message is one byte, the header of an empty stored block.
                out.push(0);
            }
            if !self.takeover
                && let Some(codec) = self.codec.take()
            {
                give_deflate((bits, level), codec);
            }
        }
    }

    /// Gives everything back: nothing more will be deflated.
    pub(crate) fn release(&mut self) {
        self.codec = None;
    }

    /// Forgets the context: what follows refers to nothing sent before.
    pub(crate) fn reset(&mut self) {
        if let Some(codec) = &mut self.codec {
            codec.reset();
        }
    }

    pub(crate) fn bits(&self) -> u8 {
        self.bits
    }

    pub(crate) fn level(&self) -> u32 {
        self.level
    }

    /// Bytes that this direction keeps between messages.
    pub(crate) fn retained(&self) -> usize {
        if self.codec.is_some() { (4 << self.bits) + DEFLATE_MEMORY } else { 0 }
    }
}

fn take_inflate() -> Box<Decompress> {
    let idle = IDLE.with_borrow_mut(|idle| idle.inflate.pop());
    // A smaller window would save nothing here: this one lives for a message, and whether a
    // distance is too far would depend on how the input was split.
    idle.unwrap_or_else(|| Box::new(Decompress::new_with_window_bits(false, MAX_WINDOW_BITS)))
}

fn give_inflate(mut codec: Box<Decompress>) {
    IDLE.with_borrow_mut(|idle| {
        if idle.inflate.len() < MAX_IDLE {
            codec.reset(false);
            idle.inflate.push(codec);
        }
    });
}

fn take_deflate(bits: u8, level: u32) -> Box<Compress> {
    let idle = IDLE.with_borrow_mut(|idle| {
        let at = idle.deflate.iter().position(|(have, _)| *have == (bits, level))?;
        Some(idle.deflate.swap_remove(at).1)
    });
    idle.unwrap_or_else(|| {
        Box::new(Compress::new_with_window_bits(Compression::new(level), false, bits))
    })
}

fn give_deflate(kind: (u8, u32), mut codec: Box<Compress>) {
    IDLE.with_borrow_mut(|idle| {
        if idle.deflate.len() < MAX_IDLE {
            codec.reset();
            idle.deflate.push((kind, codec));
        }
    });
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").field("bits", &self.bits).finish_non_exhaustive()
    }
}

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflater").field("bits", &self.bits).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inflated(inflater: &mut Inflater, bytes: &[u8]) -> Result<Vec<u8>, NotDeflate> {
        let mut out = Vec::new();
        inflater.inflate(bytes, &mut out, 1 << 20)?;
        inflater.finish(&mut out, 1 << 20)?;
        inflater.remember(&out);
        Ok(out)
    }

    #[test]
    fn the_examples_of_rfc_7692_inflate() {
        let hello = b"Hello";
        // §7.2.3.1, .3 (stored), .4 (final block), .5 (two blocks).
        for bytes in [
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
            &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
            &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
        ] {
            assert_eq!(inflated(&mut Inflater::new(15, false), bytes).as_deref(), Ok(&hello[..]));
        }
        // §7.2.3.2: the second "Hello" refers to the first.
        let mut inflater = Inflater::new(15, true);
        let first = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let second = [0xf2, 0x00, 0x11, 0x00, 0x00];
        assert_eq!(inflated(&mut inflater, &first).as_deref(), Ok(&hello[..]));
        assert_eq!(inflated(&mut inflater, &second).as_deref(), Ok(&hello[..]));
        // §7.2.3.6: an empty message.
        assert_eq!(inflated(&mut Inflater::new(15, false), &[0x00]).as_deref(), Ok(&[][..]));
    }

    #[test]
    fn what_is_deflated_inflates_for_every_window_and_level() {
        let text: Vec<u8> = (0..70_000u32).map(|i| (i.wrapping_mul(i) >> 7) as u8 & 0x1F).collect();
        for bits in 9..=15 {
            for level in [1, 6, 9] {
                for takeover in [false, true] {
                    let mut deflater = Deflater::new(bits, level, takeover).unwrap();
                    let mut inflater = Inflater::new(bits, takeover);
                    for len in [0, 1, 5, 100, 70_000, 3] {
                        let mut wire = Vec::new();
                        deflater.deflate(&text[..len], &mut wire, true);
                        assert_eq!(inflated(&mut inflater, &wire).as_deref(), Ok(&text[..len]));
                    }
                }
            }
        }
    }

    #[test]
    fn a_stream_cut_inside_a_block_is_refused() {
        let mut wire = Vec::new();
        Deflater::new(15, 6, false).unwrap().deflate(&[b'x'; 500], &mut wire, true);
        for cut in 1..wire.len() - 1 {
            let mut inflater = Inflater::new(15, false);
            assert_eq!(inflated(&mut inflater, &wire[..cut]), Err(NotDeflate), "cut at {cut}");
        }
    }

    #[test]
    fn output_stops_at_its_limit_and_goes_on_when_there_is_room_again() {
        let mut wire = Vec::new();
        Deflater::new(15, 9, false).unwrap().deflate(&vec![0; 1 << 20], &mut wire, true);
        let mut inflater = Inflater::new(15, false);
        let (mut total, mut used) = (0, 0);
        loop {
            let mut out = Vec::new();
            let (took, progress) = inflater.inflate(&wire[used..], &mut out, 10_000).unwrap();
            assert!(out.capacity() <= 10_000);
            (used, total) = (used + took, total + out.len());
            if progress == Progress::NeedsInput {
                break;
            }
        }
        let mut rest = Vec::new();
        assert_eq!(inflater.finish(&mut rest, 10_000), Ok(Progress::NeedsInput));
        assert_eq!(total + rest.len(), 1 << 20);
    }
}
