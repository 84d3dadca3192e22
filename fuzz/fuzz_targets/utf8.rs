//! The incremental validator against the standard library, for any partition.
#![no_main]

use everwire_fuzz::Script;
use everwire_wire::Utf8Validator;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut script = Script(data);
    let n = script.byte() % 8;
    let cuts: Vec<usize> = script.bytes(n.into()).iter().map(|cut| usize::from(*cut)).collect();
    let text = script.0;
    let (mut validator, mut at, mut turn) = (Utf8Validator::new(), 0, 0);
    while at < text.len() {
        let len = cuts.get(turn % cuts.len().max(1)).copied().unwrap_or(text.len());
        let end = (at + len).min(text.len());
        let judged = validator.push(&text[at..end]);
        let possible = match std::str::from_utf8(&text[..end]) {
            Ok(_) => true,
            Err(error) => error.error_len().is_none(),
        };
        assert_eq!(judged.is_ok(), possible);
        if !possible {
            return;
        }
        (at, turn) = (end, turn + 1);
        if len == 0 && turn > 16 {
            return;
        }
    }
    assert_eq!(validator.finish().is_ok(), std::str::from_utf8(text).is_ok());
});
