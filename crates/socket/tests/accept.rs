//! The server's side of the opening handshake, over a pipe in memory: who is let in.

mod opening;

use std::time::Duration;

use everwire::handshake::{HandshakeError, HandshakeLimits, OriginPolicy};
use everwire::{AcceptError, Acceptor, Choice, Config, HostPolicy, Message};
use everwire_testkit::Frame;
use http::{HeaderValue, Response, StatusCode, header as name};
use opening::{
    UPGRADE, accepted, accepting, header, read_head, refused, request, request_without, status,
};
use tokio::io::{AsyncWriteExt, duplex};

#[tokio::test]
async fn a_legal_request_is_answered_with_101() {
    let (head, websocket, _client) = accepted(&Acceptor::new(), request("")).await;
    assert_eq!(status(&head), 101);
    assert_eq!(header(&head, "sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(header(&head, "sec-websocket-protocol"), None);
    assert_eq!(header(&head, "sec-websocket-extensions"), None);
    assert_eq!((websocket.protocol(), &*websocket.extensions()), ("", ""));
}

// H6
#[tokio::test]
async fn connection_is_a_list_of_tokens_in_any_case() {
    for line in [
        "Connection: keep-alive, Upgrade\r\n",
        "Connection: uPGRADE\r\n",
        "Connection: keep-alive\r\nConnection: upgrade\r\n",
    ] {
        let (head, ..) = accepted(&Acceptor::new(), request_without("Connection", line)).await;
        assert_eq!(status(&head), 101, "{line}");
    }
}

#[tokio::test]
async fn a_request_may_arrive_byte_by_byte() {
    let (mut client, server) = accepting(&Acceptor::new());
    for byte in request("").bytes() {
        client.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(status(&read_head(&mut client).await), 101);
    server.await.unwrap().unwrap();
}

// H13
#[tokio::test]
async fn frames_right_behind_the_request_are_received_wherever_reads_cut() {
    let frames =
        [Frame::text("one").masked().encode(), Frame::binary("two").masked().encode()].concat();
    let head = request("");
    let bytes = [head.as_bytes(), &frames].concat();
    for cut in head.len() - 8..=bytes.len() {
        let (mut client, server) = accepting(&Acceptor::new());
        client.write_all(&bytes[..cut]).await.unwrap();
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        client.write_all(&bytes[cut..]).await.unwrap();
        let mut websocket = server.await.unwrap().unwrap();
        assert_eq!(websocket.recv().await, Some(Message::from("one")), "cut at {cut}");
        assert_eq!(websocket.recv().await, Some(Message::from(b"two".to_vec())), "cut at {cut}");
    }
}

// H13: "none before acceptance".
#[tokio::test]
async fn frames_of_a_refused_client_are_not_looked_at() {
    let acceptor = Acceptor::new().on_request(|_, _| Err(Response::new("no".into()).into()));
    let bytes = [request("").into_bytes(), Frame::text("x").masked().encode()].concat();
    let (answer, error) = refused(&acceptor, bytes).await;
    assert_eq!(status(&answer), 200);
    assert!(answer.ends_with("\r\n\r\nno"), "{answer}");
    assert!(matches!(error, AcceptError::Refused(StatusCode::OK)), "{error:?}");
}

// H1, H2, H3, H4, H5, H7, H10, H11, H15, H16, H17
#[tokio::test]
async fn illegal_requests_are_refused_and_closed() {
    let post = request("").replacen("GET", "POST", 1);
    let cases = [
        ("a method other than GET", post, 405),
        ("HTTP/1.0", request("").replacen("/1.1", "/1.0", 1), 400),
        ("no Host", request_without("Host", ""), 400),
        ("two Hosts", request("Host: example.org\r\n"), 400),
        ("a Host with a space", request_without("Host", "Host: a b\r\n"), 400),
        ("no key", request_without("Sec-WebSocket-Key", ""), 400),
        ("a short key", request_without("Sec-WebSocket-Key", "Sec-WebSocket-Key: eA==\r\n"), 400),
        (
            "another version",
            request_without("Sec-WebSocket-V", "Sec-WebSocket-Version: 8\r\n"),
            426,
        ),
        ("no version", request_without("Sec-WebSocket-V", ""), 400),
        ("no upgrade", request_without("Upgrade", ""), 426),
        ("nearly an upgrade", request_without("Upgrade", "Upgrade: websocket2\r\n"), 426),
        ("nearly a Connection", request_without("Connection", "Connection: Upgradex\r\n"), 426),
        ("obs-fold", request("X: a\r\n b\r\n"), 400),
        ("bare LF", request("X: a\nY: b\r\n"), 400),
        ("bare CR", request("X: a\rb\r\n"), 400),
        ("NUL", request("X: a\0\r\n"), 400),
        ("a space before the colon", request("X : a\r\n"), 400),
        ("a name that is no token", request("X(: a\r\n"), 400),
        ("a body", request("Content-Length: 5\r\n") + "GET /", 400),
        ("a chunked body", request("Transfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400),
        ("both", request("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), 400),
        ("two lengths", request("Content-Length: 0\r\nContent-Length: 5\r\n"), 400),
        ("an empty subprotocol", request("Sec-WebSocket-Protocol: a,,b\r\n"), 400),
        ("a subprotocol twice", request("Sec-WebSocket-Protocol: a, a\r\n"), 400),
        ("an open quote", request("Sec-WebSocket-Extensions: x; y=\"\r\n"), 400),
        ("*", request("").replacen("/chat", "*", 1), 400),
        ("//", request("").replacen("/chat", "//chat", 1), 400),
        ("%00", request("").replacen("/chat", "/%00", 1), 400),
        ("dot segments", request("").replacen("/chat", "/a/..;/b", 1), 400),
        ("a fragment", request("").replacen("/chat", "/chat#x", 1), 400),
        ("another host", request("").replacen("/chat", "http://other.example/chat", 1), 400),
        ("TLS", "\x16\x03\x01\x02\0\x01\0\x01\u{7f}\x03\x03".to_owned(), 400),
    ];
    for (what, request, expected) in cases {
        let (answer, error) = refused(&Acceptor::new(), request).await;
        assert_eq!(status(&answer), expected, "{what}: {answer}");
        assert!(header(&answer, "connection").unwrap().contains("close"), "{what}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: {answer}");
        assert!(matches!(error, AcceptError::Handshake(_)), "{what}: {error:?}");
    }
}

// H1, H5
#[tokio::test]
async fn a_refusal_says_what_would_be_right() {
    let (answer, _) = refused(&Acceptor::new(), request("").replacen("GET", "PUT", 1)).await;
    assert_eq!(header(&answer, "allow"), Some("GET"));
    let version = request_without("Sec-WebSocket-V", "Sec-WebSocket-Version: 7\r\n");
    let (answer, _) = refused(&Acceptor::new(), version).await;
    assert_eq!(header(&answer, "sec-websocket-version"), Some("13"));
}

// H8
#[tokio::test]
async fn a_large_head_is_refused_as_soon_as_it_is_too_large() {
    let line = format!("GET /{}", "a".repeat(20 << 10));
    let (answer, _) = refused(&Acceptor::new(), line).await;
    assert_eq!(status(&answer), 414);
    let (answer, _) = refused(&Acceptor::new(), request(&"X: y\r\n".repeat(200))).await;
    assert_eq!(status(&answer), 431);
    let mut limits = HandshakeLimits::default();
    limits.max_size = 256;
    let acceptor = Acceptor::new().limits(limits);
    let (answer, error) = refused(&acceptor, request(&"X: 0123456789\r\n".repeat(20))).await;
    assert_eq!(status(&answer), 431);
    let AcceptError::Handshake(error) = error else { panic!("{error:?}") };
    assert_eq!(*error, HandshakeError::HeadTooLarge { max: 256 });
}

// H12
#[tokio::test]
async fn a_second_request_behind_a_refused_one_is_never_answered() {
    let second = "GET /secret HTTP/1.1\r\nHost: example.org\r\n\r\n";
    let first = request("Origin: https://foreign.example\r\n");
    let (answer, _) = refused(&Acceptor::new(), format!("{first}{second}{second}")).await;
    assert_eq!(status(&answer), 403);
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert_eq!(header(&answer, "connection"), Some("close"));
}

// H14
#[tokio::test]
async fn a_foreign_origin_is_refused() {
    for origin in [
        "https://foreign.example",
        "null",
        "https://example.org.evil",
        "https://example.org:444",
        "http://example.org\r\nOrigin: http://example.org",
    ] {
        let request = request(&format!("Origin: {origin}\r\n"));
        let (answer, error) = refused(&Acceptor::new(), request).await;
        assert_eq!(status(&answer), 403, "{origin}");
        assert!(!answer.contains("evil"), "the answer repeats nothing: {answer}");
        let AcceptError::Handshake(error) = error else { panic!("{error:?}") };
        assert!(matches!(*error, HandshakeError::Origin(_)), "{error:?}");
    }
}

// H14
#[tokio::test]
async fn the_origin_policy_decides_who_is_foreign() {
    let page = request("Origin: http://example.org\r\n");
    accepted(&Acceptor::new(), &page).await;
    // Over TLS, a page that came in the clear could be anybody's.
    let (answer, _) = refused(&Acceptor::new().secure(true), &page).await;
    assert_eq!(status(&answer), 403);
    let policy = OriginPolicy::allow_list(["https://app.example"]).unwrap().require_origin(true);
    let acceptor = Acceptor::new().origin(policy);
    assert_eq!(status(&refused(&acceptor, page).await.0), 403);
    assert_eq!(status(&refused(&acceptor, request("")).await.0), 403);
    accepted(&acceptor, request("Origin: https://app.example\r\n")).await;
    let any = Acceptor::new().origin(OriginPolicy::any());
    accepted(&any, request("Origin: null\r\n")).await;
}

#[tokio::test]
async fn a_host_that_is_not_served_is_refused() {
    let acceptor = Acceptor::new().hosts(HostPolicy::loopback().and("Dev.Example.com"));
    for host in ["localhost:8000", "127.0.0.1", "[::1]:8000", "dev.example.com", "a.localhost"] {
        accepted(&acceptor, request_without("Host", &format!("Host: {host}\r\n"))).await;
    }
    // The page of a name that resolves to this machine: its origin is the same host.
    let rebinding = "Host: attacker.example\r\nOrigin: http://attacker.example\r\n";
    let (answer, error) = refused(&acceptor, request_without("Host", rebinding)).await;
    assert_eq!(status(&answer), 421);
    assert!(matches!(error, AcceptError::Host(host) if &*host == "attacker.example"));
}

#[test]
fn plain_requests_are_held_to_the_same_hosts() {
    let allows = |policy: &HostPolicy, hosts: &[&'static str]| {
        let values = hosts.iter().map(|host| (name::HOST, HeaderValue::from_static(host)));
        policy.allows_headers(&values.fold(http::HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        }))
    };
    let policy = HostPolicy::loopback().and("example.com");
    for host in ["localhost", "LOCALHOST:80", "127.1.2.3:8000", "[::1]:8000", "Example.com:1"] {
        assert!(allows(&policy, &[host]), "{host}");
    }
    for host in ["attacker.example", "x@localhost", "localhost.evil", "", "10.0.0.1", "[::2]"] {
        assert!(!allows(&policy, &[host]), "{host}");
    }
    assert!(!allows(&policy, &[]));
    assert!(!allows(&policy, &["localhost", "localhost"]));
    assert!(allows(&HostPolicy::any(), &["attacker.example"]));
    assert!(!allows(&HostPolicy::none(), &["localhost"]));
}

// H18, behind a gateway.
#[tokio::test]
async fn a_request_out_of_early_data_is_too_early() {
    let (answer, error) = refused(&Acceptor::new(), request("Early-Data: 1\r\n")).await;
    assert_eq!(status(&answer), 425);
    let AcceptError::Handshake(error) = error else { panic!("{error:?}") };
    assert_eq!(*error, HandshakeError::EarlyData);
}

#[tokio::test]
async fn the_servers_favourite_subprotocol_is_taken() {
    let acceptor = Acceptor::new().subprotocols(["v2", "v1"]).unwrap();
    let (head, websocket, _client) =
        accepted(&acceptor, request("Sec-WebSocket-Protocol: v1, v2\r\n")).await;
    assert_eq!(header(&head, "sec-websocket-protocol"), Some("v2"));
    assert_eq!(websocket.protocol(), "v2");
    let (head, ..) = accepted(&acceptor, request("Sec-WebSocket-Protocol: v3\r\n")).await;
    assert_eq!(header(&head, "sec-websocket-protocol"), None);
    assert!(Acceptor::new().subprotocols(["not a token"]).is_err());
}

#[tokio::test]
async fn compression_is_agreed_when_it_is_configured_and_offered() {
    let offer = request("Sec-WebSocket-Extensions: permessage-deflate\r\n");
    let (head, websocket, _client) = accepted(&Acceptor::new(), &offer).await;
    let extensions = header(&head, "sec-websocket-extensions").unwrap();
    assert!(extensions.starts_with("permessage-deflate"), "{extensions}");
    assert_eq!(websocket.extensions(), extensions);
    let mut config = Config::default();
    config.deflate = None;
    let (head, ..) = accepted(&Acceptor::new().config(config), &offer).await;
    assert_eq!(header(&head, "sec-websocket-extensions"), None);
}

#[tokio::test]
async fn the_program_sees_the_request_and_chooses() {
    let acceptor =
        Acceptor::new().subprotocols(["v2", "v1"]).unwrap().on_request(|request, offer| {
            match request.headers().get("cookie") {
                Some(cookie) if cookie == "old=1" && request.uri().path() == "/chat" => {
                    assert_eq!(offer.subprotocols(), ["v2", "v1"]);
                    Ok(Choice::default()
                        .subprotocol(Some("v1"))
                        .header(name::SET_COOKIE, HeaderValue::from_static("old=2"))
                        // The handshake's own are not for the program to say.
                        .header(name::UPGRADE, HeaderValue::from_static("h2c"))
                        .header(name::CONTENT_LENGTH, HeaderValue::from_static("9")))
                }
                _ => Err(Response::builder()
                    .status(401)
                    .header("WWW-Authenticate", "Bearer")
                    .header("Content-Length", "999")
                    .body("who are you?\n".into())
                    .unwrap()
                    .into()),
            }
        });
    let offer = "Sec-WebSocket-Protocol: v2, v1\r\n";
    let (head, websocket, _client) =
        accepted(&acceptor, request(&format!("{offer}Cookie: old=1\r\n"))).await;
    assert_eq!(websocket.protocol(), "v1");
    assert_eq!(header(&head, "set-cookie"), Some("old=2"));
    assert_eq!(header(&head, "upgrade"), Some("websocket"));
    assert_eq!(header(&head, "content-length"), None);

    let (answer, error) = refused(&acceptor, request(offer)).await;
    assert_eq!(status(&answer), 401);
    assert_eq!(header(&answer, "www-authenticate"), Some("Bearer"));
    assert_eq!(header(&answer, "content-length"), Some("13"));
    assert_eq!(header(&answer, "connection"), Some("close"));
    assert!(answer.ends_with("\r\n\r\nwho are you?\n"));
    assert!(matches!(error, AcceptError::Refused(StatusCode::UNAUTHORIZED)));
}

#[tokio::test]
async fn a_choice_that_was_not_offered_is_the_programs_mistake() {
    let acceptor = Acceptor::new().on_request(|_, _| Ok(Choice::default().subprotocol(Some("v9"))));
    let (answer, error) = refused(&acceptor, request("")).await;
    assert_eq!(status(&answer), 500);
    assert!(!answer.contains("v9"), "{answer}");
    assert!(matches!(error, AcceptError::Subprotocol(_)), "{error:?}");
}

#[tokio::test]
async fn the_program_is_not_asked_about_illegal_requests() {
    let acceptor = Acceptor::new().on_request(|_, _| panic!("asked"));
    let (answer, _) = refused(&acceptor, request("Origin: https://foreign.example\r\n")).await;
    assert_eq!(status(&answer), 403);
}

#[tokio::test]
async fn a_client_that_leaves_is_no_fault_of_ours() {
    for sent in ["", "GET / HTTP/1.1\r\nHo"] {
        let (mut client, server) = accepting(&Acceptor::new());
        client.write_all(sent.as_bytes()).await.unwrap();
        drop(client);
        let error = server.await.unwrap().unwrap_err();
        assert!(matches!(error, AcceptError::Closed), "{error:?}");
    }
}

#[tokio::test]
async fn dropping_accept_closes_the_connection() {
    let (client, server) = duplex(1024);
    let mut accept = Box::pin(everwire::accept(server));
    let mut client = client;
    client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let soon = tokio::time::timeout(Duration::from_millis(10), &mut accept).await;
    assert!(soon.is_err(), "the request is not complete");
    drop(accept);
    assert_eq!(opening::read_to_end(&mut client).await, "");
}

#[test]
fn waiting_for_a_handshake_costs_the_callers_future_little() {
    let (_client, server) = duplex(1);
    let future = everwire::accept(server);
    let size = size_of_val(&future);
    assert!(size <= 256, "{size} bytes");
}

#[tokio::test]
async fn a_plain_request_can_go_to_another_http_server_unchanged() {
    use tokio::io::AsyncReadExt;

    let bytes = "POST /form HTTP/1.1\r\nHost:  example.org\r\nContent-Length: 3\r\n\r\na=1";
    let (mut client, server) = duplex(1024);
    client.write_all(bytes.as_bytes()).await.unwrap();
    let pending = Acceptor::new().read_request(server).await.unwrap();
    assert!(!pending.is_upgrade());
    assert_eq!(pending.request().uri(), "/form");
    let mut replay = pending.into_replay();
    client.write_all(b"&b=2").await.unwrap();
    let mut again = vec![0; bytes.len() + 4];
    replay.read_exact(&mut again).await.unwrap();
    assert_eq!(again, format!("{bytes}&b=2").as_bytes());
    replay.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    assert_eq!(status(&read_head(&mut client).await), 204);
}

#[tokio::test]
async fn a_pending_request_is_decided_by_the_endpoint_that_it_names() {
    let first = Acceptor::new().on_request(|_, _| panic!("the other acceptor decides"));
    let endpoint = Acceptor::new().subprotocols(["chat"]).unwrap();
    let (mut client, server) = duplex(1024);
    client.write_all(request("Sec-WebSocket-Protocol: chat\r\n").as_bytes()).await.unwrap();
    let pending = first.read_request(server).await.unwrap();
    assert!(pending.is_upgrade());
    assert_eq!(pending.offer().unwrap().subprotocols(), ["chat"]);
    let websocket = pending.with(&endpoint).accept().await.unwrap();
    assert_eq!(websocket.protocol(), "chat");
}

#[tokio::test]
async fn a_pending_request_can_be_accepted_by_choice_but_not_past_the_policies() {
    let never = Acceptor::new().on_request(|_, _| panic!("the program has decided"));
    let (mut client, server) = duplex(1024);
    client.write_all(request("Sec-WebSocket-Protocol: chat\r\n").as_bytes()).await.unwrap();
    let pending = never.read_request(server).await.unwrap();
    let choice = Choice::default().subprotocol(Some("chat"));
    assert_eq!(pending.accept_with(choice).await.unwrap().protocol(), "chat");

    let (mut client, server) = duplex(1024);
    client.write_all(request("Origin: https://foreign.example\r\n").as_bytes()).await.unwrap();
    let pending = never.read_request(server).await.unwrap();
    assert_eq!(pending.offer().unwrap_err().response().status(), 403);
    let accept = tokio::spawn(pending.accept_with(Choice::default()));
    assert_eq!(status(&opening::read_to_end(&mut client).await), 403);
    drop(client);
    accept.await.unwrap().unwrap_err();
}

#[tokio::test]
async fn a_pending_request_can_be_refused_with_any_response() {
    let (mut client, server) = duplex(1024);
    let plain = format!("GET /none HTTP/1.1\r\nHost: example.org\r\n{UPGRADE}\r\n");
    client.write_all(plain.as_bytes()).await.unwrap();
    let pending = Acceptor::new().read_request(server).await.unwrap();
    let response = Response::builder().status(404).body("no such path\n".into()).unwrap();
    let refuse = tokio::spawn(pending.refuse(response));
    let answer = opening::read_to_end(&mut client).await;
    assert_eq!(status(&answer), 404);
    assert!(answer.ends_with("\r\n\r\nno such path\n"));
    drop(client);
    refuse.await.unwrap();
}
