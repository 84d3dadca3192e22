//! `Stream` and `Sink`.

use everwire::{CloseCode, Message};
use futures_util::{SinkExt, StreamExt, stream};

use crate::sockets::{end, pair, quiet, rigged_server, settle, soon};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sinks_of_one_connection_do_not_fail_each_other() {
    // Both may be told that there is room for one more message; then there is.
    let mut config = quiet();
    config.max_queued_bytes = 4000;
    let (client, mut server) = pair(&config);
    let feeders: Vec<_> = (0..4)
        .map(|_| {
            let mut sink = client.sender();
            tokio::spawn(async move {
                for _ in 0..500 {
                    SinkExt::feed(&mut sink, Message::binary(vec![0; 1500])).await?;
                }
                SinkExt::flush(&mut sink).await
            })
        })
        .collect();
    for _ in 0..4 * 500 {
        assert_eq!(crate::sockets::next(&mut server).await.len(), 1500);
    }
    for feeder in feeders {
        soon(feeder).await.unwrap().unwrap();
    }
    drop(client);
    end(&mut server).await;
}
