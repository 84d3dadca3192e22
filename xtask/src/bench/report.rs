//! Medians, spreads and ratios as Markdown.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use super::results::Results;
use super::rows::{Kind, MEASURE, ROWS, Reach, Row};
use super::servers::{Candidate, FLOOR, OURS};
use super::{Measured, attack, hub, plot, wire};
use crate::workspace::Workspace;

/// Where tables and plots are kept.
pub(super) const FOLDER: &str = "docs/benchmarks";

/// A server that had nothing to do for a larger share of the time waited for the load.
const MAX_IDLE: f64 = 0.05;

/// A server that lost a larger share of the time to other processes was disturbed.
const MAX_DELAYED: f64 = 0.03;

/// How servers are set up, where that is not evident.
const NOTES: &str = "\
- Every server has one thread that works, echoes at `/echo` and publishes at `/broadcast`, checks \
text for UTF-8, and is set up as its own documentation advises for speed, with its default buffers \
(`bench/rivals`). Answers to messages that arrive together leave together where a library allows it: \
all but fastwebsockets, which writes each frame.
- The floor (`bench/src/floor.rs`) uses no library, trusts its clients, and does nothing but echo. \
Rows that it has no part in are compared with its echo of 20 B in the same run.
- Everwire is `everwire serve` as people get it, with heartbeats and all limits on; the rows with \
context takeover have `--deflate-context-takeover`.
- permessage-deflate: level 1, from 128 B on, zlib's or zlib-rs's; Bun lets nobody choose a level.
- TLS: rustls with ring for Everwire and the Rust libraries, OpenSSL for Node, BoringSSL for Bun; no \
session is resumed.
- Fan-out: the next publication follows when everyone has got the one before, latency is from \
publication to each delivery. One that does not read has left 24 MiB unread before anything is \
measured.
- Socket.IO and nginx with nchan, measured with `--full`, fan out and do nothing else here. A message of \
Socket.IO is an event whose argument has as many letters; its frames are 16 bytes longer.
- Text has a letter beyond ASCII in most words. JSON differs from message to message.
- The hub's clients are 5,000 that were connected and subscribed, reset, and have missed 100 publications. At most \
512 are on their way back at a time, which is half of what `everwire serve` admits; each looks at all that it hears, and \
has to get every publication once and in order. Time counts from when all want to return; memory is what the server \
holds for each client more than before the first came.
- A connection of the connect rows ends with a reset after its handshake.";

/// The files of a report.
pub(super) struct Report {
    files: Vec<(&'static str, String)>,
}

impl Report {
    pub(super) fn new(
        workspace: &Workspace,
        candidates: &[Candidate],
        measured: &Measured,
        seconds: f64,
    ) -> Self {
        let mut text = head(workspace, candidates, measured, seconds);
        let plots = plot::all(candidates, measured);
        let _ = write!(text, "\n## Reach\n\n{}", reach(candidates, measured));
        for (file, _) in &plots {
            let name = file.trim_end_matches(".svg");
            let _ = write!(text, "\n![{name}]({file})\n");
        }
        let _ = write!(text, "\n## How to read it\n\n{NOTES}\n");
        for row in ROWS {
            text.push('\n');
            text.push_str(&section(row, candidates, measured));
        }
        let mut files = vec![("README.md", text)];
        files.extend(plots);
        Self { files }
    }

    pub(super) fn files(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.files.iter().map(|(name, text)| (*name, text.as_str()))
    }
}

fn head(
    workspace: &Workspace,
    candidates: &[Candidate],
    measured: &Measured,
    seconds: f64,
) -> String {
    let line = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(&workspace.root).output();
        output.map_or_else(
            |_| String::new(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )
    };
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models = cpuinfo.lines().filter_map(|line| line.strip_prefix("model name"));
    let models: Vec<&str> = models.map(|model| model.trim_matches([' ', '\t', ':'])).collect();
    let kernel = |name: &str| {
        let text = fs::read_to_string(format!("/proc/sys/{name}")).unwrap_or_default();
        text.trim().to_owned()
    };
    let rounds = measured.get(MEASURE).map_or(0, |results| results.rounds(OURS).len());
    let versions: Vec<String> = candidates
        .iter()
        .filter(|server| server.name != OURS && !server.version.is_empty())
        .map(|server| format!("{} {}", server.name, server.version))
        .collect();
    format!(
        "# Benchmarks\n\n\
         Everwire beside a bare epoll server without any library, which is the floor, and beside \
         other WebSocket servers.\nServers run on core 0, the load on core 1, over loopback, in \
         turns and each time afresh. Numbers are medians of\n{rounds} rounds where there is something to reach, of 3 elsewhere (idle rows: fewer), \
         with their spread; a round counts for {seconds} s. CPU time is the server's, as the \
         kernel\ncounts it. Only the ratios can be compared between machines.\n\n\
         - Command: `cargo xtask bench`\n\
         - Everwire: {ours} ({commit}), {rustc}\n\
         - Others: {others}; Node {node}\n\
         - CPU: {cpu}, {cores} cores\n\
         - Kernel: Linux {release}, TCP {congestion}\n",
        ours = env!("CARGO_PKG_VERSION"),
        commit = line("git", &["rev-parse", "--short", "HEAD"]),
        rustc = line("rustc", &["--version"]),
        others = versions.join(", "),
        node = line("node", &["--version"]),
        cpu = models.first().unwrap_or(&"unknown"),
        cores = models.len(),
        release = kernel("kernel/osrelease"),
        congestion = kernel("net/ipv4/tcp_congestion_control"),
    )
}

/// The essence: what Everwire is to reach in which row, and whether it does.
pub(super) fn reach(candidates: &[Candidate], measured: &Measured) -> String {
    let mut text = String::from(
        "| row | everwire | ÷ floor | best rival | ÷ best rival | reach |\n\
         |---|--:|--:|---|--:|---|\n",
    );
    // Many numbers, none of which stands for the others, are no row here.
    for row in ROWS.iter().filter(|row| row.kind != Kind::Wire) {
        let Some(ours) = value(row, OURS, measured) else { continue };
        let floor = floor(row, measured);
        let best = best_rival(row, candidates, measured);
        let reach: Vec<String> = row
            .reach
            .iter()
            .filter_map(|reach| {
                let (bound, of, at_most) = match *reach {
                    Reach::Floor(times) => (floor? * times, " × floor".to_owned(), times),
                    Reach::Best(times) => (best.as_ref()?.1 * times, " × best".to_owned(), times),
                    Reach::Server(name, times) => {
                        (value(row, name, measured)? * times, format!(" × {name}"), times)
                    }
                    Reach::Absolute(most) => (most, String::new(), most),
                };
                let mark = if ours <= bound { "✓" } else { "✗" };
                Some(format!("≤ {at_most}{of} {mark}"))
            })
            .collect();
        let _ = writeln!(
            text,
            "| {} | {} {} | {} | {} | {} | {} |",
            row.about,
            digits(ours),
            unit(row.kind),
            floor.map_or_else(dash, |floor| format!("{:.2}", ours / floor)),
            best.as_ref().map_or_else(dash, |(name, best)| format!("{name} {}", digits(*best))),
            best.as_ref().map_or_else(dash, |(_, best)| format!("{:.2}", ours / best)),
            reach.join(", "),
        );
    }
    text
}

/// The table of one row.
pub(super) fn section(row: &Row, candidates: &[Candidate], measured: &Measured) -> String {
    let mut text = format!("## {}\n\n`{}`\n\n", capitalized(row.about), row.name);
    let Some(results) = measured.get(row.name) else { return text };
    match row.kind {
        Kind::Attack => return attack::section(row, candidates, results),
        Kind::Wire => return text + &wire::tables(row, candidates, results),
        Kind::Topic => return text + &hub::ways(row, results),
        _ => {}
    }
    let (columns, metrics) = columns(row.kind);
    let _ = write!(text, "| server | {} | ÷ floor | everwire ÷ it |", row.kind.heading());
    columns.iter().for_each(|column| {
        let _ = write!(text, " {column} |");
    });
    let _ = writeln!(text, "\n|---|{}", "--:|".repeat(3 + columns.len()));
    let mut notes = Vec::new();
    for candidate in candidates.iter().filter(|candidate| candidate.is_known_for(row)) {
        let name = candidate.name.as_str();
        let lacks = candidate.lacks(row).map(str::to_owned);
        if let Some(why) = lacks.or_else(|| results.failure(name).map(str::to_owned)) {
            let _ = writeln!(text, "| {name} | –{} |", " | ".repeat(2 + columns.len()));
            notes.push(format!("{name}: {why}"));
            continue;
        }
        let Some(spread) = results.spread(name, row.kind.metric()) else { continue };
        let ratio = |of: Option<f64>, by: Option<f64>| match (of, by) {
            (Some(of), Some(by)) => format!("{:.2}", of / by),
            _ => dash(),
        };
        let ours = if name == OURS { None } else { value(row, OURS, measured) };
        let _ = write!(
            text,
            "| {name} | {} | {} | {} |",
            with_spread(spread),
            ratio(Some(spread.0), floor(row, measured)),
            ratio(ours, Some(spread.0))
        );
        for (metric, factor) in metrics {
            let cell = results.median(name, metric).map(|value| digits(value * factor));
            let _ = write!(text, " {} |", cell.unwrap_or_else(dash));
        }
        text.push('\n');
    }
    if !notes.is_empty() {
        let _ = write!(text, "\n– {}.\n", notes.join("; "));
    }
    text.push_str(&warnings(row, candidates, results));
    text
}

/// More columns, with the metrics in them and what those are multiplied by.
fn columns(kind: Kind) -> (&'static [&'static str], &'static [(&'static str, f64)]) {
    match kind {
        Kind::Echo | Kind::Fanout | Kind::Connect => (
            &["user", "system", "a second", "p50 µs", "p90", "p99", "p99.9", "max", "B", "busy %"],
            &[
                ("user_us", 1.0),
                ("system_us", 1.0),
                ("messages_per_second", 1.0),
                ("p50_us", 1.0),
                ("p90_us", 1.0),
                ("p99_us", 1.0),
                ("p999_us", 1.0),
                ("max_us", 1.0),
                ("payload_bytes", 1.0),
                ("busy", 100.0),
            ],
        ),
        Kind::Idle => (&["of it anonymous"], &[("anonymous", 1.0)]),
        Kind::Recovery => (
            &[
                "user",
                "system",
                "all are back, ms",
                "half are, ms",
                "away B",
                "at most B",
                "busy %",
            ],
            &[
                ("user_us", 1.0),
                ("system_us", 1.0),
                ("max_us", 0.001),
                ("p50_us", 0.001),
                ("away", 1.0),
                ("peak", 1.0),
                ("busy", 100.0),
            ],
        ),
        Kind::Heartbeat | Kind::Attack | Kind::Wire | Kind::Topic => (&[], &[]),
    }
}

fn warnings(row: &Row, candidates: &[Candidate], results: &Results) -> String {
    let mut text = String::new();
    let mut warn = |bad: &dyn Fn(f64, f64) -> bool, before: &str, after: &str| {
        let names: Vec<&str> = candidates
            .iter()
            .map(|server| server.name.as_str())
            .filter(|name| {
                let median = |metric| results.median(name, metric);
                median("busy").zip(median("delayed")).is_some_and(|(b, d)| bad(b, d))
            })
            .collect();
        if !names.is_empty() {
            let _ = write!(text, "\n{before}: {}. {after}\n", names.join(", "));
        }
    };
    warn(
        &|_, delayed| delayed > MAX_DELAYED,
        "Other processes took the server's core in most rounds",
        "Measure again on a quiet machine.",
    );
    // A handshake waits for the load between its steps.
    if !matches!(row.kind, Kind::Connect | Kind::Recovery) {
        warn(
            &|busy, delayed| 1.0 - busy - delayed > MAX_IDLE,
            "The load was the limit, not the server",
            "Do not compare messages a second and latency there.",
        );
    }
    text
}

/// The median of a server in a row.
pub(super) fn value(row: &Row, server: &str, measured: &Measured) -> Option<f64> {
    measured.get(row.name)?.median(server, row.kind.metric())
}

/// What ratios are to: the floor, or its echo where it has no part in the row.
fn floor(row: &Row, measured: &Measured) -> Option<f64> {
    match row.kind {
        Kind::Fanout => measured.get(MEASURE)?.median(FLOOR, row.kind.metric()),
        _ => value(row, FLOOR, measured),
    }
}

fn best_rival(row: &Row, candidates: &[Candidate], measured: &Measured) -> Option<(String, f64)> {
    let rivals = candidates.iter().filter(|server| server.name != OURS && server.name != FLOOR);
    rivals
        .filter_map(|server| Some((server.name.clone(), value(row, &server.name, measured)?)))
        .min_by(|(_, left), (_, right)| left.total_cmp(right))
}

fn unit(kind: Kind) -> &'static str {
    match kind {
        Kind::Echo | Kind::Fanout | Kind::Connect | Kind::Recovery => "µs",
        Kind::Topic => "×",
        Kind::Idle => "B",
        Kind::Heartbeat => "%",
        Kind::Attack => "×",
        Kind::Wire => "ns",
    }
}

fn dash() -> String {
    "–".to_owned()
}

/// As `4.61 (4.58–4.70)`.
pub(super) fn with_spread((median, least, greatest): (f64, f64, f64)) -> String {
    let places = places(median);
    format!("{median:.places$} ({least:.places$}–{greatest:.places$})")
}

/// A number as long as it says something.
pub(super) fn digits(value: f64) -> String {
    format!("{value:.*}", places(value))
}

fn places(value: f64) -> usize {
    match value {
        100.0.. => 0,
        1.0.. => 2,
        _ => 3,
    }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_shows_the_median_between_its_ends() {
        assert_eq!(with_spread((2.0, 1.0, 3.0)), "2.00 (1.00–3.00)");
        assert_eq!(with_spread((0.15, 0.1, 0.2)), "0.150 (0.100–0.200)");
        assert_eq!(with_spread((1500.0, 1500.0, 1500.0)), "1500 (1500–1500)");
    }
}
