//! Keeps messages in flight on many connections.

use std::io;
use std::time::{Duration, Instant};

use super::{Counted, Fleet, Report, invalid};
use crate::script::{Deflate, Plan, Script};
use crate::transport::Dialer;

/// What `echo` does.
#[derive(Debug, Clone)]
pub struct EchoPlan {
    /// Where to.
    pub dialer: Dialer,
    /// Connections that are open at once.
    pub connections: usize,
    /// The messages.
    pub messages: Plan,
    /// Messages that each connection keeps under way.
    pub in_flight: usize,
    /// Time before anything is counted.
    pub warm_up: Duration,
    /// Time during which messages are counted.
    pub measure: Duration,
}

/// Keeps messages in flight and counts them; calls `measuring` when counting begins.
///
/// # Errors
///
/// When a connection fails, is closed by the server, or brings back other lengths than it sent.
pub fn echo(plan: &EchoPlan, measuring: impl FnOnce()) -> io::Result<Report> {
    let script = Script::new(&plan.messages, plan.in_flight);
    let mut fleet = Fleet::new()?;
    fleet.open(&plan.dialer, plan.connections, &script, true)?;
    for client in &mut fleet.clients {
        client.send(&script, plan.in_flight as u64, Instant::now())?;
    }
    let mut counted = Counted::default();
    until(&mut fleet, &script, Instant::now() + plan.warm_up, &mut counted)?;
    counted = Counted::default();
    let start = Instant::now();
    measuring();
    until(&mut fleet, &script, start + plan.measure, &mut counted)?;
    let report = counted.report(start);
    // At both ends of the time each connection may be within messages that it has in flight.
    let size = plan.messages.size;
    let tolerance = (plan.connections * plan.in_flight * size) as u64;
    if plan.messages.deflate == Deflate::Off
        && report.payload.abs_diff(report.messages * size as u64) > tolerance
    {
        let Report { messages, payload, .. } = report;
        return Err(invalid(format!("{messages} messages of {size} bytes brought {payload}")));
    }
    Ok(report)
}

fn until(
    fleet: &mut Fleet,
    script: &Script,
    end: Instant,
    counted: &mut Counted,
) -> io::Result<()> {
    while Instant::now() < end {
        fleet.turn(script, 0, |clients, index, received, now| {
            counted.payload += received.payload;
            if received.messages == 0 {
                return Ok(());
            }
            counted.messages += received.messages;
            let client = &mut clients[index];
            client.acknowledge(received.messages, |sent, times| {
                counted.latency.record((now - sent).as_nanos() as u64, times);
            });
            client.send(script, received.messages, now)
        })?;
    }
    Ok(())
}
