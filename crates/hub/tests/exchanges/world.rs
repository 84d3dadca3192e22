//! A hub as an exchange wants it, and what happens there beside the client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use everwire::{Agreement, CloseCode as SocketCode, CloseReason, Config, Role, WebSocket};
use everwire_hub::log::HistoryLimits;
use everwire_hub::proto::{CloseCode, ErrorCode, ErrorReply, Name, Payload, Topic};
use everwire_hub::{Access, Endpoint, Hub, HubConfig, Request, Session, TopicConfig};
use serde_json::{Value, json};
use tokio::io::{DuplexStream, duplex};

use crate::store::Store;

/// The one path.
const PATH: &str = "/";

/// The hub of an exchange, and whoever else is there.
pub(crate) struct World {
    pub(crate) hub: Hub,
    store: Store,
    denied: Arc<Mutex<Vec<Topic>>>,
    others: HashMap<String, WebSocket<DuplexStream>>,
}

/// Takes `t-ada` for ada, and whoever else the world brings.
struct Script {
    /// What is answered to which method; null is never.
    rpc: Value,
    denied: Arc<Mutex<Vec<Topic>>>,
}

impl Endpoint for Script {
    async fn identify(&self, _: &Request, token: Option<&str>) -> Result<Option<Name>, ErrorReply> {
        match token.and_then(|token| token.strip_prefix("t-")) {
            Some(user) => Ok(Some(Name::new(user).unwrap())),
            None => Err(ErrorReply::new(ErrorCode::Unauthorized, "who is that")),
        }
    }

    async fn allow(&self, _: &Session, _: Access, topic: &Topic) -> Result<(), ErrorReply> {
        match self.denied.lock().unwrap().contains(topic) {
            true => Err(ErrorReply::new(ErrorCode::Denied, "not for you")),
            false => Ok(()),
        }
    }

    async fn allow_status(&self, _: &Session, _: &[Name]) -> Result<(), ErrorReply> {
        Ok(())
    }

    async fn on_rpc(&self, _: &Session, method: &str, _: Payload) -> Result<Payload, ErrorReply> {
        match self.rpc.get(method) {
            Some(Value::Null) => std::future::pending().await,
            Some(answer) => Ok(Payload::of(answer).unwrap()),
            None => Err(ErrorReply::new(ErrorCode::NoMethod, "unknown here")),
        }
    }
}

impl World {
    pub(crate) fn new(written: &Value) -> Self {
        let is_live = {
            let topics = written["topics"].clone();
            move |topic: &Topic| topics[&**topic]["history"] == false
        };
        let max_replay = written["max_replay"].as_u64();
        let limits = move |topic: &Topic| {
            let mut limits = HistoryLimits::default();
            if is_live(topic) {
                limits.max_entries = 0;
            }
            if let Some(max) = max_replay {
                limits.max_recovered = max.try_into().unwrap();
            }
            limits
        };
        let mut config = HubConfig::default();
        let history = limits.clone();
        config.topics = Arc::new(move |topic| {
            let mut rules = TopicConfig::default();
            (rules.history, rules.presence) = (history(topic), true);
            rules
        });
        let store = Store::new(limits);
        let topics = written["topics"].as_object().into_iter().flatten();
        let denied = topics.filter(|(_, rules)| rules["allow"] == json!([]));
        let denied = Arc::new(Mutex::new(denied.map(|(name, _)| topic(name)).collect()));
        let script = Script { rpc: written["rpc"].clone(), denied: denied.clone() };
        let hub = Hub::builder().config(config).broker(store.clone()).endpoint(PATH, script);
        Self { hub: hub.unwrap().build(), store, denied, others: HashMap::new() }
    }

    /// A connection to the hub.
    pub(crate) fn connect(&self) -> WebSocket<DuplexStream> {
        let (near, far) = duplex(64 << 10);
        let agreement = Agreement::new(Some("everwire.json.v1".to_owned()), None);
        let mut quiet = Config::default();
        quiet.heartbeat_interval = None;
        quiet.idle_timeout = None;
        let open = |stream, role, config| {
            WebSocket::from_handshake(stream, role, agreement.clone(), Vec::new(), Arc::new(config))
        };
        let client = open(near, Role::Client, quiet);
        let server = open(far, Role::Server, Config::default());
        let (hub, request) = (self.hub.clone(), http::Request::get(PATH).body(()).unwrap());
        tokio::spawn(async move { hub.serve(&request, server).await });
        client
    }

    /// Something happens. The client has this session, with its key, and got so much there.
    pub(crate) async fn happen(&mut self, what: &Value, (id, key): &(Value, Value), got: u64) {
        let (name, fields) = what.as_object().unwrap().iter().next().unwrap();
        let topic = || topic(fields["topic"].as_str().unwrap());
        let user = || fields["user"].as_str().unwrap().to_owned();
        let session = || self.hub.session(id.as_str().unwrap()).expect("a session");
        match name.as_str() {
            "publish" => {
                for _ in 0..fields["count"].as_u64().unwrap_or(1) {
                    self.store.publish_as(&user(), &topic(), payload(fields));
                }
            }
            "trim" => self.store.trim(&topic(), number(&fields["keep"])),
            "cut" => self.store.cut(&topic(), number(&fields["behind"])),
            "forget" => self.store.forget(&topic()),
            "deny" => self.denied.lock().unwrap().push(topic()),
            "forgetSession" => {
                let session = session();
                session.close(CloseCode::TOLD_TO_GO, "forgotten");
                while !session.is_ended() {
                    tokio::task::yield_now().await;
                }
            }
            "subscribe" => session().subscribe(&topic(), Default::default()).await.unwrap(),
            "unsubscribe" => assert!(session().unsubscribe(&topic()).await),
            "message" => session().send(payload(fields)).await.unwrap(),
            "bye" => {
                let code = CloseCode(number(&fields["code"]).try_into().unwrap());
                session().close(code, fields["reason"].as_str().unwrap());
            }
            "takeover" => {
                let resume = json!({ "session": id, "key": key, "got": got });
                self.join("t-ada", json!({ "resume": resume })).await;
            }
            "join" => {
                let subscriptions = json!({ (topic().as_str()): {} });
                let token = format!("t-{}", user());
                self.join(&token, json!({ "subscriptions": subscriptions })).await;
            }
            "leave" => {
                let mut socket = self.others.remove(&format!("t-{}", user())).unwrap();
                socket.close(CloseReason::new(SocketCode::NORMAL, "").ok()).await;
            }
            other => panic!("the world knows no `{other}`"),
        }
    }

    /// Somebody else connects.
    async fn join(&mut self, token: &str, mut connect: Value) {
        connect["version"] = json!(1);
        connect["token"] = json!(token);
        let mut socket = self.connect();
        socket.send(json!({ "id": 1, "connect": connect }).to_string()).await.unwrap();
        let reply = socket.recv().await.unwrap();
        assert!(reply.as_text().unwrap().contains("\"ok\""), "{reply:?}");
        self.others.insert(token.to_owned(), socket);
    }
}

fn topic(name: &str) -> Topic {
    Topic::new(name).unwrap()
}

fn number(value: &Value) -> usize {
    value.as_u64().unwrap().try_into().unwrap()
}

fn payload(fields: &Value) -> Payload {
    Payload::of(&fields["data"]).unwrap()
}
