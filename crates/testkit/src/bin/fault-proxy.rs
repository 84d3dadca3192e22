//! A proxy that fails on command, for tests in other languages.
//!
//! `fault-proxy --to 127.0.0.1:PORT` prints `listening on 127.0.0.1:PORT` and then, for every line
//! of its standard input that is a [`Command`], one line: `ok`, what was asked for in JSON, or
//! `error: ` and why. It ends with its input.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;

use everwire_testkit::FaultProxy;
use everwire_testkit::fault::{BadCommand, Command};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

const USAGE: &str = "usage: fault-proxy --to ADDR:PORT";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let proxy = FaultProxy::start(server()?).await?;
    say(&format!("listening on {}", proxy.addr()))?;
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        match obey(&proxy, &line).await {
            Ok(answer) => say(&answer)?,
            Err(bad) => say(&format!("error: {bad}"))?,
        }
    }
    Ok(())
}

fn server() -> Result<SocketAddr, Box<dyn Error>> {
    let mut args = env::args().skip(1);
    match (args.next().as_deref(), args.next(), args.next()) {
        (Some("--to"), Some(addr), None) => {
            addr.parse().map_err(|error| format!("`{addr}`: {error}; {USAGE}").into())
        }
        _ => Err(USAGE.into()),
    }
}

async fn obey(proxy: &FaultProxy, line: &str) -> Result<String, BadCommand> {
    line.parse::<Command>()?.run(proxy).await
}

/// A line at once: whoever started us waits for it.
fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
