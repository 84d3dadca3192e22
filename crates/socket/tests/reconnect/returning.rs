//! It comes back: after a restart, a refusal, a network that was away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use everwire::reconnect::{Destination, Ending, Status, retry::Why};
use everwire::{CloseCause, CloseCode, Config, Connector, Message, ProtocolError};
use everwire_testkit::fault::FaultProxy;
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use crate::server::{
    Heard, Server, accept_as_peer, client, echo, eventually, quick, read_head, respond, until,
};
use crate::sockets::{reason, soon};

#[tokio::test]
async fn a_server_that_restarts_is_met_again() {
    let (kill, killed) = tokio::sync::watch::channel(false);
    let server = Server::of_websockets(move |_, mut socket| {
        let mut killed = killed.clone();
        async move {
            let message = socket.recv().await.unwrap();
            socket.send(message).await.unwrap();
            let _ = killed.wait_for(|killed| *killed).await;
            // As the system does for a process that is killed: no close frame.
            socket.abort();
        }
    })
    .await;
    let mut sessions = client(server.uri()).sessions();
    let mut session = soon(sessions.next()).await.unwrap();
    assert_eq!(session.number(), 1);
    session.send("before").await.unwrap();
    assert_eq!(soon(session.recv()).await, Some(Message::text("before")));
    kill.send(true).unwrap();
    assert_eq!(soon(session.recv()).await, None);
    assert_eq!(session.close_report().unwrap().code, CloseCode::ABNORMAL);
    drop(session);
    let address = server.stop().await;

    let messenger = sessions.messenger();
    let going_on = tokio::spawn(async move {
        let mut session = sessions.next().await.unwrap();
        assert_eq!(session.number(), 2);
        session.send("after").await.unwrap();
        session.recv().await
    });
    // Nobody listens: it tries, and tries again.
    until(&messenger, |status| matches!(status, Status::Waiting { attempt: 4.., .. })).await;
    let _server = Server::start_at(address, |_, stream| async move {
        echo(everwire::accept(stream).await.unwrap()).await;
    })
    .await;
    assert_eq!(soon(going_on).await.unwrap(), Some(Message::text("after")));
}

#[tokio::test]
async fn a_network_that_cuts_and_refuses_is_outlasted() {
    let server = Server::of_echo().await;
    let proxy = FaultProxy::start(server.address).await.unwrap();
    let mut sessions = client(format!("ws://{}/", proxy.addr())).sessions();
    for turn in 1..=6 {
        let mut session = soon(sessions.next()).await.unwrap();
        let text = format!("turn {turn}");
        session.send(text.as_str()).await.unwrap();
        assert_eq!(soon(session.recv()).await, Some(Message::text(text)));
        match turn % 3 {
            0 => proxy.cut(),
            1 => proxy.reset(),
            _ => {
                proxy.refuse(Duration::from_millis(100)).await;
                proxy.cut();
            }
        }
        assert_eq!(soon(session.recv()).await, None);
    }
}

#[tokio::test]
async fn there_is_never_a_second_attempt_beside_the_first() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, peak) = (now.clone(), most.clone());
    let server = Server::start(move |_, mut stream| {
        let (now, most) = (counted.clone(), peak.clone());
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Hangs up when the client does: no answer ever comes.
            let _ = stream.read_to_end(&mut Vec::new()).await;
            now.fetch_sub(1, Ordering::SeqCst);
        }
    })
    .await;
    let mut policy = quick();
    policy.open_timeout = Duration::from_millis(100);
    let mut sessions = client(server.uri()).policy(policy).sessions();
    let messenger = sessions.messenger();
    let trying = tokio::spawn(async move { sessions.next().await.is_none() });
    for turn in 1..=5 {
        eventually(|| server.connections() >= turn && now.load(Ordering::SeqCst) == 1).await;
        messenger.awake();
        messenger.network(true);
        messenger.retry_now();
    }
    messenger.close(None);
    assert!(soon(trying).await.unwrap());
    eventually(|| now.load(Ordering::SeqCst) == 0).await;
    // The one that is dropped may be seen off beside the one that begins.
    assert!(most.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn an_attempt_that_hangs_is_given_up_and_the_next_one_may_succeed() {
    let server = Server::start(|number, mut stream| async move {
        if number <= 2 {
            let _ = stream.read_to_end(&mut Vec::new()).await;
        } else {
            echo(everwire::accept(stream).await.unwrap()).await;
        }
    })
    .await;
    let mut policy = quick();
    policy.open_timeout = Duration::from_millis(300);
    let mut sessions = client(server.uri()).policy(policy).sessions();
    let began = Instant::now();
    assert!(soon(sessions.next()).await.is_some());
    assert!(began.elapsed() >= Duration::from_millis(590), "{:?}", began.elapsed());
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_fresh_token_for_each_attempt_outlasts_401() {
    let server = Server::start(|number, stream| async move {
        if number <= 2 {
            return respond(stream, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").await;
        }
        let mut seen = vec![0; 4096];
        let len = stream.peek(&mut seen).await.unwrap();
        let head = String::from_utf8_lossy(&seen[..len]).to_ascii_lowercase();
        assert!(head.contains("\r\nauthorization: bearer token 3\r\n"), "{head}");
        assert!(head.starts_with("get /?ticket=3 "), "{head}");
        echo(everwire::accept(stream).await.unwrap()).await;
    })
    .await;
    let (uri, asked) = (server.uri(), Arc::new(AtomicUsize::new(0)));
    let mut sessions = client("ws://nobody.invalid/")
        .before_connect(move || {
            let number = asked.fetch_add(1, Ordering::SeqCst) + 1;
            let uri = format!("{uri}?ticket={number}");
            async move {
                let token = format!("Bearer token {number}");
                Ok(Destination::new(uri).header("Authorization", token)?)
            }
        })
        .sessions();
    assert!(soon(sessions.next()).await.is_some());
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_message_that_the_network_did_not_carry_in_time_ends_the_connection_and_not_the_client() {
    let server = Server::start(|_, stream| async move {
        let mut peer = accept_as_peer(stream).await;
        peer.send_bytes([0x81, 5, b'h']).await;
        std::future::pending().await
    })
    .await;
    let mut config = Config::default();
    config.max_assembly_time = Duration::from_millis(100);
    let connector = Connector::new().config(config);
    let mut sessions = client(server.uri()).connector(connector).sessions();
    let mut session = soon(sessions.next()).await.unwrap();
    assert_eq!(soon(session.recv()).await, None);
    let report = session.close_report().unwrap();
    assert_eq!(report.cause, CloseCause::Violation(ProtocolError::MessageTooSlow));
    drop(session);
    assert_eq!(soon(sessions.next()).await.map(|session| session.number()), Some(2));
}

#[tokio::test]
async fn a_hook_that_fails_is_tried_again() {
    let server = Server::of_echo().await;
    let (uri, calls) = (server.uri(), Arc::new(AtomicUsize::new(0)));
    let (asked, greeted) = (calls.clone(), calls.clone());
    let seen = Heard::default();
    let heard = seen.clone();
    let mut sessions = client("ws://nobody.invalid/")
        .before_connect(move || {
            let (call, uri) = (asked.fetch_add(1, Ordering::SeqCst), uri.clone());
            async move {
                if call == 0 { Err("no token today".into()) } else { Ok(Destination::new(uri)) }
            }
        })
        .on_open(move |socket| {
            let call = greeted.fetch_add(1, Ordering::SeqCst);
            async move { if call < 3 { Err("not subscribed".into()) } else { Ok(socket) } }
        })
        .classify(move |ending| {
            let Ending::Hook(error) = ending else { panic!("{ending}") };
            heard.lock().unwrap().push(error.to_string());
            ending.verdict()
        })
        .sessions();
    assert!(soon(sessions.next()).await.is_some());
    assert_eq!(*seen.lock().unwrap(), ["no token today", "not subscribed"]);
}

#[tokio::test]
async fn a_server_that_asks_for_time_with_retry_after_gets_it() {
    let answer =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n";
    let server = Server::start(move |number, stream| async move {
        if number == 1 {
            return respond(stream, answer).await;
        }
        echo(everwire::accept(stream).await.unwrap()).await;
    })
    .await;
    let mut sessions = client(server.uri()).sessions();
    let messenger = sessions.messenger();
    let began = Instant::now();
    let next = tokio::spawn(async move { sessions.next().await.is_some() });
    assert_paced(&messenger, began, Duration::from_secs(120)).await;
    // Neither the network nor the user's return shortens it; the program may.
    messenger.network(true);
    messenger.awake();
    assert!(matches!(messenger.status(), Status::Waiting { paced: true, .. }));
    assert_eq!(server.connections(), 1);
    messenger.retry_now();
    assert!(soon(next).await.unwrap());
}

#[tokio::test]
async fn a_server_that_restarts_names_its_pace_in_the_close_reason() {
    let server = Server::of_websockets(|_, mut socket| async move {
        let text = "service restart retry-after-ms=90000";
        socket.close(reason(CloseCode::SERVICE_RESTART, text)).await;
    })
    .await;
    let mut sessions = client(server.uri()).sessions();
    let messenger = sessions.messenger();
    let began = Instant::now();
    let mut session = soon(sessions.next()).await.unwrap();
    assert_eq!(soon(session.recv()).await, None);
    assert_eq!(session.close_report().unwrap().code, CloseCode::SERVICE_RESTART);
    assert_paced(&messenger, began, Duration::from_secs(90)).await;
}

#[tokio::test]
async fn an_overloaded_server_is_left_alone_for_five_seconds() {
    let server = Server::of_websockets(|_, mut socket| async move {
        socket.close(reason(CloseCode::TRY_AGAIN_LATER, "")).await;
    })
    .await;
    let mut sessions = client(server.uri()).sessions();
    let messenger = sessions.messenger();
    let began = Instant::now();
    let mut session = soon(sessions.next()).await.unwrap();
    assert_eq!(soon(session.recv()).await, None);
    assert_paced(&messenger, began, Duration::from_secs(5)).await;
}

/// The client waits for as long as the server asked, counted from some time after `began`.
async fn assert_paced(messenger: &everwire::Messenger, began: Instant, asked: Duration) {
    let status = until(messenger, |status| matches!(status, Status::Waiting { .. })).await;
    let Status::Waiting { until: Some(until), paced: true, .. } = status else {
        panic!("{status:?}")
    };
    // A millisecond may be cut off.
    let wait = until - began.into_std() + Duration::from_millis(1);
    assert!(wait >= asked && wait < asked + Duration::from_secs(30), "{wait:?}");
}

#[tokio::test]
async fn without_a_network_nothing_is_tried_and_with_one_again_at_once() {
    let server = Server::of_echo().await;
    let mut sessions = client(server.uri()).sessions();
    let messenger = sessions.messenger();
    let mut session = soon(sessions.next()).await.unwrap();
    messenger.network(false);
    assert_eq!(soon(session.recv()).await, None, "dropped at once");
    drop(session);
    assert_eq!(messenger.status(), Status::Offline);
    let next = tokio::spawn(async move { sessions.next().await.map(|session| session.number()) });
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!((server.connections(), next.is_finished()), (1, false));
    messenger.network(true);
    assert_eq!(soon(next).await.unwrap(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_may_act_on_what_it_sees() {
    let mut sessions = client(Server::of_echo().await.uri()).sessions();
    let messenger = sessions.messenger();
    let acting = tokio::task::spawn_blocking(move || {
        // What is looked at lives as long as the block.
        if let Status::Idle = messenger.status() {
            messenger.close(None);
        }
    });
    soon(acting).await.unwrap();
    assert!(soon(sessions.next()).await.is_none());
}

#[tokio::test]
async fn a_program_may_have_a_new_connection_at_any_time() {
    let server = Server::of_echo().await;
    let mut policy = quick();
    // Nothing that waits would come in time.
    policy.min_delay = Duration::from_secs(3600);
    let mut sessions = client(server.uri()).policy(policy).sessions();
    let messenger = sessions.messenger();
    messenger.reconnect();
    assert_eq!(messenger.status(), Status::Idle, "the first `next` begins");
    for turn in 1..=3 {
        let mut session = soon(sessions.next()).await.unwrap();
        assert_eq!(session.number(), turn);
        messenger.reconnect();
        assert_eq!(soon(session.recv()).await, None);
    }
    assert!(soon(sessions.next()).await.is_some());
}

#[tokio::test]
async fn a_session_that_is_left_is_closed_and_the_next_turn_connects_anew() {
    let codes = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = codes.clone();
    let server = Server::of_websockets(move |_, mut socket| {
        let seen = seen.clone();
        async move {
            let report = crate::sockets::end(&mut socket).await;
            seen.lock().unwrap().push(report.code);
        }
    })
    .await;
    let mut sessions = client(server.uri()).sessions();
    for turn in 1..=2 {
        let session = soon(sessions.next()).await.unwrap();
        assert_eq!(session.number(), turn);
    }
    // Forgotten without being dropped: its handles are lost, the connection is not.
    std::mem::forget(soon(sessions.next()).await.unwrap());
    let session = soon(sessions.next()).await.unwrap();
    let closed = session.close(reason(CloseCode::try_from(4001).unwrap(), "moving on"));
    assert!(soon(closed).await.was_clean);
    assert!(soon(sessions.next()).await.is_some());
    eventually(|| codes.lock().unwrap().len() >= 4).await;
    let codes = codes.lock().unwrap().iter().map(|code| code.get()).collect::<Vec<_>>();
    assert_eq!(codes[..4], [1000, 1000, 1000, 4001]);
    assert_eq!(sessions.ended(), None);
}

#[tokio::test]
async fn a_client_may_be_closed_in_every_phase() {
    // Before it starts.
    let server = Server::of_echo().await;
    let mut sessions = client(server.uri()).sessions();
    sessions.messenger().close(None);
    assert!(soon(sessions.next()).await.is_none());
    assert_eq!((sessions.ended(), server.connections()), (Some(Why::Closed), 0));

    // While it is open: with a closing handshake.
    let mut sessions = client(server.uri()).sessions();
    let messenger = sessions.messenger();
    let mut session = soon(sessions.next()).await.unwrap();
    messenger.close(reason(CloseCode::NORMAL, "done"));
    assert_eq!(soon(session.recv()).await, None);
    assert!(session.close_report().unwrap().was_clean);
    drop(session);
    assert!(soon(sessions.next()).await.is_none());
    // For good, whatever is said afterwards.
    messenger.reconnect();
    messenger.network(true);
    assert!(soon(sessions.next()).await.is_none());

    // While it connects.
    let silent = Server::start(|_, mut stream| async move {
        read_head(&mut stream).await;
        let _ = stream.read_u8().await;
    })
    .await;
    let mut sessions = client(silent.uri()).sessions();
    let messenger = sessions.messenger();
    let next = tokio::spawn(async move { sessions.next().await.is_none() });
    eventually(|| silent.connections() == 1).await;
    messenger.close(None);
    assert!(soon(next).await.unwrap());

    // While it waits, and while there is no network.
    let address = silent.stop().await;
    for online in [true, false] {
        let mut policy = quick();
        policy.min_delay = Duration::from_secs(3600);
        let mut sessions = client(format!("ws://{address}/")).policy(policy).sessions();
        let messenger = sessions.messenger();
        messenger.network(online);
        let next = tokio::spawn(async move { sessions.next().await.is_none() });
        let idle = |status: &Status| matches!(status, Status::Waiting { .. } | Status::Offline);
        until(&messenger, idle).await;
        messenger.close(None);
        assert!(soon(next).await.unwrap());
    }
}
