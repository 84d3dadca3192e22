//! Decoding and encoding, without any I/O.

use std::hint::black_box;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::Instant;

use everwire_wire::{
    Agreement, Compress, Config, Connection, Event, Input, NoMask, Outbound, Role,
};

use crate::frames;

/// A server that reads a message of `len` bytes, `count` times.
pub(crate) fn decode(len: usize, count: u64) {
    let (mut server, now) = server();
    let mut read = frames::request(len);
    for _ in 0..count {
        let mut input = Input::new(black_box(&mut read));
        let Some(Event::Message(message)) = server.poll_event(now, &mut input) else {
            panic!("it is a message")
        };
        assert_eq!(black_box(message.as_bytes()).len(), len);
    }
}

/// A server that sends a message of `len` bytes, `count` times.
pub(crate) fn encode(len: usize, count: u64) {
    let (mut server, now) = server();
    let payload = "a".repeat(len);
    let expected = frames::answer(len).len();
    for _ in 0..count {
        let message = Outbound::from(black_box(payload.as_str()));
        server.send(message, Compress::Auto, &mut NoMask).expect("there is room");
        let mut slices = [IoSlice::new(&[]); 4];
        let filled = server.poll_transmit(&mut NoMask, &mut slices);
        let written = black_box(&slices[..filled]).iter().map(|slice| slice.len()).sum();
        assert_eq!(written, expected);
        server.handle_transmitted(now, written);
    }
}

fn server() -> (Connection, Instant) {
    let now = Instant::now();
    let config = Arc::new(Config::default());
    (Connection::new(Role::Server, &Agreement::default(), config, now), now)
}
