//! Ends that are no closing handshake: violations, ends of the stream, resets.

use std::io::ErrorKind;

use everwire::{CloseCause, CloseCode, Message, ProtocolError, Role, SendError};
use everwire_testkit::{Frame, Peer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::sockets::{end, next, open, quiet, rigged_server, server, soon, tcp};

/// Sends RST instead of FIN.
fn reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
    drop(stream);
}

#[tokio::test]
async fn a_violation_is_answered_with_its_code_after_the_messages_before_it() {
    let (mut server, mut peer) = server(&quiet());
    peer.send_all([Frame::text("before"), Frame::new(0x3, ""), Frame::text("after")]).await;
    assert_eq!(next(&mut server).await, Message::text("before"));
    let report = end(&mut server).await;
    assert_eq!((report.code, report.was_clean), (CloseCode::PROTOCOL_ERROR, false));
    assert_eq!(report.cause, CloseCause::Violation(ProtocolError::ReservedOpcode(3)));
    assert_eq!(peer.next_close().await, 1002);
    assert_eq!(peer.next().await, None);
}

/// It is refused by its header, while the peer is still busy sending it.
#[tokio::test]
async fn a_peer_that_sends_too_large_a_message_to_its_end_still_hears_why_it_was_refused() {
    let (near, far) = tcp().await;
    let mut server = open(near, Role::Server, &quiet());
    tokio::spawn(async move { end(&mut server).await });
    let mut peer = Peer::new(far, Role::Client);
    // As programs do that write first and read afterwards.
    peer.send(Frame::binary(vec![0; (16 << 20) + 1])).await;
    assert_eq!(peer.next_close().await, 1009);
}

// row: R6
#[tokio::test]
async fn an_end_without_a_close_frame_is_1006_and_never_clean() {
    for half_a_frame in [&b""[..], &b"\x81"[..], &b"\x81\x85\x01\x02\x03\x04a"[..]] {
        let (near, mut far) = tcp().await;
        let mut server = open(near, Role::Server, &quiet());
        far.write_all(&Frame::text("heard").masked().encode()).await.unwrap();
        far.write_all(half_a_frame).await.unwrap();
        drop(far);
        assert_eq!(next(&mut server).await, Message::text("heard"));
        let report = end(&mut server).await;
        assert_eq!((report.code, report.was_clean), (CloseCode::ABNORMAL, false));
        assert_eq!(report.cause, CloseCause::Eof);
        assert_eq!(server.send("late").await, Err(SendError::Closed));
    }
}

#[tokio::test]
async fn an_end_after_our_close_frame_is_not_clean() {
    let (near, far) = tcp().await;
    let mut server = open(near, Role::Server, &quiet());
    server.start_close(None);
    drop(far);
    let report = end(&mut server).await;
    assert_eq!((report.code, report.was_clean), (CloseCode::ABNORMAL, false));
}

// row: R5
#[tokio::test]
async fn a_reset_while_reading_ends_in_one_report_with_1006() {
    let (near, far) = tcp().await;
    let mut server = open(near, Role::Server, &quiet());
    reset(far);
    let report = end(&mut server).await;
    assert_eq!((report.code, report.was_clean), (CloseCode::ABNORMAL, false));
    assert_eq!(report.cause, CloseCause::Transport(ErrorKind::ConnectionReset));
    assert_eq!(soon(server.recv()).await, None, "and it stays at the end");
}

// row: R5
#[tokio::test]
async fn a_reset_while_writing_wakes_everyone_who_waits() {
    let (near, far) = tcp().await;
    let server = open(near, Role::Server, &quiet());
    let (sender, mut receiver) = server.split();
    let writer = tokio::spawn(async move {
        loop {
            if let Err(error) = sender.send(vec![0; 100_000]).await {
                let flushed = sender.flush().await;
                return (error, flushed);
            }
        }
    });
    // The writer is stuck by then.
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert!(!writer.is_finished());
    reset(far);
    assert_eq!(soon(receiver.recv()).await, None);
    let report = receiver.close_report().unwrap();
    assert_eq!(report.code, CloseCode::ABNORMAL);
    assert!(report.unsent.messages > 0, "{report:?}");
    assert_eq!(soon(writer).await.unwrap(), (SendError::Closed, Err(SendError::Closed)));
}

// row: R5
#[tokio::test]
async fn a_reset_while_closing_ends_in_one_report_with_1006() {
    let (near, far) = tcp().await;
    let mut server = open(near, Role::Server, &quiet());
    server.start_close(None);
    let mut peer = Peer::new(far, Role::Client);
    assert_eq!(peer.next().await.unwrap().opcode, 0x8);
    reset(peer.stream);
    let report = end(&mut server).await;
    assert_eq!((report.code, report.was_clean), (CloseCode::ABNORMAL, false));
    assert_eq!(report.cause, CloseCause::Local);
}

// row: R5
#[tokio::test]
async fn a_reset_after_the_end_of_the_stream_ends_in_one_report_with_1006() {
    let (near, mut far) = tcp().await;
    let mut server = open(near, Role::Server, &quiet());
    far.shutdown().await.unwrap();
    reset(far);
    let report = end(&mut server).await;
    assert_eq!((report.code, report.was_clean), (CloseCode::ABNORMAL, false));
}

#[tokio::test]
async fn what_can_still_be_read_after_a_failed_write_is_delivered() {
    let (mut server, rig, mut peer) = rigged_server(&quiet());
    peer.send(Frame::text("last words")).await;
    rig.break_writes(ErrorKind::BrokenPipe);
    // The failure is found by this send, and told by the report.
    let _ = server.send("nobody hears it").await;
    assert_eq!(server.send("nor this").await, Err(SendError::Closed));
    assert_eq!(next(&mut server).await, Message::text("last words"));
    let report = end(&mut server).await;
    assert_eq!(report.cause, CloseCause::Transport(ErrorKind::BrokenPipe));
    assert_eq!(report.unsent.messages, 1);
}

#[tokio::test]
async fn a_failure_that_only_the_writer_sees_wakes_the_reader() {
    let (mut server, rig, _peer) = rigged_server(&quiet());
    let sender = server.sender();
    let reader = tokio::spawn(async move { end(&mut server).await });
    tokio::task::yield_now().await;
    rig.break_writes(ErrorKind::BrokenPipe);
    let _ = sender.send("nobody hears it").await;
    let report = soon(reader).await.unwrap();
    assert_eq!(report.cause, CloseCause::Transport(ErrorKind::BrokenPipe));
}

#[tokio::test]
async fn flushing_says_when_what_was_queued_never_left() {
    let (mut server, rig, peer) = rigged_server(&quiet());
    rig.stall_writes();
    server.send("stuck").await.unwrap();
    drop(peer);
    end(&mut server).await;
    assert_eq!(soon(server.flush()).await, Err(SendError::Closed));
}
