//! Servers that fan out and do nothing else here: Socket.IO, and nginx with nchan.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use super::servers::{Candidate, npm, wanted};
use crate::command::{capture, leashed};
use crate::tools;
use crate::workspace::Workspace;

/// Installs them, and says how they are started.
pub(super) fn all(workspace: &Workspace, target: &Path) -> anyhow::Result<Vec<Candidate>> {
    tools::ensure(&["nginx", tools::NCHAN])?;
    let socket_io = npm(workspace, "bench/rivals/socket.io")?;
    let (script, folder) = (workspace.root.join("bench/rivals/nchan.sh"), target.join("nchan"));
    Ok(vec![
        Candidate::publisher(
            "socket.io",
            wanted(&socket_io, "socket.io")?,
            format!("node {} {{port}}", socket_io.join("server.js").display()),
            true,
        ),
        Candidate::publisher(
            "nchan",
            nchan()?,
            format!("sh {} {{port}} {}", script.display(), folder.display()),
            false,
        ),
    ])
}

/// As `1.3.6+dfsg-2 in nginx 1.22.1`.
fn nchan() -> anyhow::Result<String> {
    let mut dpkg = leashed("dpkg-query", Duration::from_secs(10));
    dpkg.args(["--show", "--showformat=${Version}", "libnginx-mod-nchan"]);
    let version = capture(dpkg)?.ok("dpkg-query")?.text;
    // An epoch, which only Debian knows.
    let version = version.split_once(':').map_or(&*version, |(_, version)| version);
    let mut nginx = leashed("nginx", Duration::from_secs(10));
    nginx.arg("-v");
    let said = capture(nginx)?.ok("nginx -v")?.text;
    let (_, nginx) = said.trim().rsplit_once('/').context("nginx does not tell its version")?;
    Ok(format!("{version} in nginx {nginx}"))
}
