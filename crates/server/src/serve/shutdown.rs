//! The way out: a signal, a close frame to everyone, a short wait.

use std::time::Duration;

use everwire::{CloseCode, CloseReason, Group};
use tokio::signal::unix::{SignalKind, signal};

/// How long open WebSockets have to answer the close frame.
const GRACE: Duration = Duration::from_secs(5);

/// How often the wait looks whether it is over.
const LOOK: Duration = Duration::from_millis(10);

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn signalled() -> std::io::Result<()> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Closes everyone with 1001 and waits until they have answered, for a while; a second signal ends
/// the wait.
pub(crate) async fn close_all(everyone: &Group) {
    let reason = CloseReason::new(CloseCode::GOING_AWAY, "server is shutting down");
    everyone.start_close(reason.ok());
    let gone = async {
        while !everyone.is_empty() {
            tokio::time::sleep(LOOK).await;
        }
        // The last sockets are still being seen off.
        tokio::time::sleep(LOOK).await;
    };
    tokio::select! {
        _ = tokio::time::timeout(GRACE, gone) => {}
        _ = signalled() => {}
    }
}
