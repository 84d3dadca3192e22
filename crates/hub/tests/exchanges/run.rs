//! One exchange: the client's side of it is read out, and what the hub says has to be what is written.

use std::time::Duration;

use everwire::{CloseCode, CloseReason, WebSocket};
use serde_json::{Value, json};
use tokio::io::DuplexStream;

use crate::matching::Bindings;
use crate::world::World;

/// How long the hub may take for what it has to say.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Run<'a> {
    name: &'a str,
    world: World,
    bindings: Bindings,
    link: Option<WebSocket<DuplexStream>>,
    /// The session that there was last, and its key.
    session: (Value, Value),
    /// Numbered messages of the hub on its link.
    got: u64,
}

impl<'a> Run<'a> {
    pub(crate) fn new(name: &'a str, exchange: &Value) -> Self {
        let world = World::new(&exchange["hub"]);
        let session = Default::default();
        Self { name, world, bindings: Bindings::default(), link: None, session, got: 0 }
    }

    pub(crate) async fn steps(mut self, steps: &[Value]) {
        let is_for_a_hub = |step: &&Value| step.get("app").is_none() && step.get("sees").is_none();
        let steps: Vec<_> = steps.iter().filter(is_for_a_hub).collect();
        let mut rest = &steps[..];
        while let [step, others @ ..] = rest {
            let run = rest.iter().take_while(|step| step.get("hub").is_some()).count();
            if run > 0 {
                self.hear(&rest[..run]).await;
                rest = &rest[run..];
            } else {
                self.step(step).await;
                rest = others;
            }
        }
        self.hear_nothing().await;
    }

    async fn step(&mut self, step: &Value) {
        let code = || CloseCode::try_from(u16::try_from(step["code"].as_u64().unwrap()).unwrap());
        if let Some(message) = step.get("client") {
            if step["lost"] != true {
                let message = self.bindings.fill(message).to_string();
                self.link().send(message).await.unwrap();
            }
        } else if let Some(span) = step["after"].as_u64() {
            tokio::time::sleep(Duration::from_millis(span)).await;
        } else if let Some(closes) = step.get("closes") {
            let code = u16::try_from(closes["code"].as_u64().unwrap()).unwrap();
            let code = CloseCode::try_from(code).unwrap();
            self.link().start_close(CloseReason::new(code, "").ok());
        } else if let Some(what) = step.get("world") {
            self.world.happen(what, &self.session, self.got).await;
        } else {
            match step["link"].as_str() {
                Some("open") => (self.link, self.got) = (Some(self.world.connect()), 0),
                Some("lost") => self.link.take().unwrap().abort(),
                Some("closed") => {
                    let may_break = step["maybe"] == true;
                    self.be_closed(code().unwrap(), may_break).await;
                }
                _ => panic!("{}: what is {step}", self.name),
            }
        }
    }

    fn link(&mut self) -> &mut WebSocket<DuplexStream> {
        self.link.as_mut().unwrap_or_else(|| panic!("{}: no link", self.name))
    }

    /// Hears what is written, in any order but for the publications of a topic.
    async fn hear(&mut self, steps: &[&Value]) {
        let mut due: Vec<_> = steps.to_vec();
        while due.iter().any(|step| step["maybe"] != true) {
            let said =
                self.next().await.unwrap_or_else(|| panic!("{}: nothing, not {due:?}", self.name));
            let place = due.iter().position(|step| self.bindings.matches(&step["hub"], &said));
            match place {
                Some(place) => {
                    let earlier = due[..place].iter().any(|step| is_of_same_topic(step, &said));
                    assert!(!earlier, "{}: {said} comes before others of its topic", self.name);
                    due.remove(place);
                }
                None => assert!(is_heartbeat(&said), "{}: {said}, not {due:?}", self.name),
            }
        }
    }

    /// The next thing that the hub says.
    async fn next(&mut self) -> Option<Value> {
        let name = self.name;
        let heard = tokio::time::timeout(PATIENCE, self.link().recv()).await;
        let message = heard.unwrap_or_else(|_| panic!("{name}: the hub says nothing"))?;
        let said: Value = serde_json::from_slice(message.as_bytes()).unwrap();
        match &said["ok"] {
            connected if connected.get("session").is_some() => {
                self.session = (connected["session"].clone(), connected["key"].clone());
            }
            _ if is_heartbeat(&said) => {}
            _ => self.got += 1,
        }
        Some(said)
    }

    async fn be_closed(&mut self, code: CloseCode, may_break: bool) {
        if may_break {
            // Deadlines strike a little late, and a client that reads would answer what it was asked.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        while let Some(said) = self.next().await {
            let may_come = is_heartbeat(&said) || (may_break && said.get("bye").is_some());
            assert!(may_come, "{}: {said} instead of the end", self.name);
        }
        let ended = self.link().close_report().unwrap().code;
        let broke = may_break && ended.get() == 1006;
        assert!(ended == code || broke, "{}: {ended:?}", self.name);
        self.link = None;
    }

    /// If there is still a link, nothing comes but the answer to a heartbeat.
    async fn hear_nothing(mut self) {
        let Some(link) = &self.link else { return };
        if link.send(json!({}).to_string()).await.is_err() {
            return;
        }
        let said = self.next().await.unwrap_or_else(|| panic!("{}: the link ended", self.name));
        assert!(is_heartbeat(&said), "{}: {said} behind the last step", self.name);
    }
}

fn is_heartbeat(said: &Value) -> bool {
    let fields = said.as_object();
    fields.is_some_and(|fields| {
        fields.is_empty() || (fields.len() == 1 && fields.contains_key("got"))
    })
}

fn is_of_same_topic(step: &Value, said: &Value) -> bool {
    said.get("pub").is_some_and(|said| step["hub"]["pub"]["topic"] == said["topic"])
}
