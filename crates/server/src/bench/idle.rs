//! `bench idle`: connections that have been used once and then only exist.

use std::error::Error;
use std::time::Duration;

use super::args;
use super::fleet::{Fleet, Stage};
use super::opener::Opener;
use super::process::raise_file_limit;
use super::report;

pub(super) async fn run(args: &args::Idle) -> Result<(), Box<dyn Error>> {
    raise_file_limit(args.connections)?;
    let opener = Opener::new(&args.target, args.size, 1)?;
    let mut fleet = Fleet::open(opener, args.connections, async |mut connection, mut stages| {
        connection.idle_until(&mut stages, Stage::Closing).await?;
        connection.close().await;
        Ok(())
    })
    .await?;
    report::print(&report::holding(args))?;
    let time = args.hold.unwrap_or(Duration::MAX);
    let interrupted = tokio::select! {
        held = fleet.hold(time) => held.map(|()| false)?,
        signal = tokio::signal::ctrl_c() => signal.map(|()| true)?,
    };
    if !interrupted && !args.target.json {
        report::print(&report::held(args.connections, time))?;
    }
    fleet.close().await;
    Ok(())
}
