//! An echo server over TLS, with a certificate and its key as PEM files.
//! `cargo run --example tls -- 127.0.0.1:9004 cert.pem key.pem`

#![allow(clippy::print_stdout, reason = "it says where it listens")]

use std::error::Error;

use everwire::tls::{self, TlsAcceptor};
use everwire::{Acceptor, Admission};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let [address, certificate, key] = &std::env::args().skip(1).collect::<Vec<_>>()[..] else {
        return Err("usage: tls ADDRESS:PORT CERTIFICATE KEY".into());
    };
    let tls = tls::acceptor_from_pem(&std::fs::read(certificate)?, &std::fs::read(key)?)?;
    let listener = TcpListener::bind(address).await?;
    println!("listening on wss://{}", listener.local_addr()?);
    serve(listener, tls).await;
    Ok(())
}

/// Echoes on every connection that comes, with so many handshakes at once and no more.
pub async fn serve(listener: TcpListener, tls: TlsAcceptor) {
    let admission = Admission::default();
    loop {
        let (stream, peer) = everwire::next_stream(&listener).await;
        let Some(ticket) = admission.enter(peer.ip()) else { continue };
        let tls = tls.clone();
        tokio::spawn(async move {
            let accepted = Acceptor::new().accept_tls(&tls, stream).await;
            drop(ticket);
            let Ok(mut socket) = accepted else { return };
            while let Some(message) = socket.recv().await {
                if socket.send(message).await.is_err() {
                    break;
                }
            }
        });
    }
}
