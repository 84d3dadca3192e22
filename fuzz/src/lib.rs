//! What the fuzz targets share: a reader of the fuzzer's bytes, and the checks that hold for any
//! bytes a peer may send.

pub mod language;

use everwire_testkit::{Happened, Side, config};
use everwire_wire::{Agreement, Config, DeflateParams, Role};

/// The longest message of the connections under test.
pub const MAX_MESSAGE: usize = 8 << 10;

/// What a connection may hold besides twice what it received: a message that was inflated, a
/// decompressor, two windows, a compressor.
const BUDGET: usize = MAX_MESSAGE + (48 << 10) + (32 << 10) + (384 << 10);

/// The fuzzer's bytes, taken from the front; zeros when there are none left.
#[derive(Debug, Clone, Copy)]
pub struct Script<'a>(pub &'a [u8]);

impl<'a> Script<'a> {
    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let [byte, rest @ ..] = self.0 else { return 0 };
        self.0 = rest;
        *byte
    }

    /// As many of the next `n` bytes as there are.
    pub fn bytes(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Small limits, so that a short input reaches them; nothing happens by itself.
pub fn tight() -> Config {
    let mut config = config();
    config.max_message_size = MAX_MESSAGE;
    config.max_frame_size = 4 << 10;
    config.max_empty_fragments = 4;
    config.max_control_frames = 20;
    config.max_inflate_ratio = 16;
    if let Some(deflate) = &mut config.deflate {
        deflate.threshold = 0;
        deflate.server_no_context_takeover = false;
        deflate.client_no_context_takeover = false;
    }
    config
}

/// One of the agreements that a handshake can end in.
pub fn agreement(choice: u8) -> Agreement {
    let params = DeflateParams::default()
        .with_server_no_context_takeover(choice & 1 != 0)
        .with_client_no_context_takeover(choice & 2 != 0);
    let deflate = match choice >> 2 & 3 {
        0 => None,
        1 => Some(params),
        2 => Some(params.with_server_max_window_bits(9).with_client_max_window_bits(9)),
        _ => Some(params.with_server_max_window_bits(12).with_client_max_window_bits(8)),
    };
    Agreement::new(None, deflate)
}

/// A role by a bit.
pub fn role(choice: u8) -> Role {
    if choice & 1 == 0 { Role::Server } else { Role::Client }
}

/// What a connection holds is in proportion to what it was sent.
pub fn holds_little(side: &Side, received: usize) {
    let held = side.connection.retained();
    assert!(held <= 2 * received + BUDGET, "{held} bytes held after {received}");
    assert!(side.connection.unfinished() <= held);
}

/// Everything that can be seen of a connection that got these reads and then the end.
pub fn seen(
    role: Role,
    agreement: &Agreement,
    in_pieces: bool,
    reads: &[&[u8]],
) -> (Vec<Happened>, Vec<u8>) {
    let mut side = Side::new(role, agreement, tight());
    side.in_pieces = in_pieces;
    // One way for bytes that came at once, the other for bytes that did not: they are the same.
    side.short_way = reads.len() == 1;
    let mut received = 0;
    for read in reads {
        side.receive(read);
        received += read.len();
        holds_little(&side, received);
    }
    let sent = side.transmit();
    if side.report().is_none() {
        side.connection.handle_eof(side.now);
        side.receive([]);
    }
    assert!(side.report().is_some() && side.connection.poll_timeout().is_none());
    (whole(side.events), sent)
}

/// Any partition of `bytes` is the same; `cuts` says how long the reads are, over and over.
pub fn is_invariant(role: Role, agreement: &Agreement, in_pieces: bool, bytes: &[u8], cuts: &[u8]) {
    let at_once = seen(role, agreement, in_pieces, &[bytes]);
    let (mut reads, mut rest, mut n) = (Vec::new(), bytes, 0);
    while !rest.is_empty() {
        let len = 1 + usize::from(cuts.get(n % cuts.len().max(1)).copied().unwrap_or(0));
        let (read, after) = rest.split_at(len.min(rest.len()));
        reads.push(read);
        (rest, n) = (after, n + 1);
    }
    let cut = seen(role, agreement, in_pieces, &reads);
    assert!(at_once == cut, "at once {at_once:?}\n   cut {cut:?}");
}

/// Puts the pieces of messages together, which are cut as the reads were, and drops those of
/// messages that never ended.
fn whole(events: Vec<Happened>) -> Vec<Happened> {
    let (mut whole, mut message) = (Vec::new(), Vec::new());
    for event in events {
        match event {
            Happened::Piece { kind, bytes, last } => {
                message.extend_from_slice(&bytes);
                if last {
                    let bytes = std::mem::take(&mut message).into();
                    whole.push(Happened::Piece { kind, bytes, last });
                }
            }
            other => whole.push(other),
        }
    }
    whole
}
