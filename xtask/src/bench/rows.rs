//! The rows of the benchmark: what the load does, and how far we want to get.

/// How many connections the idle rows hold.
pub(super) const IDLE: usize = 9000;

/// The row whose floor others are compared with that the floor has no answer to.
pub(super) const MEASURE: &str = "echo-20";

/// One line of the benchmark.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) kind: Kind,
    /// The flags of the load generator.
    pub(super) load: &'static str,
    /// What it has to be able to, beyond echoing.
    pub(super) needs: &'static [Need],
    /// What Everwire is to reach; such rows are those of `--quick`.
    pub(super) reach: &'static [Reach],
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Echo,
    Fanout,
    Connect,
    /// Memory of connections on which nothing happens.
    Idle,
    /// CPU of such connections.
    Heartbeat,
    /// Memory that hostile clients pin.
    Attack,
    /// What a library does without a network.
    Wire,
    /// A hub's topic beside `/broadcast`.
    Topic,
    /// A hub whose clients all come back at once.
    Recovery,
}

/// What not every server can do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Fanout,
    NoTakeover,
    Takeover,
    Tls,
    Heartbeat,
    Defence,
    /// Everwire's hub.
    Hub,
    /// A hub whose sessions end with their connections.
    NoResumption,
    /// To be a library for Rust.
    Rust,
}

/// A bound of Everwire's median.
pub(super) enum Reach {
    /// Times that of the floor.
    Floor(f64),
    /// Times that of the best rival.
    Best(f64),
    /// Times that of this server.
    Server(&'static str, f64),
    /// In the unit of the row.
    Absolute(f64),
}

impl Kind {
    /// The metric that servers are compared by; less is better for all of them.
    pub(super) fn metric(self) -> &'static str {
        match self {
            Self::Echo | Self::Fanout | Self::Connect | Self::Recovery => "cpu_us",
            Self::Topic => "ratio",
            Self::Idle => "rss",
            Self::Heartbeat => "cpu_percent",
            Self::Attack => "worst",
            Self::Wire => "decode_14_ns",
        }
    }

    /// What that metric is.
    pub(super) fn heading(self) -> &'static str {
        match self {
            Self::Echo => "CPU, µs per message",
            Self::Fanout => "CPU, µs per delivery",
            Self::Connect => "CPU, µs per connection",
            Self::Idle => "RSS, B per connection",
            Self::Heartbeat => "CPU, % of a core",
            Self::Attack => "worst: pinned ÷ allowed",
            Self::Wire => "ns to decode 14 B",
            Self::Topic => "CPU of a topic ÷ that of `/broadcast`",
            Self::Recovery => "CPU, µs per client",
        }
    }

    /// The first word of the load generator's command, or the program that needs no load.
    pub(super) fn run(self) -> &'static str {
        match self {
            Self::Wire => "wire",
            Self::Echo => "echo",
            Self::Fanout | Self::Topic => "fanout",
            Self::Recovery => "recovery",
            Self::Connect => "connect",
            Self::Idle | Self::Heartbeat => "idle",
            // Each attack has a name of its own.
            Self::Attack => "",
        }
    }
}

impl Row {
    pub(super) fn needs(&self, need: Need) -> bool {
        self.needs.contains(&need)
    }

    /// How often it is measured: what is to be reached, often enough for a median among neighbours.
    pub(super) fn rounds(&self) -> usize {
        match (self.kind, self.reach.is_empty()) {
            (Heartbeat | Attack, _) => 1,
            (Recovery, _) => 3,
            (Idle, reach_is_empty) => {
                if reach_is_empty {
                    1
                } else {
                    2
                }
            }
            (_, true) => 3,
            (_, false) => 9,
        }
    }

    /// Whether it takes too long for a quick look.
    pub(super) fn is_long(&self) -> bool {
        matches!(self.kind, Heartbeat | Attack | Recovery)
    }

    /// What the load offers, and a rival has to be told.
    pub(super) fn deflate(&self) -> Option<&'static str> {
        match () {
            () if self.needs(Need::NoTakeover) => Some("no-takeover"),
            () if self.needs(Need::Takeover) => Some("takeover"),
            () => None,
        }
    }
}

pub(super) const fn row(
    name: &'static str,
    about: &'static str,
    kind: Kind,
    load: &'static str,
    needs: &'static [Need],
    reach: &'static [Reach],
) -> Row {
    Row { name, about, kind, load, needs, reach }
}

use Kind::{Attack, Connect, Echo, Fanout, Heartbeat, Idle, Recovery, Topic, Wire};
use Reach::{Absolute, Best, Floor, Server};

const FANOUT: &[Need] = &[Need::Fanout];
const TLS: &[Need] = &[Need::Tls];
pub(super) const NO_TAKEOVER: &[Need] = &[Need::NoTakeover];
const TAKEOVER: &[Need] = &[Need::Takeover];
pub(super) const ATTACK: &[Need] = &[Need::Defence];
const HUB: &[Need] = &[Need::Hub];

/// All of them, in the order in which they are measured.
#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    row("echo-20", "echo, 100 connections × 20 B", Echo,
        "--connections 100 --size 20", &[], &[Floor(1.05), Server("bun", 1.02)]),
    row("echo-1k", "echo, 100 connections × 1 KiB", Echo,
        "--connections 100 --size 1024", &[], &[Floor(1.05), Server("bun", 1.02)]),
    row("echo-16k", "echo, 10 connections × 16 KiB", Echo,
        "--connections 10 --size 16384", &[], &[]),
    row("echo-64k", "echo, 10 connections × 64 KiB, binary", Echo,
        "--connections 10 --size 65536", &[], &[Floor(1.05), Server("fastwebsockets", 1.0)]),
    row("echo-64k-text", "echo, 10 connections × 64 KiB, text", Echo,
        "--connections 10 --size 65536 --text", &[], &[]),
    row("echo-1m", "echo, 4 connections × 1 MiB", Echo,
        "--connections 4 --size 1048576", &[], &[]),
    row("echo-20-1000", "echo, 1,000 connections × 20 B", Echo,
        "--connections 1000 --size 20", &[], &[]),
    row("echo-20-pipelined", "echo, 100 connections × 20 B × 32 in flight", Echo,
        "--connections 100 --size 20 --in-flight 32", &[], &[Floor(1.25)]),
    row("echo-1k-pipelined", "echo, 10 connections × 1 KiB × 32 in flight", Echo,
        "--connections 10 --size 1024 --in-flight 32", &[], &[]),
    row("echo-fragments", "echo, 10 connections × 64 fragments of 1 KiB", Echo,
        "--connections 10 --size 65536 --fragments 64", &[], &[]),

    row("fanout-1000", "fan-out, 1,000 receivers × 64 B", Fanout,
        "--connections 1000", FANOUT, &[Floor(1.0)]),
    row("fanout-1000-16", "fan-out, 1,000 receivers × 64 B × 16 in flight", Fanout,
        "--connections 1000 --in-flight 16", FANOUT, &[Floor(0.09)]),
    row("fanout-1000-stalled", "fan-out, 1,000 receivers × 64 B, and one that does not read", Fanout,
        "--connections 1000 --stalled 1", FANOUT, &[]),
    row("fanout-1000-16-stalled",
        "fan-out, 1,000 receivers × 64 B × 16 in flight, and one that does not read", Fanout,
        "--connections 1000 --stalled 1 --in-flight 16", FANOUT, &[]),
    row("fanout-10000", "fan-out, 10,000 receivers × 64 B", Fanout,
        "--connections 10000", FANOUT, &[]),
    row("fanout-10000-16", "fan-out, 10,000 receivers × 64 B × 16 in flight", Fanout,
        "--connections 10000 --in-flight 16", FANOUT, &[]),

    row("idle-untouched", "idle memory, nothing but the handshake", Idle,
        "--untouched", &[], &[]),
    row("idle", "idle memory, after one 1 KiB message each", Idle,
        "--size 1024", &[], &[Absolute(1280.0)]),
    row("idle-deflate", "idle memory, permessage-deflate without context takeover, after one 1 KiB message each", Idle,
        "--size 1024 --json-text", NO_TAKEOVER, &[Absolute(1792.0)]),
    row("idle-takeover", "idle memory, permessage-deflate with context takeover, after one 1 KiB message each", Idle,
        "--size 1024 --json-text", TAKEOVER, &[]),
    row("idle-tls", "idle memory, TLS, after one 1 KiB message each", Idle,
        "--size 1024", TLS, &[]),
    row("heartbeat", "9,000 idle connections with heartbeats every 25 s", Heartbeat,
        "--untouched", &[Need::Heartbeat], &[Absolute(1.0)]),

    row("deflate-300", "permessage-deflate without context takeover, echo, 100 connections × 300 B of JSON", Echo,
        "--connections 100 --size 300 --json-text", NO_TAKEOVER, &[Best(1.02)]),
    row("deflate-16k", "permessage-deflate without context takeover, echo, 10 connections × 16 KiB of JSON", Echo,
        "--connections 10 --size 16384 --json-text", NO_TAKEOVER, &[Best(1.02)]),
    row("takeover-300", "permessage-deflate with context takeover, echo, 100 connections × 300 B of JSON", Echo,
        "--connections 100 --size 300 --json-text", TAKEOVER, &[]),
    row("takeover-16k", "permessage-deflate with context takeover, echo, 10 connections × 16 KiB of JSON", Echo,
        "--connections 10 --size 16384 --json-text", TAKEOVER, &[]),
    row("tls-20", "TLS, echo, 100 connections × 20 B", Echo,
        "--connections 100 --size 20", TLS, &[Best(1.02)]),
    row("tls-16k", "TLS, echo, 10 connections × 16 KiB", Echo,
        "--connections 10 --size 16384", TLS, &[Best(1.02)]),
    row("connect", "connecting, 32 handshakes at a time", Connect, "--in-flight 32", &[], &[]),
    row("connect-tls", "connecting over TLS, 32 handshakes at a time", Connect,
        "--in-flight 32", TLS, &[]),
    row("attack", "memory pinned by hostile clients ÷ what they may pin, the worst of 14 attacks", Attack,
        "", ATTACK, &[Absolute(1.0)]),

    row("hub-idle", "idle memory of a hub's session, subscribed to a topic that all share", Idle,
        "--hub json", HUB, &[Absolute(4096.0)]),
    row("hub-idle-own", "idle memory of a hub's session, subscribed to a topic of its own", Idle,
        "--hub json --own-topics", HUB, &[Absolute(4096.0)]),
    row("hub-fanout", "fan-out, a hub's topic beside `/broadcast`, 1,000 receivers × 64 B", Topic,
        "--connections 1000", HUB, &[Absolute(1.25)]),
    row("hub-resumption", "5,000 clients of a hub come back at once to their sessions, 100 × 64 B missed each", Recovery,
        "--connections 5000 --missed 100", HUB, &[]),
    row("hub-recovery", "5,000 clients of a hub come back at once to new sessions, 100 × 64 B missed each", Recovery,
        "--connections 5000 --missed 100 --recovered", &[Need::Hub, Need::NoResumption], &[]),

    row("wire", "without system calls: decoding, encoding, unmasking, UTF-8, allocations", Wire,
        "", &[Need::Rust], &[]),
];

/// For the command line.
pub(super) fn find(name: &str) -> Result<&'static Row, String> {
    let names = || ROWS.iter().map(|row| row.name).collect::<Vec<_>>().join(", ");
    ROWS.iter().find(|row| row.name == name).ok_or_else(|| format!("the rows are {}", names()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_names_are_unique_and_the_measure_is_one() {
        let mut names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ROWS.len());
        assert!(find(MEASURE).is_ok());
        assert!(find("echo").is_err());
    }
}
