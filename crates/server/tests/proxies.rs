//! `everwire serve` behind nginx, HAProxy and Apache httpd, each run from the configuration file
//! that `docs/behind-a-proxy.md` recommends.

mod process;

use std::time::Duration;

use everwire::{CloseCode, Config, Connector, WebSocket};
use everwire_testkit::{ProxyKind, ReverseProxy};
use process::{PATIENCE, Server, read_head, status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// The name that the configuration files serve.
const HOST: &str = "app.example.com";

/// After how much silence the proxies cut.
const CUT: Duration = Duration::from_secs(5);

/// A server behind a proxy, as the documentation has it.
fn served_by(kind: ProxyKind, heartbeat: &str) -> (Server, ReverseProxy) {
    let server = Server::start(&["--host", HOST, "--heartbeat", heartbeat]);
    let proxy = ReverseProxy::start(kind, server.address, CUT);
    (server, proxy)
}

/// A page of this origin connects to `/echo`; it sends nothing by itself.
async fn connect(
    proxy: &ReverseProxy,
    origin: &str,
) -> Result<WebSocket<TcpStream>, everwire::ConnectError> {
    let mut config = Config::default();
    config.heartbeat_interval = None;
    config.idle_timeout = None;
    let stream = TcpStream::connect(proxy.address).await.unwrap();
    let connector = Connector::new().config(config).header("Origin", origin).unwrap();
    connector.handshake_over(stream, &format!("ws://{HOST}/echo")).await
}

#[tokio::test]
async fn heartbeats_hold_a_connection_open_that_each_proxy_would_cut() {
    let mut all = JoinSet::new();
    for kind in ProxyKind::ALL {
        all.spawn(async move {
            let (_server, proxy) = served_by(kind, "2");
            let mut socket = connect(&proxy, "http://app.example.com").await.unwrap();
            let silence = timeout(2 * CUT + CUT / 4, socket.recv()).await;
            assert!(silence.is_err(), "{kind:?}: {:?}\n{}", socket.close_report(), proxy.said());
            socket.send("still here").await.unwrap();
            assert_eq!(socket.recv().await.unwrap().as_text(), Some("still here"), "{kind:?}");
        });
        all.spawn(async move {
            let (_server, proxy) = served_by(kind, "0");
            let mut socket = connect(&proxy, "http://app.example.com").await.unwrap();
            let began = Instant::now();
            let end = timeout(2 * CUT + CUT / 4, socket.recv()).await;
            assert_eq!(end, Ok(None), "{kind:?} cuts nothing: the test above proves nothing");
            assert!(began.elapsed() > CUT - CUT / 4, "{kind:?}: {:?}", began.elapsed());
            assert_eq!(socket.close_report().unwrap().code, CloseCode::ABNORMAL, "{kind:?}");
        });
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn pages_and_messages_come_through_nginx() {
    all_comes_through(ProxyKind::Nginx).await;
}

#[tokio::test]
async fn pages_and_messages_come_through_haproxy() {
    all_comes_through(ProxyKind::Haproxy).await;
}

#[tokio::test]
async fn pages_and_messages_come_through_apache() {
    all_comes_through(ProxyKind::Apache).await;
}

async fn all_comes_through(kind: ProxyKind) {
    let (mut server, proxy) = served_by(kind, "25");
    let page = get(&proxy, HOST).await;
    assert_eq!(status(&page), 200, "{page}");
    assert!(page.contains("<!doctype html>"), "{page}");
    // The name of the request gets through, or this would be served as well.
    assert_eq!(status(&get(&proxy, "attacker.example").await), 421);

    // The proxy may be where TLS ends: then the page is https, and at the same host still.
    for origin in ["http://app.example.com", "https://app.example.com"] {
        let mut socket = connect(&proxy, origin).await.unwrap();
        for len in [0, 1, 1000, 100_000, 5_000_000] {
            socket.send(vec![7; len]).await.unwrap();
            let echo = timeout(PATIENCE, socket.recv()).await.unwrap().unwrap();
            assert_eq!(echo.len(), len, "{kind:?}");
        }
        let report = socket.close(None).await;
        assert!(report.was_clean, "{kind:?}: {report}");
    }
    let refused = connect(&proxy, "https://other.example").await.unwrap_err();
    assert!(refused.to_string().contains("403"), "{refused}");

    // The server's last words get through as well.
    let mut socket = connect(&proxy, "http://app.example.com").await.unwrap();
    server.terminate();
    assert_eq!(timeout(PATIENCE, socket.recv()).await.unwrap(), None);
    let report = socket.close_report().unwrap();
    assert!(report.was_clean, "{kind:?}: {report}");
    assert_eq!(report.code, CloseCode::GOING_AWAY);
    assert!(server.ended().await.success());
}

/// The answer to a plain request for the page at this host.
async fn get(proxy: &ReverseProxy, host: &str) -> String {
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = read_head(&mut stream).await;
    let mut body = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut body)).await.unwrap().unwrap();
    answer.push_str(&String::from_utf8_lossy(&body));
    answer
}

#[test]
fn what_the_documentation_shows_is_what_is_run_here() {
    let text = include_str!("../../../docs/behind-a-proxy.md");
    for kind in ProxyKind::ALL {
        let fence = match kind {
            ProxyKind::Nginx => "```nginx\n",
            ProxyKind::Haproxy => "```haproxy\n",
            ProxyKind::Apache => "```apache\n",
        };
        let blocks: Vec<_> =
            text.split(fence).skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert!(!blocks.is_empty(), "nothing of {kind:?}");
        let file = kind.recommended();
        let file: Vec<_> = file.lines().map(str::trim).collect();
        for block in blocks {
            let lines = block.lines().map(str::trim).filter(|line| !line.is_empty());
            for line in lines {
                assert!(file.contains(&line), "{line:?} is not in {}", kind.file());
            }
        }
    }
}
