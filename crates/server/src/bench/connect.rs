//! `bench connect`: opening handshakes, and clean ends.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::sync::watch;

use super::args;
use super::crew::Crew;
use super::failure::Failure;
use super::fleet::{Fleet, Stage};
use super::measure::{Gauge, Measured};
use super::opener::{Opener, close};
use super::process::raise_file_limit;
use super::progress::Progress;
use super::report::{Report, counted};
use super::tally::{Part, Tally};

/// A connection that is closed keeps its file for a moment, until the server has closed too.
const FILES_EACH: u32 = 2;

pub(super) async fn run(args: &args::Connect) -> Result<(), Box<dyn Error>> {
    let server = &args.server;
    raise_file_limit(args.connections * FILES_EACH, server.threads)?;
    let opener = Opener::new(server, 0, 1)?;
    let crew = Crew::hire(server.threads)?;
    let tally = Tally::new(crew.len());
    let closed = Arc::new(AtomicU64::new(0));
    let mut fleet = Fleet::of_tasks(&crew, args.connections, |index, stages| {
        let part = tally.part(crew.thread_of(index));
        open_and_close(opener.clone(), stages, part, closed.clone())
    });
    let mut progress = Progress::new();
    let gauge = Gauge { crew: &crew, tally: &tally, unit: "connections", progress: &mut progress };
    let measured =
        gauge.measure(&mut fleet, server, args.seconds, || closed.load(Ordering::Relaxed)).await?;
    if measured.besides == 0 || measured.latencies.is_empty() {
        return Err(Failure::NothingOpened.into());
    }
    report(args, &measured).print(server.json)?;
    Ok(fleet.finish(server.timeout).await?)
}

fn report(args: &args::Connect, measured: &Measured) -> Report {
    let tls = if args.server.url.starts_with("wss:") { ", TLS" } else { "" };
    let mut report = Report::new(format!(
        "{} at once{tls}, opened and closed, {:.1} s",
        counted(args.connections),
        measured.seconds
    ));
    report.count("opened", "opened", measured.latencies.len());
    report.count("closed", "closed", measured.besides);
    report.real("seconds", measured.seconds);
    let rate = measured.besides as f64 / measured.seconds;
    report.shown("connections_per_second", "rate", rate, 0, " connections/s");
    report.measured(measured);
    report
}

/// Opens a connection, closes it, and opens another, until the run is over.
async fn open_and_close(
    opener: Opener,
    stages: watch::Receiver<Stage>,
    part: Part,
    closed: Arc<AtomicU64>,
) -> Result<(), Failure> {
    while *stages.borrow() < Stage::Closing {
        let start = Instant::now();
        let mut socket = opener.connect().await?;
        part.record(start.elapsed());
        let report = close(&mut socket).await;
        if !report.was_clean {
            return Err(Failure::Unclean(report));
        }
        closed.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
