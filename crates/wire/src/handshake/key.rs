//! The key and its answer: proof that the server speaks WebSocket (RFC 6455 §1.3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use sha1::{Digest, Sha1};

/// §1.3: no server that does not know the protocol appends this.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// §4.1: sixteen bytes, in base64.
pub(super) fn encode_key(key: [u8; 16]) -> HeaderValue {
    header(STANDARD.encode(key))
}

/// Whether the value is the canonical base64, padding included, of exactly 16 bytes (§4.2.1).
pub(super) fn is_key(value: &[u8]) -> bool {
    let mut key = [0; 18];
    // The length first: the value is the peer's and may be as long as a head.
    value.len() == 24 && STANDARD.decode_slice(value, &mut key).is_ok_and(|len| len == 16)
}

/// What proves that the key was read (§4.2.2).
pub(super) fn accept_value(key: &[u8]) -> HeaderValue {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    header(STANDARD.encode(digest))
}

fn header(base64: String) -> HeaderValue {
    HeaderValue::try_from(base64).expect("base64 has only letters, digits and three signs")
}
