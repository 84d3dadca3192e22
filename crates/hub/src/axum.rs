//! A hub in an axum program.

use axum_core::body::Body;
use axum_core::response::Response;
use everwire::axum::Upgrade;
use http::Request;

use crate::hub::Hub;

impl Hub {
    /// Answers a request that axum got, and serves the WebSocket that it becomes; the response is for the
    /// handler to return. Route it with `any`, at the paths that the hub has endpoints for.
    ///
    /// The rules are those of the [`Upgrade`], with the hub's language.
    ///
    /// ```
    /// use axum::{Router, extract::State, routing::any};
    /// use everwire::axum::Upgrade;
    /// use everwire_hub::{Endpoint, Hub};
    ///
    /// struct Chat;
    /// impl Endpoint for Chat {}
    ///
    /// let hub = Hub::builder().endpoint("/chat", Chat)?.build();
    /// let app: Router = Router::new()
    ///     .route("/chat", any(async |State(hub): State<Hub>, upgrade: Upgrade| hub.upgrade(upgrade)))
    ///     .with_state(hub);
    /// # Ok::<(), everwire_hub::InvalidPath>(())
    /// ```
    pub fn upgrade(&self, upgrade: Upgrade) -> Response {
        if let Some(refusal) = self.refusal() {
            let (_, response) = refusal.into_parts();
            return response.map(Body::from);
        }
        let acceptor = self.acceptor(upgrade.rules());
        // Without what hyper needs to hand the connection over, which is not to be kept.
        let mut request = Request::new(());
        *request.uri_mut() = upgrade.request().uri().clone();
        *request.headers_mut() = upgrade.request().headers().clone();
        let hub = self.clone();
        upgrade.acceptor(&acceptor).on_open(async move |socket| hub.serve(&request, socket).await)
    }
}
