//! Reading heads: strict, bounded, linear, and cut anywhere.

use everwire_wire::handshake::{HandshakeError, HandshakeLimits, RequestReader, ResponseReader};
use http::{Request, Response, StatusCode, Version};

const REQUEST: &[u8] =
    b"GET /chat?room=1 HTTP/1.1\r\nHost: example.org:8080\r\nUpgrade: websocket\r\n\
    Connection:keep-alive, Upgrade\r\nX-Empty:\r\nCookie: a=1; b=\xe9\t \r\nCookie: c=3\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
    HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";

fn read_request(head: &[u8]) -> Result<(usize, Option<Request<()>>), HandshakeError> {
    RequestReader::new(HandshakeLimits::default()).read(head)
}

fn read_response(head: &[u8]) -> Result<(usize, Option<Response<()>>), HandshakeError> {
    ResponseReader::new(HandshakeLimits::default()).read(head)
}

fn request_error(head: impl AsRef<[u8]>) -> HandshakeError {
    let head = head.as_ref();
    let whole = read_request(head).expect_err(&String::from_utf8_lossy(head));
    // Whatever is wrong is wrong in any cut.
    let mut reader = RequestReader::new(HandshakeLimits::default());
    let bytewise = head.iter().find_map(|byte| reader.read(&[*byte]).err());
    assert_eq!(bytewise.as_ref(), Some(&whole), "{}", String::from_utf8_lossy(head));
    whole
}

fn limits(max_size: usize, max_headers: usize) -> HandshakeLimits {
    let mut limits = HandshakeLimits::default();
    limits.max_size = max_size;
    limits.max_headers = max_headers;
    limits
}

#[test]
fn a_request_is_read_as_it_was_sent() {
    let (used, request) = read_request(REQUEST).unwrap();
    let request = request.unwrap();
    assert_eq!(used, REQUEST.len());
    assert_eq!(request.method(), "GET");
    assert_eq!(request.uri(), "/chat?room=1");
    assert_eq!(request.version(), Version::HTTP_11);
    assert_eq!(request.headers()["connection"], "keep-alive, Upgrade");
    assert_eq!(request.headers()["x-empty"], "");
    let cookies: Vec<_> = request.headers().get_all("cookie").iter().collect();
    assert_eq!(cookies, [&b"a=1; b=\xe9"[..], b"c=3"]);
}

// row: H13
#[test]
fn what_follows_the_blank_line_is_left_alone() {
    let mut input = REQUEST.to_vec();
    input.extend_from_slice(b"\x81\x80\x01\x02\x03\x04GET / HTTP/1.1\r\n\r\n");
    let mut reader = RequestReader::new(HandshakeLimits::default());
    let (used, request) = reader.read(&input).unwrap();
    assert_eq!((used, request.is_some()), (REQUEST.len(), true));
    assert_eq!(reader.raw(), REQUEST);
    // And it does not begin another request by itself.
    let (used, request) = reader.read(&input[used..]).unwrap();
    assert_eq!((used, request.is_none()), (0, true));
    assert_eq!(reader.into_raw(), REQUEST);
}

#[test]
fn every_cut_gives_the_same_request() {
    let (_, whole) = read_request(REQUEST).unwrap();
    let whole = whole.unwrap();
    for first in 0..=REQUEST.len() {
        for second in first..=REQUEST.len() {
            let mut reader = RequestReader::new(HandshakeLimits::default());
            let mut request = None;
            for piece in [&REQUEST[..first], &REQUEST[first..second], &REQUEST[second..]] {
                let (used, found) = reader.read(piece).unwrap();
                assert_eq!(used, piece.len());
                request = request.or(found);
            }
            let request = request.expect("the head is complete");
            assert_eq!(request.uri(), whole.uri());
            assert_eq!(request.headers(), whole.headers());
            assert_eq!(reader.raw(), REQUEST);
        }
    }
}

#[test]
fn every_cut_gives_the_same_response() {
    for cut in 0..=RESPONSE.len() {
        let mut reader = ResponseReader::new(HandshakeLimits::default());
        let (used, early) = reader.read(&RESPONSE[..cut]).unwrap();
        assert_eq!((used, early.is_some()), (cut, cut == RESPONSE.len()));
        let (_, late) = reader.read(&RESPONSE[cut..]).unwrap();
        let response = early.or(late).expect("the head is complete");
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(response.headers()["upgrade"], "websocket");
        assert!(!response.headers().contains_key("link"), "headers of an interim response leak");
    }
}

// row: H8
#[test]
fn a_large_head_byte_by_byte_costs_linear_work() {
    let mut head = b"GET / HTTP/1.1\r\n".to_vec();
    while head.len() < 1 << 20 {
        head.extend_from_slice(b"X-Filler: 0123456789012345678901234567890123456789012345678\r\n");
    }
    head.extend_from_slice(b"\r\n");
    let mut reader = RequestReader::new(limits(2 << 20, 30_000));
    let mut request = None;
    for byte in &head {
        request = reader.read(std::slice::from_ref(byte)).unwrap().1;
    }
    assert!(request.unwrap().headers().len() > 10_000);
    // Scanned once, parsed once.
    assert_eq!(reader.work(), 2 * head.len());
}

// row: H8
#[test]
fn too_many_headers_are_refused_at_the_first_byte_of_the_one_too_many() {
    for count in [200, 10_001] {
        let head = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(count));
        let error = request_error(&head);
        assert_eq!(error, HandshakeError::TooManyHeaders { max: 100 });
        assert_eq!(error.status(), 431);
    }
    let head = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(100));
    assert!(read_request(head.as_bytes()).unwrap().1.is_some());
    let mut reader = RequestReader::new(limits(1 << 10, 1));
    assert!(reader.read(b"GET / HTTP/1.1\r\na: b\r\n").is_ok());
    assert!(reader.read(b"c").is_err());
}

// row: H8
// More than `http::HeaderMap` holds is an error, not a panic.
#[test]
fn more_headers_than_a_map_holds_are_refused() {
    let many = (0..40_000).map(|n| format!("x{n}: y\r\n")).collect::<String>();
    let head = format!("GET / HTTP/1.1\r\n{many}\r\n");
    let error = RequestReader::new(limits(1 << 20, 50_000)).read(head.as_bytes()).unwrap_err();
    assert_eq!(error.status(), 431);
}

// row: H8
#[test]
fn a_head_is_refused_as_soon_as_it_is_over_the_limit() {
    let huge = format!("GET / HTTP/1.1\r\nX-Huge: {}", "x".repeat(1 << 20));
    let error = request_error(&huge);
    assert_eq!(error, HandshakeError::HeadTooLarge { max: 16 << 10 });
    assert_eq!(error.status(), 431);

    let mut reader = RequestReader::new(HandshakeLimits::default());
    for chunk in huge.as_bytes().chunks(1000) {
        if reader.read(chunk).is_err() {
            break;
        }
    }
    assert!(reader.raw().len() <= 16 << 10, "kept {} bytes", reader.raw().len());
    assert_eq!(reader.work(), 16 << 10);
    // The error stays.
    assert_eq!(reader.read(b"\r\n\r\n").unwrap_err(), error);
}

// row: H8
#[test]
fn a_head_of_exactly_the_limit_is_read() {
    let mut reader = RequestReader::new(limits(REQUEST.len(), 100));
    assert!(reader.read(REQUEST).unwrap().1.is_some());
    let mut reader = RequestReader::new(limits(REQUEST.len() - 1, 100));
    assert!(reader.read(REQUEST).is_err());
}

// row: H8
#[test]
fn a_long_request_line_is_414() {
    for line in [
        format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(64 << 10)),
        "G".repeat(64 << 10),
        format!("GET /{}", "a".repeat((16 << 10) - 5)) + " ",
    ] {
        let error = request_error(&line);
        assert_eq!(error, HandshakeError::RequestLineTooLong { max: 16 << 10 });
        assert_eq!(error.status(), 414);
    }
}

// row: H10
#[test]
fn a_bare_lf_is_refused_wherever_it_stands() {
    let request = String::from_utf8_lossy(REQUEST).into_owned();
    for (at, _) in request.match_indices("\r\n") {
        let mut head = request.clone();
        head.remove(at);
        assert_eq!(request_error(&head), HandshakeError::BareLf, "CR at {at} taken out");
    }
    assert_eq!(
        request_error("GET / HTTP/1.1\r\nA: b\nInjected: c\r\n\r\n"),
        HandshakeError::BareLf
    );
}

// row: H10
#[test]
fn a_bare_cr_is_refused_wherever_it_stands() {
    let request = String::from_utf8_lossy(REQUEST).into_owned();
    for (at, _) in request.match_indices("\r\n") {
        let mut head = request.clone();
        head.insert(at, '\r');
        assert_eq!(request_error(&head), HandshakeError::BareCr, "CR at {at} doubled");
    }
    assert_eq!(request_error("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n"), HandshakeError::BareCr);
}

// row: H10
#[test]
fn malformed_headers_are_refused() {
    let error = |header: &str| request_error(format!("GET / HTTP/1.1\r\n{header}\r\n\r\n"));
    assert_eq!(error("A: b\r\n c"), HandshakeError::ObsFold);
    assert_eq!(error("A: b\r\n\tc"), HandshakeError::ObsFold);
    assert_eq!(error(" A: b"), HandshakeError::ObsFold);
    assert_eq!(error("A : b"), HandshakeError::SpaceBeforeColon);
    assert_eq!(error("A\t: b"), HandshakeError::SpaceBeforeColon);
    for name in ["A B", "A(B)", "A\u{e9}", "A\0", "A/B", "A\"", "A,B", "A;B", "A[0]", "{A}"] {
        let error = error(&format!("{name}: b"));
        let split = name.contains(' ');
        let expected =
            if split { HandshakeError::SpaceBeforeColon } else { HandshakeError::HeaderName };
        assert_eq!(error, expected, "{name:?}");
    }
    assert_eq!(error(": b"), HandshakeError::HeaderName);
    assert_eq!(error("no colon"), HandshakeError::SpaceBeforeColon);
    assert_eq!(error("nocolon"), HandshakeError::HeaderName);
}

// row: H10
#[test]
fn control_bytes_in_values_are_refused() {
    for byte in (0..=0x1fu8).chain([0x7f]).filter(|byte| !matches!(byte, b'\t' | b'\r' | b'\n')) {
        let mut head = b"GET / HTTP/1.1\r\nA: b".to_vec();
        head.push(byte);
        head.extend_from_slice(b"c\r\n\r\n");
        assert_eq!(request_error(&head), HandshakeError::HeaderValue, "byte {byte:#x}");
    }
}

#[test]
fn a_request_line_has_one_form() {
    for line in [
        "GET  / HTTP/1.1",
        " GET / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET\t/\tHTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/2.0",
        "GET / HTTP/1.2",
        "GET / HTTP/1.10",
        "GET / HTTP/11",
        "GET /a b HTTP/1.1",
        "GET /\0 HTTP/1.1",
        "GET /\u{e9} HTTP/1.1",
        "GET /",
        "GET",
        "",
        "G@T / HTTP/1.1",
        "\x16\x03\x01\x02",
    ] {
        assert_eq!(request_error(format!("{line}\r\n\r\n")).status(), 400, "{line:?}");
    }
}

// row: H17
#[test]
fn a_fragment_in_the_target_is_refused() {
    assert_eq!(request_error("GET /a#b HTTP/1.1\r\n\r\n"), HandshakeError::Target);
    assert_eq!(request_error("GET # HTTP/1.1\r\n\r\n"), HandshakeError::Target);
}

#[test]
fn other_requests_pass_as_they_are() {
    for head in [
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\n",
        "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let mut reader = RequestReader::new(HandshakeLimits::default());
        assert!(reader.read(head.as_bytes()).unwrap().1.is_some(), "{head:?}");
        assert_eq!(reader.raw(), head.as_bytes());
    }
    let (_, request) = read_request(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(request.unwrap().version(), Version::HTTP_10);
}

#[test]
fn a_status_line_may_lack_its_reason() {
    for line in ["HTTP/1.1 101 Switching Protocols", "HTTP/1.1 101 ", "HTTP/1.1 101"] {
        let (_, response) = read_response(format!("{line}\r\n\r\n").as_bytes()).unwrap();
        assert_eq!(response.unwrap().status(), 101, "{line:?}");
    }
    for line in [
        "HTTP/1.1  101 x",
        "HTTP/1.1 1010",
        "HTTP/1.1 10 x",
        "HTTP/2 101 x",
        "HTTP/1.1 099 x",
        "HTTP/1.1 101 a\0b",
        "101",
        "",
    ] {
        assert!(read_response(format!("{line}\r\n\r\n").as_bytes()).is_err(), "{line:?}");
    }
}

// row: H20
#[test]
fn a_flood_of_interim_responses_ends_at_the_limit() {
    let mut reader = ResponseReader::new(HandshakeLimits::default());
    let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut sent = 0;
    let error = loop {
        match reader.read(interim) {
            Ok((used, None)) => sent += used,
            Ok((_, Some(response))) => panic!("an interim response came out: {response:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(error, HandshakeError::HeadTooLarge { max: 16 << 10 });
    assert!(sent <= 16 << 10, "took {sent} bytes");
}

// row: H20
#[test]
fn a_huge_header_of_a_response_is_refused() {
    let huge = format!("HTTP/1.1 200 OK\r\nX-Huge: {}", "x".repeat(1 << 20));
    let error = read_response(huge.as_bytes()).unwrap_err();
    assert_eq!(error, HandshakeError::HeadTooLarge { max: 16 << 10 });
}

#[test]
fn a_readers_debug_output_has_no_cookies() {
    let mut reader = RequestReader::new(HandshakeLimits::default());
    reader.read(b"GET / HTTP/1.1\r\nCookie: secret\r\n").unwrap();
    assert!(!format!("{reader:?}").contains("secret"));
}
