//! Our side of the exchanges with other people's WebSocket software: a client that puts a server to
//! one check, and the server that other clients put to the same checks. `cargo xtask peers` runs it;
//! conformance/peers/README.md says what each check is.
//!
//! `cargo run --example interop -- serve` and
//! `cargo run --example interop -- ws://127.0.0.1:PORT messages`

#![allow(clippy::print_stdout, reason = "its output is its result")]

mod client;
mod server;

use std::error::Error;
use std::fs;
use std::io::{self, Write};

use everwire::{Proxy, tls};
use tokio::net::TcpListener;

const USAGE: &str = "usage: interop URI CHECK [--ca FILE] [--proxy URI]
   or: interop serve [--tls-cert FILE --tls-key FILE]";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let mut option = |name| take_option(&mut args, name);
    let (ca, proxy) = (option("--ca"), option("--proxy"));
    let (certificate, key) = (option("--tls-cert"), option("--tls-key"));
    match &args[..] {
        [command] if command == "serve" => {
            let tls = match (certificate, key) {
                (None, None) => None,
                (Some(certificate), Some(key)) => {
                    Some(tls::acceptor_from_pem(&fs::read(certificate)?, &fs::read(key)?)?)
                }
                _ => return Err(USAGE.into()),
            };
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let scheme = if tls.is_some() { "https" } else { "http" };
            println!("listening on {scheme}://{}", listener.local_addr()?);
            io::stdout().flush()?;
            server::serve(listener, tls).await;
        }
        [uri, check] => {
            let ca = ca.map(fs::read).transpose()?;
            let proxy = proxy.map(|proxy| Proxy::parse(&proxy)).transpose()?;
            client::Target::new(uri, ca, proxy).check(check).await?;
            println!("ok");
        }
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

/// Takes `--name VALUE` out of the arguments.
fn take_option(args: &mut Vec<String>, name: &str) -> Option<String> {
    let at = args.iter().position(|arg| arg == name).filter(|at| at + 1 < args.len())?;
    args.drain(at..at + 2).nth(1)
}
