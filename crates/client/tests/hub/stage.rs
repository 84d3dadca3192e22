//! A hub that listens, and clients of it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use everwire::{Acceptor, Config, Connector, RetryPolicy};
use everwire_client::proto::session::Config as SessionConfig;
use everwire_client::proto::{ErrorCode, ErrorReply, Name, Payload, Secret, Topic};
use everwire_client::{Builder, Client, Subscription, TopicEvent};
use everwire_hub::{Access, Endpoint, Hub, HubBuilder, HubConfig, Request, Session};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Lets everybody do everything but in topics that begin with `secret`.
struct Open;

impl Endpoint for Open {
    async fn identify(&self, _: &Request, token: Option<&str>) -> Result<Option<Name>, ErrorReply> {
        Ok(token.map(|token| Name::new(token).unwrap()))
    }

    async fn allow(&self, _: &Session, _: Access, topic: &Topic) -> Result<(), ErrorReply> {
        match topic.starts_with("secret") {
            true => Err(ErrorReply::new(ErrorCode::Denied, "not for you")),
            false => Ok(()),
        }
    }

    async fn on_message(
        &self,
        _: &Session,
        message: Payload,
    ) -> Result<Option<Payload>, ErrorReply> {
        Ok(Some(message))
    }

    async fn on_rpc(
        &self,
        _: &Session,
        method: &str,
        payload: Payload,
    ) -> Result<Payload, ErrorReply> {
        match method {
            "echo" => Ok(payload),
            _ => Err(ErrorReply::new(ErrorCode::NoMethod, "unknown here")),
        }
    }
}

/// A hub and its listener.
pub(crate) struct Stage {
    pub(crate) hub: Hub,
    pub(crate) addr: SocketAddr,
    /// Who takes connections that come.
    door: Arc<Mutex<Hub>>,
    serving: JoinHandle<()>,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut HubConfig)) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), change).await
    }

    pub(crate) async fn at(addr: SocketAddr, change: impl FnOnce(&mut HubConfig)) -> Self {
        let mut config = HubConfig::default();
        change(&mut config);
        Self::of(addr, Hub::builder().config(config)).await
    }

    pub(crate) async fn of(addr: SocketAddr, builder: HubBuilder) -> Self {
        let hub = builder.endpoint("/", Open).unwrap().build();
        let listener = TcpListener::bind(addr).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let door = Arc::new(Mutex::new(hub.clone()));
        let serving = tokio::spawn(serve(door.clone(), listener));
        Self { hub, addr, door, serving }
    }

    /// From now on another hub takes the connections that come. Gives the one that did before.
    pub(crate) fn hand_over(&mut self, builder: HubBuilder) -> Hub {
        let hub = builder.endpoint("/", Open).unwrap().build();
        *self.door.lock().unwrap() = hub.clone();
        std::mem::replace(&mut self.hub, hub)
    }

    /// As if the process was killed; the address stays.
    pub(crate) async fn kill(self) -> SocketAddr {
        self.serving.abort();
        let _ = self.serving.await;
        self.addr
    }

    pub(crate) async fn publish(&self, topic: &str, numbers: std::ops::RangeInclusive<u64>) {
        let topic = Topic::new(topic).unwrap();
        for n in numbers {
            self.hub.publish(&topic, Payload::of(&n).unwrap()).await.unwrap();
        }
    }
}

async fn serve(door: Arc<Mutex<Hub>>, listener: TcpListener) {
    // Connections end with their server.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = everwire::next_stream(&listener).await;
        let hub = door.lock().unwrap().clone();
        connections.spawn(async move {
            let acceptor = hub.acceptor(&Acceptor::new());
            let Ok(pending) = acceptor.read_request(stream).await else { return };
            let _ = hub.accept(pending).await;
        });
    }
}

/// A client that comes back quickly and has a name.
pub(crate) fn client(addr: SocketAddr, name: &str) -> Builder {
    let mut session = SessionConfig::default();
    session.client = Some(Name::new(name).unwrap());
    let mut socket = Config::default();
    socket.heartbeat_interval = Some(Duration::from_millis(200));
    socket.heartbeat_timeout = Duration::from_millis(300);
    let mut policy = RetryPolicy::default();
    policy.min_delay = Duration::from_millis(1);
    policy.max_delay = Duration::from_millis(50);
    let token = Secret::new(name).unwrap();
    Client::builder(format!("ws://{addr}/"))
        .connector(Connector::new().config(socket))
        .policy(policy)
        .config(session)
        .token(move || Some(token.clone()))
}

/// Awaits something that must not hang.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it hangs")
}

/// The next event, which has to come.
pub(crate) async fn next(subscription: &mut Subscription) -> TopicEvent {
    soon(subscription.next()).await.expect("the subscription has ended")
}

/// The next number that was published.
pub(crate) async fn number(subscription: &mut Subscription) -> u64 {
    match next(subscription).await {
        TopicEvent::Publication(publication) => match &publication.content().payload {
            Payload::Json(json) => json.read().unwrap(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}
