//! A hub and its clients, simulated: the real hub, the real client and real WebSockets, over a network, a store
//! and a clock that are the seed's. Whatever a seed finds, it finds again.
//!
//! ```text
//!  Program ─ Client ─ WebSocket ─ End ═══ Wire ═══ End ─ WebSocket ─ Hub ─ Application
//!     │                              network                 Attendance, Store
//!     └────────► checks: streams, fates, sessions, presence, counters ◄────────┘
//! ```
//!
//! # Layout
//! - `scenario`: what a seed is about. `run`: a seed from beginning to end. `world`: what everybody shares.
//!   `history`: what happened.
//! - `system`: chance and the time of day. `network`: connections that fail. `store`, `attendance`: what is
//!   behind the hub. `fault`: what goes wrong.
//! - `node`: a hub that is up. `endpoint`: its application. `program`: a client and what it does. `raw`: those
//!   that speak no language of the hub's.
//! - `checks`: whether the promises were kept; `truth`: what was stored. `payload`: numbers by which things
//!   are known. `trace`: what sessions did, for those in other languages.
//! - `crew`: many seeds, each in a process of its own.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

mod attendance;
mod checks;
mod crew;
mod endpoint;
mod fault;
mod history;
mod network;
mod node;
mod payload;
mod program;
mod raw;
mod run;
mod scenario;
mod store;
mod system;
mod trace;
mod truth;
mod world;

use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Simulates a hub and its clients.
#[derive(Debug, Parser)]
struct Args {
    /// Runs this seed and shows its history
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Runs these seeds, as in `0..200`
    #[arg(long, value_parser = range, default_value = "0..200")]
    seeds: Range<u64>,
    /// How many seeds run at a time
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Writes what clients' sessions did into this directory
    #[arg(long, value_name = "DIR")]
    traces: Option<PathBuf>,
    /// Shows no history, only what a run of many seeds wants to know
    #[arg(long, hide = true, requires = "seed")]
    brief: bool,
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let parse = |number: &str| number.parse::<u64>().map_err(|error| error.to_string());
    let (from, to) = text.split_once("..").ok_or("a range is written as in `0..200`")?;
    Ok(parse(from)?..parse(to)?)
}

fn main() -> ExitCode {
    let args = Args::parse();
    let Some(seed) = args.seed else {
        return crew::run(args.seeds, args.jobs, args.traces.as_deref());
    };
    let history = run::run(seed, !args.brief, args.traces.as_deref());
    let record = history.lock();
    if args.brief {
        println!("{}", crew::brief(&record));
    } else {
        println!("{} broken promises", record.wrong.len());
    }
    if record.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
