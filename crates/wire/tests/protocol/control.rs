//! RFC 6455 §5.5: control frames.

use std::time::Duration;

use everwire_testkit::{Frame, Happened, Side, config, read_frames};
use everwire_wire::{Agreement, CloseCause, Compress, ProtocolError, Role, SendError};

// row: C1
#[test]
fn control_frames_over_125_bytes_are_refused_by_their_header() {
    for role in [Role::Client, Role::Server] {
        for opcode in [0x8, 0x9, 0xA] {
            for len in [126, 127, 65_536] {
                let mut side = Side::plain(role);
                let bytes = Frame::new(opcode, "").announcing(len).from(role.peer()).encode();
                side.receive(&bytes[..2]);
                assert_eq!(side.close_code_sent(), Some(1002));
                let error = ProtocolError::ControlFrameTooLong;
                assert_eq!(side.report().unwrap().cause, CloseCause::Violation(error));
            }
        }
    }
}

#[test]
fn a_few_pings_in_one_read_get_a_pong_each() {
    let mut server = Side::server();
    let pings: Vec<u8> = (0..16u8).flat_map(|n| Frame::ping([n]).masked().encode()).collect();
    server.receive(&pings);
    let frames = read_frames(&server.transmit());
    let payloads: Vec<u8> = frames.iter().map(|frame| frame.payload[0]).collect();
    assert_eq!(payloads, (0..16).collect::<Vec<u8>>());
}

// row: C6
#[test]
fn of_many_pings_the_newest_stands_for_all_that_could_not_be_answered() {
    let mut server = Side::server();
    for n in 0..1000u32 {
        server.receive(Frame::ping(n.to_be_bytes()).masked().encode());
        let waiting = server.connection.retained();
        assert!(waiting <= 4096, "{waiting} bytes wait after {n} pings");
    }
    assert_eq!(server.events.len(), 1000);
    assert_eq!(server.connection.buffered_amount(), 0);
    let frames = read_frames(&server.transmit());
    assert!(frames.len() <= 16, "{} pongs waited", frames.len());
    let newest = frames.last().unwrap();
    assert_eq!((newest.opcode, &newest.payload[..]), (0xA, &999u32.to_be_bytes()[..]));
}

// row: C6
#[test]
fn more_control_frames_a_second_than_the_limit_are_refused() {
    let mut server = Side::server();
    for second in 0..3 {
        for n in 0..500 {
            server.receive(Frame::ping("").masked().encode());
            server.receive(Frame::pong("").masked().encode());
            assert_eq!(server.events.len(), (second * 500 + n + 1) * 2);
        }
        server.advance(Duration::from_secs(1));
    }
    assert!(server.report().is_none());
    for _ in 0..1001 {
        server.receive(Frame::ping("").masked().encode());
    }
    assert_eq!(server.close_code_sent(), Some(1008));
    let error = ProtocolError::TooManyControlFrames { max: 1000 };
    assert_eq!(server.report().unwrap().cause, CloseCause::Violation(error));
    assert_eq!(server.events.len(), 3000 + 1000 + 1);
}

// row: C7
#[test]
fn pongs_that_nobody_asked_for_are_legal_and_leave_nothing_behind() {
    let mut config = config();
    config.max_control_frames = u32::MAX;
    let mut server = Side::new(Role::Server, &Agreement::default(), config);
    let retained = server.connection.retained();
    for _ in 0..10_000 {
        server.receive(Frame::pong("you did not ask").masked().encode());
        assert_eq!(server.events.pop(), Some(Happened::pong(b"you did not ask")));
    }
    assert_eq!(server.connection.retained(), retained);
    assert!(server.transmit().is_empty());
}

// row: C8
#[test]
fn a_pong_copies_exactly_the_bytes_of_its_ping() {
    for role in [Role::Client, Role::Server] {
        for chunk in [1, usize::MAX] {
            let mut side = Side::plain(role);
            for len in 0..=125u8 {
                let payload: Vec<u8> = (0..len).map(|byte| byte ^ 0xA5).collect();
                side.receive_by(chunk, Frame::ping(&payload).from(role.peer()).encode());
                assert_eq!(side.events.pop(), Some(Happened::ping(&payload)));
                let frames = read_frames(&side.transmit());
                assert_eq!(frames.len(), 1);
                assert_eq!((frames[0].opcode, &frames[0].payload), (0xA, &payload));
                assert_eq!(frames[0].key.is_some(), role == Role::Client);
            }
        }
    }
}

#[test]
fn a_ping_carries_at_most_125_bytes() {
    let mut client = Side::client();
    assert_eq!(client.connection.ping(&[0; 126]), Err(SendError::PingTooLong(126)));
    assert_eq!(client.connection.ping(&[0; 10_000]), Err(SendError::PingTooLong(10_000)));
    assert!(client.transmit().is_empty());
    assert_eq!(client.connection.ping(&[0; 125]), Ok(()));
    assert_eq!(read_frames(&client.transmit())[0].payload.len(), 125);
}

#[test]
fn a_pong_overtakes_data_at_the_next_boundary_between_frames() {
    let mut server = Side::server();
    for _ in 0..8 {
        server.connection.send(&[1; 60_000][..], Compress::Auto, &mut server.keys).unwrap();
    }
    // Some of the first message has left when the ping comes.
    let mut sent = server.transmit_at_most(10);
    server.receive(Frame::ping("hurry").masked().encode());
    sent.extend(server.transmit());
    let opcodes: Vec<u8> = read_frames(&sent).iter().map(|frame| frame.opcode).collect();
    assert_eq!(opcodes, [2, 0xA, 2, 2, 2, 2, 2, 2, 2]);
}

#[test]
fn a_pong_waits_for_no_more_than_a_run_of_small_frames() {
    let mut server = Side::server();
    for _ in 0..10_000 {
        server.connection.send(&[1; 80][..], Compress::Auto, &mut server.keys).unwrap();
    }
    let mut sent = server.transmit_at_most(1);
    server.receive(Frame::ping("hurry").masked().encode());
    sent.extend(server.transmit());
    let frames = read_frames(&sent);
    assert_eq!(frames.len(), 10_001);
    let at = frames.iter().position(|frame| frame.opcode == 0xA).unwrap();
    let before: usize = frames[..at].iter().map(|frame| 2 + frame.payload.len()).sum();
    assert!(before <= 33 * 1024, "{before} bytes before the pong");
}

#[test]
fn a_full_queue_of_data_leaves_room_for_control_frames() {
    let mut server = Side::server();
    let max = server.connection.config().max_queued_bytes;
    while server.connection.send(&[1; 1000][..], Compress::Auto, &mut server.keys).is_ok() {}
    assert!(server.connection.buffered_amount() <= max + 4);
    server.receive(Frame::ping("p").masked().encode());
    assert_eq!(server.connection.ping(b"q"), Ok(()));
    server.connection.close(server.now, None);
    let frames = read_frames(&server.transmit());
    let opcodes: Vec<u8> = frames.iter().map(|frame| frame.opcode).collect();
    assert_eq!(opcodes[..2], [0xA, 0x9]);
    assert_eq!(*opcodes.last().unwrap(), 0x8);
}

#[test]
fn control_frames_do_not_count_as_buffered_messages() {
    let mut server = Side::server();
    server.connection.ping(b"ping").unwrap();
    assert_eq!(server.connection.buffered_amount(), 0);
    assert!(server.connection.wants_transmit());
    server.transmit();
    assert!(!server.connection.wants_transmit());
}
