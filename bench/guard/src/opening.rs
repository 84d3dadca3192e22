//! A connection from its request to its end, without a message.

use everwire::Acceptor;

use crate::streams::{Visit, on_a_thread};

/// `count` connections, one after the other: request, answer, close frame, close frame, end.
pub(crate) fn run(count: u64) {
    on_a_thread(async {
        let acceptor = Acceptor::new();
        for _ in 0..count {
            let mut socket = acceptor.accept(Visit::default()).await.expect("it is a request");
            assert!(socket.recv().await.is_none());
            assert!(socket.close_report().is_some_and(|report| report.was_clean));
        }
    });
}
