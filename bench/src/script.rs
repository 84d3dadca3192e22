//! What a client sends: messages that were prepared once, again and again.

use std::io;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use crate::frame::client_frame;
use crate::hub::{self, Dialect};
use crate::socket_io;

/// The masking key of every frame: fixed, so that one prepared frame serves for all.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The end of a message that RFC 7692 §7.2.1 takes away.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Compressed messages do not repeat before this many bytes: the window of deflate, which would
/// find them in itself.
const WINDOW: usize = 32 * 1024;

/// German, in which every other line or so has a letter that is no ASCII.
const PROSE: &str = "Falsches Üben von Xylophonmusik quält jeden größeren Zwerg. ";

/// What messages consist of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Binary.
    Binary,
    /// Text with some letters beyond ASCII.
    Text,
    /// Text: JSON with numbers that differ between messages.
    Json,
    /// Text: a Socket.IO event, whose argument has the size that is asked for.
    SocketIo,
    /// Text: a publication of letters in a topic of a hub.
    Hub(Dialect),
}

/// permessage-deflate, as it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deflate {
    /// Not at all.
    Off,
    /// Each message by itself, in both directions.
    NoTakeover,
    /// Each message after those before it, in both directions.
    Takeover,
}

impl Deflate {
    /// The value of `Sec-WebSocket-Extensions`.
    pub(crate) fn offer(self) -> Option<&'static str> {
        match self {
            Self::Off => None,
            Self::NoTakeover => {
                Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover")
            }
            Self::Takeover => Some("permessage-deflate"),
        }
    }

    /// Whether the server's answer is what was asked for, no more and no less.
    pub(crate) fn is_met_by(self, answer: &str) -> bool {
        let mut params = answer.split(';').map(str::trim);
        let on = params.next() == Some("permessage-deflate");
        let server_resets = params.any(|param| param == "server_no_context_takeover");
        match self {
            Self::Off => answer.is_empty(),
            Self::NoTakeover => on && server_resets,
            Self::Takeover => on && !answer.contains("no_context_takeover"),
        }
    }
}

/// What is to be sent.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What messages consist of.
    pub content: Content,
    /// Bytes of payload of each message, before compression.
    pub size: usize,
    /// Frames that each message is cut into.
    pub fragments: usize,
    /// How messages are compressed.
    pub deflate: Deflate,
}

impl Plan {
    /// Binary messages of `size` bytes, a frame each.
    #[must_use]
    pub fn binary(size: usize) -> Self {
        Self { content: Content::Binary, size, fragments: 1, deflate: Deflate::Off }
    }
}

/// Masked frames, ready to be written.
#[derive(Debug)]
pub struct Script {
    bytes: Vec<u8>,
    /// Where each message begins, and the end of the last one.
    starts: Vec<usize>,
    /// The message that follows the last one.
    again: usize,
    uniform: bool,
    first: Vec<u8>,
    deflate: Deflate,
    content: Content,
    size: usize,
}

impl Script {
    /// Prepares messages of which `in_flight` are under way at a time.
    #[must_use]
    pub fn new(plan: &Plan, in_flight: usize) -> Self {
        let opcode = if plan.content == Content::Binary { 2 } else { 1 };
        let first = payload(plan, 0);
        let mut script = Self {
            bytes: Vec::new(),
            starts: vec![0],
            again: 0,
            uniform: plan.deflate == Deflate::Off,
            first,
            deflate: plan.deflate,
            content: plan.content,
            size: plan.size,
        };
        if script.uniform {
            let message = frames(opcode, &script.first, plan.fragments);
            (0..=in_flight).for_each(|_| script.push(&message));
            return script;
        }
        let cycle = WINDOW / plan.size.max(1) + 2;
        let mut compressor = Compress::new(Compression::default(), false);
        // With takeover the second time is another one than the first, and like the third: then
        // the window before the first message has the last one of the cycle in it.
        let times = if plan.deflate == Deflate::Takeover { 2 } else { 1 };
        for n in (0..cycle).cycle().take(cycle * times) {
            let compressed = deflate(&mut compressor, &payload(plan, n));
            script.push(&client_frame(0x40 | opcode, &compressed, KEY));
            if plan.deflate == Deflate::NoTakeover {
                compressor.reset();
            }
        }
        script.again = cycle * (times - 1);
        script
    }

    fn push(&mut self, message: &[u8]) {
        self.bytes.extend(message);
        self.starts.push(self.bytes.len());
    }

    /// All messages.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of one message.
    #[inline]
    #[must_use]
    pub fn message(&self, index: usize) -> &[u8] {
        &self.bytes[self.starts[index]..self.starts[index + 1]]
    }

    /// Where a message begins.
    #[must_use]
    pub fn start(&self, index: usize) -> usize {
        self.starts[index]
    }

    /// The message after this one.
    #[inline]
    #[must_use]
    pub fn after(&self, index: usize) -> usize {
        if index + 2 < self.starts.len() { index + 1 } else { self.again }
    }

    /// Where the message begins that follows the last one.
    #[inline]
    #[must_use]
    pub fn again(&self) -> usize {
        self.starts[self.again]
    }

    /// Whether all messages are the same.
    #[inline]
    #[must_use]
    pub fn is_uniform(&self) -> bool {
        self.uniform
    }

    /// The payload of the first message, not compressed.
    #[must_use]
    pub fn first(&self) -> &[u8] {
        &self.first
    }

    /// Bytes of each message, before compression, without what its content puts around it.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// What messages consist of.
    #[must_use]
    pub fn content(&self) -> Content {
        self.content
    }

    /// The compression that the server has to agree to.
    #[must_use]
    pub fn deflate(&self) -> Deflate {
        self.deflate
    }
}

/// Inflates messages of one direction of a connection.
#[derive(Debug)]
pub struct Inflater(Decompress);

impl Default for Inflater {
    fn default() -> Self {
        Self(Decompress::new(false))
    }
}

impl Inflater {
    /// Inflates the next message, of any size: the server is trusted.
    ///
    /// # Errors
    ///
    /// When it is not deflated.
    pub fn inflate(&mut self, message: &[u8]) -> io::Result<Vec<u8>> {
        let input = [message, &TAIL[..]].concat();
        let before = self.0.total_in();
        let mut output = Vec::with_capacity(message.len() * 4 + 64);
        loop {
            let used = (self.0.total_in() - before) as usize;
            self.0.decompress_vec(&input[used..], &mut output, FlushDecompress::Sync)?;
            if (self.0.total_in() - before) as usize == input.len()
                && output.len() < output.capacity()
            {
                return Ok(output);
            }
            output.reserve(output.len() + 64);
        }
    }
}

pub(crate) fn deflate(compressor: &mut Compress, payload: &[u8]) -> Vec<u8> {
    let mut output = Vec::with_capacity(payload.len() + 128);
    // It fails on no input, and the room is enough for input that does not shrink.
    let _ = compressor.compress_vec(payload, &mut output, FlushCompress::Sync);
    output.truncate(output.len().saturating_sub(TAIL.len()));
    output
}

fn frames(opcode: u8, payload: &[u8], fragments: usize) -> Vec<u8> {
    if fragments <= 1 || payload.is_empty() {
        return client_frame(opcode, payload, KEY);
    }
    let pieces: Vec<&[u8]> = payload.chunks(payload.len().div_ceil(fragments)).collect();
    let mut message = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let at = message.len();
        message.extend(client_frame(if index == 0 { opcode } else { 0 }, piece, KEY));
        if index + 1 < pieces.len() {
            message[at] &= 0x7f;
        }
    }
    message
}

/// The payload of message number `n`.
fn payload(plan: &Plan, n: usize) -> Vec<u8> {
    match plan.content {
        Content::Binary => b"everwire".iter().copied().cycle().take(plan.size).collect(),
        Content::SocketIo => socket_io::event(plan.size),
        Content::Hub(_) => hub::publish(plan.size),
        Content::Text => {
            let mut text = PROSE.repeat(plan.size / PROSE.len() + 1);
            // Not within a letter.
            text.truncate((0..=plan.size).rfind(|&at| text.is_char_boundary(at)).unwrap_or(0));
            while text.len() < plan.size {
                text.push('.');
            }
            text.into_bytes()
        }
        Content::Json => json(plan.size, n),
    }
}

/// An array of orders, padded to its size.
fn json(size: usize, n: usize) -> Vec<u8> {
    let mut state = n as u64 * 7919 + 1;
    let mut random = |below: u64| {
        // Knuth's linear congruential generator; the upper bits are the random ones.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut text = String::from("[");
    loop {
        let order = format!(
            r#"{{"id":{},"side":"{}","price":{}.{:02},"amount":{},"user":"u{}"}},"#,
            1_000_000 + random(9_000_000),
            ["buy", "sell"][random(2) as usize],
            random(1000),
            random(100),
            random(50),
            random(10_000)
        );
        if text.len() + order.len() > size {
            break;
        }
        text.push_str(&order);
    }
    let last = text.len().min(size).saturating_sub(1);
    text.truncate(last);
    text.push(']');
    while text.len() < size {
        text.push(' ');
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Header, MASK_LEN, unmask};

    /// The payload of the one frame in `message`.
    fn unwrap(message: &[u8]) -> Vec<u8> {
        let header = Header::decode(message).unwrap();
        assert_eq!(header.frame_len(), message.len());
        let mut payload = message[header.len + MASK_LEN..].to_vec();
        unmask(&mut payload, KEY);
        payload
    }

    #[test]
    fn every_content_has_its_size() {
        for content in [Content::Binary, Content::Text, Content::Json] {
            for size in [2, 300, 16 * 1024, 65_536] {
                let plan = Plan { content, ..Plan::binary(size) };
                assert_eq!(Script::new(&plan, 1).first().len(), size, "{content:?}");
            }
        }
    }

    #[test]
    fn a_socket_io_event_carries_as_many_letters_as_were_asked_for() {
        let plan = Plan { content: Content::SocketIo, ..Plan::binary(4) };
        assert_eq!(Script::new(&plan, 1).first(), br#"42["message","xxxx"]"#);
    }

    #[test]
    fn messages_with_takeover_inflate_however_often_they_are_repeated() {
        for (size, deflate) in [(300, Deflate::Takeover), (16_384, Deflate::NoTakeover)] {
            let plan = Plan { content: Content::Json, size, fragments: 1, deflate };
            let script = Script::new(&plan, 1);
            let mut inflater = Inflater::default();
            let mut at = 0;
            let mut compressed = 0;
            let cycle = WINDOW / size + 2;
            for n in 0..4 * cycle {
                let payload = unwrap(script.message(at));
                compressed += payload.len();
                if deflate == Deflate::NoTakeover {
                    inflater = Inflater::default();
                }
                assert!(inflater.inflate(&payload).unwrap() == json(size, n % cycle), "{n}");
                at = script.after(at);
            }
            let share = compressed as f64 / (4 * cycle * size) as f64;
            assert!((0.1..0.6).contains(&share), "compressed to {share}");
        }
    }

    #[test]
    fn a_message_in_fragments_is_one_message() {
        let plan = Plan { fragments: 64, ..Plan::binary(64 * 1024) };
        let script = Script::new(&plan, 1);
        let mut rest = script.message(0);
        let mut firsts = Vec::new();
        while !rest.is_empty() {
            let header = Header::decode(rest).unwrap();
            assert_eq!(header.payload, 1024);
            firsts.push(header.first);
            rest = &rest[header.frame_len()..];
        }
        assert_eq!(firsts, [&[0x02][..], &[0; 62], &[0x80]].concat());
    }

    #[test]
    fn an_answer_has_to_be_what_was_asked_for() {
        let both = "permessage-deflate; client_no_context_takeover; server_no_context_takeover";
        assert!(Deflate::NoTakeover.is_met_by(both));
        assert!(!Deflate::NoTakeover.is_met_by("permessage-deflate"));
        assert!(!Deflate::NoTakeover.is_met_by(""));
        assert!(Deflate::Takeover.is_met_by("permessage-deflate; server_max_window_bits=15"));
        assert!(!Deflate::Takeover.is_met_by(both));
        assert!(Deflate::Off.is_met_by(""));
    }
}
