//! Live quotes: the server publishes prices, clients hear the symbols that they ask for.
//! `cargo run -p everwire-hub --example quotes -- serve 127.0.0.1:9005`, and beside it
//! `cargo run -p everwire-hub --example quotes -- watch 127.0.0.1:9005 ACME`

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use everwire::{Acceptor, Shutdown};
use everwire_client::{Client, TopicEvent};
use everwire_hub::proto::{ErrorCode, ErrorReply, Payload, SlowPolicy, SubscribeFrom, Topic};
use everwire_hub::{Access, Endpoint, Hub, HubConfig, Session, TopicConfig};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

/// What is published in the topic of a symbol, `quote:ACME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// In cents.
    pub price: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", address] => {
            let (hub, listener) = (hub()?, TcpListener::bind(address).await?);
            tokio::select! {
                () = serve(hub.clone(), listener) => {}
                () = market(&hub, &["ACME", "GLOBEX", "INITECH"]) => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            println!("{}", hub.shut_down(&Shutdown::default()).await);
            Ok(())
        }
        ["watch", address, symbol] => {
            let client = Client::connect(format!("ws://{address}/quotes"));
            watch(&client, symbol, |Quote { price }| println!("{symbol} {price}")).await
        }
        _ => Err("serve ADDRESS, or watch ADDRESS SYMBOL".into()),
    }
}

/// A hub that keeps a minute of quotes. Whoever does not keep up has older ones left out.
pub fn hub() -> Result<Hub, Box<dyn Error>> {
    let mut config = HubConfig::default();
    config.topics = Arc::new(|_| {
        let mut symbol = TopicConfig::default();
        symbol.history.max_age = Duration::from_secs(60);
        symbol.slow = SlowPolicy::Drop;
        symbol
    });
    Ok(Hub::builder().config(config).endpoint("/quotes", Quotes)?.build())
}

/// Everybody may hear quotes, and nobody else may make them.
struct Quotes;

impl Endpoint for Quotes {
    async fn allow(&self, _: &Session, access: Access, topic: &Topic) -> Result<(), ErrorReply> {
        match access {
            Access::Subscribe | Access::History if topic.starts_with("quote:") => Ok(()),
            _ => Err(ErrorReply::new(ErrorCode::Denied, "quotes are for listening")),
        }
    }
}

/// Serves whoever connects.
pub async fn serve(hub: Hub, listener: TcpListener) {
    let acceptor = hub.acceptor(&Acceptor::new());
    loop {
        let (stream, _) = everwire::next_stream(&listener).await;
        let (hub, acceptor) = (hub.clone(), acceptor.clone());
        tokio::spawn(async move { hub.accept(acceptor.read_request(stream).await?).await });
    }
}

/// Makes a price up now and then.
async fn market(hub: &Hub, symbols: &[&str]) {
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    for n in 0.. {
        tick.tick().await;
        let price = 10_000 + n * n % 997;
        if let Err(error) = publish(hub, symbols[n as usize % symbols.len()], Quote { price }).await
        {
            println!("{error}");
        }
    }
}

/// Tells a price to whoever listens.
pub async fn publish(hub: &Hub, symbol: &str, quote: Quote) -> Result<(), Box<dyn Error>> {
    hub.publish(&Topic::new(&format!("quote:{symbol}"))?, Payload::of(&quote)?).await?;
    Ok(())
}

/// Tells what a symbol costs: first what it cost last, then whatever is new.
pub async fn watch(
    client: &Client,
    symbol: &str,
    mut tell: impl FnMut(Quote),
) -> Result<(), Box<dyn Error>> {
    let topic = client.topic(&format!("quote:{symbol}"))?;
    let mut heard = topic.subscribe().from(SubscribeFrom::Last(1)).await?;
    while let Some(event) = heard.next().await {
        match event {
            TopicEvent::Publication(quote) => tell(quote.content().payload.read()?),
            // What was missed is old by now; what counts is the last price.
            TopicEvent::Gap { .. } => {
                for quote in topic.history(None, Some(1)).await?.publications {
                    tell(quote.content.payload.read()?);
                }
            }
            _ => {}
        }
    }
    Ok(())
}
