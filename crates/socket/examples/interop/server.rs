//! The server that other people's clients put to the checks. Each path is a habit:
//!
//! - `/echo` sends back every message, `/fragments` does so in fragments.
//! - `/ping` pings, and says when the pong has come.
//! - `/close` closes.
//! - `/farewell` is `/echo`, and `/seen` says how the client closed there.
//! - `/heartbeat` is `/echo` with a ping after 2 s of silence, `/silent` is without any.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use everwire::tls::TlsAcceptor;
use everwire::{
    Acceptor, CloseCode, CloseReason, Config, Pending, Rejection, Stream, WebSocket,
    http::StatusCode, next_stream,
};
use tokio::net::TcpListener;
use tokio::sync::watch;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Accepts until the process is stopped, and says what went wrong.
pub(crate) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>) {
    let seen = Arc::new(watch::Sender::new(None));
    loop {
        let (stream, _) = next_stream(&listener).await;
        let (tls, seen) = (tls.clone(), seen.clone());
        tokio::spawn(async move {
            let connection = async {
                match tls {
                    None => answer(Acceptor::new().read_request(stream).await?, &seen).await,
                    Some(tls) => {
                        answer(Acceptor::new().read_request_tls(&tls, stream).await?, &seen).await
                    }
                }
            };
            if let Err(error) = connection.await {
                println!("{error}");
            }
        });
    }
}

/// What the last client of `/farewell` closed with, once it has.
type Seen = watch::Sender<Option<String>>;

async fn answer<S: Stream>(pending: Pending<S>, seen: &Seen) -> Outcome {
    let path = pending.request().uri().path().to_owned();
    let pending = pending.with(&acceptor(&path)?);
    match path.as_str() {
        "/echo" | "/heartbeat" | "/silent" => echo(&mut pending.accept().await?).await,
        "/fragments" => fragments(pending.accept().await?).await,
        "/ping" => ping(pending.accept().await?).await,
        "/close" => close(pending.accept().await?).await,
        "/farewell" => farewell(pending.accept().await?, seen).await,
        "/seen" => tell(pending.accept().await?, seen).await,
        _ => {
            pending.refuse(Rejection::new(StatusCode::NOT_FOUND, "no such path\n")).await;
            Err(format!("no path {path}").into())
        }
    }
}

fn acceptor(path: &str) -> Outcome<Acceptor> {
    let mut config = Config::default();
    if let Some(deflate) = &mut config.deflate {
        // Whoever does not want context takeover says so.
        deflate.server_no_context_takeover = false;
        deflate.client_no_context_takeover = false;
    }
    config.heartbeat_interval = match path {
        "/ping" => Some(Duration::from_millis(100)),
        "/heartbeat" => Some(Duration::from_secs(2)),
        "/silent" => None,
        _ => config.heartbeat_interval,
    };
    Ok(Acceptor::new().config(config).subprotocols(["chat.v2", "chat.v1"])?)
}

async fn echo<S: Stream>(socket: &mut WebSocket<S>) -> Outcome {
    while let Some(message) = socket.recv().await {
        socket.send(message).await?;
    }
    Ok(())
}

async fn fragments<S: Stream>(mut socket: WebSocket<S>) -> Outcome {
    while let Some(message) = socket.recv().await {
        let mut writer = socket.start_message(message.kind()).await?;
        let third = (message.len() / 3).max(1);
        for fragment in message.as_bytes().chunks(third) {
            writer.piece(fragment).await?;
        }
        writer.finish().await?;
    }
    Ok(())
}

/// The ping is a heartbeat: its round trip is known once the pong has come.
async fn ping<S: Stream>(mut socket: WebSocket<S>) -> Outcome {
    while socket.round_trip().is_none() {
        let wait = tokio::time::timeout(Duration::from_millis(20), socket.recv());
        if wait.await.is_ok() {
            return Err("the client of /ping says something or leaves".into());
        }
    }
    socket.send("pong: are you there").await?;
    echo(&mut socket).await
}

async fn close<S: Stream>(mut socket: WebSocket<S>) -> Outcome {
    let reason = CloseReason::new(CloseCode::try_from(4001)?, "enough of that, tschüß")?;
    let report = socket.close(reason).await;
    if report.was_clean { Ok(()) } else { Err(report.to_string().into()) }
}

async fn farewell<S: Stream>(mut socket: WebSocket<S>, seen: &Seen) -> Outcome {
    seen.send_replace(None);
    echo(&mut socket).await?;
    let report = socket.close_report().ok_or("no report of the end")?;
    seen.send_replace(Some(format!("{} {}", report.code.get(), report.reason)));
    Ok(())
}

async fn tell<S: Stream>(mut socket: WebSocket<S>, seen: &Seen) -> Outcome {
    let seen = seen.subscribe().wait_for(Option::is_some).await?.clone();
    socket.send(seen.unwrap_or_default()).await?;
    echo(&mut socket).await
}
