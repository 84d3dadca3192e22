//! RFC 7692: messages compressed, in both directions and with every parameter.

use everwire_testkit::{Dice, Frame, Happened, Pair, Side, config, read_frames, with_deflate};
use everwire_wire::{
    CloseCause, Compress, Config, DeflateConfig, DeflateParams, Kind, ProtocolError, Role,
    SharedFrame,
};

/// A configuration that compresses everything.
fn eager(takeover: bool) -> Config {
    let mut config = config();
    let mut deflate = DeflateConfig::default();
    deflate.server_no_context_takeover = !takeover;
    deflate.client_no_context_takeover = !takeover;
    deflate.threshold = 0;
    config.deflate = Some(deflate);
    config
}

fn params(takeover: bool) -> DeflateParams {
    DeflateParams::default()
        .with_server_no_context_takeover(!takeover)
        .with_client_no_context_takeover(!takeover)
}

fn pair(takeover: bool) -> Pair {
    Pair::new(&with_deflate(params(takeover)), &eager(takeover))
}

/// Text that compresses, but not to nothing.
fn prose(dice: &mut Dice, len: usize) -> String {
    let words = ["wire ", "frame ", "fragment ", "masking key ", "opcode ", "é ", "😀 ", "close "];
    let mut text = String::new();
    while text.len() < len {
        text += words[dice.below(words.len())];
    }
    text
}

#[test]
fn messages_arrive_for_every_window_takeover_and_read_size() {
    let mut dice = Dice::new(7692);
    let text = prose(&mut dice, 70_000);
    for bits in 9..=15 {
        for takeover in [false, true] {
            let params = params(takeover)
                .with_server_max_window_bits(bits)
                .with_client_max_window_bits(bits);
            let mut pair = Pair::new(&with_deflate(params), &eager(takeover));
            for (chunk, len) in [(usize::MAX, 70_000), (1, 300), (7, 0), (100, 5_000), (13, 2_000)]
            {
                pair.chunk = chunk;
                let end = (0..=len.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
                let message = &text[..end.unwrap()];
                for side in [&mut pair.client, &mut pair.server] {
                    side.connection.send(message, Compress::Auto, &mut side.keys).unwrap();
                }
                pair.deliver();
                for side in [&mut pair.client, &mut pair.server] {
                    assert_eq!(side.events.pop(), Some(Happened::text(message)), "{bits} {chunk}");
                }
            }
        }
    }
}

#[test]
fn a_message_at_the_limit_arrives_although_compressing_it_made_it_longer() {
    let noise = Dice::new(1951).bytes(100_000);
    for (limit, arrives) in [(100_000, true), (99_999, false)] {
        let mut config = eager(false);
        (config.max_message_size, config.max_frame_size) = (limit, limit as u64);
        let mut pair = Pair::new(&with_deflate(params(false)), &config);
        let keys = &mut pair.client.keys;
        pair.client.connection.send(noise.as_slice(), Compress::Auto, keys).unwrap();
        pair.deliver();
        let sent = &read_frames(&pair.from_client)[0];
        assert_eq!(sent.rsv, 0b100);
        assert!(sent.payload.len() > noise.len());
        let arrived = pair.server.messages().iter().any(|message| message.as_bytes() == noise);
        assert_eq!(arrived, arrives);
        let too_big = ProtocolError::MessageTooBig { size: 100_000, max: 99_999 };
        let cause = pair.server.report().map(|report| report.cause.clone());
        assert_eq!(cause, (!arrives).then_some(CloseCause::Violation(too_big)));
    }
}

#[test]
fn a_compressed_message_has_rsv1_on_its_first_frame_only() {
    let mut config = eager(false);
    config.send_fragment_size = Some(10);
    let mut pair = Pair::new(&with_deflate(params(false)), &config);
    let text = prose(&mut Dice::new(1), 500);
    pair.client.connection.send(text.as_str(), Compress::Auto, &mut pair.client.keys).unwrap();
    pair.deliver();
    let frames = read_frames(&pair.from_client);
    assert!(frames.len() > 2);
    assert_eq!((frames[0].rsv, frames[0].opcode), (0b100, 1));
    assert!(frames[1..].iter().all(|frame| (frame.rsv, frame.opcode) == (0, 0)));
    assert_eq!(pair.server.events, [Happened::text(&text)]);
}

#[test]
fn with_takeover_a_repeated_message_becomes_shorter_and_without_it_does_not() {
    for takeover in [true, false] {
        let mut pair = pair(takeover);
        let text = prose(&mut Dice::new(3), 400);
        let mut lengths = Vec::new();
        for _ in 0..3 {
            let server = &mut pair.server;
            server.connection.send(text.as_str(), Compress::Auto, &mut server.keys).unwrap();
            pair.deliver();
            lengths.push(std::mem::take(&mut pair.from_server).len());
        }
        assert_eq!(pair.client.events, vec![Happened::text(&text); 3]);
        if takeover {
            assert!(lengths[1] < lengths[0] / 3, "{lengths:?}");
        } else {
            assert_eq!(lengths, [lengths[0]; 3]);
        }
    }
}

#[test]
fn empty_messages_are_compressed_to_one_byte_each() {
    for takeover in [true, false] {
        let mut pair = pair(takeover);
        for text in ["", "", "x", "", ""] {
            pair.client.connection.send(text, Compress::Auto, &mut pair.client.keys).unwrap();
        }
        pair.deliver();
        let frames = read_frames(&pair.from_client);
        assert_eq!(frames[0].payload, [0]);
        let texts: Vec<_> = pair.server.messages().iter().map(|m| m.len()).collect();
        assert_eq!(texts, [0, 0, 1, 0, 0]);
    }
}

#[test]
fn a_message_may_be_sent_uncompressed_and_the_context_survives_it() {
    let mut pair = pair(true);
    let text = prose(&mut Dice::new(4), 400);
    let send = |pair: &mut Pair, compress| {
        pair.client.connection.send(text.as_str(), compress, &mut pair.client.keys).unwrap();
        pair.deliver();
        read_frames(&std::mem::take(&mut pair.from_client)).pop().unwrap()
    };
    let first = send(&mut pair, Compress::Auto);
    let plain = send(&mut pair, Compress::Never);
    pair.client.connection.ping(b"between").unwrap();
    let last = send(&mut pair, Compress::Auto);
    assert_eq!((first.rsv, plain.rsv, last.rsv), (4, 0, 4));
    assert_eq!(plain.payload, text.as_bytes());
    assert!(last.payload.len() < first.payload.len() / 3);
    assert_eq!(pair.server.messages().len(), 3);
}

#[test]
fn messages_under_the_threshold_are_sent_as_they_are() {
    let mut config = config();
    let mut deflate = DeflateConfig::default();
    deflate.threshold = 100;
    config.deflate = Some(deflate);
    let mut pair = Pair::new(&with_deflate(params(false)), &config);
    for len in [99, 100] {
        let text = "a".repeat(len);
        pair.server.connection.send(text, Compress::Auto, &mut pair.server.keys).unwrap();
    }
    pair.deliver();
    let rsv: Vec<u8> = read_frames(&pair.from_server).iter().map(|frame| frame.rsv).collect();
    assert_eq!(rsv, [0, 4]);
}

#[test]
fn control_frames_between_compressed_fragments_are_answered_at_once() {
    for takeover in [true, false] {
        let mut sender = Side::new(Role::Client, &with_deflate(params(takeover)), eager(takeover));
        let mut server = Side::new(Role::Server, &with_deflate(params(takeover)), eager(takeover));
        let text = prose(&mut Dice::new(5), 3000);
        for _ in 0..2 {
            let mut fragments = text.as_bytes().chunks(100).peekable();
            while let Some(fragment) = fragments.next() {
                let last = fragments.peek().is_none();
                let Side { connection, keys, .. } = &mut sender;
                connection.send_piece(Kind::Text, fragment, last, Compress::Auto, keys).unwrap();
                let frame = sender.transmit();
                server.receive_by(3, frame);
                server.receive(Frame::ping("now").masked().encode());
                assert_eq!(server.events.pop(), Some(Happened::ping(b"now")));
                assert_eq!(read_frames(&server.transmit()).len(), 1);
                if last {
                    break;
                }
                assert_eq!(server.events, []);
            }
            // The message came before the last ping.
            assert_eq!(server.events.pop(), Some(Happened::text(&text)));
        }
    }
}

#[test]
fn pieces_may_be_empty_wherever_they_are() {
    for takeover in [true, false] {
        let mut pair = pair(takeover);
        for pieces in [&["", "", ""][..], &["a", "", "b", ""], &["", "c"], &[""], &["d", ""]] {
            for (n, piece) in pieces.iter().enumerate() {
                let Side { connection, keys, .. } = &mut pair.client;
                let last = n == pieces.len() - 1;
                connection
                    .send_piece(Kind::Text, piece.as_bytes(), last, Compress::Auto, keys)
                    .unwrap();
            }
            pair.deliver();
            assert_eq!(pair.server.events.pop(), Some(Happened::text(&pieces.concat())));
        }
    }
}

#[test]
fn shared_frames_and_own_messages_take_turns_in_one_context() {
    for takeover in [true, false] {
        let mut pair = pair(takeover);
        let mut dice = Dice::new(6);
        let mut expected = Vec::new();
        let shared = SharedFrame::new(prose(&mut dice, 5000));
        let secret = SharedFrame::uncompressed(prose(&mut dice, 500));
        for n in 0..40 {
            let Side { connection, keys, .. } = &mut pair.server;
            let message = match n % 4 {
                0 => {
                    connection.send_shared(&shared, keys).unwrap();
                    shared.message().clone()
                }
                1 | 2 => {
                    let own = prose(&mut dice, 300);
                    connection.send(own.as_str(), Compress::Auto, keys).unwrap();
                    own.into()
                }
                _ => {
                    connection.send_shared(&secret, keys).unwrap();
                    secret.message().clone()
                }
            };
            expected.push(Happened::Message(message));
            if dice.one_in(3) {
                pair.deliver();
            }
        }
        pair.deliver();
        assert_eq!(pair.client.events, expected);
        let rsv: Vec<u8> = read_frames(&pair.from_server).iter().map(|frame| frame.rsv).collect();
        assert_eq!(rsv[..4], [4, 4, 4, 0]);
    }
}

#[test]
fn a_peer_with_a_smaller_window_gets_the_shared_message_uncompressed() {
    let params = params(true).with_server_max_window_bits(10);
    let mut pair = Pair::new(&with_deflate(params), &eager(true));
    let text = prose(&mut Dice::new(8), 3000);
    let shared = SharedFrame::new(text.as_str());
    pair.server.connection.send_shared(&shared, &mut pair.server.keys).unwrap();
    pair.deliver();
    assert_eq!(read_frames(&pair.from_server)[0].rsv, 0);
    assert_eq!(pair.client.events, [Happened::text(&text)]);
}

#[test]
fn a_client_told_to_use_a_window_of_8_bits_sends_uncompressed() {
    let params = params(false).with_client_max_window_bits(8);
    let mut pair = Pair::new(&with_deflate(params), &eager(false));
    let text = prose(&mut Dice::new(9), 3000);
    pair.client.connection.send(text.as_str(), Compress::Auto, &mut pair.client.keys).unwrap();
    pair.server.connection.send(text.as_str(), Compress::Auto, &mut pair.server.keys).unwrap();
    pair.deliver();
    assert_eq!(read_frames(&pair.from_client)[0].rsv, 0);
    assert_eq!(read_frames(&pair.from_server)[0].rsv, 4);
    assert_eq!(pair.server.events, pair.client.events);
}

// row: U2
#[test]
fn code_points_split_over_inflated_chunks_are_accepted() {
    let mut pair = pair(false);
    // A reference of DEFLATE may begin and end inside a code point.
    let text = "😀é€".repeat(30_000);
    pair.chunk = 5;
    pair.client.connection.send(text.as_str(), Compress::Auto, &mut pair.client.keys).unwrap();
    pair.deliver();
    assert_eq!(pair.server.events, [Happened::text(&text)]);
}
