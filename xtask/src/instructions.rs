//! Instructions on the hot paths, counted by callgrind and compared with what they were.
//!
//! Time tells a fast machine from a slow one, a count of instructions tells the code before a change
//! from the code after it. `bench/guard` does the work; `counts.txt` beside it has the figures.
//!
//! # Layout
//!
//! - `counts`: the file with the figures
//! - `verdict`: a count beside its figure

mod counts;
mod verdict;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use self::counts::{Counts, Figure};
use self::verdict::Verdict;
use crate::command::{capture, leashed, stream, tail};
use crate::step::{Tally, say};
use crate::tools;
use crate::workspace::Workspace;

/// Programs it needs.
pub(crate) const NEEDS: &[&str] = &["valgrind"];

const PACKAGE: &str = "bench/guard";

/// How often a scenario does its work in the run that is subtracted, and in the other: a fan-out
/// counts deliveries, a thousand to a publication.
const FEW: u64 = 1000;
const MANY: u64 = 6000;

/// A run takes a second or two.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Take the counts for the new figures and write them to `bench/guard/counts.txt`
    #[arg(long)]
    accept: bool,
    /// Only this scenario (repeatable)
    #[arg(value_name = "SCENARIO")]
    only: Vec<String>,
}

/// The step of `cargo xtask test`.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<Tally> {
    count(workspace, &Args { accept: false, only: Vec::new() })
}

/// Counts, compares or accepts. A part for each scenario.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> anyhow::Result<Tally> {
    tools::ensure(NEEDS)?;
    count(workspace, args)
}

fn count(workspace: &Workspace, args: &Args) -> anyhow::Result<Tally> {
    let path = workspace.root.join(PACKAGE).join("counts.txt");
    let mut counts = Counts::parse(&fs::read_to_string(&path)?).context("in counts.txt")?;
    let chosen = |name: &str| args.only.is_empty() || args.only.iter().any(|only| only == name);
    if let Some(name) = args.only.iter().find(|name| counts.figure(name).is_none()) {
        bail!("no scenario `{name}` in {PACKAGE}/counts.txt");
    }
    let guard = Guard::build(workspace)?;
    let compiler = compiler(workspace)?;
    if compiler != counts.compiler {
        say(&format!("the figures are those of {}; this is {compiler}", counts.compiler));
    }
    if !has_avx2() {
        say("the figures are those of a CPU with AVX2, which this one lacks");
    }
    let mut tally = Tally::default();
    for figure in counts.figures().into_iter().filter(|figure| chosen(&figure.name)) {
        let counted = guard.count(&figure.name)?;
        let verdict = Verdict::of(&figure, counted);
        if args.accept {
            say(&verdict::accepted(&figure, counted));
            counts.accept(&Figure { instructions: counted.round(), ..figure.clone() });
        } else {
            say(&verdict.sentence(&figure, counted));
        }
        let good = args.accept || verdict.is_good();
        tally.add(&figure.name, u64::from(good), u64::from(!good));
    }
    if args.accept {
        // Some figures of one compiler and some of another would compare with nothing.
        ensure!(
            args.only.is_empty() || compiler == counts.compiler,
            "figures of another compiler are accepted all at once: leave out the scenarios"
        );
        counts.compiler = compiler;
        fs::write(&path, counts.text())?;
        say(&format!("written: {PACKAGE}/counts.txt"));
    }
    Ok(tally)
}

/// Whether unmasking, UTF-8 checking and the C library take the ways that were counted; valgrind shows
/// AVX2 to programs where the CPU has it.
fn has_avx2() -> bool {
    fs::read_to_string("/proc/cpuinfo").is_ok_and(|cpu| cpu.contains(" avx2"))
}

/// What its figures are those of; another one makes other code.
fn compiler(workspace: &Workspace) -> anyhow::Result<String> {
    let mut rustc = leashed("rustc", Duration::from_secs(60));
    rustc.arg("--version").current_dir(&workspace.root);
    Ok(capture(rustc)?.ok("rustc")?.text.trim().to_owned())
}

/// The program that does the work.
struct Guard {
    program: PathBuf,
    /// Where callgrind's own reports are kept, for `callgrind_annotate`.
    reports: PathBuf,
}

impl Guard {
    fn build(workspace: &Workspace) -> anyhow::Result<Self> {
        let target = workspace.target.join(PACKAGE);
        let mut cargo = leashed("cargo", Duration::from_secs(1200));
        cargo.current_dir(workspace.root.join(PACKAGE)).args(["build", "--release", "--locked"]);
        cargo.arg("--target-dir").arg(&target);
        // Other flags are other code.
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        stream(cargo)?.ok("cargo build")?;
        Ok(Self { program: target.join("release/everwire-guard"), reports: target })
    }

    /// Instructions that one more piece of work takes, without what a run takes anyway.
    fn count(&self, scenario: &str) -> anyhow::Result<f64> {
        let (few, many) = (self.total(scenario, FEW)?, self.total(scenario, MANY)?);
        ensure!(many > few, "more work took no more instructions: {few}, {many}");
        Ok((many - few) as f64 / (MANY - FEW) as f64)
    }

    fn total(&self, scenario: &str, count: u64) -> anyhow::Result<u64> {
        let report = self.reports.join(format!("callgrind.{scenario}"));
        let mut valgrind: Command = leashed("valgrind", PATIENCE);
        valgrind
            .arg("--tool=callgrind")
            .arg(format!("--callgrind-out-file={}", report.display()))
            .arg(&self.program)
            .args([scenario, &count.to_string()]);
        // The environment lies on the stack: its length moves what is aligned there.
        valgrind.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let said = capture(valgrind)?;
        let lines = tail(&said.text, 20);
        let text = said.ok("valgrind").with_context(|| format!("{scenario}:\n{lines}"))?.text;
        collected(&text).with_context(|| format!("callgrind counted nothing:\n{lines}"))
    }
}

/// `==17== Collected : 123456` is what callgrind says in the end.
fn collected(text: &str) -> Option<u64> {
    let line = text.lines().rev().find_map(|line| line.split_once("Collected :"))?;
    line.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callgrinds_sum_is_found() {
        let text = "==17== Callgrind, a call-graph generating cache profiler\n\
                    ==17== \n==17== Events    : Ir\n==17== Collected : 266204\n==17== \n";
        assert_eq!(collected(text), Some(266_204));
        assert_eq!(collected("==17== Process terminating\n"), None);
    }
}
