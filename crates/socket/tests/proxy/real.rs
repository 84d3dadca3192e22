//! Other people's proxies: tinyproxy and microsocks.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use everwire::{Connector, Proxy, ProxyFault, SocksFault, SocksReply};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::played::{converse, echo_once, proxy_error};

/// A running proxy, ended when dropped.
struct Running {
    address: SocketAddr,
    _child: Child,
}

impl Running {
    /// Starts a program on a port, tells it `config` on its standard input, and waits until it listens.
    ///
    /// Neither program can say which port it got, so one is found before; if somebody else takes it in
    /// between, the program ends, and another is found.
    async fn start(
        program: &str,
        args: impl Fn(u16) -> Vec<String>,
        config: impl Fn(u16) -> String,
    ) -> Self {
        for _ in 0..10 {
            let address = free_address().await;
            let mut command = Command::new(program);
            command.args(args(address.port())).kill_on_drop(true);
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap_or_else(|error| {
                panic!("{program}: {error}; `cargo xtask test` installs it")
            });
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(config(address.port()).as_bytes()).await.unwrap();
            drop(stdin);
            let patience = Instant::now() + Duration::from_secs(60);
            while child.try_wait().unwrap().is_none() {
                if TcpStream::connect(address).await.is_ok() {
                    return Self { address, _child: child };
                }
                assert!(Instant::now() < patience, "{program} does not listen");
                sleep(Duration::from_millis(10)).await;
            }
        }
        panic!("{program} does not start");
    }

    async fn microsocks() -> Self {
        let args = |port| {
            let line = format!("-i 127.0.0.1 -p {port} -u user -P p@ss");
            line.split(' ').map(str::to_owned).collect()
        };
        Self::start("microsocks", args, |_| String::new()).await
    }

    async fn tinyproxy() -> Self {
        let args = |_| ["-d", "-c", "/dev/stdin"].map(str::to_owned).to_vec();
        Self::start("tinyproxy", args, |port| {
            format!("Port {port}\nListen 127.0.0.1\nTimeout 60\nBasicAuth user pass\n")
        })
        .await
    }

    fn connector(&self, rest: &str) -> Connector {
        let url = format!("{rest}{}", self.address);
        Connector::new().proxy(Proxy::parse(&url).unwrap())
    }
}

async fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// ws and wss through the proxy.
async fn both(connector: Connector) {
    let (server, served) = echo_once().await;
    converse(connector.connect(&format!("ws://{server}/")).await.unwrap()).await;
    served.await.unwrap();
    #[cfg(feature = "tls")]
    {
        let certificate = crate::tls::Certificate::of(&["127.0.0.1"]);
        let (server, served) = crate::tls::secure_echo_once(certificate.acceptor()).await;
        let connector = certificate.trusted_by(connector);
        converse(connector.connect(&format!("wss://{server}/")).await.unwrap()).await;
        served.await.unwrap();
    }
}

#[tokio::test]
async fn tinyproxy_carries_ws_and_wss() {
    let proxy = Running::tinyproxy().await;
    both(proxy.connector("http://user:pass@")).await;
}

#[tokio::test]
async fn tinyproxy_refuses_who_does_not_know_the_password() {
    let proxy = Running::tinyproxy().await;
    for credentials in ["", "user:wrong@"] {
        let connector = proxy.connector(&format!("http://{credentials}"));
        let error = proxy_error(connector.connect("ws://127.0.0.1/").await);
        let status = error.response().expect("the answer").status();
        assert!(matches!(status.as_u16(), 401 | 407), "{credentials}: {error}");
    }
}

#[tokio::test]
async fn tinyproxy_says_that_nobody_listens() {
    let proxy = Running::tinyproxy().await;
    let nobody = free_address().await;
    let connector = proxy.connector("http://user:pass@");
    let error = proxy_error(connector.connect(&format!("ws://{nobody}/")).await);
    assert!(error.response().expect("the answer").status().is_server_error(), "{error}");
}

#[tokio::test]
async fn microsocks_carries_ws_and_wss() {
    let proxy = Running::microsocks().await;
    both(proxy.connector("socks5://user:p%40ss@")).await;
    both(proxy.connector("socks5h://user:p%40ss@")).await;
}

#[tokio::test]
async fn microsocks_refuses_who_does_not_know_the_password() {
    let proxy = Running::microsocks().await;
    for (credentials, expected) in
        [("", SocksFault::NoMethod), ("user:wrong@", SocksFault::Credentials)]
    {
        let connector = proxy.connector(&format!("socks5h://{credentials}"));
        let error = proxy_error(connector.connect("ws://127.0.0.1/").await);
        assert!(matches!(error.fault(), ProxyFault::Socks(fault) if *fault == expected), "{error}");
    }
}

#[tokio::test]
async fn microsocks_says_that_nobody_listens() {
    let proxy = Running::microsocks().await;
    let nobody = free_address().await;
    let connector = proxy.connector("socks5://user:p%40ss@");
    let error = proxy_error(connector.connect(&format!("ws://{nobody}/")).await);
    let refused = SocksFault::Reply(SocksReply::ConnectionRefused);
    assert!(matches!(error.fault(), ProxyFault::Socks(fault) if *fault == refused), "{error}");
}
