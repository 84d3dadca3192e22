//! Redirects of the opening handshake: how far a client lets itself be sent.

mod opening;

use std::net::SocketAddr;
use std::time::Duration;

use everwire::handshake::InvalidUri;
use everwire::{ConnectError, Connector, Message, Phase, RedirectError, RedirectFault};
use opening::read_head;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A server that sends everyone on, and the requests it got.
struct Redirecting {
    address: SocketAddr,
    requests: mpsc::Receiver<String>,
}

impl Redirecting {
    /// `location` makes the `Location` out of the path that was asked for.
    async fn start(status: u16, location: impl Fn(&str) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::channel(64);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let head = read_head(&mut stream).await;
                let path = head.split(' ').nth(1).unwrap();
                // The body is announced and does not come: nobody is to wait for it.
                let answer = format!(
                    "HTTP/1.1 {status} Elsewhere\r\nLocation: {}\r\nContent-Length: 9\r\n\r\n",
                    location(path)
                );
                sender.send(head).await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { address, requests }
    }

    fn uri(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    fn request(&mut self) -> String {
        self.requests.try_recv().expect("another request")
    }
}

/// Serves one echo, and gives the request that it got.
async fn echo_once() -> (SocketAddr, JoinHandle<http::Request<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = everwire::next_stream(&listener).await;
        let pending = everwire::Acceptor::new().read_request(stream).await.unwrap();
        let request = pending.request().clone();
        let mut websocket = pending.accept().await.unwrap();
        while let Some(message) = websocket.recv().await {
            websocket.send(message).await.unwrap();
        }
        request
    });
    (address, server)
}

fn connector(max: u32) -> Connector {
    Connector::new()
        .max_redirects(max)
        .header("Authorization", "Bearer hunter2")
        .unwrap()
        .header("Cookie", "id=hunter2")
        .unwrap()
        .header("X-Api-Key", "hunter2")
        .unwrap()
        .subprotocols(["v1"])
        .unwrap()
}

fn redirect_error(error: ConnectError) -> RedirectError {
    match error {
        ConnectError::Redirect(error) => *error,
        other => panic!("{other:?}"),
    }
}

// H20
#[tokio::test]
async fn each_of_the_five_statuses_is_followed() {
    for status in [301, 302, 303, 307, 308] {
        let (there, server) = echo_once().await;
        let here = Redirecting::start(status, move |_| format!("ws://{there}/new?x#top")).await;
        let opened = connector(1).open(&here.uri("/old")).await.unwrap();
        assert_eq!(opened.target.to_string(), format!("ws://{there}/new?x"), "{status}");
        let mut websocket = opened.websocket;
        websocket.send("hello").await.unwrap();
        assert_eq!(websocket.recv().await, Some(Message::from("hello")));
        websocket.close(None).await;
        assert_eq!(server.await.unwrap().uri(), "/new?x", "{status}");
    }
}

// H20
#[tokio::test]
async fn by_default_none_is_followed() {
    let mut here = Redirecting::start(302, |_| "/new".to_owned()).await;
    let error = Connector::new().connect(&here.uri("/old")).await.unwrap_err();
    let response = error.response().expect("the redirect itself");
    assert_eq!(
        (response.status().as_u16(), &response.headers()["location"]),
        (302, &"/new".parse().unwrap())
    );
    here.request();
    assert!(here.requests.try_recv().is_err(), "there was a second request");
}

#[tokio::test]
async fn another_origin_gets_none_of_the_headers_and_the_subprotocols() {
    let (there, server) = echo_once().await;
    let mut here = Redirecting::start(307, move |_| format!("//{there}/")).await;
    let websocket = connector(1).connect(&here.uri("/")).await.unwrap();
    drop(websocket);
    let first = here.request();
    for name in ["authorization", "cookie", "x-api-key", "sec-websocket-protocol"] {
        assert!(opening::header(&first, name).is_some(), "{name}: {first}");
    }
    let second = server.await.unwrap();
    let headers = second.headers();
    assert_eq!(headers["host"], there.to_string());
    assert_eq!(headers["sec-websocket-protocol"], "v1");
    assert!(!format!("{headers:?}").contains("hunter2"), "{headers:?}");
    let key = opening::header(&first, "sec-websocket-key").unwrap();
    assert_ne!(headers["sec-websocket-key"], key, "§4.1: a fresh nonce for each handshake");
}

#[tokio::test]
async fn headers_do_not_come_back_with_the_origin() {
    let mut home = Redirecting::start(302, |_| "/again".to_owned()).await;
    let back = home.uri("/back");
    let mut away = Redirecting::start(302, move |_| back.clone()).await;
    let first = away.uri("/");
    redirect_error(connector(2).connect(&first).await.unwrap_err());
    assert!(away.request().contains("hunter2"));
    assert!(!home.request().contains("hunter2"));
    assert!(!home.request().contains("hunter2"));
}

#[tokio::test]
async fn the_same_origin_gets_the_headers_again() {
    let mut here =
        Redirecting::start(302, |path| if path == "/a/b" { "../c" } else { "?d" }.to_owned()).await;
    let error = redirect_error(connector(2).connect(&here.uri("/a/b")).await.unwrap_err());
    assert_eq!(error.fault(), &RedirectFault::TooMany { max: 2 });
    for path in ["/a/b", "/c", "/c?d"] {
        let request = here.request();
        assert!(request.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{request}");
        assert_eq!(opening::header(&request, "authorization"), Some("Bearer hunter2"));
    }
}

#[tokio::test]
async fn a_loop_ends_and_the_error_has_the_limit() {
    let mut here = Redirecting::start(302, |_| "/round".to_owned()).await;
    let error = redirect_error(connector(5).connect(&here.uri("/round")).await.unwrap_err());
    assert_eq!((error.location(), error.fault()), ("/round", &RedirectFault::TooMany { max: 5 }));
    assert_eq!(
        error.to_string(),
        "redirect to `/round` not followed: it is one more than `max_redirects` of 5"
    );
    (0..6).for_each(|_| drop(here.request()));
    assert!(here.requests.try_recv().is_err(), "more requests than redirects allow");
}

#[tokio::test]
async fn where_nobody_can_connect_to_nobody_is_sent() {
    for (location, expected) in [
        ("ftp://example.org/", InvalidUri::Scheme),
        ("ws://user:secret@example.org/", InvalidUri::UserInfo),
        ("http:///", InvalidUri::Host),
        ("/a b", InvalidUri::Character),
        ("/caf\u{e9}", InvalidUri::Character),
    ] {
        let here = Redirecting::start(302, |_| location.to_owned()).await;
        let error = redirect_error(connector(1).connect(&here.uri("/")).await.unwrap_err());
        assert_eq!(error.fault(), &RedirectFault::Location(expected), "{location}");
    }
}

#[tokio::test]
async fn a_long_location_does_not_fill_the_log() {
    let here = Redirecting::start(302, |_| format!("ftp://{}", "x".repeat(9000))).await;
    let error = connector(1).connect(&here.uri("/")).await.unwrap_err();
    assert!(error.to_string().len() < 400, "{error}");
}

#[tokio::test]
async fn the_time_is_for_all_redirects_together() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = silent.local_addr().unwrap();
    let here = Redirecting::start(302, move |_| format!("ws://{there}/")).await;
    let connector = connector(9).open_timeout(Duration::from_millis(300));
    let error = connector.connect(&here.uri("/")).await.unwrap_err();
    assert!(matches!(error, ConnectError::Timeout(Phase::Handshake)), "{error:?}");
}

#[tokio::test]
async fn a_stream_of_the_programs_own_is_not_led_elsewhere() {
    let here = Redirecting::start(302, |_| "/new".to_owned()).await;
    let stream = TcpStream::connect(here.address).await.unwrap();
    let error = connector(5).handshake_over(stream, &here.uri("/")).await.unwrap_err();
    assert_eq!(error.response().unwrap().status(), 302);
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn no_redirect_leads_out_of_tls() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_pem();
    let tls = everwire::tls::acceptor_from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap();
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let location = format!("ws://{}/", plain.local_addr().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = tls.accept(stream).await.unwrap();
        read_head(&mut stream).await;
        let answer = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    let connector = connector(5).root_certificates_pem(made.cert.pem().as_bytes()).unwrap();
    let error = redirect_error(connector.connect(&uri).await.unwrap_err());
    assert_eq!(error.fault(), &RedirectFault::Insecure);
    server.await.unwrap();
    let visit = tokio::time::timeout(Duration::from_millis(100), plain.accept());
    assert!(visit.await.is_err(), "somebody connected without TLS");
}
