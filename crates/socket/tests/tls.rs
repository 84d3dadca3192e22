//! `wss`: certificates, names, and how TLS ends.
#![cfg(feature = "tls")]

#[allow(dead_code, unreachable_pub, reason = "its `main` is for people")]
#[path = "../examples/tls.rs"]
mod example;
mod opening;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use everwire::tls::rustls::pki_types::{CertificateDer, ServerName};
use everwire::tls::rustls::{ClientConfig, HandshakeKind, RootCertStore, crypto::ring};
use everwire::tls::{TlsAcceptor, TlsError, acceptor_from_pem};
use everwire::{
    AcceptError, Acceptor, CloseCode, ConnectError, Connector, MaybeTls, Message, Phase, WebSocket,
};
use opening::{read_to_end, request, status};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

/// A certificate for this machine, made on the spot.
struct Certificate {
    pem: String,
    key: String,
    der: CertificateDer<'static>,
}

impl Certificate {
    fn of(names: &[&str]) -> Self {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        Self {
            pem: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
            der: made.cert.der().clone(),
        }
    }

    fn acceptor(&self) -> TlsAcceptor {
        acceptor_from_pem(self.pem.as_bytes(), self.key.as_bytes()).unwrap()
    }

    fn connector(&self) -> Connector {
        Connector::new().root_certificates_pem(self.pem.as_bytes()).unwrap()
    }

    /// A bare TLS client that trusts this certificate.
    fn client_config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }
}

type Accepted = JoinHandle<Result<WebSocket<MaybeTls<TcpStream>>, AcceptError>>;

/// Accepts one connection over TLS.
async fn accept_one(tls: TlsAcceptor) -> (SocketAddr, Accepted) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = everwire::next_stream(&listener).await;
        Acceptor::new().accept_tls(&tls, stream).await
    });
    (address, server)
}

#[tokio::test]
async fn a_message_goes_there_and_back_by_name_and_by_address() {
    let certificate = Certificate::of(&["localhost", "127.0.0.1"]);
    for host in ["localhost", "127.0.0.1"] {
        let (address, server) = accept_one(certificate.acceptor()).await;
        let uri = format!("wss://{host}:{}/", address.port());
        let mut client = certificate.connector().connect(&uri).await.unwrap();
        let mut server = server.await.unwrap().unwrap();
        client.send("hello").await.unwrap();
        assert_eq!(server.recv().await, Some(Message::from("hello")));
        server.send("you too").await.unwrap();
        assert_eq!(client.recv().await, Some(Message::from("you too")));
        let (client, server) = tokio::join!(client.close(None), server.recv());
        assert!(client.was_clean && server.is_none(), "{client:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_is_refused() {
    let certificate = Certificate::of(&["localhost"]);
    let (address, server) = accept_one(certificate.acceptor()).await;
    let uri = format!("wss://localhost:{}/", address.port());
    let error = everwire::connect(&uri).await.unwrap_err();
    assert!(matches!(error, ConnectError::Tls(_)), "{error:?}");
    assert!(matches!(server.await.unwrap(), Err(AcceptError::Tls(_))));
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let certificate = Certificate::of(&["other.example"]);
    for host in ["localhost", "127.0.0.1"] {
        let (address, _server) = accept_one(certificate.acceptor()).await;
        let uri = format!("wss://{host}:{}/", address.port());
        let error = certificate.connector().connect(&uri).await.unwrap_err();
        assert!(matches!(error, ConnectError::Tls(_)), "{host}: {error:?}");
        assert!(error.to_string().contains("not valid for name"), "{error}");
    }
}

#[tokio::test]
async fn the_server_sees_the_name_and_both_speak_http_1_1() {
    let certificate = Certificate::of(&["localhost"]);
    let mut config = certificate.client_config();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let (client, server) = duplex(64 << 10);
    let tls = certificate.acceptor();
    let server = tokio::spawn(async move { tls.accept(server).await.unwrap() });
    let name = ServerName::try_from("localhost").unwrap();
    let client = TlsConnector::from(Arc::new(config)).connect(name, client).await.unwrap();
    let server = server.await.unwrap();
    assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(server.get_ref().1.server_name(), Some("localhost"));
}

#[tokio::test]
async fn a_client_that_speaks_only_http_2_is_refused_in_the_tls_handshake() {
    let certificate = Certificate::of(&["localhost"]);
    let mut config = certificate.client_config();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (address, server) = accept_one(certificate.acceptor()).await;
    let uri = format!("wss://localhost:{}/", address.port());
    let connector = Connector::new().tls_config(Arc::new(config));
    assert!(matches!(connector.connect(&uri).await, Err(ConnectError::Tls(_))));
    assert!(matches!(server.await.unwrap(), Err(AcceptError::Tls(_))));
}

// H18
#[tokio::test]
async fn nothing_is_taken_from_early_data() {
    let certificate = Certificate::of(&["localhost"]);
    let tls = certificate.acceptor();
    let mut config = certificate.client_config();
    config.enable_early_data = true;
    let config = Arc::new(config);
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let (address, server) = accept_one(tls.clone()).await;
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut may_send_early = false;
        let connecting = TlsConnector::from(config.clone())
            .connect_with(name, stream, |client| may_send_early = client.early_data().is_some());
        let mut stream = connecting.await.unwrap();
        assert!(!may_send_early, "the server's ticket allows early data");
        stream.write_all(request("").as_bytes()).await.unwrap();
        assert_eq!(status(&opening::read_head(&mut stream).await), 101);
        kinds.push(stream.get_ref().1.handshake_kind().unwrap());
        server.await.unwrap().unwrap();
    }
    // The second connection resumed the first one's session, so it could have used early data.
    assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed]);
}

// R6
#[tokio::test]
async fn a_stream_cut_without_close_notify_is_not_an_end() {
    let certificate = Certificate::of(&["localhost"]);
    let (client, server) = duplex(64 << 10);
    let tls = certificate.acceptor();
    let server = tokio::spawn(async move { tls.accept(server).await.unwrap() });
    let name = ServerName::try_from("localhost").unwrap();
    let config = Arc::new(certificate.client_config());
    let client = TlsConnector::from(config).connect(name, client).await.unwrap();
    let mut server = MaybeTls::Tls(Box::new(server.await.unwrap().into()));
    // The pipe closes; TLS says nothing.
    drop(client.into_inner());
    let error = server.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

// R6
#[tokio::test]
async fn a_cut_connection_ends_with_1006_at_either_end() {
    let certificate = Certificate::of(&["localhost"]);
    let (address, server) = accept_one(certificate.acceptor()).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connecting = TlsConnector::from(Arc::new(certificate.client_config()));
    let mut stream = connecting.connect(name, stream).await.unwrap();
    stream.write_all(request("").as_bytes()).await.unwrap();
    opening::read_head(&mut stream).await;
    let mut websocket = server.await.unwrap().unwrap();
    drop(stream.into_inner());
    assert_eq!(websocket.recv().await, None);
    let report = websocket.close_report().unwrap();
    assert_eq!((report.code, report.was_clean), (CloseCode::ABNORMAL, false));
}

// H14
#[tokio::test]
async fn over_tls_a_page_must_have_come_over_tls() {
    let certificate = Certificate::of(&["localhost"]);
    for (scheme, expected) in [("https", 101), ("http", 403)] {
        let (address, _server) = accept_one(certificate.acceptor()).await;
        let uri = format!("wss://localhost:{}/", address.port());
        let origin = format!("{scheme}://localhost:{}", address.port());
        let connector = certificate.connector().header("Origin", origin).unwrap();
        let got = match connector.open(&uri).await {
            Ok(opened) => opened.response.status(),
            Err(error) => error.response().expect("refused").status(),
        };
        assert_eq!(got, expected, "{scheme}");
    }
}

// H9
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_finish_the_tls_handshake_is_given_up() {
    let tls = Certificate::of(&["localhost"]).acceptor();
    let (mut client, server) = duplex(1024);
    let start = tokio::time::Instant::now();
    let accept = tokio::spawn(async move { Acceptor::new().accept_tls(&tls, server).await });
    // The beginning of a record that does not come.
    client.write_all(b"\x16\x03\x01\x02\x00").await.unwrap();
    assert!(matches!(accept.await.unwrap(), Err(AcceptError::Timeout)));
    assert!((10.0..10.1).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_server_that_does_not_finish_the_tls_handshake_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    let connector = Connector::new().open_timeout(Duration::from_millis(200));
    let error = connector.connect(&uri).await.unwrap_err();
    assert!(matches!(error, ConnectError::Timeout(Phase::Tls)), "{error:?}");
}

#[tokio::test]
async fn a_client_that_speaks_no_tls_is_refused() {
    let certificate = Certificate::of(&["localhost"]);
    let (address, server) = accept_one(certificate.acceptor()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request("").as_bytes()).await.unwrap();
    assert!(matches!(server.await.unwrap(), Err(AcceptError::Tls(_))));
}

#[tokio::test]
async fn a_pending_request_over_tls_is_secure() {
    let certificate = Certificate::of(&["localhost"]);
    let tls = certificate.acceptor();
    let (client, server) = duplex(64 << 10);
    let server = tokio::spawn(async move {
        let pending = Acceptor::new().read_request_tls(&tls, server).await.unwrap();
        // The endpoint's acceptor was never told of TLS.
        pending.with(&Acceptor::new()).accept().await
    });
    let name = ServerName::try_from("localhost").unwrap();
    let config = Arc::new(certificate.client_config());
    let mut client = TlsConnector::from(config).connect(name, client).await.unwrap();
    client.write_all(request("Origin: http://example.org\r\n").as_bytes()).await.unwrap();
    assert_eq!(status(&read_to_end(&mut client).await), 403);
    drop(client);
    server.await.unwrap().unwrap_err();
}

#[tokio::test]
async fn the_example_echoes() {
    let certificate = Certificate::of(&["localhost"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    tokio::spawn(example::serve(listener, certificate.acceptor()));
    for _ in 0..2 {
        let mut websocket = certificate.connector().connect(&uri).await.unwrap();
        websocket.send("hello").await.unwrap();
        assert_eq!(websocket.recv().await, Some(Message::from("hello")));
    }
}

#[test]
fn files_that_are_not_what_they_should_be_are_told_apart() {
    let one = Certificate::of(&["localhost"]);
    let other = Certificate::of(&["localhost"]);
    let fault = |pem: &str, key: &str| {
        acceptor_from_pem(pem.as_bytes(), key.as_bytes()).err().expect("a fault")
    };
    assert!(matches!(fault("", &one.key), TlsError::Certificate(_)));
    assert!(matches!(fault(&one.key, &one.key), TlsError::Certificate(_)));
    assert!(matches!(fault(&one.pem, ""), TlsError::Key(_)));
    assert!(matches!(fault(&one.pem, &one.pem), TlsError::Key(_)));
    assert!(matches!(fault(&one.pem, &other.key), TlsError::Rustls(_)));
    assert!(Connector::new().root_certificates_pem(b"").is_err());
    assert!(Connector::new().root_certificate_der(b"junk").is_err());
}
