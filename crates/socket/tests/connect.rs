//! The client's side of the opening handshake.

mod opening;

use std::io;
use std::time::Duration;

use everwire::handshake::{
    HandshakeError, HandshakeLimits, InvalidHandshake, InvalidUri, RequestReader, ServerHandshake,
    encode_accept,
};
use everwire::{Acceptor, Config, ConnectError, Connector, Message, Phase, connect};
use everwire_testkit::Frame;
use http::{HeaderName, HeaderValue, Request, Response, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const URI: &str = "ws://example.org/chat?room=1";

/// Serves one echo over TCP, and says where.
async fn echo_once(acceptor: Acceptor) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (stream, _) = everwire::next_stream(&listener).await;
        let mut websocket = acceptor.accept(stream).await.unwrap();
        while let Some(message) = websocket.recv().await {
            websocket.send(message).await.unwrap();
        }
    });
    (uri, server)
}

/// A server's end of a pipe that has read the request of `connector`.
async fn asked(connector: &Connector) -> (Request<()>, DuplexStream, Opening) {
    let (client, mut server) = duplex(64 << 10);
    let connector = connector.clone();
    let opening = tokio::spawn(async move { connector.open_over(client, URI).await });
    let mut reader = RequestReader::new(HandshakeLimits::default());
    loop {
        let byte = server.read_u8().await.unwrap();
        if let (_, Some(request)) = reader.read(&[byte]).unwrap() {
            return (request, server, opening);
        }
    }
}

type Opening = JoinHandle<Result<everwire::Opened<DuplexStream>, ConnectError>>;

/// What becomes of a connection that is answered with these bytes, after which the server stays.
async fn answered(answer: impl AsRef<[u8]>) -> ConnectError {
    let (_, mut server, opening) = asked(&Connector::new()).await;
    server.write_all(answer.as_ref()).await.unwrap();
    opening.await.unwrap().expect_err("not opened")
}

fn right_answer(request: &Request<()>) -> Response<()> {
    ServerHandshake::new().respond(request, false).unwrap().0
}

#[tokio::test]
async fn a_message_goes_there_and_back() {
    let (uri, server) = echo_once(Acceptor::new()).await;
    let mut websocket = connect(&uri).await.unwrap();
    websocket.send("hello").await.unwrap();
    assert_eq!(websocket.recv().await, Some(Message::from("hello")));
    assert!(websocket.close(None).await.was_clean);
    server.await.unwrap();
}

#[tokio::test]
async fn a_name_with_an_address_that_refuses_is_tried_at_its_others() {
    // `localhost` may mean ::1 first, where nobody listens.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://localhost:{}/", listener.local_addr().unwrap().port());
    let server = tokio::spawn(async move {
        let (stream, _) = everwire::next_stream(&listener).await;
        everwire::accept(stream).await.unwrap();
    });
    connect(&uri).await.unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn the_request_is_what_was_asked_for() {
    let connector = Connector::new()
        .header("Authorization", "Bearer abc")
        .unwrap()
        .header("Cookie", "a=1")
        .unwrap()
        .header("Cookie", "b=2")
        .unwrap()
        .subprotocols(["v2", "v1"])
        .unwrap();
    let (request, ..) = asked(&connector).await;
    assert_eq!(request.method(), "GET");
    assert_eq!(request.uri(), "/chat?room=1");
    let fields = request.headers();
    assert_eq!(fields["host"], "example.org");
    assert_eq!(fields["authorization"], "Bearer abc");
    assert_eq!(fields.get_all("cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
    assert_eq!(fields["sec-websocket-protocol"], "v2, v1");
    assert!(fields["sec-websocket-extensions"].to_str().unwrap().contains("permessage-deflate"));

    let mut config = Config::default();
    config.deflate = None;
    let (again, ..) = asked(&connector.config(config)).await;
    assert!(!again.headers().contains_key("sec-websocket-extensions"));
    // §4.1: "The nonce MUST be selected randomly for each connection."
    assert_ne!(again.headers()["sec-websocket-key"], fields["sec-websocket-key"]);
}

#[tokio::test]
async fn what_was_agreed_and_what_the_server_said_can_be_seen() {
    let connector = Connector::new().subprotocols(["v2", "v1"]).unwrap();
    let (request, mut server, opening) = asked(&connector).await;
    let handshake =
        ServerHandshake::new().subprotocols(["v1"]).unwrap().deflate(Some(<_>::default()));
    let mut response = handshake.respond(&request, false).unwrap().0;
    response.headers_mut().insert("x-node", HeaderValue::from_static("n3"));
    server.write_all(&encode_accept(&response)).await.unwrap();
    let opened = opening.await.unwrap().unwrap();
    assert_eq!(opened.response.headers()["x-node"], "n3");
    assert_eq!(opened.websocket.protocol(), "v1");
    assert!(opened.websocket.extensions().starts_with("permessage-deflate"));
}

#[tokio::test]
async fn frames_right_behind_the_101_are_received() {
    let (request, mut server, opening) = asked(&Connector::new()).await;
    let head = encode_accept(&right_answer(&request));
    let frame = Frame::text("first").encode();
    server.write_all(&[&*head, &*frame].concat()).await.unwrap();
    let mut websocket = opening.await.unwrap().unwrap().websocket;
    assert_eq!(websocket.recv().await, Some(Message::from("first")));
}

// H19
#[tokio::test]
async fn a_wrong_101_fails_the_connection() {
    type Spoil = fn(&mut http::HeaderMap);
    let cases: [(&str, Spoil, HandshakeError); 8] = [
        (
            "another key's accept",
            |fields| {
                let value = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".parse().unwrap();
                fields.insert(header::SEC_WEBSOCKET_ACCEPT, value);
            },
            HandshakeError::Accept,
        ),
        (
            "no accept",
            |fields| drop(fields.remove(header::SEC_WEBSOCKET_ACCEPT)),
            HandshakeError::Missing("Sec-WebSocket-Accept"),
        ),
        (
            "no Upgrade",
            |fields| drop(fields.remove(header::UPGRADE)),
            HandshakeError::Missing("Upgrade"),
        ),
        (
            "no Connection",
            |fields| drop(fields.remove(header::CONNECTION)),
            HandshakeError::Missing("Connection"),
        ),
        (
            "a subprotocol",
            |fields| drop(fields.insert(header::SEC_WEBSOCKET_PROTOCOL, "v9".parse().unwrap())),
            HandshakeError::SubprotocolNotOffered("v9".to_owned()),
        ),
        (
            "an extension",
            |fields| drop(fields.insert(header::SEC_WEBSOCKET_EXTENSIONS, "x".parse().unwrap())),
            HandshakeError::ExtensionNotOffered("x".to_owned()),
        ),
        (
            "a window of 99 bits",
            |fields| {
                let value = "permessage-deflate; server_max_window_bits=99".parse().unwrap();
                fields.insert(header::SEC_WEBSOCKET_EXTENSIONS, value);
            },
            HandshakeError::Deflate(everwire::handshake::DeflateFault::Value),
        ),
        (
            "a body",
            |fields| drop(fields.insert(header::CONTENT_LENGTH, "5".parse().unwrap())),
            HandshakeError::Body,
        ),
    ];
    for (what, spoil, expected) in cases {
        let (request, mut server, opening) = asked(&Connector::new()).await;
        let mut response = right_answer(&request);
        spoil(response.headers_mut());
        server.write_all(&encode_accept(&response)).await.unwrap();
        match opening.await.unwrap() {
            Err(ConnectError::Handshake(error)) => assert_eq!(*error, expected, "{what}"),
            other => panic!("{what}: {other:?}"),
        }
        // The connection is gone, not left half open.
        assert_eq!(opening::read_to_end(&mut server).await, "", "{what}");
    }
}

// H20
#[tokio::test]
async fn a_refusal_is_an_error_with_the_response() {
    let error = answered(
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 13\r\n\r\n\
        who are you?\nHTTP/1.1 200 another",
    )
    .await;
    let response = error.response().expect("refused");
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    assert_eq!(response.body(), "who are you?\n");
    assert_eq!(error.to_string(), "server answered 401 Unauthorized instead of 101");
}

// H20
#[tokio::test]
async fn a_redirect_is_not_followed() {
    let error = answered(
        "HTTP/1.1 302 Found\r\nLocation: ws://example.org/chat\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    assert_eq!(error.response().unwrap().headers()["location"], "ws://example.org/chat");
    assert_eq!(error.response().unwrap().body(), "");
}

// H20
#[tokio::test]
async fn a_body_in_chunks_is_read_as_one() {
    let error = answered(
        "HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n\
        5\r\ncome \r\n4\r\nback\r\n0\r\n\r\n",
    )
    .await;
    assert_eq!(error.response().unwrap().body(), "come back");
}

// H20
#[tokio::test(start_paused = true)]
async fn an_endless_body_is_cut() {
    for head in
        ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"]
    {
        let (_, mut server, opening) = asked(&Connector::new()).await;
        server.write_all(head.as_bytes()).await.unwrap();
        let flood =
            tokio::spawn(async move { while server.write_all(&[b'x'; 999]).await.is_ok() {} });
        let error = opening.await.unwrap().unwrap_err();
        assert_eq!(error.response().unwrap().body().len(), 4096);
        flood.await.unwrap();
    }
}

// H20
#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let start = Instant::now();
    let error = answered("HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nwhat ca").await;
    assert_eq!(error.response().unwrap().body(), "what ca");
    assert!((1.0..1.1).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
}

// H20
#[tokio::test]
async fn a_flood_of_interim_responses_is_bounded() {
    let (_, mut server, opening) = asked(&Connector::new()).await;
    let mut sent = 0;
    while server.write_all(b"HTTP/1.1 102 Processing\r\n\r\n").await.is_ok() {
        sent += 1;
        assert!(sent < 1 << 20, "the flood is read for ever");
    }
    let error = opening.await.unwrap().unwrap_err();
    let ConnectError::Handshake(error) = error else { panic!("{error:?}") };
    assert_eq!(*error, HandshakeError::HeadTooLarge { max: 16 << 10 });
}

// H20
#[tokio::test]
async fn a_huge_head_is_bounded() {
    let head = format!("HTTP/1.1 101 Switching Protocols\r\nX: {}", "y".repeat(20 << 10));
    let error = answered(head).await;
    let ConnectError::Handshake(error) = error else { panic!("{error:?}") };
    assert_eq!(*error, HandshakeError::HeadTooLarge { max: 16 << 10 });
}

#[tokio::test]
async fn what_is_not_http_is_an_error() {
    for bytes in
        ["SSH-2.0-OpenSSH_9.9\r\n", "\x16\x03\x01", "HTTP/1.1 101 X\nUpgrade: websocket\n\n"]
    {
        let error = answered(bytes).await;
        assert!(matches!(error, ConnectError::Handshake(_)), "{bytes:?}: {error:?}");
    }
}

// H21
#[tokio::test]
async fn line_breaks_are_refused_before_anything_is_sent() {
    for uri in ["ws://localhost/\r\nX: y", "ws://local\nhost/", "ws://localhost/a b"] {
        let error = connect(uri).await.unwrap_err();
        assert!(matches!(error, ConnectError::Uri(InvalidUri::Character)), "{uri:?}: {error:?}");
    }
    let connector = Connector::new();
    let error = connector.clone().header("x", "a\r\nb: c").unwrap_err();
    assert_eq!(error, InvalidHandshake::HeaderValue(HeaderName::from_static("x")));
    assert_eq!(connector.clone().header("x\r\ny", "z").unwrap_err(), InvalidHandshake::HeaderName);
    let error = connector.clone().subprotocols(["a\r\nb"]).unwrap_err();
    assert!(matches!(error, InvalidHandshake::Subprotocol(_)), "{error:?}");
    for own in ["Host", "Upgrade", "Sec-WebSocket-Key", "Content-Length", "Transfer-Encoding"] {
        let error = connector.clone().header(own, "1").unwrap_err();
        assert!(matches!(error, InvalidHandshake::ReservedHeader(_)), "{own}: {error:?}");
    }
}

#[tokio::test]
async fn uris_that_lead_nowhere_are_refused() {
    for (uri, expected) in [
        ("http:/x", InvalidUri::Scheme),
        ("ftp://example.org/", InvalidUri::Scheme),
        ("ws://example.org/#top", InvalidUri::Fragment),
        ("ws://user:secret@example.org/", InvalidUri::UserInfo),
        ("ws:///path", InvalidUri::Host),
    ] {
        match connect(uri).await {
            Err(ConnectError::Uri(error)) => assert_eq!(error, expected, "{uri}"),
            other => panic!("{uri}: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_given_up_in_time() {
    let start = Instant::now();
    let (_, _server, opening) = asked(&Connector::new()).await;
    let error = opening.await.unwrap().unwrap_err();
    assert!(matches!(error, ConnectError::Timeout(Phase::Handshake)), "{error:?}");
    assert!((10.0..10.1).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_time_is_for_all_of_it_not_for_each_read() {
    let start = Instant::now();
    let connector = Connector::new().open_timeout(Duration::from_secs(4));
    let (request, mut server, opening) = asked(&connector).await;
    let answer = encode_accept(&right_answer(&request));
    let drip = tokio::spawn(async move {
        for byte in answer {
            sleep(Duration::from_secs(1)).await;
            if server.write_all(&[byte]).await.is_err() {
                break;
            }
        }
    });
    let error = opening.await.unwrap().unwrap_err();
    assert!(matches!(error, ConnectError::Timeout(Phase::Handshake)), "{error:?}");
    assert!((4.0..4.1).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
    drip.await.unwrap();
}

#[tokio::test]
async fn a_server_that_closes_without_an_answer_is_an_error() {
    let (_, server, opening) = asked(&Connector::new()).await;
    drop(server);
    let error = opening.await.unwrap().unwrap_err();
    assert!(matches!(error, ConnectError::Closed), "{error:?}");
}

// R5
#[tokio::test]
async fn a_reset_before_the_101_is_one_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let opening = tokio::spawn(async move { connect(&uri).await });
    let (stream, _) = listener.accept().await.unwrap();
    // Closing with the request unread sends RST.
    let peeked = stream.peek(&mut [0; 16]).await.unwrap();
    assert_eq!(peeked, 16);
    drop(stream);
    match opening.await.unwrap() {
        Err(ConnectError::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    drop(listener);
    match connect(&uri).await {
        Err(ConnectError::Connect(error)) => {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn dropping_connect_closes_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let mut opening = Box::pin(connect(&uri));
    let mut stream: TcpStream = tokio::select! {
        result = &mut opening => panic!("{result:?}"),
        accepted = listener.accept() => accepted.unwrap().0,
    };
    let request = tokio::select! {
        result = &mut opening => panic!("{result:?}"),
        head = opening::read_head(&mut stream) => head,
    };
    assert!(request.starts_with("GET / HTTP/1.1\r\n"));
    drop(opening);
    assert_eq!(opening::read_to_end(&mut stream).await, "");
}

#[test]
fn waiting_for_a_connection_costs_the_callers_future_little() {
    let size = size_of_val(&connect("ws://localhost/"));
    assert!(size <= 512, "{size} bytes");
}

#[test]
fn secrets_are_not_in_debug_output() {
    let connector = Connector::new().header("Authorization", "Bearer hunter2").unwrap();
    let text = format!("{connector:?}");
    assert!(text.contains("authorization") && !text.contains("hunter2"), "{text}");
}
