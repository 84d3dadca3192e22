//! `everwire`: one process to run, and the command line.
//!
//! # Layout
//! - `serve`: the server, its endpoints and its page.
//! - `bench`: the load generator.

mod bench;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// WebSockets, from the wire to the room.
///
/// Without a command it serves on the defaults.
#[derive(Debug, Parser)]
#[command(name = "everwire", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the chat page, a hub with rooms, `/echo` and `/broadcast`.
    Serve(serve::Args),
    /// Put a WebSocket server under load and measure it.
    Bench(bench::Args),
}

fn main() -> ExitCode {
    // Warnings by default, and how a shutdown went; `RUST_LOG=everwire=debug` shows the life of each
    // connection.
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("warn,everwire::serve::shutdown=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let result = match Cli::parse().command {
        None => serve::run(&serve::Args::default()),
        Some(Command::Serve(args)) => serve::run(&args),
        Some(Command::Bench(args)) => bench::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the command line speaks to a person")]
            {
                eprintln!("everwire: {error}");
            }
            ExitCode::FAILURE
        }
    }
}
