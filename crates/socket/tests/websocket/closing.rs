//! The closing handshake (RFC 6455 §7), from both ends.

use everwire::{CloseCause, CloseCode, CloseReason, Message, SendError};
use everwire_testkit::{Frame, Peer};
use tokio::io::AsyncReadExt;

use crate::sockets::{end, next, pair, quiet, reason, rigged_server, server, socket, soon, tcp};

#[tokio::test]
async fn a_close_is_clean_at_both_ends_and_carries_its_reason() {
    let (mut client, mut server) = pair(&quiet());
    let (ours, theirs) =
        tokio::join!(client.close(reason(CloseCode::GOING_AWAY, "bye")), end(&mut server));
    assert_eq!((ours.code, &*ours.reason, ours.was_clean), (CloseCode::GOING_AWAY, "bye", true));
    assert_eq!(ours.cause, CloseCause::Local);
    assert_eq!((theirs.code, &*theirs.reason), (CloseCode::GOING_AWAY, "bye"));
    assert!(theirs.was_clean);
    assert_eq!(theirs.cause, CloseCause::Peer);
}

#[tokio::test]
async fn a_close_without_a_code_is_reported_as_1005() {
    let (mut client, mut server) = pair(&quiet());
    let (ours, theirs) = tokio::join!(client.close(None), end(&mut server));
    assert_eq!((ours.code, theirs.code), (CloseCode::NO_STATUS, CloseCode::NO_STATUS));
    assert!(ours.was_clean && theirs.was_clean);
}

#[tokio::test]
async fn both_may_close_at_once() {
    let (mut client, mut server) = pair(&quiet());
    client.start_close(reason(CloseCode::NORMAL, "client"));
    server.start_close(reason(CloseCode::NORMAL, "server"));
    let (ours, theirs) = tokio::join!(end(&mut client), end(&mut server));
    assert!(ours.was_clean && theirs.was_clean);
}

#[tokio::test]
async fn messages_before_the_peers_close_can_be_received() {
    let (mut server, mut peer) = server(&quiet());
    peer.send_all([Frame::text("one"), Frame::text("two"), Frame::close(1000, "")]).await;
    assert_eq!(next(&mut server).await, Message::text("one"));
    assert_eq!(next(&mut server).await, Message::text("two"));
    assert!(end(&mut server).await.was_clean);
    assert_eq!(peer.next_close().await, 1000);
}

#[tokio::test]
async fn messages_that_cross_our_close_can_be_received() {
    let (mut client, mut server) = pair(&quiet());
    server.send("crossing").await.unwrap();
    client.start_close(reason(CloseCode::NORMAL, ""));
    assert_eq!(next(&mut client).await, Message::text("crossing"));
    let (ours, theirs) = tokio::join!(end(&mut client), end(&mut server));
    assert!(ours.was_clean && theirs.was_clean);
}

#[tokio::test]
async fn what_was_queued_leaves_before_the_close_frame() {
    let (mut client, rig, mut peer) = rigged_server(&quiet());
    rig.stall_writes();
    for n in 0..10 {
        client.send(format!("queued {n}")).await.unwrap();
    }
    client.start_close(reason(CloseCode::NORMAL, "done"));
    assert_eq!(client.send("late").await, Err(SendError::Closed));
    assert_eq!(client.try_send("late"), Err(SendError::Closed));
    assert_eq!(client.ping(b""), Err(SendError::Closed));
    assert!(client.reserve(1).await.is_err());
    let closing = tokio::spawn(async move { client.close(None).await });
    rig.resume_writes();
    for n in 0..10 {
        assert_eq!(peer.next_payload().await, format!("queued {n}").into_bytes());
    }
    assert_eq!(peer.next_close().await, 1000);
    peer.send(Frame::close(1000, "done")).await;
    let report = soon(closing).await.unwrap();
    assert!(report.was_clean);
    assert_eq!(report.unsent.messages, 0);
}

#[tokio::test]
async fn a_peer_that_speaks_after_its_close_is_not_heard() {
    let (mut server, mut peer) = server(&quiet());
    let late = [Frame::close(1000, ""), Frame::text("late"), Frame::ping("late")];
    peer.send_all(late).await;
    assert!(end(&mut server).await.was_clean);
    assert_eq!(peer.next().await.unwrap().close_code(), Some(1000));
    assert_eq!(peer.next().await, None, "the server ends the stream, and sends no pong");
}

#[tokio::test]
async fn the_server_ends_the_stream_and_the_client_waits_for_that() {
    // RFC 6455 §7.1.1.
    let (mut client, mut peer) = socket(everwire::Role::Client, &quiet());
    client.start_close(reason(CloseCode::NORMAL, ""));
    assert_eq!(peer.next_close().await, 1000);
    peer.send(Frame::close(1000, "")).await;
    assert!(end(&mut client).await.was_clean);
    let early = tokio::time::timeout(std::time::Duration::from_millis(50), peer.next()).await;
    assert!(early.is_err(), "the client ended the stream first");
    drop(peer);
}

#[tokio::test]
async fn a_client_that_sends_much_after_a_violation_still_gets_the_close_frame() {
    // Unread bytes in the receive buffer turn a close into a reset, which destroys what is on its
    // way.
    let (near, far) = tcp().await;
    let mut server = crate::sockets::open(near, everwire::Role::Server, &quiet());
    let (mut read, write) = far.into_split();
    let flood = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        let mut write = write;
        let mut bytes = Frame::new(3, "reserved").masked().encode();
        bytes.resize(200_000, 0);
        let _ = write.write_all(&bytes).await;
    });
    let report = end(&mut server).await;
    assert_eq!(report.code, CloseCode::PROTOCOL_ERROR);
    let mut answer = Vec::new();
    soon(read.read_to_end(&mut answer)).await.expect("no reset");
    let frames = everwire_testkit::read_frames(&answer);
    assert_eq!(frames[0].close_code(), Some(1002));
    flood.await.unwrap();
}

#[tokio::test]
async fn a_second_close_changes_nothing() {
    let (mut client, mut server) = pair(&quiet());
    client.start_close(reason(CloseCode::GOING_AWAY, "first"));
    client.start_close(reason(CloseCode::NORMAL, "second"));
    let (_, theirs) = tokio::join!(client.close(None), end(&mut server));
    assert_eq!((theirs.code, &*theirs.reason), (CloseCode::GOING_AWAY, "first"));
    assert_eq!(client.close(None).await, client.close_report().unwrap());
}

#[tokio::test]
async fn dropping_an_open_socket_closes_it_with_1000() {
    let (client, mut server) = pair(&quiet());
    drop(client);
    let report = end(&mut server).await;
    assert_eq!((report.code, report.was_clean), (CloseCode::NORMAL, true));
}

#[tokio::test]
async fn messages_queued_when_a_socket_is_dropped_still_arrive() {
    let (client, mut server) = pair(&quiet());
    // More than the pipe takes at once.
    for _ in 0..8 {
        client.feed(vec![1; 50_000]).await.unwrap();
    }
    drop(client);
    for _ in 0..8 {
        assert_eq!(next(&mut server).await.len(), 50_000);
    }
    assert!(end(&mut server).await.was_clean);
}

#[tokio::test]
async fn an_aborted_socket_sends_no_close_frame() {
    let (near, far) = tcp().await;
    let client = crate::sockets::open(near, everwire::Role::Client, &quiet());
    client.abort();
    let mut peer = Peer::new(far, everwire::Role::Server);
    assert_eq!(peer.end().await.unwrap_or_default(), []);
}

#[tokio::test]
async fn every_code_that_may_be_sent_is_heard_by_the_peer() {
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999]
    {
        let code = CloseCode::try_from(code).unwrap();
        let (mut client, mut server) = pair(&quiet());
        let reason = CloseReason::from_code(code).unwrap();
        let (ours, theirs) = tokio::join!(client.close(reason), end(&mut server));
        assert_eq!((ours.code, theirs.code), (code, code));
    }
}
