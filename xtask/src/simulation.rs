//! The hub and its clients over many seeds, `crates/simulation`, and their sessions once more in JavaScript.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use crate::command::{leashed, stream};
use crate::node;
use crate::step::Tally;
use crate::workspace::Workspace;

/// What the sessions in JavaScript need on the machine.
pub(crate) const NEEDS: &[&str] = &["node"];

/// Seeds whose clients' sessions are recorded, and run in JavaScript.
const RECORDED: u64 = 200;

/// Seeds in all of a run at length.
const FULL: u64 = 10_000;

/// Runs the seeds; those that are recorded always, the others at length.
pub(crate) fn run(workspace: &Workspace, full: bool) -> anyhow::Result<Tally> {
    let traces = workspace.target.join("simulation");
    if traces.exists() {
        fs::remove_dir_all(&traces)?;
    }
    fs::create_dir_all(&traces)?;
    let mut tally = Tally::default();
    let (passed, failed) = seeds(workspace, 0, RECORDED, Some(&traces))?;
    tally.add("seeds", passed, failed);
    let dir = workspace.root.join("clients/js");
    let again = node::test(&dir, &[("EVERWIRE_TRACES", &traces)], "test/hub/traces.test.js")?;
    tally.add("their sessions in JavaScript", again.passed, again.failed);
    if full {
        let (passed, failed) = seeds(workspace, RECORDED, FULL, None)?;
        tally.add("more seeds", passed, failed);
    }
    Ok(tally)
}

/// How many of these seeds passed and failed.
fn seeds(
    workspace: &Workspace,
    from: u64,
    to: u64,
    traces: Option<&Path>,
) -> anyhow::Result<(u64, u64)> {
    let mut cargo = leashed("cargo", Duration::from_secs(3 * 3600));
    cargo.current_dir(&workspace.root).args(["run", "-p", "everwire-simulation"]);
    if to - from > RECORDED {
        // Compiled for longer than a few hundred are worth.
        cargo.args(["--profile", "simulation"]);
    }
    cargo.args(["--", "--seeds", &format!("{from}..{to}")]);
    if let Some(traces) = traces {
        cargo.arg("--traces").arg(traces);
    }
    let finished = stream(cargo)?;
    let (passed, failed) =
        count(&finished.text).context("the simulation did not run to its end")?;
    // Something that has to come about in so many seeds did not.
    let is_incomplete = failed == 0 && !finished.status.success();
    Ok((passed, failed + u64::from(is_incomplete)))
}

/// The last line of the simulation, as in `199 passed, 1 failed, …`.
fn count(text: &str) -> Option<(u64, u64)> {
    let line = text.lines().rfind(|line| line.contains(" passed, "))?;
    let (passed, rest) = line.split_once(" passed, ")?;
    let (failed, _) = rest.split_once(" failed")?;
    Some((passed.trim().parse().ok()?, failed.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_has_the_counts() {
        let text = "seed 7 FAILED\n    what\n199 passed, 1 failed, 300 lines of history, 9.2 s\n";
        assert_eq!(count(text), Some((199, 1)));
        assert_eq!(count("it did not compile"), None);
    }
}
