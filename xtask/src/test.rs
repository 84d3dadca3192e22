//! `cargo xtask test`: the table of all steps.

use std::time::Duration;

use anyhow::bail;

use crate::command::{Finished, leashed, stream};
use crate::step::{self, Plan, Step, Tally, say};
use crate::tools;
use crate::workspace::Workspace;
use crate::{
    autobahn, browsers, conformance, fuzz, instructions, javascript, jitter, peers, simulation,
};

/// Everything that is checked, in order: what is quick and fails often comes first.
///
/// Each step gets the workspace and says how many tests passed and failed. A step that cannot run
/// is a failure.
pub(crate) const STEPS: &[Step] = &[
    step("tools", "the programs that the steps need", &[], |_, plan| tools(plan)),
    step("format", "rustfmt has nothing to change", &[], |w, _| format(w)),
    step("clippy", "no warnings in any target", &[], |w, _| clippy(w)),
    step("features", "the libraries compile without features", &[], |w, _| features(w)),
    step("licences", "bans, licences and sources of dependencies", &[], |w, _| deny(w)),
    step("tests", "unit and integration tests, examples", TESTS_NEED, |w, _| tests(w)),
    step("doctests", "the code in documentation and README", &[], |w, _| doctests(w)),
    step("bench", "clippy and tests of the benchmarks", &[], bench),
    step("instructions", "no more of them on the hot paths", instructions::NEEDS, |w, _| {
        instructions::check(w)
    }),
    step("docs", "documentation without warnings", &[], |w, _| docs(w)),
    step("fuzz", "each fuzz target for a while", fuzz::NEEDS, |w, plan| {
        fuzz::run_short(w, if plan.full { 60 } else { 10 })
    }),
    step("javascript", "clients/js in Node", javascript::NEEDS, |w, _| javascript::run(w)),
    step("jitter", "200 clients over a network that fails", jitter::NEEDS, |w, _| jitter::run(w)),
    step(
        "simulation",
        "a hub and its clients while things go wrong",
        simulation::NEEDS,
        |w, plan| simulation::run(w, plan.full),
    ),
    step("browsers", "Chromium and Firefox", browsers::NEEDS, |w, _| browsers::run(w)),
    step("peers", "other people's clients and servers", peers::NEEDS, |w, plan| {
        peers::run(w, &peers::Args { full: plan.full })
    }),
    step("conformance", "the Autobahn suite in both roles", autobahn::NEEDS, |w, plan| {
        conformance::run(w, &conformance::Args { full: plan.full })
    }),
];

/// Broken networks, and proxies in front of the server.
const TESTS_NEED: &[&str] =
    &["apache2", "haproxy", "ip", "microsocks", "nft", "nginx", "tinyproxy"];

/// Packages outside the workspace, which its commands do not see.
const APART: &[&str] = &["bench", "bench/guard", "bench/rivals", "fuzz"];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// At length: all 517 conformance cases, every check with every peer, a minute for each fuzz target
    #[arg(long)]
    full: bool,
    /// Only this step; may be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// List the steps
    #[arg(long)]
    list: bool,
}

/// Runs the steps as the command line says. True if everything passed.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> anyhow::Result<bool> {
    if args.list {
        STEPS.iter().for_each(|step| say(&format!("{:<12} {}", step.name, step.about)));
        return Ok(true);
    }
    if let Some(name) = args.only.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
        bail!("no step `{name}`, see `cargo xtask test --list`");
    }
    let chosen = |step: &&Step| args.only.is_empty() || args.only.iter().any(|n| n == step.name);
    let mut steps: Vec<&Step> = STEPS.iter().filter(chosen).collect();
    let mut needs: Vec<&str> = steps.iter().flat_map(|step| step.needs).copied().collect();
    needs.sort_unstable();
    needs.dedup();
    if !needs.is_empty() && steps[0].name != STEPS[0].name {
        // Whatever was chosen has to find its programs.
        steps.insert(0, &STEPS[0]);
    }
    let plan = Plan { full: args.full, tools: needs };
    Ok(step::run_all(workspace, &plan, &steps))
}

const fn step(
    name: &'static str,
    about: &'static str,
    needs: &'static [&'static str],
    run: fn(&Workspace, &Plan) -> anyhow::Result<Tally>,
) -> Step {
    Step { name, about, needs, run }
}

fn tools(plan: &Plan) -> anyhow::Result<Tally> {
    tools::ensure_component("rustfmt", "fmt")?;
    tools::ensure_component("clippy", "clippy")?;
    tools::ensure(&plan.tools)?;
    Ok(Tally::pass())
}

fn format(workspace: &Workspace) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for package in ["."].iter().chain(APART) {
        let manifest = workspace.root.join(package).join("Cargo.toml");
        let mut cargo = cargo(workspace, &["fmt", "--all", "--check", "--manifest-path"]);
        cargo.arg(manifest);
        let ok = stream(cargo)?.status.success();
        tally.add(*package, u64::from(ok), u64::from(!ok));
    }
    Ok(tally)
}

fn clippy(workspace: &Workspace) -> anyhow::Result<Tally> {
    let args = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-Dwarnings"];
    stream(cargo(workspace, &args))?.ok("clippy")?;
    Ok(Tally::pass())
}

/// Features only add: the workspace build has all of them on and would not notice a missing one.
fn features(workspace: &Workspace) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for package in ["everwire-wire", "everwire", "everwire-hub"] {
        let args = ["check", "--no-default-features", "--package", package];
        let ok = stream(cargo(workspace, &args))?.status.success();
        tally.add(package, u64::from(ok), u64::from(!ok));
    }
    Ok(tally)
}

/// Without advisories: they are fetched from the network and change by themselves.
fn deny(workspace: &Workspace) -> anyhow::Result<Tally> {
    let mut deny = leashed(tools::cargo_deny()?, Duration::from_secs(600));
    deny.current_dir(&workspace.root).args(["check", "--hide-inclusion-graph"]);
    deny.args(["bans", "licenses", "sources"]);
    stream(deny)?.ok("cargo-deny")?;
    Ok(Tally::pass())
}

fn tests(workspace: &Workspace) -> anyhow::Result<Tally> {
    let kinds = ["--lib", "--bins", "--tests", "--examples"];
    cargo_test(workspace, &kinds)
}

fn doctests(workspace: &Workspace) -> anyhow::Result<Tally> {
    cargo_test(workspace, &["--doc"])
}

fn docs(workspace: &Workspace) -> anyhow::Result<Tally> {
    let mut cargo = cargo(workspace, &["doc", "--workspace", "--no-deps", "--all-features"]);
    cargo.env("RUSTDOCFLAGS", "-Dwarnings");
    stream(cargo)?.ok("cargo doc")?;
    Ok(Tally::pass())
}

/// Packages apart, with the workspace's build directory to keep the tree clean. The rivals, which
/// take longer to compile than all other benchmarks, only at length.
fn bench(workspace: &Workspace, plan: &Plan) -> anyhow::Result<Tally> {
    let packages: &[&str] = if plan.full {
        &["bench", "bench/guard", "bench/rivals"]
    } else {
        &["bench", "bench/guard"]
    };
    let mut tally = Tally::default();
    for package in packages {
        let cargo = |args: &[&str]| {
            let mut cargo = leashed("cargo", Duration::from_secs(1200));
            cargo.current_dir(workspace.root.join(package)).args(args);
            cargo.env("CARGO_TARGET_DIR", workspace.target.join(package));
            cargo
        };
        stream(cargo(&["clippy", "--all-targets", "--", "-Dwarnings"]))?.ok("clippy")?;
        let found = result(&stream(cargo(&["test", "--no-fail-fast"]))?);
        tally.passed += found.passed;
        tally.failed += found.failed;
        tally.parts.extend(found.parts);
    }
    Ok(tally)
}

fn cargo_test(workspace: &Workspace, kinds: &[&str]) -> anyhow::Result<Tally> {
    let mut cargo = cargo(workspace, &["test", "--workspace", "--all-features", "--no-fail-fast"]);
    cargo.args(kinds);
    Ok(result(&stream(cargo)?))
}

/// What `cargo test` found; if it failed without a failed test, that is one.
fn result(finished: &Finished) -> Tally {
    let mut tally = count(&finished.text);
    if !finished.status.success() && tally.failed == 0 {
        tally.add("did not compile or crashed", 0, 1);
    }
    tally
}

fn cargo(workspace: &Workspace, args: &[&str]) -> std::process::Command {
    let mut cargo = leashed("cargo", Duration::from_secs(2400));
    cargo.current_dir(&workspace.root).args(args);
    cargo
}

/// Sums up the lines of `cargo test`, a part for each test binary that has tests. An ignored test
/// is a failure: it promises something that nobody checks.
fn count(text: &str) -> Tally {
    let mut tally = Tally::default();
    let mut binary = String::new();
    for line in text.lines() {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("Running ") {
            binary = binary_name(rest);
        } else if let Some(name) = line.strip_prefix("Doc-tests ") {
            binary = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("test result: ") {
            let number = |word: &str| -> u64 {
                let part = rest.split([';', '.']).find_map(|part| part.trim().strip_suffix(word));
                part.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
            };
            let (passed, failed) = (number("passed"), number("failed") + number("ignored"));
            if passed + failed > 0 {
                tally.add(binary.clone(), passed, failed);
            }
        }
    }
    tally
}

/// `unittests src/lib.rs (target/debug/deps/everwire_wire-1f0d)` is `everwire_wire src/lib.rs`.
fn binary_name(running: &str) -> String {
    let Some((source, program)) = running.trim_end_matches(')').split_once(" (") else {
        return running.to_owned();
    };
    let file = program.rsplit('/').next().unwrap_or(program);
    let name = file.rsplit_once('-').map_or(file, |(name, _)| name);
    match source.strip_prefix("unittests ") {
        Some(source) => format!("{name} {source}"),
        None => source.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_summed_up_per_binary() {
        let text = "\
     Running unittests src/lib.rs (target/debug/deps/everwire_wire-1f0d)

running 12 tests
test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
     Running tests/limits.rs (target/debug/deps/limits-77aa)
test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s
     Running unittests src/main.rs (target/debug/deps/everwire-77aa)
test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
   Doc-tests everwire
test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.00s
";
        let parts = [
            ("everwire_wire src/lib.rs".to_owned(), 12, 0),
            ("tests/limits.rs".to_owned(), 3, 2),
            ("everwire".to_owned(), 5, 1),
        ];
        assert_eq!(count(text), Tally { passed: 20, failed: 3, parts: parts.into() });
    }

    #[test]
    fn step_names_are_unique() {
        let mut names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
    }
}
