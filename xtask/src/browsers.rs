//! The tests in real browsers, `crates/server/tests/browsers`.

use std::time::Duration;

use crate::command::{leashed, stream};
use crate::node;
use crate::step::Tally;
use crate::workspace::Workspace;

/// What they need on the machine.
pub(crate) const NEEDS: &[&str] =
    &["node", "npm", "chromium", "firefox-esr", "certutil", "openssl"];

/// Builds the server as people run it and lets browsers talk to it.
///
/// The tests find the server in `EVERWIRE_BIN`.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<Tally> {
    let mut cargo = leashed("cargo", Duration::from_secs(1800));
    cargo.current_dir(&workspace.root).args(["build", "--release", "--bin", "everwire"]);
    cargo.args(["-p", "everwire-server"]);
    stream(cargo)?.ok("the build of the server")?;

    let dir = workspace.root.join("crates/server/tests/browsers");
    let (server, proxy) = (workspace.release("everwire"), node::fault_proxy(workspace)?);
    node::check_and_test(&dir, &[("EVERWIRE_BIN", &server), ("EVERWIRE_FAULT_PROXY", &proxy)])
}
