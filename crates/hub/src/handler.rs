//! What is bound to a path: an endpoint with sessions, or a function over the bare WebSocket.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::endpoint::AnyEndpoint;
use crate::session::Request;
use crate::socket::Socket;

/// What is bound to a path.
#[derive(Clone)]
pub(crate) enum Bound {
    Endpoint(Arc<dyn AnyEndpoint>),
    Handler(Arc<dyn Handler>),
}

/// A function that has a WebSocket from its beginning to its end.
pub(crate) trait Handler: Send + Sync + 'static {
    fn handle(&self, request: Request, socket: Socket) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

impl<F, R> Handler for F
where
    F: Fn(Request, Socket) -> R + Send + Sync + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    fn handle(&self, request: Request, socket: Socket) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self(request, socket))
    }
}
