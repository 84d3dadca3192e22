//! `bench jitter`: a hub's clients hear everything once and in order, over a network that fails.
//!
//! ```text
//!  Publisher ──► Way ──► hub ──► Way ──► Member, on each way one
//!                 │                │
//!                 └── cut, refused ┘
//! ```
//!
//! # Layout
//! - `args`: the flags; `hub`: one in this process; `link`: how clients find it and connect
//! - `way`: a client's way to the hub, which fails; `dice`: when; `others`: ways for other programs' clients
//! - `publisher`, `member`: who speaks and who hears; `note`: what; `sent`: when
//! - `account`: what one client has heard; `findings`: what all have, and whether the promise was kept

mod account;
mod args;
mod dice;
mod findings;
mod hub;
mod link;
mod member;
mod note;
mod others;
mod publisher;
mod sent;
mod way;

use std::collections::hash_map::RandomState;
use std::error::Error;
use std::future::Future;
use std::hash::BuildHasher;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::process::raise_file_limit;
use super::progress::Progress;
use super::report;
use super::tally::Tally;

pub(super) use args::Jitter;
use dice::Dice;
use findings::Found;
use hub::OwnHub;
use link::Target;
use member::{Common, Findings, Member};
use others::Others;
use publisher::Publisher;
use sent::Sent;
use way::Way;

/// Files for each client: its socket and the hub's, the proxy's two and the same again of a silent
/// connection, where it listens and what holds the place.
const FILES_EACH: u32 = 10;

/// How many clients connect at once: `everwire serve` admits 64 from one address.
const MAX_JOINING: usize = 32;

/// Whose chance it is, so that what happens to one does not hang on how many others there are.
const PUBLISHER: u64 = 0;
const MEMBERS: u64 = 1;
const OTHERS: u64 = 1 << 32;

pub(super) async fn run(args: &Jitter) -> Result<(), Box<dyn Error>> {
    raise_file_limit((args.clients + args.others + 1) * FILES_EACH, 1)?;
    let own = match &args.url {
        Some(_) => None,
        None => Some(OwnHub::start(args).await?),
    };
    let url = own.as_ref().map(OwnHub::url).or(args.url.clone()).unwrap_or_default();
    let target = Target::find(&url).await?;
    let (seed, run) = (args.seed.unwrap_or_else(draw), format!("{:016x}", draw()));

    let mut progress = Progress::new();
    let mut members = join_all(args, &target, &mut progress).await?;
    let mut publisher = Publisher::start(args, &target, Way::open(target.addr).await?, &run);
    let mut others = match args.others {
        0 => None,
        _ => Some(Others::invite(args, &target, &run).await?),
    };
    if let Some(others) = &mut others {
        others.ready().await;
    }

    let dice = |who: u64, index: usize| Dice::new(seed, who + index as u64);
    if !args.spare_publisher {
        publisher.way.fail(args, dice(PUBLISHER, 0));
    }
    for (index, member) in members.iter_mut().enumerate() {
        member.way().fail(args, dice(MEMBERS, index));
    }
    if let Some(others) = &mut others {
        others.fail(args, |index| dice(OTHERS, index));
    }
    if args.json {
        report::print(r#"{"event":"measuring"}"#)?;
    }
    let found = measure(args, run, members, publisher, &mut progress).await;
    progress.wipe();
    found.report(args, seed).print(args.json)?;
    if let Some(others) = others {
        others.done().await;
    }
    Ok(found.verdict(args.within)?)
}

/// A number that nobody else has.
fn draw() -> u64 {
    RandomState::new().hash_one(())
}

async fn join_all(
    args: &Jitter,
    target: &Target,
    progress: &mut Progress,
) -> Result<Vec<Member>, Box<dyn Error>> {
    let mut joining = JoinSet::new();
    let mut members = Vec::new();
    let mut left = args.clients;
    while left > 0 || !joining.is_empty() {
        if left > 0 && joining.len() < MAX_JOINING {
            left -= 1;
            let (args, target) = (args.clone(), target.clone());
            let way = Way::open(target.addr).await?;
            joining.spawn(async move { Member::join(&args, &target, way).await });
        } else if let Some(joined) = joining.join_next().await {
            members.push(joined??);
            let done = members.len() as f64 / f64::from(args.clients);
            progress.show("connecting", done, || format!("{} of {}", members.len(), args.clients));
        }
    }
    Ok(members)
}

/// Publishes everything and has everybody hear it.
async fn measure(
    args: &Jitter,
    run: String,
    members: Vec<Member>,
    publisher: Publisher,
    progress: &mut Progress,
) -> Found {
    let (delays, stored) = (Tally::new(1), Tally::new(1));
    let (over, is_over) = watch::channel(false);
    let sent = Sent::default();
    let common =
        Common { run: run.clone(), sent: sent.clone(), delays: delays.part(0), over: is_over };
    let mut hearing = JoinSet::new();
    for member in members {
        hearing.spawn(member.run(common.clone()));
    }
    let unstored = publisher.run(args, &run, &sent, &stored.part(0), progress).await;
    let all = async {
        let mut each = Vec::new();
        while let Some(heard) = hearing.join_next().await {
            each.extend(heard);
        }
        each
    };
    let quiet = quiet(args.timeout, || delays.total());
    let each = finish(all, quiet, &over).await;
    let found = Found::new(args, &each, &publisher.way, unstored, delays.take(), stored.take());
    publisher.close().await;
    found
}

/// Waits for all, or until it has been quiet; then for what they have.
async fn finish(
    all: impl Future<Output = Vec<(Way, Findings)>>,
    quiet: impl Future<Output = ()>,
    over: &watch::Sender<bool>,
) -> Vec<(Way, Findings)> {
    tokio::pin!(all);
    tokio::select! {
        each = &mut all => return each,
        () = quiet => {}
    }
    over.send_replace(true);
    all.await
}

/// Waits until nothing has been counted for so long.
async fn quiet(time: Duration, count: impl Fn() -> u64) {
    let mut counted = None;
    while counted != Some(count()) {
        counted = Some(count());
        sleep(time).await;
    }
}
