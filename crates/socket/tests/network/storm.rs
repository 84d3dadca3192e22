//! Everything that a network does to a connection, in an order that the dice choose.

use std::time::Duration;

use everwire::reconnect::Status;
use everwire_testkit::fault::Toward;
use everwire_testkit::{Dice, FaultProxy};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::sockets::soon;

/// How long connections are refused once; the other refusals are shorter.
const LONG_REFUSAL: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy)]
enum Fault {
    Cut,
    Reset,
    Stall,
    /// In the middle of a frame, almost always.
    CutAfter,
    Refusal,
    LongRefusal,
}

/// Lets each fault happen `rounds` times, one after the other, each once the client is back from the
/// one before.
pub async fn storm(
    proxy: &FaultProxy,
    mut status: watch::Receiver<Status>,
    dice: &mut Dice,
    rounds: usize,
) {
    for fault in forecast(dice, rounds) {
        let before = soon(open(&mut status, 0)).await;
        sleep(Duration::from_millis(20 + dice.below(200) as u64)).await;
        match fault {
            Fault::Cut => proxy.cut(),
            Fault::Reset => proxy.reset(),
            Fault::Stall => proxy.stall(),
            Fault::CutAfter => proxy.cut_after(Toward::Server, 1 + dice.below(8_000) as u64),
            Fault::Refusal => {
                refuse(proxy, Duration::from_millis(50 + dice.below(250) as u64)).await
            }
            Fault::LongRefusal => refuse(proxy, LONG_REFUSAL).await,
        }
        let back = timeout(Duration::from_secs(30), open(&mut status, before)).await;
        assert!(back.is_ok(), "no connection after {fault:?}");
    }
}

fn forecast(dice: &mut Dice, rounds: usize) -> Vec<Fault> {
    let kinds = [Fault::Cut, Fault::Reset, Fault::Stall, Fault::CutAfter, Fault::Refusal];
    let mut faults = kinds.repeat(rounds);
    faults.push(Fault::LongRefusal);
    for last in (1..faults.len()).rev() {
        faults.swap(last, dice.below(last + 1));
    }
    faults
}

/// The server is gone for a while.
async fn refuse(proxy: &FaultProxy, duration: Duration) {
    proxy.refuse(duration).await;
    proxy.cut();
}

/// Waits for a connection behind this one, and says which it is.
pub async fn open(status: &mut watch::Receiver<Status>, behind: u64) -> u64 {
    let is_open = |status: &Status| matches!(status, Status::Open { session } if *session > behind);
    match *status.wait_for(is_open).await.expect("the client lives") {
        Status::Open { session } => session,
        _ => unreachable!("it was waited for"),
    }
}
