//! `bench echo`: messages in flight, and how long they take.

use std::collections::VecDeque;
use std::error::Error;
use std::time::Instant;

use everwire::{ClientStream, Incoming, Outlet};
use tokio::sync::watch;

use super::args;
use super::crew::Crew;
use super::failure::Failure;
use super::fleet::{Fleet, Stage};
use super::measure::{Gauge, Measured};
use super::moment::Moment;
use super::opener::{Connection, Opener};
use super::payload::{Difference, Payload, Payloads};
use super::process::raise_file_limit;
use super::progress::Progress;
use super::report::{Report, counted, grouped, message_kind};
use super::tally::{Part, Tally};

pub(super) async fn run(args: &args::Echo) -> Result<(), Box<dyn Error>> {
    let server = &args.server;
    raise_file_limit(args.connections, server.threads)?;
    let opener = Opener::new(server, args.size, args.in_flight)?;
    let payloads = Payloads::new(args.size as usize, args.text);
    let crew = Crew::hire(server.threads)?;
    let tally = Tally::new(crew.len());
    let mut progress = Progress::new();
    let mut fleet = Fleet::open(
        &crew,
        args.connections,
        &mut progress,
        |index| opener.clone().open(payloads.of_connection(index)),
        |connection, index, stages| {
            let part = tally.part(crew.thread_of(index));
            keep_in_flight(connection, stages, args.in_flight.into(), part)
        },
    )
    .await?;
    fleet.start();
    let gauge = Gauge { crew: &crew, tally: &tally, unit: "messages", progress: &mut progress };
    let measured = gauge.measure(&mut fleet, server, args.seconds, || 0).await?;
    if measured.latencies.is_empty() {
        return Err(Failure::NothingCame.into());
    }
    // Before the connections close: whoever reads it measures the server until now.
    report(args, &measured).print(server.json)?;
    // What is under way comes back first.
    Ok(fleet.finish(server.timeout).await?)
}

fn report(args: &args::Echo, measured: &Measured) -> Report {
    let mut report = Report::new(format!(
        "{} × {} B {} × {} in flight, {:.1} s",
        counted(args.connections),
        grouped(f64::from(args.size), 0),
        message_kind(args.text, args.server.deflate),
        args.in_flight,
        measured.seconds,
    ));
    let (messages, rate) = (measured.latencies.len(), measured.rate());
    report.count("messages", "messages", messages);
    report.real("seconds", measured.seconds);
    report.shown("messages_per_second", "rate", rate, 0, " messages/s");
    report.shown(
        "megabytes_per_second",
        "payload",
        rate * f64::from(args.size) / 1e6,
        1,
        " MB/s each way",
    );
    report.measured(measured);
    report
}

/// One connection: as many messages leave as come back, in one write.
async fn keep_in_flight(
    mut connection: Connection,
    mut stages: watch::Receiver<Stage>,
    in_flight: u64,
    part: Part,
) -> Result<(), Failure> {
    connection.idle_until(&mut stages, Stage::Running).await?;
    let Connection { socket, payload } = &mut connection;
    let mut window = Window::new(payload.clone(), part);
    for number in 0..in_flight {
        // If it fails the connection has ended, and `visit` says so.
        let _ = socket.feed(payload.message(number)).await;
    }
    window.leave(in_flight);
    while window.came < window.sent {
        // A look at an atomic number; it changes once, when the run is over. Then the messages under
        // way come back, and none follows.
        let more = !stages.has_changed().unwrap_or(true);
        let visited = socket.visit(|echo, outlet| window.on_echo(&echo, outlet, more)).await;
        window.end_visit();
        if let Some(difference) = window.difference {
            return Err(difference.into());
        }
        if visited.is_none() {
            return Err(connection.closed());
        }
    }
    connection.close().await;
    Ok(())
}

/// The messages that a connection has under way.
#[derive(Debug)]
struct Window {
    payload: Payload,
    part: Part,
    /// How many messages left.
    sent: u64,
    /// How many follow them now.
    fed: u64,
    /// How many came back.
    came: u64,
    /// How many of those are settled: their latencies are counted.
    settled: u64,
    /// Those under way, by when they left: many leave at once, and most come back so.
    batches: VecDeque<Batch>,
    /// When those came that are shown now.
    now: Instant,
    moment: Moment,
    /// What a visitor cannot return.
    difference: Option<Difference>,
}

#[derive(Debug)]
struct Batch {
    left: Instant,
    messages: u64,
}

impl Window {
    fn new(payload: Payload, part: Part) -> Self {
        Self {
            payload,
            part,
            sent: 0,
            fed: 0,
            came: 0,
            settled: 0,
            batches: VecDeque::new(),
            now: Instant::now(),
            moment: Moment::default(),
            difference: None,
        }
    }

    #[inline]
    fn on_echo(&mut self, echo: &Incoming<'_>, outlet: &Outlet<'_, ClientStream>, more: bool) {
        let bytes = echo.as_bytes();
        if self.moment.begins_with(bytes.len()) {
            self.settle();
            self.now = Instant::now();
        }
        if let Err(difference) = self.payload.check(self.came, echo.kind(), bytes) {
            self.difference.get_or_insert(difference);
        }
        self.came += 1;
        if more {
            // If it fails the connection is ending, and the next visit says so.
            let _ = outlet.send(self.payload.message(self.sent + self.fed));
            self.fed += 1;
        }
    }

    /// So many messages leave.
    fn leave(&mut self, messages: u64) {
        if messages > 0 {
            self.sent += messages;
            self.batches.push_back(Batch { left: self.now, messages });
        }
    }

    /// What comes next did not come with what came last.
    fn end_visit(&mut self) {
        self.settle();
        self.moment.end();
    }

    /// Counts the messages that came in this moment, and lets those leave that it has fed.
    fn settle(&mut self) {
        let mut came = self.came - std::mem::replace(&mut self.settled, self.came);
        if came == 0 {
            return;
        }
        let fed = std::mem::take(&mut self.fed);
        // What a visit feeds can leave while it goes on, and be back in the same moment.
        let early = fed.min(self.came.saturating_sub(self.sent));
        self.leave(early);
        if self.came > self.sent {
            self.difference.get_or_insert(Difference::Unasked);
        }
        self.part.record_all(std::iter::from_fn(|| {
            let batch = self.batches.front_mut().filter(|_| came > 0)?;
            let (latency, messages) = (self.now - batch.left, batch.messages.min(came));
            came -= messages;
            batch.messages -= messages;
            if batch.messages == 0 {
                self.batches.pop_front();
            }
            Some((latency, messages))
        }));
        self.leave(fed - early);
    }
}
