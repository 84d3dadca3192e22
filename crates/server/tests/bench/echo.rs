//! `bench echo` and `bench idle`.

use std::sync::atomic::{AtomicBool, Ordering};

use everwire::{CloseCode, CloseReason, Message};

use super::runs::{assert_rate, bench, done, failure, lines, number, scripted, serve};

#[test]
fn echoes_are_counted_whatever_is_sent() {
    let (_server, address) = serve();
    let url = format!("ws://{address}/echo");
    let kinds: [&[&str]; 6] = [
        &["--connections", "5"],
        &["--connections", "100", "--size", "0"],
        &["--connections", "5", "--text", "--in-flight", "32"],
        &["--connections", "2", "--size", "20000", "--in-flight", "3", "--deflate"],
        &["--connections", "1", "--size", "100000", "--in-flight", "12"],
        &["--connections", "5", "--threads", "3"],
    ];
    for flags in kinds {
        let done = done("echo", &url, &[flags, &["--seconds", "0.3"]].concat());
        assert!(number(&done, "messages") >= 1.0, "{flags:?} {done}");
        assert!(number(&done, "seconds") >= 0.3, "{flags:?} {done}");
        assert_rate(&done, "messages_per_second", "messages");
    }
}

#[test]
fn people_get_a_table_with_units() {
    let (_server, address) = serve();
    let url = format!("ws://{address}/echo");
    let table = lines(bench("echo", &url, &["--connections", "1", "--seconds", "0.1"])).join("\n");
    for expected in ["1 connection × 20 B binary × 1 in flight", "messages/s", "p99.9", "µs"] {
        assert!(table.contains(expected), "{expected} is not in\n{table}");
    }
}

#[test]
fn idle_connections_are_held_for_the_time() {
    let (_server, address) = serve();
    let url = format!("ws://{address}/echo");
    let flags = ["--connections", "100", "--hold", "0.1"];
    let held = lines(bench("idle", &url, &flags));
    assert_eq!(held[0], "holding 100 connections for 100ms");
    assert_eq!(held[1], "100 connections, none of which ended within 100ms");
    let held = lines(bench("idle", &url, &[&flags[..], &["--json"]].concat()));
    assert_eq!(held, [r#"{"event":"holding","connections":100}"#]);
}

#[test]
fn more_connections_than_the_server_admits_handshakes_are_opened() {
    let (_server, address) = serve();
    let flags = ["--connections", "500", "--size", "1", "--hold", "0.01"];
    lines(bench("idle", &format!("ws://{address}/echo"), &flags));
}

#[test]
fn servers_that_do_not_echo_are_found_out() {
    let answering = scripted(async |mut socket| {
        while socket.recv().await.is_some() {
            let _ = socket.send("hello").await;
        }
    });
    assert!(failure("echo", &answering, &[]).contains("sent binary, and text came back"));
    let error = failure("idle", &answering, &["--text"]);
    assert!(error.contains("sent 1024 bytes, and 5 came back"), "{error}");

    let shouting = scripted(async |mut socket| {
        while let Some(Message::Text(text)) = socket.recv().await {
            let _ = socket.send(text.to_uppercase()).await;
        }
    });
    assert!(failure("echo", &shouting, &["--text"]).contains("differs"));

    let doubling = scripted(async |mut socket| {
        while let Some(message) = socket.recv().await {
            let _ = socket.feed(message.clone()).await;
            let _ = socket.send(message).await;
        }
    });
    assert!(failure("echo", &doubling, &[]).contains("does not echo"));

    let silent = scripted(async |mut socket| while socket.recv().await.is_some() {});
    let error = failure("echo", &silent, &["--timeout", "2"]);
    assert!(error.contains("no echo within 2s") && error.contains("--timeout"), "{error}");
}

#[test]
fn a_server_that_stops_echoing_or_closes_ends_the_run() {
    let stopping = scripted(async |mut socket| {
        let first = socket.recv().await.unwrap();
        let _ = socket.send(first).await;
        while socket.recv().await.is_some() {}
    });
    assert!(failure("echo", &stopping, &["--seconds", "0.1"]).contains("no message came back"));

    let closing = scripted(async |mut socket| {
        let first = socket.recv().await.unwrap();
        let _ = socket.send(first).await;
        socket.recv().await;
        socket.close(CloseReason::from_code(CloseCode::MESSAGE_TOO_BIG).ok()).await;
    });
    let error = failure("echo", &closing, &[]);
    assert!(error.contains("1009") && error.contains("--size"), "{error}");
}

#[test]
fn a_message_that_never_comes_back_is_missed_even_when_others_do() {
    // The third echo of a connection is the last, and the other connection has all of its own.
    static FIRST: AtomicBool = AtomicBool::new(true);
    let losing = scripted(async |mut socket| {
        let mut left = if FIRST.swap(false, Ordering::Relaxed) { 3 } else { u64::MAX };
        while let Some(message) = socket.recv().await {
            if left > 0 {
                left -= 1;
                let _ = socket.send(message).await;
            }
        }
    });
    let error = failure("echo", &losing, &["--seconds", "0.2", "--timeout", "3"]);
    assert!(error.contains("1 of the connections still awaited something"), "{error}");
}

#[test]
fn echoes_out_of_order_are_found_out() {
    let swapping = scripted(async |mut socket| {
        let Some(first) = socket.recv().await else { return };
        let _ = socket.send(first).await;
        while let (Some(one), Some(other)) = (socket.recv().await, socket.recv().await) {
            let _ = socket.feed(other).await;
            let _ = socket.send(one).await;
        }
    });
    let error = failure("echo", &swapping, &["--in-flight", "4"]);
    assert!(error.contains("does not echo") && error.contains("differs"), "{error}");
}
