//! `wss` through a proxy, and a proxy that is `https`.

use std::net::SocketAddr;
use std::time::Duration;

use everwire::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use everwire::tls::rustls::server::WebPkiClientVerifier;
use everwire::tls::rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::ring};
use everwire::tls::{TlsAcceptor, acceptor_from_pem};
use everwire::{Acceptor, ConnectError, Connector, MaybeTls, Phase, Proxy, ProxyFault};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::opening::read_head;
use crate::played::{carry, converse, echo, echo_once, hear, play, proxy_error, see_off};

/// A certificate, made on the spot.
pub(crate) struct Certificate {
    pem: String,
    key: rcgen::KeyPair,
    der: CertificateDer<'static>,
}

impl Certificate {
    pub(crate) fn of(names: &[&str]) -> Self {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        Self { pem: made.cert.pem(), der: made.cert.der().clone(), key: made.signing_key }
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        acceptor_from_pem(self.pem.as_bytes(), self.key.serialize_pem().as_bytes()).unwrap()
    }

    pub(crate) fn trusted_by(&self, connector: Connector) -> Connector {
        connector.root_certificates_pem(self.pem.as_bytes()).unwrap()
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }
}

/// A WebSocket server over TLS that echoes to one client.
pub(crate) async fn secure_echo_once(tls: TlsAcceptor) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = everwire::next_stream(&listener).await;
        echo(Acceptor::new().accept_tls(&tls, stream).await.unwrap()).await;
    });
    (address, server)
}

#[tokio::test]
async fn wss_goes_through_a_tunnel_and_the_server_is_verified_by_its_name() {
    for scheme in ["http://", "socks5h://"] {
        let certificate = Certificate::of(&["server.example"]);
        let (server, served) = secure_echo_once(certificate.acceptor()).await;
        let proxy = play(async move |mut stream: TcpStream| {
            if scheme == "http://" {
                let head = read_head(&mut stream).await;
                assert!(head.starts_with("CONNECT server.example:443 "), "{head}");
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            } else {
                hear(&mut stream, 3).await;
                stream.write_all(&[5, 0]).await.unwrap();
                assert!(hear(&mut stream, 21).await.ends_with(b"server.example\x01\xbb"));
                stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
            }
            carry(stream, server).await;
        })
        .await;
        let connector = certificate.trusted_by(proxy.connector(scheme));
        let opened = connector.open("wss://server.example/").await.unwrap();
        converse(opened.websocket).await;
        served.await.unwrap();
        proxy.end().await;
    }
}

#[tokio::test]
async fn a_server_behind_a_proxy_that_is_another_is_refused() {
    let certificate = Certificate::of(&["other.example"]);
    let tls = certificate.acceptor();
    let proxy = play(async move |mut stream: TcpStream| {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        tls.accept(stream).await.map(drop).unwrap_err();
    })
    .await;
    let connector = certificate.trusted_by(proxy.connector("http://"));
    let error = connector.connect("wss://server.example/").await.unwrap_err();
    assert!(matches!(error, ConnectError::Tls(_)), "{error:?}");
    proxy.end().await;
}

#[tokio::test]
async fn a_server_behind_a_proxy_that_is_silent_is_given_up_in_the_phase_it_is_silent_in() {
    for (scheme, expected) in [("ws", Phase::Handshake), ("wss", Phase::Tls)] {
        let proxy = play(async |mut stream: TcpStream| {
            read_head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            see_off(stream).await;
        })
        .await;
        let connector = proxy.connector("http://").open_timeout(Duration::from_secs(1));
        let error = connector.connect(&format!("{scheme}://server.example/")).await.unwrap_err();
        assert!(matches!(error, ConnectError::Timeout(phase) if phase == expected), "{error:?}");
        proxy.end().await;
    }
}

/// A connector through a proxy at `address` that is `https`.
fn through(address: SocketAddr, certificate: &Certificate) -> Connector {
    let url = format!("https://user:pass@localhost:{}", address.port());
    certificate.trusted_by(Connector::new().proxy(Proxy::parse(&url).unwrap()))
}

#[tokio::test]
async fn a_proxy_can_be_spoken_to_over_tls() {
    let certificate = Certificate::of(&["localhost"]);
    let (server, served) = echo_once().await;
    let tls = certificate.acceptor();
    let proxy = play(async move |stream: TcpStream| {
        let mut stream = tls.accept(stream).await.unwrap();
        let head = read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        stream.flush().await.unwrap();
        carry(stream, server).await;
        head
    })
    .await;
    let connector = through(proxy.address, &certificate);
    let websocket = connector.connect("ws://server.example/").await.unwrap();
    converse(websocket).await;
    served.await.unwrap();
    let head = proxy.end().await;
    assert!(head.contains("\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n"), "{head}");
}

#[tokio::test]
async fn wss_goes_through_a_proxy_over_tls() {
    let certificate = Certificate::of(&["localhost", "server.example"]);
    let (server, served) = secure_echo_once(certificate.acceptor()).await;
    let tls = certificate.acceptor();
    let proxy = play(async move |stream: TcpStream| {
        let mut stream = tls.accept(stream).await.unwrap();
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        stream.flush().await.unwrap();
        carry(stream, server).await;
    })
    .await;
    let connector = through(proxy.address, &certificate);
    let mut websocket = connector.connect("wss://server.example/").await.unwrap();
    // More than any buffer on the way holds at once.
    let big = vec![7; 3 << 20];
    websocket.send(big.clone()).await.unwrap();
    assert_eq!(websocket.recv().await.unwrap().as_bytes(), &big);
    converse(websocket).await;
    served.await.unwrap();
    proxy.end().await;
}

#[tokio::test]
async fn tls_with_a_proxy_is_not_taken_for_tls_with_the_server() {
    let certificate = Certificate::of(&["localhost"]);
    let (client, server) = tokio::io::duplex(64 << 10);
    let tls = certificate.acceptor();
    let server = tokio::spawn(async move { tls.accept(server).await.unwrap() });
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect("localhost".try_into().unwrap(), client)
        .await
        .unwrap();
    server.await.unwrap();
    let stream = MaybeTls::PlainInTls(Box::new(client.into()));
    assert!(!stream.is_tls());
    let MaybeTls::PlainInTls(stream) = stream else { panic!() };
    assert!(MaybeTls::Tls(stream).is_tls());
}

#[tokio::test]
async fn a_proxy_whose_certificate_is_anothers_hears_no_password() {
    let certificate = Certificate::of(&["other.example"]);
    let tls = certificate.acceptor();
    let proxy = play(async move |stream: TcpStream| tls.accept(stream).await.is_err()).await;
    let error = proxy_error(through(proxy.address, &certificate).connect("ws://x.example/").await);
    assert!(matches!(error.fault(), ProxyFault::Tls(_)), "{error:?}");
    assert!(proxy.end().await);
}

#[tokio::test]
async fn a_proxy_that_is_silent_in_the_tls_handshake_is_given_up() {
    let certificate = Certificate::of(&["localhost"]);
    let proxy = play(async |stream: TcpStream| see_off(stream).await).await;
    let connector = through(proxy.address, &certificate).open_timeout(Duration::from_millis(200));
    let error = connector.connect("wss://server.example/").await.unwrap_err();
    assert!(matches!(error, ConnectError::Timeout(Phase::Proxy)), "{error:?}");
    proxy.end().await;
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_the_server_and_not_to_the_proxy() {
    let certificate = Certificate::of(&["localhost", "server.example"]);
    let client = Certificate::of(&["client"]);
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(client.der.clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()
        .unwrap();
    let tls = TlsAcceptor::from(Arc::new(
        ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.der.clone()], certificate.key())
            .unwrap(),
    ));
    let proxy = play(async move |stream: TcpStream| {
        let mut stream = tls.accept(stream).await.unwrap();
        let by_proxy = stream.get_ref().1.peer_certificates().is_some();
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        stream.flush().await.unwrap();
        let mut inner = tls.accept(stream).await.unwrap();
        let by_server = inner.get_ref().1.peer_certificates().is_some();
        inner.read_u8().await.unwrap();
        (by_proxy, by_server)
    })
    .await;
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![client.der.clone()], client.key())
        .unwrap();
    let url = format!("https://localhost:{}", proxy.address.port());
    let connector =
        Connector::new().tls_config(Arc::new(config)).proxy(Proxy::parse(&url).unwrap());
    connector.connect("wss://server.example/").await.unwrap_err();
    assert_eq!(proxy.end().await, (false, true));
}
