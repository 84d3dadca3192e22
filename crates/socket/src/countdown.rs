//! How much of a time limit is left.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::time::error::Elapsed;

use crate::clock;

/// One limit over several steps: each step may take what the ones before it left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Countdown {
    start: Instant,
    limit: Duration,
}

impl Countdown {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { start: clock::now(), limit }
    }

    pub(crate) fn left(&self) -> Duration {
        self.limit.saturating_sub(clock::now().saturating_duration_since(self.start))
    }

    /// Runs one step; dropped when the time is over.
    pub(crate) async fn step<F: Future>(&self, step: F) -> Result<F::Output, Elapsed> {
        tokio::time::timeout(self.left(), step).await
    }
}
