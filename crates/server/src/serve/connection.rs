//! One connection, from its first byte to its endpoint.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use everwire::tls::TlsAcceptor;
use everwire::{
    Acceptor, Admission, Config, Group, Pending, Stream, TextHeartbeat, Ticket, WebSocket,
};
use http::{Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::broadcast::broadcast;
use super::echo::echo;
use super::shutdown::{self, Phase, Token};

/// How long a kept-alive HTTP connection may take for its next request.
const HTTP_IDLE: Duration = Duration::from_secs(30);

/// What all connections share.
pub(super) struct Server {
    pub(super) acceptors: Acceptors,
    pub(super) admission: Admission,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) page: Router,
    /// Every open WebSocket, to close them when the server goes down.
    pub(super) everyone: Group,
    /// Those that are connected to `/broadcast`.
    pub(super) room: Group,
    pub(super) phase: watch::Receiver<Phase>,
}

/// How each endpoint opens WebSockets.
#[derive(Debug)]
pub(super) struct Acceptors {
    echo: Acceptor,
    broadcast: Acceptor,
}

impl Acceptors {
    pub(super) fn new(server: &Acceptor, config: &Config) -> Self {
        // What comes back is what was sent, whatever it says.
        let echo = server.clone().config(config.clone());
        // People leave pages open here; a script can only ask in text whether we are alive.
        let mut config = config.clone();
        config.text_heartbeat = Some(TextHeartbeat::default());
        Self { echo, broadcast: server.clone().config(config) }
    }

    pub(super) fn of(&self, endpoint: Endpoint) -> &Acceptor {
        match endpoint {
            Endpoint::Echo => &self.echo,
            Endpoint::Broadcast => &self.broadcast,
        }
    }
}

/// The endpoints that stay for good.
#[derive(Debug, Clone, Copy)]
pub(super) enum Endpoint {
    Echo,
    Broadcast,
}

impl Endpoint {
    pub(super) fn of_path(path: &str) -> Option<Self> {
        match path {
            "/echo" => Some(Self::Echo),
            "/broadcast" => Some(Self::Broadcast),
            _ => None,
        }
    }

    /// Runs the endpoint in a task of its own: what the handshake needed is gone by then.
    pub(super) fn start<S: Stream>(self, socket: WebSocket<S>, everyone: &Group, room: &Group) {
        let membership = everyone.join(&socket);
        match self {
            // The membership ends with the endpoint; dropped where it is, it needs no second place in
            // a future of which there are many.
            Self::Echo => tokio::spawn(async move {
                echo(socket).await;
                drop(membership);
            }),
            Self::Broadcast => {
                // Now, and not when the task first runs: the client has been told by then that it is
                // connected, and misses nothing that is said.
                let in_room = room.join(&socket);
                tokio::spawn(async move {
                    broadcast(socket, in_room).await;
                    drop(membership);
                })
            }
        };
    }
}

/// Serves a connection until it is an endpoint's, or over; until then it holds the token.
pub(super) async fn serve(
    server: Arc<Server>,
    stream: TcpStream,
    peer: SocketAddr,
    _under_way: Token,
) {
    let Some(ticket) = server.admission.enter(peer.ip()) else {
        return tracing::debug!(%peer, "too many handshakes in flight");
    };
    let _ = stream.set_nodelay(true);
    // Which endpoint it is for, the request has to say first.
    let acceptor = server.acceptors.of(Endpoint::Echo);
    match &server.tls {
        None => match acceptor.read_request(stream).await {
            Ok(pending) => answer(&server, pending, ticket).await,
            Err(error) => tracing::debug!(%peer, %error, "no request"),
        },
        Some(tls) => match acceptor.read_request_tls(tls, stream).await {
            Ok(pending) => answer(&server, pending, ticket).await,
            Err(error) => tracing::debug!(%peer, %error, "no request"),
        },
    }
}

async fn answer<S: Stream>(server: &Server, pending: Pending<S>, ticket: Ticket) {
    if !pending.is_upgrade() {
        drop(ticket);
        return serve_http(server, pending).await;
    }
    let Some(endpoint) = Endpoint::of_path(pending.request().uri().path()) else {
        return pending.refuse(no_endpoint()).await;
    };
    if let Some(refusal) = server.everyone.refusal() {
        return pending.refuse(refusal).await;
    }
    match pending.with(server.acceptors.of(endpoint)).accept().await {
        Ok(socket) => endpoint.start(socket, &server.everyone, &server.room),
        Err(error) => tracing::debug!(%error, "handshake failed"),
    }
}

/// What a WebSocket to any other path is answered with.
pub(super) fn no_endpoint() -> Response<Bytes> {
    let text = "no WebSocket endpoint here: there are /echo and /broadcast\n";
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// Anything that is not a WebSocket, and WebSockets that come later on the same connection.
async fn serve_http<S: Stream>(server: &Server, pending: Pending<S>) {
    let service = TowerToHyperService::new(server.page.clone());
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HTTP_IDLE)
        .serve_connection(TokioIo::new(pending.into_replay()), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let mut phase = server.phase.clone();
    let result = tokio::select! {
        biased;
        result = connection.as_mut() => result,
        () = shutdown::reached(&mut phase, Phase::Leaving) => {
            // The request that is being answered is the last.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "HTTP connection failed");
    }
}
