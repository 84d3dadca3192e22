//! Sends what it is given and prints what comes back.
//! `cargo run --example echo_client -- ws://127.0.0.1:9001 hello`

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;

use everwire::{CloseCode, CloseReason};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let uri = args.next().unwrap_or_else(|| "ws://127.0.0.1:9001".to_owned());
    let said = args.next().unwrap_or_else(|| "hello".to_owned());
    let heard = say(&uri, &said).await?;
    println!("{heard}");
    Ok(())
}

/// Says something to an echo server and waits for the answer.
pub async fn say(uri: &str, text: &str) -> Result<String, Box<dyn Error>> {
    let mut socket = everwire::connect(uri).await?;
    socket.send(text).await?;
    let answer = socket.recv().await.ok_or("the server left without an answer")?;
    let report = socket.close(CloseReason::from_code(CloseCode::NORMAL)?).await;
    if !report.was_clean {
        return Err(report.to_string().into());
    }
    Ok(answer.as_text().ok_or("not text")?.to_owned())
}
