//! Latencies, counted in buckets that are less than one per cent wide.

/// Sub-buckets for each power of two.
const STEPS: u64 = 128;
const STEP_BITS: u32 = STEPS.ilog2();

/// How often each latency was seen; values are nanoseconds.
#[derive(Debug, Clone)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        let buckets = vec![0; ((64 - STEP_BITS as usize) + 1) * STEPS as usize];
        Self { buckets, count: 0, max: 0 }
    }
}

impl Histogram {
    /// Counts `value` `times` times.
    #[inline]
    pub fn record(&mut self, value: u64, times: u64) {
        self.buckets[bucket(value)] += times;
        self.count += times;
        self.max = self.max.max(value);
    }

    /// Takes over what another one has counted.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    /// How many values were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The largest value, exactly.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The smallest value that a share of `quantile` (0 to 1) of all values does not exceed,
    /// rounded up to its bucket's end; 0 when there are none.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> u64 {
        let rank = (quantile * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (index, times) in self.buckets.iter().enumerate() {
            seen += times;
            if seen >= rank {
                return upper_end(index as u64).min(self.max);
            }
        }
        self.max
    }
}

fn bucket(value: u64) -> usize {
    let shift = value.checked_ilog2().unwrap_or(0).saturating_sub(STEP_BITS);
    (u64::from(shift) * STEPS + (value >> shift)) as usize
}

fn upper_end(bucket: u64) -> u64 {
    if bucket < 2 * STEPS {
        return bucket;
    }
    let shift = bucket / STEPS - 1;
    (((bucket - shift * STEPS) + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_one_per_cent() {
        let mut histogram = Histogram::default();
        for value in 1..=1_000_000 {
            histogram.record(value, 1);
        }
        for quantile in [0.001, 0.1, 0.5, 0.9, 0.99, 0.999] {
            let exact = quantile * 1e6;
            let found = histogram.quantile(quantile) as f64;
            assert!(found >= exact && found <= exact * 1.01, "{quantile}: {found}");
        }
        assert_eq!(histogram.quantile(1.0), 1_000_000);
        assert_eq!(histogram.count(), 1_000_000);
    }

    #[test]
    fn every_value_lies_in_a_bucket_that_ends_at_or_after_it() {
        for bit in 0..63 {
            for value in [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1] {
                let end = upper_end(bucket(value) as u64);
                assert!(end >= value && end - value <= value / 64, "{value} {end}");
            }
        }
    }
}
