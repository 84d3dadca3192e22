//! The bytes of one connection, and how it ends.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::Toward;
use super::link::{FaultLink, Order};

/// What is read at once at most (bytes).
const CHUNK: usize = 16 * 1024;

/// How long the two sides of a cut connection have for a FIN of their own. A socket that is closed
/// with bytes unread sends a RST, which a cut is not.
const SEE_OFF: Duration = Duration::from_secs(1);

enum End {
    /// Both sides have said all.
    Finished,
    Cut,
    Reset,
}

/// Carries bytes as the orders say, until the end.
pub(super) async fn run(link: FaultLink, mut client: TcpStream, mut server: TcpStream) {
    let end = carry(&link, &mut client, &mut server).await;
    link.forget();
    match end {
        End::Finished => {}
        End::Cut => {
            let both = async { tokio::join!(see_off(&mut client), see_off(&mut server)) };
            let _ = timeout(SEE_OFF, both).await;
        }
        End::Reset => reset([client, server]),
    }
}

/// Closes with a RST each.
pub(super) fn reset(sockets: impl IntoIterator<Item = TcpStream>) {
    for socket in sockets {
        // It fails for a socket that is dead already, which is as good.
        let _ = socket.set_zero_linger();
    }
}

async fn carry(link: &FaultLink, client: &mut TcpStream, server: &mut TcpStream) -> End {
    let mut orders = link.orders();
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let up = pump(link, Toward::Server, &mut from_client, &mut to_server);
    let down = pump(link, Toward::Client, &mut from_server, &mut to_client);
    let both = async { tokio::try_join!(up, down) };
    tokio::pin!(both);
    loop {
        let order = *orders.borrow_and_update();
        match order {
            Order::Forward => tokio::select! {
                // An order counts before the bytes that come with it.
                biased;
                () = changed(&mut orders) => {}
                ended = &mut both => return ended.err().unwrap_or(End::Finished),
            },
            // What is not polled does not read.
            Order::Stall => changed(&mut orders).await,
            Order::Cut => return End::Cut,
            Order::Reset => return End::Reset,
        }
    }
}

async fn changed(orders: &mut watch::Receiver<Order>) {
    // Whoever asks holds the link, and with it the sender.
    let _ = orders.changed().await;
}

/// One direction, until its FIN, which it passes on. A side that broke breaks the other.
async fn pump(
    link: &FaultLink,
    toward: Toward,
    from: &mut ReadHalf<'_>,
    to: &mut WriteHalf<'_>,
) -> Result<(), End> {
    let broken = |_: io::Error| End::Reset;
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = from.read(&mut buffer).await.map_err(broken)?;
        let delay = link.delayed();
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if read == 0 {
            return to.shutdown().await.map_err(broken);
        }
        let (pass, sprung) = link.let_through(toward, read);
        let mut chunk = &buffer[..pass];
        while !chunk.is_empty() {
            let written = to.write(chunk).await.map_err(broken)?;
            link.count(toward, written);
            chunk = &chunk[written..];
        }
        if sprung {
            return Err(End::Cut);
        }
    }
}

/// Sends a FIN and throws away what comes until the other one.
async fn see_off(socket: &mut TcpStream) {
    let mut buffer = vec![0; CHUNK];
    let _ = socket.shutdown().await;
    while let Ok(1..) = socket.read(&mut buffer).await {}
}
