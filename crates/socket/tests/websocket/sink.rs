//! `Stream` and `Sink`.

use std::future::poll_fn;

use everwire::{CloseCode, Message};
use futures_util::{SinkExt, StreamExt, stream};

use crate::sockets::{pair, quiet, rigged_server, settle, soon};

#[tokio::test]
async fn a_socket_is_a_stream_and_a_sink() {
    let (client, mut server) = pair(&quiet());
    let (mut sink, mut stream) = StreamExt::split(client);
    let echo = tokio::spawn(async move {
        while let Some(message) = server.next().await {
            SinkExt::send(&mut server, message).await.unwrap();
        }
        server.close_report().unwrap()
    });
    let messages: Vec<Message> = (0..100).map(|n| Message::text(format!("{n}"))).collect();
    let mut all = stream::iter(messages.clone()).map(Ok);
    sink.send_all(&mut all).await.unwrap();
    let echoed: Vec<Message> = soon(stream.by_ref().take(100).collect()).await;
    assert_eq!(echoed, messages);
    SinkExt::close(&mut sink).await.unwrap();
    assert_eq!(soon(stream.next()).await, None);
    let report = soon(echo).await.unwrap();
    assert_eq!((report.code, report.was_clean), (CloseCode::NO_STATUS, true));
}

#[tokio::test]
async fn halves_are_a_stream_and_a_sink() {
    let (client, mut server) = pair(&quiet());
    let (mut sender, mut receiver) = client.split();
    SinkExt::send(&mut sender, Message::text("there")).await.unwrap();
    assert_eq!(crate::sockets::next(&mut server).await, Message::text("there"));
    server.send("and back").await.unwrap();
    assert_eq!(soon(receiver.next()).await, Some(Message::text("and back")));
}

#[tokio::test]
async fn a_sink_waits_while_the_queue_is_full() {
    let mut config = quiet();
    config.max_queued_bytes = 10_000;
    let (mut server, rig, mut peer) = rigged_server(&config);
    rig.stall_writes();
    let feeding = tokio::spawn(async move {
        for n in 0..20_u8 {
            SinkExt::feed(&mut server, Message::binary(vec![n; 3000])).await.unwrap();
        }
        SinkExt::flush(&mut server).await.unwrap();
        server
    });
    settle().await;
    assert!(!feeding.is_finished());
    rig.resume_writes();
    for n in 0..20_u8 {
        assert_eq!(peer.next_payload().await, vec![n; 3000]);
    }
    soon(feeding).await.unwrap();
}

#[tokio::test]
async fn sinks_of_one_connection_do_not_fail_each_other() {
    // Both are told that there is room for one more message; then there is.
    let mut config = quiet();
    config.max_queued_bytes = 1000;
    let (server, rig, mut peer) = rigged_server(&config);
    rig.stall_writes();
    let (mut one, mut two) = (server.sender(), server.sender());
    SinkExt::feed(&mut one, Message::binary(vec![0; 900])).await.unwrap();
    poll_fn(|cx| one.poll_ready_unpin(cx)).await.unwrap();
    poll_fn(|cx| two.poll_ready_unpin(cx)).await.unwrap();
    one.start_send_unpin(Message::binary(vec![1; 200])).unwrap();
    two.start_send_unpin(Message::binary(vec![2; 200])).unwrap();
    let full = poll_fn(|cx| std::task::Poll::Ready(one.poll_ready_unpin(cx))).await;
    assert!(full.is_pending(), "and after that there is none");
    rig.resume_writes();
    SinkExt::flush(&mut two).await.unwrap();
    assert_eq!(peer.next_payload().await, vec![0; 900]);
    assert_eq!(peer.next_payload().await, vec![1; 200]);
    assert_eq!(peer.next_payload().await, vec![2; 200]);
}
