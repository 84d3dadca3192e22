//! 200 clients of a hub, in Rust and in Node, over a network that fails.

use crate::node;
use crate::step::Tally;
use crate::workspace::Workspace;

/// What it needs on the machine.
pub(crate) const NEEDS: &[&str] = &["node", "npm"];

/// Runs the clients for a minute. A step of its own: nothing else runs beside what has to do with time.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<Tally> {
    let everwire = node::everwire(workspace)?;
    let dir = workspace.root.join("clients/js");
    node::install_and_test(&dir, &[("EVERWIRE_BIN", &everwire)], "jitter")
}
