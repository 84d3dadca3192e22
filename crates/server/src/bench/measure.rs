//! The part of a run that counts.

use std::error::Error;
use std::io;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::args::Server;
use super::crew::Crew;
use super::fleet::Fleet;
use super::process::ThreadTime;
use super::progress::Progress;
use super::report;
use super::tally::Tally;

/// How long the load is on before anything is counted.
const WARM_UP: Duration = Duration::from_millis(500);

/// The share of a thread's time, at work or waiting for a processor, from which on it is taken for
/// the limit.
const BUSY: f64 = 0.95;

/// What a run measures with.
#[derive(Debug)]
pub(super) struct Gauge<'a> {
    pub(super) crew: &'a Crew,
    pub(super) tally: &'a Tally,
    /// What the tally counts, in the plural.
    pub(super) unit: &'static str,
    pub(super) progress: &'a mut Progress,
}

/// What was counted in which time, and what it cost us.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) seconds: f64,
    /// Nanoseconds.
    pub(super) latencies: Histogram<u64>,
    /// By how much what the run counts besides has grown.
    pub(super) besides: u64,
    /// Of each thread of ours, within the time.
    pub(super) threads: Vec<ThreadTime>,
}

impl Gauge<'_> {
    /// Lets the load run for the time, and counts: latencies, and what `besides` counts.
    ///
    /// # Errors
    /// As soon as a connection fails.
    pub(super) async fn measure(
        self,
        fleet: &mut Fleet,
        server: &Server,
        time: Duration,
        besides: impl Fn() -> u64,
    ) -> Result<Measured, Box<dyn Error>> {
        let Self { crew, tally, unit, progress } = self;
        fleet.hold(WARM_UP).await?;
        let threads = crew.times().await;
        tally.take();
        let (start, counted) = (Instant::now(), besides());
        if server.json {
            announce()?;
        }
        fleet.measure(time, progress, unit, || tally.total()).await?;
        let (seconds, latencies) = (start.elapsed().as_secs_f64(), tally.take());
        let besides = besides() - counted;
        let after = crew.times().await;
        let threads = after.iter().zip(threads).map(|(after, before)| after.since(before));
        progress.wipe();
        Ok(Measured { seconds, latencies, besides, threads: threads.collect() })
    }
}

/// The line of JSON that says that counting begins.
fn announce() -> io::Result<()> {
    report::print(r#"{"event":"measuring"}"#)
}

impl Measured {
    /// How many a second.
    pub(super) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }

    /// At most this long took that share of them; in microseconds.
    pub(super) fn micros(&self, quantile: f64) -> f64 {
        self.latencies.value_at_quantile(quantile) as f64 / 1000.0
    }

    /// How much of the time our busiest thread was at work, and how much of it that one waited for a
    /// processor.
    pub(super) fn busiest(&self) -> (f64, f64) {
        let share = |time: Duration| time.as_secs_f64() / self.seconds;
        let shares = self.threads.iter().map(|thread| (share(thread.used), share(thread.waited)));
        shares.max_by(|a, b| (a.0 + a.1).total_cmp(&(b.0 + b.1))).unwrap_or_default()
    }

    /// Whether a thread of ours was the limit.
    pub(super) fn limited_by_client(&self) -> bool {
        let (used, waited) = self.busiest();
        used + waited >= BUSY
    }

    /// What to say of it, if we were the limit.
    pub(super) fn warning(&self) -> Option<String> {
        let (used, waited) = self.busiest();
        let (used, waited) = (used * 100.0, waited * 100.0);
        self.limited_by_client().then(|| {
            let many =
                if self.threads.len() > 1 { "a thread of this client" } else { "this client" };
            let wait = match waited {
                0.0..5.0 => String::new(),
                _ => format!(" and waited for a processor {waited:.0} % of it, which others had"),
            };
            format!(
                "{many} was busy {used:.0} % of the time{wait}: \
                 it was the limit, not the server (--threads adds some)"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(threads: &[(u64, u64)]) -> Measured {
        let millis = Duration::from_millis;
        let thread = |&(used, waited)| ThreadTime { used: millis(used), waited: millis(waited) };
        Measured {
            seconds: 1.0,
            latencies: Histogram::new(3).unwrap(),
            besides: 0,
            threads: threads.iter().map(thread).collect(),
        }
    }

    #[test]
    fn a_client_that_had_time_left_is_not_the_limit() {
        for threads in [&[(949, 0)][..], &[(500, 400)], &[(600, 0), (600, 0)], &[]] {
            assert_eq!(measured(threads).warning(), None, "{threads:?}");
        }
    }

    #[test]
    fn a_saturated_client_is_said_to_be_the_limit() {
        let warning = measured(&[(950, 0)]).warning().unwrap();
        assert!(warning.contains("this client was busy 95 % of the time: it was the limit"));
        let warning = measured(&[(10, 0), (990, 0)]).warning().unwrap();
        assert!(warning.contains("a thread of this client was busy 99 %"), "{warning}");
        let warning = measured(&[(600, 380)]).warning().unwrap();
        assert!(warning.contains("busy 60 %") && warning.contains("38 % of it"), "{warning}");
    }
}
