//! A server on core 0, the load on core 1, and what the kernel says the server used.

use std::fs;
use std::io::{BufRead, BufReader, Lines, Read};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::results::Round;
use super::rows::{Kind, Need, Row};
use super::usage::{Memory, Usage};

/// How long the server may take to finish its work before its memory is read.
const SETTLE: Duration = Duration::from_secs(1);

/// How long the CPU time of idle connections is taken: each is asked for a sign of life once.
const HEARTBEATS: Duration = Duration::from_secs(30);

/// A process that has a core for itself and ends when it is dropped, or when we die.
struct Pinned(Child);

impl Pinned {
    /// Starts a shell command; `setpriv`, `taskset` and `exec` keep the process id.
    fn start(core: u32, command: &str, output: fn() -> Stdio) -> anyhow::Result<Self> {
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "taskset", "-c", &core.to_string(), "sh", "-c"])
            .arg(format!("ulimit -n \"$(ulimit -Hn)\"; exec {command}"))
            .stdin(Stdio::null())
            .stdout(output())
            .stderr(output())
            .spawn()
            .context("cannot run setpriv and taskset of util-linux")?;
        Ok(Self(child))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command to its end on a server's core; it reports one JSON object.
pub(super) fn alone(command: &str) -> anyhow::Result<Value> {
    let mut process = Pinned::start(0, command, Stdio::piped)?;
    let mut text = String::new();
    process.0.stdout.take().context("no pipe")?.read_to_string(&mut text)?;
    let status = process.0.wait()?;
    ensure!(status.success(), "`{command}` failed ({status})");
    serde_json::from_str(&text).with_context(|| format!("`{command}` printed no JSON"))
}

/// A candidate that listens.
pub(super) struct Server {
    process: Pinned,
    port: u16,
}

impl Server {
    /// Starts a command with `{port}` in it and waits until something listens there.
    pub(super) fn start(command: &str) -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let command = command.replace("{port}", &port.to_string());
        let mut process = Pinned::start(0, &command, Stdio::null)?;
        let start = Instant::now();
        // A trial connection would be one before the first, which the idle row must not have.
        while !is_listening(port)? {
            if let Some(status) = process.0.try_wait()? {
                bail!("`{command}` ended early ({status})");
            }
            ensure!(start.elapsed() < Duration::from_secs(20), "`{command}` does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(Self { process, port })
    }

    fn url(&self, row: &Row) -> String {
        let scheme = if row.needs(Need::Tls) { "wss" } else { "ws" };
        let path = match row.kind {
            Kind::Fanout => "broadcast",
            _ if row.needs(Need::Hub) => "hub",
            _ => "echo",
        };
        format!("{scheme}://127.0.0.1:{}/{path}", self.port)
    }

    fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.process.0.id()).context("cannot read what the server used")
    }

    fn memory(&self) -> anyhow::Result<Memory> {
        Memory::of(self.process.0.id()).context("cannot read the server's memory")
    }
}

fn is_listening(port: u16) -> anyhow::Result<bool> {
    // Columns of /proc/net/tcp: number, local address:port, remote, state; 0A is LISTEN.
    let suffix = format!(":{port:04X}");
    Ok(["/proc/net/tcp", "/proc/net/tcp6"].iter().any(|table| {
        fs::read_to_string(table).unwrap_or_default().lines().any(|line| {
            let mut columns = line.split_whitespace().skip(1);
            columns.next().is_some_and(|local| local.ends_with(&suffix))
                && columns.nth(1) == Some("0A")
        })
    }))
}

/// A load generator, which reports one JSON object a line.
pub(super) struct Load {
    command: String,
}

impl Load {
    /// `command` is followed by `echo URL …` and the like.
    pub(super) fn new(command: String) -> Self {
        Self { command }
    }

    /// Measures a server in a row, with these flags for the load and `seconds` of messages.
    pub(super) fn measure(
        &self,
        server: &Server,
        row: &Row,
        flags: &str,
        seconds: f64,
        idle: usize,
    ) -> anyhow::Result<Round> {
        let load = format!("{} {} {flags} --json", row.kind.run(), server.url(row));
        match row.kind {
            Kind::Echo | Kind::Fanout | Kind::Connect => {
                self.work(server, &format!("{load} --seconds {seconds}"))
            }
            Kind::Idle => self.idle(server, &load, idle),
            Kind::Recovery => self.recovery(server, &load),
            Kind::Heartbeat => self.heartbeats(server, &load, idle),
            Kind::Attack => bail!("attacks are many and have a measure of their own"),
            Kind::Wire => bail!("no server is needed for this row"),
            Kind::Topic => bail!("topics are measured beside `/broadcast`"),
        }
    }

    /// Measures a fan-out at a path.
    pub(super) fn fanout(
        &self,
        server: &Server,
        path: &str,
        flags: &str,
        seconds: f64,
    ) -> anyhow::Result<Round> {
        let url = format!("ws://127.0.0.1:{}/{path}", server.port);
        let load = format!("{} {url} {flags} --json", Kind::Topic.run());
        self.work(server, &format!("{load} --seconds {seconds}"))
    }

    /// Has a server attacked, by a generator that is an attacker, and gives what that tells.
    pub(super) fn attack(&self, server: &Server, attack: &Row) -> anyhow::Result<Value> {
        let (url, process) = (server.url(attack), server.process.0.id());
        self.start(&format!("{} {url} --pid {process} --json", attack.name))?.event("done")
    }

    /// Measures from the generator's `measuring` to its `done`.
    fn work(&self, server: &Server, arguments: &str) -> anyhow::Result<Round> {
        let mut load = self.start(arguments)?;
        load.event("measuring")?;
        let before = server.usage()?;
        let done = load.event("done")?;
        worked(&before, &server.usage()?, &done)
    }

    /// Has everybody be cut off and come back: the time it takes, and what the server holds for each while they
    /// are away, and at most.
    fn recovery(&self, server: &Server, arguments: &str) -> anyhow::Result<Round> {
        thread::sleep(SETTLE);
        let first = server.memory()?;
        let mut load = self.start(arguments)?;
        load.event("gone")?;
        let away = server.memory()?;
        load.event("measuring")?;
        let before = server.usage()?;
        let done = load.event("done")?;
        let mut round = worked(&before, &server.usage()?, &done)?;
        let clients = done["messages"].as_f64().context("the load did not report messages")?;
        let peak = Memory::peak(server.process.0.id()).context("cannot read the server's peak")?;
        let each = |held: u64| held.saturating_sub(first.rss) as f64 / clients;
        round.insert("away".to_owned(), each(away.rss));
        round.insert("peak".to_owned(), each(peak));
        Ok(round)
    }

    /// Compares the memory before the first connection with that once all are idle.
    fn idle(&self, server: &Server, arguments: &str, connections: usize) -> anyhow::Result<Round> {
        thread::sleep(SETTLE);
        let before = server.memory()?;
        let mut load =
            self.start(&format!("{arguments} --connections {connections} --hold 600"))?;
        load.event("holding")?;
        thread::sleep(SETTLE);
        let after = server.memory()?;
        ensure!(load.process.0.try_wait()?.is_none(), "the server did not keep all connections");
        let each =
            |after: u64, before: u64| after.saturating_sub(before) as f64 / connections as f64;
        Ok(Round::from([
            ("rss".to_owned(), each(after.rss, before.rss)),
            // The part of it that no file backs: heap and stacks.
            ("anonymous".to_owned(), each(after.anonymous, before.anonymous)),
        ]))
    }

    /// Takes the CPU time of connections that only answer pings.
    fn heartbeats(
        &self,
        server: &Server,
        arguments: &str,
        connections: usize,
    ) -> anyhow::Result<Round> {
        let mut load =
            self.start(&format!("{arguments} --connections {connections} --hold 600"))?;
        load.event("holding")?;
        thread::sleep(SETTLE);
        let before = server.usage()?;
        thread::sleep(HEARTBEATS);
        let after = server.usage()?;
        ensure!(load.process.0.try_wait()?.is_none(), "the server did not keep all connections");
        let share = (after.total - before.total) as f64 / (after.at - before.at).as_nanos() as f64;
        Ok(Round::from([("cpu_percent".to_owned(), share * 100.0)]))
    }

    fn start(&self, arguments: &str) -> anyhow::Result<Running> {
        let command = format!("{} {arguments}", self.command);
        let mut process = Pinned::start(1, &command, Stdio::piped)?;
        let stdout = process.0.stdout.take().context("no pipe to the load")?;
        Ok(Running { process, lines: BufReader::new(stdout).lines() })
    }
}

/// What a server used between two looks at it, for what the load says that came of it.
fn worked(before: &Usage, after: &Usage, done: &Value) -> anyhow::Result<Round> {
    let number =
        |name: &str| done[name].as_f64().with_context(|| format!("the load did not report {name}"));
    let messages = number("messages")?;
    ensure!(messages > 0.0, "no message came back");
    let cpu_ns = (after.total - before.total) as f64;
    let user = (after.user - before.user) as f64;
    let ticks = user + (after.system - before.system) as f64;
    let cpu_us = cpu_ns / 1000.0 / messages;
    let user_us = cpu_us * user / ticks.max(1.0);
    let wall_ns = (after.at - before.at).as_nanos() as f64;
    let mut round = Round::from([
        ("cpu_us".to_owned(), cpu_us),
        ("user_us".to_owned(), user_us),
        ("system_us".to_owned(), cpu_us - user_us),
        // CPU time per time: 1.0 is a saturated core.
        ("busy".to_owned(), cpu_ns / wall_ns),
        // Time lost to other processes on the server's core per time.
        ("delayed".to_owned(), (after.delayed - before.delayed) as f64 / wall_ns),
    ]);
    for name in ["messages_per_second", "p50_us", "p90_us", "p99_us", "p999_us", "max_us"] {
        round.insert(name.to_owned(), number(name)?);
    }
    // `everwire bench` does not count it.
    if let Ok(bytes) = number("payload_bytes") {
        round.insert("payload_bytes".to_owned(), bytes);
    }
    Ok(round)
}

/// A load generator at work.
struct Running {
    process: Pinned,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// Waits for the line with this event.
    fn event(&mut self, name: &str) -> anyhow::Result<Value> {
        for line in &mut self.lines {
            let event: Value = serde_json::from_str(&line?).context("the load printed no JSON")?;
            if event["event"] == name {
                return Ok(event);
            }
        }
        let mut words = String::new();
        if let Some(stderr) = &mut self.process.0.stderr {
            stderr.read_to_string(&mut words)?;
        }
        bail!("the load ended before it was {name}: {}", words.trim())
    }
}
