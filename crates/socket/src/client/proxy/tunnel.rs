//! Connects to a proxy and has it connect to the server.

use std::io;
use std::net::SocketAddr;

use everwire_wire::handshake::{HandshakeLimits, Target};
use tokio::net::TcpStream;

use super::socks::Destination;
use super::url::Scheme;
use super::{Proxy, ProxyError, ProxyFault, SocksFault, connect, socks};
use crate::client::dial;
use crate::client::route::Route;
use crate::countdown::Countdown;
use crate::stream::{ClientStream, MaybeTls};
use crate::{ConnectError, Phase};

/// A stream that ends at the target's host and port; the proxy sees all that goes over it.
pub(in crate::client) async fn tunnel(
    route: &Route,
    proxy: &Proxy,
    target: &Target,
    limits: HandshakeLimits,
    countdown: &Countdown,
) -> Result<ClientStream, ConnectError> {
    let tunnel = Tunnel { route, proxy, target, limits, countdown };
    let addresses = match proxy.scheme() {
        Scheme::Socks5 => tunnel.resolve_target().await?,
        _ => Vec::new(),
    };
    countdown
        .step(tunnel.open(&addresses))
        .await
        .map_err(|_| ConnectError::Timeout(Phase::Proxy))?
        .map_err(|fault| ConnectError::Proxy(Box::new(ProxyError::new(proxy, fault))))
}

/// One tunnel that is wanted.
struct Tunnel<'a> {
    route: &'a Route,
    proxy: &'a Proxy,
    target: &'a Target,
    limits: HandshakeLimits,
    countdown: &'a Countdown,
}

impl Tunnel<'_> {
    /// For a proxy that is told addresses: the target's.
    async fn resolve_target(&self) -> Result<Vec<SocketAddr>, ConnectError> {
        let addresses = self
            .countdown
            .step(dial::resolve(self.target.host(), self.target.port()))
            .await
            .map_err(|_| ConnectError::Timeout(Phase::Resolve))?
            .map_err(ConnectError::Resolve)?;
        if addresses.is_empty() {
            let error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
            return Err(ConnectError::Resolve(error));
        }
        Ok(addresses)
    }

    async fn open(&self, addresses: &[SocketAddr]) -> Result<ClientStream, ProxyFault> {
        match self.proxy.scheme() {
            Scheme::Http => {
                let mut stream = self.dial().await?;
                self.connect(&mut stream).await?;
                Ok(MaybeTls::Plain(stream))
            }
            #[cfg(feature = "tls")]
            Scheme::Https => self.open_in_tls().await,
            #[cfg(not(feature = "tls"))]
            Scheme::Https => {
                let what = "this program was built without the feature `tls`";
                Err(ProxyFault::Tls(io::Error::new(io::ErrorKind::Unsupported, what)))
            }
            Scheme::Socks5h => {
                let host = self.target.host();
                let to = host.parse().map_or(Destination::Name(host), Destination::Address);
                Ok(MaybeTls::Plain(self.socks(to).await?))
            }
            Scheme::Socks5 => Ok(MaybeTls::Plain(self.socks_to_any(addresses).await?)),
        }
    }

    #[cfg(feature = "tls")]
    async fn open_in_tls(&self) -> Result<ClientStream, ProxyFault> {
        use crate::client::encrypt::encrypt_to_proxy;

        let stream = self.dial().await?;
        let config = self.route.tls.as_ref();
        let mut stream =
            encrypt_to_proxy(stream, self.proxy.host(), config).await.map_err(ProxyFault::Tls)?;
        self.connect(&mut stream).await?;
        Ok(MaybeTls::PlainInTls(stream))
    }

    /// TCP to the proxy.
    async fn dial(&self) -> Result<TcpStream, ProxyFault> {
        let addresses = dial::resolve(self.proxy.host(), self.proxy.port())
            .await
            .map_err(ProxyFault::Resolve)?;
        dial::dial(addresses, self.route.attempt_delay).await.map_err(ProxyFault::Connect)
    }

    /// HTTP CONNECT.
    async fn connect<S>(&self, stream: &mut S) -> Result<(), ProxyFault>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        // §9.3.6: the port is always said.
        let (host, port) = (self.target.host(), self.target.port());
        let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
        let authority = format!("{open}{host}{close}:{port}");
        let credentials = self.proxy.credentials();
        connect::connect(stream, &authority, credentials, self.limits, self.countdown).await
    }

    async fn socks(&self, to: Destination<'_>) -> Result<TcpStream, ProxyFault> {
        let mut stream = self.dial().await?;
        socks::connect(&mut stream, to, self.target.port(), self.proxy.credentials()).await?;
        Ok(stream)
    }

    /// The addresses one after the other, each over a connection of its own, as long as the proxy says
    /// that it did not reach the one before. If it reaches none, the first has the word.
    async fn socks_to_any(&self, addresses: &[SocketAddr]) -> Result<TcpStream, ProxyFault> {
        let mut first = None;
        for address in addresses {
            match self.socks(Destination::Address(address.ip())).await {
                Err(fault @ ProxyFault::Socks(SocksFault::Reply(_))) => {
                    first.get_or_insert(fault);
                }
                result => return result,
            }
        }
        // There is an address, so there is a fault.
        Err(first.unwrap_or(ProxyFault::Closed))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::client::SocksReply;

    /// What three addresses lead to, if a proxy gives these replies, and how many it was asked for.
    async fn tried(replies: &'static [u8]) -> (Result<(), ProxyFault>, usize) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::parse(&format!("socks5://{}", listener.local_addr().unwrap())).unwrap();
        let played = tokio::spawn(async move {
            for (index, reply) in replies.iter().enumerate() {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.read_exact(&mut [0; 3]).await.unwrap();
                stream.write_all(&[5, 0]).await.unwrap();
                let mut request = [0; 10];
                stream.read_exact(&mut request).await.unwrap();
                assert_eq!(usize::from(request[7]), index + 1);
                stream.write_all(&[5, *reply, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
            }
            replies.len()
        });
        let tunnel = Tunnel {
            route: &Route::default(),
            proxy: &proxy,
            target: &"ws://server.example/".parse().unwrap(),
            limits: HandshakeLimits::default(),
            countdown: &Countdown::new(Duration::from_secs(60)),
        };
        let addresses = [1, 2, 3].map(|last| SocketAddr::from(([192, 0, 2, last], 80)));
        let result = tunnel.open(&addresses).await.map(drop);
        (result, played.await.unwrap())
    }

    #[tokio::test]
    async fn an_address_that_the_proxy_does_not_reach_is_followed_by_the_next() {
        let (result, asked) = tried(&[4, 5, 0]).await;
        result.unwrap();
        assert_eq!(asked, 3);
    }

    #[tokio::test]
    async fn if_the_proxy_reaches_none_the_first_address_has_the_word() {
        let (result, _) = tried(&[4, 5, 1]).await;
        let fault = result.unwrap_err();
        let expected = SocksFault::Reply(SocksReply::HostUnreachable);
        assert!(matches!(fault, ProxyFault::Socks(fault) if fault == expected), "{fault:?}");
    }
}
