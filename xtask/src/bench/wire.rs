//! What the libraries do without a network: the program `wire` of `bench/rivals`, and its tables.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;

use super::process::alone;
use super::report::{digits, with_spread};
use super::results::{Results, Round};
use super::rows::Row;
use super::servers::{Candidate, OURS};

/// Everwire's protocol alone has figures of its own, kept with Everwire's under this prefix.
const PROTOCOL: &str = "everwire-wire";
const PROTOCOL_PREFIX: &str = "wire_";

/// How to read the tables.
const NOTE: &str = "\
Command: `cargo xtask bench --row wire`. One thread, no network: a server's socket reads masked binary \
messages from a stream in memory that has 8 KiB of them, or one that is longer, for every read, and writes to one that \
takes everything; a message is handed over before the next. `everwire-wire` is the protocol's value without \
socket and runtime. The copy into the read buffer is in all figures of decoding. Everwire's messages are \
seen by a visitor, and sent from borrowed bytes; others give out messages of their own and send shared \
ones, but fastwebsockets, which borrows both; all are dropped at once. The allocator counts for everyone, which takes about a \
nanosecond for each allocation.";

/// What is shown: tables with a unit, and in each the columns with their metrics.
const TABLES: &[(&str, &[(&str, &str)])] = &[
    (
        "Nanoseconds a message",
        &[
            ("decode 14 B", "decode_14_ns"),
            ("decode 1 KiB", "decode_1k_ns"),
            ("decode 64 KiB", "decode_64k_ns"),
            ("decode 64 KiB of text", "decode_64k_text_ns"),
            ("encode 14 B", "encode_14_ns"),
            ("encode 1 KiB", "encode_1k_ns"),
            ("encode 64 KiB", "encode_64k_ns"),
        ],
    ),
    (
        "Allocations a message",
        &[
            ("decode 14 B", "decode_14_allocations"),
            ("decode 1 KiB", "decode_1k_allocations"),
            ("decode 64 KiB", "decode_64k_allocations"),
            ("encode 14 B", "encode_14_allocations"),
            ("encode 1 KiB", "encode_1k_allocations"),
            ("encode 64 KiB", "encode_64k_allocations"),
        ],
    ),
    (
        "GB/s, where a program can call the library's function (– where not; Everwire's are those of \
         `everwire-wire`)",
        &[
            ("unmask 1 KiB in place", "unmask_1k_gbps"),
            ("64 KiB", "unmask_64k_gbps"),
            ("UTF-8 of 1 KiB, letters beyond ASCII in most words", "utf8_1k_gbps"),
            ("64 KiB", "utf8_64k_gbps"),
        ],
    ),
];

/// A round of one library.
pub(super) fn round(program: &Path, library: &str) -> anyhow::Result<Round> {
    let mut round = figures(program, library, "")?;
    if library == OURS {
        round.extend(figures(program, PROTOCOL, PROTOCOL_PREFIX)?);
    }
    Ok(round)
}

fn figures(program: &Path, library: &str, prefix: &str) -> anyhow::Result<Round> {
    let figures = alone(&format!("{} {library}", program.display()))?;
    let figures = figures.as_object().context("not an object")?;
    let figure = |(name, value): (&String, &serde_json::Value)| {
        let value = value.as_f64().with_context(|| format!("`{name}` is no number"))?;
        Ok((format!("{prefix}{name}"), value))
    };
    figures.iter().map(figure).collect()
}

/// The tables, and how to read them.
pub(super) fn tables(row: &Row, candidates: &[Candidate], results: &Results) -> String {
    let mut text = format!("{NOTE}\n");
    for (title, columns) in TABLES {
        let _ = write!(text, "\n{title}:\n\n| library |");
        columns.iter().for_each(|(heading, _)| {
            let _ = write!(text, " {heading} |");
        });
        let _ = writeln!(text, "\n|---|{}", "--:|".repeat(columns.len()));
        for candidate in candidates {
            let name = candidate.name.as_str();
            line(&mut text, name, columns, |metric| cell(results, name, metric));
            if name == OURS {
                line(&mut text, PROTOCOL, columns, |metric| {
                    cell(results, OURS, &format!("{PROTOCOL_PREFIX}{metric}"))
                });
            }
        }
    }
    let notes: Vec<String> = candidates
        .iter()
        .filter_map(|one| {
            let why = one.lacks(row).or_else(|| results.failure(&one.name))?;
            Some(format!("{}: {why}", one.name))
        })
        .collect();
    if !notes.is_empty() {
        let _ = write!(text, "\nNot here: {}.\n", notes.join("; "));
    }
    text
}

/// A library's line, if there is anything to show.
fn line(
    text: &mut String,
    name: &str,
    columns: &[(&str, &str)],
    cell: impl Fn(&str) -> Option<String>,
) {
    let cells: Vec<Option<String>> = columns.iter().map(|(_, metric)| cell(metric)).collect();
    if cells.iter().all(Option::is_none) {
        return;
    }
    let cells: Vec<String> = cells.into_iter().map(|cell| cell.unwrap_or("–".into())).collect();
    let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
}

fn cell(results: &Results, name: &str, metric: &str) -> Option<String> {
    let spread = results.spread(name, metric)?;
    // The same in every round.
    if metric.ends_with("allocations") {
        return Some(if spread.0 < 0.0005 { "0".to_owned() } else { digits(spread.0) });
    }
    Some(with_spread(spread))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_without_a_figure_has_no_line_and_one_that_lacks_some_has_dashes() {
        let mut results = Results::default();
        results
            .add("yawc", Round::from([("a".to_owned(), 2.0), ("b_allocations".to_owned(), 0.0)]));
        let columns = [("A", "a"), ("B", "b_allocations"), ("C", "c")];
        let mut text = String::new();
        line(&mut text, "yawc", &columns, |metric| cell(&results, "yawc", metric));
        line(&mut text, "bun", &columns, |metric| cell(&results, "bun", metric));
        assert_eq!(text, "| yawc | 2.00 (2.00–2.00) | 0 | – |\n");
    }
}
