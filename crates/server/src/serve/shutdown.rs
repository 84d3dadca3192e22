//! The way out: a signal, no more connections, a close frame to everyone, a bounded wait.

use std::convert::Infallible;
use std::time::Duration;

use everwire::{Shutdown, ShutdownReport};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::endpoints::Endpoints;

/// How long requests that are being read or answered may take once the server goes down. One that
/// is read in time is answered, a WebSocket's with 503.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// How far the process is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Serving,
    /// Nobody is let in any more.
    Leaving,
    /// Whatever still runs is dropped.
    Over,
}

/// Waits until the process has come that far.
pub(super) async fn reached(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    // It fails if there is nobody left to move it: then all is over.
    let _ = phase.wait_for(|phase| *phase >= wanted).await;
}

/// Held as long as something goes on.
pub(super) type Token = mpsc::Sender<Infallible>;

/// Tells when all its tokens are gone: then `recv` gives `None`.
pub(super) type Tokens = mpsc::Receiver<Infallible>;

pub(super) fn tokens() -> (Token, Tokens) {
    mpsc::channel(1)
}

/// Ctrl-C and SIGTERM, from the moment this is made.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// # Errors
    /// If the system does not let us listen for them.
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The next one, whichever it is.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Closes everyone as planned, while the last requests are answered. A second signal ends the wait.
pub(super) async fn close_all(
    everyone: &Endpoints,
    plan: &Shutdown,
    mut others: Tokens,
    signals: &mut Signals,
) {
    let as_planned = async {
        let others = tokio::time::timeout(LAST_REQUESTS.min(plan.deadline), others.recv());
        tokio::join!(everyone.shut_down(plan), others).0
    };
    let report = tokio::select! {
        report = as_planned => report,
        () = signals.next() => everyone.shut_down(&Shutdown::at_once()).await,
    };
    log(&report);
}

/// The one line that says how it went.
fn log(report: &ShutdownReport) {
    let ShutdownReport { closed_clean, closed_unclean, aborted, unsent, took, .. } = report;
    tracing::info!(
        closed_clean,
        closed_unclean,
        aborted,
        unsent_messages = unsent.messages,
        unsent_bytes = unsent.bytes,
        ?took,
        "shut down"
    );
}
