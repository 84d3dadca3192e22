//! What is under a WebSocket of the load generator: plain TCP or TLS.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use crate::epoll;

/// How long a blocking read or write may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where connections go.
#[derive(Debug, Clone)]
pub struct Dialer {
    host: String,
    path: String,
    subprotocol: Option<&'static str>,
    #[cfg(feature = "tls")]
    tls: Option<tls::Dialer>,
}

impl Dialer {
    /// Prepares for a `ws://host:port/path` address, or a `wss://` one with the certificate `ca`
    /// (PEM) that vouches for the server, or is the server's own.
    ///
    /// # Errors
    ///
    /// When the address is neither, or `ca` is missing or cannot be read.
    pub fn new(url: &str, ca: Option<&str>) -> io::Result<Self> {
        let invalid = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        let (secure, rest) = match (url.strip_prefix("ws://"), url.strip_prefix("wss://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return invalid(&format!("neither ws:// nor wss://: {url}")),
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        #[cfg(not(feature = "tls"))]
        if secure {
            let _ = ca;
            return invalid("wss:// needs the feature `tls`");
        }
        Ok(Self {
            host: host.to_owned(),
            path: format!("/{path}"),
            subprotocol: None,
            #[cfg(feature = "tls")]
            tls: if secure { Some(tls::Dialer::new(host, ca)?) } else { None },
        })
    }

    /// The one subprotocol that is asked for, and has to be agreed to.
    #[must_use]
    pub fn with_subprotocol(self, subprotocol: Option<&'static str>) -> Self {
        Self { subprotocol, ..self }
    }

    /// The subprotocol, if one is asked for.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&'static str> {
        self.subprotocol
    }

    /// Host and port.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path, from its slash.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Opens a connection that blocks, and gives up after ten seconds without progress.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached.
    pub fn dial(&self) -> io::Result<Transport> {
        let stream = prepared(TcpStream::connect(&self.host)?)?;
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return Ok(Transport::Tls(tls.connect(stream)?));
        }
        Ok(Transport::Plain(stream))
    }

    /// As [`dial`](Self::dial), without TLS, from an address of this machine and with room for about
    /// `receive_buffer` bytes that are not read.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, or is not given by its IPv4 address.
    pub fn dial_from(&self, source: Ipv4Addr, receive_buffer: i32) -> io::Result<Transport> {
        let invalid = |_| io::Error::new(io::ErrorKind::InvalidInput, "not an IPv4 address");
        let target = self.host.parse().map_err(invalid)?;
        let stream = epoll::connect_from(source, target, receive_buffer)?;
        Ok(Transport::Plain(prepared(stream)?))
    }
}

fn prepared(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// A connection.
#[derive(Debug)]
pub enum Transport {
    /// TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    #[cfg(feature = "tls")]
    Tls(Box<tls::Stream>),
}

impl Transport {
    /// Whether a read that leaves room in the buffer has taken all there was.
    #[inline]
    #[must_use]
    pub fn reads_all(&self) -> bool {
        // With TLS a read returns a record.
        matches!(self, Self::Plain(_))
    }

    /// Chooses whether reads and writes wait.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.socket().set_nonblocking(nonblocking)
    }

    /// The TCP socket under it.
    #[must_use]
    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => &stream.sock,
        }
    }
}

impl AsRawFd for Transport {
    fn as_raw_fd(&self) -> RawFd {
        self.socket().as_raw_fd()
    }
}

impl Read for Transport {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Transport {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    /// Writes what TLS has encrypted and the socket did not take.
    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            #[cfg(feature = "tls")]
            Self::Tls(stream) if stream.conn.wants_write() => stream.flush(),
            #[cfg(feature = "tls")]
            Self::Tls(_) => Ok(()),
        }
    }
}

/// The client side of TLS, by rustls.
#[cfg(feature = "tls")]
pub mod tls {
    use std::io;
    use std::net::TcpStream;
    use std::sync::Arc;

    use rustls::client::Resumption;
    use rustls::crypto::ring;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

    /// TLS over TCP.
    pub type Stream = StreamOwned<ClientConnection, TcpStream>;

    /// Opens TLS connections to one server, each with a whole handshake.
    #[derive(Debug, Clone)]
    pub(super) struct Dialer {
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    }

    impl Dialer {
        pub(super) fn new(host: &str, ca: Option<&str>) -> io::Result<Self> {
            let other = |error: &dyn std::fmt::Display| io::Error::other(error.to_string());
            let ca = ca.ok_or_else(|| other(&"wss:// needs --ca"))?;
            let mut roots = RootCertStore::empty();
            let certificate = CertificateDer::from_pem_file(ca).map_err(|error| other(&error))?;
            roots.add(certificate).map_err(|error| other(&error))?;
            let mut config =
                ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                    .with_safe_default_protocol_versions()
                    .map_err(|error| other(&error))?
                    .with_root_certificates(roots)
                    .with_no_client_auth();
            config.resumption = Resumption::disabled();
            let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
            let name = ServerName::try_from(name.to_owned()).map_err(|error| other(&error))?;
            Ok(Self { config: Arc::new(config), name })
        }

        pub(super) fn connect(&self, stream: TcpStream) -> io::Result<Box<Stream>> {
            let connection = ClientConnection::new(self.config.clone(), self.name.clone())
                .map_err(io::Error::other)?;
            Ok(Box::new(StreamOwned::new(connection, stream)))
        }
    }
}
