//! `bench fanout`: few speak, and everyone hears all of it in order.
//!
//! ```text
//!  speak ──► server ──► listen, on every connection ──► Ledger: who has heard what
//!    ▲                                                    │
//!    └────────────── one more, when all have ◄────────────┘
//! ```
//!
//! # Layout
//! - `stamp`: whose a message is, and its number, in its first bytes
//! - `ledger`: what was sent, and who has heard what
//! - `member`: a connection that listens, and speaks if it is a sender

mod ledger;
mod member;
mod stamp;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use everwire::{CloseCode, CloseReason, Group};

use super::args;
use super::crew::Crew;
use super::failure::Failure;
use super::fleet::{Fleet, Stage};
use super::measure::{Gauge, Measured};
use super::opener::Opener;
use super::payload::Payloads;
use super::process::raise_file_limit;
use super::progress::Progress;
use super::report::{Report, counted_as, grouped, message_kind};
use super::tally::Tally;

use ledger::Ledger;
pub(super) use ledger::{Heard, Lost};
use member::Member;
pub(super) use stamp::HEADER;

/// How often a look is taken at whether everything has been heard.
const LOOK: Duration = Duration::from_millis(20);

pub(super) async fn run(args: &args::Fanout) -> Result<(), Box<dyn Error>> {
    let server = &args.server;
    let connections = args.stalled + args.receivers + args.senders;
    raise_file_limit(connections, server.threads)?;
    let opener = Opener::new(server, args.size, args.in_flight)?;
    let payloads = Payloads::new(args.size as usize, args.text);
    let crew = Crew::hire(server.threads)?;
    let tally = Tally::new(crew.len());
    let ledger = Arc::new(Ledger::new(args));
    let everyone = Group::new();
    let mut progress = Progress::new();
    let mut fleet = Fleet::open(
        &crew,
        connections,
        &mut progress,
        |_| {
            let opener = opener.clone();
            async move { opener.connect().await }
        },
        |socket, index, mut stages| {
            // Those that never read come first: they are in the room before anything is said.
            let member = index.checked_sub(args.stalled as usize).map(|index| {
                let membership = everyone.join(&socket);
                let part = tally.part(crew.thread_of(index + args.stalled as usize));
                Member::new(index, ledger.clone(), payloads.clone(), part, membership)
            });
            async move {
                match member {
                    Some(member) => member.run(socket, stages).await,
                    None => {
                        let _ = stages.wait_for(|now| *now == Stage::Closing).await;
                        socket.abort();
                        Ok(())
                    }
                }
            }
        },
    )
    .await?;
    progress.wipe();
    everyone_hears(&mut fleet, &ledger, server.timeout).await?;
    fleet.start();
    let gauge = Gauge { crew: &crew, tally: &tally, unit: "deliveries", progress: &mut progress };
    let measured = gauge.measure(&mut fleet, server, args.seconds, || ledger.sent()).await?;
    all_is_heard(&mut fleet, &ledger, &tally, server.timeout).await?;
    let lost = ledger.lost();
    if measured.latencies.is_empty() {
        return Err(lost.map_or(Failure::NothingCame, Failure::Lost).into());
    }
    report(args, &measured, lost).print(server.json)?;
    ledger.close();
    everyone.start_close(CloseReason::from_code(CloseCode::NORMAL).ok());
    fleet.finish(server.timeout).await?;
    match lost {
        None => Ok(()),
        Some(lost) => Err(Failure::Lost(lost).into()),
    }
}

/// Waits until a first message has shown that every connection is in the room.
async fn everyone_hears(
    fleet: &mut Fleet,
    ledger: &Ledger,
    timeout: Duration,
) -> Result<(), Failure> {
    let start = Instant::now();
    while !ledger.all_present() {
        if start.elapsed() >= timeout {
            let (heard, members) = ledger.present();
            return Err(Failure::NotHeard { heard, members, time: timeout });
        }
        fleet.hold(LOOK).await?;
    }
    Ok(())
}

/// Lets the senders stop, and waits until all that they said has been heard, or nothing has for as
/// long as the timeout.
async fn all_is_heard(
    fleet: &mut Fleet,
    ledger: &Ledger,
    tally: &Tally,
    timeout: Duration,
) -> Result<(), Failure> {
    ledger.stop();
    let (mut last, mut heard) = (Instant::now(), tally.total());
    while !ledger.all_heard() && last.elapsed() < timeout {
        fleet.hold(LOOK).await?;
        if tally.total() != heard {
            (last, heard) = (Instant::now(), tally.total());
        }
    }
    Ok(())
}

fn report(args: &args::Fanout, measured: &Measured, lost: Option<Lost>) -> Report {
    let stalled = match args.stalled {
        0 => String::new(),
        stalled => format!(", {} stalled", grouped(f64::from(stalled), 0)),
    };
    let mut report = Report::new(format!(
        "{} to {}{stalled} × {} B {} × {} in flight, {:.1} s",
        counted_as(args.senders, "sender"),
        counted_as(args.receivers, "receiver"),
        grouped(f64::from(args.size), 0),
        message_kind(args.text, args.server.deflate),
        args.in_flight,
        measured.seconds,
    ));
    report.count("messages", "sent", measured.besides);
    report.count("deliveries", "deliveries", measured.latencies.len());
    report.count("lost", "lost", lost.map_or(0, |lost| lost.deliveries));
    report.real("seconds", measured.seconds);
    let (sending, rate) = (measured.besides as f64 / measured.seconds, measured.rate());
    report.shown("messages_per_second", "sending", sending, 0, " messages/s");
    report.shown("deliveries_per_second", "rate", rate, 0, " deliveries/s");
    let megabytes = rate * f64::from(args.size) / 1e6;
    report.shown("megabytes_per_second", "payload", megabytes, 1, " MB/s");
    report.measured(measured);
    report
}
