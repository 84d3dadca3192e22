//! A chat room: what one says, all hear. `cargo run --example chat -- 127.0.0.1:9002`

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;

use everwire::{Group, Text};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9002".to_owned());
    let listener = TcpListener::bind(&address).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    serve(listener).await;
    Ok(())
}

/// One room for everyone who connects; the number of a visitor goes before what it says.
pub async fn serve(listener: TcpListener) {
    let room = Group::new();
    for visitor in 1.. {
        let (stream, _) = everwire::next_stream(&listener).await;
        let room = room.clone();
        tokio::spawn(async move {
            let Ok(mut socket) = everwire::accept(stream).await else { return };
            let _membership = room.join(&socket);
            room.send(Text::from(format!("visitor {visitor} came")));
            while let Some(message) = socket.recv().await {
                let Some(said) = message.as_text() else { continue };
                room.send(Text::from(format!("visitor {visitor}: {said}")));
            }
            room.send(Text::from(format!("visitor {visitor} left")));
        });
    }
}
