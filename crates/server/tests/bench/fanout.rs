//! `bench fanout`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};

use everwire::{Group, Message};

use super::runs::{assert_rate, bench, done, lines, number, scripted, serve};

#[test]
fn everyone_hears_everything_whatever_is_sent() {
    let (_server, address) = serve();
    let url = format!("ws://{address}/broadcast");
    // How many connections hear each message, and the flags.
    let kinds: [(f64, &[&str]); 6] = [
        (101.0, &[]),
        (2.0, &["--receivers", "1", "--size", "12", "--in-flight", "16"]),
        (23.0, &["--receivers", "20", "--senders", "3", "--text", "--in-flight", "4"]),
        (6.0, &["--receivers", "5", "--size", "2000", "--deflate", "--in-flight", "3"]),
        (11.0, &["--receivers", "10", "--threads", "3", "--in-flight", "8"]),
        (6.0, &["--receivers", "5", "--stalled", "2", "--size", "50000", "--in-flight", "4"]),
    ];
    for (hearers, flags) in kinds {
        let done = done("fanout", &url, &[flags, &["--seconds", "0.5"]].concat());
        assert_eq!(done["lost"], 0, "{done}");
        let (sent, heard) = (number(&done, "messages"), number(&done, "deliveries"));
        assert!(sent >= 1.0, "{done}");
        // At both ends of the time messages are under way.
        let under_way = 2.0 * 16.0 * 3.0 * hearers;
        assert!((sent * hearers - heard).abs() <= under_way, "{flags:?} {done}");
        assert_rate(&done, "messages_per_second", "messages");
        assert_rate(&done, "deliveries_per_second", "deliveries");
    }
    let flags = ["--receivers", "3", "--stalled", "1", "--seconds", "0.2"];
    let table = lines(bench("fanout", &url, &flags)).join("\n");
    for expected in
        ["1 sender to 3 receivers, 1 stalled × 64 B binary × 1 in flight", "deliveries/s", "lost"]
    {
        assert!(table.contains(expected), "{expected} is not in\n{table}");
    }
}

/// What a run on three receivers says when it fails.
fn fault(url: &str, flags: &[&str]) -> String {
    let mut flags = [&["--receivers", "3", "--seconds", "0.5"], flags].concat();
    if !flags.contains(&"--timeout") {
        flags.extend(["--timeout", "3"]);
    }
    let output = bench("fanout", url, &flags);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    error
}

#[test]
fn lost_deliveries_are_counted_and_fail_the_run() {
    // One message in twenty goes to nobody.
    static ROOM: LazyLock<Group> = LazyLock::new(Group::new);
    static SAID: AtomicU64 = AtomicU64::new(0);
    let losing = scripted(async |mut socket| {
        let membership = ROOM.join(&socket);
        while let Some(message) = socket.recv().await {
            if SAID.fetch_add(1, Ordering::Relaxed) % 20 != 19 {
                membership.group().send(message);
            }
        }
    });
    let flags = ["--receivers", "3", "--in-flight", "8", "--seconds", "0.5", "--timeout", "3"];
    let output = bench("fanout", &losing, &[&flags[..], &["--json"]].concat());
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("lost deliveries") && error.contains("of sender 0"), "{error}");
    let out = String::from_utf8(output.stdout).unwrap();
    let done: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    // Of four, each time.
    let lost = number(&done, "lost");
    assert!(lost >= 4.0 && lost % 4.0 == 0.0, "{done}");
    assert!(number(&done, "deliveries") >= lost, "{done}");
}

#[test]
fn a_delivery_to_one_alone_is_missed_even_if_nothing_follows_it() {
    // A server that says nothing more to its last client after some messages.
    static SOCKETS: Mutex<Vec<everwire::Sender<tokio::net::TcpStream>>> = Mutex::new(Vec::new());
    static SAID: AtomicU64 = AtomicU64::new(0);
    let url = scripted(async |mut socket| {
        SOCKETS.lock().unwrap().push(socket.sender());
        while let Some(message) = socket.recv().await {
            let said = SAID.fetch_add(1, Ordering::Relaxed);
            for (index, to) in SOCKETS.lock().unwrap().iter().enumerate() {
                if said < 50 || index < 3 {
                    let _ = to.try_send(message.clone());
                }
            }
        }
    });
    let error = fault(&url, &[]);
    assert!(error.contains("lost deliveries: 1 in all"), "{error}");
}

#[test]
fn messages_out_of_order_or_twice_are_found_out() {
    static SWAPPED: LazyLock<Group> = LazyLock::new(Group::new);
    static KEPT: Mutex<Option<Message>> = Mutex::new(None);
    static SAID: AtomicU64 = AtomicU64::new(0);
    let swapping = scripted(async |mut socket| {
        let membership = SWAPPED.join(&socket);
        while let Some(message) = socket.recv().await {
            // The thirtieth waits for the next.
            if SAID.fetch_add(1, Ordering::Relaxed) == 30 {
                *KEPT.lock().unwrap() = Some(message);
                continue;
            }
            membership.group().send(message);
            if let Some(kept) = KEPT.lock().unwrap().take() {
                membership.group().send(kept);
            }
        }
    });
    let error = fault(&swapping, &["--in-flight", "8"]);
    assert!(error.contains("out of order, or twice"), "{error}");

    static DOUBLED: LazyLock<Group> = LazyLock::new(Group::new);
    let doubling = scripted(async |mut socket| {
        let membership = DOUBLED.join(&socket);
        while let Some(message) = socket.recv().await {
            membership.group().send(message.clone());
            membership.group().send(message);
        }
    });
    assert!(fault(&doubling, &[]).contains("out of order, or twice"));
}

/// What a server does to the bytes of a message.
type Change = fn(&mut [u8]);

#[test]
fn messages_that_nobody_sent_are_found_out() {
    static ROOM: LazyLock<Group> = LazyLock::new(Group::new);
    // `%` is no digit of a stamp; then a letter of the text; then a number of the far future.
    let changes: [Change; 3] =
        [|bytes| bytes[0] = b'%', |bytes| bytes[63] ^= 1, |bytes| bytes[4] = b'1'];
    static CHANGE: Mutex<Option<Change>> = Mutex::new(None);
    let changing = scripted(async |mut socket| {
        let membership = ROOM.join(&socket);
        while let Some(message) = socket.recv().await {
            let mut bytes = message.as_bytes().to_vec();
            let change = *CHANGE.lock().unwrap();
            change.unwrap()(&mut bytes);
            membership.group().send(Message::from(bytes));
        }
    });
    let said = ["does not pass on what it is sent", "does not pass on", "nobody had sent"];
    for (change, said) in changes.into_iter().zip(said) {
        *CHANGE.lock().unwrap() = Some(change);
        let error = fault(&changing, &[]);
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_server_that_leaves_the_sender_out_is_named_by_a_flag() {
    static SOCKETS: Mutex<Vec<(u64, everwire::Sender<tokio::net::TcpStream>)>> =
        Mutex::new(Vec::new());
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let url = scripted(async |mut socket| {
        let me = NEXT.fetch_add(1, Ordering::Relaxed);
        SOCKETS.lock().unwrap().push((me, socket.sender()));
        while let Some(message) = socket.recv().await {
            for (other, to) in SOCKETS.lock().unwrap().iter() {
                if *other != me {
                    let _ = to.try_send(message.clone());
                }
            }
        }
        SOCKETS.lock().unwrap().retain(|(other, _)| *other != me);
    });
    let error = fault(&url, &[]);
    assert!(
        error.contains("3 of 4 connections heard") && error.contains("--without-sender"),
        "{error}"
    );
    let flags = ["--receivers", "3", "--senders", "2", "--seconds", "0.3", "--without-sender"];
    let done = done("fanout", &url, &flags);
    assert_eq!(done["lost"], 0, "{done}");

    let (_server, address) = serve();
    let error = fault(&format!("ws://{address}/broadcast"), &["--without-sender"]);
    assert!(error.contains("a sender heard its own message"), "{error}");
}

#[test]
fn an_endpoint_that_does_not_broadcast_is_said_so() {
    let (_server, address) = serve();
    let error = fault(&format!("ws://{address}/echo"), &["--timeout", "1"]);
    assert!(error.contains("1 of 4 connections heard") && error.contains("/broadcast"), "{error}");
    let silent = scripted(async |mut socket| while socket.recv().await.is_some() {});
    let error = fault(&silent, &["--timeout", "1"]);
    assert!(error.contains("0 of 4 connections heard") && error.contains("/broadcast"), "{error}");
}

#[test]
fn a_receiver_that_is_closed_ends_the_run() {
    static ROOM: LazyLock<Group> = LazyLock::new(Group::new);
    static SAID: AtomicU64 = AtomicU64::new(0);
    let url = scripted(async |mut socket| {
        let membership = ROOM.join(&socket);
        while let Some(message) = socket.recv().await {
            membership.group().send(message);
            if SAID.fetch_add(1, Ordering::Relaxed) == 40 {
                membership.group().start_close(None);
            }
        }
    });
    let error = fault(&url, &[]);
    assert!(error.contains("a connection was"), "{error}");
}

#[test]
fn a_message_has_room_for_its_number() {
    let output = bench("fanout", "ws://127.0.0.1:1/", &["--size", "11"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("--size"), "{error}");
    // Where nothing listens it gets as far as that.
    assert!(failure_of_smallest().contains("is a server listening there?"));
}

fn failure_of_smallest() -> String {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", closed.local_addr().unwrap());
    drop(closed);
    fault(&url, &["--size", "12"])
}
