//! Senders that have forgotten their stream.

use everwire::{AnySender, CloseCode, Message, SendError, SharedFrame};

use crate::sockets::{end, next, pair, quiet, settle, tcp_pair};

#[tokio::test]
async fn one_list_holds_senders_over_different_streams() {
    let (mut one, first) = pair(&quiet());
    let (mut two, second) = tcp_pair(&quiet()).await;
    let senders = [AnySender::from(first.sender()), AnySender::from(second.sender())];
    let frame = SharedFrame::new("to both");
    for sender in &senders {
        sender.try_send(&frame).unwrap();
    }
    assert_eq!(next(&mut one).await, Message::text("to both"));
    assert_eq!(next(&mut two).await, Message::text("to both"));
}

#[tokio::test]
async fn a_full_queue_is_told_and_closes_nothing() {
    let mut config = quiet();
    config.max_queued_bytes = 100_000;
    let (mut client, server) = pair(&config);
    let sender = AnySender::from(server.sender());
    let frame = SharedFrame::new("x".repeat(40_000));
    let mut queued = 0;
    let error = loop {
        match sender.try_send(&frame) {
            Ok(()) => queued += 1,
            Err(error) => break error,
        }
        settle().await;
    };
    assert!(matches!(error, SendError::QueueFull { .. }), "{error}");
    assert!(sender.buffered_amount() > 0);

    for _ in 0..queued {
        next(&mut client).await;
    }
    sender.ready(100).await.unwrap();
    sender.try_send(&SharedFrame::new("goes on")).unwrap();
    assert_eq!(next(&mut client).await, Message::text("goes on"));
}

#[tokio::test]
async fn the_connection_lasts_as_long_as_its_last_sender() {
    let (mut client, server) = pair(&quiet());
    let (sender, receiver) = server.split();
    let kept = AnySender::from(sender);
    let other = kept.clone();
    drop((kept, receiver));
    other.try_send(&SharedFrame::new("still here")).unwrap();
    assert_eq!(next(&mut client).await, Message::text("still here"));
    drop(other);
    let report = end(&mut client).await;
    assert_eq!(report.code, CloseCode::NORMAL);
}
