//! Everybody is cut off, misses something, and comes back at once.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::{Counted, Fleet, Report, invalid};
use crate::epoll::{self, Epoll};
use crate::hub::Dialect;
use crate::hub::member::Member;
pub use crate::hub::member::Return;
use crate::script::{Content, Plan, Script};
use crate::transport::Dialer;

/// What takes longer is lost.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How long the server may take to notice that everybody is gone.
const AWAY: Duration = Duration::from_secs(1);

/// Members that are on their way back at a time: half of the handshakes that `everwire serve` admits.
const UNDER_WAY: usize = 512;

/// What `recovery` does.
#[derive(Debug, Clone)]
pub struct RecoveryPlan {
    /// Where to.
    pub dialer: Dialer,
    /// Members, beside the one that publishes.
    pub members: usize,
    /// Publications that they miss.
    pub missed: usize,
    /// Letters of each.
    pub size: usize,
    /// How they come back.
    pub kind: Return,
}

/// Has everybody connect and subscribe, be cut off, miss publications, and come back; calls `gone` when nobody
/// is connected and nothing published yet, and `measuring` before the first one returns.
///
/// The latency of each member is from the moment when all want to return until it has everything, which is
/// looked at: each publication has to be there once and in its place.
///
/// # Errors
///
/// When a connection fails, somebody comes back otherwise than expected, or a publication is missing, comes
/// twice, or takes too long.
pub fn recovery(
    plan: &RecoveryPlan,
    gone: impl FnOnce(),
    measuring: impl FnOnce(),
) -> io::Result<Report> {
    let mut crowd = Crowd::new(plan)?;
    crowd.bring(plan, 0, |_| ())?;
    for member in &mut crowd.members {
        member.cut()?;
    }
    thread::sleep(AWAY);
    gone();
    publish(plan)?;
    let start = Instant::now();
    measuring();
    let mut counted = Counted::default();
    crowd.bring(plan, plan.missed as u64, |now| {
        counted.messages += 1;
        counted.latency.record((now - start).as_nanos() as u64, 1);
    })?;
    Ok(counted.report(start))
}

/// Publishes what is missed, and waits until all of it is stored.
fn publish(plan: &RecoveryPlan) -> io::Result<()> {
    let messages = Plan { content: Content::Hub(Dialect::JSON), ..Plan::binary(plan.size) };
    let script = Script::new(&messages, plan.missed);
    let mut fleet = Fleet::new()?;
    fleet.open(&plan.dialer, 1, &script, false)?;
    let began = Instant::now();
    fleet.clients[0].send(&script, plan.missed as u64, began)?;
    let mut heard = 0;
    while heard < plan.missed as u64 {
        if began.elapsed() > TIMEOUT {
            return Err(invalid(format!("{heard} of {} were published", plan.missed)));
        }
        fleet.turn(&script, 10, |_, _, received, _| {
            heard += received.messages;
            Ok(())
        })?;
    }
    Ok(())
}

/// Everybody, and what watches them.
struct Crowd {
    members: Vec<Member>,
    epoll: Epoll,
    by_fd: Vec<usize>,
    buffer: Vec<u8>,
}

impl Crowd {
    fn new(plan: &RecoveryPlan) -> io::Result<Self> {
        let members = (0..plan.members).map(Member::new).collect();
        let (by_fd, buffer) = (Vec::new(), vec![0; 256 * 1024]);
        Ok(Self { members, epoll: Epoll::new()?, by_fd, buffer })
    }

    /// Has everybody come, as many at a time as are let in, until all have everything up to this offset;
    /// `whole` is told of each.
    fn bring(
        &mut self,
        plan: &RecoveryPlan,
        offset: u64,
        mut whole: impl FnMut(Instant),
    ) -> io::Result<()> {
        let began = Instant::now();
        let (mut coming, mut done) = (0, 0);
        while done < self.members.len() {
            while coming < self.members.len() && coming - done < UNDER_WAY {
                let fd = self.members[coming].come(&plan.dialer)?;
                self.watch(fd as usize, coming);
                self.epoll.add(&fd, epoll::READ)?;
                coming += 1;
            }
            for event in 0..self.epoll.wait(10)? {
                let (fd, _) = self.epoll.event(event);
                let member = &mut self.members[self.by_fd[fd as usize]];
                let was_whole = member.has(offset);
                member.receive(&mut self.buffer, plan.kind)?;
                if !was_whole && member.has(offset) {
                    done += 1;
                    whole(Instant::now());
                }
            }
            if began.elapsed() > TIMEOUT {
                return Err(invalid(format!("{done} of {} have everything", self.members.len())));
            }
        }
        Ok(())
    }

    fn watch(&mut self, fd: usize, index: usize) {
        if self.by_fd.len() <= fd {
            self.by_fd.resize(fd + 1, 0);
        }
        self.by_fd[fd] = index;
    }
}
