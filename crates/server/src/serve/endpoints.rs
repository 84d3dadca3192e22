//! The endpoints that stay for good: where they are, and how each opens WebSockets.

use bytes::Bytes;
use everwire::{
    Acceptor, Config, Group, Rejection, Shutdown, ShutdownReport, Stream, TextHeartbeat, WebSocket,
};
use everwire_hub::Hub;
use http::{Response, StatusCode};

use super::broadcast::broadcast;
use super::echo::echo;

/// The largest message that a WebSocket of the hub takes, in bytes. The hub's own limit is lower, and
/// one that is above it is answered rather than closed.
const HUB_MAX_MESSAGE: usize = 1 << 20;

/// A path that WebSockets are opened at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Raw(Raw),
    Hub,
}

/// An endpoint without a hub: what is said there is all that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Raw {
    Echo,
    Broadcast,
}

/// All endpoints, and who is there.
#[derive(Clone)]
pub(super) struct Endpoints {
    pub(super) hub: Hub,
    /// Every open WebSocket that is not the hub's, to close them when the server goes down.
    raw: Group,
    /// Those that are connected to `/broadcast`.
    room: Group,
    acceptors: Acceptors,
}

/// How each endpoint opens WebSockets.
#[derive(Debug, Clone)]
struct Acceptors {
    echo: Acceptor,
    broadcast: Acceptor,
    hub: Acceptor,
}

impl Endpoints {
    /// With the rules of `server` for handshakes, and connections that are kept as `config` says.
    pub(super) fn new(server: &Acceptor, config: &Config, hub: Hub) -> Self {
        // What comes back is what was sent, whatever it says.
        let echo = server.clone().config(config.clone());
        // People leave pages open here; a script can only ask in text whether we are alive.
        let mut talk = config.clone();
        talk.text_heartbeat = Some(TextHeartbeat::default());
        let mut small = config.clone();
        small.max_message_size = HUB_MAX_MESSAGE;
        let acceptors = Acceptors {
            echo,
            broadcast: server.clone().config(talk),
            hub: hub.acceptor(server).config(small),
        };
        Self { hub, raw: Group::new(), room: Group::new(), acceptors }
    }

    /// The endpoint at a path, if there is one.
    pub(super) fn at(&self, path: &str) -> Option<Endpoint> {
        match path {
            "/echo" => Some(Endpoint::Raw(Raw::Echo)),
            "/broadcast" => Some(Endpoint::Raw(Raw::Broadcast)),
            _ => self.hub.has_endpoint(path).then_some(Endpoint::Hub),
        }
    }

    pub(super) fn acceptor(&self, endpoint: Endpoint) -> &Acceptor {
        match endpoint {
            Endpoint::Raw(Raw::Echo) => &self.acceptors.echo,
            Endpoint::Raw(Raw::Broadcast) => &self.acceptors.broadcast,
            Endpoint::Hub => &self.acceptors.hub,
        }
    }

    /// Runs a raw endpoint in a task of its own: what the handshake needed is gone by then.
    pub(super) fn start<S: Stream>(&self, endpoint: Raw, socket: WebSocket<S>) {
        match endpoint {
            // The membership ends with the endpoint; dropped where it is, it needs no second place in
            // a future of which there are many.
            Raw::Echo => {
                let membership = self.raw.join(&socket);
                tokio::spawn(async move {
                    echo(socket).await;
                    drop(membership);
                });
            }
            Raw::Broadcast => {
                // Now, and not when the task first runs: the client has been told by then that it is
                // connected, and misses nothing that is said.
                let (membership, in_room) = (self.raw.join(&socket), self.room.join(&socket));
                tokio::spawn(async move {
                    broadcast(socket, in_room).await;
                    drop(membership);
                });
            }
        }
    }

    /// What a handshake is refused with while the server goes down.
    pub(super) fn refusal(&self) -> Option<Rejection> {
        self.raw.refusal()
    }

    /// Closes everyone, as planned.
    pub(super) async fn shut_down(&self, plan: &Shutdown) -> ShutdownReport {
        let (raw, hub) = tokio::join!(self.raw.shut_down(plan), self.hub.shut_down(plan));
        raw.and(&hub)
    }

    /// What a WebSocket to any other path is answered with.
    pub(super) fn none() -> Response<Bytes> {
        let text = "no WebSocket endpoint here: there are /hub, /echo and /broadcast\n";
        let mut response = Response::new(Bytes::from_static(text.as_bytes()));
        *response.status_mut() = StatusCode::NOT_FOUND;
        response
    }
}
