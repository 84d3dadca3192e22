//! TLS between the TCP connection and the opening handshake.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::countdown::Countdown;
use crate::stream::{ClientStream, MaybeTls};
use crate::{ConnectError, Phase, tls};

/// Does the TLS handshake and verifies that the server is `host`, by the program's configuration or the
/// default one.
pub(super) async fn encrypt(
    stream: TcpStream,
    host: &str,
    config: Option<&Arc<ClientConfig>>,
    countdown: &Countdown,
) -> Result<ClientStream, ConnectError> {
    let config = match config {
        Some(config) => config.clone(),
        None => tls::default_client_config()
            .map_err(|error| ConnectError::Tls(io::Error::other(error)))?,
    };
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| fault("the host is neither a DNS name nor an address"))?;
    let stream = countdown
        .step(TlsConnector::from(config).connect(name, stream))
        .await
        .map_err(|_| ConnectError::Timeout(Phase::Tls))?
        .map_err(ConnectError::Tls)?;
    match stream.get_ref().1.alpn_protocol() {
        None | Some(tls::ALPN) => Ok(MaybeTls::Tls(Box::new(stream.into()))),
        // The program's configuration offered something else, too.
        Some(_) => Err(fault("the server chose a protocol other than `http/1.1`")),
    }
}

fn fault(what: &'static str) -> ConnectError {
    ConnectError::Tls(io::Error::new(io::ErrorKind::InvalidInput, what))
}
