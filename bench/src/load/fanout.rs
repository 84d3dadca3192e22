//! One client publishes, everyone receives.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use super::{Counted, Fleet, Report, invalid};
use crate::client::Client;
use crate::script::{Content, Plan, Script};
use crate::transport::Dialer;

/// A publication that takes longer to reach everyone is lost.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What is published until those who do not read are stuck: more than kernels and servers queue.
const STALL: usize = 64 * 1024;
const STALL_MESSAGES: u64 = 384;

/// What `fanout` does.
#[derive(Debug, Clone)]
pub struct FanoutPlan {
    /// Where to; the server sends each message to all connections.
    pub dialer: Dialer,
    /// Connections that receive, besides the one that publishes, which receives too.
    pub receivers: usize,
    /// Connections that do not read, and have not read 24 MiB before anything is measured.
    pub stalled: usize,
    /// What is published: binary messages, or Socket.IO's events.
    pub content: Content,
    /// Bytes of payload of each message.
    pub size: usize,
    /// Publications under way at a time; the next follows when all have one.
    pub in_flight: usize,
    /// Time before anything is counted.
    pub warm_up: Duration,
    /// Time during which deliveries are counted.
    pub measure: Duration,
}

/// Publishes and counts deliveries; calls `measuring` when counting begins.
///
/// # Errors
///
/// When a connection fails or is closed by the server, or a publication does not reach everyone
/// within ten seconds.
pub fn fanout(plan: &FanoutPlan, measuring: impl FnOnce()) -> io::Result<Report> {
    let messages = |size| Plan { content: plan.content, ..Plan::binary(size) };
    let script = Script::new(&messages(plan.size), plan.in_flight);
    let mut fleet = Fleet::new()?;
    let stalled = stall(&plan.dialer, &messages(STALL), plan.stalled)?;
    fleet.open(&plan.dialer, 1, &script, false)?;
    fleet.open(&plan.dialer, plan.receivers, &script, false)?;
    let mut round = Round::new(plan.receivers + 1);
    round.join(&mut fleet, &script)?;
    round.publish(&mut fleet.clients[0], &script, plan.in_flight)?;
    round.until(&mut fleet, &script, Instant::now() + plan.warm_up)?;
    round.counted = Counted::default();
    let start = Instant::now();
    measuring();
    round.until(&mut fleet, &script, start + plan.measure)?;
    drop(stalled);
    Ok(round.counted.report(start))
}

/// Opens `count` connections that never read, and fills all that is queued for them.
fn stall(dialer: &Dialer, messages: &Plan, count: usize) -> io::Result<Vec<Client>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let script = Script::new(messages, 1);
    let stalled =
        (0..count).map(|_| Client::open(dialer, &script, false)).collect::<io::Result<_>>()?;
    let mut fleet = Fleet::new()?;
    fleet.open(dialer, 1, &script, false)?;
    let mut round = Round::new(1);
    round.publish(&mut fleet.clients[0], &script, 1)?;
    while round.counted.messages < STALL_MESSAGES {
        round.turn(&mut fleet, &script)?;
    }
    Ok(stalled)
}

/// Publications under way, and who has them.
struct Round {
    members: usize,
    /// The number of the next publication of which a member has not got the end.
    next: Vec<u64>,
    /// When each publication under way was sent and how many have it, from number `oldest` on.
    under_way: VecDeque<(Instant, usize)>,
    oldest: u64,
    counted: Counted,
}

impl Round {
    fn new(members: usize) -> Self {
        Self {
            members,
            next: vec![0; members],
            under_way: VecDeque::new(),
            oldest: 0,
            counted: Counted::default(),
        }
    }

    /// Publishes until everyone has got something, for a server may answer the handshake before it
    /// adds a member. From then on everyone gets everything.
    fn join(&mut self, fleet: &mut Fleet, script: &Script) -> io::Result<()> {
        let start = Instant::now();
        let mut heard = vec![false; self.members];
        let mut missing = self.members;
        let mut again = start;
        while missing > 0 {
            let now = Instant::now();
            if now - start > TIMEOUT {
                return Err(invalid(format!("{missing} of {} receive nothing", self.members)));
            }
            if now >= again {
                fleet.clients[0].send(script, 1, now)?;
                again = now + Duration::from_millis(100);
            }
            fleet.turn(script, 10, |clients, index, received, _| {
                if received.messages > 0 && !std::mem::replace(&mut heard[index], true) {
                    missing -= 1;
                }
                clients[index].acknowledge(received.messages, |_, _| {});
                Ok(())
            })?;
        }
        self.settle(fleet, script)
    }

    /// Takes what is still on its way.
    fn settle(&self, fleet: &mut Fleet, script: &Script) -> io::Result<()> {
        let mut last = Instant::now();
        while last.elapsed() < Duration::from_millis(300) {
            fleet.turn(script, 10, |clients, index, received, now| {
                last = now;
                clients[index].acknowledge(received.messages, |_, _| {});
                Ok(())
            })?;
        }
        Ok(())
    }

    fn publish(&mut self, publisher: &mut Client, script: &Script, count: usize) -> io::Result<()> {
        let now = Instant::now();
        self.under_way.extend((0..count).map(|_| (now, 0)));
        publisher.send(script, count as u64, now)
    }

    fn until(&mut self, fleet: &mut Fleet, script: &Script, end: Instant) -> io::Result<()> {
        while Instant::now() < end {
            self.turn(fleet, script)?;
        }
        Ok(())
    }

    fn turn(&mut self, fleet: &mut Fleet, script: &Script) -> io::Result<()> {
        let Self { members, next, under_way, oldest, counted } = self;
        fleet.turn(script, 0, |clients, index, received, now| {
            clients[index].acknowledge(received.messages, |_, _| {});
            counted.payload += received.payload;
            counted.messages += received.messages;
            for _ in 0..received.messages {
                let at = (next[index] - *oldest) as usize;
                next[index] += 1;
                let Some((sent, have)) = under_way.get_mut(at) else {
                    return Err(invalid("a message arrived that was not published".to_owned()));
                };
                *have += 1;
                counted.latency.record((now - *sent).as_nanos() as u64, 1);
            }
            Ok(())
        })?;
        let done = under_way.iter().take_while(|(_, have)| *have == *members).count();
        under_way.drain(..done);
        *oldest += done as u64;
        if let Some((sent, have)) = under_way.front()
            && sent.elapsed() > TIMEOUT
        {
            return Err(invalid(format!("a publication reached {have} of {members}")));
        }
        if done > 0 {
            self.publish(&mut fleet.clients[0], script, done)?;
        }
        Ok(())
    }
}
