//! The runs of the load generator.
//!
//! One thread and one epoll instance. Where messages are counted the thread does not sleep: it has
//! a core of its own, and a server that must wake its client up would be charged for it.

mod connect;
mod echo;
mod fanout;
mod idle;
mod recovery;

use std::io;
use std::os::fd::AsRawFd as _;
use std::time::Instant;

pub use self::connect::{ConnectPlan, connect};
pub use self::echo::{EchoPlan, echo};
pub use self::fanout::{FanoutPlan, fanout};
pub use self::idle::{IdlePlan, idle};
pub use self::recovery::{RecoveryPlan, Return, recovery};
use crate::client::{Client, Received};
use crate::epoll::{self, Epoll};
use crate::histogram::Histogram;
use crate::script::Script;
use crate::transport::Dialer;

/// What a run found.
#[derive(Debug)]
pub struct Report {
    /// Messages that came back, deliveries, connections, or clients that came back, within the time.
    pub messages: u64,
    /// Bytes of payload of the messages that arrived, as they were on the wire.
    pub payload: u64,
    /// The time that was measured, in seconds.
    pub seconds: f64,
    /// From handing a message over, or beginning to connect, to its end, in nanoseconds.
    pub latency: Histogram,
}

/// Connections and what watches them.
#[derive(Debug)]
struct Fleet {
    epoll: Epoll,
    clients: Vec<Client>,
    /// The index of each client by its descriptor.
    by_fd: Vec<usize>,
    buffer: Vec<u8>,
}

impl Fleet {
    fn new() -> io::Result<Self> {
        let buffer = vec![0; 512 * 1024];
        Ok(Self { epoll: Epoll::new()?, clients: Vec::new(), by_fd: Vec::new(), buffer })
    }

    /// Opens `connections` more; `check` as in [`Client::open`].
    fn open(
        &mut self,
        dialer: &Dialer,
        connections: usize,
        script: &Script,
        check: bool,
    ) -> io::Result<()> {
        for _ in 0..connections {
            let client = Client::open(dialer, script, check)?;
            self.epoll.add(client.stream(), epoll::READ | epoll::WRITE | epoll::EDGE)?;
            let fd = client.stream().as_raw_fd() as usize;
            if self.by_fd.len() <= fd {
                self.by_fd.resize(fd + 1, 0);
            }
            self.by_fd[fd] = self.clients.len();
            self.clients.push(client);
        }
        Ok(())
    }

    /// Handles the events of one wait of at most `timeout_ms`; whatever completes messages goes to
    /// `arrived`, with the index of the connection and the time.
    #[inline]
    fn turn(
        &mut self,
        script: &Script,
        timeout_ms: i32,
        mut arrived: impl FnMut(&mut Vec<Client>, usize, Received, Instant) -> io::Result<()>,
    ) -> io::Result<()> {
        let count = self.epoll.wait(timeout_ms)?;
        for event in 0..count {
            let (fd, _) = self.epoll.event(event);
            let index = self.by_fd[fd as usize];
            self.clients[index].flush(script)?;
            // Edges: the socket has to be emptied.
            while let Some(read) = self.clients[index].read(&mut self.buffer)? {
                let received = self.clients[index].receive(&self.buffer[..read])?;
                if received.payload > 0 || received.messages > 0 {
                    arrived(&mut self.clients, index, received, Instant::now())?;
                }
                if read < self.buffer.len() && self.clients[index].stream().reads_all() {
                    break;
                }
            }
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Counted {
    messages: u64,
    payload: u64,
    latency: Histogram,
}

impl Counted {
    fn report(self, start: Instant) -> Report {
        let Self { messages, payload, latency } = self;
        Report { messages, payload, seconds: start.elapsed().as_secs_f64(), latency }
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
