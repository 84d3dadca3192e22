//! The rows of the hub: a topic beside `/broadcast`, and everybody who comes back at once.

use std::fmt::Write as _;

use super::process::{Load, Server};
use super::report::{digits, with_spread};
use super::results::{Results, Round};
use super::rows::Row;
use super::servers::{Candidate, OURS, Stage};

/// What a publication of the same size is sent to a thousand receivers by.
struct Way {
    name: &'static str,
    about: &'static str,
    path: &'static str,
    load: &'static str,
}

/// What the others are compared with, and is compared with it first of all.
const PLAIN: &str = "broadcast";
const MEASURED: &str = "json";

const WAYS: &[Way] = &[
    Way { name: PLAIN, about: "`/broadcast`", path: "broadcast", load: "" },
    Way { name: MEASURED, about: "a topic, in JSON", path: "hub", load: "--hub json" },
    Way { name: "compact", about: "a topic, compact", path: "hub", load: "--hub compact" },
    Way { name: "raw", about: "a room, to raw clients", path: "hub/bench", load: "" },
];

/// How to read the table of ways.
const NOTE: &str = "\
The same payload of 64 B, published by one client at a time and heard by 1,000; in each round every way has its \
turn with a fresh process. Subscribers of a topic tell the hub after every 64 messages how many they have got, and the \
hub keeps what they have not; `/broadcast` and raw clients have no such thing. B are those of the message.";

/// A round of all ways.
pub(super) fn fanout(
    stage: &Stage,
    load: &Load,
    candidate: &Candidate,
    row: &Row,
    seconds: f64,
) -> anyhow::Result<Round> {
    let mut round = Round::new();
    for way in WAYS {
        let server = Server::start(&stage.command(candidate, row))?;
        let flags = format!("{} {}", row.load, way.load);
        let found = load.fanout(&server, way.path, &flags, seconds)?;
        round.extend(found.into_iter().map(|(name, value)| (metric(way.name, &name), value)));
    }
    let cpu = |way| round[&metric(way, "cpu_us")];
    let ratio = cpu(MEASURED) / cpu(PLAIN);
    round.insert(row.kind.metric().to_owned(), ratio);
    Ok(round)
}

/// The table of ways, and how to read it.
pub(super) fn ways(row: &Row, results: &Results) -> String {
    let mut text = format!(
        "{NOTE}\n\n| way | CPU, µs per delivery | ÷ `/broadcast` | user | system | a second | p50 µs | p99 | B |\n\
         |---|{}\n",
        "--:|".repeat(8)
    );
    for way in WAYS {
        let median = |name| results.median(OURS, &metric(way.name, name));
        let Some(cpu) = results.spread(OURS, &metric(way.name, "cpu_us")) else { continue };
        let ratio = match way.name {
            MEASURED => results.median(OURS, row.kind.metric()),
            _ => results.median(OURS, &metric(PLAIN, "cpu_us")).map(|plain| cpu.0 / plain),
        };
        let _ = write!(text, "| {} | {} |", way.about, with_spread(cpu));
        let _ = write!(text, " {} |", ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}")));
        for name in
            ["user_us", "system_us", "messages_per_second", "p50_us", "p99_us", "payload_bytes"]
        {
            let _ = write!(text, " {} |", median(name).map_or("–".to_owned(), digits));
        }
        text.push('\n');
    }
    text
}

fn metric(way: &str, name: &str) -> String {
    format!("{way}: {name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::rows;

    #[test]
    fn a_topic_is_shown_beside_what_it_is_compared_with() {
        let mut results = Results::default();
        let round = [("broadcast: cpu_us", 4.0), ("json: cpu_us", 5.0), ("ratio", 1.2)];
        results.add(OURS, round.map(|(name, value)| (name.to_owned(), value)).into());
        let table = ways(rows::find("hub-fanout").unwrap(), &results);
        assert!(table.contains("| `/broadcast` | 4.00 (4.00–4.00) | 1.00 |"), "{table}");
        assert!(table.contains("| a topic, in JSON | 5.00 (5.00–5.00) | 1.20 |"), "{table}");
        assert!(!table.contains("raw clients |"), "{table}");
    }
}
