//! Our client and our server with other people's software, conformance/peers.
//!
//! # Layout
//!
//! - `table`: who is there, what is checked, and what cannot be
//! - `cell`: one peer put to one check, by a real exchange
//! - `server`: a server that runs until it is dropped, ours or theirs
//! - `proxy`: the proxies between both sides
//! - `install`: npm and PyPI packages, compiled Java, certificates
//! - `report`: the table that is checked in

mod cell;
mod install;
mod proxy;
mod report;
mod server;
mod table;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::anyhow;

use self::cell::Stage;
use self::install::Installed;
use self::server::Servers;
use self::table::{CHECKS, Check, PEERS, Peer};
use crate::command::{leashed, stream};
use crate::step::{Tally, say};
use crate::tools;
use crate::workspace::Workspace;

/// What the matrix needs on the machine.
pub(crate) const NEEDS: &[&str] = &[
    "node",
    "npm",
    "python3",
    "pip3",
    "java",
    "javac",
    "openssl",
    "nginx",
    "haproxy",
    "tinyproxy",
    "microsocks",
];

/// The checked-in table, written by a full run.
const RESULTS: &str = "conformance/peers.md";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Every check with every peer instead of a few, and write conformance/peers.md
    #[arg(long)]
    pub(crate) full: bool,
}

/// What came of a peer put to a check.
pub(crate) struct Outcome {
    peer: &'static Peer,
    check: &'static Check,
    result: anyhow::Result<()>,
}

/// Runs the checks, prints what failed, and writes the table after a full run.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> anyhow::Result<Tally> {
    tools::ensure(NEEDS)?;
    tools::ensure(NEEDS)?;
    build(workspace)?;
    let installed = Installed::new(workspace)?;
    let start = Instant::now();
    let servers = Servers::start(&installed)?;
    let outcomes = play(&Stage { installed: &installed, servers: &servers }, args.full);

    let mut tally = Tally::default();
    for peer in PEERS {
        let of_peer = || outcomes.iter().filter(|outcome| std::ptr::eq(outcome.peer, peer));
        let failed = of_peer().filter(|outcome| outcome.result.is_err()).count() as u64;
        tally.add(peer.title(), of_peer().count() as u64 - failed, failed);
    }
    say(&format!("{} exchanges in {} s", outcomes.len(), start.elapsed().as_secs()));
    if args.full {
        let table = workspace.root.join(RESULTS);
        fs::write(&table, report::table(&outcomes, &installed.versions()?))?;
        say(&format!("table in {RESULTS}"));
    }
    Ok(tally)
}

/// Every chosen pair of peer and check. Those that only wait run beside the others.
fn play(stage: &Stage<'_>, full: bool) -> Vec<Outcome> {
    let pairs = PEERS.iter().flat_map(|peer| CHECKS.iter().map(move |check| (peer, check)));
    let chosen = |(peer, check): &(&Peer, &Check)| {
        peer.cannot(check).is_none() && (full || table::is_smoke(peer, check))
    };
    let (waiting, busy): (Vec<_>, Vec<_>) =
        pairs.filter(chosen).partition(|(_, check)| check.way.is_slow());
    let one = |(peer, check): (&'static Peer, &'static Check)| {
        let result = stage.play(peer, check);
        match &result {
            Ok(()) => say(&format!("ok      {}: {}", peer.title(), check.title)),
            Err(error) => say(&format!("FAILED  {}: {}\n{error:#}", peer.title(), check.title)),
        }
        Outcome { peer, check, result }
    };
    thread::scope(|scope| {
        let waiting: Vec<_> =
            waiting.into_iter().map(|pair| (pair, scope.spawn(move || one(pair)))).collect();
        let mut outcomes: Vec<Outcome> = busy.into_iter().map(one).collect();
        for ((peer, check), thread) in waiting {
            let panicked = |_| Outcome { peer, check, result: Err(anyhow!("it panicked")) };
            outcomes.push(thread.join().unwrap_or_else(panicked));
        }
        outcomes
    })
}

fn build(workspace: &Workspace) -> anyhow::Result<()> {
    let mut cargo = leashed("cargo", Duration::from_secs(1800));
    cargo
        .current_dir(&workspace.root)
        .args([
            "build",
            "--release",
            "-p",
            "everwire-server",
            "-p",
            "everwire",
            "-p",
            "everwire-testkit",
        ])
        .args(["--bin", "everwire", "--bin", "reverse-proxy", "--example", "interop"]);
    stream(cargo)?.ok("the build of server, client and proxies").map(drop)
}
