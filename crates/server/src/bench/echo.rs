//! `bench echo`: messages in flight, and how long they take.

use std::error::Error;
use std::time::{Duration, Instant};

use everwire::{ClientStream, Incoming, Outlet};
use tokio::sync::watch;

use super::args;
use super::failure::Failure;
use super::fleet::{Fleet, Stage};
use super::opener::{Connection, Opener};
use super::payload::Payload;
use super::process::{cpu_time, raise_file_limit};
use super::report::{self, Echoed};
use super::tally::Tally;

/// How long the load is on before anything is counted.
const WARM_UP: Duration = Duration::from_millis(500);

pub(super) async fn run(args: &args::Echo) -> Result<(), Box<dyn Error>> {
    raise_file_limit(args.connections)?;
    let opener = Opener::new(&args.target, args.size, args.in_flight)?;
    let (tally, in_flight) = (Tally::new(), args.in_flight as usize);
    let mut fleet = Fleet::open(opener, args.connections, |connection, stages| {
        keep_in_flight(connection, stages, in_flight, tally.clone())
    })
    .await?;
    fleet.start();
    fleet.hold(WARM_UP).await?;

    tally.take();
    let (start, used) = (Instant::now(), cpu_time());
    if args.target.json {
        report::print(report::MEASURING)?;
    }
    fleet.hold(args.seconds).await?;
    let seconds = start.elapsed().as_secs_f64();
    let busy = (cpu_time() - used).as_secs_f64() / seconds;
    let latencies = tally.take();
    if latencies.is_empty() {
        return Err(Failure::NothingCame.into());
    }
    // Before the connections close: whoever reads it measures the server until now.
    Echoed { seconds, busy, latencies }.print(args)?;
    fleet.close().await;
    Ok(())
}

/// One connection: as many messages leave as come back, in one write.
async fn keep_in_flight(
    mut connection: Connection,
    mut stages: watch::Receiver<Stage>,
    in_flight: usize,
    tally: Tally,
) -> Result<(), Failure> {
    connection.idle_until(&mut stages, Stage::Running).await?;
    let Connection { socket, payload } = &mut connection;
    let mut window = Window::new(payload.clone(), in_flight, tally);
    for number in 0..in_flight as u64 {
        // If it fails the connection has ended, and `visit` says so.
        let _ = socket.feed(payload.message(number)).await;
    }
    // A look at an atomic number; it changes once, when the run is over.
    while !stages.has_changed().unwrap_or(true) {
        let visited = socket.visit(|echo, outlet| window.on_echo(&echo, outlet)).await;
        if let Some(failure) = window.failure.take() {
            return Err(failure);
        }
        if visited.is_none() {
            return Err(connection.closed());
        }
    }
    connection.close().await;
    Ok(())
}

/// The messages that a connection has under way.
struct Window {
    payload: Payload,
    /// When they were sent; a ring, in which the oldest makes room for the newest.
    sent: Vec<Instant>,
    oldest: usize,
    /// The number of the message whose echo is next.
    number: u64,
    tally: Tally,
    /// What a visitor cannot return.
    failure: Option<Failure>,
}

impl Window {
    fn new(payload: Payload, in_flight: usize, tally: Tally) -> Self {
        let sent = vec![Instant::now(); in_flight];
        Self { payload, sent, oldest: 0, number: 0, tally, failure: None }
    }

    #[inline]
    fn on_echo(&mut self, echo: &Incoming<'_>, outlet: &Outlet<'_, ClientStream>) {
        let now = Instant::now();
        let sent = std::mem::replace(&mut self.sent[self.oldest], now);
        self.tally.record(now - sent);
        if let Err(difference) = self.payload.check(self.number, echo.kind(), echo.as_bytes()) {
            self.failure = Some(difference.into());
        }
        let next = self.number + self.sent.len() as u64;
        // If it fails the connection is ending, and the next visit says so.
        let _ = outlet.send(self.payload.message(next));
        self.number += 1;
        self.oldest = if self.oldest + 1 == self.sent.len() { 0 } else { self.oldest + 1 };
    }
}
