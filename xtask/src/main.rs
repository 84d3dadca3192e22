//! The project's one door: `cargo xtask test` runs everything, the other commands run a part.
//!
//! # Layout
//!
//! - `test`: the table of steps behind `cargo xtask test`
//! - `step`: runs steps one after the other and sums up
//! - `tools`: what has to be on the machine, and how it gets there
//! - `conformance`: the Autobahn suite against our server and our client
//! - `peers`: our client and our server with other people's
//! - `autobahn`: installs that suite
//! - `fuzz`: builds and runs the fuzz targets on stable Rust
//! - `javascript`: the client for JavaScript in Node
//! - `browsers`: the tests in Chromium and Firefox
//! - `node`: a package of JavaScript and its `npm` scripts
//! - `bench`: Everwire beside the floor and other servers
//! - `instructions`: a guard of the hot paths that is the same on every machine
//! - `command`: child processes that never outlive us
//! - `workspace`: where things are

// A command line program talks on its standard output.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod autobahn;
mod bench;
mod browsers;
mod command;
mod conformance;
mod fuzz;
mod instructions;
mod javascript;
mod jitter;
mod node;
mod peers;
mod simulation;
mod step;
mod test;
mod tools;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Everwire's own commands", version = None)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every check there is; the last line says how many passed and failed
    Test(test::Args),
    /// Run the Autobahn suite against our server and our client
    Conformance(conformance::Args),
    /// Put our client and our server together with other people's
    Peers(peers::Args),
    /// Install the Autobahn suite in the cache and print where it is
    Autobahn,
    /// Run the fuzz targets
    Fuzz(fuzz::Args),
    /// Measure Everwire beside the floor of `bench/` and beside its rivals
    Bench(bench::Args),
    /// Count the instructions on the hot paths, and compare them with what they were
    Instructions(instructions::Args),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `Ok(false)` is a check that ran and said no; its output has the reasons.
fn run(command: Command) -> anyhow::Result<bool> {
    let workspace = Workspace::find()?;
    match command {
        Command::Test(args) => test::run(&workspace, &args),
        Command::Conformance(args) => Ok(conformance::run(&workspace, &args)?.is_success()),
        Command::Peers(args) => Ok(peers::run(&workspace, &args)?.is_success()),
        Command::Autobahn => {
            println!("{}", autobahn::install(&workspace)?.display());
            Ok(true)
        }
        Command::Bench(args) => bench::run(&workspace, &args).map(|()| true),
        Command::Instructions(args) => Ok(instructions::run(&workspace, &args)?.is_success()),
        Command::Fuzz(args) => Ok(fuzz::run(&workspace, &args)?.is_success()),
    }
}
