//! The connections of one attack.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Shutdown};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::attacks::{Attack, Stage};
use super::end::{Ear, End};
use crate::epoll;
use crate::handshake;
use crate::transport::{Dialer, Transport};

/// Connections of one address: servers may bound the handshakes of each.
const PER_ADDRESS: usize = 50;

/// What a connection does not read is to fill the server's memory, not ours.
const RECEIVE_BUFFER: i32 = 16 * 1024;

/// The most that one connection writes before it is the turn of the next.
const STEP: usize = 64 * 1024;

/// How long a raid waits before it tries again what the server did not take.
const PAUSE: Duration = Duration::from_millis(5);

/// How long answers may be on their way that a server sends only when earlier ones are read.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// All connections of an attack.
pub(super) struct Raid {
    attackers: Vec<Attacker>,
}

struct Attacker {
    stream: Transport,
    sent: usize,
    /// The socket takes no more: the server has ended it.
    over: bool,
    ear: Ear,
}

impl Raid {
    /// Connects, and opens WebSockets if the attack needs them.
    pub(super) fn gather(dialer: &Dialer, attack: &Attack, count: usize) -> io::Result<Self> {
        let attackers = (0..count).map(|n| Attacker::new(dialer, attack, n / PER_ADDRESS));
        Ok(Self { attackers: attackers.collect::<io::Result<_>>()? })
    }

    /// Sends `bytes` on each connection, until all is sent or none takes any for `patience`.
    pub(super) fn strike(
        &mut self,
        attack: &Attack,
        bytes: &[u8],
        patience: Duration,
    ) -> io::Result<()> {
        let mut progress = Instant::now();
        let start = Instant::now();
        while progress.elapsed() < patience {
            let due = attack.pace.due(start.elapsed(), bytes.len());
            let mut took = 0;
            for attacker in &mut self.attackers {
                took += attacker.write(&bytes[..due])?;
            }
            if took > 0 {
                progress = Instant::now();
            }
            if self.attackers.iter().all(|attacker| attacker.over || attacker.sent == bytes.len()) {
                break;
            }
            if took == 0 {
                sleep(PAUSE);
            }
        }
        if attack.half_close {
            for attacker in &self.attackers {
                // The server may have closed it.
                let _ = attacker.stream.socket().shutdown(Shutdown::Write);
            }
        }
        Ok(())
    }

    /// Bytes that were sent on all connections.
    pub(super) fn sent(&self) -> usize {
        self.attackers.iter().map(|attacker| attacker.sent).sum()
    }

    /// Reads at last, and counts how connections ended.
    pub(super) fn ends(&mut self) -> io::Result<BTreeMap<String, usize>> {
        let mut buffer = vec![0; STEP];
        let mut ends = vec![None; self.attackers.len()];
        let start = Instant::now();
        while start.elapsed() < LAST_WORDS {
            for (attacker, end) in self.attackers.iter_mut().zip(&mut ends) {
                if end.is_none() {
                    *end = attacker.ear.listen(&mut attacker.stream, &mut buffer)?;
                }
            }
            sleep(PAUSE);
        }
        let mut counted = BTreeMap::new();
        for end in ends {
            *counted.entry(end.unwrap_or(End::Open).to_string()).or_default() += 1;
        }
        Ok(counted)
    }
}

impl Attacker {
    fn new(dialer: &Dialer, attack: &Attack, address: usize) -> io::Result<Self> {
        let source = Ipv4Addr::new(127, 0, 0, 2 + address as u8);
        let mut stream = dialer.dial_from(source, RECEIVE_BUFFER)?;
        epoll::reset_on_close(&stream)?;
        if let Stage::Open(deflate) = attack.stage {
            stream = handshake::upgrade(stream, dialer, deflate)?;
        }
        stream.set_nonblocking(true)?;
        let open = attack.stage != Stage::Handshake;
        Ok(Self { stream, sent: 0, over: false, ear: Ear::new(open) })
    }

    /// Writes on, up to the end of `bytes`, and says how much the socket took.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let end = bytes.len().min(self.sent + STEP);
        if self.over || self.sent >= end {
            return Ok(0);
        }
        match self.stream.write(&bytes[self.sent..end]) {
            Ok(len) => {
                self.sent += len;
                Ok(len)
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Ok(0),
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
                    self.over = true;
                    Ok(0)
                }
                _ => Err(error),
            },
        }
    }
}
