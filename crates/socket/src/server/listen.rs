//! An accept loop that does not end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// How long to wait when the system has no descriptor or memory left for another connection.
const BACK_OFF: Duration = Duration::from_millis(100);

/// The next connection of a listener, with `TCP_NODELAY` on, so that small messages leave at once.
///
/// It does not fail: a connection that broke before it was accepted is passed over, and when the
/// process has no descriptors left (`EMFILE`), it waits until some are free. Connections wait in the
/// kernel's queue meanwhile.
///
/// # Cancel safety
/// A dropped future takes no connection.
pub async fn next_stream(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // It fails on a connection that is broken already, as the next read will tell.
                let _ = stream.set_nodelay(true);
                return (stream, address);
            }
            Err(error) if is_of_one_connection(&error) => {
                tracing::debug!(%error, "connection lost before it was accepted");
            }
            Err(error) => {
                tracing::error!(%error, "cannot accept connections; trying again");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// accept(2) passes on what went wrong with the connection it was about to return.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
