//! When each message was published.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The times at which messages were published, by their numbers. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent(Arc<Mutex<Vec<Instant>>>);

impl Sent {
    /// The next message is published now; its number.
    pub(super) fn note(&self) -> u64 {
        let mut times = self.lock();
        times.push(Instant::now());
        times.len() as u64
    }

    /// How long ago it was.
    pub(super) fn since(&self, number: u64) -> Option<Duration> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        Some(self.lock().get(index)?.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
