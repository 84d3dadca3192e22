//! What has to be on the machine beside Rust, and how it gets there.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::command::{capture, leashed, stream};
use crate::step::say;
use crate::workspace;

/// Not a program, but a part of nginx: by its path.
pub(crate) const NCHAN: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

/// A program and the Debian package that has it.
const PACKAGES: &[(&str, &str)] = &[
    ("apache2", "apache2-bin"),
    ("certutil", "libnss3-tools"),
    ("chromium", "chromium"),
    ("firefox-esr", "firefox-esr"),
    ("g++", "g++"),
    ("gcc", "gcc"),
    ("haproxy", "haproxy"),
    ("ip", "iproute2"),
    ("java", "openjdk-17-jdk-headless"),
    ("javac", "openjdk-17-jdk-headless"),
    ("microsocks", "microsocks"),
    (NCHAN, "libnginx-mod-nchan"),
    ("nft", "nftables"),
    ("nginx", "nginx"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("openssl", "openssl"),
    ("pip3", "python3-pip"),
    ("python3", "python3"),
    ("tinyproxy", "tinyproxy-bin"),
    ("valgrind", "valgrind"),
];

/// The pinned cargo-deny.
const CARGO_DENY: &str = "0.20.2";

/// Makes sure that all `programs` are there: what is missing is installed with apt, and what is
/// then still missing is an error.
pub(crate) fn ensure(programs: &[&'static str]) -> anyhow::Result<()> {
    let missing = missing(programs);
    if missing.is_empty() {
        say(&format!("all here: {}", programs.join(" ")));
        return Ok(());
    }
    say(&format!("installing what is missing: {}", missing.join(" ")));
    let result = apt_install(&missing);
    let missing = self::missing(programs);
    if !missing.is_empty() {
        result.context(format!("not on this machine: {}", missing.join(" ")))?;
        bail!("not on this machine, although apt is content: {}", missing.join(" "));
    }
    Ok(())
}

/// Rust's own parts, which a minimal toolchain leaves out.
pub(crate) fn ensure_component(component: &str, subcommand: &str) -> anyhow::Result<()> {
    let there = || -> anyhow::Result<bool> {
        let mut cargo = leashed("cargo", Duration::from_secs(60));
        cargo.args([subcommand, "--version"]);
        Ok(capture(cargo)?.status.success())
    };
    if there()? {
        return Ok(());
    }
    let mut rustup = leashed("rustup", Duration::from_secs(600));
    rustup.args(["component", "add", component]);
    stream(rustup)?.ok("rustup component add").map(drop)
}

/// The path of cargo-deny, compiled once per version into the cache.
pub(crate) fn cargo_deny() -> anyhow::Result<PathBuf> {
    let home = workspace::cache()?.join(format!("cargo-deny-{CARGO_DENY}"));
    let program = home.join("bin/cargo-deny");
    if !program.exists() {
        let mut cargo = leashed("cargo", Duration::from_secs(1800));
        // Unoptimized: it compiles several times faster and our tree takes it a second to check.
        cargo
            .args(["install", "--locked", "--debug", "--version", CARGO_DENY, "cargo-deny"])
            .args(["--config", "profile.dev.debug=0", "--root"])
            .arg(&home)
            // Neither a build directory nor flags of this workspace are meant for it.
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("RUSTFLAGS");
        stream(cargo)?.ok("cargo install cargo-deny")?;
    }
    Ok(program)
}

fn missing(programs: &[&'static str]) -> Vec<&'static str> {
    programs.iter().copied().filter(|program| find(program).is_none()).collect()
}

fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // A path that begins at the root stays what it is.
    env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

fn apt_install(programs: &[&'static str]) -> anyhow::Result<()> {
    let packages: Vec<&str> = programs
        .iter()
        .map(|program| {
            let package = PACKAGES.iter().find(|(name, _)| name == program);
            package.map(|(_, package)| *package).context(format!("no package known for {program}"))
        })
        .collect::<Result<_, _>>()?;
    let sudo = !is_root()?;
    let apt = |args: &[&str]| -> anyhow::Result<()> {
        let limit = Duration::from_secs(900);
        let mut command = if sudo {
            let mut command = leashed("sudo", limit);
            command.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
            command
        } else {
            let mut command = leashed("apt-get", limit);
            command.env("DEBIAN_FRONTEND", "noninteractive");
            command
        };
        command.args(["-qq", "-o", "Acquire::Retries=3"]).args(args);
        stream(command)?.ok("apt-get").map(drop)
    };
    apt(&["update"])?;
    apt(&[&["install", "--yes", "--no-install-recommends"], packages.as_slice()].concat())
}

fn is_root() -> anyhow::Result<bool> {
    let mut id = leashed("id", Duration::from_secs(10));
    id.arg("-u");
    Ok(capture(id)?.ok("id")?.text.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    #[test]
    fn every_program_a_step_needs_has_a_package() {
        for step in test::STEPS {
            for program in step.needs {
                assert!(
                    PACKAGES.iter().any(|(name, _)| name == program),
                    "`{program}` of step `{}` has no package",
                    step.name
                );
            }
        }
    }
}
