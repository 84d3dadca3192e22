//! `everwire bench`: a load generator over Everwire's own client, on one thread.
//!
//! ```text
//!  Opener ──► Connection ──► Fleet, a task each ─┬─ echo: a sliding window ──► Tally ──► report
//!  at most 32 at once                            └─ idle: silence
//! ```
//!
//! The load is a closed loop: a message leaves when one has come back, so a server that stalls is
//! asked less meanwhile, and the percentiles are those of the messages that were sent.
//!
//! # Layout
//! - `args`: the flags; `echo`, `idle`: the two runs
//! - `opener`: opens a connection and sees whether it echoes; `fleet`: all connections of a run
//! - `payload`: what is sent, and whether what came back is it
//! - `tally`: latencies; `report`: tables for people, lines of JSON for programs
//! - `failure`: why a run ended early, and which flag would help
//! - `process`: this process's file limit and CPU time

mod args;
mod echo;
mod failure;
mod fleet;
mod idle;
mod opener;
mod payload;
mod process;
mod report;
mod tally;

use std::error::Error;

pub(crate) use args::Args;
use args::Command;

/// Opens the connections, puts the load on and reports it on the standard output.
pub(crate) fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match args.command {
            Command::Echo(args) => echo::run(&args).await,
            Command::Idle(args) => idle::run(&args).await,
        }
    })
}
