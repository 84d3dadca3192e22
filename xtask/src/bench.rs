//! Everwire beside the floor of `bench/` and beside its rivals.
//!
//! Servers run on core 0 and the load on core 1, each round with a fresh process, and the servers
//! take turns so that what the machine does meanwhile happens to all of them.
//!
//! # Layout
//!
//! - `rows`: what is measured; `servers`: who takes part and how it is built
//! - `publishers`: servers of `--full`, which only fan out
//! - `process`: one round of one server in one row; `usage`: what it used
//! - `results`: keeps rounds in files
//! - `attack`: hostile clients
//! - `report`: the tables; `plot`: the bars
//! - `hub`: the rows of Everwire's hub
//! - `wire`: the row that needs neither a server nor a load

mod attack;
mod hub;
mod plot;
mod process;
mod publishers;
mod report;
mod results;
mod rows;
mod servers;
mod usage;
mod wire;

use std::collections::BTreeMap;

use anyhow::{Context, bail};

use self::process::{Load, Server};
use self::report::Report;
use self::results::{Results, Store};
use self::rows::{IDLE, Kind, Need, ROWS, Row};
use self::servers::{Candidate, FLOOR, OURS, Stage};
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// One short round of the rows that have something to reach; prints only, and proves little
    #[arg(long)]
    quick: bool,
    /// Only this row (repeatable); its rounds are kept for `--report`
    #[arg(long, value_name = "NAME", value_parser = rows::find)]
    row: Vec<&'static Row>,
    /// Only this server (repeatable); its rounds are kept for `--report`
    #[arg(long, value_name = "NAME")]
    server: Vec<String>,
    /// Measure only the rounds that are missing from those kept
    #[arg(long)]
    resume: bool,
    /// Also servers that fan out and do nothing else: Socket.IO, and nginx with nchan; and attacks on rivals
    #[arg(long)]
    full: bool,
    /// Measure nothing; write tables and plots of the rounds that are kept
    #[arg(long, conflicts_with_all = ["quick", "row", "server", "resume"])]
    report: bool,
    /// Which load generator: the bare one of `bench/`, or `everwire bench`
    #[arg(long, value_enum, default_value_t = Generator::Bare)]
    load: Generator,
    /// One more server that echoes on `/echo`; `{port}` stands for its port (repeatable)
    #[arg(long, value_name = "NAME=COMMAND")]
    add: Vec<String>,
    /// How many rounds; else 9 of rows with something to reach and 3 of the others, fewer of idle ones
    #[arg(long)]
    rounds: Option<usize>,
    /// How long a round counts messages
    #[arg(long)]
    seconds: Option<f64>,
    /// List the rows
    #[arg(long)]
    list: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Generator {
    Bare,
    Ours,
}

/// The rows that were measured, by name.
type Measured = BTreeMap<&'static str, Results>;

/// Builds, measures, prints, and writes tables and plots after a whole run.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> anyhow::Result<()> {
    if args.list {
        ROWS.iter().for_each(|row| println!("{:<24}{}", row.name, row.about));
        return Ok(());
    }
    if std::thread::available_parallelism()?.get() < 2 {
        bail!("the server and the load need a core each");
    }
    if args.full && args.load == Generator::Ours {
        bail!("`everwire bench` does not speak Socket.IO: --full needs --load bare");
    }
    if args.load == Generator::Ours && args.row.iter().any(|row| row.needs(Need::Hub)) {
        bail!("`everwire bench` does not speak to the hub: its rows need --load bare");
    }
    let stage = Stage::set(workspace, &args.add, &args.server, args.full)?;
    let load = match args.load {
        Generator::Bare => Load::new(stage.load.display().to_string()),
        Generator::Ours => Load::new(format!("{} bench", workspace.release("everwire").display())),
    };
    let kept = if args.quick { "bench/quick" } else { "bench/results" };
    let run = Run {
        stage: &stage,
        load,
        store: Store::new(workspace.target.join(kept))?,
        rounds: if args.quick { Some(1) } else { args.rounds.map(|rounds| rounds.max(1)) },
        seconds: args.seconds.unwrap_or(if args.quick { 0.5 } else { 1.0 }),
        idle: if args.quick { 2000 } else { IDLE },
        resume: args.resume,
        full: args.full,
    };
    let chosen = |row: &&Row| match (args.report, args.row.is_empty()) {
        (true, _) => false,
        (_, false) => args.row.iter().any(|chosen| chosen.name == row.name),
        (_, true) if args.load == Generator::Ours && row.needs(Need::Hub) => false,
        (_, true) => !args.quick || (!row.reach.is_empty() && !row.is_long()),
    };

    for row in ROWS.iter().filter(chosen) {
        run.measure(row)?;
        println!("\n{}", report::section(row, &stage.candidates, &run.kept(&[row])?));
    }
    let rows: Vec<&Row> = ROWS.iter().collect();
    let measured = run.kept(&rows)?;
    println!("{}", report::reach(&stage.candidates, &measured));
    if args.report || (!args.quick && args.row.is_empty() && args.server.is_empty()) {
        Report::new(workspace, &stage.candidates, &measured, run.seconds).write(workspace)?;
    }
    let failed = run.failures(&measured);
    if !failed.is_empty() {
        bail!("did not get through: {}", failed.join(", "));
    }
    Ok(())
}

/// How rows are measured.
struct Run<'a> {
    stage: &'a Stage,
    load: Load,
    store: Store,
    rounds: Option<usize>,
    seconds: f64,
    idle: usize,
    resume: bool,
    full: bool,
}

impl Run<'_> {
    /// All rounds of a row, the servers taking turns; each is kept at once.
    fn measure(&self, row: &Row) -> anyhow::Result<()> {
        println!("\n{}", row.about);
        let mut results = self.store.load(row.name)?;
        let takes_part = |server: &&Candidate| {
            // Fourteen attacks on each rival take longer than all that is timed of them.
            let left_out = row.kind == Kind::Attack && server.name != OURS && !self.full;
            server.lacks(row).is_none() && !left_out
        };
        let candidates: Vec<&Candidate> = self.stage.candidates.iter().filter(takes_part).collect();
        for server in &candidates {
            match self.resume {
                true => results.forgive(&server.name),
                false => results.forget(&server.name),
            }
        }
        let usual = row.rounds();
        let rounds = match row.kind {
            // These take long and vary little.
            Kind::Idle | Kind::Heartbeat | Kind::Attack => self.rounds.unwrap_or(usual).min(usual),
            _ => self.rounds.unwrap_or(usual),
        };
        for round in 1..=rounds {
            for candidate in &candidates {
                let name = &candidate.name;
                if results.rounds(name).len() >= round || results.failure(name).is_some() {
                    continue;
                }
                match self.round(row, candidate) {
                    Ok(found) => {
                        let value = found.get(row.kind.metric()).copied().unwrap_or(f64::NAN);
                        println!("  round {round}, {name}: {value:.3} {}", row.kind.heading());
                        results.add(name, found);
                    }
                    Err(error) => {
                        println!("  round {round}, {name}: FAILED: {error:#}");
                        results.fail(name, format!("{error:#}"));
                    }
                }
                self.store.save(row.name, &results)?;
            }
        }
        Ok(())
    }

    fn round(&self, row: &Row, candidate: &Candidate) -> anyhow::Result<results::Round> {
        match row.kind {
            Kind::Attack => return attack::round(self.stage, candidate),
            Kind::Wire => return wire::round(&self.stage.wire, &candidate.name),
            Kind::Topic => {
                return hub::fanout(self.stage, &self.load, candidate, row, self.seconds);
            }
            _ => {}
        }
        let server = Server::start(&self.stage.command(candidate, row))?;
        self.load.measure(
            &server,
            row,
            &self.stage.load_flags(candidate, row),
            self.seconds,
            self.idle,
        )
    }

    fn kept(&self, rows: &[&Row]) -> anyhow::Result<Measured> {
        let mut measured = Measured::new();
        for row in ROWS.iter().filter(|row| rows.iter().any(|chosen| chosen.name == row.name)) {
            measured.insert(row.name, self.store.load(row.name)?);
        }
        // Others are compared with its floor.
        if !measured.contains_key(rows::MEASURE) {
            measured.insert(rows::MEASURE, self.store.load(rows::MEASURE)?);
        }
        Ok(measured)
    }

    /// Rows that Everwire or the floor did not get through; a rival's failure is in the tables.
    fn failures(&self, measured: &Measured) -> Vec<String> {
        let failed = |(row, results): (&&str, &Results)| {
            let server = [OURS, FLOOR].into_iter().find(|name| results.failure(name).is_some())?;
            Some(format!("{server} in {row}"))
        };
        measured.iter().filter_map(failed).collect::<Vec<_>>()
    }
}

impl Report {
    /// Writes tables and plots, and says where.
    fn write(&self, workspace: &Workspace) -> anyhow::Result<()> {
        let folder = workspace.root.join(report::FOLDER);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make {}", report::FOLDER))?;
        for (name, text) in self.files() {
            std::fs::write(folder.join(name), text)?;
            println!("written: {}/{name}", report::FOLDER);
        }
        Ok(())
    }
}
