//! The client for JavaScript in Node, `clients/js`.

use crate::node;
use crate::step::Tally;
use crate::workspace::Workspace;

/// What its tests need on the machine.
pub(crate) const NEEDS: &[&str] = &["node", "npm"];

/// Checks the types and runs the tests, some of them over a network that fails.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<Tally> {
    let proxy = node::fault_proxy(workspace)?;
    let dir = workspace.root.join("clients/js");
    node::check_and_test(&dir, &[("EVERWIRE_FAULT_PROXY", &proxy)])
}
