//! Text pings are answered before the application sees them.

use everwire::{Config, TextHeartbeat};
use everwire_testkit::Frame;

use crate::sockets::{next, quiet, server, settle};

fn with_heartbeat() -> Config {
    let mut config = quiet();
    config.text_heartbeat = Some(TextHeartbeat::default());
    config
}

#[tokio::test]
async fn a_text_ping_is_answered_while_the_application_waits_for_a_message() {
    let (mut server, mut peer) = server(&with_heartbeat());
    let receiving = tokio::spawn(async move { next(&mut server).await });
    peer.send(Frame::text("ping")).await;
    let pong = peer.next().await.unwrap();
    assert_eq!((pong.opcode, &pong.payload[..]), (0x1, &b"pong"[..]));
    peer.send(Frame::text("hello")).await;
    assert_eq!(receiving.await.unwrap().as_text(), Some("hello"));
}

#[tokio::test]
async fn its_pong_does_not_wait_for_an_application_that_is_busy_with_a_message() {
    let (mut server, mut peer) = server(&with_heartbeat());
    let mut bytes = Frame::text("ping").masked().encode();
    bytes.extend(Frame::text("work").masked().encode());
    peer.send_bytes(&bytes).await;
    assert_eq!(next(&mut server).await.as_text(), Some("work"));
    // The application does not come back for more.
    settle().await;
    let pong = peer.next().await.unwrap();
    assert_eq!(&pong.payload[..], b"pong");
}

#[tokio::test]
async fn a_message_taken_in_pieces_is_no_text_ping() {
    let (mut server, mut peer) = server(&with_heartbeat());
    peer.send(Frame::text("ping")).await;
    peer.send(Frame::text("pingpong")).await;
    let mut reader = server.next_message().await.unwrap();
    let mut text = Vec::new();
    while let Some(piece) = reader.piece().await.unwrap() {
        text.extend_from_slice(&piece);
    }
    assert_eq!(text, b"pingpong");
    assert_eq!(&peer.next().await.unwrap().payload[..], b"pong");
}
