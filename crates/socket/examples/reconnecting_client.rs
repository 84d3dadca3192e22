//! Says each line of its input to a server, through restarts and lost networks, and prints what comes
//! back and what became of each line.
//! `cargo run --example reconnecting_client -- ws://127.0.0.1:9001`

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;

use everwire::{Messenger, OutboxLimits, Reconnector, Sessions};
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let uri = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:9001".to_owned());
    let sessions = sessions(&uri);
    let messenger = sessions.messenger();
    tokio::spawn(async move {
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            // Not awaited here: the next line need not wait for the fate of this one.
            let saying = say(messenger.clone(), line.clone());
            tokio::spawn(async move { println!("{line}: {}", saying.await) });
        }
        messenger.close(None);
    });
    stay(sessions, |heard| println!("< {heard}")).await;
    Ok(())
}

/// Up to a hundred lines wait for a connection, each for half a minute.
pub fn sessions(uri: &str) -> Sessions {
    let mut limits = OutboxLimits::default();
    limits.max_messages = 100;
    Reconnector::new(uri).queue(limits).sessions()
}

/// Each turn is a live connection; the loop ends when there will be no other.
pub async fn stay(mut sessions: Sessions, mut hear: impl FnMut(&str)) {
    while let Some(mut session) = sessions.next().await {
        while let Some(message) = session.recv().await {
            hear(message.as_text().unwrap_or("(bytes)"));
        }
    }
    if let Some(ending) = sessions.last_ending() {
        println!("the end: {ending}");
    }
}

/// Sends a line and says what became of it.
pub async fn say(messenger: Messenger, line: String) -> String {
    match messenger.send(line).await {
        Ok(receipt) => receipt.await.to_string(),
        Err(refused) => format!("refused: {refused}"),
    }
}
