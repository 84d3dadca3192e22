//! Receiving: bytes become events, one at a time.

use std::time::Instant;

use super::outgoing;
use super::{Connection, Event};
use crate::close::CloseReason;
use crate::deflate::Inflater;
use crate::error::ProtocolError;
use crate::frame::{Header, MAX_CONTROL_LEN, Opcode};
use crate::input::{Incoming, Input, Payload, Piece, Place};
use crate::mask;
use crate::message::Kind;

mod assembly;
mod short;

use assembly::{Assembly, on_the_wire};
pub use short::ShortMessages;

/// All that is known of what the peer is in the middle of sending.
#[derive(Debug, Default)]
pub(super) struct Receive {
    /// What came of a header or a control frame whose rest is to come. Nearly always none.
    partial: Option<Box<Partial>>,
    /// The frame whose payload is arriving.
    frame: Option<Frame>,
    /// The message that is not complete.
    message: Option<Box<Assembly>>,
    // §C6: pings and pongs within the current second.
    control_second: Option<Instant>,
    control_count: u32,
}

/// The beginning of a header, or of a control frame's payload.
#[derive(Debug)]
struct Partial {
    bytes: [u8; MAX_CONTROL_LEN],
    len: u8,
}

impl Default for Partial {
    fn default() -> Self {
        Self { bytes: [0; MAX_CONTROL_LEN], len: 0 }
    }
}

impl Partial {
    /// Adds bytes, of which there are never too many: neither headers nor control frames are longer.
    fn push(&mut self, more: &[u8]) {
        let len = usize::from(self.len);
        self.bytes[len..len + more.len()].copy_from_slice(more);
        self.len += more.len() as u8;
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// A frame whose header was read.
#[derive(Debug, Clone, Copy)]
struct Frame {
    opcode: Opcode,
    fin: bool,
    /// The key, rotated to the next byte; zero where there is no mask.
    key: [u8; 4],
    /// Bytes of payload to come.
    remaining: u64,
}

/// What one step found: places in the input, from which the event is made in the end.
pub(super) enum Step {
    Message(Kind, Place),
    Piece { kind: Kind, place: Place, last: bool },
    Ping(Place),
    Pong(Place),
}

impl Receive {
    /// When the message that is being assembled began; none if its pieces are given out.
    pub(super) fn assembly_began(&self) -> Option<Instant> {
        self.message.as_ref().filter(|message| !message.in_pieces).map(|message| message.began)
    }

    #[inline]
    pub(super) fn is_between_messages(&self) -> bool {
        self.frame.is_none() && self.message.is_none() && self.partial.is_none()
    }

    /// Forgets everything: nothing more is received.
    pub(super) fn discard(&mut self) {
        *self = Self::default();
    }

    pub(super) fn retained(&self) -> usize {
        self.message.as_ref().map_or(0, |message| message.retained())
            + self.partial.as_ref().map_or(0, |_| size_of::<Partial>())
    }
}

impl Connection {
    /// Bytes received of the message that is not complete.
    pub fn unfinished(&self) -> usize {
        self.receive.message.as_ref().map_or(0, |message| message.retained())
    }

    /// The next message in `input`, if it is what most are: of at most 125 bytes, in one frame that
    /// lies whole there. `None` says nothing; ask [`poll_event`](Self::poll_event), which does all
    /// that this does not, and which has to see the first message of each read.
    #[inline]
    pub fn poll_short<'b>(&mut self, input: &'b mut Input<'_>) -> Option<Incoming<'b>> {
        if !self.expects_short() {
            return None;
        }
        short::message(self.role.peer(), &self.config, input)
    }

    /// Reads what [`poll_short`](Self::poll_short) reads, apart from the connection: several
    /// messages in one read need not wait for a lock each. `None` if something is under way that
    /// needs all of it. Nothing else may be received as long as this is used.
    pub fn short_messages(&self) -> Option<ShortMessages> {
        self.expects_short().then(|| ShortMessages::new(self.role.peer(), self.config.clone()))
    }

    /// Whether nothing has come, and nothing is under way.
    #[inline]
    pub(super) fn has_no_event(&self, input: &Input<'_>) -> bool {
        input.unread().is_empty() && self.expects_short()
    }

    pub(super) fn poll_received<'b>(
        &mut self,
        now: Instant,
        input: &'b mut Input<'_>,
        in_pieces: bool,
    ) -> Option<Event<'b>> {
        if !input.unread().is_empty() {
            self.handle_life(now);
        }
        if !in_pieces
            && self.expects_short()
            && let Some((kind, place)) = short::place(self.role.peer(), &self.config, input)
        {
            let payload = Payload::Lent(input.bytes_mut(place));
            return Some(Event::Message(Incoming { kind, payload }));
        }
        self.poll_general(now, input, in_pieces)
    }

    #[inline(never)]
    fn poll_general<'b>(
        &mut self,
        now: Instant,
        input: &'b mut Input<'_>,
        in_pieces: bool,
    ) -> Option<Event<'b>> {
        let step = self.step(now, input, in_pieces).and_then(|step| match step {
            Some(step) if self.is_text_ping(&step, input) => self.text_ping(now, step).map(Some),
            step => Ok(step),
        });
        let step = match step {
            Ok(step) => step?,
            Err(error) => {
                self.fail(now, error);
                input.discard();
                return None;
            }
        };
        Some(match step {
            Step::Message(kind, place) => {
                Event::Message(Incoming { kind, payload: input.payload(place) })
            }
            Step::Piece { kind, place, last } => {
                Event::Piece(Piece { kind, payload: input.payload(place), last })
            }
            Step::Ping(place) => Event::Ping(input.lent(place)),
            Step::Pong(place) => Event::Pong(input.lent(place)),
        })
    }

    /// Whether the next byte begins a frame, and nothing speaks against a message.
    #[inline]
    fn expects_short(&self) -> bool {
        self.closing.is_none() && self.receive.is_between_messages()
    }

    /// Goes on until there is something to say or the input is used.
    fn step(
        &mut self,
        now: Instant,
        input: &mut Input<'_>,
        in_pieces: bool,
    ) -> Result<Option<Step>, ProtocolError> {
        loop {
            if self.is_deaf() {
                // §5.5.1: what follows a close frame is ignored.
                input.discard();
                return Ok(None);
            }
            let frame = match self.receive.frame {
                Some(frame) => frame,
                None => {
                    let Some(header) = self.read_header(input)? else { return Ok(None) };
                    match self.begin_frame(now, header, input, in_pieces)? {
                        Begun::Frame(frame) => frame,
                        Begun::Step(step) => return Ok(Some(step)),
                    }
                }
            };
            let step = if frame.opcode.is_control() {
                self.control_payload(now, frame, input)?
            } else {
                self.data_payload(frame, input)?
            };
            match step {
                Next::Step(step) => return Ok(Some(step)),
                Next::Frame => {}
                Next::NeedsInput => return Ok(None),
            }
        }
    }

    fn read_header(&mut self, input: &mut Input<'_>) -> Result<Option<Header>, ProtocolError> {
        let (peer, deflate) = (self.role.peer(), self.inflater.is_some());
        let receive = &mut self.receive;
        if receive.partial.is_none()
            && let Some((header, len)) = Header::decode(input.unread(), peer, deflate)?
        {
            input.take(len);
            return Ok(Some(header));
        }
        // §F7: the header is split between reads; put it together a byte at a time.
        while let [byte, ..] = *input.unread() {
            input.take(1);
            let partial = receive.partial.get_or_insert_default();
            partial.push(&[byte]);
            if let Some((header, _)) = Header::decode(partial.as_slice(), peer, deflate)? {
                receive.partial = None;
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    /// Checks a header against what came before it and against the limits, before any of its
    /// payload is looked at.
    fn begin_frame(
        &mut self,
        now: Instant,
        header: Header,
        input: &mut Input<'_>,
        in_pieces: bool,
    ) -> Result<Begun, ProtocolError> {
        let key = header.mask.unwrap_or_default();
        let frame = Frame { opcode: header.opcode, fin: header.fin, key, remaining: header.len };
        if header.opcode.is_control() {
            if header.opcode != Opcode::Close {
                self.count_control_frame(now)?;
            }
            self.receive.frame = Some(frame);
            return Ok(Begun::Frame(frame));
        }
        let in_message = self.receive.message.is_some();
        let in_compressed = self.receive.message.as_ref().is_some_and(|message| message.compressed);
        let (size, max) = (header.len, self.config.max_frame_size);
        if size > on_the_wire(max, header.rsv1 || in_compressed) {
            return Err(ProtocolError::FrameTooBig { size, max });
        }
        // §5.4: a continuation continues, anything else begins.
        let kind = match header.opcode {
            Opcode::Text | Opcode::Binary if in_message => {
                return Err(ProtocolError::InterleavedMessage);
            }
            Opcode::Text => Some(Kind::Text),
            Opcode::Binary => Some(Kind::Binary),
            _ if !in_message => return Err(ProtocolError::ContinuationWithoutStart),
            _ => None,
        };
        if let Some(kind) = kind {
            let whole = header.len <= input.unread().len() as u64;
            if header.fin && whole && !header.rsv1 && !in_pieces {
                return self.whole_message(kind, frame, input).map(Begun::Step);
            }
            // What may be a text ping is not given out before that is known.
            let in_pieces = in_pieces && !self.may_be_text_ping(&header);
            let assembly = Assembly::new(kind, header.rsv1, in_pieces, now);
            self.receive.message = Some(Box::new(assembly));
        }
        if let Some(message) = &mut self.receive.message {
            message.begin_frame(header.len, &self.config)?;
        }
        self.receive.frame = Some(frame);
        Ok(Begun::Frame(frame))
    }

    /// The fast path: a message in one frame in one read, unmasked where it lies.
    fn whole_message(
        &mut self,
        kind: Kind,
        frame: Frame,
        input: &mut Input<'_>,
    ) -> Result<Step, ProtocolError> {
        // It fits in memory: it is there.
        let len = frame.remaining as usize;
        if len > self.config.max_message_size {
            let (size, max) = (frame.remaining, self.config.max_message_size as u64);
            return Err(ProtocolError::MessageTooBig { size, max });
        }
        let place = input.take(len);
        let payload = input.bytes_mut(place.clone());
        mask::apply(frame.key, payload);
        if kind == Kind::Text && simdutf8::basic::from_utf8(payload).is_err() {
            return Err(ProtocolError::NotUtf8);
        }
        Ok(Step::Message(kind, Place::Read(place)))
    }

    fn data_payload(
        &mut self,
        mut frame: Frame,
        input: &mut Input<'_>,
    ) -> Result<Next, ProtocolError> {
        let Self { receive, inflater, config, .. } = self;
        let Some(message) = &mut receive.message else {
            debug_assert!(false, "a data frame in progress has its message");
            return Err(ProtocolError::ContinuationWithoutStart);
        };
        let place = input.take(frame.available(input));
        let bytes = input.bytes_mut(place.clone());
        mask::apply(frame.key, bytes);
        if message.compressed {
            let inflater = inflater.as_mut().ok_or(ProtocolError::ReservedBit)?;
            let used = message.inflate(inflater, bytes, config)?;
            frame.advance(used);
            // What did not fit in this piece is for the next; it goes back as it came.
            mask::apply(frame.key, &mut bytes[used..]);
            input.give_back(place.len() - used);
            if frame.remaining == 0 && frame.fin && !message.is_full() {
                message.finish_inflating(inflater, config)?;
            }
        } else {
            frame.advance(bytes.len());
            if message.in_pieces {
                message.check_text(bytes)?;
            } else {
                message.append(bytes, frame.remaining)?;
            }
        }
        let ended = frame.remaining == 0 && !message.is_full();
        let last = ended && frame.fin;
        receive.frame = (!ended).then_some(frame);
        if last {
            message.finish_text()?;
        }
        let kind = message.kind;
        let step = if message.in_pieces {
            let (place, len) = if message.compressed {
                input.body = message.take_body();
                remember(inflater, &input.body);
                (Place::Body, input.body.len())
            } else {
                (Place::Read(place.clone()), place.len())
            };
            (last || len > 0).then_some(Step::Piece { kind, place, last })
        } else {
            last.then(|| {
                input.body = message.take_body();
                if message.compressed {
                    remember(inflater, &input.body);
                }
                Step::Message(kind, Place::Body)
            })
        };
        if last {
            receive.message = None;
        }
        Ok(match step {
            Some(step) => Next::Step(step),
            None if ended => Next::Frame,
            None => Next::NeedsInput,
        })
    }

    fn control_payload(
        &mut self,
        now: Instant,
        mut frame: Frame,
        input: &mut Input<'_>,
    ) -> Result<Next, ProtocolError> {
        let available = frame.available(input);
        let place = input.take(available);
        mask::apply(frame.key, input.bytes_mut(place.clone()));
        frame.advance(available);
        let place = if frame.remaining == 0 && self.receive.partial.is_none() {
            Place::Read(place)
        } else {
            let partial = self.receive.partial.get_or_insert_default();
            partial.push(input.bytes_mut(place));
            if frame.remaining > 0 {
                self.receive.frame = Some(frame);
                return Ok(Next::NeedsInput);
            }
            input.body = partial.as_slice().to_vec();
            self.receive.partial = None;
            Place::Body
        };
        self.receive.frame = None;
        let payload = input.lent(place.clone());
        match frame.opcode {
            Opcode::Ping => {
                // §5.5.2: answered at once, unless closing has begun. §5.5.3: with the same bytes.
                if self.closing.is_none()
                    && let Some(payload) = outgoing::Payload::new(payload)
                {
                    self.outgoing.push_pong(payload);
                }
                Ok(Next::Step(Step::Ping(place)))
            }
            Opcode::Pong => {
                let ours = self.heartbeat.handle_pong(now, payload);
                Ok(if ours { Next::Frame } else { Next::Step(Step::Pong(place)) })
            }
            _ => {
                let theirs = CloseReason::parse(payload)?;
                self.handle_close_frame(now, theirs);
                input.discard();
                Ok(Next::NeedsInput)
            }
        }
    }

    pub(super) fn count_control_frame(&mut self, now: Instant) -> Result<(), ProtocolError> {
        let receive = &mut self.receive;
        let second = receive.control_second.get_or_insert(now);
        if now.saturating_duration_since(*second).as_secs() >= 1 {
            *second = now;
            receive.control_count = 0;
        }
        receive.control_count += 1;
        let max = self.config.max_control_frames;
        if receive.control_count > max {
            return Err(ProtocolError::TooManyControlFrames { max });
        }
        Ok(())
    }
}

fn remember(inflater: &mut Option<Box<Inflater>>, output: &[u8]) {
    if let Some(inflater) = inflater {
        inflater.remember(output);
    }
}

/// What a header led to.
enum Begun {
    Frame(Frame),
    Step(Step),
}

/// What a payload led to.
enum Next {
    Step(Step),
    /// The frame ended; read the next header.
    Frame,
    NeedsInput,
}

impl Frame {
    /// How much of its payload is there.
    fn available(&self, input: &Input<'_>) -> usize {
        self.remaining.min(input.unread().len() as u64) as usize
    }

    fn advance(&mut self, taken: usize) {
        self.remaining -= taken as u64;
        self.key = mask::rotate(self.key, taken);
    }
}
