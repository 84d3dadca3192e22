//! Latencies, counted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

/// Significant digits: a bucket is less than a thousandth of its value wide. Of samples in such
/// buckets the percentiles are within 0.1 % of those of all raw samples, and merging loses nothing.
const DIGITS: u8 = 3;

/// Longer latencies are counted as this one: an hour, in nanoseconds.
const MAX: u64 = 3_600_000_000_000;

/// Where all connections count: a part for each thread, merged when it is read.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    parts: Arc<[Part]>,
}

/// Where the connections of one thread count. A histogram for all of them stays in the processor's
/// cache, and its lock is never waited for but when it is read.
#[derive(Debug, Clone)]
pub(super) struct Part {
    counted: Arc<Mutex<Counted>>,
}

#[derive(Debug)]
struct Counted {
    /// Since it was last taken; nanoseconds.
    latencies: Histogram<u64>,
    /// Since the beginning.
    total: u64,
}

impl Tally {
    pub(super) fn new(threads: usize) -> Self {
        Self { parts: (0..threads).map(|_| Part::new()).collect() }
    }

    pub(super) fn part(&self, thread: usize) -> Part {
        self.parts[thread].clone()
    }

    /// How much was counted since the beginning.
    pub(super) fn total(&self) -> u64 {
        self.parts.iter().map(|part| part.lock().total).sum()
    }

    /// The latencies that were counted since the last call, of all threads; begins anew.
    pub(super) fn take(&self) -> Histogram<u64> {
        let mut merged = histogram();
        for part in &*self.parts {
            let taken = std::mem::replace(&mut part.lock().latencies, histogram());
            merged += taken;
        }
        merged
    }
}

impl Part {
    fn new() -> Self {
        Self { counted: Arc::new(Mutex::new(Counted { latencies: histogram(), total: 0 })) }
    }

    /// Counts one that took this long.
    pub(super) fn record(&self, latency: Duration) {
        self.record_all([(latency, 1)]);
    }

    /// Counts so many at once of each latency.
    #[inline]
    pub(super) fn record_all(&self, latencies: impl IntoIterator<Item = (Duration, u64)>) {
        let mut counted = self.lock();
        for (latency, times) in latencies {
            let nanos = u64::try_from(latency.as_nanos()).unwrap_or(MAX);
            counted.latencies.saturating_record_n(nanos, times);
            counted.total += times;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(MAX, DIGITS).expect("three digits and an hour are within bounds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_all_threads_are_within_a_thousandth() {
        let tally = Tally::new(3);
        for micros in 1..=100_000 {
            tally.part(micros as usize % 3).record(Duration::from_micros(micros));
        }
        let latencies = tally.take();
        assert_eq!(latencies.len(), 100_000);
        for quantile in [0.1, 0.5, 0.9, 0.99, 0.999, 1.0] {
            let exact = quantile * 1e8;
            let found = latencies.value_at_quantile(quantile) as f64;
            assert!(found >= exact && found < exact * 1.001, "{quantile}: {found}");
        }
        assert_eq!((tally.take().len(), tally.total()), (0, 100_000));
    }

    #[test]
    fn no_latency_is_too_short_or_too_long_to_count() {
        let tally = Tally::new(1);
        tally.part(0).record_all([(Duration::ZERO, 2), (Duration::MAX, 3)]);
        assert_eq!(tally.take().len(), 5);
    }
}
