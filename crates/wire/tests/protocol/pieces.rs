//! Messages in pieces, in both directions: larger than memory, larger than limits.

use everwire_testkit::{Dice, Frame, Happened, Pair, Side, config, read_frames, with_deflate};
use everwire_wire::{
    Agreement, CloseCode, Compress, DeflateParams, Kind, Role, SendError, SharedFrame,
};

/// All bytes of all pieces; the last one has to say so.
fn whole(side: &Side) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (n, event) in side.events.iter().enumerate() {
        let Happened::Piece { bytes: piece, last, .. } = event else { panic!("{event:?}") };
        assert_eq!(*last, n == side.events.len() - 1);
        assert!(piece.len() <= 64 << 10);
        bytes.extend_from_slice(piece);
    }
    bytes
}

#[test]
fn a_message_over_every_limit_passes_in_pieces_and_nothing_of_it_is_held() {
    let mut config = config();
    config.max_message_size = 10_000;
    for deflate in [None, Some(DeflateParams::default())] {
        let mut pair = Pair::new(&Agreement::new(None, deflate), &config);
        pair.server.in_pieces = true;
        let mut dice = Dice::new(11);
        let part: Vec<u8> = dice.bytes(1000).iter().map(|byte| byte & 0x1F).collect();
        let mut total = 0;
        for n in 0..1000 {
            let Side { connection, keys, .. } = &mut pair.client;
            connection.send_piece(Kind::Binary, &part, n == 999, Compress::Auto, keys).unwrap();
            assert!(connection.is_sending_pieces() != (n == 999));
            pair.deliver();
            pair.from_client.clear();
            assert!(pair.server.connection.unfinished() < 1000);
            for event in pair.server.events.drain(..) {
                let Happened::Piece { bytes, kind, last } = event else { panic!("{event:?}") };
                assert_eq!(kind, Kind::Binary);
                total += bytes.len();
                assert_eq!(last, total == 1_000_000);
            }
        }
        assert_eq!(total, 1_000_000);
    }
}

#[test]
fn a_large_inflated_message_comes_in_pieces_of_64_kib_at_most() {
    let params = DeflateParams::default();
    for chunk in [1, 100, usize::MAX] {
        for len in [0, 1, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 1 << 20] {
            let mut pair = Pair::new(&with_deflate(params), &config());
            pair.server.in_pieces = true;
            pair.chunk = chunk;
            let data: Vec<u8> = (0..len).map(|i| (i / 1000) as u8).collect();
            pair.client.connection.send(&data, Compress::Auto, &mut pair.client.keys).unwrap();
            pair.deliver();
            assert_eq!(whole(&pair.server), data, "{chunk} {len}");
        }
    }
}

#[test]
fn pieces_are_checked_as_text_and_may_end_inside_a_code_point() {
    let mut server = Side::server();
    server.in_pieces = true;
    server.receive_by(1, Frame::text("é€😀").masked().encode());
    assert_eq!(whole(&server), "é€😀".as_bytes());
    server.receive(Frame::text(b"a\xE2\x82").masked().encode());
    assert_eq!(server.close_code_sent(), Some(1007));
}

#[test]
fn one_message_in_pieces_and_one_whole_take_turns() {
    let mut server = Side::server();
    server.in_pieces = true;
    server.receive(Frame::text("part").unfinished().masked().encode());
    // Asking for whole messages now does not change the one that was begun.
    server.in_pieces = false;
    server.receive(Frame::continuation("ial").masked().encode());
    assert_eq!(whole(&server), b"partial");
    server.events.clear();
    server.receive(Frame::text("who").unfinished().masked().encode());
    server.in_pieces = true;
    server.receive(Frame::continuation("le").masked().encode());
    assert_eq!(server.events, [Happened::text("whole")]);
}

#[test]
fn control_frames_pass_between_pieces() {
    let mut server = Side::server();
    server.in_pieces = true;
    server.receive(Frame::text("a").unfinished().masked().encode());
    server.receive(Frame::ping("p").masked().encode());
    server.receive(Frame::continuation("b").masked().encode());
    assert_eq!(server.events[1], Happened::ping(b"p"));
    assert_eq!(server.events.len(), 3);
}

#[test]
fn nothing_else_can_be_sent_inside_a_message_in_pieces() {
    let mut server = Side::server();
    let Side { connection, keys, .. } = &mut server;
    connection.send_piece(Kind::Text, b"a", false, Compress::Auto, keys).unwrap();
    let busy = Err(SendError::MessageInProgress);
    assert_eq!(connection.send("b", Compress::Auto, keys), busy);
    assert_eq!(connection.send_shared(&SharedFrame::new("c"), keys), busy);
    // Control frames can.
    connection.ping(b"p").unwrap();
    connection.send_piece(Kind::Text, b"d", true, Compress::Auto, keys).unwrap();
    connection.send("e", Compress::Auto, keys).unwrap();
    let frames = read_frames(&server.transmit());
    let shapes: Vec<_> = frames.iter().map(|f| (f.opcode, f.fin, &f.payload[..])).collect();
    let expected: [(u8, bool, &[u8]); 4] =
        [(9, true, b"p"), (1, false, b"a"), (0, true, b"d"), (1, true, b"e")];
    assert_eq!(shapes, expected);
}

#[test]
fn a_connection_may_be_closed_inside_a_message_in_pieces() {
    let mut pair = Pair::plain();
    let Side { connection, keys, now, .. } = &mut pair.client;
    connection.send_piece(Kind::Text, b"unfinished", false, Compress::Auto, keys).unwrap();
    connection.close(*now, None);
    pair.deliver();
    assert!(pair.server.report().unwrap().was_clean);
    assert_eq!(pair.client.report().unwrap().code, CloseCode::NO_STATUS);
    assert_eq!(pair.server.events.len(), 1);
}

#[test]
fn the_frame_limit_holds_for_pieces_too() {
    let mut config = config();
    config.max_frame_size = 100;
    let mut server = Side::new(Role::Server, &Agreement::default(), config);
    server.in_pieces = true;
    server.receive(Frame::binary([0; 101]).masked().encode());
    assert_eq!(server.close_code_sent(), Some(1009));
}
