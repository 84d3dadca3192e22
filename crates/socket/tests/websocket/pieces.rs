//! Messages in pieces, both ways.

use everwire::{CloseCause, CloseCode, Incomplete, Kind, Message, SendError};
use everwire_testkit::{Dice, Frame};

use crate::sockets::{
    deflate, end, next, open_agreed, pair, quiet, reason, server, settle, soon, tcp, tcp_pair,
};
use everwire::Role;

#[tokio::test]
async fn a_message_sent_in_pieces_arrives_whole() {
    let (client, mut server) = pair(&quiet());
    let mut writer = client.start_message(Kind::Text).await.unwrap();
    writer.piece(b"one ").await.unwrap();
    writer.piece(b"message").await.unwrap();
    writer.finish().await.unwrap();
    assert_eq!(next(&mut server).await, Message::text("one message"));
}

#[tokio::test]
async fn a_message_of_no_pieces_is_empty() {
    let (client, mut server) = pair(&quiet());
    client.start_message(Kind::Binary).await.unwrap().finish().await.unwrap();
    assert_eq!(next(&mut server).await, Message::binary(&b""[..]));
}

#[tokio::test]
async fn a_message_larger_than_max_message_size_is_received_in_pieces() {
    let mut config = quiet();
    config.max_message_size = 100_000;
    let (client, mut server) = tcp_pair(&config).await;
    let payload = Dice::new(3).bytes(2_000_000);
    let sent = payload.clone();
    let sending = tokio::spawn(async move {
        let mut writer = client.start_message(Kind::Binary).await.unwrap();
        for piece in sent.chunks(30_000) {
            writer.piece(piece).await.unwrap();
        }
        writer.finish().await.unwrap();
        client.send("and a whole one").await.unwrap();
        client
    });
    let mut reader = soon(server.next_message()).await.unwrap();
    assert_eq!(reader.kind(), Kind::Binary);
    let mut received = Vec::new();
    while let Some(piece) = soon(reader.piece()).await.unwrap() {
        assert!(!piece.is_empty());
        received.extend_from_slice(&piece);
    }
    assert!(received == payload);
    assert_eq!(soon(reader.piece()).await, Ok(None), "and it stays at the end");
    drop(reader);
    assert_eq!(next(&mut server).await, Message::text("and a whole one"));
    soon(sending).await.unwrap();
}

#[tokio::test]
async fn compressed_messages_go_in_pieces_too() {
    let (near, far) = tcp().await;
    let client = open_agreed(near, Role::Client, deflate(), &quiet());
    let mut server = open_agreed(far, Role::Server, deflate(), &quiet());
    let text = "over and over ".repeat(20_000);
    let sent = text.clone();
    let sending = tokio::spawn(async move {
        let mut writer = client.start_message(Kind::Text).await.unwrap();
        for piece in sent.as_bytes().chunks(10_000) {
            writer.piece(piece).await.unwrap();
        }
        writer.finish().await.unwrap();
        client
    });
    let mut reader = soon(server.next_message()).await.unwrap();
    let mut received = Vec::new();
    while let Some(piece) = soon(reader.piece()).await.unwrap() {
        received.extend_from_slice(&piece);
    }
    assert!(received == text.as_bytes());
    soon(sending).await.unwrap();
}

#[tokio::test]
async fn a_short_message_is_one_piece() {
    let (mut server, mut peer) = server(&quiet());
    peer.send_all([Frame::text("short"), Frame::binary("")]).await;
    let mut reader = soon(server.next_message()).await.unwrap();
    assert_eq!(reader.kind(), Kind::Text);
    assert_eq!(reader.piece().await.unwrap().as_deref(), Some(&b"short"[..]));
    assert_eq!(reader.piece().await, Ok(None));
    drop(reader);
    let mut reader = soon(server.next_message()).await.unwrap();
    assert_eq!((reader.kind(), reader.piece().await), (Kind::Binary, Ok(None)));
}

#[tokio::test]
async fn a_reader_dropped_midway_drops_the_rest_of_its_message() {
    let (mut server, mut peer) = server(&quiet());
    let message = || [Frame::text("begun ").unfinished(), Frame::continuation("and left")];
    peer.send_all(message()).await;
    peer.send(Frame::text("second")).await;
    drop(soon(server.next_message()).await.unwrap());
    assert_eq!(next(&mut server).await, Message::text("second"));

    peer.send_all(message()).await;
    peer.send(Frame::text("third")).await;
    drop(soon(server.next_message()).await.unwrap());
    let mut reader = soon(server.next_message()).await.unwrap();
    assert_eq!(reader.piece().await.unwrap().as_deref(), Some(&b"third"[..]));
    drop(reader);

    peer.send_all(message()).await;
    peer.send(Frame::text("fourth")).await;
    drop(soon(server.next_message()).await.unwrap());
    let mut seen = Vec::new();
    soon(server.visit(|message, _| seen.push(message.as_text().unwrap().to_owned()))).await;
    assert_eq!(seen, ["fourth"]);
}

#[tokio::test]
async fn a_reader_dropped_midway_over_a_slow_network_drops_the_rest() {
    let (mut server, mut peer) = server(&quiet());
    peer.send(Frame::binary("begun").unfinished()).await;
    drop(soon(server.next_message()).await.unwrap());
    let reading = tokio::spawn(async move {
        let mut reader = server.next_message().await.unwrap();
        reader.piece().await.unwrap().unwrap()
    });
    settle().await;
    peer.send(Frame::continuation("more").unfinished()).await;
    settle().await;
    peer.send(Frame::continuation("the end")).await;
    settle().await;
    assert!(!reading.is_finished());
    peer.send(Frame::binary("another")).await;
    assert_eq!(soon(reading).await.unwrap(), "another");
}

#[tokio::test]
async fn a_message_begun_by_recv_is_finished_in_pieces() {
    let (mut server, mut peer) = server(&quiet());
    peer.send(Frame::text("begun ").unfinished()).await;
    let begun = tokio::time::timeout(std::time::Duration::from_millis(20), server.recv()).await;
    assert!(begun.is_err(), "not complete yet");
    peer.send(Frame::continuation("whole")).await;
    let mut reader = soon(server.next_message()).await.unwrap();
    assert_eq!(reader.piece().await.unwrap().as_deref(), Some(&b"begun whole"[..]));
    assert_eq!(reader.piece().await, Ok(None));
}

#[tokio::test]
async fn an_end_inside_a_message_is_told_to_its_reader() {
    let (mut server, mut peer) = server(&quiet());
    peer.send(Frame::binary("begun").unfinished()).await;
    let mut reader = soon(server.next_message()).await.unwrap();
    assert_eq!(reader.piece().await.unwrap().as_deref(), Some(&b"begun"[..]));
    drop(peer);
    assert_eq!(soon(reader.piece()).await, Err(Incomplete));
    drop(reader);
    assert_eq!(server.close_report().unwrap().cause, CloseCause::Eof);
}

#[tokio::test]
async fn a_writer_dropped_midway_closes_with_1011() {
    let (mut client, mut server) = pair(&quiet());
    let mut writer = client.start_message(Kind::Text).await.unwrap();
    writer.piece(b"begun").await.unwrap();
    drop(writer);
    assert_eq!(client.send("late").await, Err(SendError::Closed));
    let (ours, theirs) = tokio::join!(end(&mut client), end(&mut server));
    assert_eq!((ours.code, theirs.code), (CloseCode::INTERNAL_ERROR, CloseCode::INTERNAL_ERROR));
}

#[tokio::test]
async fn a_writer_dropped_before_its_first_piece_leaves_no_trace() {
    let (client, mut server) = pair(&quiet());
    drop(client.start_message(Kind::Text).await.unwrap());
    client.send("whole").await.unwrap();
    assert_eq!(next(&mut server).await, Message::text("whole"));
}

#[tokio::test]
async fn other_messages_wait_for_a_message_in_pieces_and_control_frames_do_not() {
    let (client, mut server) = pair(&quiet());
    let mut writer = client.start_message(Kind::Text).await.unwrap();
    writer.piece(b"in ").await.unwrap();
    assert_eq!(client.try_send("between"), Err(SendError::MessageInProgress));
    let sender = client.sender();
    let waiting = tokio::spawn(async move { sender.send("after").await });
    let sender = client.sender();
    let second = tokio::spawn(async move {
        let mut writer = sender.start_message(Kind::Binary).await?;
        writer.piece(b"later").await?;
        writer.finish().await
    });
    settle().await;
    assert!(!waiting.is_finished() && !second.is_finished());
    client.ping(b"between").unwrap();
    writer.piece(b"pieces").await.unwrap();
    writer.finish().await.unwrap();
    assert_eq!(next(&mut server).await, Message::text("in pieces"));
    let mut others = vec![next(&mut server).await, next(&mut server).await];
    others.sort_by_key(Message::len);
    others.sort_by_key(|message| message.kind() == Kind::Binary);
    assert_eq!(others, [Message::text("after"), Message::binary(&b"later"[..])]);
    soon(waiting).await.unwrap().unwrap();
    soon(second).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_close_interrupts_a_message_in_pieces() {
    let (client, mut server) = pair(&quiet());
    let mut writer = client.start_message(Kind::Text).await.unwrap();
    writer.piece(b"begun").await.unwrap();
    client.start_close(reason(CloseCode::GOING_AWAY, ""));
    assert_eq!(writer.piece(b"more").await, Err(SendError::Closed));
    assert_eq!(writer.finish().await, Err(SendError::Closed));
    assert_eq!(end(&mut server).await.code, CloseCode::GOING_AWAY);
}
