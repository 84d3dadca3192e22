//! RFC 7692, against peers that mean harm.

use everwire_testkit::{Frame, Happened, Side, config, with_deflate};
use everwire_wire::{Agreement, Role};
use everwire_wire::{CloseCause, CloseCode, Config, DeflateConfig, DeflateParams, ProtocolError};
use flate2::{Compress, Compression, FlushCompress};

const ROLES: [Role; 2] = [Role::Client, Role::Server];

fn side(role: Role, takeover: bool, config: Config) -> Side {
    let params = DeflateParams::default()
        .with_server_no_context_takeover(!takeover)
        .with_client_no_context_takeover(!takeover);
    Side::new(role, &with_deflate(params), config)
}

/// DEFLATE of `data` with this flush at its end.
fn deflate(data: &[u8], bits: u8, flush: FlushCompress) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + 1000);
    let mut codec = Compress::new_with_window_bits(Compression::best(), false, bits);
    codec.compress_vec(data, &mut out, flush).unwrap();
    out
}

/// The payload of a compressed message.
fn payload(data: &[u8]) -> Vec<u8> {
    let mut out = deflate(data, 15, FlushCompress::Sync);
    assert!(out.ends_with(&[0, 0, 0xFF, 0xFF]));
    out.truncate(out.len() - 4);
    out
}

/// What a message of these compressed bytes leads to.
fn judged(role: Role, takeover: bool, body: &[u8]) -> Side {
    let mut side = side(role, takeover, config());
    side.receive(Frame::binary(body).rsv1().from(role.peer()).encode());
    side
}

#[track_caller]
fn is_refused(side: &mut Side, error: &ProtocolError) {
    assert_eq!(side.events, []);
    assert_eq!(side.close_code_sent(), Some(error.close_code().get()));
    assert_eq!(side.report().unwrap().cause, CloseCause::Violation(error.clone()));
}

// row: D1
#[test]
fn a_bomb_in_one_frame_is_stopped_at_the_limit() {
    let bomb = payload(&vec![0; 17 << 20]);
    assert!(bomb.len() < 64 << 10);
    for role in ROLES {
        // By its ratio, long before the limit on messages.
        let mut one = judged(role, false, &bomb);
        is_refused(&mut one, &ProtocolError::InflateRatio { max: 256 });
        let mut config = config();
        config.max_inflate_ratio = u32::MAX;
        let mut two = side(role, false, config);
        two.receive(Frame::binary(&bomb).rsv1().from(role.peer()).encode());
        let size = (16 << 20) + 1;
        is_refused(&mut two, &ProtocolError::MessageTooBig { size, max: 16 << 20 });
    }
}

// row: D1
#[test]
fn a_bomb_spread_over_fragments_is_stopped_on_the_sum() {
    let bomb = payload(&vec![0; 17 << 20]);
    let mut config = config();
    config.max_inflate_ratio = u32::MAX;
    config.max_message_size = 1 << 20;
    let mut server = side(Role::Server, false, config);
    let mut fragments = bomb.chunks(100);
    let first = Frame::binary(fragments.next().unwrap()).rsv1().unfinished().masked();
    server.receive(first.encode());
    let mut sent = 100;
    for fragment in fragments {
        server.receive(Frame::continuation(fragment).unfinished().masked().encode());
        sent += fragment.len();
        if server.connection.wants_transmit() {
            break;
        }
    }
    assert!(sent < 2000, "{sent} bytes until it was stopped");
    assert_eq!(server.close_code_sent(), Some(1009));
}

// row: D1
#[test]
fn a_bomb_inside_a_bomb_is_a_short_message() {
    let nested = payload(&payload(&vec![0; 17 << 20]));
    let mut server = judged(Role::Server, false, &nested);
    // Nobody inflates twice.
    assert_eq!(server.messages().len(), 1);
    assert!(server.messages()[0].len() < 64 << 10);
    assert!(server.transmit().is_empty());
}

// row: D1
#[test]
fn the_limit_on_a_message_holds_after_inflation_to_the_byte() {
    for (len, legal) in [(5000, true), (5001, false)] {
        for chunk in [1, usize::MAX] {
            let mut config = config();
            config.max_message_size = 5000;
            let mut server = side(Role::Server, false, config);
            let bytes = Frame::binary(payload(&vec![b'z'; len])).rsv1().masked().encode();
            server.receive_by(chunk, bytes);
            assert_eq!(server.messages().len(), usize::from(legal));
            if !legal {
                is_refused(&mut server, &ProtocolError::MessageTooBig { size: 5001, max: 5000 });
            }
        }
    }
}

// row: D2
#[test]
fn garbage_is_refused() {
    for role in ROLES {
        for takeover in [true, false] {
            // A block type that does not exist; a stored block whose lengths disagree; a table of
            // codes that is over-subscribed.
            for garbage in [&b"\x07"[..], b"\x00\x01\x00\x00\x00a", b"\x05\xFF\xFF\xFF\xFF\xFF\xFF"]
            {
                let mut side = judged(role, takeover, garbage);
                is_refused(&mut side, &ProtocolError::Inflate);
                assert_eq!(side.report().unwrap().code, CloseCode::INVALID_PAYLOAD);
            }
        }
    }
}

// row: D2
#[test]
fn a_message_cut_inside_a_block_is_refused_whether_the_context_stays_or_not() {
    let data: Vec<u8> = (0..2000u32).map(|i| ((i * i) >> 5) as u8 & 0x3F).collect();
    let whole = payload(&data);
    for takeover in [true, false] {
        for cut in 1..whole.len() - 1 {
            let mut server = judged(Role::Server, takeover, &whole[..cut]);
            assert_eq!(server.messages().len(), 0, "cut at {cut} of {}, {takeover}", whole.len());
            is_refused(&mut server, &ProtocolError::Inflate);
        }
    }
}

// row: D2
#[test]
fn a_distance_before_the_beginning_is_refused() {
    // Fixed codes: the literal "a", then a match of length 3 at distance 2.
    let body = [0x4B, 0x04, 0x42, 0x00];
    for takeover in [true, false] {
        let mut server = judged(Role::Server, takeover, &body);
        is_refused(&mut server, &ProtocolError::Inflate);
    }
}

// row: D2
#[test]
fn a_distance_over_the_negotiated_window_is_judged_the_same_for_every_partition() {
    // A window of 512 was agreed on, and the message refers 4,000 bytes back.
    let mut data: Vec<u8> =
        (0..4000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    data.extend_from_within(..64);
    let params = DeflateParams::default().with_client_max_window_bits(9);
    let bytes = Frame::binary(payload(&data)).rsv1().masked().encode();
    let mut seen = Vec::new();
    for chunk in [1, 10, 1000, usize::MAX] {
        let mut server = Side::new(Role::Server, &with_deflate(params), config());
        server.receive_by(chunk, &bytes);
        server.transmit();
        seen.push(server.events);
    }
    assert!(seen.iter().all(|events| *events == seen[0]));
}

// row: D2
#[test]
fn a_distance_into_an_earlier_message_beyond_the_window_is_refused() {
    let earlier: Vec<u8> =
        (0..4000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut codec = Compress::new_with_window_bits(Compression::best(), false, 15);
    let mut part = |data: &[u8]| {
        let mut out = Vec::with_capacity(data.len() + 1000);
        codec.compress_vec(data, &mut out, FlushCompress::Sync).unwrap();
        out.truncate(out.len() - 4);
        out
    };
    let (first, second) = (part(&earlier), part(&earlier[..64]));
    assert!(second.len() < 32, "it refers to the first message");
    for (bits, legal) in [(9, false), (15, true)] {
        for chunk in [1, usize::MAX] {
            let params = DeflateParams::default().with_client_max_window_bits(bits);
            let mut server = Side::new(Role::Server, &with_deflate(params), config());
            server.receive_by(chunk, Frame::binary(&first).rsv1().masked().encode());
            server.receive_by(chunk, Frame::binary(&second).rsv1().masked().encode());
            assert_eq!(server.messages().len(), if legal { 2 } else { 1 }, "{bits} {chunk}");
            if !legal {
                assert_eq!(server.close_code_sent(), Some(1007));
            }
        }
    }
}

// row: D3
#[test]
fn unusual_but_legal_streams_are_accepted() {
    let hello = b"Hello".as_slice();
    let final_block = [deflate(hello, 15, FlushCompress::Finish), vec![0]].concat();
    let two_finals = [
        deflate(b"Hel", 15, FlushCompress::Finish),
        deflate(b"lo", 15, FlushCompress::Finish),
        vec![0],
    ]
    .concat();
    let mut many_empty = b"\x00\x00\x00\xFF\xFF".repeat(50);
    many_empty.extend(payload(hello));
    for role in ROLES {
        for takeover in [true, false] {
            for body in [
                &final_block[..],
                &two_finals,
                &many_empty,
                // §7.2.3.3: a stored block; §7.2.3.5: two blocks.
                b"\x00\x05\x00\xfa\xffHello\x00",
                b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
            ] {
                for chunk in [1, usize::MAX] {
                    let mut side = side(role, takeover, config());
                    // Twice: the first must leave the context in order.
                    for _ in 0..2 {
                        let frame = Frame::binary(body).rsv1().from(role.peer());
                        side.receive_by(chunk, frame.encode());
                        assert_eq!(side.events.pop(), Some(Happened::binary(hello)), "{body:02x?}");
                    }
                    side.receive(Frame::text([0]).rsv1().from(role.peer()).encode());
                    assert_eq!(side.events.pop(), Some(Happened::text("")));
                }
            }
        }
    }
}

// row: D3
#[test]
fn input_that_never_becomes_output_is_work_and_is_cut() {
    for in_pieces in [false, true] {
        let mut config = config();
        config.max_message_size = 100_000;
        let mut server = side(Role::Server, true, config);
        server.in_pieces = in_pieces;
        let nothing = b"\x00\x00\x00\xFF\xFF".repeat(1000);
        server.receive(Frame::binary(&nothing).rsv1().unfinished().masked().encode());
        let mut frames = 1;
        while !server.connection.wants_transmit() {
            server.receive(Frame::continuation(&nothing).unfinished().masked().encode());
            frames += 1;
            // The limit, the eighth that compressed data may grow by, and the frame that is too much.
            assert!(frames <= 23, "cut before {} bytes", frames * 5000);
        }
        assert_eq!(server.close_code_sent(), Some(1009));
    }
}

// row: D4
#[test]
fn rsv1_on_a_later_fragment_is_refused() {
    let body = payload(b"Hello");
    let (head, tail) = body.split_at(2);
    let mut server = side(Role::Server, false, config());
    server.receive(Frame::text(head).rsv1().unfinished().masked().encode());
    server.receive(Frame::continuation(tail).rsv1().masked().encode());
    is_refused(&mut server, &ProtocolError::ReservedBit);
}

// row: D4
#[test]
fn a_compressed_message_that_was_not_negotiated_is_refused() {
    for role in ROLES {
        let mut config = config();
        config.deflate = Some(DeflateConfig::default());
        let mut side = Side::new(role, &Agreement::default(), config);
        side.receive(Frame::text(payload(b"Hello")).rsv1().from(role.peer()).encode());
        is_refused(&mut side, &ProtocolError::ReservedBit);
    }
}

// row: D5
#[test]
fn a_peer_that_takes_its_context_over_although_it_agreed_not_to_is_refused() {
    let first = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    // RFC 7692 §7.2.3.2: refers to the message before.
    let second = [0xf2, 0x00, 0x11, 0x00, 0x00];
    for role in ROLES {
        for (takeover, messages) in [(true, 2), (false, 1)] {
            let mut side = side(role, takeover, config());
            for body in [&first[..], &second] {
                side.receive(Frame::text(body).rsv1().from(role.peer()).encode());
            }
            assert_eq!(side.messages().len(), messages);
            if !takeover {
                assert_eq!(side.close_code_sent(), Some(1007));
            }
        }
    }
}

// row: D7
#[test]
fn a_message_with_a_secret_can_be_kept_out_of_compression() {
    use everwire_wire::Compress::Never;
    let mut side = side(Role::Server, true, config());
    let text = "secret=1234&echo=secret=1234".repeat(100);
    side.connection.send(text.as_str(), Never, &mut side.keys).unwrap();
    let shared = everwire_wire::SharedFrame::uncompressed(text.as_str());
    side.connection.send_shared(&shared, &mut side.keys).unwrap();
    let frames = everwire_testkit::read_frames(&side.transmit());
    assert_eq!(frames.len(), 2);
    assert!(frames.iter().all(|frame| frame.rsv == 0 && frame.payload == text.as_bytes()));
}

#[test]
fn too_much_output_is_told_before_what_is_wrong_behind_it() {
    let mut config = config();
    config.max_message_size = 8192;
    // A stored block of one byte more than is allowed, and a block of a kind that there is not.
    let len = 8193_u16;
    let mut deflated = vec![0];
    deflated.extend(len.to_le_bytes());
    deflated.extend((!len).to_le_bytes());
    deflated.extend(vec![b'x'; len.into()]);
    deflated.push(0b111);
    let bytes = Frame::binary(deflated).rsv1().masked().encode();
    for chunk in [1, 1000, bytes.len() - 1, bytes.len()] {
        let agreement = with_deflate(DeflateParams::default());
        let mut server = Side::new(Role::Server, &agreement, config.clone());
        server.receive_by(chunk, &bytes);
        assert_eq!(server.close_code_sent(), Some(1009), "in reads of {chunk}");
    }
}
