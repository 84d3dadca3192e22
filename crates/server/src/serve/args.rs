//! The flags of `everwire serve`.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use everwire::handshake::OriginPolicy;
use everwire::{Acceptor, Config, HostPolicy, Shutdown};

use super::endpoints::Endpoints;
use super::rooms;

/// Serve the chat page, a hub with rooms, `/echo` and `/broadcast`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDR:PORT", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 8000)))]
    pub(crate) listen: SocketAddr,

    /// Serve https and wss: the certificate chain, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// Serve https and wss: the private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Let pages of this origin connect, besides the server's own; `*` lets any. Repeatable
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) allow_origin: Vec<String>,

    /// A name that this server goes by. A server on a loopback address answers to loopback names
    /// only, so that no web site can reach it through a name of its own (DNS rebinding); this adds
    /// one. Repeatable
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Vec<String>,

    /// After how much silence a client is asked for a sign of life; a proxy must not cut sooner. 0
    /// turns it off
    #[arg(long, value_name = "SECONDS", default_value_t = 25, value_parser = clap::value_parser!(u32).range(..=86_400))]
    pub(crate) heartbeat: u32,

    /// Compress each message with those before it in mind, both ways, for clients that agree to it:
    /// smaller messages, about 400 KiB of memory for each such client
    #[arg(long)]
    pub(crate) deflate_context_takeover: bool,

    /// How long a session of the hub waits for its client to come back
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(..=86_400))]
    pub(crate) resume_timeout: u32,

    /// At SIGTERM or Ctrl-C: over how long the closes are spread, in an order of their own
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u32).range(..=86_400))]
    pub(crate) shutdown_window: u32,

    /// At SIGTERM or Ctrl-C: after how long whoever is still connected is cut off. A second signal
    /// does so at once
    #[arg(long, value_name = "SECONDS", default_value_t = 8, value_parser = clap::value_parser!(u32).range(..=86_400))]
    pub(crate) shutdown_deadline: u32,
}

impl Default for Args {
    fn default() -> Self {
        #[derive(Parser)]
        struct Defaults {
            #[command(flatten)]
            args: Args,
        }
        Defaults::parse_from(["serve"]).args
    }
}

impl Args {
    /// The names that requests may be addressed to.
    pub(crate) fn hosts(&self) -> HostPolicy {
        let policy = match (self.listen.ip().is_loopback(), self.host.is_empty()) {
            (true, _) => HostPolicy::loopback(),
            (false, true) => HostPolicy::any(),
            (false, false) => HostPolicy::none(),
        };
        self.host.iter().fold(policy, |policy, name| policy.and(name))
    }

    /// What WebSockets are opened for; how their handshakes are judged, and connections kept.
    pub(super) fn endpoints(&self) -> Result<Endpoints, Box<dyn Error>> {
        let origin = if self.allow_origin.iter().any(|origin| origin == "*") {
            OriginPolicy::any()
        } else {
            OriginPolicy::allow_list(&self.allow_origin)
                .map_err(|error| format!("--allow-origin: {error}"))?
                .and_same_host()
        };
        let secure = self.tls_cert.is_some();
        let acceptor = Acceptor::new().origin(origin).hosts(self.hosts()).secure(secure);
        let mut config = Config::default();
        config.heartbeat_interval =
            (self.heartbeat > 0).then(|| Duration::from_secs(self.heartbeat.into()));
        if let Some(deflate) = &mut config.deflate {
            deflate.server_no_context_takeover = !self.deflate_context_takeover;
            deflate.client_no_context_takeover = !self.deflate_context_takeover;
        }
        let resume_timeout = Duration::from_secs(self.resume_timeout.into());
        Ok(Endpoints::new(&acceptor, &config, rooms::hub(resume_timeout)))
    }

    /// How the server goes down.
    pub(crate) fn shutdown(&self) -> Shutdown {
        let mut plan = Shutdown::default();
        plan.window = Duration::from_secs(self.shutdown_window.into());
        plan.deadline = Duration::from_secs(self.shutdown_deadline.into());
        plan
    }
}
