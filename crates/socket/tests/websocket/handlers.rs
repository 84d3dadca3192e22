//! Handlers that fail.

use std::time::Duration;

use crate::sockets::{end, next, pair, quiet, soon, tcp_pair};
use everwire::{CloseCode, Message};

// row: R10
#[tokio::test]
async fn a_handler_that_panics_ends_its_connection_with_1011_and_no_other() {
    let (mut client, mut server) = pair(&quiet());
    let (mut other, mut others_server) = pair(&quiet());
    let handler = tokio::spawn(async move {
        next(&mut server).await;
        panic!("a bug of the application");
    });
    tokio::spawn(async move {
        while let Some(message) = others_server.recv().await {
            others_server.send(message).await.unwrap();
        }
    });
    client.send("go").await.unwrap();
    let report = end(&mut client).await;
    assert_eq!((report.code, report.was_clean), (CloseCode::INTERNAL_ERROR, true));
    assert!(report.reason.is_empty(), "and tells nothing of our insides");
    assert!(soon(handler).await.unwrap_err().is_panic());
    other.send("unharmed").await.unwrap();
    assert_eq!(next(&mut other).await, Message::text("unharmed"));
}

#[tokio::test]
async fn a_visitor_that_panics_in_its_task_ends_it_with_1011() {
    let (mut client, mut server) = pair(&quiet());
    let handler =
        tokio::spawn(async move { server.visit(|_, _| panic!("a bug of the application")).await });
    client.send("go").await.unwrap();
    assert_eq!(end(&mut client).await.code, CloseCode::INTERNAL_ERROR);
    assert!(soon(handler).await.unwrap_err().is_panic());
}

#[tokio::test]
async fn a_task_that_is_aborted_closes_its_connection_with_1000() {
    let (mut client, mut server) = pair(&quiet());
    let handler = tokio::spawn(async move { while server.recv().await.is_some() {} });
    client.send("go").await.unwrap();
    crate::sockets::settle().await;
    handler.abort();
    assert_eq!(end(&mut client).await.code, CloseCode::NORMAL);
}

// row: R10
#[tokio::test]
async fn a_handler_that_waits_for_ever_holds_nobody_else_up_nor_the_end() {
    let mut config = quiet();
    config.close_timeout = Duration::from_millis(100);
    let (mut client, mut server) = tcp_pair(&config).await;
    let group = everwire::Group::new();
    let membership = group.join(&server);
    let stuck = tokio::spawn(async move {
        let _membership = membership;
        next(&mut server).await;
        std::future::pending::<()>().await;
    });
    client.send("go").await.unwrap();
    crate::sockets::settle().await;
    // A shutdown does not wait for the handler: the close frame leaves, and the deadline is kept,
    // although nobody awaits `recv` at that end.
    group.start_close(None);
    let report = end(&mut client).await;
    assert_eq!(report.code, CloseCode::NO_STATUS);
    assert!(!stuck.is_finished());
    stuck.abort();
}

#[tokio::test]
async fn a_runtime_that_is_gone_takes_its_connections_along() {
    let (sender, peer) = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, peer) = crate::sockets::server(&quiet());
            let sender = client.sender();
            sender.send("before").await.unwrap();
            drop(client);
            (sender, peer)
        })
    })
    .join()
    .unwrap();
    let mut peer = peer;
    assert_eq!(peer.next_payload().await, b"before");
    // Nothing drives it any more, and nothing panics or hangs.
    let _ = sender.try_send("after");
    let _ = soon(sender.send("after")).await;
    drop(sender);
    assert!(peer.end().await.is_some());
}
