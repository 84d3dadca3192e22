//! Peers that do not read.

use std::time::Duration;

use everwire::{Message, Role};
use everwire_testkit::{Frame, Peer};
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use crate::sockets::{next, open, quiet, rigged_server, server, settle, soon, tcp, tcp_pair};

#[tokio::test]
async fn sending_waits_while_the_peer_does_not_read_and_goes_on_when_it_does() {
    let mut config = quiet();
    config.max_queued_bytes = 100_000;
    let (near, far) = tcp().await;
    let server = open(near, Role::Server, &config);
    let sender = server.sender();
    let mut peer = Peer::new(far, Role::Client);
    let sending = tokio::spawn(async move {
        for n in 0..1000_u32 {
            sender.send([&n.to_be_bytes()[..], &[0; 20_000]].concat()).await.unwrap();
        }
    });
    // Until it is stuck: nothing moves any more.
    let mut before = usize::MAX;
    while std::mem::replace(&mut before, server.buffered_amount()) != server.buffered_amount()
        || server.buffered_amount() == 0
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!sending.is_finished());
    assert!(server.buffered_amount() <= 100_000, "{} bytes wait", server.buffered_amount());
    assert!(server.buffered_amount() > 50_000);
    for n in 0..1000_u32 {
        assert_eq!(peer.next_payload().await[..4], n.to_be_bytes());
    }
    soon(sending).await.unwrap();
    assert_eq!(server.buffered_amount(), 0);
}

#[tokio::test]
async fn the_queue_counts_headers_and_never_goes_over_its_limit() {
    let mut config = quiet();
    config.max_queued_bytes = 1000;
    let (server, rig, _peer) = rigged_server(&config);
    rig.stall_writes();
    server.send(vec![0; 100]).await.unwrap();
    assert_eq!(server.buffered_amount(), 102);
    let waiting = server.send(vec![0; 950]);
    let waited = tokio::time::timeout(Duration::from_millis(20), waiting).await;
    assert!(waited.is_err(), "there was no room");
    assert_eq!(server.buffered_amount(), 102, "and nothing of it was queued");
}

#[tokio::test]
async fn senders_get_their_room_one_after_the_other() {
    let mut config = quiet();
    config.max_queued_bytes = 1000;
    let (server, rig, mut peer) = rigged_server(&config);
    rig.stall_writes();
    server.send(vec![0; 900]).await.unwrap();
    let tasks: Vec<_> = (0..20_u8)
        .map(|n| {
            let sender = server.sender();
            tokio::spawn(async move { sender.send(vec![n; 800]).await })
        })
        .collect();
    settle().await;
    assert!(tasks.iter().all(|task| !task.is_finished()));
    rig.resume_writes();
    assert_eq!(peer.next_payload().await.len(), 900);
    let mut first: Vec<u8> = Vec::new();
    for _ in 0..20 {
        first.push(peer.next_payload().await[0]);
    }
    first.sort_unstable();
    assert_eq!(first, (0..20).collect::<Vec<_>>());
    for task in tasks {
        soon(task).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn flushing_waits_until_everything_has_left() {
    let (server, rig, mut peer) = rigged_server(&quiet());
    rig.stall_writes();
    server.send("stuck").await.unwrap();
    let sender = server.sender();
    let flushing = tokio::spawn(async move { sender.flush().await });
    settle().await;
    assert!(!flushing.is_finished());
    rig.resume_writes();
    soon(flushing).await.unwrap().unwrap();
    assert_eq!(server.buffered_amount(), 0);
    assert_eq!(peer.next_payload().await, b"stuck");
}

#[tokio::test]
async fn pongs_do_not_pile_up_for_a_peer_that_does_not_read() {
    let (mut server, rig, mut peer) = rigged_server(&quiet());
    rig.stall_writes();
    for n in 0..900_u32 {
        peer.send(Frame::ping(n.to_be_bytes())).await;
    }
    peer.send(Frame::text("behind the pings")).await;
    next(&mut server).await;
    rig.resume_writes();
    server.send("here").await.unwrap();
    // Some were answered together before the network stalled; of the rest, the newest.
    let mut pongs = Vec::new();
    let message = loop {
        let frame = peer.next().await.unwrap();
        if frame.opcode != 0xA {
            break frame;
        }
        pongs.push(frame.payload);
    };
    assert_eq!(message.payload, b"here");
    assert!(pongs.len() < 100, "{} pongs waited", pongs.len());
    assert_eq!(pongs.last().unwrap()[..], 899_u32.to_be_bytes());
}

#[tokio::test]
async fn an_application_that_does_not_receive_stops_its_peer() {
    let mut config = quiet();
    config.max_queued_bytes = 100_000;
    let (client, mut server) = tcp_pair(&config).await;
    let sender = client.sender();
    let sending = tokio::spawn(async move {
        for _ in 0..1000 {
            sender.send(vec![0; 20_000]).await.unwrap();
        }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!sending.is_finished(), "20 MB went into a socket that nobody reads");
    for _ in 0..1000 {
        assert_eq!(next(&mut server).await.len(), 20_000);
    }
    soon(sending).await.unwrap();
}

// row: R7
#[tokio::test]
async fn a_reader_of_one_byte_a_time_slows_nobody_else() {
    let mut config = quiet();
    config.max_queued_bytes = 100_000;
    // The slow one gets as much as it takes.
    let (near, mut slow) = tcp().await;
    let stuck = open(near, Role::Server, &config);
    let sender = stuck.sender();
    let sending = tokio::spawn(async move { while sender.send(vec![0; 50_000]).await.is_ok() {} });
    let reading = tokio::spawn(async move {
        loop {
            let _ = slow.read_u8().await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    // Beside it, on the same thread, others talk.
    let (mut client, mut server) = tcp_pair(&config).await;
    let echo = tokio::spawn(async move {
        while let Some(message) = server.recv().await {
            server.send(message).await.unwrap();
        }
    });
    let mut slowest = Duration::ZERO;
    for _ in 0..300 {
        let began = Instant::now();
        client.send("round").await.unwrap();
        assert_eq!(next(&mut client).await, Message::text("round"));
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest < Duration::from_millis(500), "a round trip took {slowest:?}");
    assert!(stuck.buffered_amount() <= 100_000);
    assert!(!sending.is_finished());
    drop(client);
    soon(echo).await.unwrap();
    reading.abort();
    sending.abort();
}

#[tokio::test]
async fn a_peer_that_reads_again_gets_what_was_queued_without_another_call() {
    let (mut server, mut peer) = server(&quiet());
    let count = 40;
    for n in 0..count {
        server.feed(vec![n; 20_000]).await.unwrap();
    }
    // The pipe holds 64 KiB of 800 KB; the driver sees the rest off.
    for n in 0..count {
        assert_eq!(peer.next_payload().await, vec![n; 20_000]);
    }
    peer.send(Frame::close_with("")).await;
    assert!(crate::sockets::end(&mut server).await.was_clean);
}

#[tokio::test]
async fn long_and_short_messages_keep_their_order_however_slowly_they_are_read() {
    let (mut client, server) = tcp_pair(&quiet()).await;
    let sizes = [20, 70_000, 16_384, 1, 2 << 20, 65_536, 125];
    let payload = move |n: usize| vec![n as u8; sizes[n % sizes.len()]];
    let sending = tokio::spawn(async move {
        for n in 0..100 {
            // Borrowed, and so written from where it lies when the network takes it.
            server.send(&payload(n)[..]).await.unwrap();
            if n % 7 == 0 {
                server.ping(b"between").unwrap();
            }
        }
        server
    });
    for n in 0..100 {
        if n % 10 == 0 {
            settle().await;
        }
        let message = next(&mut client).await;
        assert!(message.as_bytes() == payload(n), "message {n} is {} bytes", message.len());
    }
    let server = sending.await.unwrap();
    assert_eq!(server.buffered_amount(), 0);
}
