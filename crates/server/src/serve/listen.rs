//! Sockets and threads: one listener, and a single-threaded runtime for each core.

use std::error::Error;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use everwire::{next_stream, tls};
use tokio::net::TcpSocket;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::connection::{Server, serve};
use super::shutdown::{self, Phase, Signals, Token};
use super::{Args, page};

/// Connections that the kernel opens before they are accepted, if it is told to allow so many
/// (`net.core.somaxconn`). Beyond it, clients that all come back at once try again after a second or three.
const BACKLOG: u32 = 4096;

/// How many tasks run between two looks at the network.
const EVENT_INTERVAL: u32 = 256;

pub(super) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(cert), Some(key)) => Some(tls::acceptor_from_pem(&read(cert)?, &read(key)?)?),
        _ => None,
    };
    let endpoints = args.endpoints()?;
    let (advance, phase) = watch::channel(Phase::Serving);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let server = Arc::new(Server {
        page: page::router(&endpoints, args.hosts()),
        endpoints: endpoints.clone(),
        admission: everwire::Admission::default(),
        tls,
        phase: phase.clone(),
    });
    let listener = listen(args.listen)
        .map_err(|error| format!("cannot listen on {}: {error} (see --listen)", args.listen))?;
    let address = listener.local_addr()?;

    let (listening, mut listeners) = shutdown::tokens();
    let (under_way, requests) = shutdown::tokens();
    let door = Door { server, phase, _listening: listening, under_way };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    // The listener is shared: whichever core is idle takes the next connection, which then stays
    // with it.
    let workers = (1..threads)
        .map(|n| {
            let (runtime, listener, door) = (runtime()?, listener.try_clone()?, door.clone());
            let work = move || runtime.block_on(door.accept(listener));
            thread::Builder::new().name(format!("everwire-{n}")).spawn(work)
        })
        .collect::<Result<Vec<_>, _>>()?;

    let result: Result<(), Box<dyn Error>> = runtime()?.block_on(async {
        tokio::spawn(door.accept(listener));
        let mut signals = Signals::new()?;
        #[expect(clippy::print_stdout, reason = "the one line that people and scripts wait for")]
        {
            println!("listening on {scheme}://{address}");
            std::io::stdout().flush()?;
        }
        signals.next().await;
        let _ = advance.send(Phase::Leaving);
        // First of all the address is free for whoever comes after us.
        let _ = listeners.recv().await;
        shutdown::close_all(&endpoints, &args.shutdown(), requests, &mut signals).await;
        Ok(())
    });
    // The other cores went on until everyone had been closed.
    let _ = advance.send(Phase::Over);
    for worker in workers {
        let _ = worker.join();
    }
    result
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let runtime = runtime()?;
    let _within = runtime.enter();
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Elsewhere it would let others have the address as well.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

fn runtime() -> std::io::Result<Runtime> {
    // Tasks here are short: many run before it is worth a system call to ask what else is ready.
    Builder::new_current_thread().enable_all().event_interval(EVENT_INTERVAL).build()
}

/// Where connections come in, on each thread.
#[derive(Clone)]
struct Door {
    server: Arc<Server>,
    phase: watch::Receiver<Phase>,
    /// Dropped behind the listener.
    _listening: Token,
    /// For each connection that is no WebSocket yet.
    under_way: Token,
}

impl Door {
    /// Accepts connections as long as the server serves, and stays until all is over, so that those
    /// that it accepted can be seen off.
    async fn accept(self, listener: TcpListener) {
        let mut phase = self.phase.clone();
        tokio::select! {
            () = self.let_in(listener) => {}
            () = shutdown::reached(&mut phase, Phase::Leaving) => {}
        }
        shutdown::reached(&mut phase, Phase::Over).await;
    }

    async fn let_in(self, listener: TcpListener) {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(%error, "cannot accept connections"),
        };
        loop {
            let (stream, peer) = next_stream(&listener).await;
            tokio::spawn(serve(self.server.clone(), stream, peer, self.under_way.clone()));
        }
    }
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}
