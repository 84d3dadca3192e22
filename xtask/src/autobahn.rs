//! Installs the Autobahn suite by its recipe, `conformance/install-autobahn.sh`.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::command::leashed;
use crate::tools;
use crate::workspace::Workspace;

/// What the recipe needs on the machine.
pub(crate) const NEEDS: &[&str] = &["gcc", "python3", "pip3"];

/// The version that the recipe pins, for the table of results.
pub(crate) const VERSION: &str = "0.8.2";

/// The suite's command `wstest`, installed in the cache if it was not there yet.
pub(crate) fn install(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    tools::ensure(NEEDS)?;
    let output = leashed("sh", Duration::from_secs(600))
        .arg(workspace.root.join("conformance/install-autobahn.sh"))
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        bail!("the Autobahn suite could not be installed ({})", output.status);
    }
    let dir = String::from_utf8(output.stdout)?;
    let wstest = PathBuf::from(dir.trim()).join("wstest");
    wstest.metadata().with_context(|| format!("no {}", wstest.display()))?;
    Ok(wstest)
}
