//! A server that remembers every message it read.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// Marks of messages, by connection, in the order of both.
type Read = Arc<Mutex<Vec<Vec<u64>>>>;

/// A server on 127.0.0.1; it goes with the value.
pub struct Recorder {
    pub addr: SocketAddr,
    read: Read,
    connections: Arc<Mutex<JoinSet<()>>>,
    accepting: JoinHandle<()>,
}

impl Recorder {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (read, connections) = (Read::default(), Arc::new(Mutex::new(JoinSet::new())));
        let accepting = tokio::spawn(accept(listener, read.clone(), connections.clone()));
        Self { addr, read, connections, accepting }
    }

    /// All that was read, once every connection is over.
    pub async fn finish(self) -> Vec<Vec<u64>> {
        self.accepting.abort();
        let connections = std::mem::take(&mut *self.connections.lock().unwrap());
        connections.join_all().await;
        let read = self.read.lock().unwrap();
        read.clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, read: Read, connections: Arc<Mutex<JoinSet<()>>>) {
    loop {
        let (stream, _) = everwire::next_stream(&listener).await;
        let read = read.clone();
        let index = {
            let mut read = read.lock().unwrap();
            read.push(Vec::new());
            read.len() - 1
        };
        connections.lock().unwrap().spawn(async move {
            // Those that are cut within the handshake have sent nothing.
            let Ok(mut socket) = everwire::accept(stream).await else { return };
            while let Some(message) = socket.recv().await {
                let text = message.as_text().expect("only texts are sent");
                let mark = text.split(' ').next().and_then(|mark| mark.parse().ok());
                read.lock().unwrap()[index].push(mark.expect("every message has its mark"));
            }
        });
    }
}
