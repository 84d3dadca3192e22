//! Halves in different tasks.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use everwire::{CloseCode, Message, Role};
use everwire_testkit::Frame;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::sockets::{end, next, open, pair, quiet, reason, server, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn halves_work_in_different_tasks() {
    let (client, mut server) = pair(&quiet());
    let (sender, mut receiver) = client.split();
    let echo = tokio::spawn(async move {
        while let Some(message) = server.recv().await {
            if server.send(message).await.is_err() {
                break;
            }
        }
    });
    let sending = tokio::spawn(async move {
        for n in 0..2000_u32 {
            sender.send(&n.to_be_bytes()[..]).await.unwrap();
        }
        sender
    });
    for n in 0..2000_u32 {
        assert_eq!(soon(receiver.recv()).await, Some(Message::binary(n.to_be_bytes().to_vec())));
    }
    let sender = sending.await.unwrap();
    sender.start_close(reason(CloseCode::NORMAL, ""));
    assert_eq!(soon(receiver.recv()).await, None);
    assert!(receiver.close_report().unwrap().was_clean);
    drop((sender, receiver));
    soon(echo).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_cloned_senders_never_mix() {
    let (client, mut server) = pair(&quiet());
    let (sender, _receiver) = client.split();
    let tasks: Vec<_> = (0..8_u8)
        .map(|n| {
            let sender = sender.clone();
            tokio::spawn(async move {
                for _ in 0..50 {
                    sender.send(vec![n; 3000]).await.unwrap();
                }
            })
        })
        .collect();
    let mut counts = [0; 8];
    for _ in 0..8 * 50 {
        let message = next(&mut server).await.into_bytes();
        assert!(message.len() == 3000 && message.iter().all(|byte| *byte == message[0]));
        counts[usize::from(message[0])] += 1;
    }
    assert_eq!(counts, [50; 8]);
    for task in tasks {
        soon(task).await.unwrap();
    }
}

#[tokio::test]
async fn without_a_receiver_pings_are_still_answered() {
    let (server, mut peer) = server(&quiet());
    let (sender, receiver) = server.split();
    drop(receiver);
    for n in 0..5_u8 {
        peer.send_all([Frame::text("dropped"), Frame::ping([n])]).await;
        let pong = soon(peer.next()).await.unwrap();
        assert_eq!((pong.opcode, &pong.payload[..]), (0xA, &[n][..]));
    }
    sender.send("still sending").await.unwrap();
    assert_eq!(peer.next_payload().await, b"still sending");
}

#[tokio::test]
async fn without_a_receiver_the_peers_close_is_answered() {
    let (server, mut peer) = server(&quiet());
    let (sender, receiver) = server.split();
    drop(receiver);
    peer.send(Frame::close(1001, "bye")).await;
    assert_eq!(peer.next_close().await, 1001);
    assert_eq!(peer.next().await, None);
    assert!(soon(sender.send("late")).await.is_err());
}

#[tokio::test]
async fn without_a_receiver_memory_stays_bounded_and_messages_go_nowhere() {
    let (server, mut peer) = server(&quiet());
    let (_sender, receiver) = server.split();
    drop(receiver);
    // A message larger than any limit: nobody holds it.
    peer.send(Frame::binary(vec![0; 100_000]).unfinished()).await;
    for _ in 0..400 {
        peer.send(Frame::continuation(vec![0; 100_000]).unfinished()).await;
    }
    peer.send_all([Frame::continuation(""), Frame::ping("alive")]).await;
    assert_eq!(soon(peer.next()).await.unwrap().opcode, 0xA);
}

/// A peer that has always sent more than anybody can read, and takes what it is sent.
struct Flood(Vec<u8>);

impl AsyncRead for Flood {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        buf.put_slice(&self.0);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_flood_to_a_socket_without_a_receiver_leaves_others_their_turn() {
    // All on one thread.
    let flood = Flood(Frame::binary(vec![0; 4000]).masked().encode());
    let (sender, receiver) = open(flood, Role::Server, &quiet()).split();
    drop(receiver);
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sender.send("still open").await.unwrap();
}

#[tokio::test]
async fn a_flood_of_what_is_no_message_leaves_others_their_turn() {
    let flood = Flood(Frame::pong("nobody asked").masked().encode());
    let mut config = quiet();
    config.max_control_frames = u32::MAX;
    let mut server = open(flood, Role::Server, &config);
    let waited = tokio::time::timeout(Duration::from_millis(50), server.recv()).await;
    assert!(waited.is_err(), "there is no message");
}

#[tokio::test]
async fn the_connection_closes_with_the_last_of_its_handles() {
    let (client, mut server) = pair(&quiet());
    let (sender, receiver) = client.split();
    let other = sender.clone();
    drop(receiver);
    drop(sender);
    other.send("still here").await.unwrap();
    assert_eq!(next(&mut server).await, Message::text("still here"));
    drop(other);
    assert_eq!(end(&mut server).await.code, CloseCode::NORMAL);
}

#[tokio::test]
async fn a_sender_beside_the_socket_sends_too() {
    let (mut client, server) = pair(&quiet());
    let sender = server.sender();
    sender.send("from the sender").await.unwrap();
    server.send("from the socket").await.unwrap();
    assert_eq!(next(&mut client).await, Message::text("from the sender"));
    assert_eq!(next(&mut client).await, Message::text("from the socket"));
    drop(server);
    // Without its receiver, as after `split`.
    sender.send("alone").await.unwrap();
    assert_eq!(next(&mut client).await, Message::text("alone"));
}
