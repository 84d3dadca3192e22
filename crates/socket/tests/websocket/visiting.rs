//! Messages that are lent, not given.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};

use everwire::{CloseCode, Incoming, Kind, Outlet, ReadyState, Role};
use everwire_testkit::{Frame, Peer};

use crate::sockets::{end, open, quiet, reason, rigged_server, server, soon, tcp};

#[tokio::test]
async fn a_visitor_answers_many_messages_in_few_writes() {
    let (mut server, rig, mut peer) = rigged_server(&quiet());
    peer.send_all((0..1000).map(|n| Frame::text(format!("{n}")))).await;
    let mut seen = 0;
    while seen < 1000 {
        let visited = server.visit(|message, outlet| {
            assert_eq!(message.kind(), Kind::Text);
            outlet.send(message.as_text().unwrap()).unwrap();
        });
        seen += soon(visited).await.unwrap();
    }
    for n in 0..1000 {
        assert_eq!(peer.next_payload().await, format!("{n}").into_bytes());
    }
    assert!(rig.writes().len() <= 4, "1,000 answers took writes of {:?}", rig.writes());
}

#[tokio::test]
async fn the_answers_of_a_visit_have_left_when_it_is_over() {
    let mut config = quiet();
    config.max_queued_bytes = 1000;
    let (mut server, rig, mut peer) = rigged_server(&config);
    for (sent, visited) in [(1, 1), (20, 10)] {
        peer.send_all((0..sent).map(|_| Frame::binary([7; 100]))).await;
        let answered = rig.written().len();
        let mut visit = Box::pin(server.visit(|message, outlet| outlet.send(message).unwrap()));
        // By this call alone: no other task has its turn, and ten answers fill the queue.
        let polled = visit.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(polled, Poll::Ready(Some(visited)));
        assert_eq!(rig.written().len() - answered, visited * 102);
    }
}

#[tokio::test]
async fn a_visit_ends_with_the_connection() {
    let (mut server, mut peer) = server(&quiet());
    peer.send_all([Frame::binary("one"), Frame::close(1000, "")]).await;
    let mut seen = Vec::new();
    while let Some(visited) =
        soon(server.visit(|message, _| seen.push(message.as_bytes().to_vec()))).await
    {
        assert_eq!(visited, 1);
    }
    assert_eq!(seen, [b"one"]);
    assert!(server.close_report().unwrap().was_clean);
}

#[tokio::test]
async fn a_visitor_may_close_the_connection() {
    let (mut server, mut peer) = server(&quiet());
    peer.send_all([Frame::text("go away"), Frame::text("still shown")]).await;
    let mut shown = 0;
    soon(server.visit(|_, outlet| {
        shown += 1;
        outlet.start_close(reason(CloseCode::GOING_AWAY, ""));
    }))
    .await;
    assert_eq!(shown, 2);
    assert_eq!(server.ready_state(), ReadyState::Closing);
    assert_eq!(peer.next_close().await, 1001);
    peer.send(Frame::close(1001, "")).await;
    assert!(end(&mut server).await.was_clean);
}

#[tokio::test]
async fn a_visitor_sees_how_much_waits() {
    let (mut server, mut peer) = server(&quiet());
    peer.send_all([Frame::text("a"), Frame::text("b")]).await;
    let mut amounts = Vec::new();
    soon(server.visit(|_, outlet| {
        outlet.send("12345678").unwrap();
        amounts.push(outlet.buffered_amount());
    }))
    .await;
    assert_eq!(amounts, [10, 20], "both wait, with their headers");
    assert_eq!(server.buffered_amount(), 0);
}

#[tokio::test]
async fn visiting_and_receiving_take_turns() {
    let (mut server, mut peer) = server(&quiet());
    peer.send_all([Frame::text("one"), Frame::text("two").unfinished()]).await;
    assert_eq!(crate::sockets::next(&mut server).await.as_text(), Some("one"));
    peer.send_all([Frame::continuation(" parts"), Frame::text("three")]).await;
    let mut seen = Vec::new();
    while seen.len() < 2 {
        soon(server.visit(|message, _| seen.push(message.as_text().unwrap().to_owned()))).await;
    }
    assert_eq!(seen, ["two parts", "three"]);
}

#[tokio::test]
async fn a_visitor_that_panics_ends_its_connection_with_1011() {
    // Also when the panic is caught and the socket lives on: what the visitor was shown is lost, so
    // nothing after it can be understood.
    let (near, far) = tcp().await;
    let mut server = open(near, Role::Server, &quiet());
    let mut peer = Peer::new(far, Role::Client);
    peer.send_all([Frame::text("one"), Frame::text("two")]).await;
    let mut visit = Box::pin(server.visit(|_, _| panic!("a bug of the application")));
    let panicked = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| visit.as_mut().poll(cx))) {
        Ok(polled) => polled.map(|_| false),
        Err(_) => Poll::Ready(true),
    });
    assert!(soon(panicked).await);
    drop(visit);
    assert_eq!(peer.next_close().await, 1011);
    assert!(!end(&mut server).await.was_clean);
    assert_eq!(peer.next().await, None);
}

#[tokio::test]
async fn a_peer_that_does_not_read_its_answers_is_not_read_either() {
    let mut config = quiet();
    config.max_queued_bytes = 1000;
    let (near, far) = tokio::io::duplex(1 << 20);
    let (near, rig) = everwire_testkit::Rigged::new(near);
    let mut server = open(near, Role::Server, &config);
    let mut peer = Peer::new(far, Role::Client);
    rig.stall_writes();
    peer.send_all((0..300).map(|_| Frame::binary([7; 100]))).await;
    let mut shown = 0;
    let mut answered = 0;
    let mut visiting = Box::pin(async {
        let mut echo = |message: Incoming<'_>, outlet: &Outlet<'_, _>| {
            shown += 1;
            answered += usize::from(outlet.send(message).is_ok());
        };
        while server.visit(&mut echo).await.is_some() {}
        (shown, answered)
    });
    // Ten answers fill the queue.
    tokio::select! {
        biased;
        _ = &mut visiting => panic!("the queue never filled"),
        () = crate::sockets::settle() => {}
    }
    assert!(rig.written().is_empty());
    rig.resume_writes();
    let reading = async {
        for _ in 0..300 {
            assert_eq!(peer.next_payload().await, [7; 100]);
        }
        drop(peer);
    };
    let (counts, ()) = soon(async { tokio::join!(visiting, reading) }).await;
    assert_eq!(counts, (300, 300), "each message was shown once, and its answer was taken");
}
