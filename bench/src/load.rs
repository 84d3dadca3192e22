//! The two runs of the load generator.
//!
//! One thread and one epoll instance. In `echo` the thread does not sleep: it has a core of its own,
//! and a server that must wake its client up would be charged for it.

use std::io;
use std::time::{Duration, Instant};

use crate::client::{Client, Script};
use crate::epoll::{self, Epoll};
use crate::histogram::Histogram;

/// What `echo` does.
#[derive(Debug, Clone)]
pub struct EchoPlan {
    /// The `ws://` address.
    pub url: String,
    /// Connections that are open at once.
    pub connections: usize,
    /// Bytes of payload of each message.
    pub size: usize,
    /// Messages that each connection keeps under way.
    pub in_flight: usize,
    /// Time before anything is counted.
    pub warm_up: Duration,
    /// Time during which messages are counted.
    pub measure: Duration,
}

/// What `echo` found.
#[derive(Debug)]
pub struct EchoReport {
    /// Messages that came back within the time.
    pub messages: u64,
    /// The time that was measured, in seconds.
    pub seconds: f64,
    /// From handing a message over to reading its end, in nanoseconds.
    pub latency: Histogram,
}

/// Keeps messages in flight and counts them; calls `measuring` when counting begins.
///
/// # Errors
///
/// When a connection fails, is closed by the server, or brings back other lengths than it sent.
pub fn echo(plan: &EchoPlan, measuring: impl FnOnce()) -> io::Result<EchoReport> {
    let script = Script::new(plan.size, plan.in_flight);
    let mut run = Run::open(&plan.url, plan.connections, &script)?;
    for client in &mut run.clients {
        client.send(&script, plan.in_flight as u64, Instant::now())?;
    }
    run.until(&script, Instant::now() + plan.warm_up)?;
    run.counted = Counted::default();
    let start = Instant::now();
    measuring();
    run.until(&script, start + plan.measure)?;
    let seconds = start.elapsed().as_secs_f64();
    let Counted { messages, payload, latency } = run.counted;
    // At both ends of the time each connection may be within messages that it has in flight.
    let tolerance = (plan.connections * plan.in_flight * plan.size) as u64;
    if payload.abs_diff(messages * plan.size as u64) > tolerance {
        let message = format!("{messages} messages of {} bytes brought {payload}", plan.size);
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(EchoReport { messages, seconds, latency })
}

/// Connects, has one message of `size` bytes echoed on each connection, calls `holding` and then
/// keeps the connections for `hold`, or for ever.
///
/// # Errors
///
/// When a connection fails or is closed by the server.
pub fn idle(
    url: &str,
    connections: usize,
    size: usize,
    hold: Option<Duration>,
    holding: impl FnOnce(),
) -> io::Result<()> {
    let script = Script::new(size, 0);
    let mut run = Run::open(url, connections, &script)?;
    holding();
    let end = hold.map(|hold| Instant::now() + hold);
    while end.is_none_or(|end| Instant::now() < end) {
        // Short enough to notice the end, long enough to cost nothing.
        run.turn(&script, 50)?;
    }
    Ok(())
}

#[derive(Debug)]
struct Run {
    epoll: Epoll,
    clients: Vec<Client>,
    /// The index of each client by its descriptor.
    by_fd: Vec<usize>,
    buffer: Vec<u8>,
    counted: Counted,
}

#[derive(Debug, Default)]
struct Counted {
    messages: u64,
    payload: u64,
    latency: Histogram,
}

impl Run {
    fn open(url: &str, connections: usize, script: &Script) -> io::Result<Self> {
        use std::os::fd::AsRawFd as _;

        let epoll = Epoll::new()?;
        let mut clients = Vec::new();
        let mut by_fd = Vec::new();
        for index in 0..connections {
            let client = Client::open(url, script)?;
            epoll.add(client.stream(), epoll::READ | epoll::WRITE | epoll::EDGE)?;
            let fd = client.stream().as_raw_fd() as usize;
            if by_fd.len() <= fd {
                by_fd.resize(fd + 1, 0);
            }
            by_fd[fd] = index;
            clients.push(client);
        }
        let buffer = vec![0; 512 * 1024];
        Ok(Self { epoll, clients, by_fd, buffer, counted: Counted::default() })
    }

    fn until(&mut self, script: &Script, end: Instant) -> io::Result<()> {
        while Instant::now() < end {
            self.turn(script, 0)?;
        }
        Ok(())
    }

    /// Handles the events of one wait of at most `timeout_ms`.
    fn turn(&mut self, script: &Script, timeout_ms: i32) -> io::Result<()> {
        let count = self.epoll.wait(timeout_ms)?;
        for index in 0..count {
            let (fd, _) = self.epoll.event(index);
            let client = &mut self.clients[self.by_fd[fd as usize]];
            client.flush(script)?;
            let counted = &mut self.counted;
            // Edges: a read that does not fill the buffer has emptied the socket.
            while let Some(read) = client.read(&mut self.buffer)? {
                let received = client.receive(&self.buffer[..read])?;
                counted.payload += received.payload;
                if received.messages > 0 {
                    let now = Instant::now();
                    counted.messages += received.messages;
                    client.acknowledge(received.messages, |sent, times| {
                        counted.latency.record((now - sent).as_nanos() as u64, times);
                    });
                    client.send(script, received.messages, now)?;
                }
                if read < self.buffer.len() {
                    break;
                }
            }
        }
        Ok(())
    }
}
