//! RFC 6455 §8.1: text is UTF-8, and what is not fails at the first byte that shows it.

use everwire_testkit::{Dice, Frame, Happened, Side};
use everwire_wire::{CloseCause, Message, ProtocolError, Role, Text, Utf8Validator};

/// Bytes at which the rules of UTF-8 change.
const EDGES: [u8; 32] = [
    0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC,
    0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF7, 0xF8, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF, 0xBB,
];

/// What the standard library says of a text so far.
#[derive(Debug, PartialEq)]
enum SoFar {
    Complete,
    Unfinished,
    Impossible,
}

fn by_core(bytes: &[u8]) -> SoFar {
    match std::str::from_utf8(bytes) {
        Ok(_) => SoFar::Complete,
        Err(error) if error.error_len().is_none() => SoFar::Unfinished,
        Err(_) => SoFar::Impossible,
    }
}

fn by_us(mut validator: Utf8Validator, chunks: &[&[u8]]) -> SoFar {
    for chunk in chunks {
        if validator.push(chunk).is_err() {
            return SoFar::Impossible;
        }
    }
    if validator.finish().is_ok() { SoFar::Complete } else { SoFar::Unfinished }
}

/// All chunkings of up to four bytes.
fn check(bytes: &[u8]) {
    let expected = by_core(bytes);
    let n = bytes.len();
    for cuts in 0..1u32 << (n - 1) {
        let (mut chunks, mut from) = (Vec::with_capacity(4), 0);
        for at in 1..n {
            if cuts & 1 << (at - 1) != 0 {
                chunks.push(&bytes[from..at]);
                from = at;
            }
        }
        chunks.push(&bytes[from..]);
        let judged = by_us(Utf8Validator::new(), &chunks);
        assert_eq!(judged, expected, "{bytes:02x?} cut {cuts:b}");
    }
}

// row: U1
#[test]
fn all_strings_of_one_and_two_bytes_are_judged_as_the_standard_library_does() {
    for a in 0..=255 {
        check(&[a]);
        for b in 0..=255 {
            check(&[a, b]);
        }
    }
}

// row: U1
#[test]
fn strings_of_three_and_four_bytes_are_judged_as_the_standard_library_does() {
    // Every first byte, every second byte, and all edges for the rest.
    for a in 0..=255 {
        for b in EDGES {
            for c in EDGES {
                check(&[a, b, c]);
            }
        }
    }
    // The first two bytes decide what may follow: what cannot begin a text needs no more bytes.
    for a in EDGES {
        for b in EDGES {
            if by_core(&[a, b]) == SoFar::Impossible {
                continue;
            }
            for c in EDGES {
                for d in EDGES {
                    check(&[a, b, c, d]);
                }
            }
        }
    }
}

// row: U1
#[test]
fn every_code_point_passes_and_every_surrogate_fails() {
    let mut validator = Utf8Validator::new();
    for number in 0..=0x10_FFFF {
        match char::from_u32(number) {
            Some(char) => {
                let mut buffer = [0; 4];
                let bytes = char.encode_utf8(&mut buffer).as_bytes();
                // At the cut that is hardest: before its last byte.
                let (head, last) = bytes.split_at(bytes.len() - 1);
                assert!(validator.push(head).is_ok() && validator.push(last).is_ok(), "{number:x}");
                assert!(validator.finish().is_ok());
            }
            None => {
                let (high, low) = (0x80 | (number >> 6 & 0x3F) as u8, 0x80 | (number & 0x3F) as u8);
                assert_eq!(by_us(Utf8Validator::new(), &[&[0xED, high, low]]), SoFar::Impossible);
            }
        }
    }
}

// row: U1
#[test]
fn a_frame_fails_at_the_first_byte_that_can_no_longer_be_text() {
    // Autobahn's 6.4: valid, then a byte that makes it impossible, then more that never comes.
    let valid = "κόσμε".as_bytes();
    let bad = [valid, b"\xF4\x90"].concat();
    for role in [Role::Client, Role::Server] {
        let bytes = Frame::text(&bad).announcing(1000).from(role.peer()).encode();
        for chunk in [1, 3, usize::MAX] {
            let mut side = Side::plain(role);
            side.receive_by(chunk, &bytes[..bytes.len() - 1]);
            assert!(side.transmit().is_empty(), "F4 alone may become a code point");
            side.receive(&bytes[bytes.len() - 1..]);
            assert_eq!(side.close_code_sent(), Some(1007));
            let cause = CloseCause::Violation(ProtocolError::NotUtf8);
            assert_eq!(side.report().unwrap().cause, cause);
        }
    }
}

// row: U1
#[test]
fn text_that_ends_inside_a_code_point_is_refused() {
    for bad in [&b"\xC3"[..], b"\xE2\x82", b"ok\xF0\x9F\x98"] {
        for fragmented in [false, true] {
            let mut server = Side::server();
            if fragmented {
                server.receive(Frame::text(bad).unfinished().masked().encode());
                assert!(server.transmit().is_empty());
                server.receive(Frame::continuation("").masked().encode());
            } else {
                server.receive(Frame::text(bad).masked().encode());
            }
            assert_eq!(server.close_code_sent(), Some(1007));
        }
    }
}

// row: U1
#[test]
fn a_lone_continuation_byte_is_refused_in_the_fragment_that_has_it() {
    let mut server = Side::server();
    server.receive(Frame::text("fine").unfinished().masked().encode());
    server.receive(Frame::continuation([0x80]).unfinished().masked().encode());
    assert_eq!(server.close_code_sent(), Some(1007));
}

// row: U2
#[test]
fn code_points_split_over_fragments_and_reads_are_accepted() {
    let mut dice = Dice::new(2);
    for _ in 0..200 {
        let text = dice.text(40);
        let cut = dice.cut(text.as_bytes(), 5);
        let mut server = Side::server();
        let chunk = 1 + dice.below(7);
        server.receive_by(chunk, Frame::text(cut[0]).unfinished().masked().encode());
        for part in &cut[1..] {
            server.receive_by(chunk, Frame::continuation(part).unfinished().masked().encode());
        }
        server.receive_by(chunk, Frame::continuation("").masked().encode());
        assert_eq!(server.events, [Happened::text(&text)]);
    }
}

// row: U4
#[test]
fn binary_of_any_bytes_and_unusual_text_arrive_unchanged() {
    let all: Vec<u8> = (0..=255).collect();
    let mut server = Side::server();
    server.receive(Frame::binary(&all).masked().encode());
    server.receive(Frame::binary(b"\xFF\xFE\xED\xA0\x80").unfinished().masked().encode());
    server.receive(Frame::continuation(b"\xC0").masked().encode());
    let text = "\0\u{FFFE}\u{FFFF}\u{FEFF}\u{10FFFF}\r\n";
    server.receive(Frame::text(text).masked().encode());
    let expected = [
        Happened::binary(&all),
        Happened::binary(b"\xFF\xFE\xED\xA0\x80\xC0"),
        Happened::text(text),
    ];
    assert_eq!(server.events, expected);
}

#[test]
fn text_is_made_of_checked_bytes_only() {
    assert!(Text::try_from(bytes::Bytes::from_static(b"caf\xC3\xA9")).is_ok());
    let error = Text::try_from(bytes::Bytes::from_static(b"caf\xC3")).unwrap_err();
    assert_eq!(error.valid_up_to(), 3);
    assert_eq!(Message::text("a").kind(), everwire_wire::Kind::Text);
}
