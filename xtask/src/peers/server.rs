//! Servers that run until they are dropped, ours and theirs.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::install::Installed;
use super::table::{Ours, PEERS, Peer, Role};
use crate::command::Background;

/// How long a program may take until it listens.
const READY: Duration = Duration::from_secs(30);

/// A server of one implementation, with and without TLS.
pub(super) struct Server {
    plain: Listening,
    secure: Listening,
}

struct Listening {
    /// Dropping it ends it.
    _process: Background,
    /// `127.0.0.1:PORT`.
    address: String,
}

/// All that run.
pub(super) struct Servers {
    serve: Server,
    interop: Server,
    theirs: Vec<(&'static Peer, Server)>,
}

impl Servers {
    /// Starts all of them.
    pub(super) fn start(installed: &Installed) -> anyhow::Result<Self> {
        let serve = Server::start("our-serve", installed, || {
            let mut serve = installed.everwire();
            serve.args(["serve", "--listen", "127.0.0.1:0"]);
            serve
        })?;
        let interop = Server::start("our-interop", installed, || {
            let mut serve = installed.interop();
            serve.arg("serve");
            serve
        })?;
        let servers = PEERS.iter().filter(|peer| peer.role == Role::Server);
        let theirs = servers
            .map(|peer| {
                let command = || installed.command(peer.program);
                Ok((peer, Server::start(peer.program.file(), installed, command)?))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { serve, interop, theirs })
    }

    /// A server of ours.
    pub(super) fn ours(&self, which: Ours) -> &Server {
        match which {
            Ours::Serve => &self.serve,
            Ours::Interop => &self.interop,
        }
    }

    /// The server that a peer is.
    pub(super) fn theirs(&self, peer: &Peer) -> &Server {
        let found = self.theirs.iter().find(|(other, _)| std::ptr::eq(*other, peer));
        &found.expect("every peer that is a server has been started").1
    }
}

impl Server {
    /// Starts `command` twice, the second time with our certificate.
    fn start(
        name: &'static str,
        installed: &Installed,
        command: impl Fn() -> Command,
    ) -> anyhow::Result<Self> {
        let mut with_tls = command();
        with_tls.arg("--tls-cert").arg(installed.certificate("cert.pem"));
        with_tls.arg("--tls-key").arg(installed.certificate("key.pem"));
        Ok(Self {
            plain: Listening::start(name, command(), &installed.log(name))?,
            secure: Listening::start(name, with_tls, &installed.log(&format!("{name}-tls")))?,
        })
    }

    /// Where it speaks `ws`: `127.0.0.1:PORT`.
    pub(super) fn plain(&self) -> &str {
        &self.plain.address
    }

    /// Where it speaks `wss`.
    pub(super) fn secure(&self) -> &str {
        &self.secure.address
    }
}

impl Listening {
    fn start(name: &'static str, command: Command, log: &Path) -> anyhow::Result<Self> {
        let mut process = Background::start(name, command, log)?;
        let address = process.wait_for(READY, address)?;
        Ok(Self { _process: process, address })
    }
}

/// The address in the line that all of them print when they are ready.
fn address(text: &str) -> Option<String> {
    let (lines, _) = text.rsplit_once('\n')?;
    let uri = lines.lines().find_map(|line| line.strip_prefix("listening on "))?;
    let (_, address) = uri.split_once("://")?;
    Some(address.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_a_complete_line() {
        assert_eq!(
            address("warning\nlistening on https://127.0.0.1:4711/\n").unwrap(),
            "127.0.0.1:4711"
        );
        assert_eq!(address("listening on http://127.0.0.1:47"), None);
    }
}
