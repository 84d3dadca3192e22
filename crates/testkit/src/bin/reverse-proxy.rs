//! A real reverse proxy in front of a server, for tests in other languages.
//!
//! `reverse-proxy nginx 127.0.0.1:PORT 5` prints `listening on 127.0.0.1:PORT`, cuts what is silent
//! for 5 s, and runs until it is asked to stop by SIGTERM.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use everwire_testkit::{ProxyKind, ReverseProxy};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: reverse-proxy nginx|haproxy|apache ADDR:PORT SECONDS";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let [kind, server, idle] = &env::args().skip(1).collect::<Vec<_>>()[..] else {
        return Err(USAGE.into());
    };
    let kind = match kind.as_str() {
        "nginx" => ProxyKind::Nginx,
        "haproxy" => ProxyKind::Haproxy,
        "apache" => ProxyKind::Apache,
        _ => return Err(USAGE.into()),
    };
    let mut stop = signal(SignalKind::terminate())?;
    let proxy = ReverseProxy::start(kind, server.parse()?, Duration::from_secs(idle.parse()?));
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {}", proxy.address)?;
    out.flush()?;
    stop.recv().await;
    Ok(())
}
