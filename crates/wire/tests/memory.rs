//! What hostile bytes cost: memory held ÷ bytes received ≤ 2, plus a constant.
//!
//! Measured with a counting allocator, and compared with what the connection says it holds.

use everwire_testkit::{Counting, Dice, Frame, Side, config, live, peak, reset_peak, with_deflate};
use everwire_wire::{Agreement, Compress, Config, Connection, DeflateConfig, DeflateParams, Input};
use everwire_wire::{NoMask, Role, SharedFrame};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a connection holds beyond what it was sent: boxes of rare state, the record of a message.
const CONSTANT: usize = 1024;

/// What inflating takes while a message is unfinished, whatever the window.
const INFLATE: usize = 56 * 1024;

/// Feeds frames one by one, without the testkit's own record of events.
fn feed(side: &mut Side, bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    let mut input = Input::new(&mut bytes);
    while side.connection.poll_event(side.now, &mut input).is_some() {}
}

/// Held by `f`'s connection after each step, never more than `2 × received + constant`.
#[track_caller]
fn holds_little(config: Config, frames: impl Iterator<Item = Vec<u8>>) -> Side {
    let before = live();
    let mut side = Side::new(Role::Server, &Agreement::default(), config);
    let base = live();
    let mut received = 0;
    for (n, frame) in frames.enumerate() {
        let len = frame.len();
        feed(&mut side, &frame);
        drop(frame);
        received += len;
        if n % 64 == 0 {
            let held = live().wrapping_sub(base).cast_signed().max(0).cast_unsigned();
            assert!(held <= 2 * received + CONSTANT, "{held} bytes held after {received}");
            let said = side.connection.retained();
            assert!(said + CONSTANT >= held, "it says {said} and holds {held}");
        }
        if side.connection.wants_transmit() {
            break;
        }
    }
    assert!(live() >= before);
    side
}

// row: F6
#[test]
fn a_promise_of_16_mib_costs_nothing() {
    let announced = Frame::binary(b"").announcing(16 << 20).masked().encode();
    let side = holds_little(config(), [announced.clone()].into_iter());
    assert!(side.connection.retained() <= CONSTANT);
    // The bytes that come are all that is held, and the room they grow by.
    let parts = std::iter::once(announced).chain((0..1000).map(|_| vec![1; 100]));
    let side = holds_little(config(), parts);
    assert!(side.connection.retained() <= 2 * 100_000 + CONSTANT);
    // One byte over the limit: not even the announcement is kept.
    let over = Frame::binary(b"").announcing((16 << 20) + 1).masked().encode();
    let side = holds_little(config(), [over].into_iter());
    assert!(side.connection.wants_transmit());
}

// row: F3
#[test]
fn a_reserved_opcode_with_a_huge_length_costs_nothing() {
    let mut side = Side::server();
    let mut bytes = Frame::new(0x3, "").announcing((1 << 63) - 1).masked().encode();
    reset_peak();
    let base = live();
    let mut input = Input::new(&mut bytes);
    assert!(side.connection.poll_event(side.now, &mut input).is_none());
    assert!(peak() - base <= CONSTANT, "{}", peak() - base);
}

// row: G2
#[test]
fn legal_fragments_cost_at_most_twice_their_bytes() {
    let first = Frame::text([b'*'; 64]).unfinished().masked().encode();
    let more = Frame::continuation([b'*'; 64]).unfinished().masked().encode();
    let frames = std::iter::once(first).chain(std::iter::repeat_n(more, 65_535));
    let side = holds_little(config(), frames);
    assert!(!side.connection.wants_transmit());
    assert!(side.connection.unfinished() >= 4 << 20);
}

// row: G3
#[test]
fn a_flood_of_one_byte_fragments_is_held_in_less_than_it_took_and_ends() {
    let first = Frame::binary("x").unfinished().masked().encode();
    let more = Frame::continuation("x").unfinished().masked().encode();
    let frames = std::iter::once(first).chain(std::iter::repeat_n(more, 10_000_000));
    let mut side = holds_little(config(), frames);
    assert_eq!(side.close_code_sent(), Some(1009));
    // Everything is given back at once.
    assert!(side.connection.retained() <= CONSTANT, "{}", side.connection.retained());
}

#[test]
fn random_frames_of_all_sizes_cost_at_most_twice_their_bytes() {
    for seed in 0..20 {
        let mut dice = Dice::new(seed);
        let mut started = false;
        let frames = (0..2000).map(move |_| {
            let len = if dice.one_in(10) { dice.below(5000) } else { 1 + dice.below(100) };
            let payload = vec![b'y'; len];
            let frame = match dice.below(5) {
                0 => Frame::ping(&payload[..len.min(125)]),
                _ if started => Frame::continuation(payload).unfinished(),
                _ => {
                    started = true;
                    Frame::binary(payload).unfinished()
                }
            };
            frame.masked().encode()
        });
        holds_little(config(), frames);
    }
}

#[test]
fn a_frame_in_reads_of_one_byte_costs_at_most_twice_its_bytes() {
    let bytes = Frame::text(vec![b'z'; 50_000]).masked().encode();
    let all_but_one = bytes[..bytes.len() - 1].to_vec();
    holds_little(config(), all_but_one.into_iter().map(|byte| vec![byte]));
}

/// A compressed message of `len` zeros.
fn bomb(len: usize) -> Vec<u8> {
    use flate2::{Compress, Compression, FlushCompress};
    let mut out = Vec::with_capacity(len / 500 + 1000);
    let mut codec = Compress::new(Compression::best(), false);
    codec.compress_vec(&vec![0; len], &mut out, FlushCompress::Sync).unwrap();
    out.truncate(out.len() - 4);
    out
}

fn inflating(ratio: u32, takeover: bool) -> Side {
    let mut config = config();
    config.max_message_size = 4 << 20;
    config.max_inflate_ratio = ratio;
    let params = DeflateParams::default()
        .with_server_no_context_takeover(!takeover)
        .with_client_no_context_takeover(!takeover);
    Side::new(Role::Server, &with_deflate(params), config)
}

// row: D1
#[test]
fn a_bomb_peaks_at_the_limit_and_a_window() {
    let limit = 4 << 20;
    let bomb = bomb(16 << 20);
    let whole = Frame::binary(&bomb).rsv1().masked().encode();
    let mut fragments = vec![Frame::binary(&bomb[..1]).rsv1().unfinished().masked().encode()];
    for part in bomb[1..].chunks(500) {
        fragments.push(Frame::continuation(part).unfinished().masked().encode());
    }
    for takeover in [true, false] {
        for frames in [vec![whole.clone()], fragments.clone()] {
            let mut side = inflating(u32::MAX, takeover);
            reset_peak();
            let base = live();
            for frame in &frames {
                feed(&mut side, frame);
            }
            let most = peak() - base;
            // The reads themselves are copied by the test.
            let allowed = limit + INFLATE + CONSTANT + whole.len();
            assert!(most <= allowed, "{most} over {allowed}");
            assert_eq!(side.close_code_sent(), Some(1009));
            assert!(side.connection.retained() <= CONSTANT);
        }
        // By the ratio it ends far below the limit.
        let mut side = inflating(256, takeover);
        reset_peak();
        let base = live();
        feed(&mut side, &fragments.concat()[..3000]);
        assert!(peak() - base <= (1 << 20) + INFLATE + 16 * 1024, "{}", peak() - base);
        assert_eq!(side.close_code_sent(), Some(1009));
    }
}

// row: D6
#[test]
fn an_idle_connection_with_takeover_holds_its_window_and_no_more() {
    for bits in [9, 12, 15] {
        let params = DeflateParams::default().with_client_max_window_bits(bits);
        let mut side = Side::new(Role::Server, &with_deflate(params), config());
        let mut codec =
            flate2::Compress::new_with_window_bits(flate2::Compression::fast(), false, bits);
        let mut dice = Dice::new(1);
        let mut most = 0;
        let base = live();
        for n in 0..100 {
            let data = dice.bytes(2000);
            let mut out = Vec::with_capacity(4000);
            codec.compress_vec(&data, &mut out, flate2::FlushCompress::Sync).unwrap();
            out.truncate(out.len() - 4);
            let frame = Frame::binary(&out).rsv1().masked().encode();
            feed(&mut side, &frame);
            drop((data, out, frame));
            if n > 0 {
                // The thread's shared decompressor was made by the first message.
                most = most.max(live().wrapping_sub(base));
            }
        }
        assert!(!side.connection.wants_transmit());
        assert_eq!(side.connection.retained(), 1 << bits, "the window that was agreed");
        assert!(most <= (1 << bits) + INFLATE + CONSTANT, "{bits}: {most}");
    }
}

/// Lets the thread allocate what it lends to the connections that have something to send.
fn warm_up() {
    let mut side = Side::server();
    side.connection.send("x", Compress::Never, &mut side.keys).unwrap();
    side.transmit();
}

// row: D6
#[test]
fn the_memory_of_a_senders_context_is_known() {
    warm_up();
    for bits in [9, 10, 11, 12, 13, 14, 15] {
        let mut config = config();
        let mut deflate = DeflateConfig::default();
        deflate.server_no_context_takeover = false;
        deflate.threshold = 0;
        config.deflate = Some(deflate);
        let params = DeflateParams::default().with_server_max_window_bits(bits);
        let mut side = Side::new(Role::Server, &with_deflate(params), config);
        let base = live();
        side.connection.send("x", Compress::Auto, &mut side.keys).unwrap();
        side.transmit();
        let held = live() - base;
        let said = side.connection.retained();
        assert!(said >= held && said <= held + CONSTANT, "{bits}: {said} for {held}");
    }
}

// row: D6
#[test]
fn the_memory_of_an_unfinished_compressed_message_is_known() {
    let mut side = inflating(256, true);
    let base = live();
    feed(&mut side, &Frame::text(&bomb(100)[..2]).rsv1().unfinished().masked().encode());
    let (held, said) = (live() - base, side.connection.retained());
    assert!(said >= held && said <= held + 8 * CONSTANT, "{said} for {held}");
}

// row: C6
#[test]
fn a_flood_of_pings_whose_pongs_nobody_reads_is_held_in_a_constant() {
    let mut config = config();
    config.max_control_frames = u32::MAX;
    let mut side = Side::new(Role::Server, &Agreement::default(), config);
    let ping = Frame::ping([0x55; 125]).masked().encode();
    let base = live();
    for _ in 0..10_000 {
        feed(&mut side, &ping);
    }
    // Sixteen pongs wait at the most.
    assert!(live() - base <= CONSTANT + 16 * 126, "{}", live() - base);
}

// row: C7
#[test]
fn a_flood_of_pongs_leaves_nothing() {
    let mut config = config();
    config.max_control_frames = u32::MAX;
    let mut side = Side::new(Role::Server, &Agreement::default(), config);
    let pong = Frame::pong([0x55; 125]).masked().encode();
    let base = live();
    for _ in 0..10_000 {
        feed(&mut side, &pong);
    }
    assert_eq!(live(), base);
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    warm_up();
    let deflate = with_deflate(
        DeflateParams::default()
            .with_server_no_context_takeover(true)
            .with_client_no_context_takeover(true),
    );
    let config = std::sync::Arc::new(Config::default());
    let now = Side::server().now;
    let before = live();
    let mut connection = Connection::new(Role::Server, &deflate, config, now);
    let fresh = live() - before;
    // The two boxes that say how to inflate and deflate.
    assert!(fresh <= 160, "{fresh}");
    // After a message each way it is the same again.
    let mut bytes = Frame::text("hello".repeat(50)).masked().encode();
    let mut input = Input::new(&mut bytes);
    assert!(connection.poll_event(now, &mut input).is_some());
    drop(input);
    drop(bytes);
    connection.send("hello", Compress::Never, &mut NoMask).unwrap();
    let mut slices = [std::io::IoSlice::new(&[])];
    assert_eq!(connection.poll_transmit(&mut NoMask, &mut slices), 1);
    let len = slices[0].len();
    connection.handle_transmitted(now, len);
    assert_eq!(live() - before, fresh);
    assert_eq!(connection.retained(), 0);
}

#[test]
fn a_queue_says_what_it_holds() {
    let mut dice = Dice::new(5);
    let shared = SharedFrame::new(vec![1; 20_000]);
    let mut side = Side::server();
    side.connection.send_shared(&shared, &mut side.keys).unwrap();
    side.transmit();
    let base = live();
    for _ in 0..2000 {
        let Side { connection, keys, .. } = &mut side;
        let _ = match dice.below(4) {
            0 => connection.send(dice.bytes(17_000), Compress::Auto, keys),
            1 => connection.send_shared(&shared, keys),
            2 => connection.send(&[7; 3000][..], Compress::Auto, keys),
            _ => connection.send("short", Compress::Auto, keys),
        };
        if dice.one_in(3) {
            let some = 1 + dice.below(9000);
            side.transmit_at_most(some);
        }
        let (held, said) = (live() - base, side.connection.retained());
        // Besides the bytes there is the list of what is queued.
        assert!(held <= said + 16 * 1024, "{held} held, {said} said");
        assert!(side.connection.buffered_amount() <= said);
    }
}
