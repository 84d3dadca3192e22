//! The tests in real browsers, `crates/server/tests/browsers`.

use crate::node;
use crate::step::Tally;
use crate::workspace::Workspace;

/// What they need on the machine.
pub(crate) const NEEDS: &[&str] =
    &["node", "npm", "chromium", "firefox-esr", "certutil", "openssl"];

/// Builds the server as people run it and lets browsers talk to it.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<Tally> {
    let dir = workspace.root.join("crates/server/tests/browsers");
    let (server, proxy) = (node::everwire(workspace)?, node::fault_proxy(workspace)?);
    node::check_and_test(&dir, &[("EVERWIRE_BIN", &server), ("EVERWIRE_FAULT_PROXY", &proxy)])
}
