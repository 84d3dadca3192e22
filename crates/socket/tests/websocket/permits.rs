//! Room that is held, and messages that wait for each other.

use everwire::{Message, SendError};

use crate::sockets::{next, pair, quiet, rigged_server, soon};

#[tokio::test]
async fn a_permit_sends_without_waiting() {
    let (client, mut server) = pair(&quiet());
    let permit = client.reserve(5).await.unwrap();
    permit.send("hello").unwrap();
    assert_eq!(next(&mut server).await, Message::text("hello"));
}

#[tokio::test]
async fn every_permit_has_its_room_however_full_the_queue() {
    let mut config = quiet();
    config.max_queued_bytes = 1000;
    let (server, rig, mut peer) = rigged_server(&config);
    rig.stall_writes();
    let permits = [server.reserve(400).await.unwrap(), server.reserve(600).await.unwrap()];
    // Nothing is queued, and yet there is no more room.
    assert!(matches!(server.try_send(&[0; 10][..]), Err(SendError::QueueFull { .. })));
    for (permit, len) in permits.into_iter().zip([400, 600]) {
        permit.send(vec![0; len]).unwrap();
    }
    rig.resume_writes();
    assert_eq!(peer.next_payload().await.len(), 400);
    assert_eq!(peer.next_payload().await.len(), 600);
}

#[tokio::test]
async fn reserving_waits_while_the_room_is_held() {
    let mut config = quiet();
    config.max_queued_bytes = 1000;
    let (client, _server) = pair(&config);
    let held = client.reserve(1000).await.unwrap();
    let sender = client.sender();
    let waiting = tokio::spawn(async move { sender.reserve(1000).await.map(drop) });
    crate::sockets::settle().await;
    assert!(!waiting.is_finished());
    drop(held);
    soon(waiting).await.unwrap().unwrap();
}

#[tokio::test]
async fn one_message_larger_than_the_queue_may_be_reserved_when_nothing_is() {
    let mut config = quiet();
    config.max_queued_bytes = 1000;
    let (client, mut server) = pair(&config);
    let permit = soon(client.reserve(5000)).await.unwrap();
    permit.send(vec![1; 5000]).unwrap();
    assert_eq!(next(&mut server).await.len(), 5000);
}

#[tokio::test]
async fn a_permit_for_too_little_asks_for_the_rest() {
    let mut config = quiet();
    config.max_queued_bytes = 1000;
    let (server, rig, _peer) = rigged_server(&config);
    rig.stall_writes();
    server.send(vec![0; 500]).await.unwrap();
    let permit = server.reserve(10).await.unwrap();
    assert!(matches!(permit.send(vec![0; 900]), Err(SendError::QueueFull { .. })));
    // Its room was given back.
    server.try_send(vec![0; 450]).unwrap();
}

#[tokio::test]
async fn try_send_says_that_the_queue_is_full() {
    let mut config = quiet();
    config.max_queued_bytes = 1000;
    let (server, rig, _peer) = rigged_server(&config);
    rig.stall_writes();
    server.try_send(vec![0; 900]).unwrap();
    let error = server.try_send(vec![0; 200]).unwrap_err();
    assert_eq!(error, SendError::QueueFull { queued: 904, max: 1000 });
    assert!(error.to_string().contains("1000"), "{error}");
}

#[tokio::test]
async fn a_ping_of_126_bytes_is_refused() {
    let (client, _server) = pair(&quiet());
    assert_eq!(client.ping(&[0; 126]), Err(SendError::PingTooLong(126)));
    client.ping(&[0; 125]).unwrap();
}
