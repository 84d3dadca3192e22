//! Sockets and threads: one listener, and a single-threaded runtime for each core.

use std::error::Error;
use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use everwire::{Group, next_stream, tls};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::connection::{Endpoint, Server, serve};
use super::{Args, page, shutdown};

/// How many tasks run between two looks at the network.
const EVENT_INTERVAL: u32 = 256;

pub(super) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(cert), Some(key)) => Some(tls::acceptor_from_pem(&read(cert)?, &read(key)?)?),
        _ => None,
    };
    let everyone = Group::new();
    let room = Group::new();
    let acceptor = args.acceptor()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let server = Arc::new(Server {
        page: page::router(&acceptor, args.hosts(), &everyone, &room),
        broadcast_acceptor: Endpoint::Broadcast.acceptor(&acceptor),
        acceptor,
        admission: everwire::Admission::default(),
        tls,
        everyone: everyone.clone(),
        room,
    });
    let listener = TcpListener::bind(args.listen)
        .map_err(|error| format!("cannot listen on {}: {error} (see --listen)", args.listen))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;

    let (stop, stopped) = watch::channel(false);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    // The listener is shared: whichever core is idle takes the next connection, which then stays
    // with it.
    let workers = (1..threads)
        .map(|n| {
            let (runtime, listener) = (runtime()?, listener.try_clone()?);
            let (server, stopped) = (server.clone(), stopped.clone());
            let work = move || runtime.block_on(accept(listener, server, stopped));
            thread::Builder::new().name(format!("everwire-{n}")).spawn(work)
        })
        .collect::<Result<Vec<_>, _>>()?;

    let result: Result<(), Box<dyn Error>> = runtime()?.block_on(async {
        let accepting = tokio::spawn(accept(listener, server, stopped));
        #[expect(clippy::print_stdout, reason = "the one line that people and scripts wait for")]
        {
            println!("listening on {scheme}://{address}");
            std::io::stdout().flush()?;
        }
        shutdown::signalled().await?;
        accepting.abort();
        shutdown::close_all(&everyone).await;
        Ok(())
    });
    // The other cores go on until everyone has been closed.
    let _ = stop.send(true);
    for worker in workers {
        let _ = worker.join();
    }
    result
}

fn runtime() -> std::io::Result<Runtime> {
    // Tasks here are short: many run before it is worth a system call to ask what else is ready.
    Builder::new_current_thread().enable_all().event_interval(EVENT_INTERVAL).build()
}

/// Accepts connections until the process stops.
async fn accept(listener: TcpListener, server: Arc<Server>, mut stopped: watch::Receiver<bool>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "cannot accept connections"),
    };
    let accept = async {
        loop {
            let (stream, peer) = next_stream(&listener).await;
            tokio::spawn(serve(server.clone(), stream, peer));
        }
    };
    tokio::select! {
        () = accept => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}
