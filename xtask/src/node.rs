//! A package of JavaScript and its `npm` scripts.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::command::{Finished, leashed, stream};
use crate::step::Tally;
use crate::workspace::Workspace;

/// Installs what the lock file in `dir` names, checks the types, and runs the tests, with these
/// variables in their environment.
pub(crate) fn check_and_test(dir: &Path, env: &[(&str, &Path)]) -> anyhow::Result<Tally> {
    install(dir)?;
    let types = npm(dir, env, &["run", "--if-present", "check"])?.status.success();
    let mut tally = run_tests(dir, env, "test")?;
    if !types {
        tally.failed += 1;
    }
    Ok(tally)
}

/// Installs what the lock file in `dir` names, and runs the tests of one script.
pub(crate) fn install_and_test(
    dir: &Path,
    env: &[(&str, &Path)],
    script: &str,
) -> anyhow::Result<Tally> {
    install(dir)?;
    run_tests(dir, env, script)
}

fn install(dir: &Path) -> anyhow::Result<()> {
    npm(dir, &[], &["ci", "--no-audit", "--no-fund"])?.ok("npm ci")?;
    Ok(())
}

fn run_tests(dir: &Path, env: &[(&str, &Path)], script: &str) -> anyhow::Result<Tally> {
    let finished = npm(dir, env, &["run", script])?;
    let mut tally = count(&finished.text);
    if !finished.status.success() && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

/// Builds the server and its load generator as people run them, and says where the binary is: tests in
/// JavaScript find it in `EVERWIRE_BIN`.
pub(crate) fn everwire(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let mut cargo = leashed("cargo", Duration::from_secs(1800));
    cargo.current_dir(&workspace.root).args(["build", "--release", "--bin", "everwire"]);
    cargo.args(["-p", "everwire-server"]);
    stream(cargo)?.ok("the build of everwire")?;
    Ok(workspace.release("everwire"))
}

/// Builds the network that fails on command, and says where it is: tests in JavaScript find it in
/// `EVERWIRE_FAULT_PROXY`.
pub(crate) fn fault_proxy(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let mut cargo = leashed("cargo", Duration::from_secs(1800));
    cargo.current_dir(&workspace.root).args(["build", "--bin", "fault-proxy"]);
    cargo.args(["-p", "everwire-testkit"]);
    stream(cargo)?.ok("the build of fault-proxy")?;
    Ok(workspace.debug("fault-proxy"))
}

fn npm(dir: &Path, env: &[(&str, &Path)], args: &[impl AsRef<OsStr>]) -> anyhow::Result<Finished> {
    let mut npm = leashed("npm", Duration::from_secs(900));
    npm.current_dir(dir).args(args).envs(env.iter().copied());
    stream(npm)
}

/// Runs one file of tests, with these variables in its environment.
pub(crate) fn test(dir: &Path, env: &[(&str, &Path)], file: &str) -> anyhow::Result<Tally> {
    let mut node = leashed("node", Duration::from_secs(900));
    node.current_dir(dir).args(["--test", file]).envs(env.iter().copied());
    let finished = stream(node)?;
    let mut tally = count(&finished.text);
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
