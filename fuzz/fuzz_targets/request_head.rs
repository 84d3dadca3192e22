//! Request heads: the same for any partition, in linear work; what is accepted is an upgrade.
#![no_main]

use everwire_fuzz::Script;
use everwire_wire::handshake::{
    HandshakeError, HandshakeLimits, RequestReader, ServerHandshake, encode_accept, encode_refusal,
};
use http::{Method, Request, Version};
use libfuzzer_sys::fuzz_target;

/// What is behind the head, and what was read.
type Read = Result<Option<(usize, Request<()>)>, HandshakeError>;

fn read(bytes: &[u8], longest: usize) -> Read {
    let mut reader = RequestReader::new(HandshakeLimits::default());
    let mut at = 0;
    while at < bytes.len() {
        let end = (at + longest).min(bytes.len());
        let (used, request) = reader.read(&bytes[at..end])?;
        assert!(used <= end - at);
        at += used;
        assert!(reader.work() <= 16 * at + 1024, "{} for {at} bytes", reader.work());
        if let Some(request) = request {
            assert_eq!(reader.raw(), &bytes[..at]);
            return Ok(Some((at, request)));
        }
        assert_eq!(at, end, "all of it is used while the head is incomplete");
    }
    Ok(None)
}

fn same(a: &Read, b: &Read) -> bool {
    match (a, b) {
        (Ok(Some((a, x))), Ok(Some((b, y)))) => {
            a == b && (x.method(), x.uri(), x.headers()) == (y.method(), y.uri(), y.headers())
        }
        (Ok(None), Ok(None)) => true,
        (Err(a), Err(b)) => a == b,
        _ => false,
    }
}

fuzz_target!(|data: &[u8]| {
    let mut script = Script(data);
    let longest = 1 + usize::from(script.byte());
    let bytes = script.0;
    let at_once = read(bytes, bytes.len().max(1));
    let cut = read(bytes, longest);
    assert!(same(&at_once, &cut), "at once {at_once:?}\n   cut {cut:?}");
    let Ok(Some((_, request))) = at_once else { return };
    let server = ServerHandshake::new().subprotocols(["chat", "superchat"]).expect("tokens");
    match server.respond(&request, false) {
        Ok((response, agreement)) => {
            assert_eq!((request.method(), request.version()), (&Method::GET, Version::HTTP_11));
            assert!(
                agreement.subprotocol().is_none_or(|name| ["chat", "superchat"].contains(&name))
            );
            assert!(encode_accept(&response).starts_with(b"HTTP/1.1 101 "));
        }
        Err(refusal) => {
            let response = refusal.response();
            assert!(response.status().is_client_error());
            assert!(encode_refusal(&response).ends_with(response.body()));
        }
    }
});
