//! The proxy that fails on command, held to what it promises to other tests.

use std::io::{ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;

use everwire_fault::{Command, FaultProxy, Toward};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};

/// For whatever must come.
const SOON: Duration = Duration::from_secs(20);

/// For what must not come: a stall shorter than this would be no stall.
const QUIET: Duration = Duration::from_millis(200);

/// A proxy, and both ends of a connection through it.
struct Through {
    proxy: FaultProxy,
    listener: TcpListener,
    client: TcpStream,
    server: TcpStream,
}

impl Through {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = FaultProxy::start(listener.local_addr().unwrap()).await.unwrap();
        let (client, server) = connect(&proxy, &listener).await;
        Self { proxy, listener, client, server }
    }
}

async fn connect(proxy: &FaultProxy, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(proxy.addr()).await.unwrap();
    let (server, _) = timeout(SOON, listener.accept()).await.unwrap().unwrap();
    (client, server)
}

/// What comes next, as text; nothing for a FIN.
async fn read(socket: &mut TcpStream) -> Result<String> {
    let mut buffer = [0; 1024];
    let read = timeout(SOON, socket.read(&mut buffer)).await.expect("something comes")?;
    Ok(String::from_utf8(buffer[..read].to_vec()).unwrap())
}

async fn read_all(socket: &mut TcpStream) -> Result<String> {
    let mut text = String::new();
    timeout(SOON, socket.read_to_string(&mut text)).await.expect("an end comes")?;
    Ok(text)
}

async fn stays_silent(socket: &mut TcpStream) -> bool {
    timeout(QUIET, socket.read(&mut [0])).await.is_err()
}

#[tokio::test]
async fn bytes_pass_both_ways_and_are_counted() {
    let mut it = Through::new().await;
    it.client.write_all(b"hello").await.unwrap();
    assert_eq!(read(&mut it.server).await.unwrap(), "hello");
    it.server.write_all(b"you").await.unwrap();
    assert_eq!(read(&mut it.client).await.unwrap(), "you");
    let stats = timeout(SOON, it.proxy.until(|s| s.to_client == 3)).await.unwrap();
    assert_eq!((stats.accepted, stats.open, stats.to_server), (1, 1, 5));
    let link = it.proxy.links().remove(0);
    assert_eq!((link.id(), link.stats().to_server, link.stats().to_client), (1, 5, 3));
}

#[tokio::test]
async fn a_half_close_passes_and_leaves_the_other_way_open() {
    let mut it = Through::new().await;
    it.client.write_all(b"all").await.unwrap();
    it.client.shutdown().await.unwrap();
    assert_eq!(read_all(&mut it.server).await.unwrap(), "all");
    it.server.write_all(b"answer").await.unwrap();
    drop(it.server);
    assert_eq!(read_all(&mut it.client).await.unwrap(), "answer");
    timeout(SOON, it.proxy.until(|s| s.open == 0)).await.unwrap();
    assert!(it.proxy.links().is_empty());
}

#[tokio::test]
async fn a_cut_is_a_fin_on_both_sides() {
    let mut it = Through::new().await;
    it.proxy.cut();
    assert_eq!(read_all(&mut it.client).await.unwrap(), "");
    assert_eq!(read_all(&mut it.server).await.unwrap(), "");
    timeout(SOON, it.proxy.until(|s| s.open == 0)).await.unwrap();
}

#[tokio::test]
async fn what_is_sent_into_a_cut_is_lost_without_a_reset() {
    let mut it = Through::new().await;
    it.proxy.cut();
    assert_eq!(read_all(&mut it.server).await.unwrap(), "");
    it.client.write_all(b"too late").await.unwrap();
    it.client.shutdown().await.unwrap();
    assert_eq!(read_all(&mut it.client).await.unwrap(), "", "a FIN, and no RST");
    assert_eq!(it.proxy.stats().to_server, 0);
}

#[tokio::test]
async fn a_reset_is_econnreset_on_both_sides() {
    let mut it = Through::new().await;
    it.proxy.reset();
    for socket in [&mut it.client, &mut it.server] {
        assert_eq!(read(socket).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn a_reset_on_one_side_reaches_the_other() {
    let mut it = Through::new().await;
    it.server.set_zero_linger().unwrap();
    drop(it.server);
    assert_eq!(read(&mut it.client).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_stall_passes_nothing_and_ends_nothing() {
    let mut it = Through::new().await;
    it.proxy.stall();
    it.client.write_all(b"unheard").await.unwrap();
    it.client.shutdown().await.unwrap();
    it.server.write_all(b"unheard too").await.unwrap();
    assert!(stays_silent(&mut it.server).await);
    assert!(stays_silent(&mut it.client).await);
    let stats = it.proxy.stats();
    assert_eq!((stats.open, stats.to_server, stats.to_client), (1, 0, 0));
}

#[tokio::test]
async fn a_resumed_stall_passes_what_waited_in_order() {
    let mut it = Through::new().await;
    it.proxy.stall();
    it.client.write_all(b"one ").await.unwrap();
    assert!(stays_silent(&mut it.server).await);
    it.client.write_all(b"two").await.unwrap();
    it.client.shutdown().await.unwrap();
    it.proxy.resume();
    assert_eq!(read_all(&mut it.server).await.unwrap(), "one two");
}

#[tokio::test]
async fn a_stall_leaves_new_connections_alone() {
    let mut it = Through::new().await;
    it.proxy.stall();
    let (mut client, mut server) = connect(&it.proxy, &it.listener).await;
    client.write_all(b"alive").await.unwrap();
    assert_eq!(read(&mut server).await.unwrap(), "alive");
    assert!(stays_silent(&mut it.server).await);
}

#[tokio::test]
async fn one_connection_fails_alone() {
    let mut it = Through::new().await;
    let (mut client, mut server) = connect(&it.proxy, &it.listener).await;
    it.proxy.link(1).unwrap().reset();
    assert_eq!(read(&mut it.client).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    client.write_all(b"fine").await.unwrap();
    assert_eq!(read(&mut server).await.unwrap(), "fine");
}

#[tokio::test]
async fn an_ended_connection_is_not_resumed() {
    let mut it = Through::new().await;
    let link = it.proxy.link(1).unwrap();
    link.stall();
    link.cut();
    link.resume();
    assert_eq!(read_all(&mut it.client).await.unwrap(), "");
}

#[tokio::test]
async fn a_refusal_refuses_for_its_time_and_spares_open_connections() {
    let mut it = Through::new().await;
    let refused_for = Duration::from_millis(500);
    let start = Instant::now();
    it.proxy.refuse(refused_for).await;
    let error = TcpStream::connect(it.proxy.addr()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    it.client.write_all(b"still here").await.unwrap();
    assert_eq!(read(&mut it.server).await.unwrap(), "still here");
    // The same port again, and not before its time.
    while TcpStream::connect(it.proxy.addr()).await.is_err() {
        assert!(start.elapsed() < SOON, "it is still closed");
        sleep(Duration::from_millis(5)).await;
    }
    assert!(start.elapsed() >= refused_for);
}

#[tokio::test]
async fn the_latest_refusal_counts() {
    let it = Through::new().await;
    it.proxy.refuse(SOON * 10).await;
    it.proxy.refuse(Duration::ZERO).await;
    let open = async { while TcpStream::connect(it.proxy.addr()).await.is_err() {} };
    timeout(SOON, open).await.unwrap();
}

#[tokio::test]
async fn a_delay_holds_every_byte_that_long() {
    let mut it = Through::new().await;
    let delay = Duration::from_millis(150);
    it.proxy.delay(delay);
    let start = Instant::now();
    it.client.write_all(b"late").await.unwrap();
    assert_eq!(read(&mut it.server).await.unwrap(), "late");
    assert!(start.elapsed() >= delay);
    // The connections to come are delayed as well.
    let (mut client, mut server) = connect(&it.proxy, &it.listener).await;
    let start = Instant::now();
    server.write_all(b"late").await.unwrap();
    assert_eq!(read(&mut client).await.unwrap(), "late");
    assert!(start.elapsed() >= delay);
}

#[tokio::test]
async fn a_cut_after_bytes_is_exact() {
    let mut it = Through::new().await;
    it.proxy.cut_after(Toward::Server, 7);
    it.client.write_all(b"12345").await.unwrap();
    assert_eq!(read(&mut it.server).await.unwrap(), "12345");
    it.client.write_all(b"67890").await.unwrap();
    assert_eq!(read_all(&mut it.server).await.unwrap(), "67");
    assert_eq!(read_all(&mut it.client).await.unwrap(), "");
    assert_eq!(it.proxy.stats().to_server, 7);
}

#[tokio::test]
async fn a_cut_after_bytes_waits_for_a_connection_that_carries_them() {
    let mut it = Through::new().await;
    it.proxy.cut_after(Toward::Client, 3);
    it.server.write_all(b"ab").await.unwrap();
    assert_eq!(read(&mut it.client).await.unwrap(), "ab");
    let (mut client, mut server) = connect(&it.proxy, &it.listener).await;
    server.write_all(b"cd").await.unwrap();
    assert_eq!(read_all(&mut client).await.unwrap(), "c");
    it.server.write_all(b"ef").await.unwrap();
    assert_eq!(read(&mut it.client).await.unwrap(), "ef");
}

#[tokio::test]
async fn a_cut_after_bytes_of_one_connection_does_not_count_others() {
    let mut it = Through::new().await;
    let (mut client, mut server) = connect(&it.proxy, &it.listener).await;
    it.proxy.link(2).unwrap().cut_after(Toward::Server, 1);
    it.client.write_all(b"many").await.unwrap();
    assert_eq!(read(&mut it.server).await.unwrap(), "many");
    client.write_all(b"few").await.unwrap();
    assert_eq!(read_all(&mut server).await.unwrap(), "f");
}

#[tokio::test]
async fn without_a_server_clients_are_reset() {
    let it = Through::new().await;
    drop(it.listener);
    // The kernel completes the handshake before the proxy knows.
    let mut client = TcpStream::connect(it.proxy.addr()).await.unwrap();
    assert_eq!(read(&mut client).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    timeout(SOON, it.proxy.until(|s| s.open == 1)).await.unwrap();
}

#[tokio::test]
async fn a_dropped_proxy_takes_everything_along() {
    let mut it = Through::new().await;
    let addr: SocketAddr = it.proxy.addr();
    it.proxy.stall();
    drop(it.proxy);
    assert_eq!(read_all(&mut it.client).await.unwrap(), "");
    assert_eq!(read_all(&mut it.server).await.unwrap(), "");
    let error = TcpStream::connect(addr).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_command_does_as_the_method() {
    let mut it = Through::new().await;
    let run = async |line: &str| {
        line.parse::<Command>().unwrap().run(&it.proxy).await.map_err(|bad| bad.to_string())
    };
    let all = r#"{"accepted":1,"open":1,"to_server":0,"to_client":0}"#;
    assert_eq!(run("stats").await.as_deref(), Ok(all));
    assert_eq!(run("stats #1").await.as_deref(), Ok(r#"{"to_server":0,"to_client":0}"#));
    assert_eq!(run("links").await.as_deref(), Ok("[1]"));
    assert_eq!(run("cut #2").await, Err("no open connection #2".to_owned()));
    assert_eq!(run("cut-after client 2").await.as_deref(), Ok("ok"));
    it.server.write_all(b"abc").await.unwrap();
    assert_eq!(read_all(&mut it.client).await.unwrap(), "ab");
}
