//! What was sent, and who has heard what.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use everwire::CloseReport;
use tokio::sync::Semaphore;

use crate::bench::args;
use crate::bench::failure::Failure;

use super::stamp::Stamp;

/// What all members share. Message 0 of the first sender asks who is in the room, and may be sent
/// again and again; what counts begins with 1.
///
/// Its numbers are atomic for the sake of runs on several threads, and ordered by the messages
/// themselves: nobody reads what belongs to one before it has come through the server.
#[derive(Debug)]
pub(super) struct Ledger {
    start: Instant,
    with_sender: bool,
    lanes: Vec<Lane>,
    /// For each member and sender, the number that is next; a row for each member.
    next: Vec<AtomicU64>,
    members: usize,
    /// How many members have heard message 0.
    present: AtomicUsize,
    gaps: Mutex<Option<Lost>>,
    /// Whether connections may end now.
    over: AtomicBool,
}

/// One sender's messages.
#[derive(Debug)]
struct Lane {
    /// The number of the latest.
    sent: AtomicU64,
    /// Those under way, by the remainder of their numbers: a sender reuses a place once everyone has
    /// heard what was there.
    places: Vec<Place>,
    /// How many more may be sent now.
    room: Semaphore,
}

#[derive(Debug, Default)]
struct Place {
    /// When it was sent: nanoseconds since the start.
    sent_at: AtomicU64,
    /// How many members have yet to hear it.
    missing: AtomicU32,
}

/// That a member heard a message, when another was its next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::bench) struct Heard {
    member: usize,
    stamp: Stamp,
    next: u64,
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { member, stamp: Stamp { sender, number }, next } = self;
        write!(
            f,
            "connection {member} heard message {number} of sender {sender} when {next} was its next"
        )
    }
}

/// What was never heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::bench) struct Lost {
    /// How many deliveries.
    pub(in crate::bench) deliveries: u64,
    /// The member that the first of them was for, as far as one can be called the first.
    member: usize,
    first: Stamp,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { deliveries, member, first: Stamp { sender, number } } = self;
        write!(
            f,
            "the server lost deliveries: {deliveries} in all, \
             among them message {number} of sender {sender} to connection {member}"
        )
    }
}

impl Ledger {
    pub(super) fn new(args: &args::Fanout) -> Self {
        let senders = args.senders as usize;
        let members = senders + args.receivers as usize;
        let lane = || Lane {
            sent: AtomicU64::new(0),
            places: (0..args.in_flight).map(|_| Place::default()).collect(),
            room: Semaphore::new(args.in_flight as usize),
        };
        let next = |index| AtomicU64::new(u64::from(index % senders != 0));
        Self {
            start: Instant::now(),
            with_sender: !args.without_sender,
            lanes: (0..senders).map(|_| lane()).collect(),
            next: (0..members * senders).map(next).collect(),
            members,
            present: AtomicUsize::new(0),
            gaps: Mutex::new(None),
            over: AtomicBool::new(false),
        }
    }

    /// The time by which messages are stamped: nanoseconds since the start.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    // Of senders.

    pub(super) fn senders(&self) -> usize {
        self.lanes.len()
    }

    pub(super) fn is_sender(&self, member: usize) -> bool {
        member < self.lanes.len()
    }

    /// Waits until the sender may send, and says how many messages; none once the run is over.
    pub(super) async fn room(&self, sender: usize) -> Option<usize> {
        let room = &self.lanes[sender].room;
        room.acquire().await.ok()?.forget();
        Some(1 + room.forget_permits(usize::MAX))
    }

    /// The stamp of the sender's next message, which leaves at this time.
    pub(super) fn send(&self, sender: usize, now: u64) -> Stamp {
        let lane = &self.lanes[sender];
        let number = lane.sent.load(Relaxed) + 1;
        let place = lane.place(number);
        place.sent_at.store(now, Relaxed);
        place.missing.store(self.hearers(), Relaxed);
        lane.sent.store(number, Relaxed);
        Stamp { sender, number }
    }

    /// How many members are to hear a message.
    fn hearers(&self) -> u32 {
        u32::try_from(self.members - usize::from(!self.with_sender)).unwrap_or(u32::MAX)
    }

    // Of everyone.

    /// A member hears a message, and how long that took; none for one that only asked who is there.
    ///
    /// # Errors
    /// If that was not the member's next, nor one after it.
    #[inline]
    pub(super) fn hear(
        &self,
        member: usize,
        stamp: Stamp,
        now: u64,
    ) -> Result<Option<Duration>, Failure> {
        let heard = |next| Heard { member, stamp, next };
        let Some(lane) = self.lanes.get(stamp.sender) else {
            return Err(Failure::NeverSent(heard(0)));
        };
        if !self.is_heard_by(stamp.sender, member) {
            return Err(Failure::Sender);
        }
        let entry = &self.next[member * self.lanes.len() + stamp.sender];
        let next = entry.load(Relaxed);
        if stamp.number > lane.sent.load(Relaxed) {
            return Err(Failure::NeverSent(heard(next)));
        }
        if stamp.number == 0 {
            return self
                .is_present(stamp, entry)
                .then_some(None)
                .ok_or(Failure::Disordered(heard(next)));
        }
        if stamp.number != next {
            if stamp.number < next {
                return Err(Failure::Disordered(heard(next)));
            }
            for number in next.max(1)..stamp.number {
                self.lose(member, Stamp { number, ..stamp }, 1);
                lane.settle(number);
            }
        }
        entry.store(stamp.number + 1, Relaxed);
        let sent_at = lane.place(stamp.number).sent_at.load(Relaxed);
        lane.settle(stamp.number);
        Ok(Some(Duration::from_nanos(now.saturating_sub(sent_at))))
    }

    /// A member heard message 0; whether it was time for it.
    fn is_present(&self, stamp: Stamp, entry: &AtomicU64) -> bool {
        match entry.load(Relaxed) {
            0 => {
                entry.store(1, Relaxed);
                self.present.fetch_add(1, Relaxed);
                true
            }
            // It was sent again for those who were not there at first.
            next => next == 1 && stamp.sender == 0,
        }
    }

    fn is_heard_by(&self, sender: usize, member: usize) -> bool {
        self.with_sender || sender != member
    }

    fn lose(&self, member: usize, first: Stamp, deliveries: u64) {
        let mut gaps = self.gaps.lock().unwrap_or_else(PoisonError::into_inner);
        gaps.get_or_insert(Lost { deliveries: 0, member, first }).deliveries += deliveries;
    }

    // Of the run.

    /// How many members have heard message 0, of how many.
    pub(super) fn present(&self) -> (usize, usize) {
        (self.present.load(Relaxed), self.members)
    }

    pub(super) fn all_present(&self) -> bool {
        self.present.load(Relaxed) >= self.members - usize::from(!self.with_sender)
    }

    /// How many messages were sent.
    pub(super) fn sent(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.sent.load(Relaxed)).sum()
    }

    /// Nothing more is sent.
    pub(super) fn stop(&self) {
        self.lanes.iter().for_each(|lane| lane.room.close());
    }

    /// The run is over: connections may end.
    pub(super) fn close(&self) {
        self.over.store(true, Relaxed);
    }

    /// Whether a connection might end as it did.
    pub(super) fn ended(&self, report: Option<CloseReport>) -> Result<(), Failure> {
        self.over.load(Relaxed).then_some(()).ok_or(Failure::Closed(report))
    }

    /// What each member has yet to hear: first message and how many.
    fn outstanding(&self) -> impl Iterator<Item = (usize, Stamp, u64)> {
        (0..self.members).flat_map(move |member| {
            self.lanes.iter().enumerate().filter_map(move |(sender, lane)| {
                let next = self.next[member * self.lanes.len() + sender].load(Relaxed).max(1);
                let missing = (lane.sent.load(Relaxed) + 1).saturating_sub(next);
                let heard = missing == 0 || !self.is_heard_by(sender, member);
                (!heard).then_some((member, Stamp { sender, number: next }, missing))
            })
        })
    }

    pub(super) fn all_heard(&self) -> bool {
        self.outstanding().next().is_none()
    }

    /// What was lost, once the wait for it is over: gaps, and what did not come to the end.
    pub(super) fn lost(&self) -> Option<Lost> {
        for (member, first, missing) in self.outstanding() {
            self.lose(member, first, missing);
        }
        *self.gaps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    fn place(&self, number: u64) -> &Place {
        &self.places[(number % self.places.len() as u64) as usize]
    }

    /// One member less has yet to hear it; if it was the last, there is room for one more.
    fn settle(&self, number: u64) {
        if self.place(number).missing.fetch_sub(1, Relaxed) == 1 {
            self.room.add_permits(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    /// Two senders and a receiver; each sender has two messages under way.
    fn ledger() -> Ledger {
        #[derive(Parser)]
        struct Flags {
            #[command(flatten)]
            fanout: args::Fanout,
        }
        let flags = ["", "ws://server/", "--senders=2", "--receivers=1", "--in-flight=2"];
        Ledger::new(&Flags::parse_from(flags).fanout)
    }

    fn hear(ledger: &Ledger, member: usize, sender: usize, number: u64) -> Result<bool, Failure> {
        let counts = ledger.hear(member, Stamp { sender, number }, ledger.now())?;
        Ok(counts.is_some())
    }

    #[tokio::test]
    async fn there_is_room_for_one_more_when_everyone_has_heard_one() {
        let ledger = ledger();
        assert_eq!(ledger.room(0).await, Some(2));
        for number in [1, 2] {
            assert_eq!(ledger.send(0, ledger.now()), Stamp { sender: 0, number });
        }
        for member in [0, 1] {
            assert!(hear(&ledger, member, 0, 1).unwrap() && hear(&ledger, member, 0, 2).unwrap());
            assert_eq!(ledger.lanes[0].room.available_permits(), 0);
        }
        assert!(hear(&ledger, 2, 0, 1).unwrap());
        assert_eq!(ledger.room(0).await, Some(1));
        assert!(!ledger.all_heard());
        assert!(hear(&ledger, 2, 0, 2).unwrap());
        assert!(ledger.all_heard() && ledger.lost().is_none());
        ledger.stop();
        assert_eq!(ledger.room(0).await, None);
    }

    #[test]
    fn the_first_message_finds_out_who_is_there_and_does_not_count() {
        let ledger = ledger();
        for (member, present) in [(0, 1), (2, 2), (2, 2), (1, 3), (0, 3)] {
            assert!(!ledger.all_present());
            assert!(!hear(&ledger, member, 0, 0).unwrap());
            assert_eq!(ledger.present(), (present, 3));
            if present == 3 {
                break;
            }
        }
        assert!(ledger.all_present());
        assert!(!hear(&ledger, 0, 0, 0).unwrap(), "it may have been sent twice");
        assert!(matches!(hear(&ledger, 0, 1, 0), Err(Failure::Disordered(_))));
    }

    #[test]
    fn gaps_and_what_never_came_are_lost_and_what_comes_late_is_out_of_order() {
        let ledger = ledger();
        ledger.send(1, ledger.now());
        ledger.send(1, ledger.now());
        assert!(hear(&ledger, 0, 1, 2).unwrap());
        assert!(matches!(hear(&ledger, 0, 1, 1), Err(Failure::Disordered(_))));
        assert!(matches!(hear(&ledger, 0, 1, 2), Err(Failure::Disordered(_))));
        assert!(matches!(hear(&ledger, 0, 1, 3), Err(Failure::NeverSent(_))));
        assert!(matches!(hear(&ledger, 0, 2, 1), Err(Failure::NeverSent(_))));
        assert!(hear(&ledger, 1, 1, 1).unwrap());
        // One in the gap, one that the second member and two that the third never heard.
        let lost = ledger.lost().unwrap();
        assert_eq!((lost.deliveries, lost.member), (4, 0));
        assert_eq!(lost.first, Stamp { sender: 1, number: 1 });
    }
}
