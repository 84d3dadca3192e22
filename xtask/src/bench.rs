//! Everwire's `/echo` beside the floor of `bench/`, and beside any other server.
//!
//! Servers run on core 0 and the load on core 1, each round with a fresh process, and the servers
//! take turns so that what the machine does meanwhile happens to all of them.

mod process;
mod report;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use self::process::{EchoRound, IdleRound, Load, Server};
use self::report::Report;
use crate::workspace::Workspace;

/// The checked-in table, written by a run without `--quick` and `--row`.
const RESULTS: &str = "docs/benchmarks/echo.md";

/// One line of the benchmark.
struct Row {
    name: &'static str,
    about: &'static str,
    connections: usize,
    /// Bytes of payload of a message.
    size: usize,
    /// Messages that each connection has under way; 0 is the idle row.
    in_flight: usize,
}

const ROWS: &[Row] = &[
    Row {
        name: "echo-20",
        about: "echo, 100 connections × 20 B × 1 in flight",
        connections: 100,
        size: 20,
        in_flight: 1,
    },
    Row {
        name: "echo-20-pipelined",
        about: "echo, 100 connections × 20 B × 32 in flight",
        connections: 100,
        size: 20,
        in_flight: 32,
    },
    Row {
        name: "echo-1k",
        about: "echo, 100 connections × 1 KiB × 1 in flight",
        connections: 100,
        size: 1024,
        in_flight: 1,
    },
    Row {
        name: "echo-64k",
        about: "echo, 10 connections × 64 KiB × 1 in flight",
        connections: 10,
        size: 64 * 1024,
        in_flight: 1,
    },
    Row {
        name: "idle",
        about: "idle memory, 9,000 connections after one 1 KiB message each",
        connections: 9000,
        size: 1024,
        in_flight: 0,
    },
];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Three rounds of three seconds instead of five of four; prints only
    #[arg(long)]
    quick: bool,
    /// Only this row (repeatable); prints only
    #[arg(long, value_name = "NAME", value_parser = row)]
    row: Vec<&'static Row>,
    /// Which load generator: the bare one of `bench/`, or `everwire bench`
    #[arg(long, value_enum, default_value_t = Generator::Bare)]
    load: Generator,
    /// One more server that echoes on `/echo`; `{port}` stands for its port (repeatable)
    #[arg(long, value_name = "NAME=COMMAND")]
    server: Vec<String>,
    /// Leave Everwire out
    #[arg(long)]
    without_ours: bool,
    /// How many rounds
    #[arg(long)]
    rounds: Option<usize>,
    /// How long a round of an echo row measures; CPU clocks want three or more
    #[arg(long)]
    seconds: Option<f64>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Generator {
    Bare,
    Ours,
}

/// What is measured: a name for the table and how to start it.
pub(crate) struct Candidate {
    name: String,
    /// A shell command with `{port}` in it.
    command: String,
}

/// The rounds of one candidate in one row.
enum Rounds {
    Echo(Vec<EchoRound>),
    Idle(Vec<IdleRound>),
}

/// Builds, measures, prints, and writes the table after a whole run.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism()?;
    if cores.get() < 2 {
        bail!("the server and the load need a core each");
    }
    let tools = build(workspace, args)?;
    let candidates = candidates(workspace, args, &tools)?;
    let load = match args.load {
        Generator::Bare => Load::new(tools.join("load").display().to_string()),
        Generator::Ours => Load::new(format!("{} bench", workspace.release("everwire").display())),
    };
    let rounds = args.rounds.unwrap_or(if args.quick { 3 } else { 5 }).max(1);
    let seconds = args.seconds.unwrap_or(if args.quick { 3.0 } else { 4.0 });

    let mut report = Report::new(workspace, rounds, seconds);
    for row in ROWS {
        if !args.row.is_empty() && !args.row.iter().any(|chosen| chosen.name == row.name) {
            continue;
        }
        let results = measure(row, &candidates, &load, rounds, seconds)?;
        let section = report::section(row, &candidates, &results);
        println!("\n{section}");
        report.add(&section);
    }
    let whole = !args.quick && args.row.is_empty() && !args.without_ours;
    if whole {
        let path = workspace.root.join(RESULTS);
        std::fs::create_dir_all(path.parent().context("no folder")?)?;
        std::fs::write(&path, report.text())?;
        println!("written to {RESULTS}");
    }
    Ok(())
}

/// All rounds of a row, the candidates taking turns.
fn measure(
    row: &Row,
    candidates: &[Candidate],
    load: &Load,
    rounds: usize,
    seconds: f64,
) -> anyhow::Result<Vec<Rounds>> {
    println!("\n{}", row.about);
    let empty = || if row.in_flight > 0 { Rounds::Echo(vec![]) } else { Rounds::Idle(vec![]) };
    let mut results: Vec<Rounds> = candidates.iter().map(|_| empty()).collect();
    for round in 1..=rounds {
        for (candidate, results) in candidates.iter().zip(&mut results) {
            let what = || format!("{} in row {}, round {round}", candidate.name, row.name);
            let server = Server::start(&candidate.command).with_context(what)?;
            let line = match results {
                Rounds::Echo(rounds) => {
                    let round = load.echo(&server, row, seconds).with_context(what)?;
                    let line = format!(
                        "{:.3} µs a message, busy {:.0} %, delayed by others {:.0} %",
                        round.cpu_us,
                        round.busy * 100.0,
                        round.delayed * 100.0
                    );
                    rounds.push(round);
                    line
                }
                Rounds::Idle(rounds) => {
                    let round = load.idle(&server, row).with_context(what)?;
                    let line = format!("{:.0} B a connection", round.rss);
                    rounds.push(round);
                    line
                }
            };
            println!("  round {round}, {}: {line}", candidate.name);
        }
    }
    Ok(results)
}

/// The floor first: ratios are to it.
fn candidates(
    workspace: &Workspace,
    args: &Args,
    tools: &std::path::Path,
) -> anyhow::Result<Vec<Candidate>> {
    let floor = tools.join("floor").display().to_string();
    let mut candidates = vec![Candidate {
        name: "floor".to_owned(),
        command: format!("{floor} --listen 127.0.0.1:{{port}}"),
    }];
    if !args.without_ours {
        let ours = workspace.release("everwire").display().to_string();
        candidates.push(Candidate {
            name: "everwire".to_owned(),
            command: format!("{ours} serve --listen 127.0.0.1:{{port}}"),
        });
    }
    for server in &args.server {
        let (name, command) = server
            .split_once('=')
            .filter(|(_, command)| command.contains("{port}"))
            .with_context(|| format!("not NAME=COMMAND with {{port}}: {server}"))?;
        candidates.push(Candidate { name: name.to_owned(), command: command.to_owned() });
    }
    Ok(candidates)
}

/// Builds Everwire and `bench/`, and returns the folder of the latter's programs.
fn build(workspace: &Workspace, args: &Args) -> anyhow::Result<PathBuf> {
    let target = workspace.target.join("bench");
    let mut bench = Command::new("cargo");
    bench.args(["build", "--release", "--locked", "--manifest-path", "bench/Cargo.toml"]);
    bench.arg("--target-dir").arg(&target);
    cargo(workspace, bench)?;
    if !args.without_ours || args.load == Generator::Ours {
        let mut ours = Command::new("cargo");
        ours.args(["build", "--release", "--locked", "--package", "everwire-server"]);
        cargo(workspace, ours)?;
    }
    Ok(target.join("release"))
}

fn cargo(workspace: &Workspace, mut command: Command) -> anyhow::Result<()> {
    let status = command.current_dir(&workspace.root).status().context("cannot run cargo")?;
    if !status.success() {
        bail!("cargo build failed ({status})");
    }
    Ok(())
}

fn row(name: &str) -> Result<&'static Row, String> {
    let names = || ROWS.iter().map(|row| row.name).collect::<Vec<_>>().join(", ");
    ROWS.iter().find(|row| row.name == name).ok_or_else(|| format!("the rows are {}", names()))
}
