//! Runs steps one after the other, shows how each ended, and sums up.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use crate::workspace::Workspace;

/// One line of the table in `test.rs`.
pub(crate) struct Step {
    /// What `--only` takes.
    pub(crate) name: &'static str,
    /// What it proves, a few words.
    pub(crate) about: &'static str,
    /// Programs it needs, from the table in `tools.rs`.
    pub(crate) needs: &'static [&'static str],
    /// Does it.
    pub(crate) run: fn(&Workspace, &Plan) -> anyhow::Result<Tally>,
}

/// What was asked for on the command line.
pub(crate) struct Plan {
    /// Everything at length instead of the short form.
    pub(crate) full: bool,
    /// The programs that all chosen steps need together.
    pub(crate) tools: Vec<&'static str>,
}

/// How many tests passed and failed in a step, with parts to list under it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Counts of the parts: a test binary, a fuzz target, a role.
    pub(crate) parts: Vec<(String, u64, u64)>,
}

impl Tally {
    /// A step that is one test and passed.
    pub(crate) fn pass() -> Self {
        Self { passed: 1, ..Self::default() }
    }

    /// Adds a named part.
    pub(crate) fn add(&mut self, name: impl Into<String>, passed: u64, failed: u64) {
        self.passed += passed;
        self.failed += failed;
        self.parts.push((name.into(), passed, failed));
    }

    /// Something ran and nothing failed: a step in which no test ran has proved nothing.
    pub(crate) fn is_success(&self) -> bool {
        self.passed > 0 && self.failed == 0
    }
}

/// Runs all `steps`, also after a failure, and prints the summary. True if all passed.
pub(crate) fn run_all(workspace: &Workspace, plan: &Plan, steps: &[&Step]) -> bool {
    let start = Instant::now();
    let mut done = Vec::new();
    for step in steps {
        say(&format!("\n==> {}: {}", step.name, step.about));
        let began = Instant::now();
        let mut tally = (step.run)(workspace, plan).unwrap_or_else(|error| {
            say(&format!("error: {error:#}"));
            Tally::default()
        });
        if tally.passed + tally.failed == 0 {
            // It could not run, or it ran no test. Either way it is not a pass.
            tally.failed = 1;
        }
        let took = began.elapsed();
        say(&line(step, &tally, took));
        done.push((*step, tally, took));
    }
    say(&format!("\nWhat ran, in {}:", human(start.elapsed())));
    for (step, tally, took) in &done {
        say(&line(step, tally, *took));
        for (name, passed, failed) in &tally.parts {
            let failed = if *failed > 0 { format!(", {failed} FAILED") } else { String::new() };
            say(&format!("           {name}: {passed}{failed}"));
        }
    }
    let passed: u64 = done.iter().map(|(_, tally, _)| tally.passed).sum();
    let failed: u64 = done.iter().map(|(_, tally, _)| tally.failed).sum();
    say(&format!("\n{passed} passed, {failed} failed"));
    passed > 0 && failed == 0
}

fn line(step: &Step, tally: &Tally, took: Duration) -> String {
    let word = if tally.is_success() { "ok" } else { "FAILED" };
    format!(
        "{word:<7} {:<12} {:>6} passed {:>4} failed  {:>10}  {}",
        step.name,
        tally.passed,
        tally.failed,
        human(took),
        step.about
    )
}

fn human(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        seconds @ 10..60 => format!("{seconds} s"),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

/// Prints a line at once, also into a pipe.
pub(crate) fn say(line: &str) {
    println!("{line}");
    // Nothing useful is left to do when our own output is gone.
    let _ = io::stdout().flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_without_a_test_is_not_a_success() {
        assert!(!Tally::default().is_success());
        assert!(Tally::pass().is_success());
    }

    #[test]
    fn parts_add_up() {
        let mut tally = Tally::default();
        tally.add("one", 3, 0);
        tally.add("two", 4, 1);
        assert_eq!((tally.passed, tally.failed), (7, 1));
        assert!(!tally.is_success());
    }

    #[test]
    fn durations_are_readable() {
        assert_eq!(human(Duration::from_millis(1_240)), "1.2 s");
        assert_eq!(human(Duration::from_secs(59)), "59 s");
        assert_eq!(human(Duration::from_secs(125)), "2 min 05 s");
    }
}
