//! A WebSocket beside ordinary routes of axum.
//! `cargo run --features axum --example axum_integration -- 127.0.0.1:9003`

#![allow(clippy::print_stdout, reason = "it says where it listens")]

use std::error::Error;

use axum::response::IntoResponse;
use axum::routing::{any, get};
use axum::{Extension, Router};
use everwire::Acceptor;
use everwire::axum::Upgrade;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9003".to_owned());
    let listener = TcpListener::bind(&address).await?;
    println!("listening on ws://{}/echo", listener.local_addr()?);
    Ok(axum::serve(listener, app()?).await?)
}

/// A page for people, an endpoint for WebSockets.
pub fn app() -> Result<Router, Box<dyn Error>> {
    // Shared by all endpoints: the subprotocols, the origins, the limits.
    let acceptor = Acceptor::new().subprotocols(["echo"])?;
    Ok(Router::new()
        .route("/", get(async || "connect to /echo"))
        .route("/echo", any(echo))
        .layer(Extension(acceptor)))
}

async fn echo(upgrade: Upgrade) -> impl IntoResponse {
    upgrade.on_open(|mut socket| async move {
        while let Some(message) = socket.recv().await {
            if socket.send(message).await.is_err() {
                break;
            }
        }
    })
}
