//! Response heads: the same for any partition, and only a right answer is an agreement.
#![no_main]

use everwire_fuzz::Script;
use everwire_wire::DeflateConfig;
use everwire_wire::handshake::{ClientHandshake, HandshakeError, HandshakeLimits, ResponseReader};
use http::{Response, StatusCode};
use libfuzzer_sys::fuzz_target;

type Read = Result<Option<(usize, Response<()>)>, HandshakeError>;

fn read(bytes: &[u8], longest: usize) -> Read {
    let mut reader = ResponseReader::new(HandshakeLimits::default());
    let mut at = 0;
    while at < bytes.len() {
        let end = (at + longest).min(bytes.len());
        let (used, response) = reader.read(&bytes[at..end])?;
        at += used;
        assert!(reader.work() <= 16 * at + 1024, "{} for {at} bytes", reader.work());
        if let Some(response) = response {
            return Ok(Some((at, response)));
        }
        assert_eq!(at, end, "all of it is used while the head is incomplete");
    }
    Ok(None)
}

fuzz_target!(|data: &[u8]| {
    let mut script = Script(data);
    let longest = 1 + usize::from(script.byte());
    let bytes = script.0;
    let (at_once, cut) = (read(bytes, bytes.len().max(1)), read(bytes, longest));
    let same = match (&at_once, &cut) {
        (Ok(Some((a, x))), Ok(Some((b, y)))) => {
            a == b && (x.status(), x.headers()) == (y.status(), y.headers())
        }
        (Ok(None), Ok(None)) => true,
        (Err(a), Err(b)) => a == b,
        _ => false,
    };
    assert!(same, "at once {at_once:?}\n   cut {cut:?}");
    let Ok(Some((_, response))) = at_once else { return };
    // RFC 6455 §1.3: the key of its example, so that a seed can have the right answer.
    let client = ClientHandshake::new("ws://example.com/chat", *b"the sample nonce")
        .expect("a URI")
        .subprotocols(["chat"])
        .expect("a token")
        .deflate(Some(DeflateConfig::default()));
    if let Ok(agreement) = client.verify(&response) {
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert!(agreement.subprotocol().is_none_or(|name| name == "chat"));
    }
});
