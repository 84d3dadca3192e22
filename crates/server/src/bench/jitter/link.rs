//! How the run's own clients connect.

use std::net::SocketAddr;
use std::time::Duration;

use everwire::{Connector, RetryPolicy};
use everwire_client::proto::Name;
use everwire_client::proto::session::Config;
use everwire_client::{Builder, Client};
use http::Uri;
use tokio::net::TcpStream;

use super::args::Jitter;
use super::hub::heartbeat;

/// A hub, and the ways to it.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) addr: SocketAddr,
    path: String,
}

impl Target {
    /// The hub at a URL.
    ///
    /// # Errors
    /// If it is none of the form ws://HOST:PORT/PATH, or nobody listens there.
    pub(super) async fn find(url: &str) -> Result<Self, String> {
        let form = || format!("{url}: the URL has the form ws://HOST:PORT/PATH");
        let uri: Uri = url.parse().map_err(|_| form())?;
        let (Some("ws"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(form());
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let place = (authority.host().trim_matches(['[', ']']), authority.port_u16().unwrap_or(80));
        let mut found =
            tokio::net::lookup_host(place).await.map_err(|error| format!("{url}: {error}"))?;
        let addr = found.next().ok_or_else(|| format!("{url}: no such host"))?;
        // A client would try again and again.
        TcpStream::connect(addr)
            .await
            .map_err(|error| format!("{url}: {error}: is a server listening there?"))?;
        Ok(Self { addr, path })
    }

    /// The same by a way that begins there.
    pub(super) fn by(&self, addr: SocketAddr) -> String {
        format!("ws://{addr}{}", self.path)
    }
}

/// A client that notices silence and comes back as the flags say.
pub(super) fn client(args: &Jitter, url: String, name: Option<Name>) -> Builder {
    let mut session = Config::default();
    session.client = name;
    let mut policy = RetryPolicy::default();
    (policy.min_delay, policy.max_delay) = (args.retry, args.retry);
    policy.open_timeout = args.timeout.max(Duration::from_secs(1));
    let connector = Connector::new().config(heartbeat(args)).no_proxy();
    Client::builder(url).connector(connector).policy(policy).config(session)
}
