//! `bench idle`: connections that have been used once and then only exist.

use std::error::Error;
use std::time::Duration;

use super::args;
use super::crew::Crew;
use super::fleet::{Fleet, Stage};
use super::opener::Opener;
use super::payload::Payloads;
use super::process::raise_file_limit;
use super::progress::Progress;
use super::report;

pub(super) async fn run(args: &args::Idle) -> Result<(), Box<dyn Error>> {
    let server = &args.server;
    raise_file_limit(args.connections, server.threads)?;
    let opener = Opener::new(server, args.size, 1)?;
    let payloads = Payloads::new(args.size as usize, args.text);
    let crew = Crew::hire(server.threads)?;
    let mut progress = Progress::new();
    let mut fleet = Fleet::open(
        &crew,
        args.connections,
        &mut progress,
        |index| opener.clone().open(payloads.of_connection(index)),
        async |mut connection, _, mut stages| {
            connection.idle_until(&mut stages, Stage::Closing).await?;
            connection.close().await;
            Ok(())
        },
    )
    .await?;
    progress.wipe();
    report::print(&report::holding(args))?;
    let time = args.hold.unwrap_or(Duration::MAX);
    let interrupted = tokio::select! {
        held = fleet.hold(time) => held.map(|()| false)?,
        signal = tokio::signal::ctrl_c() => signal.map(|()| true)?,
    };
    if !interrupted && !server.json {
        report::print(&report::held(args.connections, time))?;
    }
    Ok(fleet.finish(server.timeout).await?)
}
