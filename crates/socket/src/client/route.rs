//! The way to a server: directly or through a proxy, encrypted or not.

use std::time::Duration;

use everwire_wire::handshake::{HandshakeLimits, Target};

use super::dial;
use super::proxy::{self, Proxies};
use crate::countdown::Countdown;
use crate::stream::{ClientStream, MaybeTls};
use crate::{ConnectError, Phase};

/// How streams to servers are made.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) attempt_delay: Duration,
    pub(super) proxies: Proxies,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<std::sync::Arc<crate::tls::rustls::ClientConfig>>,
}

impl Default for Route {
    fn default() -> Self {
        Self {
            attempt_delay: Duration::from_millis(250),
            proxies: Proxies::default(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl Route {
    /// A stream that ends at the target, encrypted if its URI says so. `limits` are for the answer of
    /// a proxy.
    pub(super) async fn reach(
        &self,
        target: &Target,
        limits: HandshakeLimits,
        countdown: &Countdown,
    ) -> Result<ClientStream, ConnectError> {
        if target.secure() && !cfg!(feature = "tls") {
            return Err(ConnectError::NoTls);
        }
        let stream = match self.proxies.proxy_to(target)? {
            Some(proxy) => proxy::tunnel(self, &proxy, target, limits, countdown).await?,
            None => MaybeTls::Plain(self.connect(target, countdown).await?),
        };
        #[cfg(feature = "tls")]
        if target.secure() {
            return self.encrypt(stream, target, countdown).await;
        }
        Ok(stream)
    }

    async fn connect(
        &self,
        target: &Target,
        countdown: &Countdown,
    ) -> Result<tokio::net::TcpStream, ConnectError> {
        let addresses = countdown
            .step(dial::resolve(target.host(), target.port()))
            .await
            .map_err(|_| ConnectError::Timeout(Phase::Resolve))?
            .map_err(ConnectError::Resolve)?;
        countdown
            .step(dial::dial(addresses, self.attempt_delay))
            .await
            .map_err(|_| ConnectError::Timeout(Phase::Connect))?
            .map_err(ConnectError::Connect)
    }

    #[cfg(feature = "tls")]
    async fn encrypt(
        &self,
        stream: ClientStream,
        target: &Target,
        countdown: &Countdown,
    ) -> Result<ClientStream, ConnectError> {
        use super::encrypt::encrypt;

        let config = self.tls.as_ref();
        Ok(match stream {
            MaybeTls::Plain(stream) => {
                MaybeTls::Tls(encrypt(stream, target.host(), config, countdown).await?)
            }
            MaybeTls::PlainInTls(stream) => {
                MaybeTls::TlsInTls(encrypt(*stream, target.host(), config, countdown).await?)
            }
            encrypted => encrypted,
        })
    }
}
