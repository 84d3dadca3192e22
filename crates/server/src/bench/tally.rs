//! Latencies, counted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

/// Two significant digits: a bucket is less than one per cent wide.
const DIGITS: u8 = 2;

/// Longer latencies are counted as this one: an hour, in nanoseconds.
const MAX: u64 = 3_600_000_000_000;

/// Where all connections count their echoes. One histogram for all stays in the processor's cache
/// and needs no merging; on one thread its lock is never waited for.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    latencies: Arc<Mutex<Histogram<u64>>>,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self { latencies: Arc::new(Mutex::new(histogram())) }
    }

    /// Counts an echo that took this long.
    #[inline]
    pub(super) fn record(&self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(MAX);
        self.lock().saturating_record(nanos);
    }

    /// What was counted since the last call; begins anew.
    pub(super) fn take(&self) -> Histogram<u64> {
        std::mem::replace(&mut self.lock(), histogram())
    }

    fn lock(&self) -> MutexGuard<'_, Histogram<u64>> {
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(MAX, DIGITS).expect("two digits and an hour are within bounds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_one_per_cent() {
        let tally = Tally::new();
        for micros in 1..=100_000 {
            tally.record(Duration::from_micros(micros));
        }
        let latencies = tally.take();
        assert_eq!(latencies.len(), 100_000);
        for quantile in [0.1, 0.5, 0.9, 0.99, 0.999, 1.0] {
            let exact = quantile * 1e8;
            let found = latencies.value_at_quantile(quantile) as f64;
            assert!(found >= exact && found < exact * 1.01, "{quantile}: {found}");
        }
        assert_eq!(tally.take().len(), 0);
    }

    #[test]
    fn no_latency_is_too_short_or_too_long_to_count() {
        let tally = Tally::new();
        tally.record(Duration::ZERO);
        tally.record(Duration::MAX);
        assert_eq!(tally.take().len(), 2);
    }
}
