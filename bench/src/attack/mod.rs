//! What a hostile client does, and what the server holds meanwhile.
//!
//! Many connections do the same thing: something that is as cheap as possible to send and as
//! expensive as possible to keep. Nothing is read until the server's memory has been, because an
//! attacker need not read.
//!
//! # Layout
//!
//! - [`attacks`]: the table of attacks.
//! - [`memory`]: what the server's process holds.
//! - `raid`: the connections of one attack.
//! - `end`: what became of a connection.

pub mod attacks;
mod end;
pub mod memory;
mod raid;

use std::collections::BTreeMap;
use std::io;
use std::thread::sleep;
use std::time::Duration;

pub use self::attacks::{ATTACKS, Attack};
use self::memory::Process;
use self::raid::Raid;
use crate::transport::Dialer;

/// Connections that attack before anything is measured: what is allocated once for all of them is
/// not what an attacker pins. One, because what it leaves behind may serve those that are measured.
const FIRST: usize = 1;

/// How far apart two looks at the server's memory are.
const LOOK: Duration = Duration::from_millis(500);

/// A server whose memory changes by less between two looks has finished what it does.
const CALM: u64 = 64 * 1024;

/// How often it is looked at, calm or not.
const LOOKS: usize = 20;

/// An attack ends when all is sent, or when the server has taken nothing for so long.
const STALLED: Duration = Duration::from_secs(1);

/// Whom to attack.
#[derive(Debug, Clone)]
pub struct AttackPlan {
    /// Where to; the server echoes there.
    pub dialer: Dialer,
    /// What is done.
    pub attack: &'static Attack,
    /// How many connections do it.
    pub connections: usize,
    /// The server's process, on this machine.
    pub process: Process,
}

/// What an attack came to. Bytes are for each connection.
#[derive(Debug)]
pub struct Outcome {
    /// Bytes that the server's side took, after the opening handshake if the attack has one.
    pub sent: f64,
    /// What the server holds for a connection before the attack.
    pub open: f64,
    /// The most that it held more at any time of the attack.
    pub most: f64,
    /// What it holds more once all is sent and it has calmed down.
    pub standing: f64,
    /// What is left of all that, the connections themselves among it, when they are gone.
    pub left: f64,
    /// What became of the connections: how many of them ended how.
    pub ends: BTreeMap<String, usize>,
}

/// Attacks and measures.
///
/// # Errors
///
/// When the server cannot be reached, refuses a handshake that is in order, or its memory cannot be
/// read.
pub fn attack(plan: &AttackPlan) -> io::Result<Outcome> {
    let AttackPlan { dialer, attack, connections, process } = plan;
    let bytes = (attack.bytes)(dialer);
    let mut first = Raid::gather(dialer, attack, FIRST)?;
    first.strike(attack, &bytes, STALLED)?;
    calm(*process)?;
    drop(first);

    let alone = calm(*process)?;
    let mut raid = Raid::gather(dialer, attack, *connections)?;
    let open = calm(*process)?;
    process.forget_the_most()?;
    raid.strike(attack, &bytes, STALLED)?;
    let standing = calm(*process)?;
    let most = process.most_memory()?.max(standing);
    let sent = raid.sent();
    sleep(attack.watch);
    let ends = raid.ends()?;
    drop(raid);
    let left = calm(*process)?;
    let each = |after: u64, before: u64| (after as f64 - before as f64) / *connections as f64;
    Ok(Outcome {
        sent: sent as f64 / *connections as f64,
        open: each(open, alone),
        most: each(most, open),
        standing: each(standing, open),
        left: each(left, alone),
        ends,
    })
}

/// The server's memory once it changes no more.
fn calm(process: Process) -> io::Result<u64> {
    let mut memory = process.memory()?;
    for look in 0..LOOKS {
        sleep(LOOK);
        let before = std::mem::replace(&mut memory, process.memory()?);
        // Twice at the least: it may not have begun.
        if look > 0 && memory.abs_diff(before) < CALM {
            break;
        }
    }
    Ok(memory)
}
