//! All connections of a run, a task each.

use std::future::{Future, pending};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::crew::Crew;
use super::failure::Failure;
use super::progress::{Progress, TICK};
use super::report::counted;

/// How many connections are being opened at once. Servers limit the handshakes in flight of one
/// address: Everwire's own admits 64.
const MAX_OPENING: usize = 32;

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
    fn new() -> Self {
        Self { stage: watch::Sender::new(Stage::Opening), tasks: JoinSet::new() }
    }

    /// Opens so many connections. Each is run from when it is open, on the thread that opened it; it
    /// waits for its stages by itself.
    ///
    /// # Errors
    /// As soon as one does not open, or ends.
    pub(super) async fn open<C, O, F>(
        crew: &Crew,
        connections: u32,
        progress: &mut Progress,
        open: impl Fn(usize) -> O,
        run: impl Fn(C, usize, watch::Receiver<Stage>) -> F,
    ) -> Result<Self, Failure>
    where
        C: Send + 'static,
        O: Future<Output = Result<C, Failure>> + Send + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let mut fleet = Self::new();
        let mut opening = JoinSet::new();
        let mut indices = 0..connections as usize;
        loop {
            while opening.len() < MAX_OPENING
                && let Some(index) = indices.next()
            {
                let opened = open(index);
                opening.spawn_on(async move { (index, opened.await) }, crew.runtime_of(index));
            }
            tokio::select! {
                opened = opening.join_next() => match opened {
                    None => return Ok(fleet),
                    Some(opened) => {
                        let (index, connection) = opened.map_err(Failure::Task)?;
                        let task = run(connection?, index, fleet.stage.subscribe());
                        fleet.tasks.spawn_on(task, crew.runtime_of(index));
                        let open = fleet.tasks.len();
                        let done = open as f64 / f64::from(connections);
                        progress.show("opening", done, || format!("{open} of {}", counted(connections)));
                    }
                },
                failure = fleet.failure() => return Err(failure),
            }
        }
    }

    /// So many tasks that open what they need by themselves.
    pub(super) fn of_tasks<F>(
        crew: &Crew,
        tasks: u32,
        run: impl Fn(usize, watch::Receiver<Stage>) -> F,
    ) -> Self
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let mut fleet = Self::new();
        for index in 0..tasks as usize {
            let task = run(index, fleet.stage.subscribe());
            fleet.tasks.spawn_on(task, crew.runtime_of(index));
        }
        fleet
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

    /// Lets time pass, and shows how much of it has; `count` is how much was counted in all.
    ///
    /// # Errors
    /// As soon as a connection fails.
    pub(super) async fn measure(
        &mut self,
        time: Duration,
        progress: &mut Progress,
        unit: &str,
        count: impl Fn() -> u64,
    ) -> Result<(), Failure> {
        let (start, before) = (Instant::now(), count());
        loop {
            let passed = start.elapsed();
            let Some(left) = time.checked_sub(passed).filter(|left| !left.is_zero()) else {
                return Ok(());
            };
            progress.show("measuring", passed.as_secs_f64() / time.as_secs_f64(), || {
                let rate = (count() - before) as f64 / passed.as_secs_f64().max(1e-3);
                format!("{:.1} s left, {rate:.0} {unit}/s", left.as_secs_f64())
            });
            self.hold(left.min(TICK)).await?;
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

    /// Lets the connections end, which each does when what it has under way is done.
    ///
    /// # Errors
    /// If one fails, or some are not done in the time: how many.
    pub(super) async fn finish(mut self, time: Duration) -> Result<(), Failure> {
        self.stage.send_replace(Stage::Closing);
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                ended.map_err(Failure::Task)??;
            }
            Ok(())
        };
        match timeout(time, all).await {
            Ok(ended) => ended,
            Err(_) => Err(Failure::Unfinished { connections: self.tasks.len(), time }),
        }
    }
}
