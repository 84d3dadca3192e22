//! Any bytes, in either role, in any partition: the same events, the same answer, little memory.
#![no_main]

use everwire_fuzz::{Script, agreement, is_invariant, role};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut script = Script(data);
    let (choice, n) = (script.byte(), script.byte());
    let cuts = script.bytes(usize::from(n % 8));
    is_invariant(role(choice), &agreement(choice >> 2), choice & 2 != 0, script.0, cuts);
});
