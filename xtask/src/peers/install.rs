//! npm and PyPI packages, compiled Java, certificates: everything the peers need beside programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::table::Program;
use crate::command::{capture, leashed, stream};
use crate::workspace::Workspace;

/// How long an installation may take.
const LIMIT: Duration = Duration::from_secs(600);

/// How long a server may run, above all that a run takes.
const RUN: Duration = Duration::from_secs(1800);

/// Where everything is.
pub(super) struct Installed {
    /// `conformance/peers`.
    scripts: PathBuf,
    /// What is made, under the build directory.
    pub(super) dir: PathBuf,
    /// `everwire`.
    everwire: PathBuf,
    /// The example `interop`.
    interop: PathBuf,
    /// The testkit's `reverse-proxy`.
    pub(super) reverse_proxy: PathBuf,
}

impl Installed {
    /// Installs and makes what is missing.
    pub(super) fn new(workspace: &Workspace) -> anyhow::Result<Self> {
        let installed = Self {
            scripts: workspace.root.join("conformance/peers"),
            dir: workspace.target.join("peers"),
            everwire: workspace.release("everwire"),
            interop: workspace.release("examples/interop"),
            reverse_proxy: workspace.release("reverse-proxy"),
        };
        fs::create_dir_all(&installed.dir)?;
        installed.npm()?;
        installed.pip()?;
        installed.javac()?;
        installed.certificates()?;
        Ok(installed)
    }

    fn npm(&self) -> anyhow::Result<()> {
        let mut npm = leashed("npm", LIMIT);
        npm.current_dir(self.scripts.join("node")).args(["ci", "--no-audit", "--no-fund"]);
        stream(npm)?.ok("npm ci").map(drop)
    }

    /// A virtual environment without a pip of its own, which Debian keeps in a package apart: the
    /// system's installs into it.
    fn pip(&self) -> anyhow::Result<()> {
        if !self.python().exists() {
            let mut venv = leashed("python3", LIMIT);
            venv.args(["-m", "venv", "--without-pip"]).arg(self.dir.join("python"));
            stream(venv)?.ok("python3 -m venv")?;
        }
        let mut pip = leashed("python3", LIMIT);
        pip.args(["-m", "pip", "--disable-pip-version-check", "--python"]).arg(self.python());
        pip.args(["install", "--quiet", "--require-hashes", "--requirement"]);
        pip.arg(self.scripts.join("python/requirements.txt"));
        stream(pip)?.ok("pip install").map(drop)
    }

    fn javac(&self) -> anyhow::Result<()> {
        let mut javac = leashed("javac", LIMIT);
        // Java 17 takes the locale's encoding otherwise.
        javac.args(["-encoding", "UTF-8", "-d"]).arg(self.dir.join("java"));
        javac.arg(self.scripts.join("java/Client.java"));
        stream(javac)?.ok("javac").map(drop)
    }

    /// A certificate authority, and a certificate of it for 127.0.0.1 and localhost.
    fn certificates(&self) -> anyhow::Result<()> {
        let openssl = |args: &[&str]| -> anyhow::Result<()> {
            let mut openssl = leashed("openssl", LIMIT);
            openssl.current_dir(&self.dir).args(["req", "-x509", "-days", "30", "-noenc"]);
            openssl.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]).args(args);
            let finished = capture(openssl)?;
            let text = finished.text.clone();
            finished.ok("openssl").context(text).map(drop)
        };
        let usage = "keyUsage=critical,keyCertSign,cRLSign";
        openssl(&[
            "-subj",
            "/CN=Everwire test authority",
            "-addext",
            usage,
            "-keyout",
            "ca-key.pem",
            "-out",
            "ca.pem",
        ])?;
        openssl(&[
            "-subj",
            "/CN=localhost",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca-key.pem",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-addext",
            "subjectAltName=IP:127.0.0.1,DNS:localhost",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
        ])
    }

    fn python(&self) -> PathBuf {
        self.dir.join("python/bin/python")
    }

    /// A file of the certificates: `ca.pem`, `cert.pem`, `key.pem`.
    pub(super) fn certificate(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Where a program's output goes.
    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.log"))
    }

    /// A peer's program, on a leash.
    pub(super) fn command(&self, program: Program) -> Command {
        match program {
            Program::Node(script) => script_of("node", &self.scripts.join("node").join(script)),
            Program::Python(script) => {
                script_of(self.python(), &self.scripts.join("python").join(script))
            }
            Program::Java(class) => {
                let mut java = clean(leashed("java", RUN));
                java.arg("-cp").arg(self.dir.join("java")).arg(class);
                java
            }
        }
    }

    /// The example `interop`, on a leash.
    pub(super) fn interop(&self) -> Command {
        clean(leashed(&self.interop, RUN))
    }

    /// `everwire`, on a leash.
    pub(super) fn everwire(&self) -> Command {
        clean(leashed(&self.everwire, RUN))
    }

    /// The versions that are used, for the report. Of what Debian has, the part that changes what it
    /// does.
    pub(super) fn versions(&self) -> anyhow::Result<Vec<(&'static str, String)>> {
        let npm = |name: &str| -> anyhow::Result<String> {
            let file = self.scripts.join(format!("node/node_modules/{name}/package.json"));
            let package: Value = serde_json::from_str(&fs::read_to_string(file)?)?;
            Ok(package["version"].as_str().context("no version")?.to_owned())
        };
        let requirements = fs::read_to_string(self.scripts.join("python/requirements.txt"))?;
        let pypi = |name: &str| -> anyhow::Result<String> {
            let pinned = requirements.lines().find_map(|line| {
                let version = line.strip_prefix(name)?.strip_prefix("==")?;
                version.split_whitespace().next()
            });
            Ok(pinned.with_context(|| format!("{name} is not pinned"))?.to_owned())
        };
        Ok(vec![
            ("`ws`", npm("ws")?),
            ("Node", said("node", &["--version"], 1)?),
            ("`https-proxy-agent`", npm("https-proxy-agent")?),
            ("`socks-proxy-agent`", npm("socks-proxy-agent")?),
            ("`websockets`", pypi("websockets")?),
            ("`python-socks`", pypi("python-socks")?),
            ("`pywebsocket3`", pypi("pywebsocket3")?),
            ("Python", said("python3", &["--version"], 2)?),
            ("Java", said("java", &["--version"], 1)?),
            ("nginx", said("nginx", &["-v"], 2)?),
            ("HAProxy", said("haproxy", &["-v"], 2)?),
            ("tinyproxy", said("tinyproxy", &["-v"], 2)?),
            ("microsocks", said("dpkg-query", &["-W", "-f", "${Version}", "microsocks"], 2)?),
        ])
    }
}

fn script_of(interpreter: impl AsRef<std::ffi::OsStr>, script: &Path) -> Command {
    let mut command = clean(leashed(interpreter, RUN));
    command.arg(script);
    command
}

/// Without the proxies that the machine may have: each check brings its own.
fn clean(mut command: Command) -> Command {
    for name in ["http", "https", "ws", "wss", "socks", "socks5", "all", "no"] {
        command.env_remove(format!("{name}_proxy"));
        command.env_remove(format!("{name}_proxy").to_uppercase());
    }
    command
}

/// The first `parts` parts of the first version number that a program says.
fn said(program: &str, args: &[&str], parts: usize) -> anyhow::Result<String> {
    let mut command = leashed(program, Duration::from_secs(30));
    command.args(args);
    let text = capture(command)?.ok(program)?.text;
    let version = version_in(&text, parts);
    ensure!(!version.is_empty(), "{program} says no version: {text}");
    Ok(version)
}

fn version_in(text: &str, parts: usize) -> String {
    let from = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = from.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(from.len());
    from[..end].split('.').take(parts).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_however_it_is_said() {
        assert_eq!(version_in("nginx version: nginx/1.22.1\n", 2), "1.22");
        assert_eq!(version_in("v20.20.2", 1), "20");
        assert_eq!(version_in("1.0.3-2", 2), "1.0");
        assert_eq!(version_in("HAProxy version 2.6.12-1+deb12u4 2026/10/17", 2), "2.6");
    }
}
