//! A text message that is answered as a ping is.

use everwire_testkit::{Frame, Happened, Side, config, read_frames, with_deflate};
use everwire_wire::{
    Agreement, CloseCause, Compress, Config, DeflateParams, Kind, ProtocolError, Role, SendError,
    TextHeartbeat,
};

fn with_heartbeat() -> Config {
    let mut config = config();
    config.text_heartbeat = Some(TextHeartbeat::default());
    config
}

fn side(role: Role) -> Side {
    Side::new(role, &Agreement::default(), with_heartbeat())
}

/// The text frames among what is written.
fn texts(side: &mut Side) -> Vec<String> {
    let frames = read_frames(&side.transmit());
    let texts = frames.into_iter().filter(|frame| frame.opcode == 0x1);
    texts.map(|frame| String::from_utf8(frame.payload).unwrap()).collect()
}

#[test]
fn a_text_ping_is_answered_and_not_shown_as_a_message() {
    for role in [Role::Client, Role::Server] {
        for (in_pieces, chunk) in [(false, 1), (false, 99), (true, 1), (true, 3), (true, 99)] {
            let mut side = side(role);
            side.in_pieces = in_pieces;
            side.short_way = !in_pieces;
            for n in 1..=3 {
                side.receive_by(chunk, Frame::text("ping").from(role.peer()).encode());
                assert_eq!(side.events.len(), n, "in pieces: {in_pieces}, by {chunk}");
                assert_eq!(side.events[n - 1], Happened::ping(b"ping"));
                assert!(side.connection.wants_transmit());
                let frames = read_frames(&side.transmit());
                assert_eq!(frames.len(), 1);
                assert_eq!((frames[0].opcode, &frames[0].payload[..]), (0x1, &b"pong"[..]));
                assert_eq!(frames[0].key.is_some(), role == Role::Client);
                assert!(!side.connection.wants_transmit());
            }
        }
    }
}

#[test]
fn text_pings_between_messages_in_one_read_are_answered_in_turn() {
    let mut server = side(Role::Server);
    server.short_way = true;
    let texts_in = ["one", "ping", "two", "ping", "three"];
    let bytes: Vec<u8> =
        texts_in.iter().flat_map(|text| Frame::text(*text).masked().encode()).collect();
    server.receive(&bytes);
    let shown = [
        Happened::text("one"),
        Happened::ping(b"ping"),
        Happened::text("two"),
        Happened::ping(b"ping"),
        Happened::text("three"),
    ];
    assert_eq!(server.events, shown);
    assert_eq!(texts(&mut server), ["pong", "pong"]);
}

#[test]
fn only_the_very_text_is_a_ping() {
    let mut server = side(Role::Server);
    server.short_way = true;
    for text in ["Ping", "ping ", "pin", "pong", ""] {
        server.receive(Frame::text(text).masked().encode());
        assert_eq!(server.events.pop(), Some(Happened::text(text)));
    }
    server.receive(Frame::binary("ping").masked().encode());
    assert_eq!(server.events.pop(), Some(Happened::binary(b"ping")));
    assert!(server.transmit().is_empty());
}

#[test]
fn without_a_text_heartbeat_a_ping_in_text_is_a_message() {
    let mut server = Side::server();
    server.receive(Frame::text("ping").masked().encode());
    assert_eq!(server.events, [Happened::text("ping")]);
    assert!(server.transmit().is_empty());
}

#[test]
fn a_text_ping_may_be_compressed_as_browsers_do() {
    for in_pieces in [false, true] {
        let agreement = with_deflate(DeflateParams::default());
        let mut server = Side::new(Role::Server, &agreement, with_heartbeat());
        server.in_pieces = in_pieces;
        // RFC 7692 §7.2.3.1's encoding of four letters: a block with fixed codes.
        let deflated = [0x2a, 0xc8, 0xcc, 0x4b, 0x07, 0x00];
        server.receive(Frame::text(deflated).rsv(0b100).masked().encode());
        assert_eq!(server.events, [Happened::ping(b"ping")]);
        assert_eq!(texts(&mut server), ["pong"]);
    }
}

#[test]
fn a_text_ping_in_fragments_is_one_when_messages_come_whole() {
    let mut server = side(Role::Server);
    server.receive(Frame::text("pi").unfinished().masked().encode());
    server.receive(Frame::continuation("ng").masked().encode());
    assert_eq!(server.events, [Happened::ping(b"ping")]);
}

#[test]
fn text_pongs_wait_for_a_message_that_is_being_sent_in_pieces() {
    let mut server = side(Role::Server);
    let send = |server: &mut Side, piece: &[u8], last| {
        let Side { connection, keys, .. } = server;
        connection.send_piece(Kind::Text, piece, last, Compress::Never, keys).unwrap();
    };
    send(&mut server, b"all ", false);
    server.transmit();
    server.receive(Frame::text("ping").masked().encode());
    assert!(!server.connection.wants_transmit(), "a data frame may not stand between fragments");
    send(&mut server, b"there", true);
    let frames = read_frames(&server.transmit());
    let payloads: Vec<_> = frames.iter().map(|frame| (frame.opcode, &frame.payload[..])).collect();
    assert_eq!(payloads, [(0x0, &b"there"[..]), (0x1, b"pong")]);
}

#[test]
fn a_peer_that_pings_and_does_not_read_costs_a_few_bytes() {
    let mut config = with_heartbeat();
    config.max_control_frames = u32::MAX;
    config.max_queued_bytes = 1000;
    let mut server = Side::new(Role::Server, &Agreement::default(), config);
    for _ in 0..10_000 {
        server.receive(Frame::text("ping").masked().encode());
        server.transmit_at_most(0);
    }
    assert!(server.connection.retained() <= 2048, "{}", server.connection.retained());
    let pongs = texts(&mut server).len();
    assert!((16..=200).contains(&pongs), "{pongs}");
}

#[test]
fn more_text_pings_a_second_than_the_limit_are_refused() {
    let mut server = side(Role::Server);
    for _ in 0..1001 {
        server.receive(Frame::text("ping").masked().encode());
        server.transmit();
    }
    let error = ProtocolError::TooManyControlFrames { max: 1000 };
    assert_eq!(server.report().unwrap().cause, CloseCause::Violation(error));
}

#[test]
fn a_ping_in_order_leaves_behind_all_that_was_queued() {
    for role in [Role::Client, Role::Server] {
        let mut side = side(role);
        let long = vec![7; 40_000];
        {
            let Side { connection, keys, .. } = &mut side;
            connection.send("first", Compress::Never, keys).unwrap();
            connection.send(long.clone(), Compress::Never, keys).unwrap();
            connection.ping_in_order(b"mark", keys).unwrap();
            connection.send("last", Compress::Never, keys).unwrap();
            let error = connection.ping_in_order(&[0; 126], keys);
            assert_eq!(error, Err(SendError::PingTooLong(126)));
        }
        let opcodes: Vec<u8> =
            read_frames(&side.transmit()).iter().map(|frame| frame.opcode).collect();
        assert_eq!(opcodes, [0x1, 0x2, 0x9, 0x1]);
    }
}

#[test]
fn a_ping_in_order_that_did_not_leave_is_no_unsent_message() {
    let mut client = side(Role::Client);
    let Side { connection, keys, .. } = &mut client;
    connection.send("one", Compress::Never, keys).unwrap();
    connection.ping_in_order(b"mark", keys).unwrap();
    connection.send("two", Compress::Never, keys).unwrap();
    client.connection.abort(client.now);
    client.receive([]);
    assert_eq!(client.report().unwrap().unsent.messages, 2);
}
