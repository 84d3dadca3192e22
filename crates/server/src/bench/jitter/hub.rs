//! A hub in this process, for runs that name none.

use std::net::{Ipv4Addr, SocketAddr};

use everwire::{AcceptError, Acceptor, Config};
use everwire_client::proto::{ErrorReply, Topic};
use everwire_hub::{Access, Endpoint, Hub, HubConfig, Session};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::args::Jitter;

/// Where it is.
const PATH: &str = "/hub";

/// A hub that lets everybody do everything. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct OwnHub {
    addr: SocketAddr,
    serving: JoinHandle<()>,
}

struct Open;

impl Endpoint for Open {
    async fn allow(&self, _: &Session, _: Access, _: &Topic) -> Result<(), ErrorReply> {
        Ok(())
    }
}

impl OwnHub {
    pub(super) async fn start(args: &Jitter) -> std::io::Result<Self> {
        let mut config = HubConfig::default();
        // This is what clients go by that cannot send pings, as those of browsers.
        config.heartbeat_interval = args.heartbeat;
        config.heartbeat_timeout = args.heartbeat_timeout;
        config.resume_timeout = args.resume;
        let hub = Hub::builder().config(config).endpoint(PATH, Open).expect("it is a path").build();
        let acceptor = hub.acceptor(&Acceptor::new().config(heartbeat(args)));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        Ok(Self { addr, serving: tokio::spawn(serve(hub, acceptor, listener)) })
    }

    pub(super) fn url(&self) -> String {
        format!("ws://{}{PATH}", self.addr)
    }
}

impl Drop for OwnHub {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A connection on which silence is noticed as the flags say.
pub(super) fn heartbeat(args: &Jitter) -> Config {
    let mut config = Config::default();
    config.heartbeat_interval = Some(args.heartbeat);
    config.heartbeat_timeout = args.heartbeat_timeout;
    config
}

async fn serve(hub: Hub, acceptor: Acceptor, listener: TcpListener) {
    let mut connections: JoinSet<Result<(), AcceptError>> = JoinSet::new();
    loop {
        tokio::select! {
            (stream, _) = everwire::next_stream(&listener) => {
                let (hub, acceptor) = (hub.clone(), acceptor.clone());
                // One that fails was cut.
                connections.spawn(async move { hub.accept(acceptor.read_request(stream).await?).await });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
