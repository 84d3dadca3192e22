//! The flags of `everwire bench`.

use std::path::PathBuf;
use std::time::Duration;

use clap::value_parser;

use super::fanout::HEADER;
use super::jitter::Jitter;

/// Put a WebSocket server under load and measure it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Clone, clap::Subcommand)]
pub(super) enum Command {
    /// Keep messages in flight and measure how fast they come back
    Echo(Echo),
    /// Have few speak to many and measure how fast everyone hears it, all of it and in order
    Fanout(Fanout),
    /// Have one message echoed on each connection, then hold them all idle
    Idle(Idle),
    /// Open connections, close them cleanly, and measure how many a second
    Connect(Connect),
    /// Have a hub's clients cut off again and again, and see that each hears everything once and in order
    Jitter(Jitter),
}

#[derive(Debug, Clone, clap::Args)]
pub(super) struct Echo {
    #[command(flatten)]
    pub(super) server: Server,

    /// How many connections are open at once
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = many())]
    pub(super) connections: u32,

    /// Bytes of payload of each message
    #[arg(long, value_name = "BYTES", default_value_t = 20, value_parser = size(0))]
    pub(super) size: u32,

    /// How many messages each connection has under way: as many leave as have come back
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = in_flight())]
    pub(super) in_flight: u32,

    /// Send text messages instead of binary ones
    #[arg(long)]
    pub(super) text: bool,

    /// How long to measure, after a warm-up of half a second
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(super) seconds: Duration,
}

#[derive(Debug, Clone, clap::Args)]
pub(super) struct Fanout {
    #[command(flatten)]
    pub(super) server: Server,

    /// How many connections only listen
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = many())]
    pub(super) receivers: u32,

    /// How many connections speak; they listen too
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=65_536))]
    pub(super) senders: u32,

    /// How many more connections never read; what they miss is not counted
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = value_parser!(u32).range(..=1_000_000))]
    pub(super) stalled: u32,

    /// The server sends a message to all but its sender
    #[arg(long)]
    pub(super) without_sender: bool,

    /// Bytes of payload of each message; the first 12 say whose it is, and its number
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = size(HEADER as i64))]
    pub(super) size: u32,

    /// How many messages each sender has under way: one more leaves when everyone has heard one
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = in_flight())]
    pub(super) in_flight: u32,

    /// Send text messages instead of binary ones
    #[arg(long)]
    pub(super) text: bool,

    /// How long to measure, after a warm-up of half a second
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(super) seconds: Duration,
}

#[derive(Debug, Clone, clap::Args)]
pub(super) struct Idle {
    #[command(flatten)]
    pub(super) server: Server,

    /// How many connections are open at once
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = many())]
    pub(super) connections: u32,

    /// Bytes of payload of the one message
    #[arg(long, value_name = "BYTES", default_value_t = 1024, value_parser = size(0))]
    pub(super) size: u32,

    /// Send a text message instead of a binary one
    #[arg(long)]
    pub(super) text: bool,

    /// How long to hold the connections; until Ctrl-C if it is left out
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(super) hold: Option<Duration>,
}

#[derive(Debug, Clone, clap::Args)]
pub(super) struct Connect {
    #[command(flatten)]
    pub(super) server: Server,

    /// How many connections are being opened or closed at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = many())]
    pub(super) connections: u32,

    /// How long to measure, after a warm-up of half a second
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(super) seconds: Duration,
}

/// What every run needs to know of the server, and how it reports.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Server {
    /// An endpoint: ws://HOST:PORT/PATH or wss://HOST:PORT/PATH. It is connected to directly,
    /// whatever proxies the environment names
    pub(super) url: String,

    /// Compress every message with permessage-deflate, which the server must agree to
    #[arg(long)]
    pub(super) deflate: bool,

    /// Trust the root certificates in this file too, PEM
    #[arg(long, value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,

    /// Trust whatever certificate the server shows
    #[arg(long, conflicts_with = "ca")]
    pub(super) insecure: bool,

    /// How long a connection may take to open, and then a message to come back
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(super) timeout: Duration,

    /// How many threads of this client share the connections
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=1024))]
    pub(super) threads: u32,

    /// Print one JSON object a line instead of tables
    #[arg(long)]
    pub(super) json: bool,
}

fn many() -> impl clap::builder::TypedValueParser<Value = u32> {
    value_parser!(u32).range(1..=1_000_000)
}

fn in_flight() -> impl clap::builder::TypedValueParser<Value = u32> {
    value_parser!(u32).range(1..=65_536)
}

/// Anything up to 1 GiB, payloads of a whole run being kept in memory.
fn size(least: i64) -> impl clap::builder::TypedValueParser<Value = u32> {
    value_parser!(u32).range(least..=1 << 30)
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("not a time greater than 0".to_owned()),
    }
}
