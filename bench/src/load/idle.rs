//! Holds connections on which nothing happens.

use std::io;
use std::time::{Duration, Instant};

use super::Fleet;
use crate::script::{Content, Plan, Script};
use crate::transport::Dialer;

/// What `idle` does.
#[derive(Debug, Clone)]
pub struct IdlePlan {
    /// Where to.
    pub dialer: Dialer,
    /// Connections that are open at once.
    pub connections: usize,
    /// The one message that is echoed on each connection first.
    pub message: Plan,
    /// Leaves that message out: nothing but the handshake is exchanged.
    pub untouched: bool,
    /// How long; for ever if absent.
    pub hold: Option<Duration>,
}

/// Connects, has one message echoed on each connection, calls `holding` and then keeps the
/// connections; the server's pings are answered.
///
/// # Errors
///
/// When a connection fails or is closed by the server.
pub fn idle(plan: &IdlePlan, holding: impl FnOnce()) -> io::Result<()> {
    let script = Script::new(&plan.message, 0);
    // A hub echoes nothing: connecting and subscribing is what is exchanged.
    let echoes = !plan.untouched && !matches!(script.content(), Content::Hub(_));
    let mut fleet = Fleet::new()?;
    fleet.open(&plan.dialer, plan.connections, &script, echoes)?;
    holding();
    let end = plan.hold.map(|hold| Instant::now() + hold);
    while end.is_none_or(|end| Instant::now() < end) {
        // Short enough to notice the end, long enough to cost nothing.
        fleet.turn(&script, 50, |_, _, _, _| Ok(()))?;
    }
    Ok(())
}
