//! Builds the libFuzzer targets of `fuzz/` on stable Rust and runs them.
//!
//! `cargo fuzz` asks for nightly flags. Its coverage instrumentation is LLVM's own, though, which
//! stable Rust passes through: see [`FLAGS`].

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::command::{capture, leashed, stream, tail};
use crate::step::{Tally, say};
use crate::tools;
use crate::workspace::Workspace;

/// What libFuzzer needs on the machine: it is C++ and compiled with the targets.
pub(crate) const NEEDS: &[&str] = &["g++"];

/// What turns a crate into a fuzz target on stable.
const FLAGS: &[&str] = &[
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    // Optimized, but with the checks that turn a wrong number into a crash.
    "-Cdebug-assertions",
    "-Coverflow-checks",
];

/// The memory that a target may have before libFuzzer calls it a bug.
const MEMORY_MB: u32 = 1024;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The target to run, all of them without it
    target: Option<String>,
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Build with AddressSanitizer, which finds bad memory accesses and leaks
    #[arg(long)]
    asan: bool,
    /// Then add to fuzz/corpus those findings that reach new code
    #[arg(long)]
    merge: bool,
}

/// Runs targets as the command line says.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> anyhow::Result<Tally> {
    let mut targets = targets(workspace)?;
    if let Some(only) = &args.target {
        targets.retain(|target| target == only);
    }
    if targets.is_empty() {
        bail!("no such target in fuzz/fuzz_targets");
    }
    let fuzz = Fuzz::build(workspace, args.asan)?;
    let tally = fuzz.run_all(&targets, args.seconds)?;
    if args.merge && tally.is_success() {
        targets.iter().try_for_each(|target| fuzz.merge(target))?;
    }
    Ok(tally)
}

/// All targets, each for a few seconds from its checked-in corpus.
pub(crate) fn run_short(workspace: &Workspace, seconds: u64) -> anyhow::Result<Tally> {
    let targets = targets(workspace)?;
    if targets.is_empty() {
        bail!("no targets in fuzz/fuzz_targets");
    }
    let fuzz = Fuzz::build(workspace, false)?;
    if let Some(target) = targets.iter().find(|target| !fuzz.corpus(target).is_dir()) {
        bail!("fuzz/corpus/{target} is missing: `cargo xtask fuzz --merge {target}` makes it");
    }
    fuzz.run_all(&targets, seconds)
}

/// The names of all targets: the files in `fuzz/fuzz_targets`.
fn targets(workspace: &Workspace) -> anyhow::Result<Vec<String>> {
    let dir = workspace.root.join("fuzz/fuzz_targets");
    let mut targets = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let stem = path.file_stem().context("a target without a name")?;
            targets.push(stem.to_string_lossy().into_owned());
        }
    }
    targets.sort();
    Ok(targets)
}

/// The built targets.
struct Fuzz {
    /// The package's folder.
    dir: PathBuf,
    programs: PathBuf,
    /// Where new inputs go, so that a run leaves the checkout clean.
    found: PathBuf,
}

impl Fuzz {
    fn build(workspace: &Workspace, asan: bool) -> anyhow::Result<Self> {
        tools::ensure(NEEDS)?;
        let dir = workspace.root.join("fuzz");
        let target = dir.join("target").join(if asan { "asan" } else { "plain" });
        // Given explicitly, so that build scripts and macros are not instrumented.
        let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let mut flags = FLAGS.to_vec();
        let mut cargo = leashed("cargo", Duration::from_secs(1800));
        cargo.current_dir(&dir).args(["build", "--release", "--target", &triple, "--target-dir"]);
        cargo.arg(&target);
        if asan {
            // The sanitizer's runtime comes with stable Rust, only its flag does not.
            flags.push("-Zsanitizer=address");
            cargo.env("RUSTC_BOOTSTRAP", "1");
        }
        cargo.env("RUSTFLAGS", flags.join(" "));
        stream(cargo)?.ok("the build of the fuzz targets")?;
        let programs = target.join(triple).join("release");
        Ok(Self { found: dir.join("target/found"), dir, programs })
    }

    fn corpus(&self, target: &str) -> PathBuf {
        self.dir.join("corpus").join(target)
    }

    /// Runs the targets, as many at a time as there are processors.
    fn run_all(&self, targets: &[String], seconds: u64) -> anyhow::Result<Tally> {
        let workers = thread::available_parallelism()?.get().min(targets.len());
        let queue = Mutex::new(targets.iter());
        let tally = Mutex::new(Tally::default());
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    // The guard must not live as long as the loop's body.
                    while let Some(target) = { queue.lock().expect("no panics").next() } {
                        let passed = self.run_one(target, seconds);
                        let passed = passed.unwrap_or_else(|error| {
                            say(&format!("{target}: {error:#}"));
                            false
                        });
                        let mut tally = tally.lock().expect("no panics");
                        tally.add(target.clone(), u64::from(passed), u64::from(!passed));
                    }
                });
            }
        });
        let mut tally = tally.into_inner()?;
        tally.parts.sort();
        Ok(tally)
    }

    /// Runs a target and shows what came of it. True if it found nothing wrong.
    fn run_one(&self, target: &str, seconds: u64) -> anyhow::Result<bool> {
        let found = self.found.join(target);
        let artifacts = self.dir.join("artifacts").join(target);
        fs::create_dir_all(&found)?;
        fs::create_dir_all(&artifacts)?;
        let mut command = leashed(self.programs.join(target), Duration::from_secs(seconds + 300));
        // The first directory is written to, the second only read.
        command.current_dir(&self.dir).arg(&found);
        if self.corpus(target).is_dir() {
            command.arg(self.corpus(target));
        }
        command
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .arg(format!("-rss_limit_mb={MEMORY_MB}"))
            .args(["-timeout=10", "-print_final_stats=1"]);
        let finished = capture(command)?;
        let executions = statistic(&finished.text, "number_of_executed_units");
        if finished.status.success() && executions > 0 {
            say(&format!("{target}: {executions} executions in {seconds} s, nothing wrong"));
            return Ok(true);
        }
        say(&format!("{target}: FAILED after {executions} executions ({})", finished.status));
        say(&tail(&finished.text, 60));
        Ok(false)
    }

    /// Adds to the checked-in corpus what reaches code that it does not reach yet.
    fn merge(&self, target: &str) -> anyhow::Result<()> {
        let corpus = self.corpus(target);
        fs::create_dir_all(&corpus)?;
        let before = fs::read_dir(&corpus)?.count();
        let mut command = leashed(self.programs.join(target), Duration::from_secs(1800));
        command.arg("-merge=1").arg(&corpus).arg(self.found.join(target));
        let finished = capture(command)?;
        if !finished.status.success() {
            say(&tail(&finished.text, 20));
        }
        finished.ok("the merge")?;
        let after = fs::read_dir(&corpus)?.count();
        say(&format!("{target}: corpus of {before} inputs, now {after}"));
        Ok(())
    }
}

/// A number of libFuzzer's final statistics, 0 if it did not get that far.
fn statistic(text: &str, name: &str) -> u64 {
    let name = format!("stat::{name}:");
    let value = text.lines().find_map(|line| line.strip_prefix(&name));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_read() {
        let text = "Done\nstat::number_of_executed_units: 8388608\nstat::peak_rss_mb: 40\n";
        assert_eq!(statistic(text, "number_of_executed_units"), 8_388_608);
        assert_eq!(statistic("panicked", "number_of_executed_units"), 0);
    }
}
