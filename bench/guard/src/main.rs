//! `guard SCENARIO COUNT`: does a piece of work so many times and ends.
//!
//! `cargo xtask instructions` runs it under callgrind with two counts and divides the difference, so
//! that neither the start nor the first use of anything is in the figure. Nothing here opens a socket,
//! and nothing runs on another thread.
//!
//! # Layout
//!
//! - `wire`: decoding and encoding, without any I/O
//! - `echo`: a visitor over a stream in memory
//! - `fanout`: a message to a group; `topic`: a publication to a hub's subscribers
//! - `opening`: a connection from its request to its end
//! - `streams`: streams in memory, with nobody at the other end
//! - `frames`: what clients send

mod echo;
mod fanout;
mod frames;
mod opening;
mod streams;
mod topic;
mod wire;

use std::process::ExitCode;

use everwire_hub::proto::Encoding;

/// A name, and what does its work `count` times.
type Scenario = (&'static str, fn(u64));

const SCENARIOS: &[Scenario] = &[
    ("decode-14", |count| wire::decode(14, count)),
    ("decode-1k", |count| wire::decode(1024, count)),
    ("encode-14", |count| wire::encode(14, count)),
    ("encode-1k", |count| wire::encode(1024, count)),
    ("echo-14", |count| echo::run(14, 1, count)),
    ("echo-14-pipelined", |count| echo::run(14, 32, count)),
    ("echo-1k", |count| echo::run(1024, 1, count)),
    ("fanout-64", |count| fanout::run(64, count)),
    ("topic-64", |count| topic::run(Encoding::Json, 64, count)),
    ("topic-64-compact", |count| topic::run(Encoding::Compact, 64, count)),
    ("open-close", opening::run),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let scenario = SCENARIOS.iter().find(|scenario| scenario.0 == name);
    let count = arguments.next().and_then(|count| count.parse().ok());
    let (Some((_, work)), Some(count)) = (scenario, count) else {
        eprintln!("usage: guard SCENARIO COUNT");
        SCENARIOS.iter().for_each(|(name, _)| eprintln!("  {name}"));
        return ExitCode::from(2);
    };
    work(count);
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_does_its_work() {
        for (_, work) in SCENARIOS {
            // They assert that everything came and left.
            work(1000);
        }
    }

    #[test]
    fn every_scenario_has_its_figure_and_every_figure_its_scenario() {
        let lines = include_str!("../counts.txt").lines();
        let figures = lines.filter(|line| line.contains(" ±")).map(|line| line.split(' ').next());
        let names = SCENARIOS.iter().map(|scenario| Some(scenario.0));
        assert!(figures.eq(names));
    }
}
