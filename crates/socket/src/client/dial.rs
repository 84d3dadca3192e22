//! TCP connections to a host: its addresses, and the first of them to answer.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;

use super::race;

/// The host's addresses, in the order of attempts.
pub(super) async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let addresses = tokio::net::lookup_host((host, port)).await?;
    Ok(race::interleave(addresses.collect()))
}

/// Connects to the first address that answers, with `TCP_NODELAY` on.
pub(super) async fn dial(addresses: Vec<SocketAddr>, delay: Duration) -> io::Result<TcpStream> {
    let stream = race::race(addresses, delay, TcpStream::connect).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
