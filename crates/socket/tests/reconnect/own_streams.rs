//! A client over streams of the program's own.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use everwire::{Message, Reconnector};
use tokio::io::duplex;

use crate::server::{echo, quick};
use crate::sockets::soon;

#[tokio::test]
async fn a_client_may_go_over_streams_of_the_programs_own_and_asks_for_one_each_time() {
    let dialled = Arc::new(AtomicUsize::new(0));
    let count = dialled.clone();
    let mut sessions = Reconnector::over("ws://pipe/", move || {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        async move {
            if number == 2 {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (near, far) = duplex(1024);
            tokio::spawn(async move { echo(everwire::accept(far).await.unwrap()).await });
            Ok(near)
        }
    })
    .policy(quick())
    .sessions();
    for number in 1..=2 {
        let mut session = soon(sessions.next()).await.unwrap();
        assert_eq!(session.number(), number);
        session.send("over a pipe").await.unwrap();
        assert_eq!(soon(session.recv()).await, Some(Message::text("over a pipe")));
    }
    // One for each session, and one that was refused between them.
    assert_eq!(dialled.load(Ordering::SeqCst), 3);
}
