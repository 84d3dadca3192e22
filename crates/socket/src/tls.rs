//! TLS by rustls, with the ring provider: certificates in, connections out.
//!
//! A client trusts the roots of Mozilla's programme ([`webpki_roots`]) and verifies the host's name or
//! address against the certificate (RFC 9525). Both roles speak TLS 1.2 and 1.3 and negotiate
//! `http/1.1` (ALPN, RFC 7301). Early data is off: what came in it, anybody could send again (RFC
//! 8470), and an opening handshake is no request to repeat.
//!
//! Where that does not fit, make a configuration of [`rustls`] yourself and pass it to
//! [`Connector::tls_config`](crate::Connector::tls_config) or [`TlsAcceptor::from`].

use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

pub use tokio_rustls::{TlsAcceptor, rustls};

/// The protocol that our opening handshake is spoken in (RFC 7301 §6).
pub(crate) const ALPN: &[u8] = b"http/1.1";

/// A server's side of TLS, from a chain of certificates and the private key of the first, as PEM
/// files have them.
///
/// ```no_run
/// # async fn example(stream: tokio::net::TcpStream) -> Result<(), Box<dyn std::error::Error>> {
/// let tls = everwire::tls::acceptor_from_pem(
///     &std::fs::read("cert.pem")?,
///     &std::fs::read("key.pem")?,
/// )?;
/// let websocket = everwire::Acceptor::new().accept_tls(&tls, stream).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// If one of the two is not what it should be, or the key is not the certificate's.
pub fn acceptor_from_pem(certificates: &[u8], key: &[u8]) -> Result<TlsAcceptor, TlsError> {
    let certificates = read_certificates(certificates)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::Key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // RFC 8470 §3: an upgrade is never taken out of early data.
    config.max_early_data_size = 0;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A client's side of TLS that trusts `roots` beside those of Mozilla's programme.
pub(crate) fn client_config(roots: &[CertificateDer<'static>]) -> Result<ClientConfig, TlsError> {
    let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for root in roots {
        store.add(root.clone())?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

/// The same without further roots; made once, so that connections can resume each other's sessions.
pub(crate) fn default_client_config() -> Result<Arc<ClientConfig>, TlsError> {
    static DEFAULT: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = DEFAULT.get() {
        return Ok(config.clone());
    }
    let config = Arc::new(client_config(&[])?);
    Ok(DEFAULT.get_or_init(|| config).clone())
}

/// The certificates of a PEM file, at least one.
pub(crate) fn read_certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(TlsError::Certificate)?;
    if certificates.is_empty() {
        return Err(TlsError::Certificate(pem::Error::NoItemsFound));
    }
    Ok(certificates)
}

/// Certificates or keys that cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// No certificates, or none that can be read.
    Certificate(pem::Error),
    /// No private key, or none that can be read.
    Key(pem::Error),
    /// rustls does not take them: a key that is not the certificate's, or of an unknown kind.
    Rustls(rustls::Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(error) => write!(f, "no certificate: {error}"),
            Self::Key(error) => write!(f, "no private key: {error}"),
            Self::Rustls(error) => write!(f, "certificate or key unusable: {error}"),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Certificate(error) | Self::Key(error) => Some(error),
            Self::Rustls(error) => Some(error),
        }
    }
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self::Rustls(error)
    }
}
