//! Every future may be dropped at every point, and nothing is left running.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use everwire::reconnect::{Status, outbox::Fate};
use everwire::{Config, Connector, OutboxLimits, Sessions};
use tokio::io::AsyncReadExt;

use crate::server::{Heard, Server, client, eventually, listen, quick};
use crate::sockets::soon;

/// Polls once.
async fn once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Awaits a call whose future is dropped after each poll, and calls again.
macro_rules! disturbed {
    ($call:expr) => {
        soon(async {
            loop {
                if let Some(output) = once(pin!($call)).await {
                    break output;
                }
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        })
        .await
    };
}

#[tokio::test]
async fn next_goes_on_where_it_was_and_opens_one_connection_a_turn() {
    let server = Server::of_websockets(|number, mut socket| async move {
        socket.send(format!("connection {number}")).await.unwrap();
        crate::sockets::end(&mut socket).await;
    })
    .await;
    let mut sessions = client(server.uri())
        .before_connect({
            let uri = server.uri();
            move || {
                let uri = uri.clone();
                async move {
                    tokio::task::yield_now().await;
                    Ok(everwire::reconnect::Destination::new(uri))
                }
            }
        })
        .on_open(async |socket| {
            tokio::task::yield_now().await;
            Ok(socket)
        })
        .sessions();
    for turn in 1..=5 {
        // A guard of a turn that was awaited in vain would leave its session.
        loop {
            let mut polled = pin!(sessions.next());
            if let Some(session) = once(polled.as_mut()).await {
                let mut session = session.unwrap();
                let message = disturbed!(session.recv());
                assert_eq!(message.unwrap().as_text(), Some(&*format!("connection {turn}")));
                assert!(disturbed!(session.send("thanks")).is_ok());
                break;
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        assert_eq!(server.connections(), turn);
    }
}

#[tokio::test]
async fn a_send_that_is_dropped_has_sent_all_or_nothing() {
    let heard = Heard::default();
    let ears = heard.clone();
    let server = Server::of_websockets(move |_, socket| listen(socket, ears.clone())).await;
    let mut config = Config::default();
    config.max_queued_bytes = 30;
    config.deflate = None;
    let connector = Connector::new().config(config);
    let mut sessions = client(server.uri()).connector(connector).sessions();
    let messenger = sessions.messenger();
    let mut session = soon(sessions.next()).await.unwrap();
    let mut texts = Vec::new();
    let mut last = None;
    for number in 0..200 {
        let text = format!("message {number}, of some length");
        last = Some(disturbed!(messenger.send(text.as_str())).unwrap());
        texts.push(text);
    }
    let mut last = last.unwrap();
    assert_eq!(last.number(), 200);
    // The receipt, too, may be awaited in pieces.
    let fate = tokio::select! {
        _ = session.recv() => panic!("nothing is sent back"),
        fate = async { disturbed!(&mut last) } => fate,
    };
    assert_eq!(fate, Fate::Sent);
    assert_eq!(*heard.lock().unwrap(), texts);
}

#[tokio::test]
async fn a_message_in_pieces_is_begun_once_and_its_session_ends_as_any_other() {
    let server = Server::of_websockets(|_, mut socket| async move {
        let mut writer = socket.start_message(everwire::Kind::Binary).await.unwrap();
        for piece in 0..20 {
            tokio::time::sleep(Duration::from_millis(1)).await;
            writer.piece(&[piece; 100]).await.unwrap();
        }
        writer.finish().await.unwrap();
        socket.close(None).await;
    })
    .await;
    let mut sessions = client(server.uri()).sessions();
    let mut session = soon(sessions.next()).await.unwrap();
    let mut bytes = Vec::new();
    // Polled once in vain, and dropped, before there is anything to read.
    assert!(once(pin!(session.next_message())).await.is_none());
    let mut reader = soon(session.next_message()).await.unwrap();
    while let Some(piece) = disturbed!(reader.piece()).unwrap() {
        bytes.extend_from_slice(&piece);
    }
    drop(reader);
    assert_eq!(bytes, (0..20).flat_map(|piece| [piece; 100]).collect::<Vec<_>>());
    assert!(disturbed!(async { session.next_message().await.is_none() }));
    assert!(session.close_report().unwrap().was_clean);
    drop(session);
    assert!(soon(sessions.next()).await.is_some(), "no code: to be tried again");
}

#[tokio::test]
async fn closing_a_session_goes_on_in_the_background() {
    let reports = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = reports.clone();
    let server = Server::of_websockets(move |_, mut socket| {
        let seen = seen.clone();
        async move {
            let report = crate::sockets::end(&mut socket).await;
            seen.lock().unwrap().push(report);
        }
    })
    .await;
    let mut sessions = client(server.uri()).sessions();
    let session = soon(sessions.next()).await.unwrap();
    assert!(once(pin!(session.close(None))).await.is_none());
    eventually(|| reports.lock().unwrap().len() == 1).await;
    assert!(reports.lock().unwrap()[0].was_clean);
    assert!(soon(sessions.next()).await.is_some());
}

/// How many tasks this thread's runtime has.
fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// Brings clients into a phase, drops them there, and expects nothing to be left of them.
async fn dropped_in(phase: impl Fn(&Status) -> bool, make: impl Fn() -> Sessions) {
    // The driver of this thread stays, and so does the test's server.
    let mut before = None;
    for _ in 0..5 {
        let mut sessions = make();
        let messenger = sessions.messenger();
        let _receipt = messenger.send("waiting").await;
        let reached = async {
            let mut status = messenger.watch_status();
            let _ = status.wait_for(&phase).await.unwrap();
        };
        soon(async {
            tokio::select! {
                biased;
                () = reached => {}
                // A session that is given stays in the phase.
                () = async { let _session = sessions.next().await; std::future::pending().await } => {}
            }
        })
        .await;
        drop(sessions);
        assert!(matches!(messenger.status(), Status::Ended(_)));
        assert!(messenger.send("too late").await.is_err());
        let before = *before.get_or_insert_with(tasks);
        eventually(|| tasks() <= before).await;
    }
}

fn waiting() -> OutboxLimits {
    let mut limits = OutboxLimits::default();
    limits.max_messages = 5;
    limits
}

#[tokio::test]
async fn a_client_that_is_dropped_before_it_starts_leaves_nothing() {
    dropped_in(|_| true, || client("ws://127.0.0.1:1/").queue(waiting()).sessions()).await;
}

#[tokio::test]
async fn a_client_that_is_dropped_while_it_connects_leaves_nothing() {
    let gone = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = gone.clone();
    let server = Server::start(move |_, mut stream| {
        let count = count.clone();
        async move {
            let _ = stream.read_to_end(&mut Vec::new()).await;
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    })
    .await;
    let uri = server.uri();
    let made = || client(&*uri).queue(waiting()).sessions();
    dropped_in(|status| matches!(status, Status::Connecting { .. }), made).await;
    let seen = || gone.load(std::sync::atomic::Ordering::SeqCst) == server.connections();
    eventually(seen).await;
}

#[tokio::test]
async fn a_client_that_is_dropped_while_it_opens_leaves_nothing() {
    let server = Server::of_echo().await;
    let uri = server.uri();
    let made =
        || client(&*uri).queue(waiting()).on_open(|_socket| std::future::pending()).sessions();
    dropped_in(|status| matches!(status, Status::Connecting { .. }), made).await;
}

#[tokio::test]
async fn a_client_that_is_dropped_while_it_is_open_leaves_nothing() {
    let server = Server::of_echo().await;
    let uri = server.uri();
    let made = || client(&*uri).queue(waiting()).sessions();
    dropped_in(|status| matches!(status, Status::Open { .. }), made).await;
}

#[tokio::test]
async fn a_client_that_is_dropped_while_it_waits_leaves_nothing() {
    let server = Server::start(|_, stream| async move { drop(stream) }).await;
    let uri = server.uri();
    let made = || {
        let mut policy = quick();
        policy.min_delay = Duration::from_secs(3600);
        policy.max_delay = Duration::from_secs(3600);
        client(&*uri).policy(policy).queue(waiting()).sessions()
    };
    dropped_in(|status| matches!(status, Status::Waiting { .. }), made).await;
}

#[tokio::test]
async fn a_client_that_is_dropped_without_a_network_leaves_nothing() {
    let made = || {
        let sessions = client("ws://127.0.0.1:1/").queue(waiting()).sessions();
        sessions.messenger().network(false);
        sessions
    };
    dropped_in(|status| matches!(status, Status::Offline), made).await;
}

#[tokio::test]
async fn a_client_whose_sessions_are_dropped_says_so_to_a_task_that_waits_for_room() {
    let server = Server::of_websockets(|_, socket| async move {
        std::future::pending::<()>().await;
        drop(socket);
    })
    .await;
    let mut sessions = client(server.uri()).sessions();
    let messenger = sessions.messenger();
    let session = soon(sessions.next()).await.unwrap();
    let task = tokio::spawn(async move {
        loop {
            if let Err(refused) = messenger.send(vec![7; 1 << 20]).await {
                break refused.why;
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(session);
    drop(sessions);
    let why = soon(task).await.unwrap();
    assert_eq!(why, everwire::reconnect::outbox::Refusal::Ended);
}
