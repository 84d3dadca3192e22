//! `everwire serve` as a process: the page, who may use it, and how it goes down.

mod process;

use std::process::Command;
use std::time::Duration;

use everwire::{CloseCode, Connector, Message};
use everwire_testkit::Frame;
use process::{PATIENCE, Server, Witness, header, read_head, status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// A plain request for `path`, and the whole answer.
async fn get(server: &Server, path: &str, host: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    server.answer(request).await
}

#[tokio::test]
async fn the_page_and_its_files_are_served_with_a_policy() {
    let server = Server::start(&[]);
    let host = server.address.to_string();
    let page = get(&server, "/", &host).await;
    assert_eq!(status(&page), 200);
    assert!(page.contains("<!doctype html>") || page.contains("<!DOCTYPE html>"), "{page}");
    for path in ["/", "/main.js", "/style.css", "/favicon.svg", "/nothing-here"] {
        let answer = get(&server, path, &host).await;
        assert_eq!(status(&answer), if path == "/nothing-here" { 404 } else { 200 }, "{path}");
        let policy = header(&answer, "content-security-policy").expect("a policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"));
    }
}

#[tokio::test]
async fn every_module_of_the_browser_client_is_served() {
    let server = Server::start(&[]);
    let host = server.address.to_string();
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/../../clients/js/src");
    for folder in ["", "hub/"] {
        for file in std::fs::read_dir(format!("{sources}/{folder}")).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".js") {
                let answer = get(&server, &format!("/everwire/{folder}{name}"), &host).await;
                assert_eq!(status(&answer), 200, "{folder}{name} is missing in serve/page.rs");
            }
        }
    }
}

#[tokio::test]
async fn a_loopback_server_answers_to_loopback_names_only() {
    let server = Server::start(&["--host", "dev.example.org"]);
    let port = server.address.port();
    for (host, served) in [
        ("localhost", true),
        ("127.0.0.1", true),
        ("[::1]", true),
        ("dev.example.org", true),
        ("DEV.example.org", true),
        ("attacker.example", false),
        ("dev.example.org.attacker.example", false),
        ("localhost.attacker.example", false),
    ] {
        let host = format!("{host}:{port}");
        let page = get(&server, "/", &host).await;
        assert_eq!(status(&page), if served { 200 } else { 421 }, "{host}");
        // What a page of that name would ask for, once its name resolves here (DNS rebinding).
        let upgrade = server.request("/echo", &format!("Origin: http://{host}\r\n"));
        let upgrade = upgrade.replacen(&server.address.to_string(), &host, 1);
        let mut stream = server.connect().await;
        stream.write_all(upgrade.as_bytes()).await.unwrap();
        let head = read_head(&mut stream).await;
        assert_eq!(status(&head), if served { 101 } else { 421 }, "{host}");
    }
}

#[tokio::test]
async fn foreign_origins_are_let_in_when_they_are_allowed() {
    let one = Server::start(&["--allow-origin", "https://app.example"]);
    let any = Server::start(&["--allow-origin", "*"]);
    for (server, origin, expected) in [
        (&one, "https://app.example", 101),
        (&one, "https://other.example", 403),
        (&one, "null", 403),
        (&any, "https://other.example", 101),
        (&any, "null", 101),
    ] {
        let mut stream = server.connect().await;
        let request = server.request("/echo", &format!("Origin: {origin}\r\n"));
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(status(&read_head(&mut stream).await), expected, "{origin}");
    }
}

#[tokio::test]
async fn arguments_that_cannot_be_followed_end_the_process() {
    for (arguments, said) in [
        (&["--allow-origin", "not an origin"][..], "--allow-origin"),
        (&["--tls-cert", "/nonexistent", "--tls-key", "/nonexistent"], "/nonexistent"),
        (&["--tls-cert", "/nonexistent"], "--tls-key"),
        (&["--listen", "nowhere"], "--listen"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_everwire"))
            .arg("serve")
            .args(arguments)
            .output()
            .unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(said), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty(), "it did not say that it listens");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_said() {
    let server = Server::start(&[]);
    let output = Command::new(env!("CARGO_BIN_EXE_everwire"))
        .args(["serve", "--listen", &server.address.to_string()])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains(&server.address.to_string()), "{error}");
}

#[tokio::test]
async fn an_upgrade_on_a_kept_alive_connection_works() {
    let server = Server::start(&[]);
    for path in ["/echo", "/broadcast", "/hub/lobby"] {
        let mut stream = server.connect().await;
        let get = format!("GET /favicon.svg HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
        for _ in 0..2 {
            stream.write_all(get.as_bytes()).await.unwrap();
            let head = read_head(&mut stream).await;
            assert_eq!(status(&head), 200);
            let len = header(&head, "content-length").unwrap().parse().unwrap();
            stream.read_exact(&mut vec![0; len]).await.unwrap();
        }
        // With a frame right behind the request.
        let mut bytes = server.request(path, "").into_bytes();
        bytes.extend(Frame::text("early").masked().encode());
        stream.write_all(&bytes).await.unwrap();
        let head = read_head(&mut stream).await;
        assert_eq!(status(&head), 101, "{head}");
        let mut peer = everwire_testkit::Peer::new(stream, everwire::Role::Client);
        assert_eq!(peer.next_payload().await, b"early");
        peer.send(Frame::text("later")).await;
        assert_eq!(peer.next_payload().await, b"later");
        peer.send(Frame::close(1000, "")).await;
        assert_eq!(peer.next_close().await, 1000);
        assert_eq!(peer.next().await, None);
    }
}

#[tokio::test]
async fn a_text_ping_on_broadcast_is_answered_to_its_sender_alone() {
    let server = Server::start(&[]);
    let mut here = server.open("/broadcast").await;
    let mut there = server.open("/broadcast").await;
    here.send(Frame::text("ping")).await;
    assert_eq!(here.next_payload().await, b"pong");
    here.send(Frame::text("hello")).await;
    assert_eq!(here.next_payload().await, b"hello");
    assert_eq!(there.next_payload().await, b"hello");
    let mut echo = server.open("/echo").await;
    echo.send(Frame::text("ping")).await;
    assert_eq!(echo.next_payload().await, b"ping");
}

#[tokio::test]
async fn what_one_says_on_broadcast_all_hear() {
    let server = Server::start(&[]);
    let mut peers = Vec::new();
    for _ in 0..5 {
        peers.push(
            server
                .open_with("/broadcast", "Sec-WebSocket-Extensions: permessage-deflate\r\n")
                .await
                .1,
        );
        peers.push(server.open("/broadcast").await);
    }
    peers[3].send(Frame::text("short")).await;
    for peer in &mut peers {
        assert_eq!(peer.next_payload().await, b"short");
    }
    let mut outsider = server.open("/echo").await;
    outsider.send(Frame::text("elsewhere")).await;
    assert_eq!(outsider.next_payload().await, b"elsewhere");
    peers[0].send(Frame::binary("bytes")).await;
    for peer in &mut peers {
        assert_eq!(peer.next_payload().await, b"bytes");
    }
}

#[tokio::test]
async fn context_takeover_is_agreed_to_where_it_was_asked_for() {
    let text: String = (0..40).map(|n| format!("{{\"order\":{}}}", n * 7919 % 1000)).collect();
    for (arguments, agreed) in [
        (&[][..], "; server_no_context_takeover; client_no_context_takeover"),
        (&["--deflate-context-takeover"], ""),
    ] {
        let server = Server::start(arguments);
        let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
        let (head, mut peer) = server.open_with("/echo", offer).await;
        let expected = format!("permessage-deflate{agreed}");
        assert_eq!(header(&head, "Sec-WebSocket-Extensions"), Some(&expected[..]));
        // The second time there is nothing new in it, for who remembers the first.
        let mut lengths = Vec::new();
        for _ in 0..2 {
            peer.send(Frame::text(&text)).await;
            let echo = peer.next().await.unwrap();
            assert_eq!((echo.opcode, echo.rsv), (0x1, 0b100));
            lengths.push(echo.payload.len());
        }
        assert_eq!(lengths[1] < lengths[0] / 4, agreed.is_empty(), "{lengths:?}");
    }
    // A client that wants none gets none.
    let server = Server::start(&["--deflate-context-takeover"]);
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n";
    let (head, _) = server.open_with("/echo", offer).await;
    let agreed = header(&head, "Sec-WebSocket-Extensions").unwrap();
    assert_eq!(agreed, "permessage-deflate; server_no_context_takeover");
}

#[tokio::test]
async fn sigterm_closes_everyone_with_1001_and_exits_with_0() {
    let mut server = Server::start(&["--shutdown-window", "1"]);
    let mut open = vec![server.open("/echo").await, server.open("/broadcast").await];
    for _ in 0..20 {
        open.push(server.open("/echo").await);
    }
    let began = Instant::now();
    server.terminate();
    for peer in &mut open {
        assert_eq!(peer.next_close().await, 1001);
        peer.send(Frame::close(1001, "")).await;
        assert_eq!(peer.next().await, None);
    }
    let status = server.ended().await;
    assert!(status.success(), "{status}");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    let log = server.logged();
    let line = "closed_clean=22 closed_unclean=0 aborted=0 unsent_messages=0 unsent_bytes=0";
    assert!(log.lines().count() == 1 && log.contains(line), "{log}");
}

#[tokio::test]
async fn closes_are_spread_over_the_window_and_say_when_to_come_back() {
    let mut server = Server::start(&["--shutdown-window", "3"]);
    let mut clients = JoinSet::new();
    for _ in 0..30 {
        let mut peer = server.open("/echo").await;
        clients.spawn(async move {
            let close = peer.next().await.unwrap();
            let came = Instant::now();
            peer.send(Frame::close(1001, "")).await;
            let reason = String::from_utf8(close.payload[2..].to_vec()).unwrap();
            let (text, hint) = reason.rsplit_once(" retry-after-ms=").unwrap();
            assert_eq!(text, "server is shutting down");
            (came, hint.parse::<u64>().unwrap())
        });
    }
    let began = Instant::now();
    server.terminate();
    let (times, hints): (Vec<_>, Vec<_>) = clients.join_all().await.into_iter().unzip();
    let early = times.iter().filter(|time| **time - began < Duration::from_millis(1500)).count();
    assert!((5..=25).contains(&early), "{early} of 30 in the first half of the window");
    assert!(*times.iter().max().unwrap() - began > Duration::from_secs(2));
    assert!(hints.iter().collect::<std::collections::HashSet<_>>().len() > 20, "{hints:?}");
    assert!(server.ended().await.success());
}

#[tokio::test]
async fn a_successor_can_listen_while_the_last_clients_are_closed() {
    let mut server = Server::start(&[]);
    let address = server.address.to_string();
    let mut holding = server.open("/echo").await;
    server.terminate();
    assert_eq!(holding.next_close().await, 1001);
    let successor = Server::start_on(&address, &[]);
    assert!(server.is_running(), "it waits for the answer to its close frame");
    Witness::new(&successor).await.is_served(&successor).await;
    holding.send(Frame::close(1001, "")).await;
    assert!(server.ended().await.success());
}

#[tokio::test]
async fn a_handshake_in_flight_is_refused_with_503_and_a_time_to_come_back() {
    let mut server = Server::start(&[]);
    let mut holding = server.open("/echo").await;
    let request = server.request("/echo", "");
    let (first, rest) = request.split_at(20);
    let mut halfway = server.connect().await;
    halfway.write_all(first.as_bytes()).await.unwrap();
    // Served behind it: by now it was accepted.
    Witness::new(&server).await.is_served(&server).await;
    server.terminate();
    assert_eq!(holding.next_close().await, 1001);
    halfway.write_all(rest.as_bytes()).await.unwrap();
    let head = read_head(&mut halfway).await;
    assert_eq!(status(&head), 503, "{head}");
    let after = header(&head, "retry-after").unwrap().parse::<u64>().unwrap();
    assert!((1..=3).contains(&after), "{head}");
    holding.send(Frame::close(1001, "")).await;
    assert!(server.ended().await.success());
}

#[tokio::test]
async fn a_kept_alive_connection_ends_when_the_server_goes_down() {
    let mut server = Server::start(&[]);
    let mut holding = server.open("/echo").await;
    let mut kept = server.connect().await;
    let get = format!("GET /favicon.svg HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    kept.write_all(get.as_bytes()).await.unwrap();
    let head = read_head(&mut kept).await;
    let len = header(&head, "content-length").unwrap().parse().unwrap();
    kept.read_exact(&mut vec![0; len]).await.unwrap();
    server.terminate();
    assert_eq!(holding.next_close().await, 1001);
    let end = tokio::time::timeout(PATIENCE, kept.read(&mut [0; 1])).await;
    assert_eq!(end.expect("it stays open").unwrap(), 0);
    assert!(server.is_running(), "it ended before the process did");
    holding.send(Frame::close(1001, "")).await;
    assert!(server.ended().await.success());
}

#[tokio::test]
async fn who_does_not_read_is_cut_off_at_the_deadline_and_what_it_missed_is_said() {
    let mut server = Server::start(&["--shutdown-window", "0", "--shutdown-deadline", "2"]);
    let mut stuck = server.open("/echo").await;
    // Until the buffers between here and there are full, and some of it waits in the server's queue.
    let frame = Frame::binary(vec![1; 1 << 20]).masked().encode();
    let fill = async {
        loop {
            stuck.stream.write_all(&frame).await.unwrap();
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(2), fill).await.is_err());
    let mut clean = server.open("/echo").await;
    let began = Instant::now();
    server.terminate();
    assert_eq!(clean.next_close().await, 1001);
    clean.send(Frame::close(1001, "")).await;
    assert_eq!(clean.next().await, None);
    assert!(server.ended().await.success());
    let took = began.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(5)).contains(&took), "{took:?}");
    let log = server.logged();
    assert!(log.contains("closed_clean=1 closed_unclean=0 aborted=1 unsent_messages="), "{log}");
    let (_, unsent) = log.split_once("unsent_bytes=").unwrap();
    assert!(unsent.split(' ').next().unwrap().parse::<u64>().unwrap() > 1000, "{log}");
}

// row: R10
#[tokio::test]
async fn a_shutdown_is_bounded_whatever_the_clients_do() {
    let mut server = Server::start(&["--shutdown-deadline", "4"]);
    // Silent, in mid-message, in mid-handshake, not reading.
    let silent = server.open("/echo").await;
    let mut halfway = server.open("/echo").await;
    halfway.send(Frame::text("and then").unfinished()).await;
    let mut handshake = server.connect().await;
    handshake.write_all(b"GET /echo HT").await.unwrap();
    let stuck = server.open("/echo").await;
    let (_read, mut write) = tokio::io::split(stuck.stream);
    let flood = tokio::spawn(async move {
        let frame = Frame::binary(vec![0; 100_000]).masked().encode();
        while write.write_all(&frame).await.is_ok() {}
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let began = Instant::now();
    server.terminate();
    let status = server.ended().await;
    assert!(status.success(), "{status}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    flood.abort();
    drop((silent, halfway, handshake));
}

#[tokio::test]
async fn a_second_signal_ends_the_wait() {
    let mut server = Server::start(&[]);
    let mut silent = server.open("/echo").await;
    server.terminate();
    assert_eq!(silent.next_close().await, 1001);
    let began = Instant::now();
    server.terminate();
    assert!(server.ended().await.success());
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let log = server.logged();
    assert!(log.contains("closed_clean=0 closed_unclean=0 aborted=1"), "{log}");
}

#[tokio::test]
async fn wss_and_https_are_served_with_a_certificate() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = std::env::temp_dir().join(format!("everwire-serving-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let arguments = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let server = Server::start(&arguments);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(server.scheme, "https");
    let connector = Connector::new().root_certificates_pem(made.cert.pem().as_bytes()).unwrap();
    let origin = format!("https://localhost:{}", server.address.port());
    let connector = connector.header("Origin", &*origin).unwrap();
    let uri = format!("wss://localhost:{}/echo", server.address.port());
    let mut socket = connector.connect(&uri).await.unwrap();
    socket.send("secret").await.unwrap();
    assert_eq!(socket.recv().await, Some(Message::text("secret")));
    server.terminate();
    assert_eq!(socket.recv().await, None);
    assert_eq!(socket.close_report().unwrap().code, CloseCode::GOING_AWAY);
}

#[tokio::test]
async fn a_request_without_tls_to_a_tls_server_is_no_trouble() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = std::env::temp_dir().join(format!("everwire-plain-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let mut server =
        Server::start(&["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()]);
    std::fs::remove_dir_all(&folder).unwrap();
    let answer = server.answer(server.request("/echo", "")).await;
    assert!(!answer.starts_with("HTTP/1.1 101"), "{answer}");
    assert!(server.is_running());
}

#[test]
fn the_help_is_as_it_was() {
    // A file to compare with: after a change that is meant, put the new text there.
    for (arguments, expected) in [
        (&["--help"][..], include_str!("help/everwire.txt")),
        (&["serve", "--help"], include_str!("help/serve.txt")),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_everwire")).args(arguments).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected, "{arguments:?}");
    }
}

#[tokio::test]
async fn a_server_serves_others_while_one_connection_is_busy() {
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    let busy = server.open("/echo").await;
    let (mut read, mut write) = tokio::io::split(busy.stream);
    let writing = tokio::spawn(async move {
        let frame = Frame::binary(vec![1; 1 << 20]).masked().encode();
        for _ in 0..50 {
            write.write_all(&frame).await.unwrap();
        }
        write
    });
    let reading = tokio::spawn(async move {
        let mut sink = vec![0; 1 << 16];
        let mut left: usize = 50 * ((1 << 20) + 10);
        while left > 0 {
            left -= read.read(&mut sink).await.unwrap();
        }
    });
    for _ in 0..20 {
        witness.is_served(&server).await;
    }
    drop(writing.await.unwrap());
    reading.await.unwrap();
}
