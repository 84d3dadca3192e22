//! What an open connection costs while nothing happens.

use everwire_testkit::Counting;
use tokio::net::{TcpListener, TcpStream};

#[global_allocator]
static MEMORY: Counting = Counting;

/// How many connections are averaged over.
const CONNECTIONS: usize = 200;

/// The heap of one idle connection over TCP: the link, the timer's entry and what tokio keeps for a
/// socket. The application's own task comes on top.
const MOST: usize = 1024;

#[tokio::test]
async fn an_idle_connection_holds_less_than_a_kilobyte_and_no_buffer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut pairs = Vec::with_capacity(CONNECTIONS + 1);
    let mut base = 0;
    for n in 0..=CONNECTIONS {
        let stream = TcpStream::connect(address);
        let (stream, accepted) = tokio::join!(stream, listener.accept());
        let config = std::sync::Arc::new(everwire::Config::default());
        let open = |stream, role| {
            let agreement = everwire::Agreement::default();
            everwire::WebSocket::from_handshake(stream, role, agreement, Vec::new(), config.clone())
        };
        let client = open(stream.unwrap(), everwire::Role::Client);
        let mut server = open(accepted.unwrap().0, everwire::Role::Server);
        // Each has been in use: a message of 1 KiB came, and was answered.
        let mut client = client;
        client.send(vec![7; 1024]).await.unwrap();
        let message = server.recv().await.unwrap();
        server.send(message).await.unwrap();
        assert_eq!(client.recv().await.unwrap().len(), 1024);
        pairs.push((client, server));
        if n == 0 {
            // What the thread has once, for all of them.
            base = everwire_testkit::live();
        }
    }
    let each = (everwire_testkit::live() - base) / (2 * CONNECTIONS);
    assert!(each <= MOST, "an idle connection holds {each} bytes");
    drop(pairs);
}
