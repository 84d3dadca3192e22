//! A chat with rooms, in an axum program: who is there, what was said, and nothing lost over a break.
//! `cargo run -p everwire-hub --features axum --example chat -- 127.0.0.1:9004`, then open /?name=ada#lobby and
//! /?name=bob#lobby.

#![allow(clippy::print_stdout, reason = "it says where it listens")]

use std::error::Error;
use std::path::{Component, Path};
use std::sync::Arc;

use axum::Router;
use axum::extract::{self, State};
use axum::response::{Html, IntoResponse};
use axum::routing::{any, get};
use everwire::axum::Upgrade;
use everwire_hub::proto::{ErrorCode, ErrorReply, Name, Topic};
use everwire_hub::{Access, Endpoint, Hub, HubConfig, Request, Session, TopicConfig};
use http::{StatusCode, header};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9004".to_owned());
    let listener = TcpListener::bind(&address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app(hub()?)).await?)
}

/// The page, and the hub at `/chat`.
pub fn app(hub: Hub) -> Router {
    Router::new()
        .route("/", get(async || Html(include_str!("page.html"))))
        .route("/everwire/{*path}", get(module))
        .route("/chat", any(async |State(hub): State<Hub>, upgrade: Upgrade| hub.upgrade(upgrade)))
        .with_state(hub)
}

/// A hub in which every room is a topic whose members are known.
pub fn hub() -> Result<Hub, Box<dyn Error>> {
    let mut config = HubConfig::default();
    config.topics = Arc::new(|_| {
        let mut room = TopicConfig::default();
        room.presence = true;
        room
    });
    Ok(Hub::builder().config(config).endpoint("/chat", Chat)?.build())
}

/// Whoever has a name may go into every room.
struct Chat;

impl Endpoint for Chat {
    // The name is believed here; an application asks who a token was given to.
    async fn identify(&self, _: &Request, token: Option<&str>) -> Result<Option<Name>, ErrorReply> {
        match token.map(Name::new) {
            Some(Ok(name)) => Ok(Some(name)),
            _ => Err(ErrorReply::new(ErrorCode::Unauthorized, "say who you are")),
        }
    }

    async fn allow(&self, _: &Session, _: Access, topic: &Topic) -> Result<(), ErrorReply> {
        match topic.starts_with("room:") {
            true => Ok(()),
            false => Err(ErrorReply::new(ErrorCode::Denied, "there are only rooms here")),
        }
    }
}

/// A module of the client for browsers, from this repository; an application has it from its bundler.
async fn module(extract::Path(path): extract::Path<String>) -> impl IntoResponse {
    let path = Path::new(&path);
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(StatusCode::NOT_FOUND);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../clients/js/src");
    let text = tokio::fs::read_to_string(root.join(path)).await;
    text.map(|text| ([(header::CONTENT_TYPE, "text/javascript")], text))
        .map_err(|_| StatusCode::NOT_FOUND)
}
