//! The Autobahn suite against our server and our client, both at once.
//!
//! The suite's own exit code says nothing, so its `index.json` is read and judged in `verdict`.

mod report;
mod role;
mod verdict;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;

use self::role::Run;
use self::verdict::Verdict;
use crate::autobahn;
use crate::command::{leashed, stream};
use crate::step::{Tally, say};
use crate::workspace::Workspace;

/// The checked-in table, written by a full run.
const RESULTS: &str = "conformance/results.md";

/// Longest pause between two cases. The slowest case takes the suite about 20 s.
const STALL: Duration = Duration::from_secs(180);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// All 517 cases, about 20 minutes, instead of the lean set, and write conformance/results.md
    #[arg(long)]
    pub(crate) full: bool,
}

/// Which cases are run: an entry of `conformance/sets.json`.
struct Set {
    name: &'static str,
    about: String,
    count: usize,
    cases: Value,
}

/// Runs the set in both roles, prints the verdicts and writes the table.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> anyhow::Result<Tally> {
    let set = Set::read(workspace, if args.full { "full" } else { "lean" })?;
    let wstest = autobahn::install(workspace)?;
    build(workspace)?;
    let dir = workspace.target.join("conformance");
    fs::create_dir_all(&dir)?;

    let start = Instant::now();
    let mut runs = [
        Run::of_our_server(&workspace.release("everwire"), &wstest, &set, &dir)?,
        Run::of_our_client(&workspace.release("examples/autobahn_client"), &wstest, &set, &dir)?,
    ];
    watch(&mut runs, &set)?;

    let mut verdicts = Vec::new();
    for run in runs {
        verdicts.push(Verdict::read(run.role, &run.finish()?, set.count)?);
    }
    for verdict in &verdicts {
        verdict.complaints().iter().for_each(|complaint| say(complaint));
    }
    let table =
        if args.full { workspace.root.join(RESULTS) } else { dir.join(format!("{}.md", set.name)) };
    fs::write(&table, report::table(&set, &verdicts))?;
    say(&format!(
        "{} set in {} s, table in {}",
        set.name,
        start.elapsed().as_secs(),
        table.display()
    ));
    let mut tally = Tally::default();
    for verdict in &verdicts {
        say(&verdict.summary());
        let refused = verdict.refused() as u64;
        tally.add(verdict.role, verdict.len() as u64 - refused, refused + verdict.missing() as u64);
    }
    Ok(tally)
}

impl Set {
    fn read(workspace: &Workspace, name: &'static str) -> anyhow::Result<Self> {
        let text = fs::read_to_string(workspace.root.join("conformance/sets.json"))?;
        let mut sets: Value = serde_json::from_str(&text).context("conformance/sets.json")?;
        let set = &mut sets[name];
        Ok(Self {
            name,
            about: set["about"].as_str().context("a set needs `about`")?.to_owned(),
            count: set["count"].as_u64().context("a set needs `count`")? as usize,
            cases: set["cases"].take(),
        })
    }
}

fn build(workspace: &Workspace) -> anyhow::Result<()> {
    let mut cargo = leashed("cargo", Duration::from_secs(1800));
    cargo
        .current_dir(&workspace.root)
        .args(["build", "--release", "-p", "everwire-server", "-p", "everwire"])
        .args(["--bin", "everwire", "--example", "autobahn_client"]);
    stream(cargo)?.ok("the build of server and client").map(drop)
}

/// Waits until both runs are over and shows how far they are.
fn watch(runs: &mut [Run; 2], set: &Set) -> anyhow::Result<()> {
    let mut shown = Instant::now();
    loop {
        let mut over = true;
        for run in runs.iter_mut() {
            over &= run.is_over()?;
            if run.stalled() > STALL {
                bail!("{}: no new case in {} s:\n{}", run.role, STALL.as_secs(), run.tail());
            }
        }
        if over || shown.elapsed() > Duration::from_secs(20) {
            shown = Instant::now();
            let far = runs.iter().map(|run| format!("{} {}/{}", run.role, run.cases(), set.count));
            say(&format!("  {}", far.collect::<Vec<_>>().join("   ")));
        }
        if over {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// The suite's report directory for a role, empty.
fn fresh(dir: &Path) -> anyhow::Result<PathBuf> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => fs::create_dir_all(dir)?,
    }
    Ok(dir.to_owned())
}
