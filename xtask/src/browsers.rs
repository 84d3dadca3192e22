//! The tests in real browsers, `crates/server/tests/browsers`.

use std::time::Duration;

use crate::command::{leashed, stream};
use crate::step::Tally;
use crate::workspace::Workspace;

/// What they need on the machine.
pub(crate) const NEEDS: &[&str] =
    &["node", "npm", "chromium", "firefox-esr", "certutil", "openssl"];

/// Builds the server as people run it and lets browsers talk to it.
///
/// The package there has a lock file, and its `npm test` finds the server in `EVERWIRE_BIN`.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<Tally> {
    let mut cargo = leashed("cargo", Duration::from_secs(1800));
    cargo.current_dir(&workspace.root).args(["build", "--release", "--bin", "everwire"]);
    cargo.args(["-p", "everwire-server"]);
    stream(cargo)?.ok("the build of the server")?;

    let dir = workspace.root.join("crates/server/tests/browsers");
    let npm = |args: &[&str]| {
        let mut npm = leashed("npm", Duration::from_secs(900));
        npm.current_dir(&dir).args(args).env("EVERWIRE_BIN", workspace.release("everwire"));
        stream(npm)
    };
    npm(&["ci", "--no-audit", "--no-fund"])?.ok("npm ci")?;
    let types = npm(&["run", "--if-present", "check"])?.status.success();
    let finished = npm(&["test"])?;
    let mut tally = count(&finished.text);
    if !types {
        tally.failed += 1;
    }
    if !finished.status.success() && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

/// Sums up what `node --test` reports, in its TAP form (`# pass 3`) or the readable one
/// (`ℹ pass 3`). A skipped test is a missing one.
fn count(text: &str) -> Tally {
    let sum = |word: &str| -> u64 {
        let lines = text.lines().filter_map(|line| {
            let line = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ "))?;
            line.strip_prefix(word)?.strip_prefix(' ')?.trim().parse::<u64>().ok()
        });
        lines.sum()
    };
    let failed = ["fail", "cancelled", "skipped", "todo"].into_iter().map(sum).sum();
    Tally { passed: sum("pass"), failed, parts: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_reporters_are_understood() {
        let tap = "ok 1 - chromium\n# tests 4\n# pass 3\n# fail 1\n# cancelled 0\n# skipped 0\n";
        assert_eq!(count(tap), Tally { passed: 3, failed: 1, ..Tally::default() });
        let readable = "✔ chromium\nℹ tests 2\nℹ pass 2\nℹ fail 0\nℹ skipped 0\n";
        assert_eq!(count(readable), Tally { passed: 2, failed: 0, ..Tally::default() });
    }

    #[test]
    fn a_skipped_test_counts_as_failed() {
        assert_eq!(count("# pass 1\n# fail 0\n# skipped 2\n").failed, 2);
    }
}
