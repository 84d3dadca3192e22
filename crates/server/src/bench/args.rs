//! The flags of `everwire bench`.

use std::path::PathBuf;
use std::time::Duration;

use clap::value_parser;

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
    /// Have one message echoed on each connection, then hold them all idle
    Idle(Idle),
}

#[derive(Debug, Clone, clap::Args)]
pub(super) struct Echo {
    #[command(flatten)]
    pub(super) target: Target,

    /// How many connections are open at once
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = value_parser!(u32).range(1..))]
    pub(super) connections: u32,

    /// Bytes of payload of each message
    #[arg(long, value_name = "BYTES", default_value_t = 20, value_parser = size())]
    pub(super) size: u32,

    /// How many messages each connection has under way: as many leave as have come back
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = value_parser!(u32).range(1..=65_536))]
    pub(super) in_flight: u32,

    /// How long to measure, after a warm-up of half a second
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(super) seconds: Duration,
}

#[derive(Debug, Clone, clap::Args)]
pub(super) struct Idle {
    #[command(flatten)]
    pub(super) target: Target,

    /// How many connections are open at once
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = value_parser!(u32).range(1..))]
    pub(super) connections: u32,

    /// Bytes of payload of the one message
    #[arg(long, value_name = "BYTES", default_value_t = 1024, value_parser = size())]
    pub(super) size: u32,

    /// How long to hold the connections; until Ctrl-C if it is left out
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(super) hold: Option<Duration>,
}

/// What both runs need to know of the server, and how they report.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Target {
    /// An endpoint that echoes: ws://HOST:PORT/PATH or wss://HOST:PORT/PATH
    pub(super) url: String,

    /// Send text messages instead of binary ones
    #[arg(long)]
    pub(super) text: bool,

    /// Compress every message with permessage-deflate, which the server must agree to
    #[arg(long)]
    pub(super) deflate: bool,

    /// Trust the root certificates in this file too, PEM
    #[arg(long, value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,

    /// How long a connection may take to open, and then its first message to come back
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(super) timeout: Duration,

    /// Print one JSON object a line instead of tables
    #[arg(long)]
    pub(super) json: bool,
}

/// Anything up to 1 GiB, payloads of a whole run being kept in memory.
fn size() -> impl clap::builder::TypedValueParser<Value = u32> {
    value_parser!(u32).range(..=1 << 30)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("not a time greater than 0".to_owned()),
    }
}
