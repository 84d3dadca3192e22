//! Payloads with a number, by which each is known wherever it turns up.

use everwire_proto::Payload;

/// A payload with this number, filled up to about `len` bytes.
pub(crate) fn numbered(id: u64, len: usize) -> Payload {
    Payload::of(&(id, "x".repeat(len))).expect("numbers and letters are JSON")
}

/// The number of a payload, 0 if it has none.
pub(crate) fn id(payload: &Payload) -> u64 {
    match payload {
        Payload::Json(json) => json.read::<(u64, String)>().map_or(0, |(id, _)| id),
        _ => 0,
    }
}
