//! HTTP CONNECT (RFC 9110 §9.3.6).

use std::time::Duration;

use everwire::handshake::HandshakeError;
use everwire::{ConnectError, Connector, Phase, Proxy, ProxyError, ProxyFault};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::opening::read_head;
use crate::played::{carry, converse, echo_once, play, proxy_error, see_off, send};

const URI: &str = "ws://server.example/chat";

/// What a connection fails with, whose proxy answers CONNECT with these bytes and then listens.
async fn answered(answer: impl Into<Vec<u8>>, split: bool) -> ProxyError {
    let answer = answer.into();
    let proxy = play(async move |mut stream: TcpStream| {
        read_head(&mut stream).await;
        // The client may have had enough before the end.
        let _ = send(&mut stream, &answer, split).await;
        see_off(stream).await;
    })
    .await;
    let error = proxy_error(proxy.connector("http://").connect(URI).await);
    proxy.end().await;
    error
}

#[tokio::test]
async fn a_tunnel_carries_a_websocket_however_the_answer_is_cut() {
    for split in [false, true] {
        for answer in [
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.0 200 Connection established\r\nProxy-agent: x/1\r\n\r\n",
            "HTTP/1.1 201 Created\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            // §9.3.6: "A client MUST ignore any Content-Length or Transfer-Encoding".
            "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n",
        ] {
            let (server, served) = echo_once().await;
            let proxy = play(async move |mut stream: TcpStream| {
                read_head(&mut stream).await;
                send(&mut stream, answer.as_bytes(), split).await.unwrap();
                carry(stream, server).await;
            })
            .await;
            converse(proxy.connector("http://").connect(URI).await.unwrap()).await;
            assert_eq!(served.await.unwrap().uri(), "/chat");
            proxy.end().await;
        }
    }
}

#[tokio::test]
async fn the_proxy_is_told_host_and_port_and_the_server_nothing_of_the_proxy() {
    let (server, served) = echo_once().await;
    let proxy = play(async move |mut stream: TcpStream| {
        let head = read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        carry(stream, server).await;
        head
    })
    .await;
    let connector = proxy
        .connector("http://user:p%40ss@")
        .header("Authorization", "Bearer for-the-server")
        .unwrap()
        .header("Cookie", "for=the-server")
        .unwrap();
    converse(connector.connect(URI).await.unwrap()).await;
    assert_eq!(
        proxy.end().await,
        "CONNECT server.example:80 HTTP/1.1\r\nHost: server.example:80\r\n\
        Proxy-Authorization: Basic dXNlcjpwQHNz\r\n\r\n"
    );
    let request = served.await.unwrap();
    assert_eq!(request.headers()["host"], "server.example");
    assert_eq!(request.headers()["authorization"], "Bearer for-the-server");
    assert!(!format!("{request:?}").to_lowercase().contains("prox"), "{request:?}");
}

#[tokio::test]
async fn the_port_is_always_said_and_ipv6_has_brackets() {
    for (uri, authority) in [
        ("ws://server.example", "server.example:80"),
        ("ws://server.example:8080/", "server.example:8080"),
        ("ws://[2001:db8::1]/", "[2001:db8::1]:80"),
    ] {
        let proxy = play(async |mut stream: TcpStream| read_head(&mut stream).await).await;
        proxy_error(proxy.connector("http://").connect(uri).await);
        let head = proxy.end().await;
        assert!(
            head.starts_with(&format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n"))
        );
        assert!(!head.contains("Proxy-Authorization"), "{head}");
    }
}

#[tokio::test]
async fn what_follows_the_answer_belongs_to_the_tunnel() {
    let proxy = play(async |mut stream: TcpStream| {
        read_head(&mut stream).await;
        // The server's answer, in the same packet as the proxy's.
        let server = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";
        stream.write_all(format!("HTTP/1.1 200 OK\r\n\r\n{server}").as_bytes()).await.unwrap();
        see_off(stream).await;
    })
    .await;
    let error = proxy.connector("http://").connect(URI).await.unwrap_err();
    let response = error.response().expect("the server's answer");
    assert_eq!((response.status().as_u16(), &response.body()[..]), (503, &b"busy"[..]));
    proxy.end().await;
}

#[tokio::test]
async fn a_refusal_is_an_error_with_the_proxy_and_its_answer() {
    for split in [false, true] {
        for (status, text) in
            [(407, "Proxy Authentication Required"), (403, "Forbidden"), (502, "Bad Gateway")]
        {
            let answer = format!(
                "HTTP/1.1 {status} {text}\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno!"
            );
            let error = answered(answer, split).await;
            let response = error.response().expect("the answer");
            assert_eq!((response.status().as_u16(), &response.body()[..]), (status, &b"no"[..]));
            assert_eq!(response.headers()["proxy-authenticate"], "Basic");
            let proxy = error.proxy().to_string();
            assert_eq!(
                error.to_string(),
                format!("proxy {proxy}: answered {status} {text} to CONNECT")
            );
        }
    }
}

#[tokio::test]
async fn only_2xx_opens_a_tunnel() {
    for status in
        ["101 Switching Protocols", "204 No Content", "300 X", "302 Found", "500 X", "999 X"]
    {
        let answer = format!("HTTP/1.1 {status}\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n");
        if status.starts_with('2') {
            // A tunnel, behind which nobody answers.
            let proxy = play(async move |mut stream: TcpStream| {
                read_head(&mut stream).await;
                stream.write_all(answer.as_bytes()).await.unwrap();
                read_head(&mut stream).await
            })
            .await;
            let error = proxy.connector("http://").connect(URI).await.unwrap_err();
            assert!(matches!(error, ConnectError::Closed), "{error:?}");
            assert!(proxy.end().await.starts_with("GET /chat HTTP/1.1\r\n"));
        } else {
            let error = answered(answer, false).await;
            assert!(status.starts_with(error.response().unwrap().status().as_str()), "{error}");
        }
    }
}

#[tokio::test]
async fn what_is_no_http_is_an_error() {
    for split in [false, true] {
        for answer in [
            "SSH-2.0-OpenSSH_9.9\r\n",
            "\x05\x00",
            "\x16\x03\x01",
            "HTTP/2 200 OK\r\n\r\n",
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 200 OK\n\n",
            "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
            "HTTP/1.1 200 OK\r\n folded\r\n\r\n",
        ] {
            let error = answered(answer, split).await;
            assert!(matches!(error.fault(), ProxyFault::Response(_)), "{answer:?}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_long_answer_is_bounded() {
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(20 << 10));
    let interim = "HTTP/1.1 102 Processing\r\n\r\n".repeat(1000);
    for answer in [long, interim] {
        let error = answered(answer, false).await;
        let ProxyFault::Response(fault) = error.fault() else { panic!("{error:?}") };
        assert_eq!(fault, &HandshakeError::HeadTooLarge { max: 16 << 10 });
    }
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(101));
    let error = answered(many, false).await;
    let ProxyFault::Response(fault) = error.fault() else { panic!("{error:?}") };
    assert_eq!(fault, &HandshakeError::TooManyHeaders { max: 100 });
}

#[tokio::test]
async fn a_proxy_that_leaves_is_an_error_wherever_it_does() {
    let whole = b"HTTP/1.1 200 OK\r\n\r\n";
    for cut in 0..whole.len() {
        let proxy = play(async move |mut stream: TcpStream| {
            read_head(&mut stream).await;
            stream.write_all(&whole[..cut]).await.unwrap();
        })
        .await;
        let error = proxy_error(proxy.connector("http://").connect(URI).await);
        assert!(matches!(error.fault(), ProxyFault::Closed), "{cut}: {error:?}");
    }
}

#[tokio::test]
async fn a_silent_proxy_is_given_up_in_time() {
    for answer in ["", "HTTP/1.1 200 OK\r\n"] {
        let proxy = play(async move |mut stream: TcpStream| {
            read_head(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
            see_off(stream).await;
        })
        .await;
        let connector = proxy.connector("http://").open_timeout(Duration::from_millis(200));
        let error = connector.connect(URI).await.unwrap_err();
        assert!(matches!(error, ConnectError::Timeout(Phase::Proxy)), "{error:?}");
        assert_eq!(error.to_string(), "`open_timeout` was over waiting for the proxy");
        proxy.end().await;
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_an_error_with_its_name() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for scheme in ["http", "socks5h"] {
        let proxy = Proxy::parse(&format!("{scheme}://alice:hunter2@{address}")).unwrap();
        let error = Connector::new().proxy(proxy).connect(URI).await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("proxy {scheme}://{address}: cannot connect: ")),
            "{text}"
        );
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        let error = proxy_error(Err::<(), _>(error));
        assert!(matches!(error.fault(), ProxyFault::Connect(_)), "{error:?}");
    }
    let proxy = Proxy::parse("http://proxy.invalid").unwrap();
    let error = proxy_error(Connector::new().proxy(proxy).connect(URI).await);
    assert!(matches!(error.fault(), ProxyFault::Resolve(_)), "{error:?}");
}

#[tokio::test]
async fn each_redirect_is_a_tunnel_of_its_own() {
    let (server, served) = echo_once().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::parse(&listener.local_addr().unwrap().to_string()).unwrap();
    let played = tokio::spawn(async move {
        let tunnel = async || {
            let (mut stream, _) = listener.accept().await.unwrap();
            let head = read_head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            (stream, head)
        };
        let (mut stream, first) = tunnel().await;
        read_head(&mut stream).await;
        let answer = b"HTTP/1.1 302 Found\r\nLocation: //other.example/\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        let (stream, second) = tunnel().await;
        carry(stream, server).await;
        [first, second]
    });
    let connector = Connector::new().proxy(proxy).max_redirects(1);
    converse(connector.connect(URI).await.unwrap()).await;
    let [first, second] = played.await.unwrap();
    assert!(first.starts_with("CONNECT server.example:80 "), "{first}");
    assert!(second.starts_with("CONNECT other.example:80 "), "{second}");
    served.await.unwrap();
}
