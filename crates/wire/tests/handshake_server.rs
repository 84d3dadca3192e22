//! What a server answers to opening handshakes, good and bad (RFC 6455 §4.2).

use bytes::Bytes;
use everwire_wire::handshake::{
    Agreement, HandshakeError, HandshakeLimits, Offer, OriginPolicy, Refusal, RequestReader,
    ServerHandshake, encode_accept, encode_refusal, wants_upgrade,
};
use http::{Request, Response, StatusCode, Version};

/// The request of RFC 6455 §1.2, which a test then spoils.
fn good() -> Request<()> {
    Request::get("/chat")
        .header("Host", "server.example.com")
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("Sec-WebSocket-Version", "13")
        .body(())
        .unwrap()
}

fn with(name: &'static str, value: &str) -> Request<()> {
    let mut request = good();
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

fn and(name: &'static str, value: &str) -> Request<()> {
    let mut request = good();
    request.headers_mut().append(name, value.parse().unwrap());
    request
}

fn without(name: &str) -> Request<()> {
    let mut request = good();
    request.headers_mut().remove(name).unwrap();
    request
}

fn at(target: &str) -> Request<()> {
    let mut request = good();
    *request.uri_mut() = target.parse().unwrap();
    request
}

fn respond(request: &Request<()>) -> Result<(Response<()>, Agreement), Refusal> {
    ServerHandshake::new().respond(request, false)
}

/// The refusal's response, checked for what every refusal has.
fn refused(request: &Request<()>) -> Response<Bytes> {
    let refusal = respond(request).map(|_| ()).expect_err("it must not be accepted");
    let response = refusal.response();
    assert!(response.status().is_client_error(), "{response:?}");
    let connection = response.headers()["connection"].to_str().unwrap();
    assert!(connection.split(", ").any(|token| token == "close"), "{connection}");
    assert!(response.body().len() < 100, "a short text");
    response
}

#[track_caller]
fn assert_status(request: &Request<()>, status: u16) {
    assert_eq!(refused(request).status(), status, "{request:?}");
}

#[track_caller]
fn assert_accepted(request: &Request<()>) {
    if let Err(refusal) = respond(request) {
        panic!("{refusal}: {request:?}");
    }
}

#[test]
fn the_rfcs_own_handshake_is_answered_as_in_the_rfc() {
    let (response, agreement) = respond(&good()).unwrap();
    assert_eq!(
        encode_accept(&response),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    );
    assert_eq!(agreement, Agreement::default());
    assert_eq!((agreement.subprotocol(), agreement.extensions().as_str()), (None, ""));
}

// row: H1
#[test]
fn only_get_upgrades() {
    for method in ["POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "get"] {
        let mut request = good();
        *request.method_mut() = method.parse().unwrap();
        let response = refused(&request);
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()["allow"], "GET");
    }
}

// row: H2
#[test]
fn only_http_1_1_upgrades() {
    for version in [Version::HTTP_09, Version::HTTP_10, Version::HTTP_2, Version::HTTP_3] {
        let mut request = good();
        *request.version_mut() = version;
        assert_status(&request, 400);
    }
}

// row: H3
#[test]
fn one_valid_host_is_required() {
    assert_status(&without("host"), 400);
    assert_status(&and("host", "server.example.com"), 400);
    for host in [
        "",
        " ",
        "a b",
        "a\tb",
        "a, b",
        "a,b",
        "user@a",
        "a/b",
        "a:b",
        "a:80:80",
        "a:65536",
        "a:-1",
        ":80",
        "[::1",
        "::1",
        "[::1]x",
        "[g::1]",
        "[fe80::1%25eth0]",
        "a?b",
        "a#b",
        "http://a",
        "a%00",
    ] {
        assert_status(&with("host", host), 400);
    }
    let mut request = good();
    let obs_text = http::HeaderValue::from_bytes(b"a\xff").unwrap();
    request.headers_mut().insert("host", obs_text);
    assert_status(&request, 400);
    for host in
        ["a", "a:80", "a:", "A.EXAMPLE.", "127.0.0.1:9001", "[::1]:9001", "[::1]", "a_b-c.d"]
    {
        assert_accepted(&with("host", host));
    }
}

// row: H4
#[test]
fn the_key_is_sixteen_bytes_in_canonical_base64() {
    assert_status(&without("sec-websocket-key"), 400);
    assert_status(&and("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="), 400);
    for key in [
        "",
        "dGhlIHNhbXBsZSBub25j",     // 15 bytes
        "dGhlIHNhbXBsZSBub25jZWU=", // 17 bytes
        "dGhlIHNhbXBsZSBub25jZWVl", // 18 bytes, 24 characters
        "dGhlIHNhbXBsZSBub25jZQ",   // no padding
        "dGhlIHNhbXBsZSBub25jZQ=",  // half the padding
        "dGhlIHNhbXBsZSBub25jZR==", // bits in the padding
        "dGhlIHNhbXBsZSBub25jZ===", // too much padding
        "dGhlIHNhbXBs-SBub25jZQ==", // the other alphabet
        "dGhlIHNhbXBs!SBub25jZQ==", // no alphabet
        "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
    ] {
        let response = refused(&with("sec-websocket-key", key));
        assert_eq!(response.status(), 400, "{key}");
        assert_eq!(response.body(), "malformed Sec-WebSocket-Key\n");
    }
}

// row: H5
#[test]
fn other_versions_are_told_ours() {
    for version in ["12", "7", "8", "0", "14", "130", "255"] {
        let response = refused(&with("sec-websocket-version", version));
        assert_eq!(response.status(), 426, "{version}");
        assert_eq!(response.headers()["sec-websocket-version"], "13");
        assert_eq!(response.headers()["upgrade"], "websocket");
    }
    let digits = "1".repeat(1 << 20);
    for version in ["013", "13, 8", "8, 13", "", "13.0", "+13", "-1", "256", "99999", "x", &digits]
    {
        let response = refused(&with("sec-websocket-version", version));
        assert_eq!(response.status(), 400);
        assert_eq!(response.headers()["sec-websocket-version"], "13");
    }
    assert_status(&without("sec-websocket-version"), 400);
    assert_status(&and("sec-websocket-version", "13"), 400);
}

// row: H6
#[test]
fn connection_and_upgrade_are_lists_of_tokens_in_any_case() {
    for connection in
        ["keep-alive, Upgrade", "upgrade", "UPGRADE", "Upgrade,close", ", ,\tupgrade ,"]
    {
        assert_accepted(&with("connection", connection));
    }
    for upgrade in ["WebSocket", "WEBSOCKET", "h2c, websocket", "websocket, foo/2"] {
        assert_accepted(&with("upgrade", upgrade));
    }
    let mut request = with("connection", "keep-alive");
    request.headers_mut().append("connection", "Upgrade".parse().unwrap());
    assert_accepted(&request);
}

// row: H7
#[test]
fn what_only_looks_like_an_upgrade_is_never_switched() {
    for connection in ["Upgradex", "Upgrade;q=1", "up grade", "keep-alive", "", "\"Upgrade\""] {
        assert_status(&with("connection", connection), 426);
    }
    for upgrade in ["websocket2", "websocket/13", "xwebsocket", "web socket", "h2c", ""] {
        assert_status(&with("upgrade", upgrade), 426);
    }
    assert_status(&without("connection"), 426);
    assert_status(&without("upgrade"), 426);
    let mut old = with("sec-websocket-version", "7");
    old.headers_mut().remove("connection");
    old.headers_mut().remove("upgrade");
    let response = refused(&old);
    assert_eq!(response.status(), 426);
    assert_eq!(response.headers()["sec-websocket-version"], "13");
}

#[test]
fn a_request_is_known_to_want_the_upgrade_by_its_upgrade_header() {
    assert!(wants_upgrade(&good()));
    assert!(wants_upgrade(&without("connection")), "wanted, and to be refused");
    assert!(!wants_upgrade(&without("upgrade")));
    assert!(!wants_upgrade(&with("upgrade", "h2c")));
}

// row: H11
#[test]
fn an_upgrade_has_no_body() {
    assert_status(&and("content-length", "5"), 400);
    assert_status(&and("content-length", "00"), 400);
    assert_status(&and("content-length", "0, 0"), 400);
    assert_status(&and("content-length", "-1"), 400);
    assert_status(&and("content-length", ""), 400);
    assert_status(&and("transfer-encoding", "chunked"), 400);
    assert_status(&and("transfer-encoding", "identity"), 400);
    assert_status(&and("transfer-encoding", ""), 400);
    for (first, second) in [("0", "0"), ("0", "5")] {
        let mut request = and("content-length", first);
        request.headers_mut().append("content-length", second.parse().unwrap());
        assert_status(&request, 400);
    }
    let mut both = and("content-length", "0");
    both.headers_mut().append("transfer-encoding", "chunked".parse().unwrap());
    assert_status(&both, 400);
    assert_accepted(&and("content-length", "0"));
}

// row: H12
#[test]
fn every_refusal_closes_and_says_how_long_it_is() {
    let refusal = respond(&with("sec-websocket-version", "8")).unwrap_err();
    assert_eq!(
        encode_refusal(&refusal.response()),
        "HTTP/1.1 426 Upgrade Required\r\nConnection: close, Upgrade\r\n\
         Content-Type: text/plain; charset=utf-8\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nContent-Length: 28\r\n\r\nWebSocket version is not 13\n"
    );
    // A program's own answer cannot keep the connection, lie about its length, or pass for a 101.
    let own = Response::builder()
        .status(401)
        .header("Connection", "keep-alive")
        .header("Transfer-Encoding", "chunked")
        .header("Content-Length", "0")
        .header("WWW-Authenticate", "Bearer")
        .body(Bytes::from("who?"))
        .unwrap();
    let bytes = encode_refusal(&own);
    let text = std::str::from_utf8(&bytes).unwrap();
    assert!(text.starts_with("HTTP/1.1 401 Unauthorized\r\n"));
    assert!(text.contains("\r\nConnection: close\r\n"));
    assert!(text.contains("\r\nContent-Length: 4\r\n"));
    assert!(text.ends_with("\r\n\r\nwho?"));
    assert!(
        !text.contains("keep-alive") && !text.contains("chunked") && !text.contains("Length: 0")
    );

    let switching = Response::builder().status(101).body(Bytes::new()).unwrap();
    assert!(encode_refusal(&switching).starts_with(b"HTTP/1.1 500 "));
    let empty = Response::builder().status(204).body(Bytes::from("x")).unwrap();
    assert!(encode_refusal(&empty).ends_with(b"\r\n\r\n"));
}

#[test]
fn a_refusal_does_not_repeat_what_the_peer_sent() {
    let response = refused(&with("origin", "https://<script>"));
    assert_eq!(response.status(), 403);
    assert_eq!(response.body(), "origin not allowed\n");
}

#[test]
fn the_servers_order_of_subprotocols_decides() {
    let server = ServerHandshake::new().subprotocols(["v2", "v1"]).unwrap();
    let choose = |request: &Request<()>| {
        let (response, agreement) = server.respond(request, false).unwrap();
        let said = response.headers().get("sec-websocket-protocol").cloned();
        assert_eq!(said.as_ref().map(|value| value.to_str().unwrap()), agreement.subprotocol());
        agreement.subprotocol().map(str::to_owned)
    };
    assert_eq!(choose(&with("sec-websocket-protocol", "v1, v2")).as_deref(), Some("v2"));
    assert_eq!(choose(&with("sec-websocket-protocol", "v0,v1 ")).as_deref(), Some("v1"));
    assert_eq!(choose(&with("sec-websocket-protocol", "V2")), None, "names have a case");
    assert_eq!(choose(&with("sec-websocket-protocol", "v3")), None);
    assert_eq!(choose(&good()), None);
    let mut two = with("sec-websocket-protocol", "v1");
    two.headers_mut().append("sec-websocket-protocol", "v2".parse().unwrap());
    assert_eq!(choose(&two).as_deref(), Some("v2"), "several headers are one list");
}

#[test]
fn a_program_may_choose_among_what_is_offered() {
    let offer = || ServerHandshake::new().check(&with("sec-websocket-protocol", "a, b"), false);
    let offer: &dyn Fn() -> Offer = &|| offer().unwrap();
    assert_eq!(offer().subprotocols(), ["a", "b"]);
    assert_eq!(offer().host(), "server.example.com");
    assert_eq!(offer().select(&["c", "b"]), Some("b"));
    assert_eq!(offer().accept(Some("b")).unwrap().1.subprotocol(), Some("b"));
    assert_eq!(offer().accept(None).unwrap().1.subprotocol(), None);
    assert!(offer().accept(Some("c")).is_err(), "it was not offered");
    assert!(ServerHandshake::new().subprotocols(["a b"]).is_err());
}

// row: H15
#[test]
fn a_malformed_subprotocol_list_is_refused() {
    for list in [
        "", ",", "a,", ",a", "a,,b", "a, a", "a b", "a;b", "a/b", "a@b", "\"a\"", "(a)", "a\tb",
        "a, b c",
    ] {
        assert_status(&with("sec-websocket-protocol", list), 400);
    }
    let mut twice = with("sec-websocket-protocol", "a");
    twice.headers_mut().append("sec-websocket-protocol", "a".parse().unwrap());
    assert_status(&twice, 400);
}

// row: H15
#[test]
fn a_long_subprotocol_list_is_refused() {
    let list = |count: usize| (0..count).map(|n| format!("p{n}")).collect::<Vec<_>>().join(", ");
    assert_accepted(&with("sec-websocket-protocol", &list(100)));
    assert_status(&with("sec-websocket-protocol", &list(101)), 400);
    assert_status(&with("sec-websocket-protocol", &list(10_000)), 400);
    // Strings that made regular expressions blow up: a megabyte of them is read once.
    assert_status(&with("sec-websocket-protocol", &format!("a{}b", " ".repeat(1 << 20))), 400);
    assert_status(&with("sec-websocket-protocol", &",".repeat(1 << 20)), 400);
}

// row: H16
#[test]
fn a_malformed_extension_header_is_refused() {
    let long = format!("a; b=\"{}", "\\".repeat(1 << 20));
    for list in [
        "",
        ",",
        "a,",
        ",a",
        "a,,b",
        ";",
        "a;",
        "a;;b",
        "a; =1",
        "a; b=",
        "a; b=;",
        "a; b=\"",
        "a; b=\"1",
        "a; b=\"1\\",
        "a; b=\"\"",
        "a; b=\" 1\"",
        "a; b=\"1 \"",
        "a; b=\"1,2\"",
        "a; b=\"1\"2",
        "a; b=1 2",
        "a b",
        "a=1",
        "a; b==1",
        "permessage-deflate; server_max_window_bits=\"\"",
        &long,
    ] {
        assert_status(&with("sec-websocket-extensions", list), 400);
    }
}

// row: H16
#[test]
fn unknown_extensions_are_declined() {
    for list in ["__proto__", "constructor; toString", "x-webkit-deflate-frame", "a; b=\"1\\2\"; c"]
    {
        let (response, agreement) = respond(&with("sec-websocket-extensions", list)).unwrap();
        assert!(!response.headers().contains_key("sec-websocket-extensions"));
        assert_eq!(agreement.deflate(), None);
    }
}

// row: H16
#[test]
fn a_thousand_offers_are_refused() {
    let offers = |count: usize| vec!["permessage-deflate"; count].join(", ");
    assert_accepted(&with("sec-websocket-extensions", &offers(100)));
    assert_status(&with("sec-websocket-extensions", &offers(101)), 400);
    assert_status(&with("sec-websocket-extensions", &offers(1_000)), 400);
    let params = format!("permessage-deflate{}", "; a".repeat(1_000));
    assert_status(&with("sec-websocket-extensions", &params), 400);
}

// row: H17
#[test]
fn a_target_that_could_be_read_in_two_ways_is_refused() {
    for target in [
        "*",
        "//evil.example/chat",
        "/\\evil",
        "/%5cevil",
        "/a%00",
        "/a%0d%0aInjected:",
        "/a%7f",
        "/..",
        "/../etc",
        "/a/../b",
        "/a/./b",
        "/a/.",
        "/a/%2e%2E/b",
        "/a/.%2e/b",
        "/a/..;/b",
        "/a/..;x=1/b",
        "/a/..%3b/b",
        "/a/..%2fb",
        "/a/..%5cb",
        "/%",
        "/%2",
        "/%zz",
        "/%+1",
        "server.example.com:80",
    ] {
        // Some of these `http::Uri` refuses already, and then there is no request to check.
        let Ok(uri) = target.parse() else { continue };
        let mut request = good();
        *request.uri_mut() = uri;
        assert_status(&request, 400);
    }
    for target in [
        "/",
        "/a//b",
        "/a/...",
        "/..a",
        "/a%2Fb",
        "/%C3%A9",
        "/%252e%252e",
        "/a?b=/../%00",
        "/a;v=1",
    ] {
        assert_accepted(&at(target));
    }
}

// row: H17
#[test]
fn an_absolute_target_must_name_the_host() {
    for target in [
        "http://server.example.com/chat",
        "http://SERVER.example.com:80/chat",
        "https://server.example.com/chat",
        "ws://server.example.com/chat",
    ] {
        assert_accepted(&at(target));
    }
    for target in [
        "http://evil.example/chat",
        "http://server.example.com:81/chat",
        "http://user@server.example.com/chat",
        "http://server.example.com/../chat",
        "ftp://server.example.com/chat",
    ] {
        assert_status(&at(target), 400);
    }
}

// row: H17
// The whole way, because `http::Uri` drops a fragment.
#[test]
fn a_fragment_never_reaches_the_check() {
    let head = b"GET /chat#x HTTP/1.1\r\nHost: a\r\n\r\n";
    let error = RequestReader::new(HandshakeLimits::default()).read(head).unwrap_err();
    assert_eq!(Refusal::from(error).response().status(), 400);
}

// row: H9, H18
#[test]
fn slow_heads_and_early_data_have_their_statuses() {
    assert_eq!(Refusal::from(HandshakeError::TooSlow).response().status(), 408);
    assert_eq!(Refusal::from(HandshakeError::EarlyData).response().status(), 425);
}

#[test]
fn errors_say_the_header_the_value_and_the_limit() {
    let error = |request: &Request<()>| respond(request).unwrap_err().to_string();
    assert_eq!(
        error(&with("sec-websocket-version", "8")),
        "refused with 426: peer speaks WebSocket version 8, and only 13 is spoken here"
    );
    assert_eq!(error(&without("host")), "refused with 400: peer did not send Host");
    assert_eq!(
        error(&with("sec-websocket-protocol", "a,a")),
        "refused with 400: peer sent a malformed Sec-WebSocket-Protocol"
    );
    assert_eq!(
        HandshakeError::HeadTooLarge { max: 16384 }.to_string(),
        "peer sent a head over `max_size` of 16384"
    );
    let long = HandshakeError::Origin(Some("\u{e9}".repeat(10_000)));
    assert!(long.to_string().len() < 200, "a log line stays a line");
}

#[test]
fn any_origin_can_be_let_in_by_saying_so() {
    let server = ServerHandshake::new().origin(OriginPolicy::any());
    assert!(server.respond(&with("origin", "https://elsewhere.example"), false).is_ok());
}
