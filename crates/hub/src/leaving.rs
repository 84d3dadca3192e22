//! A hub that goes: everybody is told, a little apart, and nobody is waited for beyond the plan.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use everwire::{Group, Rejection, Shutdown, ShutdownReport};
use everwire_proto::CloseCode;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::clock::millis;
use crate::hub::{Hub, Inner};
use crate::session::{Session, close_reason};

/// How many sessions are told before other tasks get their turn.
const TURN: usize = 64;

/// How long endpoints may take to hear that their sessions have ended, beyond the deadline.
const LAST_CALLS: Duration = Duration::from_secs(1);

/// What a hub that goes has to see to.
#[derive(Debug, Default)]
pub(crate) struct Leaving {
    /// Connections of clients that speak the hub's language.
    pub(crate) linked: Group,
    /// Connections of raw clients, and of those who come too late.
    pub(crate) raw: Group,
    /// None while the hub stays.
    schedule: watch::Sender<Option<Schedule>>,
    /// Who is yet to be told, and when each is to go; in the order from the end.
    untold: Mutex<Vec<(Session, Duration)>>,
    /// Connections that are served, and sessions that wait for their clients.
    at_work: watch::Sender<usize>,
}

/// The plan, and since when it counts.
#[derive(Debug, Clone)]
struct Schedule {
    began: Instant,
    plan: Shutdown,
    /// Clients of the hub's language that were connected.
    linked: usize,
}

/// Something that a hub which goes waits for.
pub(crate) struct AtWork(Arc<Inner>);

impl Hub {
    /// Sees everybody off, by this plan, and says what became of their connections. It is final: the hub
    /// takes nobody in any more. Stop accepting first.
    ///
    /// - Clients that speak the hub's language are told to go (`drain`), each at a time of its own within the
    ///   plan's `window`: they connect elsewhere and recover there. Whoever is still here half way between the
    ///   window's end and the `deadline` is closed with 4412 and told when to come back, by `retry_after`.
    /// - Raw clients are closed as [`Group::shut_down`] does it, with the plan's `reason`.
    /// - Whoever comes meanwhile is closed likewise; before the handshake there is [`refusal`](Self::refusal).
    /// - Each session ends: `on_close` is called, with 4412 if the client said no farewell. To presence it has
    ///   [departed](crate::presence::Presence::depart), so that others hear of nothing if its client comes back
    ///   elsewhere within the grace.
    /// - Whoever has not ended by the deadline is cut off, and counted as `aborted`. Endpoints may take a second
    ///   more to hear of it.
    /// - A further call can only make haste, as with [`Group::shut_down`]: [`Shutdown::at_once`] ends the wait.
    ///
    /// In the report, a client that went by itself when it was told counts as `closed_clean`.
    ///
    /// # Cancel safety
    /// A dropped future tells and closes nobody further; another call goes on from there.
    pub async fn shut_down(&self, plan: &Shutdown) -> ShutdownReport {
        let leaving = &self.0.leaving;
        self.0.begin_leaving(plan);
        let (raw, others) = tokio::join!(leaving.raw.shut_down(plan), self.0.see_off());
        let mut report = raw.and(&others);
        if let Some(schedule) = leaving.schedule() {
            report.took = schedule.began.elapsed();
        }
        // An endpoint that does not come back is not waited for.
        let _ = timeout(LAST_CALLS, leaving.idle()).await;
        report
    }

    /// What a handshake is refused with while the hub goes: 503, with a `Retry-After` drawn from the plan's
    /// range. None as long as it does not.
    pub fn refusal(&self) -> Option<Rejection> {
        self.0.leaving.raw.refusal()
    }
}

impl Inner {
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.schedule.borrow().is_some()
    }

    fn begin_leaving(&self, plan: &Shutdown) {
        // With the sessions locked: who is not here yet is not let in.
        let sessions = self.lock();
        let leaving = &self.leaving;
        leaving.schedule.send_modify(|schedule| match schedule {
            Some(schedule) => schedule.hasten(plan),
            None => {
                let linked = leaving.linked.len();
                let begun = Schedule { began: Instant::now(), plan: plan.clone(), linked };
                let all: Vec<_> = sessions.values().filter(|session| !session.is_raw()).collect();
                let apart = begun.window() / u32::try_from(all.len()).unwrap_or(u32::MAX).max(1);
                // The order of a map says nothing of who came when.
                let turns = (0..).map(|turn| apart * turn);
                let mut untold: Vec<_> = all.into_iter().cloned().zip(turns).collect();
                untold.reverse();
                *leaving.untold.lock().unwrap_or_else(PoisonError::into_inner) = untold;
                *schedule = Some(begun);
            }
        });
    }

    /// Tells clients of the hub's language to go, and closes those who did not.
    async fn see_off(&self) -> ShutdownReport {
        let leaving = &self.leaving;
        while let Some((some, schedule)) = leaving.next_untold() {
            let elapsed = schedule.began.elapsed();
            for (session, after) in some {
                let left = |span: Duration| millis(span.saturating_sub(elapsed));
                session.handle_leaving(left(after), left(schedule.within()));
            }
            tokio::task::yield_now().await;
        }
        leaving.time_is_up().await;
        let sessions: Vec<_> = self.lock().values().cloned().collect();
        for some in sessions.chunks(TURN) {
            some.iter().filter(|session| !session.is_raw()).for_each(|session| {
                session.handle_left_behind(self.draw_return());
            });
            tokio::task::yield_now().await;
        }
        drop(sessions);
        let Some(schedule) = leaving.schedule() else { return ShutdownReport::default() };
        let mut report = leaving.linked.shut_down(&schedule.last_part()).await;
        report.closed_clean += schedule.linked.saturating_sub(report.total());
        report
    }

    /// When a client that is closed should come back, in milliseconds.
    pub(crate) fn draw_return(&self) -> Option<u64> {
        let range = self.leaving.schedule()?.plan.retry_after?;
        let (least, most) = (millis(*range.start()), millis(*range.end()));
        Some(least.saturating_add(self.dice.below(most.saturating_sub(least).saturating_add(1))))
    }

    /// The hub waits for whatever holds this.
    pub(crate) fn at_work(self: &Arc<Self>) -> AtWork {
        self.leaving.at_work.send_modify(|count| *count += 1);
        AtWork(self.clone())
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.leaving.at_work.send_modify(|count| *count -= 1);
    }
}

impl Leaving {
    fn schedule(&self) -> Option<Schedule> {
        self.schedule.borrow().clone()
    }

    /// Some of those who are yet to be told; none if all were, or it is too late to be of use.
    fn next_untold(&self) -> Option<(Vec<(Session, Duration)>, Schedule)> {
        let schedule = self.schedule()?;
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        if schedule.began.elapsed() >= schedule.within() {
            untold.clear();
        }
        let some: Vec<_> = (0..TURN).map_while(|_| untold.pop()).collect();
        (!some.is_empty()).then_some((some, schedule))
    }

    /// Waits until those who are told to go are to be gone, or everybody is.
    async fn time_is_up(&self) {
        let mut news = self.schedule.subscribe();
        loop {
            let Some(schedule) = news.borrow_and_update().clone() else { return };
            tokio::select! {
                () = sleep_until(schedule.began + schedule.within()) => return,
                () = self.idle() => return,
                _ = news.changed() => {}
            }
        }
    }

    /// Waits until nothing is at work.
    async fn idle(&self) {
        // It has a sender: this one.
        let _ = self.at_work.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Schedule {
    /// A further plan counts where it is sooner.
    fn hasten(&mut self, plan: &Shutdown) {
        let elapsed = self.began.elapsed();
        self.plan.window = self.plan.window.min(elapsed.saturating_add(plan.window));
        self.plan.deadline = self.plan.deadline.min(elapsed.saturating_add(plan.deadline));
    }

    fn window(&self) -> Duration {
        self.plan.window.min(self.plan.deadline)
    }

    /// After how long whoever was told to go is closed: what is left is for closing handshakes.
    fn within(&self) -> Duration {
        self.window() + (self.plan.deadline - self.window()) / 2
    }

    /// How those are closed who are still there.
    fn last_part(&self) -> Shutdown {
        let mut plan = self.plan.clone();
        plan.window = Duration::ZERO;
        plan.deadline = self.plan.deadline.saturating_sub(self.began.elapsed());
        if let Some(reason) = close_reason(CloseCode::DRAINING, "draining") {
            plan.reason = reason;
        }
        plan
    }
}
