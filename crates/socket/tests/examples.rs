//! Every example does what it says.
#![allow(clippy::print_stdout, reason = "examples speak to a person")]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "examples are programs: their `main` is not called here"
)]

use tokio::net::TcpListener;

#[path = "../examples/chat.rs"]
mod chat;
#[path = "../examples/echo_client.rs"]
mod echo_client;
#[path = "../examples/echo_server.rs"]
mod echo_server;
#[cfg(feature = "tls")]
#[path = "../examples/interop/client.rs"]
mod interop_client;
#[cfg(feature = "tls")]
#[path = "../examples/interop/server.rs"]
mod interop_server;
#[path = "../examples/reconnecting_client.rs"]
mod reconnecting_client;
#[path = "../examples/stream_large.rs"]
mod stream_large;

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}", listener.local_addr().unwrap());
    (listener, uri)
}

#[tokio::test]
async fn the_echo_client_hears_what_it_says_from_the_echo_server() {
    let (listener, uri) = listener().await;
    tokio::spawn(echo_server::serve(listener));
    assert_eq!(echo_client::say(&uri, "hello").await.unwrap(), "hello");
    assert_eq!(echo_client::say(&uri, "grüße").await.unwrap(), "grüße");
}

#[tokio::test]
async fn in_the_chat_everyone_hears_everyone() {
    let (listener, uri) = listener().await;
    tokio::spawn(chat::serve(listener));
    let mut one = everwire::connect(&uri).await.unwrap();
    assert_eq!(one.recv().await.unwrap().as_text(), Some("visitor 1 came"));
    let mut two = everwire::connect(&uri).await.unwrap();
    assert_eq!(one.recv().await.unwrap().as_text(), Some("visitor 2 came"));
    assert_eq!(two.recv().await.unwrap().as_text(), Some("visitor 2 came"));
    two.send("hello").await.unwrap();
    assert_eq!(one.recv().await.unwrap().as_text(), Some("visitor 2: hello"));
    assert_eq!(two.recv().await.unwrap().as_text(), Some("visitor 2: hello"));
    two.close(None).await;
    assert_eq!(one.recv().await.unwrap().as_text(), Some("visitor 2 left"));
}

/// An echo server with a runtime of its own: dropping that is as if its process was killed.
fn echo_server(address: &str) -> (tokio::runtime::Runtime, std::net::SocketAddr) {
    let server =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = std::net::TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    server.spawn(async move { echo_server::serve(TcpListener::from_std(listener).unwrap()).await });
    (server, address)
}

#[tokio::test]
async fn the_reconnecting_client_goes_on_when_its_server_is_restarted() {
    let (server, address) = echo_server("127.0.0.1:0");
    let sessions = reconnecting_client::sessions(&format!("ws://{address}"));
    let messenger = sessions.messenger();
    let (tell, mut told) = tokio::sync::mpsc::channel(10);
    let staying = tokio::spawn(reconnecting_client::stay(sessions, move |heard| {
        tell.try_send(heard.to_owned()).unwrap();
    }));
    let say =
        |line: &str| tokio::spawn(reconnecting_client::say(messenger.clone(), line.to_owned()));
    assert_eq!(say("before").await.unwrap(), "sent");
    assert_eq!(told.recv().await.unwrap(), "before");

    server.shutdown_background();
    let mut status = messenger.watch_status();
    let is_open = |status: &everwire::reconnect::Status| {
        matches!(status, everwire::reconnect::Status::Open { .. })
    };
    status.wait_for(|status| !is_open(status)).await.unwrap();
    let meanwhile = say("meanwhile");
    let (server, _) = echo_server(&address.to_string());
    assert_eq!(meanwhile.await.unwrap(), "sent");
    assert_eq!(told.recv().await.unwrap(), "meanwhile");

    messenger.close(None);
    staying.await.unwrap();
    assert!(say("after").await.unwrap().starts_with("refused"));
    server.shutdown_background();
}

/// With each other; with other people's, `cargo xtask peers` runs them.
#[cfg(feature = "tls")]
#[tokio::test]
async fn both_sides_of_interop_agree() {
    let (listener, uri) = listener().await;
    tokio::spawn(interop_server::serve(listener, None));
    let target = interop_client::Target::new(&uri, None, None);
    for check in [
        "messages",
        "empty",
        "fragments",
        "deflate",
        "takeover",
        "plain",
        "ping",
        "close",
        "subprotocol",
    ] {
        let outcome = target.check(check).await.map_err(|error| error.to_string());
        assert_eq!(outcome, Ok(()), "{check}");
    }
}

/// Peak memory of this process, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_message_of_1_gib_is_streamed_in_constant_memory() {
    assert_eq!(stream_large::stream(1 << 20).await.unwrap(), 1 << 20);
    let before = peak();
    assert_eq!(stream_large::stream(1 << 30).await.unwrap(), 1 << 30);
    let grown = peak() - before;
    assert!(grown < 32 * 1024, "peak memory grew by {grown} KiB");
}
