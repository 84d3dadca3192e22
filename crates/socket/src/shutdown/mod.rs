//! A whole server goes down: everyone is told, a little apart and with a hint when to come back, and
//! nobody is waited for longer than the plan says.
//!
//! # Layout
//! - `plan`: [`Shutdown`], how it is done; `report`: [`ShutdownReport`], what came of it
//! - `leaving`: who is yet to be told, and who is yet to end: a value that knows no time of its own

mod leaving;
mod plan;
mod report;

use std::time::{Duration, Instant};

use crate::clock;
use crate::{Group, Rejection};

pub(crate) use leaving::Leaving;
pub use plan::Shutdown;
pub use report::ShutdownReport;

use leaving::Next;

/// How often the members are looked at: one timer for all of them.
const LOOK: Duration = Duration::from_millis(50);

impl Group {
    /// Closes every member and waits until they have ended, by this plan: the closes are spread over
    /// its window, in an order that has nothing to do with that of joining; whoever has not ended by
    /// its deadline is aborted. Says what became of them, and what was not sent. Stop accepting
    /// first.
    ///
    /// - It is final: a group that began to shut down stays so. Who joins is closed at once, with a
    ///   hint of its own.
    /// - Messages to the group go on reaching those whose turn has not come; the others count as
    ///   `closed` in the [`Delivery`](crate::Delivery).
    /// - Whoever was a member when it began is closed, although it leaves the group meanwhile; so
    ///   is nobody missed whose task has ended and whose last frames are still under way.
    /// - An empty group ends at once. A member that ends by itself is not waited for.
    /// - A further call, while this one runs or afterwards, can only make haste: of both plans the
    ///   earlier times count. All calls report on the same members. With
    ///   [`Shutdown::at_once`], a second signal ends the wait.
    ///
    /// ```no_run
    /// # async fn accept_until_signalled(everyone: &everwire::Group) {}
    /// # async fn second_signal() {}
    /// # async fn example() {
    /// use everwire::{Group, Shutdown};
    ///
    /// let everyone = Group::new();
    /// // Every WebSocket joins it: `let membership = everyone.join(&socket);`
    /// accept_until_signalled(&everyone).await;
    /// let plan = Shutdown::default();
    /// let report = tokio::select! {
    ///     report = everyone.shut_down(&plan) => report,
    ///     () = second_signal() => everyone.shut_down(&Shutdown::at_once()).await,
    /// };
    /// println!("{report}");
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// A dropped future closes nobody further; another call goes on from there. Who joined in
    /// between is closed and not reported on.
    pub async fn shut_down(&self, plan: &Shutdown) -> ShutdownReport {
        let call = Call::new(self, plan);
        loop {
            match call.look() {
                Next::Over(report) => return report,
                Next::More => tokio::task::yield_now().await,
                Next::Wait(left) => tokio::time::sleep(left.min(LOOK)).await,
            }
        }
    }

    /// What a handshake is refused with while the group shuts down: 503, with a `Retry-After` drawn
    /// from the plan's range. None as long as it does not.
    ///
    /// ```no_run
    /// # async fn example<S: everwire::Stream>(
    /// #     pending: everwire::Pending<S>, everyone: everwire::Group,
    /// # ) -> Result<(), everwire::AcceptError> {
    /// if let Some(refusal) = everyone.refusal() {
    ///     pending.refuse(refusal).await;
    ///     return Ok(());
    /// }
    /// let socket = pending.accept().await?;
    /// # Ok(()) }
    /// ```
    pub fn refusal(&self) -> Option<Rejection> {
        self.lock().leaving.as_ref().map(|leaving| leaving.plan().refusal())
    }
}

/// One call of `shut_down`.
struct Call {
    group: Group,
}

impl Call {
    fn new(group: &Group, plan: &Shutdown) -> Self {
        let now = clock::now();
        let mut members = group.lock();
        let mut leaving = match members.leaving.take() {
            Some(mut leaving) => {
                leaving.hasten(plan, now);
                leaving
            }
            None => Box::new(Leaving::new(plan, now, members.all().cloned().collect())),
        };
        leaving.calls += 1;
        members.leaving = Some(leaving);
        drop(members);
        Self { group: group.clone() }
    }

    fn look(&self) -> Next {
        let now: Instant = clock::now();
        let (next, ended) = match &mut self.group.lock().leaving {
            Some(leaving) => leaving.look(now),
            // It is never taken away.
            None => (Next::Over(ShutdownReport::default()), Vec::new()),
        };
        // Outside the lock: they may be the last references to their connections.
        drop(ended);
        next
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(leaving) = &mut self.group.lock().leaving {
            leaving.calls -= 1;
        }
    }
}
