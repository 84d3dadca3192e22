//! Proof that the peer has read what was sent.

use std::time::Duration;

use everwire::SendError;
use everwire_testkit::Frame;

use crate::sockets::{end, next, pair, quiet, rigged_server, server, settle, soon};

#[tokio::test]
async fn what_was_confirmed_has_been_read() {
    let (mut client, mut server) = pair(&quiet());
    let sender = client.sender();
    let receiving = tokio::spawn(async move { client.recv().await });
    sender.send("one").await.unwrap();
    let confirm = sender.confirm();
    tokio::pin!(confirm);
    // Nothing confirms it before the server reads.
    tokio::select! {
        biased;
        result = &mut confirm => panic!("{result:?}"),
        () = settle() => {}
    }
    assert_eq!(next(&mut server).await.as_text(), Some("one"));
    let reading = tokio::spawn(async move { server.recv().await });
    assert!(soon(confirm).await.unwrap() < Duration::from_secs(30));
    receiving.abort();
    reading.abort();
}

#[tokio::test]
async fn the_ping_goes_behind_everything_that_is_queued() {
    let (mut server, rig, mut peer) = rigged_server(&quiet());
    rig.stall_writes();
    server.send("first").await.unwrap();
    let sender = server.sender();
    let confirming = tokio::spawn(async move { sender.confirm().await });
    settle().await;
    server.try_send("second").unwrap();
    rig.resume_writes();
    let frames = [peer.next().await, peer.next().await, peer.next().await];
    let opcodes = frames.each_ref().map(|frame| frame.as_ref().unwrap().opcode);
    assert_eq!(opcodes, [0x1, 0x9, 0x1]);
    assert!(!confirming.is_finished());
    let payload = &frames[1].as_ref().unwrap().payload;
    peer.send(Frame::pong(payload)).await;
    let receiving = tokio::spawn(async move { server.recv().await });
    soon(confirming).await.unwrap().unwrap();
    receiving.abort();
}

#[tokio::test]
async fn a_queue_that_has_room_but_not_for_the_ping_is_waited_for() {
    let mut config = quiet();
    config.max_queued_bytes = 20;
    let (mut server, rig, mut peer) = rigged_server(&config);
    rig.stall_writes();
    // A header of two bytes and these leave room for two more.
    server.send("sixteen bytes ..").await.unwrap();
    let sender = server.sender();
    let confirming = tokio::spawn(async move { sender.confirm().await });
    settle().await;
    assert!(!confirming.is_finished(), "{:?}", confirming.await);
    rig.resume_writes();
    assert_eq!(peer.next().await.unwrap().opcode, 0x1);
    let ping = peer.next().await.unwrap();
    assert_eq!(ping.opcode, 0x9);
    peer.send(Frame::pong(ping.payload)).await;
    let receiving = tokio::spawn(async move { server.recv().await });
    soon(confirming).await.unwrap().unwrap();
    receiving.abort();
}

#[tokio::test]
async fn the_answer_to_the_newest_ping_stands_for_all() {
    let (mut server, mut peer) = server(&quiet());
    let sender = server.sender();
    let confirms: Vec<_> = (0..3)
        .map(|_| {
            let sender = sender.clone();
            tokio::spawn(async move { sender.confirm().await })
        })
        .collect();
    let mut newest = Vec::new();
    for _ in 0..3 {
        newest = peer.next().await.unwrap().payload;
    }
    // Unasked pongs, and those of a heartbeat, confirm nothing.
    for other in [&b""[..], b"read", b"ping", &[0; 8]] {
        peer.send(Frame::pong(other)).await;
    }
    peer.send(Frame::text("marker")).await;
    assert_eq!(next(&mut server).await.as_text(), Some("marker"));
    settle().await;
    assert!(confirms.iter().all(|confirm| !confirm.is_finished()));
    peer.send(Frame::pong(&newest)).await;
    let receiving = tokio::spawn(async move { server.recv().await });
    for confirm in confirms {
        soon(confirm).await.unwrap().unwrap();
    }
    receiving.abort();
}

#[tokio::test]
async fn a_late_answer_confirms_nothing_that_was_sent_after_its_ping() {
    let (mut server, mut peer) = server(&quiet());
    let sender = server.sender();
    let given_up = tokio::spawn({
        let sender = sender.clone();
        async move { sender.confirm().await }
    });
    let first = peer.next().await.unwrap().payload;
    given_up.abort();
    let _ = given_up.await;
    let second = tokio::spawn(async move { sender.confirm().await });
    let ping = peer.next().await.unwrap().payload;
    assert_ne!(first, ping);
    peer.send(Frame::pong(&first)).await;
    peer.send(Frame::text("marker")).await;
    assert_eq!(next(&mut server).await.as_text(), Some("marker"));
    settle().await;
    assert!(!second.is_finished());
    peer.send(Frame::pong(&ping)).await;
    let receiving = tokio::spawn(async move { server.recv().await });
    soon(second).await.unwrap().unwrap();
    receiving.abort();
}

#[tokio::test]
async fn a_connection_that_ends_confirms_nothing() {
    let (mut server, mut peer) = server(&quiet());
    let sender = server.sender();
    let confirming = tokio::spawn({
        let sender = sender.clone();
        async move { sender.confirm().await }
    });
    peer.next().await.unwrap();
    drop(peer);
    end(&mut server).await;
    assert_eq!(soon(confirming).await.unwrap(), Err(SendError::Closed));
    assert_eq!(soon(sender.confirm()).await, Err(SendError::Closed));
}
