//! What leaves: the queue, masks, shared frames, partial writes.

use everwire_testkit::{Dice, Frame, Happened, Side, config, read_frames, with_deflate};
use everwire_wire::{
    Agreement, Compress, DeflateParams, Kind, Message, Outbound, Role, SendError, SharedFrame,
};

#[test]
fn each_frame_of_a_client_asks_for_a_fresh_key() {
    let mut client = Side::client();
    client.connection.send("one", Compress::Auto, &mut client.keys).unwrap();
    client.connection.send(vec![2; 100_000], Compress::Auto, &mut client.keys).unwrap();
    client.connection.send_shared(&SharedFrame::new("three"), &mut client.keys).unwrap();
    let Side { connection, keys, .. } = &mut client;
    connection.send_piece(Kind::Text, b"four", false, Compress::Auto, keys).unwrap();
    connection.send_piece(Kind::Text, b"five", true, Compress::Auto, keys).unwrap();
    client.connection.ping(b"six").unwrap();
    client.receive(Frame::ping("seven").encode());
    client.connection.close(client.now, None);
    let frames = read_frames(&client.transmit());
    assert_eq!(frames.len(), 8);
    let mut keys: Vec<_> = frames.iter().map(|frame| frame.key.unwrap()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!((keys.len(), client.keys.given), (8, 8));
}

#[test]
fn a_server_never_asks_for_a_key() {
    let mut server = Side::server();
    server.connection.send("one", Compress::Auto, &mut server.keys).unwrap();
    server.connection.send_shared(&SharedFrame::new("two"), &mut server.keys).unwrap();
    server.connection.ping(b"three").unwrap();
    server.connection.close(server.now, None);
    let frames = read_frames(&server.transmit());
    assert!(frames.iter().all(|frame| frame.key.is_none()));
    assert_eq!(server.keys.given, 0);
}

/// A random life on the sending side, transmitted in writes of at most `n()` bytes.
fn life(role: Role, deflate: bool, seed: u64, n: &mut dyn FnMut() -> usize) -> Vec<u8> {
    let deflate = deflate.then(DeflateParams::default);
    let mut side = Side::new(role, &Agreement::new(None, deflate), config());
    let mut dice = Dice::new(seed);
    let large = bytes::Bytes::from(dice.bytes(17_000));
    let shared = SharedFrame::new(large.clone());
    let short = SharedFrame::new("to everyone");
    let mut all = Vec::new();
    for _ in 0..25 {
        let Side { connection, keys, .. } = &mut side;
        // Nothing here depends on how much has left, so that every way of writing is the same life.
        match dice.below(8) {
            7 => connection.send_shared(&short, keys).unwrap(),
            0 => connection.send(large.clone(), Compress::Never, keys).unwrap(),
            1 => connection.send_shared(&shared, keys).unwrap(),
            2 => {
                let pieces = 1 + dice.below(4);
                for piece in 0..pieces {
                    let part = dice.bytes(30);
                    let last = piece == pieces - 1;
                    connection.send_piece(Kind::Binary, &part, last, Compress::Auto, keys).unwrap();
                }
            }
            _ => {
                let len = dice.below(300);
                connection.send(dice.bytes(len), Compress::Auto, keys).unwrap();
            }
        }
        if dice.one_in(4) {
            loop {
                let some = side.transmit_at_most(n());
                if some.is_empty() {
                    break;
                }
                all.extend(some);
            }
        }
    }
    side.connection.close(side.now, None);
    loop {
        let some = side.transmit_at_most(n());
        if some.is_empty() {
            return all;
        }
        all.extend(some);
    }
}

#[test]
fn however_few_bytes_the_network_takes_the_bytes_are_the_same() {
    for role in [Role::Client, Role::Server] {
        for deflate in [false, true] {
            for seed in 0..4 {
                let at_once = life(role, deflate, seed, &mut || usize::MAX);
                assert_eq!(read_frames(&at_once).last().unwrap().opcode, 8);
                let mut dice = Dice::new(seed);
                assert!(life(role, deflate, seed, &mut || 1 + dice.below(20)) == at_once);
                assert!(life(role, deflate, seed, &mut || 1 + dice.below(70_000)) == at_once);
            }
        }
    }
}

#[test]
fn control_frames_land_between_frames_wherever_a_write_stops() {
    for role in [Role::Client, Role::Server] {
        for stop in 0..200 {
            let mut side = Side::plain(role);
            for n in 0..10u8 {
                side.connection.send(&[n; 10][..], Compress::Auto, &mut side.keys).unwrap();
            }
            side.connection.send(vec![1; 20_000], Compress::Auto, &mut side.keys).unwrap();
            let mut sent = Vec::new();
            if stop > 0 {
                sent.extend(side.transmit_at_most(stop));
            }
            side.receive(Frame::ping("in between").from(role.peer()).encode());
            side.connection.ping(b"ours").unwrap();
            // A newer ping while the first answer is on its way is answered by itself.
            sent.extend(side.transmit_at_most(3));
            side.receive(Frame::ping("again").from(role.peer()).encode());
            sent.extend(side.transmit());
            let frames = read_frames(&sent);
            let data: Vec<u8> =
                frames.iter().filter(|f| f.opcode == 2).map(|f| f.payload[0]).collect();
            assert_eq!(data, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1], "{stop}");
            let pongs: Vec<&[u8]> =
                frames.iter().filter(|f| f.opcode == 0xA).map(|f| &f.payload[..]).collect();
            assert_eq!(pongs.last(), Some(&&b"again"[..]));
            assert_eq!(frames.iter().filter(|f| f.opcode == 9).count(), 1);
        }
    }
}

#[test]
fn a_full_queue_refuses_a_message_whole_and_takes_it_later() {
    let mut config = config();
    config.max_queued_bytes = 1000;
    let mut server = Side::new(Role::Server, &Agreement::default(), config);
    let large = vec![1; 5000];
    // One message that is larger by itself may wait alone.
    assert_eq!(server.connection.check_sendable(5000), Ok(()));
    server.connection.send(&large, Compress::Auto, &mut server.keys).unwrap();
    let full = Err(SendError::QueueFull { queued: 5004, max: 1000 });
    assert_eq!(server.connection.check_sendable(1), full);
    assert_eq!(server.connection.send("x", Compress::Auto, &mut server.keys), full);
    let shared = SharedFrame::new("x");
    assert_eq!(server.connection.send_shared(&shared, &mut server.keys), full);
    let Side { connection, keys, .. } = &mut server;
    assert_eq!(connection.send_piece(Kind::Text, b"x", true, Compress::Auto, keys), full);
    assert!(!connection.is_sending_pieces());
    assert_eq!(connection.buffered_amount(), 5004);
    server.transmit_at_most(4500);
    assert_eq!(server.connection.buffered_amount(), 504);
    server.connection.send(&[2; 492][..], Compress::Auto, &mut server.keys).unwrap();
    assert!(server.connection.check_sendable(1).is_err());
    assert_eq!(server.transmit().len(), 504 + 496);
    assert_eq!(server.connection.buffered_amount(), 0);
}

#[test]
fn a_large_owned_message_of_a_server_is_shared_and_not_copied() {
    let mut server = Side::server();
    let payload = bytes::Bytes::from(vec![7; 100_000]);
    server.connection.send(payload.clone(), Compress::Auto, &mut server.keys).unwrap();
    let mut slices = [std::io::IoSlice::new(&[]); 4];
    let filled = server.connection.poll_transmit(&mut server.keys, &mut slices);
    assert_eq!(filled, 2);
    assert_eq!(slices[1].as_ptr(), payload.as_ptr());
}

#[test]
fn a_shared_frame_is_encoded_once_for_all() {
    for shared in ["to everyone ".repeat(5000), "short".into()].map(SharedFrame::new) {
        let mut at = std::collections::HashSet::new();
        for deflate in [None, None, Some(DeflateParams::default()), Some(DeflateParams::default())]
        {
            let compressed = deflate.is_some();
            let mut server = Side::new(Role::Server, &Agreement::new(None, deflate), config());
            server.connection.send_shared(&shared, &mut server.keys).unwrap();
            if !compressed {
                let mut slices = [std::io::IoSlice::new(&[]); 4];
                let filled = server.connection.poll_transmit(&mut server.keys, &mut slices);
                assert_eq!(filled, 1);
                at.insert(slices[0].as_ptr());
            }
            let mut client = Side::new(Role::Client, &Agreement::new(None, deflate), config());
            client.receive(server.transmit());
            assert_eq!(client.events, [Happened::Message(shared.message().clone())]);
        }
        assert_eq!(at.len(), 1);
    }
}

#[test]
fn what_is_queued_behind_a_shared_frame_follows_it_wherever_its_writing_stopped() {
    for shared in [SharedFrame::new("12345"), SharedFrame::new(vec![1; 20_000])] {
        let payload = shared.message().clone();
        for written in [0, 1, 6, 7, 20_003, 20_004] {
            let mut server = Side::server();
            server.connection.send_shared(&shared, &mut server.keys).unwrap();
            let mut all = server.transmit_at_most(written);
            server.connection.send("next", Compress::Auto, &mut server.keys).unwrap();
            server.connection.send_shared(&shared, &mut server.keys).unwrap();
            all.extend(server.transmit());
            let frames = read_frames(&all);
            let payloads: Vec<_> = frames.iter().map(|frame| &frame.payload[..]).collect();
            assert_eq!(payloads, [payload.as_bytes(), b"next", payload.as_bytes()], "{written}");
        }
    }
}

#[test]
fn a_client_shares_only_the_message() {
    let shared = SharedFrame::new("hello");
    let mut sent = Vec::new();
    for _ in 0..2 {
        let mut client = Side::new(Role::Client, &with_deflate(DeflateParams::default()), config());
        client.connection.send("shifts the keys", Compress::Never, &mut client.keys).unwrap();
        client.connection.send_shared(&shared, &mut client.keys).unwrap();
        sent = read_frames(&client.transmit());
        assert_eq!(sent[1].payload, b"hello");
    }
    assert_ne!(sent[0].key, sent[1].key);
}

#[test]
fn every_kind_of_payload_can_be_sent() {
    let mut server = Side::server();
    let Side { connection, keys, .. } = &mut server;
    connection.send("str", Compress::Auto, keys).unwrap();
    connection.send(String::from("String"), Compress::Auto, keys).unwrap();
    connection.send(&b"slice"[..], Compress::Auto, keys).unwrap();
    connection.send(b"vec".to_vec(), Compress::Auto, keys).unwrap();
    let owned = b"ref".to_vec();
    connection.send(&owned, Compress::Auto, keys).unwrap();
    connection.send(bytes::Bytes::from_static(b"bytes"), Compress::Auto, keys).unwrap();
    connection.send(Message::text("message"), Compress::Auto, keys).unwrap();
    let mut client = Side::client();
    client.receive(server.transmit());
    let expected = [
        Happened::text("str"),
        Happened::text("String"),
        Happened::binary(b"slice"),
        Happened::binary(b"vec"),
        Happened::binary(b"ref"),
        Happened::binary(b"bytes"),
        Happened::text("message"),
    ];
    assert_eq!(client.events, expected);
}

#[test]
fn the_pieces_of_a_text_must_be_utf8_as_a_whole() {
    let mut client = Side::client();
    let send = |client: &mut Side, piece: &[u8], last: bool| {
        let keys = &mut client.keys;
        client.connection.send_piece(Kind::Text, piece, last, Compress::Never, keys)
    };
    let euro = "€".as_bytes();
    assert_eq!(send(&mut client, &euro[..1], false), Ok(()));
    assert_eq!(send(&mut client, b"x", false), Err(SendError::NotUtf8));
    assert_eq!(send(&mut client, b"", true), Err(SendError::NotUtf8));
    assert_eq!(send(&mut client, &euro[1..], true), Ok(()));
    let frames = read_frames(&client.transmit());
    assert_eq!(frames.iter().map(|frame| frame.payload.len()).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_long_message_may_leave_from_where_it_lies_and_the_rest_of_it_is_queued() {
    let payload: Vec<u8> = (0..20_000u32).map(|n| n as u8).collect();
    let whole = payload.len() + 4;
    for written in [0, 1, 3, 4, 5, 19_999, whole - 1, whole] {
        let mut server = Side::server();
        let message = Outbound::Binary(&payload);
        let direct = server.connection.direct(&message, Compress::Auto).unwrap();
        let mut bytes = [direct.head(), message.payload()].concat();
        bytes.truncate(written);
        server.connection.handle_written(server.now, &direct, &message, written);
        assert_eq!(server.connection.buffered_amount(), whole - written);
        server.connection.send("behind", Compress::Auto, &mut server.keys).unwrap();
        bytes.extend(server.transmit());
        let frames = read_frames(&bytes);
        assert_eq!(frames.len(), 2, "{written}");
        assert_eq!((frames[0].opcode, &frames[0].payload), (0x2, &payload));
        assert_eq!(frames[1].payload, b"behind");
        assert_eq!(server.connection.retained(), 0);
    }
}

#[test]
fn only_what_needs_no_work_leaves_from_where_it_lies() {
    let long = vec![7; 20_000];
    let message = Outbound::Binary(&long);
    let is_direct = |side: &Side| side.connection.direct(&message, Compress::Auto).is_some();
    assert!(is_direct(&Side::server()));
    assert!(!is_direct(&Side::client()), "what a client sends is masked");
    let short = Outbound::Binary(&long[..1000]);
    assert!(Side::server().connection.direct(&short, Compress::Auto).is_none());
    let agreement = with_deflate(DeflateParams::default());
    let deflating = Side::new(Role::Server, &agreement, config());
    assert!(!is_direct(&deflating));
    assert!(deflating.connection.direct(&message, Compress::Never).is_some());
    let mut fragmenting = config();
    fragmenting.send_fragment_size = Some(1000);
    assert!(!is_direct(&Side::new(Role::Server, &Agreement::default(), fragmenting)));

    let mut server = Side::server();
    server.connection.send("first", Compress::Auto, &mut server.keys).unwrap();
    assert!(!is_direct(&server), "it would overtake");
    server.transmit();
    assert!(is_direct(&server));
    server.receive(Frame::ping("").masked().encode());
    assert!(!is_direct(&server), "a pong waits");
    server.transmit();
    let Side { connection, keys, .. } = &mut server;
    connection.send_piece(Kind::Binary, b"piece", false, Compress::Auto, keys).unwrap();
    server.transmit();
    assert!(!is_direct(&server), "a message in pieces is not complete");
    server.connection.close(server.now, None);
    assert!(!is_direct(&server));
}
