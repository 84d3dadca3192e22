//! One message to many.

use bytes::Bytes;
use everwire::{CloseCode, Group, Kind, Message, Role, SharedFrame};
use everwire_testkit::{Frame, Peer};
use tokio::io::duplex;

use crate::sockets::{
    deflate, end, next, open, open_agreed, pair, quiet, reason, rigged_server, server, settle,
    soon, tcp_pair,
};

#[tokio::test]
async fn a_message_reaches_every_member_and_nobody_else() {
    let group = Group::new();
    let (mut one, first) = pair(&quiet());
    let (mut two, second) = pair(&quiet());
    let (mut outsider, other) = pair(&quiet());
    let _memberships = [group.join(&first), group.join(&second)];
    let delivery = group.send("to all");
    assert_eq!((delivery.queued, delivery.overflowed, delivery.closed), (2, 0, 0));
    assert_eq!(next(&mut one).await, Message::text("to all"));
    assert_eq!(next(&mut two).await, Message::text("to all"));
    other.send("only this").await.unwrap();
    assert_eq!(next(&mut outsider).await, Message::text("only this"));
}

#[tokio::test]
async fn who_leaves_hears_nothing_more() {
    let group = Group::new();
    let (mut one, first) = pair(&quiet());
    let membership = group.join(&first);
    assert_eq!(group.len(), 1);
    drop(membership);
    assert!(group.is_empty());
    assert_eq!(group.send("to nobody").queued, 0);
    first.send("afterwards").await.unwrap();
    assert_eq!(next(&mut one).await, Message::text("afterwards"));
}

#[tokio::test]
async fn members_on_other_threads_and_runtimes_hear_it() {
    let group = Group::new();
    let (ready, mut wait) = tokio::sync::mpsc::channel(8);
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let (group, ready) = (group.clone(), ready.clone());
            std::thread::spawn(move || {
                let runtime = match n % 2 {
                    0 => tokio::runtime::Builder::new_current_thread().enable_all().build(),
                    _ => tokio::runtime::Builder::new_multi_thread()
                        .worker_threads(1)
                        .enable_all()
                        .build(),
                };
                runtime.unwrap().block_on(async move {
                    let (mut client, server) = tcp_pair(&quiet()).await;
                    let _membership = group.join(&server);
                    ready.send(()).await.unwrap();
                    for n in 0..200 {
                        assert_eq!(next(&mut client).await, Message::text(format!("{n}")));
                    }
                });
            })
        })
        .collect();
    for _ in 0..4 {
        soon(wait.recv()).await.unwrap();
    }
    for n in 0..200 {
        assert_eq!(group.send(Message::text(format!("{n}"))).queued, 4);
    }
    for thread in threads {
        tokio::task::spawn_blocking(|| thread.join()).await.unwrap().unwrap();
    }
    assert!(group.is_empty());
}

// row: R2
#[tokio::test]
async fn a_member_that_never_reads_is_closed_with_1013_and_nobody_else_notices() {
    let mut config = quiet();
    config.max_queued_bytes = 50_000;
    let group = Group::new();
    let (stuck, rig, mut slow) = rigged_server(&config);
    rig.stall_writes();
    let (mut client, server) = pair(&config);
    let _memberships = [group.join(&stuck), group.join(&server)];
    let mut overflowed = 0;
    for n in 0..100_u8 {
        overflowed += group.send(vec![n; 1000]).overflowed;
        assert_eq!(next(&mut client).await, Message::binary(vec![n; 1000]), "the other gets all");
        assert!(stuck.buffered_amount() <= 50_000);
    }
    assert_eq!(overflowed, 1, "it overflows once and is closed then");
    assert_eq!(group.send("later").closed, 1);
    // Reading again, it finds what was queued, and then why there is no more.
    rig.resume_writes();
    for n in 0..49 {
        assert_eq!(slow.next_payload().await, vec![n; 1000]);
    }
    assert_eq!(slow.next_close().await, 1013);
    slow.send(Frame::close(1013, "")).await;
    let mut stuck = stuck;
    let report = end(&mut stuck).await;
    assert_eq!((report.code, report.was_clean), (CloseCode::TRY_AGAIN_LATER, true));
}

#[tokio::test]
async fn a_member_that_takes_nothing_any_more_is_let_go_after_close_timeout() {
    let mut config = quiet();
    config.max_queued_bytes = 10_000;
    config.close_timeout = std::time::Duration::from_millis(100);
    let group = Group::new();
    let (mut stuck, rig, _peer) = rigged_server(&config);
    rig.stall_writes();
    let _membership = group.join(&stuck);
    let large = Bytes::from(vec![0; 50_000]);
    stuck.send(large.clone()).await.unwrap();
    while group.send(vec![0; 1000]).overflowed == 0 {}
    assert!(!large.is_unique());
    let report = end(&mut stuck).await;
    assert!(!report.was_clean);
    assert_eq!(report.unsent.messages, 1);
    assert!(large.is_unique(), "and holds no memory");
}

// row: R11
#[tokio::test]
async fn joining_and_leaving_all_the_time_keeps_the_group_small_and_delivery_going() {
    let group = Group::new();
    let (mut client, server) = pair(&quiet());
    let (_other, visitor) = pair(&quiet());
    let (_third, mut slow) = pair(&quiet());
    let _memberships = [group.join(&server), group.join(&slow)];
    for n in 0..2000 {
        let visits: Vec<_> = (0..5).map(|_| group.join(&visitor)).collect();
        assert_eq!(group.len(), 7);
        drop(visits);
        assert_eq!(group.len(), 2);
        group.send(Message::text(format!("{n}")));
        assert_eq!(next(&mut client).await, Message::text(format!("{n}")));
    }
    // The one that nobody reads is full or closed by now, and held nobody up.
    slow.start_close(None);
    assert_eq!(group.send("last").queued, 1);
    assert!(slow.buffered_amount() <= quiet().max_queued_bytes);
    let _ = tokio::time::timeout(std::time::Duration::from_millis(1), slow.recv()).await;
}

#[tokio::test]
async fn compressed_and_plain_members_hear_the_same() {
    let group = Group::new();
    let text = "over and over ".repeat(500);
    let mut sockets = Vec::new();
    let mut memberships = Vec::new();
    for (agreement, role) in [
        (deflate(), Role::Server),
        (Default::default(), Role::Server),
        // With context takeover: the compressor of each keeps a window of its own.
        (everwire::Agreement::new(None, Some(Default::default())), Role::Server),
        (deflate(), Role::Client),
        (Default::default(), Role::Client),
    ] {
        let (near, far) = duplex(64 << 10);
        let member = open_agreed(near, role, agreement.clone(), &quiet());
        let other = open_agreed(far, role.peer(), agreement, &quiet());
        memberships.push(group.join(&member));
        sockets.push((member, other));
    }
    for round in 0..3 {
        for (member, _) in &sockets {
            // Own messages between the shared ones.
            member.send(&*text).await.unwrap();
        }
        assert_eq!(group.send(Message::text(format!("{round} {text}"))).queued, 5);
        for (_, other) in &mut sockets {
            assert_eq!(next(other).await.as_text(), Some(&*text));
            assert_eq!(next(other).await, Message::text(format!("{round} {text}")));
        }
    }
}

#[tokio::test]
async fn one_encoding_serves_many_groups() {
    let frame = SharedFrame::new("encoded once");
    let (mut one, first) = pair(&quiet());
    let (mut two, second) = pair(&quiet());
    let (left, right) = (Group::new(), Group::new());
    let _memberships = [left.join(&first), right.join(&second)];
    assert_eq!(left.send_frame(&frame).queued + right.send_frame(&frame).queued, 2);
    assert_eq!(next(&mut one).await, Message::text("encoded once"));
    assert_eq!(next(&mut two).await, Message::text("encoded once"));
}

#[tokio::test]
async fn a_member_that_is_sending_in_pieces_hears_it_from_the_group_afterwards() {
    let mut config = quiet();
    config.max_queued_bytes = 10_000;
    for role in [Role::Server, Role::Client] {
        let (near, far) = duplex(64 << 10);
        let member = open(near, role, &config);
        let mut other = open(far, role.peer(), &config);
        let group = Group::new();
        let _membership = group.join(&member);
        let mut writer = member.start_message(Kind::Text).await.unwrap();
        writer.piece(b"in ").await.unwrap();
        for n in 0..9 {
            assert_eq!(group.send(vec![n; 1000]).queued, 1);
        }
        // Larger than all the room there is: it must go on.
        writer.piece(&[b'x'; 20_000]).await.unwrap();
        writer.finish().await.unwrap();
        assert_eq!(next(&mut other).await.len(), 20_003);
        for n in 0..9 {
            assert_eq!(next(&mut other).await, Message::binary(vec![n; 1000]));
        }
        member.send("afterwards").await.unwrap();
        assert_eq!(next(&mut other).await, Message::text("afterwards"));
        // What waits is bounded as the queue is.
        let _writer = member.start_message(Kind::Text).await.unwrap();
        let overflowed = (0..20).map(|_| group.send(vec![0; 1000]).overflowed).sum::<usize>();
        assert_eq!(overflowed, 1);
    }
}

#[tokio::test]
async fn what_waited_behind_a_message_in_pieces_is_reported_unsent() {
    let group = Group::new();
    let (member, mut peer) = server(&quiet());
    let _membership = group.join(&member);
    let mut writer = member.start_message(Kind::Text).await.unwrap();
    writer.piece(b"never finished").await.unwrap();
    for _ in 0..3 {
        assert_eq!(group.send(vec![0; 1000]).queued, 1);
    }
    drop(writer);
    peer.send(Frame::close(1000, "")).await;
    let mut member = member;
    let report = end(&mut member).await;
    assert_eq!((report.unsent.messages, report.unsent.bytes), (3, 3000));
}

#[tokio::test]
async fn what_may_not_be_compressed_is_compressed_for_nobody() {
    let text = "secret ".repeat(1000);
    let group = Group::new();
    for role in [Role::Server, Role::Client] {
        let (near, far) = duplex(64 << 10);
        let member = open_agreed(near, role, deflate(), &quiet());
        let mut peer = Peer::new(far, role.peer());
        let _membership = group.join(&member);
        group.send_frame(&SharedFrame::uncompressed(&*text));
        assert_eq!(peer.next().await.unwrap().rsv, 0);
        group.send_frame(&SharedFrame::new(&*text));
        assert_eq!(peer.next().await.unwrap().rsv, 4);
    }
}

#[tokio::test]
async fn messages_to_a_member_leave_together() {
    let group = Group::new();
    let (member, rig, mut peer) = rigged_server(&quiet());
    let _membership = group.join(&member);
    for n in 0..50 {
        group.send(Message::text(format!("{n}")));
    }
    for n in 0..50 {
        assert_eq!(peer.next_payload().await, format!("{n}").into_bytes());
    }
    assert!(rig.writes().len() <= 2, "50 messages took writes of {:?}", rig.writes());
}

#[tokio::test]
async fn a_group_can_be_closed_as_a_whole() {
    let group = Group::new();
    let mut peers = Vec::new();
    let mut sockets = Vec::new();
    let mut memberships = Vec::new();
    for _ in 0..3 {
        let (near, far) = duplex(1024);
        let member = open(near, Role::Server, &quiet());
        memberships.push(group.join(&member));
        sockets.push(member);
        peers.push(Peer::new(far, Role::Client));
    }
    group.start_close(reason(CloseCode::SERVICE_RESTART, "back soon"));
    for (peer, member) in peers.iter_mut().zip(&mut sockets) {
        assert_eq!(peer.next_close().await, 1012);
        peer.send(Frame::close(1012, "")).await;
        assert!(end(member).await.was_clean);
    }
    settle().await;
}
