//! RFC 6455 §5.5.1 and §7: the closing handshake.

use std::io::ErrorKind;
use std::time::Duration;

use everwire_testkit::{Frame, Happened, Pair, Side, read_frames};
use everwire_wire::{
    CloseCause, CloseCode, CloseReason, Compress, ProtocolError, ReadyState, Role, SendError,
};

fn reason(code: CloseCode, text: &str) -> Option<CloseReason> {
    Some(CloseReason::new(code, text).unwrap())
}

#[test]
fn a_close_is_answered_with_its_code_and_both_report_it_clean() {
    for client_closes in [true, false] {
        let mut pair = Pair::plain();
        let (closer, other) = if client_closes {
            (&mut pair.client, &mut pair.server)
        } else {
            (&mut pair.server, &mut pair.client)
        };
        closer.connection.close(closer.now, reason(CloseCode::GOING_AWAY, "so long"));
        assert_eq!(closer.connection.ready_state(), ReadyState::Closing);
        assert_eq!(other.connection.ready_state(), ReadyState::Open);
        pair.deliver();
        let (closer, other) =
            if client_closes { (&pair.client, &pair.server) } else { (&pair.server, &pair.client) };
        let report = closer.report().unwrap();
        assert_eq!((report.code, report.was_clean), (CloseCode::GOING_AWAY, true));
        assert_eq!((report.unsent.messages, report.unsent.bytes), (0, 0));
        assert_eq!(report.cause, CloseCause::Local);
        let report = other.report().unwrap();
        assert_eq!((report.code, &*report.reason), (CloseCode::GOING_AWAY, "so long"));
        assert_eq!((report.was_clean, &report.cause), (true, &CloseCause::Peer));
        assert_eq!(closer.connection.ready_state(), ReadyState::Closed);
        assert_eq!(other.connection.ready_state(), ReadyState::Closed);
    }
}

// row: C2
#[test]
fn of_all_close_codes_exactly_those_that_may_be_sent_are_accepted() {
    for code in 0..=u16::MAX {
        // §7.4.1, §7.4.2 and the IANA registry.
        let legal = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        let mut side = Side::client();
        side.receive(Frame::close(code, "why").encode());
        let answer = side.close_code_sent();
        let report = side.report().unwrap();
        if legal {
            assert_eq!(answer, Some(code));
            assert_eq!((report.code.get(), &*report.reason), (code, "why"));
            assert_eq!((report.was_clean, &report.cause), (true, &CloseCause::Peer));
        } else {
            assert_eq!(answer, Some(1002), "{code}");
            let cause = CloseCause::Violation(ProtocolError::CloseCode(code));
            assert_eq!((report.was_clean, &report.cause), (false, &cause));
        }
        let sendable = CloseCode::try_from(code).is_ok_and(CloseCode::is_sendable);
        assert_eq!(sendable, legal, "{code}");
    }
}

// row: C2
#[test]
fn a_close_body_of_one_byte_is_refused() {
    let mut server = Side::server();
    server.receive(Frame::close_with([3]).masked().encode());
    assert_eq!(server.close_code_sent(), Some(1002));
    let error = ProtocolError::CloseBodyOfOneByte;
    assert_eq!(server.report().unwrap().cause, CloseCause::Violation(error));
}

// row: U3
#[test]
fn a_close_reason_that_is_not_utf8_is_refused() {
    for bad in [&b"\xFF"[..], b"caf\xC3", b"\xED\xA0\x80", b"ok \xF4\x90\x80\x80"] {
        let mut server = Side::server();
        let body = [&1000u16.to_be_bytes()[..], bad].concat();
        server.receive(Frame::close_with(body).masked().encode());
        assert_eq!(server.close_code_sent(), Some(1007));
        let error = ProtocolError::CloseReasonNotUtf8;
        assert_eq!(server.report().unwrap().cause, CloseCause::Violation(error));
    }
}

// row: C3
#[test]
fn what_follows_a_close_frame_is_ignored() {
    for separate in [false, true] {
        let mut server = Side::server();
        let mut bytes = Frame::close(1000, "").masked().encode();
        for frame in [
            Frame::text("data"),
            Frame::ping("ping"),
            Frame::close(1001, "again"),
            Frame::new(0xF, "bad").rsv(7),
        ] {
            bytes.extend(frame.masked().encode());
        }
        server.receive_by(if separate { 1 } else { usize::MAX }, &bytes);
        let frames = read_frames(&server.transmit());
        assert_eq!(frames.len(), 1);
        assert_eq!((frames[0].opcode, &frames[0].payload[..]), (8, &1000u16.to_be_bytes()[..]));
        server.receive(bytes);
        assert_eq!(server.events.len(), 1);
        let report = server.report().unwrap();
        assert_eq!((report.code, report.was_clean), (CloseCode::NORMAL, true));
    }
}

// row: C4
#[test]
fn a_close_from_both_sides_at_once_is_clean() {
    let mut pair = Pair::plain();
    pair.client.connection.close(pair.client.now, reason(CloseCode::NORMAL, "client"));
    pair.server.connection.close(pair.server.now, reason(CloseCode::GOING_AWAY, "server"));
    pair.deliver();
    for (side, theirs) in [(&pair.client, CloseCode::GOING_AWAY), (&pair.server, CloseCode::NORMAL)]
    {
        let report = side.report().unwrap();
        assert_eq!((report.code, report.was_clean), (theirs, true));
    }
    // Neither answers a second time.
    assert_eq!(read_frames(&pair.from_client).len(), 1);
    assert_eq!(read_frames(&pair.from_server).len(), 1);
}

// row: C4
#[test]
fn a_close_frame_may_be_empty_or_as_long_as_a_control_frame() {
    let mut server = Side::server();
    server.receive(Frame::close_with("").masked().encode());
    assert_eq!(read_frames(&server.transmit())[0].payload, b"");
    let report = server.report().unwrap();
    // §7.1.5: no code in the frame is reported as 1005.
    assert_eq!((report.code, report.was_clean), (CloseCode::NO_STATUS, true));

    let mut server = Side::server();
    let text = "é".repeat(61) + "!";
    assert_eq!(text.len(), CloseReason::MAX_LEN);
    server.receive(Frame::close(4999, &text).masked().encode());
    assert_eq!(server.close_code_sent(), Some(4999));
    assert_eq!(*server.report().unwrap().reason, *text);
    assert!(CloseReason::new(CloseCode::NORMAL, text + "!").is_err());
}

// row: C5
#[test]
fn a_peer_that_never_answers_a_close_is_waited_for_no_longer_than_the_deadline() {
    let mut server = Side::server();
    server.connection.close(server.now, reason(CloseCode::NORMAL, ""));
    server.transmit();
    server.advance(Duration::from_millis(4999));
    assert_eq!(server.report(), None);
    // Data instead of an answer does not extend it.
    server.receive(Frame::text("not listening").masked().encode());
    server.advance(Duration::from_millis(1));
    let report = server.report().unwrap();
    assert_eq!((report.code, report.was_clean), (CloseCode::ABNORMAL, false));
    assert_eq!(server.connection.poll_timeout(), None);
}

// row: C5
#[test]
fn a_peer_that_takes_no_bytes_cannot_hold_the_close_up() {
    let mut server = Side::server();
    server.connection.send(&[0; 5000][..], Compress::Auto, &mut server.keys).unwrap();
    server.connection.send("second", Compress::Auto, &mut server.keys).unwrap();
    server.transmit_at_most(100);
    server.connection.handle_blocked(server.now);
    server.connection.close(server.now, None);
    server.advance(Duration::from_secs(5));
    let report = server.report().unwrap();
    assert_eq!((report.code, report.was_clean), (CloseCode::ABNORMAL, false));
    assert_eq!((report.unsent.messages, report.unsent.bytes), (2, 4 + 5000 + 8 - 100));
}

#[test]
fn messages_that_were_sent_before_the_peers_close_are_received_after_ours() {
    let mut server = Side::server();
    server.connection.close(server.now, None);
    server.transmit();
    server.receive(Frame::text("on its way").masked().encode());
    server.receive(Frame::binary("this too").masked().encode());
    server.receive(Frame::ping("no answer").masked().encode());
    assert!(server.transmit().is_empty(), "nothing leaves after a close frame");
    server.receive(Frame::close_with("").masked().encode());
    assert_eq!(server.messages().len(), 2);
    let report = server.report().unwrap();
    assert_eq!((report.code, report.was_clean), (CloseCode::NO_STATUS, true));
}

#[test]
fn nothing_can_be_sent_once_closing_began() {
    let mut server = Side::server();
    server.connection.close(server.now, reason(CloseCode::NORMAL, "first"));
    let sent = server.connection.send("late", Compress::Auto, &mut server.keys);
    assert_eq!(sent, Err(SendError::Closed));
    assert_eq!(server.connection.ping(b"late"), Err(SendError::Closed));
    assert_eq!(server.connection.check_sendable(0), Err(SendError::Closed));
    // A second close changes nothing.
    server.connection.close(server.now, reason(CloseCode::GOING_AWAY, "second"));
    assert_eq!(server.close_code_sent(), Some(1000));
    assert!(server.transmit().is_empty());
}

#[test]
fn the_close_frame_leaves_behind_everything_that_was_queued() {
    for len in [10, 40_000] {
        let mut server = Side::server();
        for n in 0..5u8 {
            server.connection.send(vec![n; len], Compress::Auto, &mut server.keys).unwrap();
        }
        server.connection.close(server.now, reason(CloseCode::NORMAL, "done"));
        // However few bytes the network takes at a time.
        let mut sent = Vec::new();
        loop {
            let some = server.transmit_at_most(777);
            if some.is_empty() {
                break;
            }
            sent.extend(some);
        }
        let frames = read_frames(&sent);
        let opcodes: Vec<u8> = frames.iter().map(|frame| frame.opcode).collect();
        assert_eq!(opcodes, [2, 2, 2, 2, 2, 8]);
    }
}

#[test]
fn a_close_of_the_peer_is_answered_behind_what_was_queued() {
    let mut server = Side::server();
    server.connection.send("queued", Compress::Auto, &mut server.keys).unwrap();
    server.receive(Frame::close(1001, "bye").masked().encode());
    assert_eq!(server.report(), None, "the answer has not left");
    let frames = read_frames(&server.transmit());
    assert_eq!(frames.iter().map(|f| f.opcode).collect::<Vec<_>>(), [1, 8]);
    assert!(server.report().unwrap().was_clean);
}

#[test]
fn a_violation_during_our_close_ends_the_waiting() {
    for transmitted_first in [false, true] {
        let mut server = Side::server();
        server.connection.close(server.now, reason(CloseCode::NORMAL, "ours"));
        if transmitted_first {
            server.transmit();
        }
        server.receive([0xFF, 0xFF]);
        server.receive(Frame::text("deaf").masked().encode());
        let frames = read_frames(&server.transmit());
        assert_eq!(frames.len(), usize::from(!transmitted_first), "one close frame, the first");
        let report = server.report().unwrap();
        assert_eq!((report.was_clean, &report.cause), (false, &CloseCause::Local));
        assert!(server.messages().is_empty());
    }
}

#[test]
fn the_end_of_the_stream_without_a_close_frame_is_1006() {
    let mut client = Side::client();
    client.connection.send("unsent", Compress::Auto, &mut client.keys).unwrap();
    client.connection.handle_eof(client.now);
    client.receive([]);
    let report = client.report().unwrap();
    assert_eq!((report.code, report.was_clean), (CloseCode::ABNORMAL, false));
    assert_eq!(report.cause, CloseCause::Eof);
    assert_eq!((report.unsent.messages, report.unsent.bytes), (1, 12));
    assert!(!client.connection.wants_transmit());
    assert_eq!(client.connection.poll_timeout(), None);
}

#[test]
fn a_broken_network_is_reported_as_what_it_was() {
    let mut client = Side::client();
    client.connection.handle_transport_error(client.now, ErrorKind::ConnectionReset);
    client.connection.handle_eof(client.now);
    client.receive(Frame::text("too late").encode());
    let report = client.report().unwrap();
    assert_eq!(report.cause, CloseCause::Transport(ErrorKind::ConnectionReset));
    assert_eq!(client.events.len(), 1);
}

#[test]
fn the_end_of_the_stream_after_both_close_frames_is_clean() {
    let mut server = Side::server();
    server.receive(Frame::close(1000, "").masked().encode());
    server.transmit();
    server.connection.handle_eof(server.now);
    assert!(server.report().unwrap().was_clean);
}

#[test]
fn a_peer_that_closed_and_left_before_our_answer_is_not_clean() {
    let mut server = Side::server();
    server.receive(Frame::close(3001, "gone").masked().encode());
    server.connection.handle_eof(server.now);
    server.receive([]);
    let report = server.report().unwrap();
    // The code that came is known all the same.
    assert_eq!((report.code.get(), &*report.reason, report.was_clean), (3001, "gone", false));
}

#[test]
fn failing_for_a_reason_outside_tells_the_peer_the_code() {
    let mut server = Side::server();
    server.receive(Frame::text("half").unfinished().masked().encode());
    server.connection.fail(server.now, ProtocolError::OverBudget);
    assert_eq!(server.connection.unfinished(), 0);
    assert_eq!(server.close_code_sent(), Some(1013));
    assert_eq!(server.report().unwrap().code, CloseCode::TRY_AGAIN_LATER);
}

#[test]
fn no_code_that_is_only_reported_can_be_sent() {
    for code in [CloseCode::NO_STATUS, CloseCode::ABNORMAL, CloseCode::TLS_HANDSHAKE] {
        assert!(CloseReason::from_code(code).is_err());
    }
    for code in [1000, 1003, 1007, 1012, 1013, 1014, 3000, 4999] {
        assert!(CloseReason::from_code(CloseCode::try_from(code).unwrap()).is_ok());
    }
}

#[test]
fn a_shared_frame_that_was_not_sent_is_counted_until_all_of_it_has_left() {
    for (written, messages, bytes) in [(0, 1, 7), (6, 1, 1), (7, 0, 0)] {
        let mut server = Side::server();
        let shared = everwire_wire::SharedFrame::new("small");
        server.connection.send_shared(&shared, &mut server.keys).unwrap();
        server.transmit_at_most(written);
        server.connection.handle_eof(server.now);
        server.receive([]);
        let unsent = server.report().unwrap().unsent;
        assert_eq!((unsent.messages, unsent.bytes), (messages, bytes), "{written}");
    }
}

#[test]
fn what_was_not_sent_is_counted_in_messages_and_bytes() {
    use everwire_wire::SharedFrame;
    // Short ones are copied side by side, long ones are shared, some were encoded by others.
    let mut server = Side::server();
    let long = bytes::Bytes::from(vec![0; 20_000]);
    let shared = SharedFrame::new(vec![1; 30_000]);
    server.connection.send("short", Compress::Auto, &mut server.keys).unwrap();
    server.connection.send(long.clone(), Compress::Auto, &mut server.keys).unwrap();
    server.connection.send_shared(&shared, &mut server.keys).unwrap();
    server.connection.send_shared(&SharedFrame::new("small"), &mut server.keys).unwrap();
    server.connection.send(long, Compress::Auto, &mut server.keys).unwrap();
    let total = 7 + 20_004 + 30_004 + 7 + 20_004;
    for (written, messages) in [(0, 5), (6, 5), (7, 4), (20_010, 4), (20_011, 3), (50_015, 2)] {
        let mut side = Side::server();
        std::mem::swap(&mut side, &mut server);
        let mut done = 0;
        while done < written {
            done += side.transmit_at_most(written - done).len();
        }
        side.connection.handle_eof(side.now);
        side.receive([]);
        let unsent = side.report().unwrap().unsent;
        assert_eq!((unsent.messages, unsent.bytes), (messages, total - written), "{written}");
        // The same queue again.
        let long = bytes::Bytes::from(vec![0; 20_000]);
        server.connection.send("short", Compress::Auto, &mut server.keys).unwrap();
        server.connection.send(long.clone(), Compress::Auto, &mut server.keys).unwrap();
        server.connection.send_shared(&shared, &mut server.keys).unwrap();
        server.connection.send_shared(&SharedFrame::new("small"), &mut server.keys).unwrap();
        server.connection.send(long, Compress::Auto, &mut server.keys).unwrap();
    }
}

#[test]
fn a_message_before_the_close_in_one_read_is_delivered() {
    for role in [Role::Client, Role::Server] {
        let mut side = Side::plain(role);
        let mut bytes = Frame::text("last words").from(role.peer()).encode();
        bytes.extend(Frame::close(1000, "").from(role.peer()).encode());
        side.receive(bytes);
        side.transmit();
        assert_eq!(side.events[0], Happened::text("last words"));
        assert!(side.report().unwrap().was_clean);
    }
}
