//! Streams of frames to try connections with: legal, and nearly legal.

use everwire_wire::Role;

use crate::dice::Dice;
use crate::frame::Frame;

/// Legal frames from `role`: whole and fragmented messages with control frames between them, now
/// and then a close. `pack` may compress a message's payload.
pub fn legal_stream(
    dice: &mut Dice,
    role: Role,
    mut pack: impl FnMut(&mut Dice, &[u8]) -> Option<Vec<u8>>,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..1 + dice.below(12) {
        let frame = match dice.below(12) {
            0 => Frame::ping(dice.text(5)),
            1 => Frame::pong(dice.text(5)),
            2 if dice.one_in(4) => match dice.below(3) {
                0 => Frame::close_with(""),
                1 => Frame::close(*dice.pick(&[1001, 1007, 1013, 3000, 4999]), ""),
                _ => Frame::close(1000, "bye"),
            },
            _ => {
                message(dice, role, &mut pack, &mut bytes);
                continue;
            }
        };
        bytes.extend(frame.from(role).encode());
    }
    bytes
}

fn message(
    dice: &mut Dice,
    role: Role,
    pack: &mut impl FnMut(&mut Dice, &[u8]) -> Option<Vec<u8>>,
    bytes: &mut Vec<u8>,
) {
    let text = dice.one_in(2);
    let len = *dice.pick(&[0, 1, 10, 125, 126, 300, 1000]);
    let mut payload = if text { dice.text(len / 3).into_bytes() } else { dice.bytes(len) };
    if dice.one_in(6) {
        payload = vec![b'a'; dice.below(4000)];
    }
    let packed = pack(dice, &payload);
    let compressed = packed.is_some();
    let payload = packed.unwrap_or(payload);
    let parts = match dice.below(3) {
        0 if !payload.is_empty() => dice.cut(&payload, 200),
        _ => vec![&payload[..]],
    };
    for (n, part) in parts.iter().enumerate() {
        let mut frame = match (n, text) {
            (0, true) => Frame::text(part),
            (0, false) => Frame::binary(part),
            _ => Frame::continuation(part),
        };
        if n + 1 < parts.len() {
            frame = frame.unfinished();
        }
        if n == 0 && compressed {
            frame = frame.rsv1();
        }
        bytes.extend(frame.from(role).encode());
        if dice.one_in(5) {
            bytes.extend(Frame::ping("between").from(role).encode());
        }
    }
}

/// A frame from `role` that breaks a rule, most of the time.
pub fn bad_frame(dice: &mut Dice, role: Role) -> Vec<u8> {
    let len = dice.below(140);
    let payload = dice.bytes(len);
    let frame = match dice.below(10) {
        0 => Frame::new(dice.below(16) as u8, payload),
        1 => Frame::binary(payload).rsv(1 + dice.below(7) as u8),
        2 => Frame::binary(payload).announcing_in_16_bits(len as u16),
        3 => Frame::binary(payload).announcing_in_64_bits(len as u64),
        4 => Frame::binary(payload).announcing_in_64_bits(dice.next_u64()),
        5 => Frame::new(8 + dice.below(3) as u8, payload).unfinished(),
        6 if dice.one_in(4) => Frame::close(1014, "registered late"),
        6 => Frame::close(dice.below(6000) as u16, "why"),
        7 => Frame::close_with(&payload[..len.min(4)]),
        8 => Frame::text(payload),
        _ => Frame::continuation(payload),
    };
    if dice.one_in(10) { frame.from(role.peer()).encode() } else { frame.from(role).encode() }
}

/// Changes, adds, removes or cuts off a few bytes; some are always left.
pub fn mutate(dice: &mut Dice, bytes: &mut Vec<u8>) {
    for _ in 0..1 + dice.below(4) {
        let at = dice.below(bytes.len());
        match dice.below(5) {
            0 => bytes[at] ^= 1 << dice.below(8),
            1 => bytes[at] = dice.next_u64() as u8,
            2 => bytes.truncate(at.max(1)),
            3 => bytes.insert(at, dice.next_u64() as u8),
            _ if bytes.len() > 1 => {
                bytes.remove(at);
            }
            _ => {}
        }
    }
}
