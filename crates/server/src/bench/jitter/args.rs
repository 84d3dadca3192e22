//! The flags of `everwire bench jitter`.

use std::time::Duration;

use clap::value_parser;

use crate::bench::args::seconds;

#[derive(Debug, Clone, clap::Args)]
pub(in crate::bench) struct Jitter {
    /// A hub: ws://HOST:PORT/PATH. If it is left out, one is run in this process
    pub(super) url: Option<String>,

    /// The topic that is published in, and that every client hears
    #[arg(long, value_name = "TOPIC", default_value = "room:jitter")]
    pub(super) topic: String,

    /// How many clients hear the topic; one more publishes
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = value_parser!(u32).range(1..=10_000))]
    pub(super) clients: u32,

    /// How many messages are published
    #[arg(long, value_name = "N", default_value_t = 120, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(super) messages: u32,

    /// How many messages are published in a second
    #[arg(long, value_name = "N", default_value = "2", value_parser = rate)]
    pub(super) rate: f64,

    /// How often each connection is cut: after half of this to one and a half of it, drawn evenly, by a
    /// reset and by silence in turn
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = seconds)]
    pub(super) cut_every: Duration,

    /// How long a client whose connection is cut is refused, from the cut on
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub(super) refuse: Duration,

    /// Do not cut the connection of the client that publishes
    #[arg(long)]
    pub(super) spare_publisher: bool,

    /// After how much silence clients, and the hub of this process, ask for a sign of life
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = seconds)]
    pub(super) heartbeat: Duration,

    /// How long they wait for it: silence is noticed within both times together
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub(super) heartbeat_timeout: Duration,

    /// How long the hub of this process keeps the session of a client that is away. If it is less than
    /// --refuse, sessions begin anew and topics are recovered from their logs
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds, conflicts_with = "url")]
    pub(super) resume: Duration,

    /// The longest pause of a client before it tries to connect again
    #[arg(long, value_name = "SECONDS", default_value = "0.2", value_parser = seconds)]
    pub(super) retry: Duration,

    /// Within what time 99 % have to be heard, from the call that publishes on
    #[arg(long, value_name = "SECONDS", default_value = "2.5", value_parser = seconds)]
    pub(super) within: Duration,

    /// How long to wait for what is missing at the end, as long as nothing comes
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(super) timeout: Duration,

    /// Draws the cuts: the same again with the same seed. Drawn and told if it is left out
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,

    /// Ways to the hub that fail alike, for so many clients of other programs. Their URLs are printed;
    /// it begins with a line on the standard input, and stays until the input ends
    #[arg(long, value_name = "N", default_value_t = 0, requires = "json", value_parser = value_parser!(u32).range(..=10_000))]
    pub(super) others: u32,

    /// Print one JSON object a line instead of tables
    #[arg(long)]
    pub(super) json: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 10_000.0 => Ok(rate),
        _ => Err("not a number greater than 0 and at most 10,000".to_owned()),
    }
}
