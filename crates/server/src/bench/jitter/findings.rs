//! What a run found: its rows, and whether the promise was kept.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::bench::report::{Report, counted_as};

use super::args::Jitter;
use super::member::Findings;
use super::publisher::Unstored;
use super::way::{Kind, Way};

/// What all clients of a run found.
#[derive(Debug)]
pub(super) struct Found {
    due: u64,
    all: Findings,
    /// Cuts of each kind, the publisher's included.
    cuts: [u64; 2],
    unstored: Unstored,
    /// From the call that publishes to being heard; nanoseconds.
    delays: Histogram<u64>,
    /// From the call that publishes to the hub's reply; nanoseconds.
    stored: Histogram<u64>,
}

/// Why the promise was not kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    Unstored { messages: u64, why: String },
    Lost { heard: u64, due: u64 },
    Faults { duplicates: u64, reordered: u64, strange: u64 },
    Gaps(u64),
    Late { p99: Duration, within: Duration },
}

impl Found {
    pub(super) fn new(
        args: &Jitter,
        each: &[(Way, Findings)],
        publisher: &Way,
        unstored: Unstored,
        delays: Histogram<u64>,
        stored: Histogram<u64>,
    ) -> Self {
        let mut all = Findings::default();
        each.iter().for_each(|(_, findings)| all.add(findings));
        let ways = || each.iter().map(|(way, _)| way).chain([publisher]);
        let cuts = Kind::ALL.map(|kind| ways().map(|way| way.cuts(kind)).sum());
        let due = u64::from(args.clients) * u64::from(args.messages);
        Self { due, all, cuts, unstored, delays, stored }
    }

    /// Whether everything was heard once and in order, and soon enough.
    ///
    /// # Errors
    /// The gravest of what went wrong.
    pub(super) fn verdict(&self, within: Duration) -> Result<(), Broken> {
        let Findings { heard, faults, gaps, .. } = self.all;
        let Unstored { messages, why } = &self.unstored;
        if *messages > 0 {
            let why = why.as_ref().map(ToString::to_string).unwrap_or_default();
            return Err(Broken::Unstored { messages: *messages, why });
        }
        if faults != Default::default() {
            let (duplicates, reordered) = (faults.duplicates, faults.reordered);
            return Err(Broken::Faults { duplicates, reordered, strange: faults.strange });
        }
        if heard != self.due {
            return Err(Broken::Lost { heard, due: self.due });
        }
        if gaps > 0 {
            return Err(Broken::Gaps(gaps));
        }
        let p99 = Duration::from_nanos(self.delays.value_at_quantile(0.99));
        if p99 >= within {
            return Err(Broken::Late { p99, within });
        }
        Ok(())
    }

    /// The rows. All times are milliseconds.
    pub(super) fn report(&self, args: &Jitter, seed: u64) -> Report {
        let mut report = Report::new(title(args, seed));
        let Findings { heard, faults, gaps, resumed, renewed, .. } = self.all;
        let percent = heard as f64 / self.due as f64 * 100.0;
        report.count("due", "due", self.due);
        report.count("delivered", "delivered", heard);
        // Cut off, not rounded: one that is lost is seen.
        let percent = (percent * 100.0).floor() / 100.0;
        report.shown("delivered_percent", "", percent, 2, " %");
        report.count("duplicates", "duplicates", faults.duplicates);
        report.count("reordered", "reordered", faults.reordered);
        report.count("gaps", "gaps told", gaps);
        report.count("unstored", "not stored", self.unstored.messages);
        report.section();
        quantiles(&mut report, "", "", &self.delays);
        report.section();
        quantiles(&mut report, "stored_", "stored ", &self.stored);
        report.section();
        for (kind, cuts) in Kind::ALL.into_iter().zip(self.cuts) {
            report.count(&format!("cuts_{kind}"), &format!("{kind}s"), cuts);
            let mut back: Vec<f64> = self.all.back_after(kind).collect();
            back.sort_unstable_by(f64::total_cmp);
            if let (Some(&median), Some(&most)) = (back.get(back.len() / 2), back.last()) {
                let name = |name| format!("back_after_{kind}_{name}_ms");
                report.shown(&name("p50"), "  back, p50", median, 0, " ms after the cut");
                report.shown(&name("max"), "  back, max", most, 0, " ms after the cut");
            }
        }
        report.section();
        report.count("resumed", "resumed", resumed);
        report.count("renewed", "begun anew", renewed);
        let verdict = self.verdict(args.within);
        report.truth("kept", verdict.is_ok());
        if verdict.is_ok() {
            let within = args.within;
            report.sentence(&format!(
                "everything was heard once and in order, 99 % of it within {within:?}"
            ));
        }
        report
    }
}

impl Findings {
    fn add(&mut self, other: &Self) {
        self.heard += other.heard;
        self.faults.duplicates += other.faults.duplicates;
        self.faults.reordered += other.faults.reordered;
        self.faults.strange += other.faults.strange;
        self.gaps += other.gaps;
        self.resumed += other.resumed;
        self.renewed += other.renewed;
        self.backs.extend(&other.backs);
    }

    /// Milliseconds.
    fn back_after(&self, kind: Kind) -> impl Iterator<Item = f64> {
        let of_kind = self.backs.iter().filter(move |(cut, _)| *cut == kind);
        of_kind.map(|(_, after)| after.as_secs_f64() * 1e3)
    }
}

fn title(args: &Jitter, seed: u64) -> String {
    let publisher = if args.spare_publisher { ", the publisher's connection spared" } else { "" };
    format!(
        "{}, {} at {}/s\n\
         each connection cut about every {:?}, by reset and silence in turn, then refused for {:?}{publisher}\n\
         heartbeat after {:?} of silence, awaited {:?}; a pause of up to {:?} between attempts; seed {seed}",
        counted_as(args.clients, "client"),
        counted_as(args.messages, "message"),
        args.rate,
        args.cut_every,
        args.refuse,
        args.heartbeat,
        args.heartbeat_timeout,
        args.retry,
    )
}

fn quantiles(report: &mut Report, name: &str, label: &str, nanos: &Histogram<u64>) {
    for (quantile, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)] {
        let millis = nanos.value_at_quantile(share) as f64 / 1e6;
        report.shown(
            &format!("{name}{quantile}_ms"),
            &format!("{label}{quantile}"),
            millis,
            1,
            " ms",
        );
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unstored { messages, why } => {
                write!(f, "{messages} messages were not stored, or perhaps not: {why}")
            }
            Self::Lost { heard, due } => {
                write!(f, "{} of {due} deliveries were lost", due - heard)
            }
            Self::Faults { duplicates, reordered, strange } => write!(
                f,
                "{duplicates} deliveries came twice, {reordered} out of order, {strange} from nowhere"
            ),
            Self::Gaps(gaps) => {
                write!(f, "clients were told {gaps} times that something will not come")
            }
            Self::Late { p99, within } => write!(
                f,
                "99 % were heard within {p99:.3?}, and it should be less than {within:?}: a client that is cut \
                 waits for --refuse and up to --retry, or until silence is noticed, which may take --heartbeat and \
                 --heartbeat-timeout; what meets two cuts, its publisher's and its listener's, waits twice \
                 (--spare-publisher)"
            ),
        }
    }
}

impl std::error::Error for Broken {}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_millis(100);

    /// Two messages to two clients, heard within 10 ms.
    fn found(change: impl FnOnce(&mut Found)) -> Result<(), Broken> {
        let mut delays = Histogram::new(3).unwrap();
        delays.record_n(10_000_000, 4).unwrap();
        let all = Findings { heard: 4, ..Findings::default() };
        let unstored = Unstored::default();
        let stored = delays.clone();
        let mut found = Found { due: 4, all, cuts: [0; 2], unstored, delays, stored };
        change(&mut found);
        found.verdict(WITHIN)
    }

    #[test]
    fn the_promise_is_kept_if_everything_is_heard_once_in_order_and_in_time() {
        assert_eq!(found(|_| ()), Ok(()));
        let told = |change: fn(&mut Found)| found(change).unwrap_err().to_string();
        assert_eq!(told(|found| found.all.heard = 3), "1 of 4 deliveries were lost");
        assert_eq!(
            told(|found| found.all.faults.reordered = 2),
            "0 deliveries came twice, 2 out of order, 0 from nowhere"
        );
        assert!(
            told(|found| found.all.faults.duplicates = 1).starts_with("1 deliveries came twice")
        );
        assert!(told(|found| found.all.gaps = 1).starts_with("clients were told 1 times"));
        assert!(told(|found| found.delays.record(100_000_000).unwrap()).contains("within 100"));
        assert!(
            told(|found| found.unstored.messages = 1).starts_with("1 messages were not stored")
        );
    }
}
