//! RFC 6455 §5.1–§5.3: frames.

use everwire_testkit::{Frame, Happened, Side, read_frames};
use everwire_wire::{CloseCause, CloseCode, ProtocolError, Role};

const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// A connection of each role gets a good message and then `bad`: the message is delivered, the
/// violation answered with `code`, and nothing after it is looked at.
#[track_caller]
fn is_refused(bad: impl Fn(Role) -> Vec<u8>, error: &ProtocolError, code: CloseCode) {
    for role in ROLES {
        let mut side = Side::plain(role);
        let mut bytes = Frame::text("good").from(role.peer()).encode();
        bytes.extend(bad(role.peer()));
        bytes.extend(Frame::text("late").from(role.peer()).encode());
        side.receive(&bytes);
        assert_eq!(side.events, [Happened::text("good")], "{role:?} {error:?}");
        assert_eq!(side.close_code_sent(), Some(code.get()), "{role:?} {error:?}");
        let report = side.report().expect("nobody waits for who broke the protocol");
        assert_eq!(report.cause, CloseCause::Violation(error.clone()));
        assert_eq!((report.code, report.was_clean), (code, false));
        side.receive(&bytes);
        assert_eq!(side.events.len(), 2);
        assert!(side.transmit().is_empty());
        assert!(side.connection.is_terminated());
    }
}

// row: F1
#[test]
fn a_client_that_does_not_mask_is_refused() {
    let mut server = Side::server();
    server.receive(Frame::text("bare").encode());
    assert_eq!(server.close_code_sent(), Some(1002));
    assert_eq!(
        server.report().unwrap().cause,
        CloseCause::Violation(ProtocolError::UnmaskedByClient)
    );
}

// row: F1
#[test]
fn a_server_that_masks_is_refused() {
    let mut client = Side::client();
    client.receive(Frame::text("hidden").masked().encode());
    assert_eq!(client.close_code_sent(), Some(1002));
    assert_eq!(
        client.report().unwrap().cause,
        CloseCause::Violation(ProtocolError::MaskedByServer)
    );
}

// row: F2
#[test]
fn reserved_bits_that_nobody_agreed_on_are_refused() {
    for bits in 1..8 {
        for opcode in [0x1, 0x2, 0x8, 0x9, 0xA] {
            let bad = |from| Frame::new(opcode, "").rsv(bits).from(from).encode();
            is_refused(bad, &ProtocolError::ReservedBit, CloseCode::PROTOCOL_ERROR);
        }
    }
}

// row: F2
#[test]
fn a_reserved_bit_on_a_continuation_is_refused() {
    for bits in 1..8 {
        let bad = |from| {
            let mut bytes = Frame::text("a").unfinished().from(from).encode();
            bytes.extend(Frame::continuation("b").rsv(bits).from(from).encode());
            bytes
        };
        is_refused(bad, &ProtocolError::ReservedBit, CloseCode::PROTOCOL_ERROR);
    }
}

// row: F3
#[test]
fn reserved_opcodes_are_refused_whatever_length_they_announce() {
    for opcode in [3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF] {
        let error = ProtocolError::ReservedOpcode(opcode);
        for len in [0, 125, 126, 1 << 20, (1 << 63) - 1] {
            let bad = |from| Frame::new(opcode, "").announcing(len).from(from).encode();
            is_refused(bad, &error, CloseCode::PROTOCOL_ERROR);
        }
        // The first two bytes are enough; the length does not have to come.
        let mut server = Side::server();
        server.receive([0x80 | opcode, 0xFF]);
        assert_eq!(server.close_code_sent(), Some(1002));
    }
}

// row: F4
#[test]
fn lengths_in_a_longer_form_than_needed_are_refused() {
    for len in 0..126 {
        let bad = |from| Frame::binary("").announcing_in_16_bits(len).from(from).encode();
        is_refused(bad, &ProtocolError::NonMinimalLength, CloseCode::PROTOCOL_ERROR);
    }
    for len in [0, 125, 126, 65_535] {
        let bad = |from| Frame::binary("").announcing_in_64_bits(len).from(from).encode();
        is_refused(bad, &ProtocolError::NonMinimalLength, CloseCode::PROTOCOL_ERROR);
    }
}

// row: F5
#[test]
fn a_length_with_its_top_bit_set_is_refused() {
    for len in [1 << 63, (1 << 63) + 5, u64::MAX] {
        let bad = |from| Frame::binary("").announcing_in_64_bits(len).from(from).encode();
        is_refused(bad, &ProtocolError::NonMinimalLength, CloseCode::PROTOCOL_ERROR);
    }
}

// row: F5
#[test]
fn a_length_that_no_memory_holds_is_refused_by_its_header() {
    for size in [(1 << 63) - 1, (1 << 32) + 1, 1 << 32] {
        let bad = |from| Frame::binary("").announcing(size).from(from).encode();
        let error = ProtocolError::FrameTooBig { size, max: 16 << 20 };
        is_refused(bad, &error, CloseCode::MESSAGE_TOO_BIG);
    }
}

// row: F6
#[test]
fn a_length_over_the_limit_is_refused_before_any_payload() {
    let size = (16 << 20) + 1;
    let bad = |from| Frame::text("").announcing(size).from(from).encode();
    let error = ProtocolError::FrameTooBig { size, max: 16 << 20 };
    is_refused(bad, &error, CloseCode::MESSAGE_TOO_BIG);
}

// row: F7
#[test]
fn frames_split_at_each_byte_are_the_same_frames() {
    for role in ROLES {
        for len in [0, 1, 125, 126, 127, 65_535, 65_536] {
            let payload = "x".repeat(len);
            let bytes = Frame::text(&payload).from(role.peer()).encode();
            // Around the header at each byte, in the payload here and there.
            for at in (0..bytes.len().min(20)).chain([bytes.len() / 2, bytes.len() - 1]) {
                let mut side = Side::plain(role);
                side.receive(&bytes[..at]);
                assert_eq!(side.events, []);
                side.receive(&bytes[at..]);
                assert_eq!(side.events, [Happened::text(&payload)], "{len} split at {at}");
            }
        }
        let mut side = Side::plain(role);
        let payload = "y".repeat(300);
        side.receive_by(1, Frame::text(&payload).from(role.peer()).encode());
        assert_eq!(side.events, [Happened::text(&payload)]);
    }
}

// row: F8
#[test]
fn empty_frames_of_each_type_are_legal() {
    for role in ROLES {
        let mut side = Side::plain(role);
        let frames = [
            Frame::text(""),
            Frame::binary(""),
            Frame::ping(""),
            Frame::pong(""),
            Frame::text("").unfinished(),
            Frame::continuation("").unfinished(),
            Frame::continuation(""),
        ];
        for frame in frames {
            side.receive(frame.from(role.peer()).encode());
        }
        let empty = Happened::text("");
        let (ping, pong) = (Happened::ping(b""), Happened::pong(b""));
        assert_eq!(side.events, [empty.clone(), Happened::binary(b""), ping, pong, empty]);
        side.receive(Frame::close_with("").from(role.peer()).encode());
        side.transmit();
        assert_eq!(side.report().unwrap().code, CloseCode::NO_STATUS);
    }
}

// row: F8
#[test]
fn a_mask_of_zeros_is_legal() {
    let mut server = Side::server();
    server.receive(Frame::text("seen").masked_with([0; 4]).encode());
    assert_eq!(server.events, [Happened::text("seen")]);
}

// row: F9
#[test]
fn a_stream_that_ends_inside_a_frame_is_reported_as_1006() {
    for role in ROLES {
        let bytes = Frame::text("truncated").from(role.peer()).encode();
        for at in 0..bytes.len() {
            let mut side = Side::plain(role);
            side.receive(&bytes[..at]);
            side.connection.handle_eof(side.now);
            side.receive([]);
            let report = side.report().expect("the end is reported at once");
            assert_eq!((report.code, report.was_clean), (CloseCode::ABNORMAL, false));
            assert_eq!(report.cause, CloseCause::Eof);
            assert_eq!(side.events.len(), 1);
        }
    }
}

#[test]
fn messages_in_the_same_read_as_a_violation_are_delivered_first() {
    let mut server = Side::server();
    let mut bytes = Vec::new();
    for n in 0..10 {
        bytes.extend(Frame::text(n.to_string()).masked().encode());
    }
    bytes.extend(Frame::ping("between").masked().encode());
    bytes.extend([0xF0, 0x80]);
    server.receive(bytes);
    assert_eq!(server.messages().len(), 10);
    // The pong was due before the violation, and leaves before the close frame.
    let frames = read_frames(&server.transmit());
    assert_eq!(frames.iter().map(|f| f.opcode).collect::<Vec<_>>(), [0xA, 0x8]);
}

#[test]
fn frames_of_every_length_form_leave_in_their_shortest_form() {
    use everwire_wire::Compress;
    for role in ROLES {
        for len in [0, 1, 125, 126, 127, 65_535, 65_536, 100_000] {
            let mut side = Side::plain(role);
            let payload = vec![7; len];
            side.connection.send(&payload, Compress::Auto, &mut side.keys).unwrap();
            // The reader refuses any longer form.
            let frames = read_frames(&side.transmit());
            assert_eq!(frames.len(), 1);
            assert_eq!(frames[0].payload, payload);
            assert_eq!((frames[0].fin, frames[0].rsv, frames[0].opcode), (true, 0, 2));
            assert_eq!(frames[0].key.is_some(), role == Role::Client);
        }
    }
}
