//! A connection of a session, from its first message to its last.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::time::Duration;

use everwire::{CloseReason, CloseReport, Kind, Message, Stream, WebSocket};
use everwire_proto::{Bye, ClientMessage, CloseCode, Encoded, Encoding, HubMessage, Verdict};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::Session;
use super::commands::{self, PANICKED};
use super::serve::Serving;
use crate::endpoint::Ending;
use crate::frames::{Speech, hub_frame};

/// Bytes of a close reason: RFC 6455 §5.5 leaves a control frame 125, two of them for the code.
const MAX_REASON: usize = 123;

/// How long a client waits to hear that a message was taken that has no reply.
const GOT_SOON: Duration = Duration::from_millis(100);

/// After so many messages of the client it is told how many were taken.
const GOT_EVERY: u64 = 64;

/// How far apart signs of life are at least that are given while a message is dealt with.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// A session with a link, in the task that has it.
pub(crate) struct Attached<'a, S: Stream> {
    serving: &'a mut Serving<S>,
    /// Messages that the client does not know to be taken, and when it is to know.
    unsaid: u64,
    say_got: Option<Pin<Box<Sleep>>>,
}

/// How a link came to its end.
#[derive(Debug)]
pub(crate) enum LinkEnd {
    /// The session is over.
    Session(Ending),
    /// The connection is gone; the session waits for another one.
    Lost,
    /// Another link of the session's has taken over.
    TakenOver,
}

impl LinkEnd {
    pub(super) fn of(due: Due) -> Self {
        match due {
            Due::TakenOver => Self::TakenOver,
            // A client that is too slow comes back and goes on.
            Due::Lost | Due::TooSlow => Self::Lost,
            Due::Close(code, reason) => Self::Session(Ending { code, reason, was_clean: true }),
            Due::Panicked => {
                let reason = "the endpoint panicked".to_owned();
                Self::Session(Ending { code: PANICKED, reason, was_clean: false })
            }
        }
    }
}

impl<'a, S: Stream> Attached<'a, S> {
    pub(super) fn new(serving: &'a mut Serving<S>) -> Self {
        Self { serving, unsaid: 0, say_got: None }
    }

    fn session(&self) -> &Session {
        &self.serving.session
    }

    /// Serves the link until it ends.
    pub(crate) async fn run(&mut self) -> LinkEnd {
        loop {
            if let Some(end) = self.due() {
                return self.say_goodbye(end);
            }
            let Serving { session, socket, .. } = &mut *self.serving;
            tokio::select! {
                () = poll_fn(|cx| session.lock().bell.poll(cx)) => {}
                () = session.catch_up() => {}
                () = expired(&mut self.say_got) => self.say_got(),
                message = socket.recv() => match message {
                    None => return self.lost(),
                    // In a box, as catching up is: most of the time there is nothing to do.
                    Some(message) => {
                        self.serving.at_work = true;
                        let handled = Box::pin(self.handle_alive(message)).await;
                        self.serving.at_work = false;
                        if let Err(end) = handled {
                            return self.say_goodbye(end);
                        }
                    }
                },
            }
        }
    }

    /// Whether the link or the session has to end.
    fn due(&self) -> Option<Due> {
        let state = self.session().lock();
        if state.link != self.serving.link {
            return Some(Due::TakenOver);
        }
        if state.too_slow {
            return Some(Due::TooSlow);
        }
        state.closing.clone().map(|(code, reason)| Due::Close(code, reason))
    }

    /// The connection has ended by itself, or the client has ended it.
    fn lost(&self) -> LinkEnd {
        let report = self.serving.socket.close_report();
        let (code, reason) = report.map_or((CloseCode(1006), String::new()), told);
        let farewell = self.session().0.speech == Speech::Raw
            || matches!(code, CloseCode::FAREWELL | CloseCode(1000));
        match farewell {
            true => LinkEnd::Session(Ending { code, reason, was_clean: code.0 != 1006 }),
            false => LinkEnd::Lost,
        }
    }

    fn say_goodbye(&self, due: Due) -> LinkEnd {
        let (code, reason) = match &due {
            Due::TakenOver => (CloseCode::TAKEN_OVER, "taken over"),
            Due::Lost => (CloseCode(1011), ""),
            Due::TooSlow => (CloseCode::TOO_SLOW, "too slow"),
            Due::Panicked => (PANICKED, "the endpoint failed"),
            Due::Close(code, reason) => (*code, &**reason),
        };
        if let Speech::Hub(encoding) = self.session().0.speech {
            self.session().push_now(&HubMessage::Bye(Bye::new(code, reason)), encoding);
        }
        close(&self.serving.socket, code, reason);
        LinkEnd::of(due)
    }

    /// Handles a message, and gives signs of life if that takes long: nothing is read meanwhile, so that the
    /// client's own question is not answered.
    async fn handle_alive(&mut self, message: Message) -> Result<(), Due> {
        let session = self.session().clone();
        let interval = session.0.hub.config.heartbeat_interval.max(SIGN_OF_LIFE);
        let mut handling = pin!(self.handle(message));
        loop {
            match timeout(interval, &mut handling).await {
                Ok(handled) => return handled,
                Err(_) => session.say_got(),
            }
        }
    }

    async fn handle(&mut self, message: Message) -> Result<(), Due> {
        match self.session().0.speech {
            Speech::Raw => {
                let max = self.session().0.hub.config.max_message;
                let payload = commands::raw_payload(message, max)?;
                commands::on_message(self.session(), &*self.serving.endpoint, payload).await
            }
            Speech::Hub(encoding) => self.handle_encoded(&encoded(message), encoding).await,
        }
    }

    async fn handle_encoded(&mut self, message: &Encoded, encoding: Encoding) -> Result<(), Due> {
        let config = &self.session().0.hub.config;
        let message = ClientMessage::decode(message, encoding, config.max_message);
        if let Ok(ClientMessage::Heartbeat { got }) = message {
            return self.handle_heartbeat(got);
        }
        let interval = config.heartbeat_interval;
        // What has no reply is waited for by its number.
        let is_send = matches!(message, Ok(ClientMessage::Send(_)));
        self.take(if is_send { GOT_SOON.min(interval) } else { interval });
        match message {
            Ok(message) => commands::handle(self.session(), &*self.serving.endpoint, message).await,
            Err(error) => match error.verdict() {
                Verdict::Ignore => Ok(()),
                Verdict::Answer(id, reply) => {
                    self.session().reply(id, Err(reply)).await;
                    Ok(())
                }
                Verdict::Close(code) => Err(Due::Close(code, error.to_string())),
            },
        }
    }

    fn handle_heartbeat(&mut self, got: Option<u64>) -> Result<(), Due> {
        match got {
            None => self.say_got(),
            Some(got) if self.session().lock().sent.handle_got(got) => {}
            Some(_) => {
                let reason = "`got` is more than was sent".to_owned();
                return Err(Due::Close(CloseCode::NOT_UNDERSTOOD, reason));
            }
        }
        Ok(())
    }

    /// One more message of the client's is taken, which it is to know within this time.
    fn take(&mut self, within: Duration) {
        self.session().lock().received += 1;
        self.unsaid += 1;
        if self.unsaid >= GOT_EVERY {
            self.say_got();
            return;
        }
        let at = Instant::now() + within;
        if self.say_got.as_ref().is_none_or(|sleep| sleep.deadline() > at) {
            self.say_got = Some(Box::pin(sleep_until(at)));
        }
    }

    /// Tells the client how many of its messages were taken.
    fn say_got(&mut self) {
        (self.unsaid, self.say_got) = (0, None);
        self.session().say_got();
    }
}

impl Session {
    /// Tells the client how many of its messages were taken.
    fn say_got(&self) {
        let Speech::Hub(encoding) = self.0.speech else { return };
        let got = Some(self.lock().received);
        self.push_now(&HubMessage::Heartbeat { got }, encoding);
    }

    /// Sends what has no number. If there is no room, the client hears enough as it is.
    fn push_now(&self, message: &HubMessage, encoding: Encoding) {
        if let Some(outlet) = &self.lock().outlet {
            let _ = outlet.try_send(&hub_frame(message, encoding));
        }
    }
}

/// Something has to end.
#[derive(Debug)]
pub(crate) enum Due {
    /// The link: another one has taken over.
    TakenOver,
    /// The link: it has failed.
    Lost,
    /// The link: its client does not keep up.
    TooSlow,
    /// The session.
    Close(CloseCode, String),
    /// The session: its endpoint panicked.
    Panicked,
}

async fn expired(sleep: &mut Option<Pin<Box<Sleep>>>) {
    match sleep {
        Some(sleep) => sleep.as_mut().await,
        None => std::future::pending().await,
    }
}

pub(crate) fn close<S: Stream>(socket: &WebSocket<S>, code: CloseCode, reason: &str) {
    socket.start_close(close_reason(code, reason));
}

/// A close reason that fits.
pub(crate) fn close_reason(code: CloseCode, reason: &str) -> Option<CloseReason> {
    let code = everwire::CloseCode::try_from(code.0).unwrap_or(everwire::CloseCode::NORMAL);
    let end = reason.char_indices().map(|(at, letter)| at + letter.len_utf8());
    let end = end.take_while(|end| *end <= MAX_REASON).last().unwrap_or(0);
    CloseReason::new(code, &reason[..end]).ok()
}

pub(crate) fn encoded(message: Message) -> Encoded {
    match message.kind() {
        Kind::Text => Encoded::Text(message.into_bytes()),
        Kind::Binary => Encoded::Binary(message.into_bytes()),
    }
}

fn told(report: CloseReport) -> (CloseCode, String) {
    (CloseCode(u16::from(report.code)), report.reason.as_str().to_owned())
}
