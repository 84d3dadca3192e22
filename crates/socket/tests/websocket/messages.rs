//! Messages in both directions.

use everwire::{Compress, Message, Role};
use everwire_testkit::{Dice, Frame, Rigged};
use tokio::io::duplex;

use crate::sockets::{deflate, next, open, open_agreed, pair, quiet, server, tcp_pair};

#[tokio::test]
async fn text_and_binary_go_both_ways() {
    let (mut client, mut server) = pair(&quiet());
    client.send("text").await.unwrap();
    client.send(&b"bytes"[..]).await.unwrap();
    assert_eq!(next(&mut server).await, Message::text("text"));
    assert_eq!(next(&mut server).await, Message::binary(&b"bytes"[..]));
    server.send(String::from("text")).await.unwrap();
    server.send(b"bytes".to_vec()).await.unwrap();
    assert_eq!(next(&mut client).await, Message::text("text"));
    assert_eq!(next(&mut client).await, Message::binary(&b"bytes"[..]));
}

#[tokio::test]
async fn messages_of_every_length_arrive_over_tcp() {
    let (mut client, mut server) = tcp_pair(&quiet()).await;
    let mut dice = Dice::new(1);
    for len in [0, 1, 125, 126, 65_535, 65_536, 1 << 20, 16 << 20] {
        let sent = Message::binary(dice.bytes(len));
        let (_, echoed) = tokio::join!(
            async {
                let received = next(&mut server).await;
                server.send(received).await.unwrap();
            },
            async {
                client.send(sent.clone()).await.unwrap();
                next(&mut client).await
            }
        );
        assert!(echoed == sent, "{len} bytes came back changed");
    }
}

#[tokio::test]
async fn compressed_and_plain_messages_mix() {
    let (near, far) = duplex(64 << 10);
    let (near, rig) = Rigged::new(near);
    let client = open_agreed(near, Role::Client, deflate(), &quiet());
    let mut server = open_agreed(far, Role::Server, deflate(), &quiet());
    let text = "over and over ".repeat(1000);
    client.send(&*text).await.unwrap();
    assert_eq!(next(&mut server).await.as_text(), Some(&*text));
    let compressed = rig.written().len();
    assert!(compressed < text.len() / 10, "{compressed} bytes for {}", text.len());
    client.send_with(&*text, Compress::Never).await.unwrap();
    assert_eq!(next(&mut server).await.as_text(), Some(&*text));
    assert!(rig.written().len() - compressed > text.len());
    client.send(&*text).await.unwrap();
    assert_eq!(next(&mut server).await.as_text(), Some(&*text));
}

#[tokio::test]
async fn messages_cross_a_stream_that_moves_one_byte_at_a_time() {
    let (near, far) = duplex(3);
    let (near, _rig) = Rigged::byte_by_byte(near);
    let mut client = open(near, Role::Client, &quiet());
    let mut server = open(far, Role::Server, &quiet());
    let echo = tokio::spawn(async move {
        while let Some(message) = server.recv().await {
            server.send(message).await.unwrap();
        }
    });
    for len in [0, 1, 126, 300] {
        client.send(vec![7; len]).await.unwrap();
        assert_eq!(next(&mut client).await, Message::binary(vec![7; len]));
    }
    drop(client);
    crate::sockets::soon(echo).await.unwrap();
}

#[tokio::test]
async fn bytes_read_behind_the_handshake_are_the_first_messages() {
    let (near, _far) = duplex(1024);
    let mut unread = Frame::text("early").masked().encode();
    unread.extend(&Frame::text("split").masked().encode()[..3]);
    let config = std::sync::Arc::new(quiet());
    let mut server =
        everwire::WebSocket::from_handshake(near, Role::Server, Default::default(), unread, config);
    assert_eq!(next(&mut server).await, Message::text("early"));
}

#[tokio::test]
async fn a_fragmented_message_arrives_whole() {
    let (mut server, mut peer) = server(&quiet());
    peer.send(Frame::text("one ").unfinished()).await;
    peer.send(Frame::ping("between")).await;
    peer.send(Frame::continuation("message")).await;
    assert_eq!(next(&mut server).await, Message::text("one message"));
    let pong = peer.next().await.unwrap();
    assert_eq!((pong.opcode, &pong.payload[..]), (0xA, &b"between"[..]));
}

#[tokio::test]
async fn a_client_masks_every_frame_with_another_key() {
    let (near, far) = duplex(64 << 10);
    let client = open(near, Role::Client, &quiet());
    let mut peer = everwire_testkit::Peer::new(far, Role::Server);
    let mut keys = std::collections::HashSet::new();
    for _ in 0..50 {
        client.send("same").await.unwrap();
        let frame = peer.next().await.unwrap();
        assert_eq!(frame.payload, b"same");
        keys.insert(frame.key.expect("masked"));
    }
    assert!(keys.len() > 45, "50 frames had {} keys", keys.len());
}

#[tokio::test]
async fn a_message_that_is_kept_keeps_no_read_buffer() {
    let (mut server, mut peer) = server(&quiet());
    peer.send_all([Frame::text("kept"), Frame::binary(vec![1; 60_000])]).await;
    let kept = next(&mut server).await.into_bytes();
    // Alone in its memory: nothing shares it.
    assert!(kept.is_unique());
}
