//! The JSON form of the hub's language: what is understood means the same when it is written again.
#![no_main]

use everwire_fuzz::language::is_stable;
use everwire_proto::Encoded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| is_stable(&Encoded::Text(text.to_vec().into())));
