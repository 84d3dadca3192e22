//! The process budget. It belongs to the process, so these tests have one of their own, and run one
//! after the other.

#[path = "sockets/mod.rs"]
mod sockets;

use everwire::{CloseCause, CloseCode, CloseReport, Message, ProtocolError, process_budget};
use everwire_testkit::{Frame, Peer};
use tokio::io::DuplexStream;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use sockets::{quiet, server, settle, soon};

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// A client that has sent `len` bytes of a message that goes on, and what becomes of its server.
async fn unfinished(len: usize) -> (Peer<DuplexStream>, JoinHandle<(Vec<Message>, CloseReport)>) {
    let (mut server, mut peer) = server(&quiet());
    let receiving = tokio::spawn(async move {
        let mut heard = Vec::new();
        while let Some(message) = server.recv().await {
            heard.push(message);
        }
        (heard, server.close_report().unwrap())
    });
    grow(&mut peer, len, Frame::binary).await;
    settle().await;
    (peer, receiving)
}

/// Sends more of a message.
async fn grow(peer: &mut Peer<DuplexStream>, mut len: usize, first: fn(Vec<u8>) -> Frame) {
    let mut frame = first;
    while len > 0 {
        let part = len.min(10_000);
        peer.send(frame(vec![0; part]).unfinished()).await;
        frame = Frame::continuation;
        len -= part;
    }
}

// row: R12
#[tokio::test]
async fn the_largest_unfinished_message_pays_when_the_budget_is_exceeded() {
    let _alone = ONE_AT_A_TIME.lock().await;
    process_budget().set_max(2 << 20);
    let (small, others) = (unfinished(200_000).await, unfinished(300_000).await);
    let (mut largest, largests) = unfinished(900_000).await;
    assert!(process_budget().used() >= 1_400_000, "{} bytes are known", process_budget().used());
    // The one that goes over is not the one that pays.
    let (late, lates) = unfinished(400_000).await;
    let mut others = [small, others, (late, lates)];
    if !largests.is_finished() {
        grow(&mut others[2].0, 400_000, Frame::continuation).await;
    }
    assert_eq!(largest.next_close().await, 1013);
    let (heard, report) = soon(largests).await.unwrap();
    assert_eq!(heard, []);
    assert_eq!(report.cause, CloseCause::Violation(ProtocolError::OverBudget));
    assert_eq!(report.code, CloseCode::TRY_AGAIN_LATER);
    assert!(process_budget().used() <= 2 << 20);
    // Nobody else noticed.
    for (mut peer, receiving) in others {
        peer.send_all([Frame::continuation("the end"), Frame::close(1000, "")]).await;
        let (heard, report) = soon(receiving).await.unwrap();
        assert_eq!(heard.len(), 1);
        assert!(report.was_clean);
    }
    assert_eq!(process_budget().used(), 0, "everything was given back");
}

#[tokio::test]
async fn one_message_pays_even_if_many_grow_at_once() {
    let _alone = ONE_AT_A_TIME.lock().await;
    process_budget().set_max(2 << 20);
    // All of them grow in the same turn of the runtime, each over the budget by itself.
    let mut sockets = Vec::new();
    for _ in 0..6 {
        sockets.push(unfinished(300_000).await);
    }
    for (peer, _) in &mut sockets {
        let more = Frame::continuation(vec![0; 60_000]).unfinished();
        // Into the pipe, which holds as much: the servers have not run yet.
        peer.send(more).await;
    }
    for _ in 0..20 {
        settle().await;
    }
    let closed = sockets.iter().filter(|(_, receiving)| receiving.is_finished()).count();
    assert_eq!(closed, 1, "connections closed");
    for (mut peer, receiving) in sockets {
        if !receiving.is_finished() {
            peer.send_all([Frame::continuation(""), Frame::close(1000, "")]).await;
            assert!(soon(receiving).await.unwrap().1.was_clean);
        }
    }
    assert_eq!(process_budget().used(), 0);
}

#[tokio::test]
async fn a_budget_that_is_kept_closes_nobody() {
    let _alone = ONE_AT_A_TIME.lock().await;
    process_budget().set_max(2 << 20);
    for _ in 0..20 {
        let (mut peer, receiving) = unfinished(1_500_000).await;
        peer.send_all([Frame::continuation(""), Frame::close(1000, "")]).await;
        assert!(soon(receiving).await.unwrap().1.was_clean);
        assert_eq!(process_budget().used(), 0);
    }
}

#[tokio::test]
async fn what_is_queued_and_unread_counts_too() {
    let _alone = ONE_AT_A_TIME.lock().await;
    process_budget().set_max(64 << 20);
    let (mut server, rig, mut peer) = sockets::rigged_server(&quiet());
    rig.stall_writes();
    server.send(vec![0; 500_000]).await.unwrap();
    settle().await;
    assert!(process_budget().used() >= 500_000, "{}", process_budget().used());
    // Two messages in one read, of which one is taken.
    peer.send_all([Frame::text("one"), Frame::binary(vec![0; 30_000])]).await;
    sockets::next(&mut server).await;
    settle().await;
    assert!(process_budget().used() >= 530_000, "{}", process_budget().used());
    drop(peer);
    sockets::end(&mut server).await;
    assert_eq!(process_budget().used(), 0);
}
