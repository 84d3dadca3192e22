//! RFC 6455 §5.4: fragmentation.

use std::time::Duration;

use everwire_testkit::{Frame, Happened, Side, config, read_frames};
use everwire_wire::{Agreement, CloseCause, CloseCode, Compress, ProtocolError, Role};

fn server(change: impl FnOnce(&mut everwire_wire::Config)) -> Side {
    let mut config = config();
    change(&mut config);
    Side::new(Role::Server, &Agreement::default(), config)
}

#[track_caller]
fn ends_with(side: &mut Side, error: &ProtocolError) {
    assert_eq!(side.close_code_sent(), Some(error.close_code().get()));
    assert_eq!(side.report().unwrap().cause, CloseCause::Violation(error.clone()));
}

#[test]
fn fragments_become_one_message() {
    let mut server = Side::server();
    server.receive(Frame::text("a").unfinished().masked().encode());
    server.receive(Frame::continuation("b").unfinished().masked().encode());
    assert_eq!(server.events, []);
    server.receive(Frame::continuation("c").masked().encode());
    assert_eq!(server.events, [Happened::text("abc")]);
}

// row: G1
#[test]
fn a_continuation_without_a_start_is_refused() {
    for fin in [true, false] {
        let mut server = Side::server();
        let frame = Frame::continuation("x").masked();
        server.receive(if fin { frame } else { frame.unfinished() }.encode());
        ends_with(&mut server, &ProtocolError::ContinuationWithoutStart);
    }
    // A message that ended is no start either.
    let mut server = Side::server();
    server.receive(Frame::text("done").masked().encode());
    server.receive(Frame::continuation("more").masked().encode());
    assert_eq!(server.events, [Happened::text("done")]);
    ends_with(&mut server, &ProtocolError::ContinuationWithoutStart);
}

// row: G1
#[test]
fn a_new_message_inside_a_message_is_refused() {
    for second in [Frame::text("b"), Frame::binary("b"), Frame::text("b").unfinished()] {
        let mut server = Side::server();
        server.receive(Frame::text("a").unfinished().masked().encode());
        server.receive(second.masked().encode());
        assert_eq!(server.events, []);
        ends_with(&mut server, &ProtocolError::InterleavedMessage);
    }
}

// row: G1
#[test]
fn a_fragmented_control_frame_is_refused() {
    for opcode in [0x8, 0x9, 0xA] {
        let mut server = Side::server();
        server.receive(Frame::new(opcode, "").unfinished().masked().encode());
        ends_with(&mut server, &ProtocolError::FragmentedControlFrame);
    }
}

// row: G2
#[test]
fn a_message_in_65536_fragments_is_accepted() {
    let mut server = Side::server();
    let part = [b'*'; 64];
    let first = Frame::text(part).unfinished().masked().encode();
    let middle = Frame::continuation(part).unfinished().masked().encode();
    server.receive(first);
    // Several frames a read, as a network delivers them.
    for _ in 0..65_534 / 2 {
        server.receive(middle.repeat(2));
    }
    server.receive(Frame::continuation(part).masked().encode());
    assert_eq!(server.messages().len(), 1);
    assert_eq!(server.messages()[0].len(), 4 << 20);
}

// row: G4
#[test]
fn endless_empty_fragments_are_refused_although_they_weigh_nothing() {
    let mut server = Side::server();
    let empty = Frame::continuation("").unfinished().masked().encode();
    server.receive(Frame::text("").unfinished().masked().encode());
    server.receive(empty.repeat(127));
    assert!(server.transmit().is_empty());
    server.receive(&empty);
    ends_with(&mut server, &ProtocolError::TooManyEmptyFragments { max: 128 });
}

// row: G4
#[test]
fn empty_fragments_between_full_ones_are_legal() {
    let mut server = Side::server();
    server.receive(Frame::text("x").unfinished().masked().encode());
    for _ in 0..1000 {
        server.receive(Frame::continuation("").unfinished().masked().encode().repeat(100));
        server.receive(Frame::continuation("x").unfinished().masked().encode());
    }
    server.receive(Frame::continuation("").masked().encode());
    assert_eq!(server.messages()[0].len(), 1001);
}

// row: G5
#[test]
fn fragments_under_the_limit_whose_sum_is_over_it_are_refused() {
    let mut server = server(|config| {
        config.max_message_size = 1000;
        config.max_frame_size = 600;
    });
    server.receive(Frame::binary([0; 500]).unfinished().masked().encode());
    // Its header is enough.
    server.receive(&Frame::continuation([0; 500]).masked().encode()[..8]);
    ends_with(&mut server, &ProtocolError::MessageTooBig { size: 1016, max: 1000 });
}

#[test]
fn the_limit_itself_is_legal_and_one_byte_more_is_not() {
    for split in [false, true] {
        for (len, legal) in [(1000, true), (1001, false)] {
            let mut server = server(|config| config.max_message_size = 1000);
            let bytes = Frame::binary(vec![1; len]).masked().encode();
            server.receive_by(if split { 1 } else { usize::MAX }, bytes);
            assert_eq!(server.messages().len(), usize::from(legal));
            if !legal {
                ends_with(&mut server, &ProtocolError::MessageTooBig { size: 1001, max: 1000 });
            }
        }
    }
}

// row: G6
#[test]
fn a_message_that_is_begun_and_never_ended_runs_into_its_deadline() {
    let mut server = server(|_| {});
    server.receive(Frame::text("once upon a time").unfinished().masked().encode());
    server.advance(Duration::from_secs(119));
    // Not even activity helps: the message as a whole has the time.
    server.receive(Frame::continuation("…").unfinished().masked().encode());
    server.receive(Frame::ping("still here").masked().encode());
    server.transmit();
    server.advance(Duration::from_secs(1));
    ends_with(&mut server, &ProtocolError::MessageTooSlow);
    assert_eq!(server.connection.unfinished(), 0);
}

#[test]
fn a_message_within_its_deadline_leaves_no_deadline_behind() {
    let mut server = Side::server();
    server.receive(Frame::text("a").unfinished().masked().encode());
    assert!(server.connection.poll_timeout().is_some());
    server.receive(Frame::continuation("b").masked().encode());
    assert_eq!(server.connection.poll_timeout(), None);
}

// row: G7
#[test]
fn control_frames_between_fragments_are_answered_at_once() {
    let mut server = Side::server();
    server.receive(Frame::text("a").unfinished().masked().encode());
    for n in 0..5u8 {
        server.receive(Frame::ping([n]).masked().encode());
        let frames = read_frames(&server.transmit());
        assert_eq!((frames.len(), frames[0].opcode, &frames[0].payload[..]), (1, 0xA, &[n][..]));
        server.receive(Frame::continuation("b").unfinished().masked().encode());
    }
    server.receive(Frame::continuation("c").masked().encode());
    assert_eq!(server.messages()[0].as_text(), Some("abbbbbc"));
}

// row: G7
#[test]
fn a_close_frame_inside_a_message_drops_the_message() {
    let mut server = Side::server();
    server.receive(Frame::text("half a").unfinished().masked().encode());
    server.receive(Frame::close(1000, "").masked().encode());
    assert_eq!(server.connection.unfinished(), 0);
    assert_eq!(server.close_code_sent(), Some(1000));
    let report = server.report().unwrap();
    assert_eq!((report.code, report.was_clean), (CloseCode::NORMAL, true));
    assert_eq!(server.events.len(), 1);
}

#[test]
fn a_long_message_is_fragmented_if_the_configuration_says_so() {
    let mut config = config();
    config.send_fragment_size = Some(100);
    let mut client = Side::new(Role::Client, &Agreement::default(), config);
    let text = "0123456789".repeat(25);
    client.connection.send(text.as_str(), Compress::Auto, &mut client.keys).unwrap();
    let sent = client.transmit();
    let frames = read_frames(&sent);
    let shapes: Vec<_> = frames.iter().map(|f| (f.opcode, f.fin, f.payload.len())).collect();
    assert_eq!(shapes, [(1, false, 100), (0, false, 100), (0, true, 50)]);
    let mut server = Side::server();
    server.receive(sent);
    assert_eq!(server.events, [Happened::text(&text)]);
}
