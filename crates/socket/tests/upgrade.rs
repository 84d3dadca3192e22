//! WebSockets out of requests that hyper and axum serve.
#![cfg(feature = "axum")]

#[allow(dead_code, unreachable_pub, reason = "its `main` is for people")]
#[path = "../examples/axum_integration.rs"]
mod example;
mod opening;

use std::convert::Infallible;

use bytes::Bytes;
use everwire::upgrade::{self, UpgradeError};
use everwire::{AcceptError, Acceptor, Choice, ConnectError, Connector, Message, Rejection};
use everwire_testkit::{Frame, Seen, read_frames};
use http::header::HOST;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opening::{UPGRADE, header, read_head, read_to_end, request, status};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};

/// What a program on hyper does: upgrades go to an echo, refusals are returned.
async fn echo(
    mut request: Request<Incoming>,
    acceptor: Acceptor,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (response, upgrading) = match upgrade::accept(&mut request, &acceptor) {
        Ok(accepted) => accepted,
        Err(rejection) => return Ok(rejection.into_parts().1.map(Full::new)),
    };
    tokio::spawn(async move {
        let mut websocket = upgrading.await.unwrap();
        while let Some(message) = websocket.recv().await {
            if websocket.send(message).await.is_err() {
                break;
            }
        }
    });
    Ok(response.map(|()| Full::default()))
}

fn serve_hyper<S>(stream: S, acceptor: Acceptor)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| echo(request, acceptor.clone()));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::spawn(connection.with_upgrades());
}

/// A client's end of a TCP connection that hyper serves.
async fn hyper_over_tcp(acceptor: Acceptor) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    serve_hyper(everwire::next_stream(&listener).await.0, acceptor);
    client
}

async fn serve_axum() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let app = example::app().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    authority
}

/// Sends a text right behind the request, and then another; both come back.
async fn echoes_what_was_pipelined(mut client: impl AsyncRead + AsyncWrite + Unpin) {
    let first = Frame::text("first").masked().encode();
    client.write_all(&[request("").into_bytes(), first].concat()).await.unwrap();
    assert_eq!(status(&read_head(&mut client).await), 101);
    client.write_all(&Frame::text("second").masked().encode()).await.unwrap();
    let mut echoes = vec![0; 2 + 5 + 2 + 6];
    client.read_exact(&mut echoes).await.unwrap();
    let payloads: Vec<_> =
        read_frames(&echoes).into_iter().map(|Seen { payload, .. }| payload).collect();
    assert_eq!(payloads, [b"first".to_vec(), b"second".to_vec()]);
}

// H13
#[tokio::test]
async fn frames_right_behind_the_request_are_not_lost_in_hyper() {
    echoes_what_was_pipelined(hyper_over_tcp(Acceptor::new()).await).await;
}

#[tokio::test]
async fn streams_that_are_not_tcp_work_as_well() {
    let (client, server) = duplex(64 << 10);
    serve_hyper(server, Acceptor::new());
    echoes_what_was_pipelined(client).await;
}

#[tokio::test]
async fn an_upgrade_may_follow_other_requests_on_a_connection() {
    let authority = serve_axum().await;
    let mut client = TcpStream::connect(&authority).await.unwrap();
    let plain = format!("GET / HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    client.write_all(plain.as_bytes()).await.unwrap();
    let head = read_head(&mut client).await;
    let len = header(&head, "content-length").unwrap().parse().unwrap();
    client.read_exact(&mut vec![0; len]).await.unwrap();
    let upgrade = format!("GET /echo HTTP/1.1\r\nHost: {authority}\r\n{UPGRADE}\r\n");
    client.write_all(upgrade.as_bytes()).await.unwrap();
    assert_eq!(status(&read_head(&mut client).await), 101);
}

// H1, H4, H5, H7, H11, H12, H14, H17
#[tokio::test]
async fn the_rules_are_the_same_as_for_bare_streams() {
    let cases = [
        ("POST", request("").replacen("GET", "POST", 1), 405),
        ("two Hosts", request("Host: example.org\r\n"), 400),
        ("two keys", request("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), 400),
        ("another version", request("").replacen("Version: 13", "Version: 8", 1), 426),
        ("no Upgrade", request("").replacen("Upgrade: websocket", "X: y", 1), 426),
        ("a body", request("Content-Length: 5\r\n") + "12345", 400),
        ("chunks", request("Transfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400),
        ("a foreign page", request("Origin: https://foreign.example\r\n"), 403),
        ("//", request("").replacen("/chat", "//chat", 1), 400),
        ("dot segments", request("").replacen("/chat", "/a/../b", 1), 400),
    ];
    for (what, bytes, expected) in cases {
        let mut client = hyper_over_tcp(Acceptor::new()).await;
        // Another request behind it.
        let second = "GET /second HTTP/1.1\r\nHost: example.org\r\n\r\n";
        client.write_all(format!("{bytes}{second}").as_bytes()).await.unwrap();
        let answer = read_to_end(&mut client).await;
        assert_eq!(status(&answer), expected, "{what}: {answer}");
        assert!(header(&answer, "connection").unwrap().contains("close"), "{what}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: {answer}");
    }
}

// H2
#[tokio::test]
async fn http_1_0_is_never_upgraded() {
    let mut client = hyper_over_tcp(Acceptor::new()).await;
    client.write_all(request("").replacen("/1.1", "/1.0", 1).as_bytes()).await.unwrap();
    let answer = read_to_end(&mut client).await;
    assert!(answer.starts_with("HTTP/1.0 400 "), "{answer}");
}

#[tokio::test]
async fn the_hook_decides_here_too() {
    let acceptor = Acceptor::new().on_request(|request, offer| {
        assert_eq!(request.headers()[HOST], "example.org");
        match request.uri().path() {
            "/chat" => {
                Ok(Choice::default().subprotocol(offer.subprotocols().first().map(|x| &**x)))
            }
            _ => Err(Rejection::new(StatusCode::NOT_FOUND, "nothing here\n")),
        }
    });
    let mut client = hyper_over_tcp(acceptor.clone()).await;
    client.write_all(request("Sec-WebSocket-Protocol: a, b\r\n").as_bytes()).await.unwrap();
    let head = read_head(&mut client).await;
    assert_eq!((status(&head), header(&head, "sec-websocket-protocol")), (101, Some("a")));
    let mut client = hyper_over_tcp(acceptor).await;
    client.write_all(request("").replacen("/chat", "/x", 1).as_bytes()).await.unwrap();
    let answer = read_to_end(&mut client).await;
    assert_eq!(status(&answer), 404);
    assert!(answer.ends_with("\r\n\r\nnothing here\n"), "{answer}");
}

#[tokio::test]
async fn a_rejection_says_why() {
    let mut request = Request::builder().uri("/").header(HOST, "example.org").body(()).unwrap();
    let rejection = upgrade::accept(&mut request, &Acceptor::new()).unwrap_err();
    assert_eq!(rejection.response().status(), 426);
    assert!(matches!(rejection.error(), AcceptError::Handshake(_)));
    assert!(rejection.to_string().starts_with("rejected with 426: "), "{rejection}");
}

#[tokio::test]
async fn a_request_that_hyper_does_not_serve_cannot_be_upgraded() {
    let mut request = Request::builder().uri("/").header(HOST, "example.org");
    for line in UPGRADE.trim_end().split("\r\n") {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let mut request = request.body(()).unwrap();
    let (response, upgrading) = upgrade::accept(&mut request, &Acceptor::new()).unwrap();
    assert_eq!(response.status(), 101);
    let error = upgrading.await.unwrap_err();
    assert!(matches!(error, UpgradeError::Hyper(_)), "{error:?}");
}

#[tokio::test]
async fn the_axum_example_echoes() {
    let authority = serve_axum().await;
    let connector = Connector::new().subprotocols(["echo"]).unwrap();
    let mut websocket = connector.connect(&format!("ws://{authority}/echo")).await.unwrap();
    assert_eq!(websocket.protocol(), "echo");
    websocket.send("hello").await.unwrap();
    assert_eq!(websocket.recv().await, Some(Message::from("hello")));
    assert!(websocket.close(None).await.was_clean);
}

#[tokio::test]
async fn axum_answers_what_is_no_upgrade_and_what_is_refused() {
    let authority = serve_axum().await;
    let get = async |path: &str| {
        let mut client = TcpStream::connect(&authority).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        read_to_end(&mut client).await
    };
    assert!(get("/").await.ends_with("\r\n\r\nconnect to /echo"));
    assert_eq!(status(&get("/echo").await), 426);
    let foreign = Connector::new().header("Origin", "https://foreign.example").unwrap();
    match foreign.connect(&format!("ws://{authority}/echo")).await {
        Err(ConnectError::Refused(response)) => {
            assert_eq!(response.status(), 403);
            assert_eq!(response.body(), "origin not allowed\n");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn axum_keeps_frames_right_behind_the_request() {
    let authority = serve_axum().await;
    let mut client = TcpStream::connect(&authority).await.unwrap();
    let head = format!("GET /echo HTTP/1.1\r\nHost: {authority}\r\n{UPGRADE}\r\n");
    let frame = Frame::text("early").masked().encode();
    client.write_all(&[head.into_bytes(), frame].concat()).await.unwrap();
    read_head(&mut client).await;
    let mut echo = [0; 7];
    client.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo[2..], b"early");
}
