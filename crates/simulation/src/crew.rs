//! Many seeds, each in a process of its own: nothing is left from one to the next, and one that hangs or
//! crashes takes no other with it.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::history::Record;

/// How long a seed may take. One that takes longer goes round in circles.
const PATIENCE: Duration = Duration::from_secs(30);

/// What has to come about in a run of many seeds, so that something was proven.
const EXPECTED: &[&str] = &[
    "Abandon",
    "HalfOpen",
    "HalfReset",
    "Leave",
    "LoseTrack",
    "Partition",
    "PowerCut",
    "Refuse",
    "Reset",
    "Restart",
    "RestartEmpty",
    "Stall",
    "anew",
    "close 1000",
    "close 1006",
    "close 1011",
    "close 1012",
    "close 4000",
    "close 4408",
    "done",
    "gap dropped",
    "gap epoch",
    "gap limit",
    "gap trimmed",
    "not done",
    "panic",
    "raw",
    "resumed",
    "unsure",
];

/// A run of so many seeds has to see all of that.
const MANY: u64 = 200;

/// What a process says of its seed.
pub(crate) fn brief(record: &Record) -> Value {
    let mut hasher = DefaultHasher::new();
    record.lines.hash(&mut hasher);
    json!({
        "wrong": record.wrong,
        "counts": record.counts,
        "lines": record.lines.len(),
        "history": format!("{:016x}", hasher.finish()),
    })
}

/// Runs all seeds, and says which of them failed.
pub(crate) fn run(seeds: Range<u64>, jobs: usize, traces: Option<&Path>) -> ExitCode {
    let begun = Instant::now();
    let (next, sum) = (AtomicU64::new(seeds.start), Mutex::new(Sum::default()));
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let found = in_a_process(seed, traces);
                    sum.lock().unwrap().add(seed, &found);
                }
            });
        }
    });
    let sum = sum.into_inner().unwrap();
    for (what, count) in &sum.counts {
        println!("{count:>9} {what}");
    }
    let ran = seeds.end.saturating_sub(seeds.start);
    let failed = sum.failed;
    let missing = EXPECTED.iter().filter(|what| ran >= MANY && !sum.counts.contains_key(**what));
    let missing: Vec<_> = missing.collect();
    if !missing.is_empty() {
        println!("never came about: {missing:?}");
    }
    let took = begun.elapsed().as_secs_f64();
    println!(
        "{} passed, {failed} failed, {} lines of history, {took:.1} s",
        ran - failed,
        sum.lines
    );
    if failed == 0 && missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What came of all seeds.
#[derive(Debug, Default)]
struct Sum {
    counts: BTreeMap<String, u64>,
    lines: u64,
    failed: u64,
}

impl Sum {
    fn add(&mut self, seed: u64, found: &Result<Value, String>) {
        let wrong = match found {
            Err(error) => vec![error.clone()],
            Ok(brief) => {
                for (what, count) in brief["counts"].as_object().into_iter().flatten() {
                    *self.counts.entry(what.clone()).or_default() += count.as_u64().unwrap_or(0);
                }
                self.lines += brief["lines"].as_u64().unwrap_or(0);
                let wrong = brief["wrong"].as_array().into_iter().flatten();
                wrong.map(|what| what.as_str().unwrap_or_default().to_owned()).collect()
            }
        };
        if wrong.is_empty() {
            return;
        }
        self.failed += 1;
        println!("seed {seed} FAILED, see: cargo run -p everwire-simulation -- --seed {seed}");
        wrong.iter().take(5).for_each(|what| println!("    {what}"));
    }
}

/// What a process says that is given this long.
fn within(patience: Duration, mut command: Command) -> io::Result<Output> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let until = Instant::now() + patience;
    while child.try_wait()?.is_none() {
        if Instant::now() > until {
            child.kill()?;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output()
}

fn in_a_process(seed: u64, traces: Option<&Path>) -> Result<Value, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.args(["--brief", "--seed", &seed.to_string()]).stdin(Stdio::null());
    if let Some(dir) = traces {
        command.arg("--traces").arg(dir);
    }
    let output = within(PATIENCE, command).map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let brief = text.lines().last().and_then(|line| serde_json::from_str(line).ok());
    brief.ok_or_else(|| {
        let errors = String::from_utf8_lossy(&output.stderr);
        format!("{}: {}", output.status, errors.lines().take(8).collect::<Vec<_>>().join(" / "))
    })
}
