//! Links that end, and what becomes of requests without one.

use crate::close::CloseCode;
use crate::hub::Bye;

use super::pulse::Due;
use super::{ClientMessage, End, Event, NotSent, Outcome, Output, Session, State, Then};

impl Session {
    pub(super) fn lost(&mut self, now: u64, code: Option<CloseCode>) {
        match (&self.state, code) {
            (State::Ended, _) => {}
            (_, Some(code)) if !code.retry() => self.end(None, End::Code(code)),
            _ => self.down(now),
        }
    }

    /// The hub says why it closes.
    pub(super) fn bye(&mut self, now: u64, bye: Bye) {
        if !bye.retry {
            // No farewell: another link may have the session.
            let code =
                if (4001..=4999).contains(&bye.code.0) { bye.code } else { CloseCode::TOLD_TO_GO };
            return self.end(Some(code), End::Bye(bye));
        }
        let then = bye.after.map_or(Then::Return, Then::ReturnAfter);
        self.leave(now, CloseCode::RETURNING, then);
    }

    /// The application wants no more.
    pub(super) fn close(&mut self) {
        if !self.is_ended() {
            self.end(Some(CloseCode::FAREWELL), End::Closed);
        }
    }

    pub(super) fn not_understood(&mut self, why: String) {
        self.end(Some(CloseCode::NOT_UNDERSTOOD), End::NotUnderstood(why));
    }

    /// Closes a link whose session is to go on.
    pub(super) fn leave(&mut self, now: u64, code: CloseCode, then: Then) {
        self.out.push(Output::Close { code, then });
        self.down(now);
    }

    /// Ends the session: what waits never leaves, and no reply will come.
    pub(super) fn end(&mut self, code: Option<CloseCode>, end: End) {
        if let Some(code) = code {
            self.out.push(Output::Close { code, then: Then::Stop });
        }
        self.state = State::Ended;
        self.settle_unanswered();
        let leaving = std::mem::take(&mut self.subscriptions.leaving);
        let leaving = leaving.into_iter().filter_map(|(_, ticket)| ticket);
        let wanted = self.subscriptions.iter().filter_map(|of| of.ticket.take());
        let tickets: Vec<u64> = leaving.chain(wanted).collect();
        for ticket in tickets {
            self.settle(ticket, Outcome::NotSent(NotSent::Ended));
        }
        while let Some(waiting) = self.outbox.pop() {
            self.settle(waiting.ticket, Outcome::NotSent(NotSent::Ended));
        }
        self.event(Event::Ended(end));
    }

    fn down(&mut self, now: u64) {
        let was_up = matches!(self.state, State::Up(_));
        self.state = State::Down;
        if was_up {
            self.down_since = Some(now);
            self.event(Event::Down);
        }
    }

    /// Deadlines of a link.
    pub(super) fn tick_link(&mut self, now: u64) {
        let State::Up(link) = &mut self.state else { return };
        let is_leaving = link.leave_at.is_some_and(|at| at <= now);
        let due = link.pulse.tick(now);
        let told = self.numbering.deadline(link.pulse.interval()).is_some_and(|at| at <= now);
        match due {
            Due::Dead => return self.leave(now, CloseCode::NO_HEARTBEAT, Then::Return),
            _ if is_leaving => {
                return self.leave(now, CloseCode::RETURNING, Then::ReturnAfter(0));
            }
            Due::Ask => self.transmit(ClientMessage::Heartbeat { got: None }),
            Due::Nothing => {}
        }
        while let Some(subscription) = self.subscriptions.take_lapsed(now) {
            self.subscription_ended(subscription, None);
        }
        if told {
            self.tell_got();
        }
    }

    pub(super) fn tell_got(&mut self) {
        let got = Some(self.numbering.tell());
        self.transmit(ClientMessage::Heartbeat { got });
    }

    /// When something has been without a link for too long.
    pub(super) fn aging_deadline(&self) -> Option<u64> {
        let max_age = self.config.max_age;
        let unanswered = self.down_since.filter(|_| self.has_unanswered());
        let unanswered = unanswered.map(|since| since.saturating_add(max_age));
        self.outbox.deadline(self.down_since?, max_age).into_iter().chain(unanswered).min()
    }

    /// What has been without a link for too long gets its fate.
    pub(super) fn age(&mut self, now: u64) {
        let max_age = self.config.max_age;
        let since = self.down_since.unwrap_or(now);
        if now >= since.saturating_add(max_age) {
            self.settle_unanswered();
        }
        while let Some(waiting) = self.outbox.pop_expired(now, since, max_age) {
            self.settle(waiting.ticket, Outcome::NotSent(NotSent::Expired));
        }
    }

    fn has_unanswered(&self) -> bool {
        self.pending.has_tickets() || self.numbering.has_tickets()
    }

    /// Requests that left, and of which nobody will say what became of them.
    fn settle_unanswered(&mut self) {
        for (id, mut asked) in self.pending.take() {
            match asked.ticket.take() {
                Some(ticket) => self.settle(ticket, Outcome::Uncertain),
                // What the session asked for itself.
                None => self.pending.insert(id, asked),
            }
        }
        for ticket in self.numbering.take_tickets() {
            self.settle(ticket, Outcome::Uncertain);
        }
    }
}
