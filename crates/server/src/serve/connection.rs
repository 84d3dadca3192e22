//! One connection, from its first byte to its endpoint.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use everwire::tls::TlsAcceptor;
use everwire::{Admission, Pending, Stream, Ticket};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::endpoints::{Endpoint, Endpoints, Raw};
use super::shutdown::{self, Phase, Token};

/// How long a kept-alive HTTP connection may take for its next request.
const HTTP_IDLE: Duration = Duration::from_secs(30);

/// What all connections share.
pub(super) struct Server {
    pub(super) endpoints: Endpoints,
    pub(super) admission: Admission,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) page: Router,
    pub(super) phase: watch::Receiver<Phase>,
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
    let acceptor = server.endpoints.acceptor(Endpoint::Raw(Raw::Echo));
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
    let endpoints = &server.endpoints;
    let Some(endpoint) = endpoints.at(pending.request().uri().path()) else {
        return pending.refuse(Endpoints::none()).await;
    };
    if let Some(refusal) = endpoints.refusal() {
        return pending.refuse(refusal).await;
    }
    let pending = pending.with(endpoints.acceptor(endpoint));
    let opened = match endpoint {
        Endpoint::Raw(raw) => pending.accept().await.map(|socket| endpoints.start(raw, socket)),
        Endpoint::Hub => {
            // It asks later what its clients came with.
            let request = pending.request().clone();
            pending.accept().await.map(|socket| {
                tokio::spawn(endpoints.hub.serve(&request, socket));
            })
        }
    };
    if let Err(error) = opened {
        tracing::debug!(%error, "handshake failed");
    }
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
