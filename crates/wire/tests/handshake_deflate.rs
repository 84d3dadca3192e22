//! Negotiating permessage-deflate: every combination (RFC 7692 §5.1, §7.1).

use everwire_wire::handshake::{ClientHandshake, HandshakeError, ServerHandshake};
use everwire_wire::{DeflateConfig, DeflateParams};
use http::{HeaderValue, Request, Response};

const KEY: [u8; 16] = *b"the sample nonce";

fn config(no_takeover: (bool, bool), server_bits: u8, client_bits: u8) -> DeflateConfig {
    let mut config = DeflateConfig::default();
    (config.server_no_context_takeover, config.client_no_context_takeover) = no_takeover;
    config.server_max_window_bits = server_bits;
    config.client_max_window_bits = client_bits;
    config
}

/// Takeover allowed both ways and the largest windows: a server that asks nothing of its own.
fn easy() -> DeflateConfig {
    config((false, false), 15, 15)
}

/// A server's answer to the offers, as the header and as the parameters.
fn answer(config: &DeflateConfig, offers: &str) -> Option<(String, DeflateParams)> {
    let server = ServerHandshake::new().deflate(Some(config.clone()));
    let mut request = Request::get("/")
        .header("Host", "a")
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("Sec-WebSocket-Version", "13")
        .body(())
        .unwrap();
    let offers = HeaderValue::try_from(offers).unwrap();
    request.headers_mut().insert("sec-websocket-extensions", offers);
    let (response, agreement) = server.respond(&request, false).unwrap();
    let header = response.headers().get("sec-websocket-extensions")?.to_str().unwrap().to_owned();
    assert_eq!(agreement.extensions(), header);
    Some((header, *agreement.deflate().unwrap()))
}

fn answer_header(config: &DeflateConfig, offers: &str) -> Option<String> {
    answer(config, offers).map(|(header, _)| header)
}

/// Parameters as plain values: `None` is "not said", `Some(None)` is "said without a value".
type Said = (bool, bool, Option<u8>, Option<Option<u8>>);

fn header(said: Said) -> String {
    let (server_no_takeover, client_no_takeover, server_bits, client_bits) = said;
    let mut header = "permessage-deflate".to_owned();
    if server_no_takeover {
        header += "; server_no_context_takeover";
    }
    if client_no_takeover {
        header += "; client_no_context_takeover";
    }
    if let Some(bits) = server_bits {
        header += &format!("; server_max_window_bits={bits}");
    }
    match client_bits {
        None => {}
        Some(None) => header += "; client_max_window_bits",
        Some(Some(bits)) => header += &format!("; client_max_window_bits={bits}"),
    }
    header
}

fn bools() -> impl Iterator<Item = (bool, bool)> {
    [(false, false), (false, true), (true, false), (true, true)].into_iter()
}

/// Everything that can be said of windows in an offer.
fn windows() -> impl Iterator<Item = (Option<u8>, Option<Option<u8>>)> {
    let server = [None].into_iter().chain((8..=15).map(Some));
    server.flat_map(|server| {
        let client = [None, Some(None)].into_iter().chain((8..=15).map(|bits| Some(Some(bits))));
        client.map(move |client| (server, client))
    })
}

#[test]
fn what_browsers_offer_is_accepted() {
    // Chrome, Firefox and Edge; Safari.
    let offers = ["permessage-deflate; client_max_window_bits", "permessage-deflate"];
    for offer in offers {
        assert_eq!(
            answer_header(&DeflateConfig::default(), offer).as_deref(),
            Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover")
        );
        assert_eq!(answer_header(&easy(), offer).as_deref(), Some("permessage-deflate"));
    }
    let small = config((true, true), 10, 11);
    assert_eq!(
        answer_header(&small, offers[0]).as_deref(),
        Some(
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             server_max_window_bits=10; client_max_window_bits=11"
        )
    );
    assert_eq!(
        answer_header(&small, offers[1]).as_deref(),
        Some(
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             server_max_window_bits=10"
        )
    );
}

#[test]
fn a_server_answers_every_offer_by_the_rfc() {
    for (ours, takeover) in bools().flat_map(|ours| bools().map(move |theirs| (ours, theirs))) {
        for (server_bits, client_bits) in windows() {
            let offer = header((takeover.0, takeover.1, server_bits, client_bits));
            for limit in 9..=15 {
                let config = config(ours, limit, limit);
                // §7.1.2.1: at most what was offered and at most what we want; an offered value
                // must be answered, 15 of our own accord need not be.
                let server_answer = match server_bits {
                    Some(8) => {
                        assert_eq!(answer(&config, &offer), None, "{offer}: no window of 8 here");
                        continue;
                    }
                    Some(bits) => Some(bits.min(limit)),
                    None if limit < 15 => Some(limit),
                    None => None,
                };
                // §7.1.2.2: only if offered.
                let client_answer = match client_bits {
                    None => None,
                    Some(None) if limit < 15 => Some(Some(limit)),
                    Some(None) => None,
                    Some(Some(bits)) => Some(Some(bits.min(limit))),
                };
                let expected =
                    (takeover.0 || ours.0, takeover.1 || ours.1, server_answer, client_answer);
                let (said, params) = answer(&config, &offer).expect(&offer);
                assert_eq!(said, header(expected), "{offer} at {config:?}");
                assert_eq!(params.server_no_context_takeover(), expected.0);
                assert_eq!(params.client_no_context_takeover(), expected.1);
                assert_eq!(params.server_max_window_bits(), server_answer.unwrap_or(15));
                assert_eq!(params.client_max_window_bits(), client_answer.flatten().unwrap_or(15));
            }
        }
    }
}

#[test]
fn a_client_judges_every_answer_by_the_rfc() {
    for (asked, takeover) in bools().flat_map(|asked| bools().map(move |said| (asked, said))) {
        for asked_bits in 9..=15 {
            let client = ClientHandshake::new("ws://a", KEY)
                .unwrap()
                .deflate(Some(config(asked, asked_bits, 15)));
            for (server_bits, client_bits) in windows() {
                let said = (takeover.0, takeover.1, server_bits, client_bits);
                let result = client.verify(&response(&header(said)));
                // A window was asked in the first offer only, and only the first offer lets the
                // server ask for a window of ours.
                let fits_first =
                    asked_bits == 15 || server_bits.is_some_and(|bits| bits <= asked_bits);
                let fits_second = client_bits.is_none();
                let legal = client_bits != Some(None)
                    && (takeover.0 || !asked.0)
                    && (fits_first || fits_second);
                assert_eq!(result.is_ok(), legal, "{} at {asked_bits}: {result:?}", header(said));
                if let Ok(agreement) = result {
                    assert_eq!(agreement.extensions(), header(said));
                    let params = agreement.deflate().unwrap();
                    assert_eq!(params.server_max_window_bits(), server_bits.unwrap_or(15));
                    // 8 is kept, so that the client knows to send uncompressed.
                    let bits = client_bits.flatten().unwrap_or(15);
                    assert_eq!(params.client_max_window_bits(), bits);
                }
            }
        }
    }
}

fn response(extensions: &str) -> Response<()> {
    Response::builder()
        .status(101)
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        .header("Sec-WebSocket-Extensions", extensions)
        .body(())
        .unwrap()
}

#[test]
fn our_client_and_our_server_always_agree() {
    for (ours, theirs) in bools().flat_map(|ours| bools().map(move |theirs| (ours, theirs))) {
        for bits in 0..7 * 7 * 7u16 {
            let [a, b, c] = [bits / 49, bits / 7 % 7, bits % 7].map(|bits| 9 + bits as u8);
            let client =
                ClientHandshake::new("ws://a", KEY).unwrap().deflate(Some(config(ours, a, b)));
            let server = ServerHandshake::new().deflate(Some(config(theirs, b, c)));
            let (response, agreement) = server.respond(&client.request(), false).unwrap();
            assert_eq!(client.verify(&response).unwrap(), agreement);
            let params = agreement.deflate().expect("both want it");
            assert_eq!(params.server_no_context_takeover(), ours.0 || theirs.0);
            assert_eq!(params.client_no_context_takeover(), ours.1 || theirs.1);
            assert_eq!(params.server_max_window_bits(), a.min(b));
            assert_eq!(params.client_max_window_bits(), b.min(c));
        }
    }
}

// row: H16
#[test]
fn an_unacceptable_offer_is_declined_and_the_next_one_taken() {
    for params in [
        "server_max_window_bits=7",
        "server_max_window_bits=8",
        "server_max_window_bits=16",
        "server_max_window_bits=08",
        "server_max_window_bits=+9",
        "server_max_window_bits=99999999999999999999",
        "server_max_window_bits",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits=015",
        "client_max_window_bits; client_max_window_bits",
        "client_max_window_bits; client_max_window_bits=10",
        "server_max_window_bits=10; server_max_window_bits=10",
        "server_no_context_takeover; server_no_context_takeover",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "unknown",
        "__proto__=1",
        "SERVER_NO_CONTEXT_TAKEOVER",
    ] {
        let alone = format!("permessage-deflate; {params}");
        assert_eq!(answer(&easy(), &alone), None, "{params}");
        for next in ["permessage-deflate", "permessage-deflate; server_max_window_bits=9"] {
            let both =
                format!("{alone}, foo; bar, {next}, permessage-deflate; client_max_window_bits=9");
            assert_eq!(answer_header(&easy(), &both).as_deref(), Some(next), "{params}");
        }
    }
}

#[test]
fn quotes_and_white_space_around_values_change_nothing() {
    for offer in [
        "permessage-deflate;server_max_window_bits=10",
        "permessage-deflate ;\tserver_max_window_bits = 10 ",
        "permessage-deflate; server_max_window_bits=\"10\"",
        "permessage-deflate; server_max_window_bits=\"1\\0\"",
        "Permessage-Deflate; server_max_window_bits=10",
    ] {
        let header = answer_header(&easy(), offer);
        assert_eq!(
            header.as_deref(),
            Some("permessage-deflate; server_max_window_bits=10"),
            "{offer}"
        );
    }
}

// Autobahn 12.x and 13.x: what its client offers, and must see accepted.
#[test]
fn everything_the_conformance_suite_offers_is_accepted() {
    for config in [DeflateConfig::default(), easy()] {
        for offer in [
            "permessage-deflate; client_no_context_takeover; client_max_window_bits",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             client_max_window_bits",
            "permessage-deflate; client_no_context_takeover; client_max_window_bits; \
             server_max_window_bits=9",
            "permessage-deflate; client_no_context_takeover; client_max_window_bits; \
             server_max_window_bits=15",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             client_max_window_bits; server_max_window_bits=9",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             client_max_window_bits; server_max_window_bits=15",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=9; \
             client_max_window_bits, permessage-deflate; server_no_context_takeover, \
             permessage-deflate",
        ] {
            assert!(answer(&config, offer).is_some(), "{offer}");
        }
    }
}

// pywebsocket3 is such a server.
#[test]
fn a_server_that_does_not_know_the_hint_about_our_own_takeover_can_take_the_last_offer() {
    let config = DeflateConfig::default();
    let last = "permessage-deflate; server_no_context_takeover";
    assert!(config.offers().ends_with(&format!(", {last}")), "{}", config.offers());
    let client = ClientHandshake::new("ws://a", KEY).unwrap().deflate(Some(config));
    let params = *client.verify(&response(last)).unwrap().deflate().unwrap();
    assert!(params.server_no_context_takeover() && !params.client_no_context_takeover());
}

#[test]
fn a_client_told_eight_bits_accepts_and_remembers_it() {
    let client = ClientHandshake::new("ws://a", KEY).unwrap().deflate(Some(easy()));
    let response =
        response("permessage-deflate; client_max_window_bits=8; server_max_window_bits=8");
    let params = *client.verify(&response).unwrap().deflate().unwrap();
    assert_eq!((params.client_max_window_bits(), params.server_max_window_bits()), (8, 8));
}

#[test]
fn without_a_config_nothing_is_offered_or_accepted() {
    let client = ClientHandshake::new("ws://a", KEY).unwrap();
    assert!(!client.request().headers().contains_key("sec-websocket-extensions"));
    let error = client.verify(&response("permessage-deflate")).unwrap_err();
    assert!(matches!(error, HandshakeError::ExtensionNotOffered(_)));

    let client = client.deflate(Some(easy()));
    let (response, agreement) = ServerHandshake::new().respond(&client.request(), false).unwrap();
    assert_eq!(agreement.deflate(), None);
    assert_eq!(client.verify(&response).unwrap(), agreement, "a server may decline");
}

#[test]
fn settings_out_of_range_are_taken_as_the_nearest() {
    let low = config((false, false), 0, 8);
    assert_eq!(
        low.offers(),
        "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9, permessage-deflate"
    );
    let high = config((false, false), 16, 255);
    assert_eq!(high.offers(), "permessage-deflate; client_max_window_bits, permessage-deflate");
    let params =
        DeflateParams::default().with_server_max_window_bits(3).with_client_max_window_bits(99);
    assert_eq!((params.server_max_window_bits(), params.client_max_window_bits()), (8, 15));
}

#[test]
fn the_defaults_keep_no_window_while_idle() {
    let config = DeflateConfig::default();
    assert!(config.server_no_context_takeover && config.client_no_context_takeover);
    assert_eq!((config.server_max_window_bits, config.client_max_window_bits), (15, 15));
    assert_eq!((config.level, config.threshold), (1, 128));
}
