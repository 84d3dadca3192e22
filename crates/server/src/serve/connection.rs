//! One connection, from its first byte to its endpoint.

use std::net::SocketAddr;
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

use super::broadcast::broadcast;
use super::echo::echo;

/// How long a kept-alive HTTP connection may take for its next request.
const HTTP_IDLE: Duration = Duration::from_secs(30);

/// What all connections share.
pub(super) struct Server {
    pub(super) acceptor: Acceptor,
    pub(super) broadcast_acceptor: Acceptor,
    pub(super) admission: Admission,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) page: Router,
    /// Every open WebSocket, to close them when the server goes down.
    pub(super) everyone: Group,
    /// Those that are connected to `/broadcast`.
    pub(super) room: Group,
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

    /// How this endpoint opens WebSockets, given how the server does.
    pub(super) fn acceptor(self, server: &Acceptor) -> Acceptor {
        match self {
            // What comes back is what was sent, whatever it says.
            Self::Echo => server.clone(),
            // People leave pages open here; a script can only ask in text whether we are alive.
            Self::Broadcast => {
                let mut config = Config::default();
                config.text_heartbeat = Some(TextHeartbeat::default());
                server.clone().config(config)
            }
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
                let room = room.clone();
                tokio::spawn(async move {
                    broadcast(socket, room).await;
                    drop(membership);
                })
            }
        };
    }
}

pub(super) async fn serve(server: Arc<Server>, stream: TcpStream, peer: SocketAddr) {
    let Some(ticket) = server.admission.enter(peer.ip()) else {
        return tracing::debug!(%peer, "too many handshakes in flight");
    };
    let _ = stream.set_nodelay(true);
    match &server.tls {
        None => match server.acceptor.read_request(stream).await {
            Ok(pending) => answer(&server, pending, ticket).await,
            Err(error) => tracing::debug!(%peer, %error, "no request"),
        },
        Some(tls) => match server.acceptor.read_request_tls(tls, stream).await {
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
    match Endpoint::of_path(pending.request().uri().path()) {
        Some(endpoint) => {
            let acceptor = match endpoint {
                Endpoint::Echo => &server.acceptor,
                Endpoint::Broadcast => &server.broadcast_acceptor,
            };
            match pending.with(acceptor).accept().await {
                Ok(socket) => endpoint.start(socket, &server.everyone, &server.room),
                Err(error) => tracing::debug!(%error, "handshake failed"),
            }
        }
        None => pending.refuse(no_endpoint()).await,
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
    if let Err(error) = connection.await {
        tracing::debug!(%error, "HTTP connection failed");
    }
}
