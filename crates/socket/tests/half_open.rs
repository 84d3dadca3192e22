//! A cable that is pulled: packets vanish, and nobody says so.
//!
//! Client and server are in network namespaces of their own, with a virtual cable between them; a
//! rule of nftables then drops every packet, FIN and RST as well. It needs root, `ip` and `nft`, and
//! fails where they are missing: that a dead peer is found is a promise, and not to be skipped.
#![cfg(target_os = "linux")]

#[path = "sockets/mod.rs"]
mod sockets;

use std::fs::File;
use std::future::Future;
use std::io::Write;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use everwire::{Acceptor, CloseCause, CloseReport, Config, Connector, Message, Timeout, WebSocket};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use sockets::{end, next, soon};

const INTERVAL: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(1);

/// Interval and timeout are the bound; this is for a busy machine.
const GRACE: Duration = Duration::from_secs(1);

fn config() -> Config {
    let mut config = Config::default();
    config.heartbeat_interval = Some(INTERVAL);
    config.heartbeat_timeout = TIMEOUT;
    config
}

/// Two namespaces with a cable between them, which go with the test.
struct Cable {
    server: String,
    client: String,
}

impl Cable {
    fn new(name: &str) -> Self {
        let id = std::process::id();
        let cable =
            Self { server: format!("ew-{name}-s-{id}"), client: format!("ew-{name}-c-{id}") };
        ip(&["netns", "add", &cable.server]);
        ip(&["netns", "add", &cable.client]);
        ip(&[
            "link",
            "add",
            "cable",
            "netns",
            &cable.server,
            "type",
            "veth",
            "peer",
            "name",
            "cable",
            "netns",
            &cable.client,
        ]);
        for (space, address) in [(&cable.server, "10.0.0.1/24"), (&cable.client, "10.0.0.2/24")] {
            ip(&["-n", space, "address", "add", address, "dev", "cable"]);
            ip(&["-n", space, "link", "set", "cable", "up"]);
        }
        cable
    }

    /// From now on every packet is dropped, without a word.
    fn pull(&self) {
        let rules = "table inet pulled {
            chain in { type filter hook input priority 0; policy drop; }
            chain out { type filter hook output priority 0; policy drop; }
        }";
        for space in [&self.server, &self.client] {
            let mut nft = Command::new("ip")
                .args(["netns", "exec", space, "nft", "-f", "-"])
                .stdin(Stdio::piped())
                .spawn()
                .expect("`ip` and `nft`");
            nft.stdin.take().expect("piped").write_all(rules.as_bytes()).unwrap();
            assert!(nft.wait().unwrap().success(), "`nft` works, as root");
        }
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for space in [&self.server, &self.client] {
            let _ = Command::new("ip").args(["netns", "delete", space]).status();
        }
    }
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().expect("`ip`, of iproute2");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "`ip {}`, as root: {error}", arguments.join(" "));
}

/// Runs something in a thread that lives in this namespace.
fn within<T: Send + 'static, F: Future<Output = T>>(
    space: &str,
    run: impl FnOnce() -> F + Send + 'static,
) -> JoinHandle<T> {
    let path = format!("/run/netns/{space}");
    thread::spawn(move || {
        let space = File::open(path).unwrap();
        move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run())
    })
}

/// Opens a WebSocket over the cable, lets both live for a while, pulls the cable, and gives what
/// `serve` and `visit` made of it, each with the time from then on.
fn pulled<A, B>(
    name: &str,
    serve: impl FnOnce(WebSocket<TcpStream>) -> A + Send + 'static,
    visit: impl FnOnce(WebSocket<everwire::ClientStream>) -> B + Send + 'static,
) -> [(CloseReport, Duration); 2]
where
    A: Future<Output = CloseReport>,
    B: Future<Output = CloseReport>,
{
    let cable = Cable::new(name);
    let (listening, address) = mpsc::sync_channel(1);
    let server = within(&cable.server, move || async move {
        let listener = TcpListener::bind("10.0.0.1:0").await.unwrap();
        listening.send(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = Acceptor::new().config(config()).accept(stream).await.unwrap();
        assert_eq!(next(&mut socket).await, Message::text("connected"));
        (serve(socket).await, Instant::now())
    });
    let address = address.recv_timeout(Duration::from_secs(10)).unwrap();
    let client = within(&cable.client, move || async move {
        let connector = Connector::new().config(config()).no_proxy();
        let socket = soon(connector.connect(&format!("ws://{address}/"))).await.unwrap();
        socket.send("connected").await.unwrap();
        (visit(socket).await, Instant::now())
    });
    // Several heartbeats long.
    thread::sleep(3 * INTERVAL);
    assert!(!server.is_finished() && !client.is_finished(), "they were alive");
    cable.pull();
    let pulled = Instant::now();
    let server = server.join().unwrap();
    let client = client.join().unwrap();
    [server, client].map(|(report, ended)| (report, ended.saturating_duration_since(pulled)))
}

fn assert_found_in_time([server, client]: [(CloseReport, Duration); 2]) {
    for (report, took) in [server, client] {
        assert_eq!(report.cause, CloseCause::Timeout(Timeout::Heartbeat));
        assert!(took <= INTERVAL + TIMEOUT + GRACE, "found after {took:?}");
    }
}

// row: R4
#[test]
fn a_peer_behind_a_pulled_cable_is_found_dead_in_time() {
    assert_found_in_time(pulled(
        "idle",
        |mut socket| async move { end(&mut socket).await },
        |mut socket| async move { end(&mut socket).await },
    ));
}

// row: R4
#[test]
fn a_peer_behind_a_pulled_cable_is_found_dead_in_time_while_data_flows_to_it() {
    assert_found_in_time(pulled(
        "busy",
        |mut socket| async move {
            let sender = socket.sender();
            let sending = tokio::spawn(async move {
                // As much as the network takes; afterwards the queue is full and stays so.
                while sender.send(vec![0; 50_000]).await.is_ok() {}
            });
            let report = end(&mut socket).await;
            soon(sending).await.unwrap();
            report
        },
        |mut socket| async move {
            while socket.recv().await.is_some() {}
            socket.close_report().unwrap()
        },
    ));
}
