//! What became of each message: told once, and true.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use everwire::reconnect::Status;
use everwire::reconnect::outbox::{Fate, Reason, Refusal};
use everwire::{
    CloseCause, CloseCode, Config, Connector, Message, Messenger, OutboxLimits, Session, Sessions,
    TextHeartbeat, Timeout,
};
use everwire_testkit::Frame;
use tokio::task::JoinSet;

use crate::server::{
    Heard, Server, accept_as_peer, client, echo, eventually, listen, quick, until,
};
use crate::sockets::{reason, soon};

fn queue(max_messages: usize) -> OutboxLimits {
    let mut limits = OutboxLimits::default();
    limits.max_messages = max_messages;
    limits
}

/// Nobody listens there.
async fn nowhere() -> String {
    let server = Server::of_echo().await;
    format!("ws://{}/", server.stop().await)
}

/// Receives for as long as `other` takes.
async fn while_receiving<T>(session: &mut Session<'_>, other: impl Future<Output = T>) -> T {
    let receive = async {
        while session.recv().await.is_some() {}
        std::future::pending::<()>().await
    };
    soon(async {
        tokio::select! {
            () = receive => unreachable!(),
            output = other => output,
        }
    })
    .await
}

/// Goes round the loop in the background, until the client is closed.
fn keep_going(mut sessions: Sessions) -> Messenger {
    let messenger = sessions.messenger();
    tokio::spawn(async move {
        while let Some(mut session) = sessions.next().await {
            while session.recv().await.is_some() {}
        }
    });
    messenger
}

#[tokio::test]
async fn without_a_queue_a_message_that_finds_no_connection_comes_back() {
    let mut sessions = client(nowhere().await).sessions();
    let messenger = sessions.messenger();
    let refused = messenger.send("too early").await.unwrap_err();
    assert_eq!((refused.why, refused.message), (Refusal::Down, Message::text("too early")));
    let next = tokio::spawn(async move { sessions.next().await.is_none() });
    until(&messenger, |status| matches!(status, Status::Waiting { attempt: 3.., .. })).await;
    assert_eq!(messenger.send("down").await.unwrap_err().why, Refusal::Down);
    messenger.close(None);
    assert!(soon(next).await.unwrap());
    assert_eq!(messenger.send("too late").await.unwrap_err().why, Refusal::Ended);
}

#[tokio::test]
async fn what_waited_leaves_in_order_behind_what_is_done_on_opening() {
    let heard = Heard::default();
    let ears = heard.clone();
    let server = Server::of_websockets(move |_, socket| listen(socket, ears.clone())).await;
    let mut sessions = client(server.uri())
        .queue(queue(3))
        .on_open(async |socket| {
            socket.send("subscribe").await?;
            Ok(socket)
        })
        .sessions();
    let messenger = sessions.messenger();
    let mut receipts = Vec::new();
    for text in ["one", "two", "three"] {
        receipts.push(messenger.send(text).await.unwrap());
    }
    assert_eq!(messenger.send("one too many").await.unwrap_err().why, Refusal::Full);
    let mut session = soon(sessions.next()).await.unwrap();
    // Behind those that wait, or directly if they have left.
    while_receiving(&mut session, async {
        loop {
            match messenger.send("four").await {
                Ok(receipt) => break receipts.push(receipt),
                Err(refused) => assert_eq!(refused.why, Refusal::Full),
            }
            tokio::task::yield_now().await;
        }
        for receipt in &mut receipts {
            assert_eq!(receipt.await, Fate::Sent);
        }
    })
    .await;
    assert_eq!(receipts.iter().map(|receipt| receipt.number()).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(*heard.lock().unwrap(), ["subscribe", "one", "two", "three", "four"]);
}

#[tokio::test]
async fn what_waits_too_long_is_not_sent_and_that_is_told_in_time() {
    let mut limits = queue(10);
    limits.max_age = Duration::from_millis(100);
    let messenger = keep_going(client(nowhere().await).queue(limits).sessions());
    let began = tokio::time::Instant::now();
    let first = messenger.send("first").await.unwrap();
    let second = messenger.send("second").await.unwrap();
    assert_eq!(soon(first).await, Fate::NotSent(Reason::Expired));
    assert_eq!(soon(second).await, Fate::NotSent(Reason::Expired));
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(99) && took < Duration::from_secs(10), "{took:?}");
    messenger.close(None);
}

#[tokio::test]
async fn a_message_whose_receipt_is_awaited_is_proven_to_be_read() {
    let heard = Heard::default();
    let ears = heard.clone();
    let server = Server::of_websockets(move |_, socket| listen(socket, ears.clone())).await;
    let mut sessions = client(server.uri()).sessions();
    let mut session = soon(sessions.next()).await.unwrap();
    for round in 1..=20 {
        let text = format!("message {round}");
        let receipt = session.send(text.as_str()).await.unwrap();
        assert_eq!(while_receiving(&mut session, receipt).await, Fate::Sent);
        assert_eq!(heard.lock().unwrap().last(), Some(&text), "read before it was told");
    }
}

#[tokio::test]
async fn what_a_connection_took_before_it_broke_is_unsure() {
    // It reads nothing, and so answers nothing, until it is told to break.
    let (tell, told) = tokio::sync::watch::channel(false);
    let server = Server::of_websockets(move |number, socket| {
        let mut told = told.clone();
        async move {
            if number == 1 {
                let _ = told.wait_for(|told| *told).await;
                socket.abort();
            } else {
                echo(socket).await;
            }
        }
    })
    .await;
    let messenger = keep_going(client(server.uri()).sessions());
    until(&messenger, |status| matches!(status, Status::Open { .. })).await;
    let receipt = messenger.send("on its way").await.unwrap();
    tell.send(true).unwrap();
    assert_eq!(soon(receipt).await, Fate::Unsure);
    // It is not sent again.
    until(&messenger, |status| matches!(status, Status::Open { session: 2 })).await;
    let next = messenger.send("another").await.unwrap();
    assert_eq!((next.number(), soon(next).await), (2, Fate::Sent));
    messenger.close(None);
}

#[tokio::test]
async fn what_the_network_never_took_is_not_sent() {
    // It reads nothing: bytes fill the buffers of both systems, the rest stays with us.
    let server = Server::of_websockets(|_, socket| async move {
        std::future::pending::<()>().await;
        drop(socket);
    })
    .await;
    let mut config = Config::default();
    config.max_queued_bytes = 64 << 20;
    config.deflate = None;
    let connector = Connector::new().config(config);
    let messenger = keep_going(client(server.uri()).connector(connector).sessions());
    until(&messenger, |status| matches!(status, Status::Open { .. })).await;
    let mut receipts = Vec::new();
    for _ in 0..48 {
        receipts.push(messenger.send(vec![7; 1 << 20]).await.unwrap());
    }
    messenger.network(false);
    let mut fates = Vec::new();
    for receipt in receipts {
        fates.push(soon(receipt).await);
    }
    let unsure = fates.iter().take_while(|fate| **fate == Fate::Unsure).count();
    let unsent = fates.iter().filter(|fate| **fate == Fate::NotSent(Reason::Unsent)).count();
    assert!(unsure >= 1 && unsent >= 1 && unsure + unsent == 48, "{fates:?}");
    messenger.close(None);
}

#[tokio::test]
async fn an_answer_to_our_close_frame_is_proof() {
    let heard = Heard::default();
    let ears = heard.clone();
    let server = Server::of_websockets(move |_, socket| listen(socket, ears.clone())).await;
    for for_good in [false, true] {
        let mut sessions = client(server.uri()).sessions();
        let messenger = sessions.messenger();
        let mut session = soon(sessions.next()).await.unwrap();
        let receipt = session.send("the last word").await.unwrap();
        let done = reason(CloseCode::NORMAL, "done");
        if for_good {
            messenger.close(done);
            assert_eq!(soon(session.recv()).await, None);
            drop(session);
            assert!(soon(sessions.next()).await.is_none());
        } else {
            assert!(soon(session.close(done)).await.was_clean);
        }
        assert_eq!(soon(receipt).await, Fate::Sent);
    }
    assert_eq!(*heard.lock().unwrap(), ["the last word", "the last word"]);
}

#[tokio::test]
async fn a_close_frame_of_the_peer_proves_nothing() {
    let server = Server::of_websockets(|_, mut socket| async move {
        assert_eq!(socket.recv().await, Some(Message::text("read")));
        socket.close(reason(CloseCode::try_from(4000).unwrap(), "enough")).await;
    })
    .await;
    let mut sessions = client(server.uri()).sessions();
    let mut session = soon(sessions.next()).await.unwrap();
    let receipt = session.send("read").await.unwrap();
    assert_eq!(soon(session.recv()).await, None);
    assert!(session.close_report().unwrap().was_clean);
    assert_eq!(soon(receipt).await, Fate::Unsure);
}

#[tokio::test]
async fn a_peer_that_closes_in_the_same_moment_with_the_same_code_proves_nothing() {
    let (tell, told) = tokio::sync::watch::channel(false);
    let server = Server::of_websockets(move |_, socket| {
        let tell = tell.clone();
        async move {
            // Done, and it never reads.
            socket.start_close(reason(CloseCode::NORMAL, "done"));
            socket.flush().await.unwrap();
            tell.send_replace(true);
            std::future::pending::<()>().await;
        }
    })
    .await;
    let mut sessions = client(server.uri()).sessions();
    let mut session = soon(sessions.next()).await.unwrap();
    let receipt = session.send("never read").await.unwrap();
    let mut told = told.clone();
    soon(told.wait_for(|told| *told)).await.unwrap();
    session.messenger().close(reason(CloseCode::NORMAL, "done"));
    assert_eq!(soon(session.recv()).await, None);
    let report = session.close_report().unwrap();
    let seen = (report.cause, report.was_clean, report.code);
    assert_eq!(seen, (CloseCause::Local, true, CloseCode::NORMAL), "as an answer would look");
    assert_eq!(soon(receipt).await, Fate::Unsure);
}

#[tokio::test]
async fn what_was_heard_before_a_close_proves_nothing_of_the_next_connection() {
    let (done, told) = tokio::sync::watch::channel(0);
    let tell = done.clone();
    let server = Server::start(move |number, stream| {
        let (tell, mut told) = (tell.clone(), tell.subscribe());
        async move {
            let mut peer = accept_as_peer(stream).await;
            if number == 1 {
                // The message, the ping for its receipt, the ping before the close, and the close: it
                // answers the second ping, which is for both, and not the close.
                assert_eq!(peer.next().await.unwrap().payload, b"read");
                assert_eq!(peer.next().await.unwrap().opcode, 0x9);
                tell.send_replace(1);
                let last_word = peer.next().await.unwrap();
                assert_eq!((last_word.opcode, peer.next().await.unwrap().opcode), (0x9, 0x8));
                peer.send(Frame::pong(last_word.payload)).await;
                std::future::pending::<()>().await;
            }
            // It reads nothing, and breaks when it is told.
            let _ = told.wait_for(|told| *told == 2).await;
        }
    })
    .await;
    let told = |count| {
        let mut told = told.clone();
        async move { drop(soon(told.wait_for(|told| *told == count)).await.unwrap()) }
    };
    let mut sessions = client(server.uri()).sessions();
    let messenger = sessions.messenger();
    let session = soon(sessions.next()).await.unwrap();
    let receipt = tokio::spawn(session.send("read").await.unwrap());
    told(1).await;
    let new_one = async {
        assert_eq!(soon(receipt).await.unwrap(), Fate::Sent);
        messenger.reconnect();
    };
    tokio::join!(session.close(None), new_one);
    let mut session = soon(sessions.next()).await.unwrap();
    assert_eq!(session.number(), 2);
    let receipt = session.send("never read").await.unwrap();
    done.send_replace(2);
    assert_eq!(soon(session.recv()).await, None);
    assert_eq!(soon(receipt).await, Fate::Unsure);
}

#[tokio::test]
async fn a_pong_in_text_that_did_not_leave_is_not_taken_for_a_message_that_did_not() {
    let heard = Arc::new(AtomicUsize::new(0));
    let ended = Arc::new(AtomicUsize::new(0));
    let (tell, told) = tokio::sync::watch::channel(false);
    let counts = (heard.clone(), ended.clone());
    let server = Server::of_websockets(move |_, mut socket| {
        let ((heard, ended), mut told) = (counts.clone(), told.clone());
        async move {
            // It asks for a sign of life when the network takes no more, and reads afterwards.
            let _ = told.wait_for(|told| *told).await;
            for text in ["ping", "look"] {
                socket.send(text).await.unwrap();
            }
            let _ = told.wait_for(|told| !*told).await;
            while socket.recv().await.is_some() {
                heard.fetch_add(1, Ordering::SeqCst);
            }
            ended.fetch_add(1, Ordering::SeqCst);
        }
    })
    .await;
    let mut config = Config::default();
    config.text_heartbeat = Some(TextHeartbeat::default());
    config.deflate = None;
    let connector = Connector::new().config(config);
    let mut sessions = client(server.uri()).connector(connector).sessions();
    let messenger = sessions.messenger();
    let mut session = soon(sessions.next()).await.unwrap();
    let mut receipts = Vec::new();
    // Several that have left, and one that has not.
    let mut stuck = 0;
    while stuck == 0 {
        receipts.push(session.send(vec![7; 512 << 10]).await.unwrap());
        eventually(|| std::mem::replace(&mut stuck, session.buffered_amount()) == stuck).await;
    }
    tell.send_replace(true);
    assert_eq!(soon(session.recv()).await, Some(Message::text("look")));
    // The pong waits behind the message.
    eventually(|| session.buffered_amount() > stuck).await;
    messenger.network(false);
    tell.send_replace(false);
    let mut fates = Vec::new();
    for receipt in receipts {
        fates.push(soon(receipt).await);
    }
    eventually(|| ended.load(Ordering::SeqCst) == 1).await;
    let read = heard.load(Ordering::SeqCst);
    assert!(read >= 1, "what had left arrived");
    for fate in &fates[..read] {
        assert_eq!(*fate, Fate::Unsure, "{read} were read: {fates:?}");
    }
}

#[tokio::test]
async fn proof_does_not_wait_for_a_connection_that_is_left() {
    // The first one never answers, neither pings nor the close.
    let server = Server::of_websockets(|number, socket| async move {
        if number == 1 {
            std::future::pending::<()>().await;
        }
        echo(socket).await;
    })
    .await;
    let mut config = Config::default();
    config.close_timeout = Duration::from_secs(3600);
    let connector = Connector::new().config(config);
    let mut sessions = client(server.uri()).connector(connector).sessions();
    for turn in 1..=2 {
        let mut session = soon(sessions.next()).await.unwrap();
        let mut receipt = session.send("are you there?").await.unwrap();
        if turn == 1 {
            // Asked for, and not awaited to the end.
            let asked = tokio::time::timeout(Duration::from_millis(100), &mut receipt).await;
            assert!(asked.is_err());
        } else {
            assert_eq!(while_receiving(&mut session, receipt).await, Fate::Sent);
        }
    }
}

#[tokio::test]
async fn a_session_that_is_left_has_its_messages_unsure() {
    let server = Server::of_echo().await;
    let mut sessions = client(server.uri()).sessions();
    let session = soon(sessions.next()).await.unwrap();
    let receipt = session.send("left").await.unwrap();
    drop(session);
    assert_eq!(soon(receipt).await, Fate::Unsure);
}

#[tokio::test]
async fn the_end_gives_back_what_waits() {
    let sessions = client(nowhere().await).queue(queue(5)).sessions();
    let messenger = sessions.messenger();
    let waiting = messenger.send("waiting").await.unwrap();
    drop(sessions);
    assert_eq!(soon(waiting).await, Fate::NotSent(Reason::Ended));
    assert_eq!(messenger.send("after").await.unwrap_err().why, Refusal::Ended);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn numbers_are_the_order_on_the_wire_whoever_sends() {
    const SENDERS: usize = 8;
    const EACH: usize = 100;
    let heard = Heard::default();
    let ears = heard.clone();
    let server = Server::of_websockets(move |_, socket| listen(socket, ears.clone())).await;
    let mut config = Config::default();
    // Small, so that senders wait for room.
    config.max_queued_bytes = 200;
    let connector = Connector::new().config(config);
    let sessions = client(server.uri()).connector(connector).queue(queue(1_000)).sessions();
    let early = sessions.messenger();
    let mut tasks = JoinSet::new();
    for sender in 0..SENDERS {
        let messenger = early.clone();
        tasks.spawn(async move {
            let mut sent = Vec::new();
            for round in 0..EACH {
                let text = format!("message {round} of sender {sender}");
                sent.push((messenger.send(text.as_str()).await.unwrap(), text));
            }
            sent
        });
    }
    // Half of them find no connection, and wait.
    tokio::task::yield_now().await;
    let messenger = keep_going(sessions);
    let mut sent: Vec<_> = soon(tasks.join_all()).await.into_iter().flatten().collect();
    sent.sort_by_key(|(receipt, _)| receipt.number());
    let mut texts = Vec::new();
    for (receipt, text) in sent {
        assert_eq!(receipt.number(), texts.len() as u64 + 1);
        assert_eq!(soon(receipt).await, Fate::Sent);
        texts.push(text);
    }
    assert_eq!(texts.len(), SENDERS * EACH);
    assert_eq!(*heard.lock().unwrap(), texts);
    messenger.close(None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sender_waits_for_a_connection_that_is_full() {
    let (tell, told) = tokio::sync::watch::channel(false);
    let server = Server::of_websockets(move |_, socket| {
        let mut told = told.clone();
        async move {
            let _ = told.wait_for(|told| *told).await;
            echo(socket).await;
        }
    })
    .await;
    let mut config = Config::default();
    config.max_queued_bytes = 1 << 20;
    config.deflate = None;
    let connector = Connector::new().config(config);
    let messenger = keep_going(client(server.uri()).connector(connector).sessions());
    until(&messenger, |status| matches!(status, Status::Open { .. })).await;
    let sending = messenger.clone();
    let (count, counted) = tokio::sync::watch::channel(0);
    let task = tokio::spawn(async move {
        for sent in 1..=64 {
            sending.send(vec![7; 1 << 20]).await.unwrap();
            count.send_replace(sent);
        }
    });
    // The systems' buffers and ours are full long before.
    let stuck = async {
        let mut counted = counted.clone();
        while tokio::time::timeout(Duration::from_secs(1), counted.changed()).await.is_ok() {}
    };
    soon(stuck).await;
    assert!(*counted.borrow() < 64 && !task.is_finished(), "nothing was held back");
    tell.send(true).unwrap();
    soon(task).await.unwrap();
    messenger.close(None);
}

#[tokio::test]
async fn a_connection_that_has_ended_unnoticed_can_be_closed() {
    let server = Server::of_echo().await;
    let proxy = everwire_testkit::fault::FaultProxy::start(server.address).await.unwrap();
    let mut config = Config::default();
    config.heartbeat_interval = Some(Duration::from_millis(20));
    config.heartbeat_timeout = Duration::from_millis(20);
    let uri = format!("ws://{}/", proxy.addr());
    let mut sessions = client(uri).connector(Connector::new().config(config)).sessions();
    let session = soon(sessions.next()).await.unwrap();
    proxy.stall();
    let receipt = session.send("into the void").await.unwrap();
    // The heartbeat finds out, and the program has not looked yet.
    eventually(|| session.close_report().is_some()).await;
    let report = soon(session.close(None)).await;
    assert_eq!(report.cause, CloseCause::Timeout(Timeout::Heartbeat));
    assert_eq!(soon(receipt).await, Fate::Unsure);
    assert!(soon(sessions.next()).await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_fate_is_true_over_a_connection_that_breaks_all_the_time() {
    let heard = Heard::default();
    let ears = heard.clone();
    let server = Server::of_websockets(move |_, socket| listen(socket, ears.clone())).await;
    let proxy = everwire_testkit::fault::FaultProxy::start(server.address).await.unwrap();
    let mut policy = quick();
    policy.stable_after = Duration::ZERO;
    let uri = format!("ws://{}/", proxy.addr());
    let messenger = keep_going(client(uri).policy(policy).queue(queue(1_000)).sessions());
    let mut asking = JoinSet::new();
    for number in 0..400 {
        let text = format!("message {number}");
        let receipt = messenger.send(text.as_str()).await.unwrap();
        asking.spawn(async move { (text, receipt.await) });
        match number % 40 {
            0 => proxy.reset(),
            20 => proxy.cut(),
            _ => {}
        }
        if number % 5 == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    let (mut proven, mut unsure) = (0, 0);
    for (text, fate) in soon(asking.join_all()).await {
        let times = heard.lock().unwrap().iter().filter(|heard| **heard == text).count();
        match fate {
            Fate::Sent => {
                assert_eq!(times, 1, "{text}");
                proven += 1;
            }
            Fate::Unsure => {
                assert!(times <= 1, "{text}");
                unsure += 1;
            }
            Fate::NotSent(_) => assert_eq!(times, 0, "{text}"),
            _ => panic!("{fate:?}"),
        }
    }
    assert!(proven > 100, "{proven} proven, {unsure} unsure");
    messenger.close(None);
    let heard = heard.lock().unwrap();
    let numbers = heard.iter().map(|text| text["message ".len()..].parse::<u32>().unwrap());
    assert!(numbers.clone().is_sorted(), "in order, across all connections");
}
