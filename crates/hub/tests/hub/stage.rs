//! A hub, clients that say and hear JSON, and an endpoint that notes what it is called for.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use everwire::{Agreement, Config, Message, Role, WebSocket};
use everwire_hub::proto::{CloseCode, ErrorCode, ErrorReply, JsonText, Name, Payload, Topic};
use everwire_hub::{
    Access, Ending, Endpoint, EndpointError, Hub, HubConfig, Request, Session, TopicConfig,
};
use serde_json::{Value, json};
use tokio::io::{DuplexStream, duplex};
use tokio::task::JoinHandle;

/// Bytes that a pipe takes before its writer waits.
const PIPE: usize = 16 << 10;

/// An endpoint that lets everybody do everything but in topics that begin with `secret`.
#[derive(Clone, Default)]
pub(crate) struct Open(
    pub(crate) Arc<Mutex<Vec<String>>>,
    /// Whoever has `slow` in its query is known once this is told.
    pub(crate) Arc<tokio::sync::Notify>,
);

impl Open {
    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }

    /// What it was called for, in order.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Endpoint for Open {
    async fn identify(
        &self,
        request: &Request,
        token: Option<&str>,
    ) -> Result<Option<Name>, ErrorReply> {
        if request.query("slow").is_some() {
            self.1.notified().await;
        }
        match token {
            Some("wrong") => Err(ErrorReply::new(ErrorCode::Unauthorized, "who is that")),
            Some(token) => Ok(Some(Name::new(token).unwrap())),
            None => Ok(None),
        }
    }

    async fn allow(&self, _: &Session, _: Access, topic: &Topic) -> Result<(), ErrorReply> {
        assert_ne!(&**topic, "panic", "as asked");
        match topic.starts_with("secret") {
            true => Err(ErrorReply::new(ErrorCode::Denied, "not for you")),
            false => Ok(()),
        }
    }

    async fn allow_status(&self, _: &Session, _: &[Name]) -> Result<(), ErrorReply> {
        Ok(())
    }

    async fn on_open(&self, session: &Session) {
        let room = session.request().param("room").unwrap();
        self.note(format!("open {room}"));
        if room == "busy" {
            let topic = Topic::new("chat:busy").unwrap();
            session.subscribe(&topic, Default::default()).await.unwrap();
            for n in 1..=3 {
                session.publish(&topic, Payload::of(&n).unwrap()).await.unwrap();
            }
        }
        if room == "early" {
            session.send(Payload::of("welcome").unwrap()).await.unwrap();
            let topic = Topic::new("chat:early").unwrap();
            session.subscribe(&topic, Default::default()).await.unwrap();
        }
    }

    async fn on_message(
        &self,
        session: &Session,
        message: Payload,
    ) -> Result<Option<Payload>, ErrorReply> {
        let Payload::Json(json) = &message else { return Ok(Some(message)) };
        match json.read::<Value>().unwrap() {
            Value::String(text) if text == "panic" => panic!("as asked"),
            Value::String(text) if text == "panic slowly" => {
                session.request().keep(Slow);
                panic!("as asked")
            }
            Value::String(text) if text == "hang" => std::future::pending().await,
            Value::String(text) if text == "nap" => {
                tokio::time::sleep(Duration::from_secs(5)).await;
                Ok(None)
            }
            Value::String(text) if text == "fail" => {
                Err(ErrorReply::new(ErrorCode::Internal, "as asked"))
            }
            Value::String(text) if text == "join" => {
                let topic =
                    Topic::new(&format!("chat:{}", session.request().param("room").unwrap()));
                session.subscribe(&topic.unwrap(), Default::default()).await?;
                Ok(None)
            }
            Value::String(text) if text == "join t" => {
                session.subscribe(&Topic::new("t").unwrap(), Default::default()).await?;
                Ok(None)
            }
            Value::String(text) if text.starts_with("I am ") => {
                session.introduce(JsonText::of(&text[5..]).unwrap()).await?;
                Ok(None)
            }
            Value::String(text) if text == "query" => {
                let text = session.request().query("text");
                Ok(Some(Payload::of(&text).unwrap()))
            }
            Value::String(text) if text == "publish" => {
                let (topic, payload) = (Topic::new("t").unwrap(), Payload::of("hi").unwrap());
                session.publish(&topic, payload).await.unwrap();
                Ok(None)
            }
            Value::String(text) if text == "publish to others" => {
                let (topic, payload) = (Topic::new("t").unwrap(), Payload::of("hi").unwrap());
                session.publish_to_others(&topic, payload).await?;
                Ok(None)
            }
            Value::String(text) if text == "leave" => {
                session.close(CloseCode::TOLD_TO_GO, "as asked");
                Ok(None)
            }
            _ => Ok(Some(message)),
        }
    }

    async fn on_rpc(
        &self,
        _: &Session,
        method: &str,
        payload: Payload,
    ) -> Result<Payload, ErrorReply> {
        match method {
            "echo" => Ok(payload),
            "wait" => std::future::pending().await,
            _ => Err(ErrorReply::new(ErrorCode::NoMethod, format!("no `{method}`"))),
        }
    }

    async fn on_error(&self, session: &Session, error: &EndpointError) {
        if session.request().kept::<Slow>().is_some() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        self.note(format!("error {error}"));
    }

    async fn on_close(&self, _: &Session, ending: &Ending) {
        self.note(format!("close {} clean {}", ending.code.0, ending.was_clean));
    }
}

/// What is kept with a session whose `on_error` takes a second.
#[derive(Clone)]
struct Slow;

/// A hub with the endpoint `Open` at `/chat/{room}`.
pub(crate) struct Stage {
    pub(crate) hub: Hub,
    pub(crate) endpoint: Open,
    /// What its WebSockets go by.
    pub(crate) socket: Config,
    /// How often the tasks that serve were woken.
    pub(crate) polls: Arc<AtomicUsize>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn with(change: impl FnOnce(&mut HubConfig)) -> Self {
        let mut config = HubConfig::default();
        change(&mut config);
        let endpoint = Open::default();
        let hub = Hub::builder().config(config).endpoint("/chat/{room}", endpoint.clone());
        let mut socket = Config::default();
        socket.heartbeat_interval = None;
        socket.idle_timeout = None;
        Self { hub: hub.unwrap().build(), endpoint, socket, polls: Arc::default() }
    }

    /// All topics go by the same rules.
    pub(crate) fn with_topics(change: impl Fn(&mut TopicConfig) + Send + Sync + 'static) -> Self {
        Self::with(|config| {
            config.topics = Arc::new(move |_| {
                let mut topic = TopicConfig::default();
                change(&mut topic);
                topic
            });
        })
    }

    /// A connection that was just opened.
    pub(crate) fn open(&self, path: &str, subprotocol: Option<&str>) -> Client {
        self.open_aborting(path, subprotocol).0
    }

    /// A connection that was just opened, and the task that serves it.
    pub(crate) fn open_aborting(
        &self,
        path: &str,
        subprotocol: Option<&str>,
    ) -> (Client, JoinHandle<()>) {
        self.open_with(http::Request::get(path).body(()).unwrap(), subprotocol)
    }

    /// A connection that was opened by this request.
    pub(crate) fn open_with(
        &self,
        request: http::Request<()>,
        subprotocol: Option<&str>,
    ) -> (Client, JoinHandle<()>) {
        let (near, far) = duplex(PIPE);
        let agreement = Agreement::new(subprotocol.map(str::to_owned), None);
        let config = Arc::new(self.socket.clone());
        let socket = WebSocket::from_handshake(
            near,
            Role::Client,
            agreement.clone(),
            Vec::new(),
            config.clone(),
        );
        let server = WebSocket::from_handshake(far, Role::Server, agreement, Vec::new(), config);
        let hub = self.hub.clone();
        let polls = self.polls.clone();
        let serving = tokio::spawn(async move {
            let mut serve = pin!(hub.serve(&request, server));
            poll_fn(|cx| {
                polls.fetch_add(1, Ordering::Relaxed);
                serve.as_mut().poll(cx)
            })
            .await;
        });
        (Client { socket, last_id: 0 }, serving)
    }

    pub(crate) fn raw(&self) -> Client {
        self.open("/chat/blue", None)
    }

    /// A client of the hub's language that has said `connect`; and what was answered.
    pub(crate) async fn connect(&self, connect: Value) -> (Client, Value) {
        let mut client = self.open("/chat/blue", Some("everwire.json.v1"));
        let connected = client.ask(json!({ "connect": with_version(connect) })).await;
        (client, connected)
    }

    /// A client of the hub's language that is connected.
    pub(crate) async fn client(&self) -> Client {
        self.connect(json!({})).await.0
    }

    pub(crate) async fn publish(&self, topic: &str, data: Value) {
        let payload = Payload::of(&data).unwrap();
        self.hub.publish(&Topic::new(topic).unwrap(), payload).await.unwrap();
    }

    /// Publishes the numbers of a range.
    pub(crate) async fn count(&self, topic: &str, range: std::ops::RangeInclusive<u64>) {
        for n in range {
            self.publish(topic, json!(n)).await;
        }
    }
}

pub(crate) fn with_version(mut connect: Value) -> Value {
    connect["version"] = json!(1);
    connect
}

/// A client.
pub(crate) struct Client {
    pub(crate) socket: WebSocket<DuplexStream>,
    last_id: u64,
}

impl Client {
    pub(crate) async fn say(&mut self, message: Value) {
        self.socket.send(message.to_string()).await.unwrap();
    }

    /// Says a command, and gives what is answered: `ok`, or the error's code.
    pub(crate) async fn ask(&mut self, mut command: Value) -> Value {
        self.last_id += 1;
        command["id"] = json!(self.last_id);
        self.say(command).await;
        let reply = self.hear().await;
        assert_eq!(reply["id"], json!(self.last_id), "{reply}");
        match reply.get("ok") {
            Some(ok) => ok.clone(),
            None => reply["error"]["code"].clone(),
        }
    }

    pub(crate) async fn subscribe(&mut self, topic: &str) -> Value {
        self.ask(json!({ "subscribe": { "topic": topic } })).await
    }

    /// The next message, which has to come.
    pub(crate) async fn hear(&mut self) -> Value {
        let message = self.hear_raw().await;
        serde_json::from_slice(message.as_bytes()).unwrap_or_else(|e| panic!("{message:?}: {e}"))
    }

    pub(crate) async fn hear_raw(&mut self) -> Message {
        let message = soon(self.socket.recv()).await;
        message.unwrap_or_else(|| panic!("{:?}", self.socket.close_report()))
    }

    /// The next publication's offset and payload.
    pub(crate) async fn hear_publication(&mut self) -> (u64, Value) {
        let message = self.hear().await;
        let publication = &message["pub"];
        assert!(publication.is_object(), "{message}");
        (publication["offset"].as_u64().unwrap_or(0), publication["data"].clone())
    }

    /// The next publications' payloads.
    pub(crate) async fn hear_publications(&mut self, count: usize) -> Vec<Value> {
        let mut heard = Vec::new();
        for _ in 0..count {
            heard.push(self.hear_publication().await.1);
        }
        heard
    }

    /// That nothing is there to be heard: the answer to a heartbeat is what comes next.
    pub(crate) async fn hear_nothing(&mut self) {
        self.say(json!({})).await;
        let message = self.hear().await;
        assert!(message.get("got").is_some(), "{message}");
    }

    /// How the connection ends; what comes before is dropped.
    pub(crate) async fn end(&mut self) -> u16 {
        while soon(self.socket.recv()).await.is_some() {}
        u16::from(self.socket.close_report().unwrap().code)
    }

    /// The connection breaks.
    pub(crate) fn cut(self) {
        self.socket.abort();
    }
}

/// Awaits something that must not hang.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it hangs")
}

/// Lets other tasks go as far as they can.
pub(crate) async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn numbers(range: std::ops::RangeInclusive<u64>) -> Vec<Value> {
    range.map(|n| json!(n)).collect()
}
