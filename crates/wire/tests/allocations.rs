//! What a message costs the allocator once a connection is in use: nothing.

use std::io::IoSlice;

use everwire_testkit::{Counting, Frame, Side, allocations};
use everwire_wire::{Compress, Event, Input};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Messages before the count, in which the thread gets what it lends to every connection.
const WARM_UP: usize = 8;

/// Messages that are counted.
const MESSAGES: usize = 1000;

/// A server reads `frames` again and again, answers every message with itself, and writes: how often
/// that asks for memory.
fn allocations_of_an_echo(frames: &[u8]) -> u64 {
    let Side { mut connection, now, mut keys, .. } = Side::server();
    let mut buffer = frames.to_vec();
    let mut before = 0;
    for round in 0..WARM_UP + MESSAGES {
        if round == WARM_UP {
            before = allocations();
        }
        // Reading unmasks in place, so each round reads afresh.
        buffer.copy_from_slice(frames);
        let mut input = Input::new(&mut buffer);
        let mut messages = 0;
        while let Some(event) = connection.poll_event(now, &mut input) {
            let Event::Message(message) = event else { panic!("{event:?} is no message") };
            connection.send(message, Compress::Auto, &mut keys).unwrap();
            messages += 1;
        }
        assert!(messages > 0, "every round has messages");
        let mut slices = [IoSlice::new(&[]); 16];
        while let filled @ 1.. = connection.poll_transmit(&mut keys, &mut slices) {
            let written = slices[..filled].iter().map(|slice| slice.len()).sum();
            connection.handle_transmitted(now, written);
            slices = [IoSlice::new(&[]); 16];
        }
    }
    allocations() - before
}

#[test]
fn a_message_in_one_read_is_decoded_and_encoded_without_an_allocation() {
    for len in [0, 14, 125, 126, 1024, 15_000] {
        for frame in [Frame::binary(vec![7; len]), Frame::text(vec![b'a'; len])] {
            let frame = frame.masked().encode();
            assert_eq!(allocations_of_an_echo(&frame), 0, "{len} bytes");
        }
    }
}

#[test]
fn many_messages_in_one_read_are_decoded_and_encoded_without_an_allocation() {
    let frame = Frame::text("fourteen bytes").masked().encode();
    assert_eq!(allocations_of_an_echo(&frame.repeat(32)), 0);
}

#[test]
fn a_client_masks_without_an_allocation() {
    let Side { mut connection, now, mut keys, .. } = Side::client();
    let payload = [b'a'; 1024];
    let mut before = 0;
    for round in 0..WARM_UP + MESSAGES {
        if round == WARM_UP {
            before = allocations();
        }
        connection.send(&payload[..], Compress::Auto, &mut keys).unwrap();
        let mut slices = [IoSlice::new(&[]); 4];
        let filled = connection.poll_transmit(&mut keys, &mut slices);
        let written = slices[..filled].iter().map(|slice| slice.len()).sum();
        assert_eq!(written, 8 + payload.len());
        connection.handle_transmitted(now, written);
    }
    assert_eq!(allocations() - before, 0);
    assert_eq!(keys.given as usize, WARM_UP + MESSAGES, "§5.3: a key for each frame");
}
