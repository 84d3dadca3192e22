//! The client that the Autobahn test suite examines: it echoes whatever each case sends.
//!
//! `cargo run --release --example autobahn_client -- ws://127.0.0.1:9001 --agent everwire`

use std::error::Error;

use everwire::{Connector, WebSocket};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let server = args.next().ok_or("usage: autobahn_client URL [--agent NAME]")?;
    let agent = match (args.next().as_deref(), args.next()) {
        (Some("--agent"), Some(agent)) => agent,
        _ => "everwire".to_owned(),
    };
    // The suite asks for windows and context takeover of every kind: take part in all of it.
    let mut config = everwire::Config::default();
    if let Some(deflate) = &mut config.deflate {
        deflate.server_no_context_takeover = false;
        deflate.client_no_context_takeover = false;
    }
    let connector = Connector::new().config(config);

    let mut count = connector.connect(&format!("{server}/getCaseCount")).await?;
    let cases: usize = count.recv().await.and_then(text).ok_or("no case count")?.parse()?;
    for case in 1..=cases {
        let uri = format!("{server}/runCase?case={case}&agent={agent}");
        echo(connector.connect(&uri).await?).await;
    }
    let mut update = connector.connect(&format!("{server}/updateReports?agent={agent}")).await?;
    while update.recv().await.is_some() {}
    Ok(())
}

async fn echo<S: everwire::Stream>(mut socket: WebSocket<S>) {
    while let Some(message) = socket.recv().await {
        if socket.send(message).await.is_err() {
            break;
        }
    }
}

fn text(message: everwire::Message) -> Option<String> {
    message.as_text().map(str::to_owned)
}
