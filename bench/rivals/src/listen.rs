//! Accepts connections, with TLS if asked.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::Ended;
use crate::options::Options;

/// A stream under a WebSocket.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// A server on one of the libraries.
pub(crate) trait Rival: Clone + Send + 'static {
    /// Serves one connection from its first byte to its end.
    fn connection(self, stream: impl Stream) -> impl Future<Output = Ended> + Send;
}

/// Serves for ever; an error is one of listening.
pub(crate) async fn serve(options: &Options, rival: impl Rival) -> Result<(), Box<dyn Error>> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(options.listen.parse()?)?;
    // Long enough for a load that connects faster than one core accepts.
    let listener = socket.listen(4096)?;
    let tls = acceptor(options)?;
    println!("listening on {}", listener.local_addr()?);
    std::io::stdout().flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // Both fastwebsockets and tokio-websockets advise `unconstrained`.
        let task = connection(rival.clone(), stream, tls.clone());
        tokio::spawn(tokio::task::unconstrained(task));
    }
}

async fn connection(rival: impl Rival, stream: TcpStream, tls: Option<TlsAcceptor>) {
    // A connection that fails is the client's business.
    let _ = match tls {
        None => rival.connection(stream).await,
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => rival.connection(stream).await,
            Err(error) => Err(error.into()),
        },
    };
}

/// rustls with the ring provider and its defaults, as in Everwire.
fn acceptor(options: &Options) -> Result<Option<TlsAcceptor>, Box<dyn Error>> {
    let Some((cert, key)) = &options.tls else { return Ok(None) };
    let chain = CertificateDer::pem_slice_iter(&fs::read(cert)?).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(&fs::read(key)?)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Some(Arc::new(config).into()))
}
