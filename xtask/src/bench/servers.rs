//! Who takes part, what each of them can do, and how they are built and started.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::publishers;
use super::rows::{Need, Row};
use crate::command::{leashed, stream};
use crate::tools;
use crate::workspace::Workspace;

/// Everwire's name in tables.
pub(super) const OURS: &str = "everwire";
/// The floor's.
pub(super) const FLOOR: &str = "floor";

/// A server, as it is started for a row.
pub(super) struct Candidate {
    pub(super) name: String,
    pub(super) version: String,
    /// A shell command with `{port}` in it.
    command: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Floor,
    Ours,
    /// One of `bench/rivals`, with or without permessage-deflate.
    Rival {
        deflate: bool,
        rust: bool,
    },
    /// It fans out, and takes no part in anything else.
    Publisher {
        socket_io: bool,
    },
    /// Of the command line.
    Added,
}

/// All that a run needs.
pub(super) struct Stage {
    pub(super) candidates: Vec<Candidate>,
    /// The load generator of `bench/`.
    pub(super) load: PathBuf,
    /// The attacker beside it.
    pub(super) attack: PathBuf,
    /// Every library without a network.
    pub(super) wire: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Stage {
    /// Builds everything; `added` are servers as `NAME=COMMAND`, and `chosen` leaves out all whose
    /// names are not in it, unless it is empty. `full` adds those that only fan out.
    pub(super) fn set(
        workspace: &Workspace,
        added: &[String],
        chosen: &[String],
        full: bool,
    ) -> anyhow::Result<Self> {
        tools::ensure(&["node", "npm", "openssl"])?;
        let target = workspace.target.join("bench");
        let programs = cargo(workspace, "bench/Cargo.toml", &target, &["--features", "tls"])?;
        let rivals = cargo(workspace, "bench/rivals/Cargo.toml", &target.join("rivals"), &[])?;
        cargo(workspace, "Cargo.toml", &workspace.target, &["--package", "everwire-server"])?;
        let node = npm(workspace, "bench/rivals/node")?;
        let (certificate, key) = certificate(&target)?;

        let show = |path: PathBuf| path.display().to_string();
        let mut candidates = vec![
            Candidate {
                name: FLOOR.to_owned(),
                version: String::new(),
                command: format!("{} --listen 127.0.0.1:{{port}}", show(programs.join("floor"))),
                kind: Kind::Floor,
            },
            Candidate {
                name: OURS.to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                command: format!(
                    "{} serve --listen 127.0.0.1:{{port}}",
                    show(workspace.release("everwire"))
                ),
                kind: Kind::Ours,
            },
        ];
        let lock = std::fs::read_to_string(workspace.root.join("bench/rivals/Cargo.lock"))?;
        for (name, deflate) in [
            ("fastwebsockets", false),
            ("tokio-websockets", false),
            ("sockudo-ws", true),
            ("yawc", true),
            ("tokio-tungstenite", false),
        ] {
            let rival = show(rivals.join("rival"));
            candidates.push(Candidate {
                name: name.to_owned(),
                version: locked(&lock, name)?,
                command: format!("{rival} {name} --listen 127.0.0.1:{{port}}"),
                kind: Kind::Rival { deflate, rust: true },
            });
        }
        for (name, program) in [("ws", "node".to_owned()), ("bun", show(bun(&node)?))] {
            candidates.push(Candidate {
                name: name.to_owned(),
                version: wanted(&node, name)?,
                command: format!("{program} {}.js {{port}}", show(node.join(name))),
                kind: Kind::Rival { deflate: true, rust: false },
            });
        }
        if full {
            candidates.extend(publishers::all(workspace, &target)?);
        }
        for server in added {
            let (name, command) = server
                .split_once('=')
                .filter(|(_, command)| command.contains("{port}"))
                .with_context(|| format!("not NAME=COMMAND with {{port}}: {server}"))?;
            candidates.push(Candidate {
                name: name.to_owned(),
                version: String::new(),
                command: command.to_owned(),
                kind: Kind::Added,
            });
        }
        if let Some(name) = chosen.iter().find(|name| candidates.iter().all(|c| c.name != **name)) {
            let names: Vec<&str> = candidates.iter().map(|c| c.name.as_str()).collect();
            bail!("no server `{name}`, there are {}", names.join(", "));
        }
        candidates.retain(|c| chosen.is_empty() || chosen.contains(&c.name));
        Ok(Self {
            candidates,
            load: programs.join("load"),
            attack: programs.join("attack"),
            wire: rivals.join("wire"),
            certificate,
            key,
        })
    }

    /// How a server is started for a row.
    pub(super) fn command(&self, candidate: &Candidate, row: &Row) -> String {
        let mut command = candidate.command.clone();
        if row.needs(Need::Tls) {
            let (certificate, key) = (self.certificate.display(), self.key.display());
            command.push_str(&format!(" --tls-cert {certificate} --tls-key {key}"));
        }
        if row.needs(Need::NoResumption) {
            command.push_str(" --resume-timeout 0");
        }
        match (row.deflate(), candidate.kind) {
            (Some(mode), Kind::Rival { .. }) => command.push_str(&format!(" --deflate {mode}")),
            // To anything else that the load offers Everwire agrees as people get it.
            (Some("takeover"), Kind::Ours) => command.push_str(" --deflate-context-takeover"),
            _ => {}
        }
        command
    }

    /// The flags of the load generator for a row.
    pub(super) fn load_flags(&self, candidate: &Candidate, row: &Row) -> String {
        let mut flags = row.load.to_owned();
        if candidate.kind == (Kind::Publisher { socket_io: true }) {
            flags.push_str(" --socket-io");
        }
        if row.needs(Need::Tls) {
            flags.push_str(&format!(" --ca {}", self.certificate.display()));
        }
        if let Some(mode) = row.deflate() {
            flags.push_str(&format!(" --deflate {mode}"));
        }
        flags
    }
}

impl Candidate {
    /// A server that only fans out.
    pub(super) fn publisher(name: &str, version: String, command: String, socket_io: bool) -> Self {
        Self { name: name.to_owned(), version, command, kind: Kind::Publisher { socket_io } }
    }

    /// Whether tables mention it for a row, were it to say what it lacks.
    pub(super) fn is_known_for(&self, row: &Row) -> bool {
        match self.kind {
            Kind::Ours => true,
            _ if row.needs(Need::Hub) => false,
            Kind::Publisher { .. } => row.needs(Need::Fanout),
            _ => true,
        }
    }

    /// Why it does not take part in a row, if so.
    pub(super) fn lacks(&self, row: &Row) -> Option<&'static str> {
        if !self.is_known_for(row) {
            return Some("is measured in other rows only");
        }
        row.needs.iter().find_map(|need| match (need, self.kind) {
            (_, Kind::Floor) => Some("answers messages and nothing else"),
            (Need::Heartbeat, Kind::Ours) => None,
            (Need::Heartbeat, _) => Some("is not measured here"),
            (Need::NoTakeover | Need::Takeover, Kind::Rival { deflate: false, .. }) => {
                Some("has no permessage-deflate")
            }
            (Need::Rust, Kind::Rival { rust: false, .. }) => Some("is no library for Rust"),
            (_, Kind::Added) => Some("is not known to be able to"),
            _ => None,
        })
    }
}

fn cargo(
    workspace: &Workspace,
    manifest: &str,
    target: &Path,
    more: &[&str],
) -> anyhow::Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--locked", "--manifest-path", manifest]).args(more);
    cargo.arg("--target-dir").arg(target).current_dir(&workspace.root);
    let status = cargo.status().context("cannot run cargo")?;
    ensure!(status.success(), "cargo build of {manifest} failed ({status})");
    Ok(target.join("release"))
}

/// Installs what the lock file in `folder` names, without running anything of it.
pub(super) fn npm(workspace: &Workspace, folder: &str) -> anyhow::Result<PathBuf> {
    let node = workspace.root.join(folder);
    let mut npm = leashed("npm", Duration::from_secs(900));
    npm.current_dir(&node).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    stream(npm)?.ok("npm ci")?;
    Ok(node)
}

/// The version of a package that the `package.json` in a folder asks for.
pub(super) fn wanted(folder: &Path, name: &str) -> anyhow::Result<String> {
    let package: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("package.json"))?)?;
    let version = package["dependencies"][name].as_str();
    Ok(version.with_context(|| format!("no {name} in package.json"))?.to_owned())
}

/// Bun's program, where its package for this machine has it.
fn bun(node: &Path) -> anyhow::Result<PathBuf> {
    let machine = if cfg!(target_arch = "aarch64") { "aarch64" } else { "x64" };
    let program = node.join(format!("node_modules/@oven/bun-linux-{machine}/bin/bun"));
    ensure!(program.is_file(), "npm brought no Bun for this machine: {}", program.display());
    Ok(program)
}

/// A certificate for 127.0.0.1 that vouches for itself, and its key.
fn certificate(target: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    let (certificate, key) = (target.join("certificate.pem"), target.join("key.pem"));
    if !certificate.exists() || !key.exists() {
        let mut openssl = leashed("openssl", Duration::from_secs(60));
        openssl
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-nodes", "-days", "3650", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
            // What is its own authority and a server's certificate at once must not say that it
            // is an authority: verifiers take no such thing from a server.
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate);
        stream(openssl)?.ok("openssl req")?;
    }
    Ok((certificate, key))
}

/// The version of a package in a `Cargo.lock`.
fn locked(lock: &str, name: &str) -> anyhow::Result<String> {
    let start = format!("name = \"{name}\"\nversion = \"");
    let (_, rest) = lock.split_once(&start).with_context(|| format!("{name} is not locked"))?;
    Ok(rest.split('"').next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_the_lock_file() {
        let lock = "[[package]]\nname = \"yawc-more\"\nversion = \"9.9.9\"\n\n\
                    [[package]]\nname = \"yawc\"\nversion = \"0.5.0\"\nsource = \"x\"\n";
        assert_eq!(locked(lock, "yawc").unwrap(), "0.5.0");
        assert!(locked(lock, "ws").is_err());
    }
}
