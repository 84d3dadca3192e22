//! Extension negotiation: what a server answers to any offer, its client accepts; what a client
//! accepts was offered.
#![no_main]

use everwire_fuzz::Script;
use everwire_wire::handshake::{ClientHandshake, ServerHandshake};
use everwire_wire::{DeflateConfig, Role};
use http::header::{HeaderValue, SEC_WEBSOCKET_EXTENSIONS};
use libfuzzer_sys::fuzz_target;

fn config(script: &mut Script<'_>) -> DeflateConfig {
    let mut config = DeflateConfig::default();
    let choice = script.byte();
    config.server_no_context_takeover = choice & 1 != 0;
    config.client_no_context_takeover = choice & 2 != 0;
    config.server_max_window_bits = script.byte() % 20;
    config.client_max_window_bits = script.byte() % 20;
    config
}

fuzz_target!(|data: &[u8]| {
    let mut script = Script(data);
    let (ours, theirs) = (config(&mut script), config(&mut script));
    let client = ClientHandshake::new("ws://example.com/", [7; 16]).expect("a URI");
    let client = client.deflate(Some(ours));
    let server = ServerHandshake::new().deflate(Some(theirs));

    // The two of us always agree.
    let request = client.request();
    let (response, agreed) = server.respond(&request, false).expect("a request of ours");
    let verified = client.verify(&response).expect("an answer of ours");
    assert_eq!(verified.deflate(), agreed.deflate());
    assert!(agreed.deflate().is_some());

    // Any offer is answered with what a peer may answer, or declined, or refused.
    let Ok(value) = HeaderValue::from_bytes(script.0) else { return };
    let mut request = client.request();
    request.headers_mut().insert(SEC_WEBSOCKET_EXTENSIONS, value.clone());
    if let Ok((_, agreement)) = server.respond(&request, false)
        && let Some(params) = agreement.deflate()
    {
        assert!((9..=15).contains(&params.server_max_window_bits()));
        assert!((8..=15).contains(&params.client_max_window_bits()));
        everwire_testkit::Side::new(Role::Server, &agreement, everwire_fuzz::tight());
    }
    // Any answer is one that was offered, or refused.
    let mut response = response;
    response.headers_mut().insert(SEC_WEBSOCKET_EXTENSIONS, value);
    if let Ok(agreement) = client.verify(&response)
        && let Some(params) = agreement.deflate()
    {
        assert!((8..=15).contains(&params.server_max_window_bits()));
        everwire_testkit::Side::new(Role::Client, &agreement, everwire_fuzz::tight());
    }
});
