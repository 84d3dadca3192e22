//! A client and a server that do what the input says, over a network that does what the input says.
//!
//! Whatever happens: no panic, little memory, no deadline that is always due, one report each. If
//! the network did no harm, every message arrives, whole and in order.
#![no_main]

use std::collections::VecDeque;
use std::time::Duration;

use everwire_fuzz::{Script, agreement, holds_little, tight};
use everwire_testkit::{Happened, Side};
use everwire_wire::{CloseCode, CloseReason, Compress, Kind, Message, Role, SharedFrame};
use libfuzzer_sys::fuzz_target;

/// One end, the bytes on their way to it, and what it should get.
struct End {
    side: Side,
    inbound: VecDeque<u8>,
    received: usize,
    expected: Vec<Message>,
    piece: Option<(Kind, Vec<u8>)>,
}

impl End {
    fn read(&mut self, n: usize) {
        let n = n.min(self.inbound.len());
        let bytes: Vec<u8> = self.inbound.drain(..n).collect();
        self.received += n;
        if n > 0 {
            self.side.receive(bytes);
        }
    }
}

fn send(from: &mut End, to: &mut End, command: u8, payload: &[u8]) {
    let Side { connection, keys, .. } = &mut from.side;
    let compress = if command & 0x40 == 0 { Compress::Auto } else { Compress::Never };
    let text = str::from_utf8(payload);
    let message = match text {
        Ok(text) if command & 0x20 == 0 => Message::text(text),
        _ => Message::binary(payload.to_vec()),
    };
    match command & 3 {
        0 => {
            if connection.send(message.clone(), compress, keys).is_ok() {
                to.expected.push(message);
            }
        }
        1 => {
            if connection.send_shared(&SharedFrame::new(message.clone()), keys).is_ok() {
                to.expected.push(message);
            }
        }
        _ => {
            let last = command & 1 == 0;
            let kind = from.piece.as_ref().map_or(Kind::Binary, |(kind, _)| *kind);
            if connection.send_piece(kind, payload, last, compress, keys).is_ok() {
                let (_, bytes) = from.piece.get_or_insert((kind, Vec::new()));
                bytes.extend_from_slice(payload);
                if last {
                    let (_, bytes) = from.piece.take().expect("just put there");
                    to.expected.push(Message::binary(bytes));
                }
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut script = Script(data);
    let agreement = agreement(script.byte());
    let mut config = tight();
    let choice = script.byte();
    config.send_fragment_size = (choice & 1 != 0).then_some(usize::from(choice >> 2) + 1);
    config.heartbeat_interval = (choice & 2 != 0).then_some(Duration::from_secs(25));
    config.idle_timeout = Some(Duration::from_secs(60));
    // The limits of receiving are for strangers; these two should get through.
    config.max_message_size = 1 << 20;
    config.max_frame_size = 1 << 20;
    config.max_control_frames = u32::MAX;
    config.max_empty_fragments = u32::MAX;
    config.max_inflate_ratio = u32::MAX;
    config.max_queued_bytes = 4 << 10;
    let mut ends = [Role::Client, Role::Server].map(|role| End {
        side: Side::new(role, &agreement, config.clone()),
        inbound: VecDeque::new(),
        received: 0,
        expected: Vec::new(),
        piece: None,
    });
    ends[1].side.now = ends[0].side.now;
    let mut harmless = true;
    while !script.is_empty() {
        let command = script.byte();
        let [a, b] = &mut ends;
        let (from, to) = if command & 0x80 == 0 { (a, b) } else { (b, a) };
        let n = usize::from(script.byte());
        match command >> 2 & 7 {
            0 | 1 => send(from, to, command, script.bytes(n)),
            2 => {
                let bytes = from.side.transmit_at_most(n + 1);
                to.inbound.extend(bytes);
            }
            3 => from.read(n + 1),
            4 => {
                let _ = from.side.connection.ping(script.bytes(n));
            }
            5 => {
                // Time passes for both, and the slower it goes the less is lost.
                harmless = false;
                let time = Duration::from_millis(n as u64 * 100);
                from.side.advance(time);
                to.side.advance(time);
            }
            6 if command & 1 == 0 => {
                harmless = false;
                let reason = CloseReason::from_code(CloseCode::NORMAL).ok();
                from.side.connection.close(from.side.now, reason);
            }
            6 => from.side.connection.handle_blocked(from.side.now),
            _ => {
                harmless = false;
                match command & 3 {
                    0 => from.side.connection.handle_eof(from.side.now),
                    1 => from.inbound.extend(script.bytes(n)),
                    2 => {
                        if let Some(byte) = from.inbound.get_mut(n) {
                            *byte ^= 0x10;
                        }
                    }
                    _ => drop(from.inbound.drain(..n.min(from.inbound.len()))),
                }
                from.side.receive([]);
            }
        }
        for end in &ends {
            let queued = end.side.connection.buffered_amount();
            assert!(queued <= (4 << 10) + (64 << 10), "{queued}");
            holds_little(&end.side, end.received + queued + (1 << 20));
        }
    }
    // Everything arrives.
    loop {
        let [client, server] = &mut ends;
        server.inbound.extend(client.side.transmit());
        client.inbound.extend(server.side.transmit());
        if client.inbound.is_empty() && server.inbound.is_empty() {
            break;
        }
        client.read(usize::MAX);
        server.read(usize::MAX);
    }
    if harmless {
        for end in &ends {
            let messages: Vec<&Message> = end.side.messages();
            assert!(messages.iter().copied().eq(&end.expected), "{messages:?}\n{:?}", end.expected);
            assert_eq!(end.side.report(), None);
        }
    }
    // Left alone, both come to an end, whatever the state.
    for end in &mut ends {
        end.side.connection.close(end.side.now, None);
        end.side.advance(Duration::from_secs(3600));
        assert!(end.side.report().is_some());
        assert!(end.side.events.iter().filter(|e| matches!(e, Happened::Closed(_))).count() == 1);
    }
});
