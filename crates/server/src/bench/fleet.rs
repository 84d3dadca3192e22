//! All connections of a run, a task each.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::failure::Failure;
use super::opener::{Connection, Opener};

/// How many connections are being opened at once. Servers limit the handshakes in flight of one
/// address: Everwire's own admits 64.
const MAX_OPENING: usize = 32;

/// How long all connections together may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Connections are being opened.
    Opening,
    /// All are open, and may do what they are for.
    Running,
    /// The run is over.
    Closing,
}

/// The connections of a run.
#[derive(Debug)]
pub(super) struct Fleet {
    stage: watch::Sender<Stage>,
    tasks: JoinSet<Result<(), Failure>>,
}

impl Fleet {
    /// Opens so many connections. Each is run from when it is open; it waits for its stages by
    /// itself.
    ///
    /// # Errors
    /// As soon as one does not open, or ends.
    pub(super) async fn open<F>(
        opener: Opener,
        connections: u32,
        run: impl Fn(Connection, watch::Receiver<Stage>) -> F,
    ) -> Result<Self, Failure>
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let opener = Arc::new(opener);
        let mut fleet = Self { stage: watch::Sender::new(Stage::Opening), tasks: JoinSet::new() };
        let mut opening = JoinSet::new();
        let mut indices = 0..connections as usize;
        loop {
            while opening.len() < MAX_OPENING
                && let Some(index) = indices.next()
            {
                let opener = opener.clone();
                opening.spawn(async move { opener.open(index).await });
            }
            tokio::select! {
                opened = opening.join_next() => match opened {
                    None => return Ok(fleet),
                    Some(opened) => {
                        let connection = opened.map_err(Failure::Task)??;
                        fleet.tasks.spawn(run(connection, fleet.stage.subscribe()));
                    }
                },
                failure = fleet.failure() => return Err(failure),
            }
        }
    }

    /// Lets the connections do what they are for.
    pub(super) fn start(&self) {
        self.stage.send_replace(Stage::Running);
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// As soon as a connection fails.
    pub(super) async fn hold(&mut self, time: Duration) -> Result<(), Failure> {
        tokio::select! {
            () = sleep(time) => Ok(()),
            failure = self.failure() => Err(failure),
        }
    }

    /// Waits for a connection to fail.
    pub(super) async fn failure(&mut self) -> Failure {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(failure))) => return failure,
                Some(Err(error)) => return Failure::Task(error),
                None => pending().await,
            }
        }
    }

    /// Closes all connections; those that take too long are left as they are.
    pub(super) async fn close(mut self) {
        self.stage.send_replace(Stage::Closing);
        let _ =
            timeout(CLOSE_TIMEOUT, async { while self.tasks.join_next().await.is_some() {} }).await;
    }
}
