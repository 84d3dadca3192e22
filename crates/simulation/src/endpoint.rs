//! The application at the hub: it lets everybody do everything, takes its time, and panics now and then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use everwire_hub::{Access, Ending, Endpoint, EndpointError, Request, Session};
use everwire_proto::{CloseCode, ErrorCode, ErrorReply, Name, Payload, Topic};
use everwire_testkit::Dice;

use crate::payload;
use crate::world::World;

/// The application of one hub.
pub(crate) struct Application {
    world: Arc<World>,
    /// Which hub.
    hub: usize,
    /// Whether the hub has not crashed: what its remains do is nobody's business.
    is_up: Arc<AtomicBool>,
    dice: Mutex<Dice>,
}

impl Application {
    pub(crate) fn new(world: Arc<World>, hub: usize, is_up: Arc<AtomicBool>) -> Self {
        let dice = Mutex::new(world.dice(0xE0D0 + hub as u64));
        Self { world, hub, is_up, dice }
    }

    fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    /// Takes its time.
    async fn dawdle(&self) {
        let most = self.world.scenario.hub.delay;
        if most > 0 && self.world.is_wild.load(Ordering::Relaxed) {
            let mut dice = Dice::new(self.dice.lock().unwrap().next_u64());
            if dice.one_in(3) {
                self.world.dawdle(&mut dice, most).await;
            }
        }
    }

    /// Ends a session now and then, whose client comes back.
    fn lose_patience(&self, session: &Session) {
        if self.world.scenario.hub.panics.is_some()
            && self.world.is_wild.load(Ordering::Relaxed)
            && self.dice.lock().unwrap().one_in(100)
        {
            self.world.history.note(session.id(), format_args!("is told to come anew"));
            session.close(CloseCode(1012), "come anew");
        }
    }

    /// Panics now and then.
    fn stumble(&self, session: &Name, at: &str) {
        let Some(times) = self.world.scenario.hub.panics else { return };
        if self.world.is_wild.load(Ordering::Relaxed) && self.dice.lock().unwrap().one_in(times) {
            self.world.history.note(session, format_args!("{at} panics"));
            self.world.history.count("panic");
            // Not the macro: nothing is to be printed of what was meant.
            std::panic::resume_unwind(Box::new("as the simulation asks"));
        }
    }
}

impl Endpoint for Application {
    async fn identify(&self, _: &Request, token: Option<&str>) -> Result<Option<Name>, ErrorReply> {
        self.dawdle().await;
        Ok(token.and_then(|token| Name::new(token).ok()))
    }

    async fn allow(&self, session: &Session, _: Access, _: &Topic) -> Result<(), ErrorReply> {
        self.dawdle().await;
        self.stumble(session.id(), "allow");
        Ok(())
    }

    async fn allow_status(&self, _: &Session, _: &[Name]) -> Result<(), ErrorReply> {
        Ok(())
    }

    async fn on_open(&self, session: &Session) {
        if !self.is_up() {
            return;
        }
        self.world.history.note(session.id(), format_args!("opens at hub {}", self.hub));
        self.world.history.count("session");
        let opened = self.world.sessions.lock().unwrap().open(self.hub, session.id());
        self.world.history.verdict(opened);
        self.dawdle().await;
        self.stumble(session.id(), "on_open");
    }

    async fn on_message(
        &self,
        session: &Session,
        message: Payload,
    ) -> Result<Option<Payload>, ErrorReply> {
        let id = payload::id(&message);
        self.world.fates.lock().unwrap().handle(id);
        self.world.history.note(session.id(), format_args!("handles #{id}"));
        self.dawdle().await;
        self.stumble(session.id(), "on_message");
        self.lose_patience(session);
        // Some are answered twice: at once, and by what is returned.
        if id > 0 && id.is_multiple_of(3) {
            let extra = self.world.draw_id();
            self.world.messages.lock().unwrap().say(session.id(), extra);
            let _ = session.send(payload::numbered(extra, 100)).await;
        }
        self.world.messages.lock().unwrap().say(session.id(), id);
        Ok(Some(message))
    }

    async fn on_rpc(
        &self,
        session: &Session,
        method: &str,
        payload: Payload,
    ) -> Result<Payload, ErrorReply> {
        if method != "echo" {
            return Err(ErrorReply::new(ErrorCode::NoMethod, "only `echo` is there"));
        }
        let id = payload::id(&payload);
        self.world.fates.lock().unwrap().handle(id);
        self.world.history.note(session.id(), format_args!("is called with #{id}"));
        self.dawdle().await;
        self.stumble(session.id(), "on_rpc");
        Ok(payload)
    }

    async fn on_error(&self, session: &Session, error: &EndpointError) {
        self.world.history.note(session.id(), format_args!("error: {error}"));
    }

    async fn on_close(&self, session: &Session, ending: &Ending) {
        if !self.is_up() {
            return;
        }
        let (code, clean) = (ending.code.0, ending.was_clean);
        self.world.history.note(session.id(), format_args!("closes with {code}, clean {clean}"));
        self.world.history.count(format!("close {code}"));
        let closed = self.world.sessions.lock().unwrap().close(session.id());
        self.world.history.verdict(closed);
    }
}
