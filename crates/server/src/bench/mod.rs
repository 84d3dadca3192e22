//! `everwire bench`: a load generator over Everwire's own client.
//!
//! ```text
//!  Opener ──► Fleet, a task for each ─┬─ echo: a sliding window ──────────┐
//!  at most    connection, over the    ├─ fanout: speak, listen ─► Ledger ─┼─► Tally ──► Report
//!  32 at once threads of a Crew       ├─ connect: open, close ────────────┘
//!                                     └─ idle: silence
//! ```
//!
//! The load is a closed loop: a message leaves when one has come back, or when everyone has heard
//! one, so a server that stalls is asked less meanwhile, and the percentiles are those of the messages
//! that were sent.
//!
//! # Layout
//! - `args`: the flags; `echo`, `fanout`, `idle`, `connect`: the runs
//! - `opener`: opens a connection and sees whether it echoes; `trust`: TLS; `fleet`: all connections of
//!   a run; `crew`: the threads that they are on
//! - `payload`: what is sent, and whether what came back is it
//! - `jitter`: a run by itself, of a hub's clients over a network that fails
//! - `measure`: the part of a run that counts; `tally`: latencies; `moment`: how often the clock is read
//! - `report`: tables for people, lines of JSON for programs; `progress`: a bar
//! - `failure`: why a run ended early, and which flag would help
//! - `process`: this process's file limit and its threads' time

mod args;
mod connect;
mod crew;
mod echo;
mod failure;
mod fanout;
mod fleet;
mod idle;
mod jitter;
mod measure;
mod moment;
mod opener;
mod payload;
mod process;
mod progress;
mod report;
mod tally;
mod trust;

use std::error::Error;

pub(crate) use args::Args;
use args::Command;

/// Opens the connections, puts the load on and reports it on the standard output.
pub(crate) fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match args.command {
            Command::Echo(args) => echo::run(&args).await,
            Command::Fanout(args) => fanout::run(&args).await,
            Command::Idle(args) => idle::run(&args).await,
            Command::Connect(args) => connect::run(&args).await,
            Command::Jitter(args) => jitter::run(&args).await,
        }
    })
}
