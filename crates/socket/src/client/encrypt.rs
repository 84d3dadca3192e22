//! TLS between the TCP connection and what is spoken over it.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ClientConfig, SignatureScheme};
use tokio_rustls::{TlsConnector, TlsStream};

use crate::countdown::Countdown;
use crate::{ConnectError, Phase, tls};

/// Does the TLS handshake and verifies that the server is `host`, by the program's configuration or the
/// default one.
pub(super) async fn encrypt<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    host: &str,
    config: Option<&Arc<ClientConfig>>,
    countdown: &Countdown,
) -> Result<Box<TlsStream<S>>, ConnectError> {
    let config = config_or_default(config).map_err(ConnectError::Tls)?;
    countdown
        .step(handshake(stream, host, config))
        .await
        .map_err(|_| ConnectError::Timeout(Phase::Tls))?
        .map_err(ConnectError::Tls)
}

/// The same with a proxy, in no time of its own. It is shown no client certificate: that is meant for
/// the server.
pub(super) async fn encrypt_to_proxy<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    host: &str,
    config: Option<&Arc<ClientConfig>>,
) -> io::Result<Box<TlsStream<S>>> {
    let mut config = config_or_default(config)?;
    if config.client_auth_cert_resolver.has_certs() {
        Arc::make_mut(&mut config).client_auth_cert_resolver = Arc::new(NoCertificate);
    }
    handshake(stream, host, config).await
}

async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    host: &str,
    config: Arc<ClientConfig>,
) -> io::Result<Box<TlsStream<S>>> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| fault("the host is neither a DNS name nor an address"))?;
    let stream = TlsConnector::from(config).connect(name, stream).await?;
    match stream.get_ref().1.alpn_protocol() {
        None | Some(tls::ALPN) => Ok(Box::new(stream.into())),
        // The program's configuration offered something else, too.
        Some(_) => Err(fault("the server chose a protocol other than `http/1.1`")),
    }
}

fn config_or_default(config: Option<&Arc<ClientConfig>>) -> io::Result<Arc<ClientConfig>> {
    match config {
        Some(config) => Ok(config.clone()),
        None => tls::default_client_config().map_err(io::Error::other),
    }
}

fn fault(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

/// A client that has no certificate to show.
#[derive(Debug)]
struct NoCertificate;

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
