//! What a run found: tables for people, lines of JSON for programs.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use super::args;
use super::measure::Measured;

/// The shares of all latencies that are told of: name in JSON, name in the table.
const QUANTILES: [(&str, &str, f64); 5] = [
    ("p50_us", "p50", 0.5),
    ("p90_us", "p90", 0.9),
    ("p99_us", "p99", 0.99),
    ("p999_us", "p99.9", 0.999),
    ("max_us", "max", 1.0),
];

/// Prints a line, or several, at once.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

/// What a run found, built up in the order in which it is printed.
#[derive(Debug)]
pub(super) struct Report {
    /// The object's fields.
    json: String,
    table: String,
    warning: Option<String>,
}

impl Report {
    /// `title` says what was done.
    pub(super) fn new(title: String) -> Self {
        Self { json: r#""event":"done""#.to_owned(), table: title + "\n\n", warning: None }
    }

    /// A number of things.
    pub(super) fn count(&mut self, name: &str, label: &str, count: u64) {
        let _ = write!(self.json, r#","{name}":{count}"#);
        self.row(label, &grouped(count as f64, 0), "");
    }

    /// Whether something is so, for programs only.
    pub(super) fn truth(&mut self, name: &str, value: bool) {
        let _ = write!(self.json, r#","{name}":{value}"#);
    }

    /// For programs only.
    pub(super) fn real(&mut self, name: &str, value: f64) {
        // To the millionth, without zeros at the end.
        let _ = write!(self.json, r#","{name}":{}"#, (value * 1e6).round() / 1e6);
    }

    /// For programs, and for people with so many decimals.
    pub(super) fn shown(
        &mut self,
        name: &str,
        label: &str,
        value: f64,
        decimals: usize,
        unit: &str,
    ) {
        self.real(name, value);
        self.row(label, &grouped(value, decimals), unit);
    }

    /// What it comes to, for people only.
    pub(super) fn sentence(&mut self, text: &str) {
        self.section();
        let _ = writeln!(self.table, "{text}");
    }

    /// A line between rows.
    pub(super) fn section(&mut self) {
        self.table.push('\n');
    }

    /// Latencies, and what the client has used: every run's last rows.
    pub(super) fn measured(&mut self, measured: &Measured) {
        self.section();
        for (name, label, quantile) in QUANTILES {
            self.shown(name, label, measured.micros(quantile), 1, " µs");
        }
        self.section();
        let (used, waited) = measured.busiest();
        self.row("client CPU", &grouped(used * 100.0, 0), " % of a core, busiest thread");
        self.real("client_busy", used);
        self.real("client_waited", waited);
        let _ = write!(self.json, r#","limited_by_client":{}"#, measured.limited_by_client());
        self.warning = measured.warning();
    }

    fn row(&mut self, label: &str, value: &str, unit: &str) {
        let _ = writeln!(self.table, "{label:<12}{value:>14}{unit}");
    }

    /// Prints it on the standard output; a warning goes to the standard error output.
    pub(super) fn print(&self, json: bool) -> io::Result<()> {
        // A program that has read the last line may end us at once: warn it before.
        if json {
            self.warn()?;
            return print(&format!("{{{}}}", self.json));
        }
        print(self.table.trim_end())?;
        self.warn()
    }

    fn warn(&self) -> io::Result<()> {
        let Some(warning) = &self.warning else { return Ok(()) };
        io::stderr().write_all(format!("{warning}\n").as_bytes())
    }
}

/// What an idle run says once all connections are open.
pub(super) fn holding(args: &args::Idle) -> String {
    if args.server.json {
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

/// What is sent.
pub(super) fn message_kind(text: bool, deflate: bool) -> String {
    let kind = if text { "text" } else { "binary" };
    let compressed = if deflate { ", compressed" } else { "" };
    format!("{kind}{compressed}")
}

/// So many connections.
pub(super) fn counted(connections: u32) -> String {
    counted_as(connections, "connection")
}

/// So many of something.
pub(super) fn counted_as(number: u32, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(f64::from(number), 0))
}

/// A number with thousands separated and so many decimals.
pub(super) fn grouped(value: f64, decimals: usize) -> String {
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
    fn people_and_programs_are_told_the_same() {
        let mut report = Report::new("2 connections".to_owned());
        report.count("messages", "messages", 1234);
        report.real("seconds", 1.5);
        report.shown("rate_per_second", "rate", 822.666_666_6, 0, " messages/s");
        assert_eq!(
            report.json,
            r#""event":"done","messages":1234,"seconds":1.5,"rate_per_second":822.666667"#
        );
        assert_eq!(
            report.table,
            "2 connections\n\nmessages             1,234\nrate                   823 messages/s\n"
        );
    }
}
