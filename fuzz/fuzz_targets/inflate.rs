//! Compressed messages of any bytes: never over the limits, the same for any partition.
#![no_main]

use everwire_fuzz::{Script, agreement, is_invariant, role};
use everwire_testkit::Frame;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut script = Script(data);
    let (choice, n) = (script.byte(), script.byte());
    let cuts = script.bytes(usize::from(n % 4));
    let role = role(choice);
    let mut bytes = Vec::new();
    // Messages of up to three fragments; each fragment begins with its length.
    while !script.is_empty() {
        let kind = script.byte();
        for fragment in 0..=kind % 3 {
            let len = usize::from(script.byte()) << (kind >> 5);
            let part = script.bytes(len);
            let frame = match fragment {
                0 if kind & 4 == 0 => Frame::text(part).rsv1(),
                0 => Frame::binary(part).rsv1(),
                _ => Frame::continuation(part),
            };
            let frame = if fragment < kind % 3 { frame.unfinished() } else { frame };
            bytes.extend(frame.from(role.peer()).encode());
        }
    }
    // Of the agreements, those with compression.
    let agreement = agreement(choice >> 2 | 4);
    is_invariant(role, &agreement, choice & 2 != 0, &bytes, cuts);
});
