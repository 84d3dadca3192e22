//! What a run found: tables for people, lines of JSON for programs.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use hdrhistogram::Histogram;

use super::args;

/// The line of JSON that says that counting begins.
pub(super) const MEASURING: &str = r#"{"event":"measuring"}"#;

/// CPU time per time from which on the client is taken for the limit.
const BUSY: f64 = 0.95;

const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// Prints a line, or several, at once.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

/// What an echo run found.
#[derive(Debug)]
pub(super) struct Echoed {
    pub(super) seconds: f64,
    /// Our own CPU time per time; 1.0 is a saturated core.
    pub(super) busy: f64,
    /// Nanoseconds.
    pub(super) latencies: Histogram<u64>,
}

impl Echoed {
    pub(super) fn print(&self, args: &args::Echo) -> io::Result<()> {
        // A program that has read the last line may end us at once: warn it before.
        if args.target.json {
            self.warn()?;
            return print(&self.json());
        }
        print(&self.table(args))?;
        self.warn()
    }

    fn warn(&self) -> io::Result<()> {
        let Some(warning) = self.warning() else { return Ok(()) };
        io::stderr().write_all(format!("{warning}\n").as_bytes())
    }

    fn json(&self) -> String {
        let Self { seconds, latencies, .. } = self;
        let messages = latencies.len();
        let rate = self.rate();
        let [p50, p90, p99, p999] = QUANTILES.map(|(_, quantile)| self.micros(quantile));
        let max = self.micros(1.0);
        format!(
            r#"{{"event":"done","messages":{messages},"seconds":{seconds:.6},"messages_per_second":{rate:.1},"p50_us":{p50:.1},"p90_us":{p90:.1},"p99_us":{p99:.1},"p999_us":{p999:.1},"max_us":{max:.1}}}"#
        )
    }

    fn table(&self, args: &args::Echo) -> String {
        let megabytes = self.rate() * f64::from(args.size) / 1e6;
        let mut rows = vec![
            ("messages", grouped(self.latencies.len() as f64, 0), ""),
            ("rate", grouped(self.rate(), 0), " messages/s"),
            ("payload", grouped(megabytes, 1), " MB/s each way"),
        ];
        for (name, quantile) in QUANTILES.into_iter().chain([("max", 1.0)]) {
            rows.push((name, grouped(self.micros(quantile), 1), " µs"));
        }
        rows.push(("client CPU", grouped(self.busy * 100.0, 0), " %"));

        let args::Echo { connections, size, in_flight, .. } = args;
        let kind = if args.target.text { "text" } else { "binary" };
        let compressed = if args.target.deflate { ", compressed" } else { "" };
        let mut table = format!(
            "{} × {} B {kind}{compressed} × {in_flight} in flight, {:.1} s\n",
            counted(*connections),
            grouped(f64::from(*size), 0),
            self.seconds,
        );
        for (name, value, unit) in rows {
            let section = if matches!(name, "messages" | "p50" | "client CPU") { "\n" } else { "" };
            let _ = writeln!(table, "{section}{name:<12}{value:>14}{unit}");
        }
        table.truncate(table.trim_end().len());
        table
    }

    /// Who was the limit, if it was us.
    fn warning(&self) -> Option<String> {
        (self.busy >= BUSY).then(|| {
            format!(
                "this client was busy {:.0} % of the time: it was the limit, not the server",
                self.busy * 100.0
            )
        })
    }

    fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }

    fn micros(&self, quantile: f64) -> f64 {
        self.latencies.value_at_quantile(quantile) as f64 / 1000.0
    }
}

/// What an idle run says once all connections are open.
pub(super) fn holding(args: &args::Idle) -> String {
    if args.target.json {
        return format!(r#"{{"event":"holding","connections":{}}}"#, args.connections);
    }
    let until = match args.hold {
        Some(time) => format!("for {time:?}"),
        None => "until Ctrl-C".to_owned(),
    };
    format!("holding {} {until}", counted(args.connections))
}

/// What an idle run says at its end.
pub(super) fn held(connections: u32, time: Duration) -> String {
    format!("{}, none of which ended within {time:?}", counted(connections))
}

fn counted(connections: u32) -> String {
    let noun = if connections == 1 { "connection" } else { "connections" };
    format!("{} {noun}", grouped(f64::from(connections), 0))
}

/// A number with thousands separated and so many decimals.
fn grouped(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (at, digit) in whole.char_indices() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        let expected = [(0.0, "0.0"), (999.95, "1,000.0"), (1234.5, "1,234.5")];
        for (value, text) in expected {
            assert_eq!(grouped(value, 1), text);
        }
        assert_eq!(grouped(12_345_678.0, 0), "12,345,678");
    }

    #[test]
    fn a_saturated_client_is_said_to_be_the_limit() {
        let mut latencies = Histogram::new(2).unwrap();
        latencies.record(1000).unwrap();
        let mut echoed = Echoed { seconds: 1.0, busy: 0.94, latencies };
        assert_eq!(echoed.warning(), None);
        echoed.busy = 0.95;
        assert!(echoed.warning().unwrap().contains("it was the limit, not the server"));
    }
}
