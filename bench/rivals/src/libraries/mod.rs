//! A module for each library, and what those on hyper share.

mod fastwebsockets;
mod sockudo_ws;
mod tokio_tungstenite;
mod tokio_websockets;
mod yawc;

use std::convert::Infallible;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

pub(crate) use self::fastwebsockets::FastWebSockets;
pub(crate) use self::sockudo_ws::SockudoWs;
pub(crate) use self::tokio_tungstenite::TokioTungstenite;
pub(crate) use self::tokio_websockets::TokioWebSockets;
pub(crate) use self::yawc::Yawc;
use crate::Ended;
use crate::listen::Stream;

/// The path of the other endpoint; every other one echoes.
const BROADCAST: &str = "/broadcast";

/// Lets hyper read the request and `upgrade` answer it; refuses what is no upgrade.
async fn over_hyper<E>(
    stream: impl Stream,
    upgrade: impl Fn(Request<Incoming>) -> Result<Response<Empty<Bytes>>, E>,
) -> Ended {
    let service = service_fn(|request| {
        let response = upgrade(request).unwrap_or_else(|_| {
            let mut response = Response::new(Empty::new());
            *response.status_mut() = StatusCode::BAD_REQUEST;
            response
        });
        async { Ok::<_, Infallible>(response) }
    });
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await?;
    Ok(())
}
