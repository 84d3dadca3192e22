//! The proxies between both sides, each for one check. Dropping one ends it.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::ensure;

use super::install::Installed;
use crate::command::{Background, leashed};

/// How long a proxy may take until it listens.
const READY: Duration = Duration::from_secs(30);

/// Far above what a check takes.
const LIMIT: Duration = Duration::from_secs(300);

/// After how many seconds of silence a reverse proxy cuts.
const IDLE: &str = "5";

/// What the forward proxies want to be told.
const USER: &str = "everwire";
const PASSWORD: &str = "sesame";

/// A proxy that the client has to be told of.
pub(super) struct ForwardProxy {
    process: Background,
    scheme: &'static str,
    address: SocketAddr,
}

impl ForwardProxy {
    /// tinyproxy, for HTTP CONNECT.
    pub(super) fn http(installed: &Installed, name: &str) -> anyhow::Result<Self> {
        let address = free_address()?;
        let file = installed.dir.join(format!("{name}.conf"));
        let text = format!(
            "Listen {}\nPort {}\nTimeout 60\nLogLevel Connect\nBasicAuth {USER} {PASSWORD}\n",
            address.ip(),
            address.port(),
        );
        fs::write(&file, text)?;
        let mut tinyproxy = leashed("tinyproxy", LIMIT);
        tinyproxy.arg("-d").arg("-c").arg(&file);
        Self::start("tinyproxy", tinyproxy, &installed.log(name), "http", address)
    }

    /// microsocks, for SOCKS5.
    pub(super) fn socks(installed: &Installed, name: &str) -> anyhow::Result<Self> {
        let address = free_address()?;
        let mut microsocks = leashed("microsocks", LIMIT);
        microsocks.args(["-i", &address.ip().to_string(), "-p", &address.port().to_string()]);
        microsocks.args(["-u", USER, "-P", PASSWORD]);
        Self::start("microsocks", microsocks, &installed.log(name), "socks5h", address)
    }

    fn start(
        name: &'static str,
        command: Command,
        log: &Path,
        scheme: &'static str,
        address: SocketAddr,
    ) -> anyhow::Result<Self> {
        let mut process = Background::start(name, command, log)?;
        process.wait_for(READY, |_| TcpStream::connect(address).ok())?;
        Ok(Self { process, scheme, address })
    }

    /// Its URI, with the password.
    pub(super) fn uri(&self) -> String {
        format!("{}://{USER}:{PASSWORD}@{}", self.scheme, self.address)
    }

    /// Whether it was really used: its log names the server's port.
    pub(super) fn ensure_used(&self, server: &str) -> anyhow::Result<()> {
        let port = server.rsplit(':').next().unwrap_or(server);
        let used = self.process.text().contains(port);
        ensure!(used, "the proxy knows nothing of it:\n{}", self.process.tail());
        Ok(())
    }
}

/// nginx or HAProxy in front of a server, with the configuration that we recommend.
pub(super) struct ReverseProxy {
    /// Dropping it ends it.
    _process: Background,
    /// `127.0.0.1:PORT`.
    pub(super) address: String,
}

impl ReverseProxy {
    /// `kind` is `nginx` or `haproxy`; it passes everything on to `server` and cuts what is idle for
    /// 5 s.
    pub(super) fn start(
        installed: &Installed,
        kind: &'static str,
        server: &str,
        name: &str,
    ) -> anyhow::Result<Self> {
        let mut command = leashed(&installed.reverse_proxy, LIMIT);
        command.args([kind, server, IDLE]);
        let mut process = Background::start(kind, command, &installed.log(name))?;
        let address = process.wait_for(READY, |text| {
            let line = text.lines().find_map(|line| line.strip_prefix("listening on "))?;
            Some(line.to_owned())
        })?;
        Ok(Self { _process: process, address })
    }
}

/// An address that nobody listens on, because we just did.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
