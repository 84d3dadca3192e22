//! It gives up: where trying again makes no sense, or was not wanted.

use std::time::Duration;

use everwire::reconnect::{Ending, retry::Verdict, retry::Why};
use everwire::{CloseCode, ConnectError, Sessions};

use crate::server::{Server, client, quick};
use crate::sockets::{reason, soon};

/// Goes through the loop to its end; says why it ended and how many sessions there were.
async fn outcome(sessions: &mut Sessions) -> (Why, usize) {
    let mut turns = 0;
    soon(async {
        while let Some(mut session) = sessions.next().await {
            turns += 1;
            while session.recv().await.is_some() {}
        }
    })
    .await;
    (sessions.ended().unwrap(), turns)
}

#[tokio::test]
async fn a_refusal_is_final() {
    for answer in [
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n",
    ] {
        let server = Server::that_answers(answer).await;
        let mut sessions = client(server.uri()).sessions();
        assert_eq!(outcome(&mut sessions).await, (Why::Fatal, 0));
        let Some(Ending::Connect { error, .. }) = sessions.last_ending() else { panic!() };
        assert_eq!(error.response().unwrap().status().as_str(), &answer[9..12]);
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn a_server_that_speaks_something_else_is_not_asked_again() {
    let server = Server::that_answers("220 mail.example ESMTP\r\n\r\n").await;
    let mut sessions = client(server.uri()).sessions();
    assert_eq!(outcome(&mut sessions).await, (Why::Fatal, 0));
}

#[tokio::test]
async fn a_uri_that_is_none_is_not_tried_again() {
    let mut sessions = client("ftp://example.com/").sessions();
    assert_eq!(outcome(&mut sessions).await, (Why::Fatal, 0));
    let ending = sessions.last_ending().unwrap();
    assert!(matches!(ending, Ending::Connect { error: ConnectError::Uri(_), .. }), "{ending}");
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_final() {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (key.cert.pem(), key.signing_key.serialize_pem());
    let acceptor =
        everwire::tls::acceptor_from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let server = Server::start(move |_, stream| {
        let acceptor = acceptor.clone();
        async move {
            let _ = acceptor.accept(stream).await;
        }
    })
    .await;
    let uri = format!("wss://localhost:{}/", server.address.port());
    let mut sessions = client(uri).sessions();
    assert_eq!(outcome(&mut sessions).await, (Why::Fatal, 0));
    let ending = sessions.last_ending().unwrap();
    assert!(matches!(ending, Ending::Connect { error: ConnectError::Tls(_), .. }), "{ending}");
}

#[tokio::test]
async fn close_codes_say_whether_to_come_back() {
    for (code, returns) in [
        (1000, false),
        (1001, true),
        (1002, false),
        (1003, false),
        (1007, false),
        (1008, false),
        (1009, false),
        (1010, false),
        (1011, true),
        (1012, true),
        (1014, true),
        (3000, true),
        (3500, false),
        (4000, true),
        (4499, true),
        (4500, false),
        (4999, false),
    ] {
        let server = Server::of_websockets(move |number, mut socket| async move {
            let code = if number == 1 { code } else { 1000 };
            socket.close(reason(CloseCode::try_from(code).unwrap(), "")).await;
        })
        .await;
        let mut sessions = client(server.uri()).sessions();
        let expected = (Why::Fatal, if returns { 2 } else { 1 });
        assert_eq!(outcome(&mut sessions).await, expected, "{code}");
    }
}

#[tokio::test]
async fn a_program_may_judge_by_itself() {
    let server = Server::of_websockets(|number, mut socket| async move {
        let code = if number < 3 { 1000 } else { 4000 };
        socket.close(reason(CloseCode::try_from(code).unwrap(), "")).await;
    })
    .await;
    let mut sessions = client(server.uri())
        .classify(|ending| match ending {
            Ending::Closed(report) if report.code == CloseCode::NORMAL => Verdict::Retry,
            Ending::Closed(_) => Verdict::Fatal,
            _ => ending.verdict(),
        })
        .sessions();
    assert_eq!(outcome(&mut sessions).await, (Why::Fatal, 3));
    let Some(Ending::Closed(report)) = sessions.last_ending() else { panic!() };
    assert_eq!(report.code.get(), 4000);
}

#[tokio::test]
async fn it_gives_up_after_so_many_attempts() {
    let server = Server::start(|_, stream| async move { drop(stream) }).await;
    let mut policy = quick();
    policy.max_attempts = Some(4);
    let mut sessions = client(server.uri()).policy(policy).sessions();
    assert_eq!(outcome(&mut sessions).await, (Why::Attempts, 0));
    assert_eq!(server.connections(), 4);
    assert!(matches!(sessions.last_ending(), Some(Ending::Connect { .. })));
    assert!(soon(sessions.next()).await.is_none(), "for good");
}

#[tokio::test]
async fn connections_that_do_not_stay_are_failed_attempts() {
    let server = Server::of_websockets(|_, socket| async move {
        // The client has been accepted.
        socket.flush().await.unwrap();
        socket.abort();
    })
    .await;
    let mut policy = quick();
    policy.max_attempts = Some(3);
    let mut sessions = client(server.uri()).policy(policy).sessions();
    assert_eq!(outcome(&mut sessions).await, (Why::Attempts, 3));
}

#[tokio::test]
async fn it_gives_up_after_so_long() {
    let server = Server::start(|_, stream| async move { drop(stream) }).await;
    let mut policy = quick();
    policy.max_elapsed = Some(Duration::from_millis(200));
    let mut sessions = client(server.uri()).policy(policy).sessions();
    let began = tokio::time::Instant::now();
    assert_eq!(outcome(&mut sessions).await, (Why::Elapsed, 0));
    assert!(began.elapsed() >= Duration::from_millis(150), "{:?}", began.elapsed());
    assert!(server.connections() > 1);
}
