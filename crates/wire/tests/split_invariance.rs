//! Any partition of any bytes into reads gives the same events, the same bytes sent and the same
//! report: rows F7, U2 and whatever nobody thought of.

use everwire_testkit::{Dice, Frame, Happened, Side, bad_frame, config, legal_stream, mutate};
use everwire_wire::{Agreement, Config, DeflateParams, Role};
use flate2::{Compress, Compression, FlushCompress};

/// How often each kind of stream is tried.
const STREAMS: u64 = 600;

fn tight() -> Config {
    let mut config = config();
    config.max_message_size = 3000;
    config.max_frame_size = 2000;
    config.max_empty_fragments = 5;
    config.max_control_frames = 40;
    config.max_inflate_ratio = 20;
    config
}

/// A stream of mostly legal frames from `role`.
fn stream(dice: &mut Dice, role: Role, deflate: bool) -> Vec<u8> {
    let mut codec = Compress::new(Compression::fast(), false);
    legal_stream(dice, role, |dice, payload| {
        if !deflate || dice.one_in(4) {
            return None;
        }
        let mut out = Vec::with_capacity(payload.len() * 2 + 1000);
        let flush = if dice.one_in(8) { FlushCompress::Finish } else { FlushCompress::Sync };
        codec.compress_vec(payload, &mut out, flush).unwrap();
        if flush == FlushCompress::Finish {
            codec.reset();
            out.push(0);
        } else {
            out.truncate(out.len().saturating_sub(4));
        }
        Some(out)
    })
}

/// Everything that can be seen of a connection that got these reads. Pieces of one message are put
/// together: where they are cut depends on the reads, by design.
fn seen(
    role: Role,
    agreement: &Agreement,
    in_pieces: bool,
    reads: &[&[u8]],
) -> (Vec<Happened>, Vec<u8>) {
    let mut side = Side::new(role, agreement, tight());
    side.in_pieces = in_pieces;
    for read in reads {
        side.receive(read);
    }
    // The pongs are coalesced, so all reads come before any write.
    let mut sent = side.transmit();
    if side.report().is_none() {
        side.connection.handle_eof(side.now);
        side.receive([]);
    }
    sent.extend(side.transmit());
    assert!(side.report().is_some());
    let mut joined: Vec<Happened> = Vec::new();
    for event in side.events {
        if let Happened::Piece { bytes, last, .. } = &event
            && let Some(Happened::Piece { bytes: before, last: ended, .. }) =
                joined.iter_mut().rev().find(|event| matches!(event, Happened::Piece { .. }))
            && !*ended
        {
            *before = [&before[..], &bytes[..]].concat().into();
            *ended = *last;
        } else {
            joined.push(event);
        }
    }
    (joined, sent)
}

#[track_caller]
fn is_invariant(dice: &mut Dice, role: Role, agreement: &Agreement, bytes: &[u8], label: &str) {
    short_way_is_the_same(role, agreement, bytes, label);
    for in_pieces in [false, true] {
        let (mut whole, sent) = seen(role, agreement, in_pieces, &[bytes]);
        for round in 0..4 {
            let longest = [1, 3, 50, 1000][round];
            let reads = dice.cut(bytes, longest);
            let (mut cut, cut_sent) = seen(role, agreement, in_pieces, &reads);
            if in_pieces {
                // What of a broken message came before the violation depends on the reads.
                drop_unfinished(&mut whole);
                drop_unfinished(&mut cut);
            }
            assert_eq!(
                whole, cut,
                "{label}, {role:?}, pieces {in_pieces}, by {longest}\n{bytes:02x?}"
            );
            assert_eq!(sent, cut_sent, "{label}, {role:?}, by {longest}\n{bytes:02x?}");
        }
    }
}

/// Asking for short messages by themselves changes nothing.
#[track_caller]
fn short_way_is_the_same(role: Role, agreement: &Agreement, bytes: &[u8], label: &str) {
    let [general, short] = [false, true].map(|short_way| {
        let mut side = Side::new(role, agreement, tight());
        side.short_way = short_way;
        side.receive(bytes);
        (side.transmit(), side.events)
    });
    assert_eq!(general, short, "{label}, {role:?}\n{bytes:02x?}");
}

fn drop_unfinished(events: &mut Vec<Happened>) {
    events.retain(|event| !matches!(event, Happened::Piece { last: false, .. }));
}

fn agreements() -> Vec<Agreement> {
    let takeover = DeflateParams::default();
    let fresh =
        takeover.with_server_no_context_takeover(true).with_client_no_context_takeover(true);
    let small = takeover.with_server_max_window_bits(9).with_client_max_window_bits(9);
    let with = |params| Agreement::new(None, Some(params));
    vec![Agreement::default(), with(takeover), with(fresh), with(small)]
}

fn each(what: &str, make: impl Fn(&mut Dice, Role, bool) -> Vec<u8>) {
    for seed in 0..STREAMS {
        let mut dice = Dice::new(seed);
        let role = *dice.pick(&[Role::Client, Role::Server]);
        let agreements = agreements();
        let agreement = dice.pick(&agreements);
        let bytes = make(&mut dice, role.peer(), agreement.deflate().is_some());
        is_invariant(&mut dice, role, agreement, &bytes, &format!("{what} {seed}"));
    }
}

// row: F7
#[test]
fn legal_streams_are_the_same_however_they_are_split() {
    each("legal", stream);
}

// row: F7
#[test]
fn streams_with_a_few_wrong_bytes_are_the_same_however_they_are_split() {
    each("mutated", |dice, role, deflate| {
        let mut bytes = stream(dice, role, deflate);
        if dice.one_in(3) {
            bytes.extend(bad_frame(dice, role));
        }
        mutate(dice, &mut bytes);
        bytes
    });
}

#[test]
fn random_bytes_are_the_same_however_they_are_split() {
    each("random", |dice, role, _| {
        let len = 1 + dice.below(200);
        let mut bytes = dice.bytes(len);
        if dice.one_in(2) {
            // Past the first header, at least.
            let mut frame = Frame::binary(dice.bytes(3)).from(role).encode();
            frame.append(&mut bytes);
            bytes = frame;
        }
        bytes
    });
}

#[test]
fn garbage_that_claims_to_be_compressed_is_the_same_however_it_is_split() {
    each("garbage", |dice, role, _| {
        let len = 1 + dice.below(100);
        let mut bytes = Vec::new();
        let body = dice.bytes(len);
        let cut = dice.below(len);
        let kind = 1 + dice.below(2) as u8;
        bytes.extend(Frame::new(kind, &body[..cut]).rsv1().unfinished().from(role).encode());
        bytes.extend(Frame::continuation(&body[cut..]).from(role).encode());
        bytes.extend(Frame::text("after").from(role).encode());
        bytes
    });
}
