//! One peer put to one check: a real exchange, judged by the client.

use std::process::Command;

use anyhow::{Context, bail};

use super::install::Installed;
use super::proxy::{ForwardProxy, ReverseProxy};
use super::server::{Server, Servers};
use super::table::{Check, Peer, Role, Way};
use crate::command::{capture, tail};

/// Everything that an exchange takes.
pub(super) struct Stage<'a> {
    pub(super) installed: &'a Installed,
    pub(super) servers: &'a Servers,
}

impl Stage<'_> {
    /// An error says what went wrong, whoever's fault it is.
    pub(super) fn play(&self, peer: &Peer, check: &Check) -> anyhow::Result<()> {
        let server = match peer.role {
            Role::Server => self.servers.theirs(peer),
            Role::Client => self.servers.ours(check.ours),
        };
        let (installed, name) = (self.installed, format!("{}-{}", peer.program.file(), check.name));
        let client = Client { installed, peer, task: check.task() };
        match check.way {
            Way::Direct => client.run(&ws(server), None),
            Way::Secure => client.run(&wss(server), None),
            Way::Connect => client.run_through(&ForwardProxy::http(installed, &name)?, server),
            Way::Socks => client.run_through(&ForwardProxy::socks(installed, &name)?, server),
            Way::Nginx | Way::Haproxy => {
                let kind = if check.way == Way::Nginx { "nginx" } else { "haproxy" };
                let proxy = ReverseProxy::start(installed, kind, server.plain(), &name)?;
                client.run(&format!("ws://{}", proxy.address), None)
            }
        }
    }
}

fn ws(server: &Server) -> String {
    format!("ws://{}", server.plain())
}

fn wss(server: &Server) -> String {
    format!("wss://{}", server.secure())
}

/// The client of an exchange: ours if the peer is a server.
struct Client<'a> {
    installed: &'a Installed,
    peer: &'a Peer,
    task: &'static str,
}

impl Client<'_> {
    /// By `ws` and by `wss`.
    fn run_through(&self, proxy: &ForwardProxy, server: &Server) -> anyhow::Result<()> {
        for (uri, address) in [(ws(server), server.plain()), (wss(server), server.secure())] {
            self.run(&uri, Some(proxy)).with_context(|| uri)?;
            proxy.ensure_used(address)?;
        }
        Ok(())
    }

    fn run(&self, uri: &str, proxy: Option<&ForwardProxy>) -> anyhow::Result<()> {
        let mut command = self.command();
        command.args([uri, self.task]);
        if uri.starts_with("wss:") {
            command.arg("--ca").arg(self.installed.certificate("ca.pem"));
        }
        if let Some(proxy) = proxy {
            command.args(["--proxy", &proxy.uri()]);
        }
        let finished = capture(command)?;
        // A program that ends well without having checked anything says nothing.
        if !finished.status.success() || finished.text.lines().last() != Some("ok") {
            bail!("the client ended with {}:\n{}", finished.status, tail(&finished.text, 20));
        }
        Ok(())
    }

    fn command(&self) -> Command {
        match self.peer.role {
            Role::Server => self.installed.interop(),
            Role::Client => self.installed.command(self.peer.program),
        }
    }
}
