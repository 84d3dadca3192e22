//! The closing handshake (RFC 6455 §7): who said what, and by when it must end.

use std::time::Instant;

use super::{Connection, Event, ReadyState};
use crate::close::{CloseCause, CloseCode, CloseReason, CloseReport, Timeout};
use crate::connection::outgoing::Payload;
use crate::error::ProtocolError;
use crate::text::Text;

/// What is known of the end: facts, from which the state follows.
#[derive(Debug)]
pub(super) struct Closing {
    /// What ended it; the first fact wins.
    cause: CloseCause,
    /// What our close frame says.
    ours: Option<CloseReason>,
    /// Whether our close frame has left.
    left: bool,
    /// The peer's close frame; the inner `None` is one without a code.
    theirs: Option<Option<CloseReason>>,
    /// The peer broke the protocol: it is neither heard nor waited for.
    broken: bool,
    /// When waiting ends; none if it is further away than time goes.
    deadline: Option<Instant>,
    /// Nothing more will happen; the report is due.
    over: bool,
    /// The report was given.
    pub(super) reported: bool,
}

impl Connection {
    /// Begins the closing handshake: the close frame leaves behind everything already queued, and
    /// nothing more can be sent. Messages that the peer sent before its own close frame are still
    /// received. Without effect once closing has begun.
    ///
    /// After calling this: transmit, and keep polling events until [`Event::Closed`].
    pub fn close(&mut self, now: Instant, reason: Option<CloseReason>) {
        if self.closing.is_none() {
            self.begin_closing(now, CloseCause::Local, reason);
        }
    }

    /// Fails the connection (§7.1.7) because of something that only the caller can see, such as a
    /// budget shared by many connections. Once closing has begun it only ends the waiting.
    pub fn fail(&mut self, now: Instant, error: ProtocolError) {
        if self.closing.is_none() {
            let reason = CloseReason::fixed(error.close_code(), error.close_text());
            self.begin_closing(now, CloseCause::Violation(error), Some(reason));
        }
        if let Some(closing) = &mut self.closing {
            closing.broken = true;
            closing.over |= closing.left;
        }
        self.forget_received();
    }

    /// The peer's stream ended.
    pub fn handle_eof(&mut self, now: Instant) {
        self.end(now, CloseCause::Eof);
    }

    /// The network failed.
    pub fn handle_transport_error(&mut self, now: Instant, kind: std::io::ErrorKind) {
        self.end(now, CloseCause::Transport(kind));
    }

    /// Ends the connection as it is, without a closing handshake.
    pub fn abort(&mut self, now: Instant) {
        self.end(now, CloseCause::Aborted);
    }

    /// Where the connection is in its life (WHATWG `readyState`).
    #[inline]
    pub fn ready_state(&self) -> ReadyState {
        match &self.closing {
            None => ReadyState::Open,
            Some(closing) if closing.over => ReadyState::Closed,
            Some(_) => ReadyState::Closing,
        }
    }

    /// Whether what the peer sends still matters: not after its close frame (§5.5.1), nor after we
    /// failed the connection (§7.1.7).
    pub(super) fn is_deaf(&self) -> bool {
        self.closing
            .as_ref()
            .is_some_and(|closing| closing.over || closing.theirs.is_some() || closing.broken)
    }

    pub(super) fn handle_close_frame(&mut self, now: Instant, theirs: Option<CloseReason>) {
        if self.closing.is_none() {
            // §5.5.1: the answer says what was received; browsers show its reason to their page.
            self.begin_closing(now, CloseCause::Peer, theirs.clone());
        }
        if let Some(closing) = &mut self.closing {
            closing.theirs = Some(theirs);
            closing.over |= closing.left;
        }
        self.forget_received();
    }

    /// Our close frame has left.
    pub(super) fn handle_close_left(&mut self) {
        if let Some(closing) = &mut self.closing {
            closing.left = true;
            // Done when both close frames were exchanged; a peer that broke the protocol is not
            // waited for.
            closing.over |= closing.theirs.is_some() || closing.broken;
        }
    }

    pub(super) fn closing_deadline(&self) -> Option<Instant> {
        self.closing.as_ref().filter(|closing| !closing.over)?.deadline
    }

    pub(super) fn handle_closing_deadline(&mut self, now: Instant) {
        if self.closing_deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        // Whoever began it, that it was not brought to its end is what there is to know.
        if let Some(closing) = &mut self.closing
            && matches!(closing.cause, CloseCause::Local | CloseCause::Peer)
        {
            closing.cause = CloseCause::Timeout(Timeout::Close);
        }
        self.end(now, CloseCause::Timeout(Timeout::Close));
    }

    /// Nothing more will come or go.
    pub(super) fn end(&mut self, now: Instant, cause: CloseCause) {
        let closing = self.closing.get_or_insert_with(|| {
            Box::new(Closing {
                cause,
                ours: None,
                left: false,
                theirs: None,
                broken: false,
                deadline: Some(now),
                over: true,
                reported: false,
            })
        });
        closing.over = true;
        self.forget_received();
    }

    /// Nothing more is received: what is unfinished and what it refers to goes.
    fn forget_received(&mut self) {
        self.receive.discard();
        if let Some(inflater) = &mut self.inflater {
            inflater.release();
        }
    }

    /// The report, once, when everything is over.
    pub(super) fn poll_closed(&mut self) -> Option<Event<'static>> {
        let closing = self.closing.as_mut().filter(|closing| closing.over && !closing.reported)?;
        closing.reported = true;
        let report = self.report();
        // Nothing more leaves; how much it was is still said by `buffered_amount`, as the WebSockets
        // standard wants it.
        self.outgoing.forget();
        Some(Event::Closed(Box::new(report)))
    }

    fn report(&self) -> CloseReport {
        let closing = self.closing.as_ref().expect("only a connection that ended reports");
        let was_clean = closing.left && closing.theirs.is_some();
        let said = match (&closing.cause, &closing.theirs) {
            // §7.1.5: the code is that of the first close frame received.
            (CloseCause::Peer, Some(theirs)) => theirs.as_ref(),
            (CloseCause::Violation(_), _) => closing.ours.as_ref(),
            (CloseCause::Local | CloseCause::Timeout(_), Some(theirs)) => {
                theirs.as_ref().or(closing.ours.as_ref())
            }
            _ => None,
        };
        let (code, reason) = match said {
            Some(reason) => (reason.code(), Text::from(reason.as_str())),
            None if closing.theirs.is_some() => (CloseCode::NO_STATUS, Text::default()),
            None => (CloseCode::ABNORMAL, Text::default()),
        };
        let cause = closing.cause.clone();
        CloseReport { code, reason, was_clean, cause, unsent: self.outgoing.unsent() }
    }

    pub(super) fn begin_closing(
        &mut self,
        now: Instant,
        cause: CloseCause,
        ours: Option<CloseReason>,
    ) {
        let deadline = now.checked_add(self.config.close_timeout);
        let (body, len) = ours.as_ref().map_or(([0; 125], 0), CloseReason::encode);
        let payload = Payload::new(&body[..len]).expect("a close reason fits in a control frame");
        self.outgoing.push_close(payload);
        // Nothing more is sent.
        if let Some(deflater) = &mut self.deflater {
            deflater.release();
        }
        let closing = Closing {
            cause,
            ours,
            left: false,
            theirs: None,
            broken: false,
            deadline,
            over: false,
            reported: false,
        };
        self.closing = Some(Box::new(closing));
    }
}
