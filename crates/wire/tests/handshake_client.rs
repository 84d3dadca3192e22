//! What a client sends, and what it takes for an answer (RFC 6455 §3, §4.1).

use everwire_wire::DeflateConfig;
use everwire_wire::handshake::{
    ClientHandshake, DeflateFault, HandshakeError, InvalidHandshake, InvalidUri, ServerHandshake,
    Target,
};
use http::{Response, StatusCode, Version};

const KEY: [u8; 16] = *b"the sample nonce";

fn client() -> ClientHandshake {
    ClientHandshake::new("ws://server.example.com/chat", KEY).unwrap()
}

/// The response of RFC 6455 §1.2, which a test then spoils.
fn good() -> Response<()> {
    Response::builder()
        .status(101)
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        .body(())
        .unwrap()
}

fn with(name: &'static str, value: &str) -> Response<()> {
    let mut response = good();
    response.headers_mut().insert(name, value.parse().unwrap());
    response
}

fn and(name: &'static str, value: &str) -> Response<()> {
    let mut response = good();
    response.headers_mut().append(name, value.parse().unwrap());
    response
}

fn without(name: &str) -> Response<()> {
    let mut response = good();
    response.headers_mut().remove(name).unwrap();
    response
}

#[track_caller]
fn error(response: &Response<()>) -> HandshakeError {
    client().verify(response).unwrap_err()
}

#[test]
fn the_request_is_the_rfcs() {
    let client = ClientHandshake::new("wss://Example.org:444/chat?a=b", KEY)
        .unwrap()
        .subprotocols(["chat", "superchat"])
        .unwrap()
        .deflate(Some(DeflateConfig::default()))
        .header("Origin", "http://example.com")
        .unwrap()
        .header("Cookie", "a=1")
        .unwrap();
    assert_eq!(
        String::from_utf8(client.encode()).unwrap(),
        "GET /chat?a=b HTTP/1.1\r\nHost: example.org:444\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: chat, superchat\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
         client_no_context_takeover; client_max_window_bits, permessage-deflate; \
         server_no_context_takeover\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Origin: http://example.com\r\nCookie: a=1\r\n\r\n"
    );
}

#[test]
fn a_server_of_ours_accepts_it_and_the_client_agrees() {
    let client = client()
        .subprotocols(["a", "b"])
        .unwrap()
        .deflate(Some(DeflateConfig::default()))
        .header("Origin", "http://server.example.com")
        .unwrap();
    let server =
        ServerHandshake::new().subprotocols(["b"]).unwrap().deflate(Some(DeflateConfig::default()));
    let (response, agreement) = server.respond(&client.request(), false).unwrap();
    assert_eq!(client.verify(&response), Ok(agreement.clone()));
    assert_eq!(agreement.subprotocol(), Some("b"));
    assert_eq!(
        agreement.extensions(),
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    );
}

#[test]
fn the_rfcs_answer_is_accepted() {
    let agreement = client().verify(&good()).unwrap();
    assert_eq!((agreement.subprotocol(), agreement.deflate()), (None, None));
    assert!(client().verify(&with("upgrade", "WebSocket")).is_ok());
    assert!(client().verify(&with("connection", "keep-alive, upgrade")).is_ok());
    assert!(client().verify(&and("content-length", "0")).is_ok());
}

// row: H19
#[test]
fn a_wrong_proof_fails_the_connection() {
    for accept in [
        "S3PPLMBITXAQ9KYGZZHZRBK+XOO=",
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo",
        "dGhlIHNhbXBsZSBub25jZQ==",
        "",
    ] {
        assert_eq!(error(&with("sec-websocket-accept", accept)), HandshakeError::Accept);
    }
    let missing = HandshakeError::Missing("Sec-WebSocket-Accept");
    assert_eq!(error(&without("sec-websocket-accept")), missing);
    let repeated = HandshakeError::Repeated("Sec-WebSocket-Accept");
    assert_eq!(error(&and("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")), repeated);
}

// row: H19
#[test]
fn an_answer_that_is_no_upgrade_to_websocket_fails_the_connection() {
    assert_eq!(error(&without("upgrade")), HandshakeError::Missing("Upgrade"));
    assert_eq!(error(&without("connection")), HandshakeError::Missing("Connection"));
    for upgrade in ["websocket2", "h2c", "websocket, h2c", ""] {
        assert_eq!(error(&with("upgrade", upgrade)), HandshakeError::Malformed("Upgrade"));
    }
    for connection in ["Upgradex", "close", ""] {
        assert_eq!(error(&with("connection", connection)), HandshakeError::Malformed("Connection"));
    }
    let mut old = good();
    *old.version_mut() = Version::HTTP_10;
    assert_eq!(error(&old), HandshakeError::HttpVersion);
    assert_eq!(error(&and("content-length", "5")), HandshakeError::Body);
    assert_eq!(error(&and("transfer-encoding", "chunked")), HandshakeError::Body);
}

// row: H19
#[test]
fn an_unoffered_subprotocol_fails_the_connection() {
    let refused = |name: &str| HandshakeError::SubprotocolNotOffered(name.to_owned());
    assert_eq!(error(&and("sec-websocket-protocol", "a")), refused("a"));
    let client = client().subprotocols(["a", "b"]).unwrap();
    let verify = |response: &Response<()>| client.verify(response);
    assert_eq!(verify(&and("sec-websocket-protocol", "b")).unwrap().subprotocol(), Some("b"));
    assert_eq!(verify(&good()).unwrap().subprotocol(), None, "a server may choose none");
    for name in ["c", "A", "", "a, b", "a,a"] {
        assert_eq!(verify(&and("sec-websocket-protocol", name)), Err(refused(name)));
    }
    let mut two = and("sec-websocket-protocol", "a");
    two.headers_mut().append("sec-websocket-protocol", "a".parse().unwrap());
    assert_eq!(verify(&two), Err(HandshakeError::Repeated("Sec-WebSocket-Protocol")));
}

// row: H19
#[test]
fn an_unoffered_extension_fails_the_connection() {
    let refused = |name: &str| Err(HandshakeError::ExtensionNotOffered(name.to_owned()));
    let deflate = client().deflate(Some(DeflateConfig::default()));
    let good = "permessage-deflate; server_no_context_takeover";
    let answer = |value: &str| and("sec-websocket-extensions", value);

    assert_eq!(client().verify(&answer(good)), refused("permessage-deflate"));
    assert!(deflate.verify(&answer(good)).is_ok());
    assert_eq!(deflate.verify(&answer("foo")), refused("foo"));
    assert_eq!(deflate.verify(&answer(&format!("{good}, foo"))), refused("foo"));
    let twice = format!("{good}, {good}");
    assert_eq!(deflate.verify(&answer(&twice)), refused("permessage-deflate"));
    for malformed in ["", ",", "a;", "permessage-deflate; a=\"", "permessage-deflate; a=\"\""] {
        let error = Err(HandshakeError::Malformed("Sec-WebSocket-Extensions"));
        assert_eq!(deflate.verify(&answer(malformed)), error, "{malformed}");
    }
}

// row: H19
#[test]
fn an_answer_with_parameters_out_of_range_fails_the_connection() {
    let client = client().deflate(Some(DeflateConfig::default()));
    for (param, fault) in [
        ("server_max_window_bits=99", DeflateFault::Value),
        ("server_max_window_bits=99999999999999999999", DeflateFault::Value),
        ("server_max_window_bits=16", DeflateFault::Value),
        ("server_max_window_bits=7", DeflateFault::Value),
        ("server_max_window_bits=08", DeflateFault::Value),
        ("server_max_window_bits", DeflateFault::Value),
        ("client_max_window_bits", DeflateFault::Value),
        ("client_max_window_bits=0", DeflateFault::Value),
        ("client_no_context_takeover=1", DeflateFault::Value),
        ("server_no_context_takeover", DeflateFault::DuplicateParameter),
        ("foo", DeflateFault::UnknownParameter),
        ("Server_max_window_bits=10", DeflateFault::UnknownParameter),
    ] {
        let value = format!("permessage-deflate; server_no_context_takeover; {param}");
        let result = client.verify(&and("sec-websocket-extensions", &value));
        assert_eq!(result, Err(HandshakeError::Deflate(fault)), "{param}");
    }
}

// row: H20
#[test]
fn another_status_is_a_typed_error() {
    for status in [200, 302, 401, 403, 426, 500, 503] {
        let mut response = good();
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        assert_eq!(error(&response), HandshakeError::Status(response.status()));
    }
    assert_eq!(
        HandshakeError::Status(StatusCode::UNAUTHORIZED).to_string(),
        "server answered 401 Unauthorized instead of 101"
    );
}

// row: H21
#[test]
fn line_breaks_are_refused_at_the_api() {
    for uri in
        ["ws://a/\r\nX: y", "ws://a/ b", "ws://a\n/", "ws://a/\0", "ws://a/\u{e9}", "ws://\u{e9}/"]
    {
        let error = ClientHandshake::new(uri, KEY).unwrap_err();
        assert_eq!(error, InvalidUri::Character, "{uri:?}");
    }
    for value in ["a\r\nX: y", "a\nb", "a\rb", "a\0b", "a\x7fb"] {
        let error = client().header("X-A", value).unwrap_err();
        assert_eq!(error, InvalidHandshake::HeaderValue("x-a".parse().unwrap()));
    }
    for name in ["X\r\nY", "X Y", "", "X:", "X\u{e9}"] {
        let error = client().header(name, "a").unwrap_err();
        assert_eq!(error, InvalidHandshake::HeaderName, "{name:?}");
    }
    for name in ["a\r\nX: y", "a b", "", "a,b", "\"a\"", "\u{e9}"] {
        let error = client().subprotocols([name]).unwrap_err();
        assert_eq!(error, InvalidHandshake::Subprotocol(name.to_owned()));
    }
}

#[test]
fn duplicate_and_countless_subprotocols_are_refused_at_the_api() {
    let duplicate = InvalidHandshake::Subprotocol("a".to_owned());
    assert_eq!(client().subprotocols(["a", "b", "a"]).unwrap_err(), duplicate);
    let many = |count: u32| client().subprotocols((0..count).map(|n| n.to_string()));
    assert!(many(100).is_ok());
    assert!(many(101).is_err());
}

#[test]
fn the_handshakes_own_headers_cannot_be_overridden() {
    for name in [
        "Host",
        "Upgrade",
        "Connection",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Accept",
        "Content-Length",
        "Transfer-Encoding",
        "Trailer",
        "TE",
        "Expect",
    ] {
        let error = client().header(name, "x").unwrap_err();
        assert_eq!(error, InvalidHandshake::ReservedHeader(name.parse().unwrap()));
    }
}

// RFC 6455 §3
#[test]
fn uris_are_read_by_the_rfcs_rules() {
    for (uri, secure, host, port, authority, resource) in [
        ("ws://a", false, "a", 80, "a", "/"),
        ("wss://a", true, "a", 443, "a", "/"),
        ("http://a", false, "a", 80, "a", "/"),
        ("HTTPS://A/", true, "a", 443, "a", "/"),
        ("ws://a?q", false, "a", 80, "a", "/?q"),
        ("ws://a/b/c?q=1&r=/?", false, "a", 80, "a", "/b/c?q=1&r=/?"),
        ("ws://a:80/", false, "a", 80, "a", "/"),
        ("ws://a:443/", false, "a", 443, "a:443", "/"),
        ("wss://a:443/", true, "a", 443, "a", "/"),
        ("wss://a:80/", true, "a", 80, "a:80", "/"),
        ("ws://a:/", false, "a", 80, "a", "/"),
        ("ws://127.0.0.1:9001/", false, "127.0.0.1", 9001, "127.0.0.1:9001", "/"),
        ("ws://[::1]:9001/x", false, "::1", 9001, "[::1]:9001", "/x"),
        ("wss://[2001:DB8:0::1]", true, "2001:db8::1", 443, "[2001:db8::1]", "/"),
        ("ws://a/%23?%23", false, "a", 80, "a", "/%23?%23"),
    ] {
        let target: Target = uri.parse().unwrap_or_else(|error| panic!("{uri}: {error}"));
        assert_eq!((target.secure(), target.host(), target.port()), (secure, host, port), "{uri}");
        assert_eq!(
            (target.authority().as_str(), target.resource()),
            (authority, resource),
            "{uri}"
        );
        let again: Target = target.to_string().parse().unwrap();
        assert_eq!(again.to_string(), target.to_string());
    }
}

// RFC 6455 §3
#[test]
fn uris_that_cannot_be_connected_to_are_refused() {
    for (uri, error) in [
        ("ws://a/#", InvalidUri::Fragment),
        ("ws://a/b#c", InvalidUri::Fragment),
        ("ws://a#c", InvalidUri::Fragment),
        ("ws://user@a/", InvalidUri::UserInfo),
        ("ws://user:pass@a/", InvalidUri::UserInfo),
        ("ws://@a/", InvalidUri::UserInfo),
        ("ftp://a/", InvalidUri::Scheme),
        ("a/b", InvalidUri::Scheme),
        ("//a/b", InvalidUri::Scheme),
        ("ws:a", InvalidUri::Scheme),
        ("", InvalidUri::Scheme),
        ("ws://", InvalidUri::Host),
        ("ws:///b", InvalidUri::Host),
        ("ws://:80/", InvalidUri::Host),
        ("ws://a:0/", InvalidUri::Host),
        ("ws://a:65536/", InvalidUri::Host),
        ("ws://a:x/", InvalidUri::Host),
        ("ws://[::1/", InvalidUri::Host),
        ("ws://::1/", InvalidUri::Host),
        ("ws://a\\b/", InvalidUri::Host),
        ("ws://a%00/", InvalidUri::Host),
    ] {
        assert_eq!(uri.parse::<Target>(), Err(error), "{uri}");
    }
}

#[test]
fn a_clients_debug_output_has_no_secrets() {
    let client = client().header("Authorization", "Bearer secret").unwrap();
    assert!(!format!("{client:?}").contains("secret"));
}
