//! The members of a group that shuts down: who is yet to be told, and who is yet to end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Shutdown, ShutdownReport};
use crate::link::Member;
use crate::masks;

/// How many members are told, or aborted, before other tasks get their turn.
const TURN: usize = 64;

/// What is known of a shutdown. It is under the lock of its group.
pub(crate) struct Leaving {
    plan: Shutdown,
    began: Instant,
    /// How many members there were in the beginning, without those who ended before their turn.
    total: usize,
    /// Members that are yet to be told, in the order from the end.
    waiting: Vec<Arc<dyn Member>>,
    /// Members that were told and have not ended.
    told: Vec<Arc<dyn Member>>,
    report: ShutdownReport,
    /// How many calls look after it; without any, latecomers are closed and not counted.
    pub(super) calls: usize,
}

/// What to do after a look.
pub(super) enum Next {
    /// Look again at once.
    More,
    /// Look again after this time at the latest.
    Wait(Duration),
    Over(ShutdownReport),
}

impl Leaving {
    pub(super) fn new(plan: &Shutdown, now: Instant, mut members: Vec<Arc<dyn Member>>) -> Self {
        shuffle(&mut members);
        Self {
            plan: plan.clone(),
            began: now,
            total: members.len(),
            waiting: members,
            told: Vec::new(),
            report: ShutdownReport::default(),
            calls: 0,
        }
    }

    pub(super) fn plan(&self) -> &Shutdown {
        &self.plan
    }

    /// A further plan counts where it is sooner.
    pub(super) fn hasten(&mut self, plan: &Shutdown, now: Instant) {
        let elapsed = now.saturating_duration_since(self.began);
        let window = self.plan.window.min(elapsed.saturating_add(plan.window));
        let deadline = self.plan.deadline.min(elapsed.saturating_add(plan.deadline));
        self.plan = Shutdown { window, deadline, ..plan.clone() };
    }

    /// Who joins now is told at once.
    pub(crate) fn handle_latecomer(&mut self, member: Arc<dyn Member>) {
        member.clone().start_close(Some(self.plan.draw_reason()));
        if self.calls > 0 {
            self.told.push(member);
        }
    }

    /// Does what is due. Gives back those who have ended.
    pub(super) fn look(&mut self, now: Instant) -> (Next, Vec<Arc<dyn Member>>) {
        let elapsed = now.saturating_duration_since(self.began);
        if self.tell(elapsed) {
            return (Next::More, Vec::new());
        }
        let left = self.plan.deadline.saturating_sub(elapsed);
        // Who has ended by the deadline is found as the others are cut off: to ask everyone again for
        // each few of them takes long where there are many.
        let ended = if left.is_zero() { self.abort() } else { self.take_ended() };
        if !ended.is_empty() {
            self.report.took = elapsed;
        }
        let next = if self.waiting.is_empty() && self.told.is_empty() {
            Next::Over(self.report)
        } else if left.is_zero() {
            Next::More
        } else {
            Next::Wait(left)
        };
        (next, ended)
    }

    /// Tells those whose turn has come, a few at a time. True if there are more of them.
    fn tell(&mut self, elapsed: Duration) -> bool {
        let due = self.due(elapsed);
        for _ in 0..TURN {
            if self.total - self.waiting.len() >= due {
                return false;
            }
            let Some(member) = self.waiting.pop() else { return false };
            member.clone().start_close(Some(self.plan.draw_reason()));
            self.told.push(member);
        }
        self.total - self.waiting.len() < due
    }

    /// How many of the total are told by now: evenly over the window, the first at its beginning.
    fn due(&self, elapsed: Duration) -> usize {
        let window = self.plan.window.min(self.plan.deadline);
        if elapsed >= window {
            return self.total;
        }
        let part = elapsed.as_secs_f64() / window.as_secs_f64();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of the members, between none and all"
        )]
        let due = (self.total as f64 * part) as usize;
        (due + 1).min(self.total)
    }

    /// Counts those who have ended, told or not.
    fn take_ended(&mut self) -> Vec<Arc<dyn Member>> {
        let report = &mut self.report;
        let mut ended = Vec::new();
        let mut has_ended = |member: &mut Arc<dyn Member>| match member.ending() {
            Some(ending) => {
                report.count(&ending, false);
                true
            }
            None => false,
        };
        ended.extend(self.told.extract_if(.., &mut has_ended));
        let before = self.waiting.len();
        ended.extend(self.waiting.extract_if(.., &mut has_ended));
        // The pace is kept among those who are left.
        self.total -= before - self.waiting.len();
        ended
    }

    /// Aborts some of those who were told, and counts those of them who have ended before. By now all
    /// were told.
    fn abort(&mut self) -> Vec<Arc<dyn Member>> {
        let some = self.told.len().saturating_sub(TURN)..;
        let mut aborted = Vec::new();
        for member in self.told.drain(some) {
            let (ending, by_this) = member.clone().abort();
            self.report.count(&ending, by_this);
            aborted.push(member);
        }
        aborted
    }
}

/// Puts them into an order that says nothing of who came when (Fisher and Yates).
fn shuffle(members: &mut [Arc<dyn Member>]) {
    for last in (1..members.len()).rev() {
        let other = usize::try_from(masks::below(last as u64 + 1)).unwrap_or(last);
        members.swap(last, other);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use everwire_wire::{CloseReason, SendError, SharedFrame, Unsent};

    use super::*;
    use crate::clock;
    use crate::link::Ending;

    /// A member that never ends by itself, and counts how often it is asked.
    #[derive(Default)]
    struct Stubborn(AtomicUsize);

    impl Member for Stubborn {
        fn push_frame(self: Arc<Self>, _: &SharedFrame) -> Result<(), SendError> {
            Err(SendError::Closed)
        }

        fn start_close(self: Arc<Self>, _: Option<CloseReason>) {}

        fn ending(&self) -> Option<Ending> {
            self.0.fetch_add(1, Ordering::Relaxed);
            None
        }

        fn abort(self: Arc<Self>) -> (Ending, bool) {
            (Ending { was_clean: false, unsent: Unsent::default() }, true)
        }
    }

    #[test]
    fn a_crowd_is_cut_off_in_time_that_grows_with_it_and_no_faster() {
        let members: Vec<_> = (0..10_000).map(|_| Arc::new(Stubborn::default())).collect();
        let now = clock::now();
        let all = members.iter().map(|member| member.clone() as Arc<dyn Member>).collect();
        let mut leaving = Leaving::new(&Shutdown::at_once(), now, all);
        let report = loop {
            if let (Next::Over(report), _) = leaving.look(now) {
                break report;
            }
        };
        assert_eq!(report.aborted, 10_000);
        let asked = members.iter().map(|member| member.0.load(Ordering::Relaxed)).max();
        assert!(asked <= Some(2), "{asked:?}");
    }
}
