//! The compact form of the hub's language: what is understood means the same when it is written again.
#![no_main]

use everwire_fuzz::language::is_stable;
use everwire_proto::Encoded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| is_stable(&Encoded::Binary(bytes.to_vec().into())));
