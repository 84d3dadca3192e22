//! One role under test: the suite on one side, our program on the other.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::json;

use super::{Set, fresh};
use crate::command::{Background, leashed};

/// Far above a full run: the stall limit ends a stuck one much earlier.
const LIMIT: Duration = Duration::from_secs(3600);

/// How long a program may take until it listens.
const READY: Duration = Duration::from_secs(30);

/// What the suite prints at the start of each case.
const CASE: &str = "Running test case ID";

/// A role being tested. Dropping it stops all its processes.
pub(crate) struct Run {
    /// `server` or `client`, the role that our program has.
    pub(crate) role: &'static str,
    reports: PathBuf,
    /// The connecting side: when it ends, the run is over.
    connecting: Background,
    /// The listening side, which has to be alive until then.
    listening: Background,
    suite_connects: bool,
    cases: usize,
    progress: Instant,
}

impl Run {
    /// Our server, with the suite as the client.
    pub(crate) fn of_our_server(
        everwire: &Path,
        wstest: &Path,
        set: &Set,
        dir: &Path,
    ) -> anyhow::Result<Self> {
        let reports = fresh(&dir.join("server"))?;
        let mut serve = leashed(everwire, LIMIT);
        serve.args(["serve", "--listen", "127.0.0.1:0"]);
        let mut listening = Background::start("our server", serve, &dir.join("our-server.log"))?;
        let address = listening.wait_for(READY, listening_address)?;

        let spec = dir.join("fuzzingclient.json");
        let content = json!({
            "outdir": reports,
            // Wait for the close frame that answers a violation, as the cases expect.
            "options": { "failByDrop": false },
            "servers": [{ "agent": "everwire", "url": format!("ws://{address}/echo") }],
            "cases": set.cases,
            "exclude-cases": [],
            "exclude-agent-cases": {},
        });
        fs::write(&spec, content.to_string())?;
        let mut suite = leashed(wstest, LIMIT);
        suite.args(["-m", "fuzzingclient", "-s"]).arg(&spec).current_dir(dir);
        let connecting = Background::start("wstest", suite, &dir.join("fuzzingclient.log"))?;
        Ok(Self::new("server", reports, connecting, listening, true))
    }

    /// Our client, with the suite as the server.
    pub(crate) fn of_our_client(
        client: &Path,
        wstest: &Path,
        set: &Set,
        dir: &Path,
    ) -> anyhow::Result<Self> {
        let reports = fresh(&dir.join("client"))?;
        let address = free_address()?;
        let spec = dir.join("fuzzingserver.json");
        let content = json!({
            "url": format!("ws://{address}"),
            "outdir": reports,
            "cases": set.cases,
            "exclude-cases": [],
            "exclude-agent-cases": {},
        });
        fs::write(&spec, content.to_string())?;
        let mut suite = leashed(wstest, LIMIT);
        // `-u 0`: without the suite's web pages, which would want port 8080.
        suite.args(["-m", "fuzzingserver", "-u", "0", "-s"]).arg(&spec).current_dir(dir);
        let mut listening = Background::start("wstest", suite, &dir.join("fuzzingserver.log"))?;
        listening.wait_for(READY, |_| TcpStream::connect(address).ok())?;

        let mut ours = leashed(client, LIMIT);
        ours.arg(format!("ws://{address}")).args(["--agent", "everwire"]);
        let connecting = Background::start("our client", ours, &dir.join("our-client.log"))?;
        Ok(Self::new("client", reports, connecting, listening, false))
    }

    fn new(
        role: &'static str,
        reports: PathBuf,
        connecting: Background,
        listening: Background,
        suite_connects: bool,
    ) -> Self {
        let progress = Instant::now();
        Self { role, reports, connecting, listening, suite_connects, cases: 0, progress }
    }

    /// True once the last case is over. An error if either side broke down.
    pub(crate) fn is_over(&mut self) -> anyhow::Result<bool> {
        let cases = self.suite().text().matches(CASE).count();
        if cases != self.cases {
            self.cases = cases;
            self.progress = Instant::now();
        }
        let over = self.connecting.ended()?;
        if let Some(status) = self.listening.ended()? {
            bail!("{}: the listening side ended ({status}):\n{}", self.role, self.listening.tail());
        }
        match over {
            Some(status) if !status.success() => {
                bail!(
                    "{}: the connecting side failed ({status}):\n{}",
                    self.role,
                    self.connecting.tail()
                )
            }
            Some(_) => {
                self.progress = Instant::now();
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// How many cases the suite has begun.
    pub(crate) fn cases(&self) -> usize {
        self.cases
    }

    /// Time since the last case began.
    pub(crate) fn stalled(&self) -> Duration {
        self.progress.elapsed()
    }

    /// The end of both outputs.
    pub(crate) fn tail(&self) -> String {
        format!("{}\n---\n{}", self.connecting.tail(), self.listening.tail())
    }

    /// Stops the listening side and gives the suite's index of results. Our server has to end
    /// cleanly on SIGTERM.
    pub(crate) fn finish(mut self) -> anyhow::Result<PathBuf> {
        let status = self.listening.stop()?;
        if self.suite_connects && !status.success() {
            bail!(
                "our server did not end cleanly on SIGTERM ({status}):\n{}",
                self.listening.tail()
            );
        }
        Ok(self.reports.join("index.json"))
    }

    fn suite(&self) -> &Background {
        if self.suite_connects { &self.connecting } else { &self.listening }
    }
}

/// The address in the line that `everwire serve` prints when it is ready.
fn listening_address(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix("listening on http://"))?;
    Some(line.trim().trim_end_matches('/').to_owned())
}

/// An address that nobody listens on, because we just did.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_among_other_lines() {
        let text = "hello\nlistening on http://127.0.0.1:4711\n";
        assert_eq!(listening_address(text).as_deref(), Some("127.0.0.1:4711"));
        assert_eq!(listening_address("hello\n"), None);
    }
}
