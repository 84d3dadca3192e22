//! Bad and hostile opening handshakes, sent to a running server byte by byte: rows H of
//! `bad-inputs.toml`. It answers as the table says, and keeps serving.

mod process;

use std::time::Duration;

use everwire::Role;
use everwire_testkit::{Frame, Peer};
use process::{Server, UPGRADE, Witness, header, read_head, status};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

/// Sends each request and expects this status, `Connection: close`, and service for others.
async fn refused(requests: impl IntoIterator<Item = (String, u16)>) {
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    for (request, expected) in requests {
        let request = request.replace("{host}", &server.address.to_string());
        let answer = server.answer(&request).await;
        let shown: String = request.chars().take(300).collect();
        assert_eq!(status(&answer), expected, "{shown:?} was answered {answer}");
        if (400..500).contains(&expected) && expected != 404 {
            let connection = header(&answer, "connection").unwrap_or_default();
            assert!(connection.contains("close"), "{shown:?} was answered {answer}");
        }
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "one answer: {answer}");
    }
    witness.is_served(&server).await;
}

/// A legal request but for one line: the one that begins with `name` is replaced.
fn without(name: &str, instead: &str) -> String {
    let lines: Vec<_> =
        UPGRADE.split_inclusive("\r\n").filter(|line| !line.starts_with(name)).collect();
    format!("GET /echo HTTP/1.1\r\nHost: {{host}}\r\n{}{instead}\r\n", lines.concat())
}

fn with(further: &str) -> String {
    format!("GET /echo HTTP/1.1\r\nHost: {{host}}\r\n{UPGRADE}{further}\r\n")
}

// row: H1, H2
#[tokio::test]
async fn other_methods_and_versions_never_upgrade() {
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    for method in ["POST", "PUT", "DELETE", "get"] {
        let request = server.request("/echo", "").replacen("GET", method, 1);
        let answer = server.answer(request).await;
        assert!(matches!(status(&answer), 400 | 405), "{answer}");
        if method == "POST" {
            assert_eq!((status(&answer), header(&answer, "allow")), (405, Some("GET")));
        }
    }
    for version in ["HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.2"] {
        let request = server.request("/echo", "").replacen("HTTP/1.1", version, 1);
        let answer = server.answer(request).await;
        assert!(matches!(status(&answer), 400 | 426 | 505), "{answer}");
    }
    witness.is_served(&server).await;
}

// row: H3, H4
#[tokio::test]
async fn hosts_and_keys_are_strict() {
    let hosts =
        ["Host: a b\r\n", "Host: \r\n", "Host: 127.0.0.1\x07\r\n", "Host: a@127.0.0.1\r\n", ""];
    let hosts = hosts.map(|host| (format!("GET /echo HTTP/1.1\r\n{host}{UPGRADE}\r\n"), 400));
    let two = (with("Host: {host}\r\n"), 400);
    let keys = [
        "",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZWU=\r\n",
        "Sec-WebSocket-Key: not base64 at all!!!!!!\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    ];
    let keys = keys.map(|key| (without("Sec-WebSocket-Key", key), 400));
    refused(hosts.into_iter().chain([two]).chain(keys)).await;
}

// row: H5
#[tokio::test]
async fn other_versions_of_the_protocol_are_told_13() {
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    let long = "1".repeat(1 << 20);
    for (version, expected) in [
        ("12", &[426][..]),
        ("7", &[426]),
        ("0", &[426]),
        ("013", &[400, 426]),
        ("13, 8", &[400, 426]),
        (&long, &[400, 414, 431]),
        ("", &[400]),
    ] {
        let line = format!("Sec-WebSocket-Version: {version}\r\n");
        let request = without("Sec-WebSocket-Version", &line);
        let answer = server.answer(request.replace("{host}", &server.address.to_string())).await;
        assert!(expected.contains(&status(&answer)), "{} was answered {answer}", version.len());
        if status(&answer) == 426 {
            assert_eq!(header(&answer, "sec-websocket-version"), Some("13"));
        }
    }
    let request = without("Sec-WebSocket-Version", "");
    let answer = server.answer(request.replace("{host}", &server.address.to_string())).await;
    assert_eq!(status(&answer), 400);
    witness.is_served(&server).await;
}

// row: H6, H13
#[tokio::test]
async fn lists_of_tokens_are_accepted_and_frames_behind_the_request_are_echoed() {
    let server = Server::start(&[]);
    for connection in [
        "keep-alive, Upgrade",
        "upgrade",
        "UPGRADE,keep-alive",
        "keep-alive\r\nConnection: Upgrade",
    ] {
        let head = without("Connection", &format!("Connection: {connection}\r\n"));
        let mut bytes = head.replace("{host}", &server.address.to_string()).into_bytes();
        bytes.extend(Frame::text("pipelined").masked().encode());
        bytes.extend(Frame::ping("too").masked().encode());
        let mut stream = server.connect().await;
        stream.write_all(&bytes).await.unwrap();
        let head = read_head(&mut stream).await;
        assert_eq!(status(&head), 101, "{head}");
        let mut peer = Peer::new(stream, Role::Client);
        let mut payloads = [peer.next().await.unwrap().payload, peer.next().await.unwrap().payload];
        payloads.sort();
        assert_eq!(payloads, [&b"pipelined"[..], b"too"]);
    }
    Witness::new(&server).await.is_served(&server).await;
}

// row: H7
#[tokio::test]
async fn what_only_looks_like_an_upgrade_is_never_switched() {
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    for (name, instead) in [
        ("Connection", "Connection: Upgradex\r\n"),
        ("Connection", "Connection: keep-alive\r\n"),
        ("Connection", ""),
        ("Upgrade", "Upgrade: websocket2\r\n"),
        ("Upgrade", "Upgrade: h2c\r\n"),
        ("Upgrade", ""),
    ] {
        // Not every one of them ends the connection; the next request does.
        let request =
            without(name, instead) + "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n";
        let answer = server.answer(request.replace("{host}", &server.address.to_string())).await;
        assert!((400..500).contains(&status(&answer)), "{name}: {instead} was answered {answer}");
        assert!(!answer.contains(" 101 "), "{answer}");
    }
    witness.is_served(&server).await;
}

// row: H8
#[tokio::test]
async fn oversized_heads_are_cut_off() {
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    let before = server.memory();
    let headers = |count: usize| (0..count).map(|n| format!("X-{n}: v\r\n")).collect::<String>();
    for (request, expected) in [
        (with(&headers(200)), 431),
        (with(&headers(10_001)), 431),
        (with(&format!("X: {}\r\n", "v".repeat(1 << 20))), 431),
        (with("").replacen("/echo", &format!("/{}", "p".repeat(64 << 10)), 1), 414),
    ] {
        let began = Instant::now();
        let request = request.replace("{host}", &server.address.to_string());
        let answer = server.answer(request).await;
        assert_eq!(status(&answer), expected, "{answer}");
        assert!(began.elapsed() < Duration::from_secs(5));
    }
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 8 << 20, "memory grew by {grown} bytes");
    witness.is_served(&server).await;
}

// row: H9
#[tokio::test]
async fn slow_heads_have_one_deadline() {
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    let (server, began) = (&server, Instant::now());
    let dripping = async {
        let (mut read, mut write) = server.connect().await.into_split();
        let drip = tokio::spawn(async move {
            for byte in format!("GET /echo HTTP/1.1\r\n{UPGRADE}").bytes() {
                if write.write_all(&[byte]).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        });
        let mut answer = String::new();
        let _ = tokio::io::AsyncReadExt::read_to_string(&mut read, &mut answer).await;
        drip.abort();
        answer
    };
    // A head without an end, which is otherwise legal.
    let waiting = server.answer(format!("GET /echo HTTP/1.1\r\nHost: {}\r\n", server.address));
    // Not one byte.
    let silent = server.answer("");
    let (dripping, waiting, silent) = tokio::join!(dripping, waiting, silent);
    let took = began.elapsed();
    assert!((9..14).contains(&took.as_secs()), "it took {took:?}");
    for answer in [dripping, waiting] {
        assert!(answer.is_empty() || status(&answer) == 408, "{answer}");
    }
    assert_eq!(silent, "");
    witness.is_served(server).await;
}

// row: H10
#[tokio::test]
async fn malformed_header_lines_are_refused() {
    let lines = [
        "X: a\r\n folded\r\n",
        "X: a\n",
        "X: a\rb\r\n",
        "X: a\0b\r\n",
        "X : a\r\n",
        "X Y: a\r\n",
        "(X): a\r\n",
        ": a\r\n",
        "no colon\r\n",
    ];
    refused(lines.map(|line| (with(line), 400))).await;
}

// row: H11, H12
#[tokio::test]
async fn a_body_or_a_second_request_behind_a_refusal_is_never_answered() {
    let second = "GET / HTTP/1.1\r\nHost: {host}\r\n\r\n";
    let bodies = [
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
    ];
    let bodies = bodies.map(|line| (with(line) + "hello" + second, 400));
    let foreign = (with("Origin: http://evil.example\r\n") + second, 403);
    let version = (without("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8\r\n") + second, 426);
    refused(bodies.into_iter().chain([foreign, version])).await;
}

// row: H14
#[tokio::test]
async fn only_pages_of_the_same_host_may_connect() {
    let server = Server::start(&[]);
    let own = format!("Origin: http://{}\r\n", server.address);
    server.open_with("/echo", &own).await;
    let port = server.address.port();
    let foreign = [
        "null".to_owned(),
        "http://evil.example".to_owned(),
        format!("http://127.0.0.1.evil.example:{port}"),
        format!("http://127.0.0.1:{}", port ^ 1),
        "http://127.0.0.1".to_owned(),
        format!("http://127.0.0.1:{port}/path"),
        format!("http://127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}"),
    ];
    for origin in foreign {
        for path in ["/echo", "/broadcast", "/hub", "/hub/room"] {
            let request = server.request(path, &format!("Origin: {origin}\r\n"));
            let answer = server.answer(request).await;
            assert!(matches!(status(&answer), 400 | 403), "{path} {origin} was answered {answer}");
        }
    }
    Witness::new(&server).await.is_served(&server).await;
}

// row: H15, H16
#[tokio::test]
async fn malformed_lists_are_refused_and_unacceptable_offers_declined() {
    let many = |item: &str, count: usize| vec![item; count].join(", ");
    let malformed = [
        "Sec-WebSocket-Protocol: a, , b\r\n".to_owned(),
        "Sec-WebSocket-Protocol: a, a\r\n".to_owned(),
        "Sec-WebSocket-Protocol: a b\r\n".to_owned(),
        "Sec-WebSocket-Protocol: a{}\r\n".to_owned(),
        format!("Sec-WebSocket-Protocol: {}\r\n", many("p", 5000)),
        format!("Sec-WebSocket-Protocol: {}\r\n", " ,".repeat(3000)),
        "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=\"15\r\n".to_owned(),
        "Sec-WebSocket-Extensions: permessage-deflate; =8\r\n".to_owned(),
        "Sec-WebSocket-Extensions: ,;,\r\n".to_owned(),
        format!("Sec-WebSocket-Extensions: {}\r\n", many("x", 1000)),
    ];
    refused(malformed.map(|line| (with(&line), 400))).await;

    let server = Server::start(&[]);
    for offer in [
        "__proto__",
        "permessage-deflate; __proto__=1",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=08",
        "permessage-deflate; server_max_window_bits=\"\"",
        "permessage-deflate; client_max_window_bits=8; client_max_window_bits=9",
    ] {
        let request = server.request("/echo", &format!("Sec-WebSocket-Extensions: {offer}\r\n"));
        let mut stream = server.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = read_head(&mut stream).await;
        match status(&head) {
            101 => assert_eq!(header(&head, "sec-websocket-extensions"), None, "{offer}: {head}"),
            refusal => assert_eq!(refusal, 400, "{offer}: {head}"),
        }
    }
    Witness::new(&server).await.is_served(&server).await;
}

// row: H17
#[tokio::test]
async fn odd_targets_are_refused_or_understood_once() {
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    for target in [
        "*",
        "//echo",
        "/echo%00",
        "/echo#fragment",
        "/x/..;/echo",
        "/./echo",
        "/x/../echo",
        "/%65cho",
        "/echo/",
        "/ECHO",
        "echo",
        "/ec ho",
        "/other",
    ] {
        let answer = server.answer(server.request(target, "")).await;
        assert!(matches!(status(&answer), 400 | 404), "{target} was answered {answer}");
    }
    // Absolute form is what it says: the same path.
    let absolute = format!("http://{}/echo?query", server.address);
    let (_, mut peer) = server.open_with(&absolute, "").await;
    peer.send(Frame::text("there")).await;
    assert_eq!(peer.next_payload().await, b"there");
    witness.is_served(&server).await;
}
