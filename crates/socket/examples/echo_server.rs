//! An echo server. `cargo run --example echo_server -- 127.0.0.1:9001`

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;

use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(&address).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    serve(listener).await;
    Ok(())
}

/// Echoes on every connection that comes.
pub async fn serve(listener: TcpListener) {
    loop {
        let (stream, _) = everwire::next_stream(&listener).await;
        tokio::spawn(async move {
            let Ok(mut socket) = everwire::accept(stream).await else { return };
            while let Some(message) = socket.recv().await {
                if socket.send(message).await.is_err() {
                    break;
                }
            }
        });
    }
}
