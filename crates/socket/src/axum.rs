//! WebSockets in axum.
//!
//! ```
//! use axum::{Router, response::IntoResponse, routing::any};
//! use everwire::axum::Upgrade;
//!
//! async fn echo(upgrade: Upgrade) -> impl IntoResponse {
//!     upgrade.on_open(|mut websocket| async move {
//!         while let Some(message) = websocket.recv().await {
//!             if websocket.send(message).await.is_err() {
//!                 break;
//!             }
//!         }
//!     })
//! }
//!
//! let app: Router = Router::new().route("/echo", any(echo));
//! ```
//!
//! What hyper decides before a handler is called, [`upgrade`] lists.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;

use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::Response;
use http::Request;
use http::request::Parts;

use crate::upgrade::{self, UpgradedStream};
use crate::{Acceptor, WebSocket};

/// A request that asks for a WebSocket, perhaps; an extractor.
///
/// It extracts from any request; whether that may become a WebSocket, [`on_open`](Self::on_open)
/// decides, and answers. Route it with `any`, so that clients with a wrong method are told so.
///
/// The rules are those of the [`Acceptor`] among the request's extensions (put there by
/// `axum::Extension(acceptor)` as a layer), else the default ones. [`acceptor`](Self::acceptor) says
/// otherwise.
#[must_use = "without `on_open` the request is not answered"]
pub struct Upgrade {
    request: Request<()>,
    acceptor: Acceptor,
}

impl Upgrade {
    /// The request.
    pub fn request(&self) -> &Request<()> {
        &self.request
    }

    /// Goes by the rules of this acceptor.
    pub fn acceptor(mut self, acceptor: &Acceptor) -> Self {
        self.acceptor = acceptor.clone();
        self
    }

    /// Whose rules it goes by.
    pub fn rules(&self) -> &Acceptor {
        &self.acceptor
    }

    /// Accepts the request, or refuses it, by the acceptor's rules; the response is for the handler to
    /// return.
    ///
    /// `run` is called in a task of its own once the WebSocket is open. It is not called if the
    /// request is refused or the client has left.
    pub fn on_open<F, R>(mut self, run: F) -> Response
    where
        F: FnOnce(WebSocket<UpgradedStream>) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        match upgrade::accept(&mut self.request, &self.acceptor) {
            Ok((response, upgrading)) => {
                tokio::spawn(async move {
                    match upgrading.await {
                        Ok(websocket) => run(websocket).await,
                        Err(error) => tracing::debug!(%error, "upgrade lost"),
                    }
                });
                response.map(|()| Body::empty())
            }
            Err(rejection) => {
                let (error, response) = rejection.into_parts();
                tracing::debug!(%error, "handshake refused");
                response.map(Body::from)
            }
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Upgrade {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let acceptor = parts.extensions.get::<Acceptor>().cloned().unwrap_or_default();
        Ok(Self { request: Request::from_parts(parts.clone(), ()), acceptor })
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the headers: they carry cookies and tokens.
        f.debug_struct("Upgrade")
            .field("path", &self.request.uri().path())
            .field("acceptor", &self.acceptor)
            .finish()
    }
}
