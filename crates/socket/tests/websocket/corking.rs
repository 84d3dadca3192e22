//! What leaves together, and what waits for nobody.

use std::time::Duration;

use everwire::Role;
use everwire_testkit::{Frame, Peer};
use tokio::time::Instant;

use crate::sockets::{next, open, quiet, rigged_server, soon, tcp};

/// Far more than a loopback needs, far less than the application sleeps.
const PROMPT: Duration = Duration::from_millis(400);

#[tokio::test]
async fn an_answer_leaves_while_the_application_sleeps_on_the_next_message() {
    let (near, far) = tcp().await;
    let mut server = open(near, Role::Server, &quiet());
    let mut peer = Peer::new(far, Role::Client);
    peer.send_all([Frame::text("one"), Frame::text("two")]).await;
    let slow = tokio::spawn(async move {
        let message = next(&mut server).await;
        server.send(message).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let message = next(&mut server).await;
        server.send(message).await.unwrap();
        server
    });
    let began = Instant::now();
    assert_eq!(peer.next_payload().await, b"one");
    assert!(began.elapsed() < PROMPT, "the answer came after {:?}", began.elapsed());
    assert_eq!(peer.next_payload().await, b"two");
    slow.await.unwrap();
}

#[tokio::test]
async fn a_pong_leaves_while_the_application_handles_the_message_behind_the_ping() {
    let (near, far) = tcp().await;
    let mut server = open(near, Role::Server, &quiet());
    let mut peer = Peer::new(far, Role::Client);
    peer.send_all([Frame::ping("alive?"), Frame::text("slow work")]).await;
    let slow = tokio::spawn(async move {
        next(&mut server).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        server
    });
    let began = Instant::now();
    assert_eq!(soon(peer.next()).await.unwrap().payload, b"alive?");
    assert!(began.elapsed() < PROMPT, "the pong came after {:?}", began.elapsed());
    slow.await.unwrap();
}

#[tokio::test]
async fn what_was_fed_leaves_without_a_flush() {
    let (near, far) = tcp().await;
    let server = open(near, Role::Server, &quiet());
    let mut peer = Peer::new(far, Role::Client);
    server.feed("one").await.unwrap();
    server.feed("two").await.unwrap();
    let began = Instant::now();
    assert_eq!(peer.next_payload().await, b"one");
    assert_eq!(peer.next_payload().await, b"two");
    assert!(began.elapsed() < PROMPT, "it came after {:?}", began.elapsed());
}

#[tokio::test]
async fn what_is_fed_leaves_in_one_write() {
    let (server, rig, mut peer) = rigged_server(&quiet());
    for n in 0..100 {
        server.feed(format!("message {n}")).await.unwrap();
    }
    assert_eq!(rig.writes(), [], "nothing leaves before the turn is over");
    server.flush().await.unwrap();
    assert_eq!(rig.writes().len(), 1);
    for n in 0..100 {
        assert_eq!(peer.next_payload().await, format!("message {n}").into_bytes());
    }
    assert_eq!(server.buffered_amount(), 0);
}

#[tokio::test]
async fn answers_to_what_was_read_together_leave_together() {
    let (mut server, rig, mut peer) = rigged_server(&quiet());
    peer.send_all((0..500).map(|n| Frame::text(format!("{n}")))).await;
    for _ in 0..500 {
        let message = next(&mut server).await;
        server.send(message).await.unwrap();
    }
    for n in 0..500 {
        assert_eq!(peer.next_payload().await, format!("{n}").into_bytes());
    }
    assert!(rig.writes().len() <= 4, "500 answers took writes of {:?}", rig.writes());
}

#[tokio::test]
async fn a_large_payload_is_not_copied_into_the_queue() {
    let (server, rig, _peer) = rigged_server(&quiet());
    let payload = bytes::Bytes::from(vec![0; 40_000]);
    rig.stall_writes();
    server.send(payload.clone()).await.unwrap();
    assert!(!payload.is_unique(), "the queue shares it");
}
