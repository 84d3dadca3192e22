//! A session whose hub, transport and application do what they like.

use std::collections::BTreeSet;

use everwire_proto::session::{Input, Output, Request, Session};
use everwire_proto::{
    ClientMessage, CloseCode, Command, CommandKind, Encoded, Encoding, Id, Method, Name, Payload,
    SubscribeOptions, Topic,
};
use everwire_testkit::Dice;
use serde_json::{Value, json};

use crate::network::{Step, config};

#[test]
fn whatever_happens_each_request_is_settled_once() {
    for seed in 0..600 {
        let mut chaos = Chaos::new(seed);
        for _ in 0..80 {
            chaos.something_happens();
        }
        chaos.step(Input::Close);
        assert!(chaos.session.is_ended() && chaos.session.next_deadline().is_none());
        assert!(chaos.open.is_empty(), "seed {seed}: {:?} are not settled", chaos.open);
    }
}

/// A session and the inputs that it gets.
pub(crate) struct Chaos {
    seed: u64,
    dice: Dice,
    now: u64,
    session: Session,
    /// The last `connect`, the session that it wants to resume, and how many messages went since.
    connect: Option<(Id, Option<String>)>,
    /// How many messages were sent, and how many the hub said that it got.
    sent: u64,
    confirmed: u64,
    /// The commands that were sent.
    asked: Vec<(u64, CommandKind)>,
    next_ticket: u64,
    open: BTreeSet<u64>,
    pub(crate) steps: Vec<Step>,
}

impl Chaos {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            dice: Dice::new(0xBAD_0000 + seed),
            now: 1_000_000,
            session: Session::new(config()),
            connect: None,
            sent: 0,
            confirmed: 0,
            asked: Vec::new(),
            next_ticket: 1,
            open: BTreeSet::new(),
            steps: Vec::new(),
        }
    }

    pub(crate) fn something_happens(&mut self) {
        let input = match self.dice.below(20) {
            0 | 1 => self.opened(),
            2 if self.dice.one_in(2) => Input::Lost { code: None },
            3 if self.dice.one_in(4) => {
                let codes = [1000, 1001, 1006, 4000, 4408, 4410, 4500, 3000];
                Input::Lost { code: Some(CloseCode(*self.dice.pick(&codes))) }
            }
            4 => Input::Away(self.dice.one_in(2)),
            5 => Input::Ack { topic: self.topic(), offset: self.dice.below(4) as u64 },
            6 if self.dice.one_in(20) => Input::Close,
            7 | 8 => {
                let deadline = self.session.next_deadline().unwrap_or(self.now);
                self.now = deadline.max(self.now) + *self.dice.pick(&[0, 0, 0, 1, 40_000]);
                Input::Tick
            }
            9 => {
                self.now += self.dice.below(3_000) as u64;
                Input::Tick
            }
            10..14 => self.request(),
            _ => Input::Received(Encoded::Text(self.message().into())),
        };
        self.step(input);
    }

    pub(crate) fn step(&mut self, input: Input) {
        let seed = self.seed;
        let (now, random) = (self.now, self.dice.below(1_000) as f64 / 1_000.0);
        let was_ended = self.session.is_ended();
        let is_tick = input == Input::Tick;
        if let Input::Request { ticket, .. } = &input {
            self.open.insert(*ticket);
        }
        let outputs = self.session.step(now, random, input.clone());
        for output in &outputs {
            match output {
                Output::Settled { ticket, .. } => {
                    assert!(self.open.remove(ticket), "seed {seed}: {ticket} is settled twice");
                }
                Output::Transmit(message) => {
                    assert!(!was_ended, "seed {seed}: {message:?} after the end");
                    self.transmitted(message);
                }
                _ => assert!(!was_ended, "seed {seed}: {output:?} after the end"),
            }
        }
        let deadline = self.session.next_deadline();
        assert!(!is_tick || deadline.is_none_or(|at| at > now), "seed {seed}: it is due again");
        self.steps.push(Step { now, random, input, outputs, deadline });
    }

    fn transmitted(&mut self, message: &ClientMessage) {
        let is_connect =
            matches!(message, ClientMessage::Command { command: Command::Connect(_), .. });
        if !is_connect && !matches!(message, ClientMessage::Heartbeat { .. }) {
            self.sent += 1;
        }
        if let ClientMessage::Command { id, command } = message {
            self.asked.push((id.get(), command.kind()));
            if let Command::Connect(connect) = command {
                let resume = connect.resume.as_ref().map(|resume| resume.session.to_string());
                self.connect = Some((*id, resume));
            }
        }
    }

    fn opened(&self) -> Input {
        Input::Opened { encoding: Encoding::Json, token: None }
    }

    fn topic(&mut self) -> Topic {
        Topic::new(self.dice.pick::<&str>(&["a", "b", "c"])).unwrap()
    }

    fn request(&mut self) -> Input {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let topic = self.topic();
        let payload = Payload::json(*self.dice.pick(&["1", "null", "\"twelve bytes\""])).unwrap();
        let request = match self.dice.below(9) {
            0 | 1 => Request::Subscribe { topic, options: SubscribeOptions::default() },
            2 => Request::Unsubscribe { topic },
            3 => Request::Publish { topic, payload, echo: self.dice.one_in(2) },
            4 => Request::Rpc { method: Method::new("do").unwrap(), payload },
            5 => Request::Send(payload),
            6 => Request::History { topic, before: None, limit: Some(1) },
            7 => Request::Presence { topic },
            _ => Request::Status { users: vec![Name::new("bob").unwrap()] },
        };
        Input::Request { ticket, request }
    }

    /// Something that a hub might say, or might not.
    fn message(&mut self) -> String {
        if let Some((id, resume)) = self.connect.clone()
            && !self.dice.one_in(16)
        {
            self.connect = None;
            if self.dice.one_in(20) {
                return self.error(id.get()).to_string();
            }
            return self.connected(id, resume).to_string();
        }
        let topic = self.topic().to_string();
        let (offset, tag) = (self.dice.below(4), self.dice.below(2));
        let position =
            json!({ "epoch": self.dice.pick(&["e", "f"]), "offset": offset, "tag": tag });
        let start = json!({ "position": position, "head": position });
        let version = self.dice.below(5);
        let message = match self.dice.below(22) {
            0..6 => json!({ "pub": {
                "topic": topic, "offset": offset + 1, "tag": self.dice.below(2), "prev": tag,
                "time": 1, "data": 1,
            } }),
            6 => json!({ "pub": { "topic": topic, "time": 1, "data": 1 } }),
            7 => json!({ "pub": {
                "topic": topic, "offset": offset + 1, "tag": tag, "prev": tag, "skip": true,
            } }),
            8 => json!({ "gap": {
                "topic": topic, "reason": "dropped", "from": position, "to": position,
            } }),
            9..15 => self.reply(start),
            15 => json!({ "presence": { "topic": topic, "version": version, "count": 3 } }),
            16 => json!({ "presence": { "topic": topic, "version": version } }),
            17 => json!({ "message": { "data": null } }),
            18 => {
                let mut subscribed = start;
                subscribed["topic"] = topic.into();
                json!({ "subscribed": subscribed })
            }
            19 => json!({ "unsubscribed": { "topic": topic } }),
            20 => match self.dice.below(4) {
                0 => json!({ "got": self.got() }),
                1 => json!({ "drain": { "after": 1_000, "within": 2_000 } }),
                2 => json!({ "bye": { "code": 4412, "reason": "", "retry": true, "after": 100 } }),
                _ => json!({}),
            },
            _ => match self.dice.below(12) {
                0 => json!([]),
                1 => {
                    let code = *self.dice.pick(&[1001, 4410, 4503]);
                    json!({ "bye": { "code": code, "retry": false } })
                }
                2 => json!({ "id": 1, "ok": [] }),
                _ => json!({ "news": {} }),
            },
        };
        message.to_string()
    }

    /// Mostly to one of the last commands, and of the right kind.
    fn reply(&mut self, start: Value) -> Value {
        let last: Vec<(u64, CommandKind)> = self.asked.iter().rev().take(4).copied().collect();
        if last.is_empty() {
            return json!({ "id": 1, "ok": {} });
        }
        let (id, kind) = *self.dice.pick(&last);
        if self.dice.one_in(4) {
            return self.error(id);
        }
        let ok = match kind {
            _ if self.dice.one_in(60) => json!(null),
            CommandKind::Subscribe => start,
            CommandKind::Publish => json!({ "offset": 1, "epoch": "e" }),
            CommandKind::History => {
                json!({ "position": start["head"], "more": false, "publications": [] })
            }
            CommandKind::Rpc => json!({ "b64": "AA==" }),
            CommandKind::Presence => json!({ "version": self.dice.below(5), "members": [] }),
            CommandKind::Status => json!({ "users": {} }),
            _ => json!({}),
        };
        json!({ "id": id, "ok": ok })
    }

    /// As many as there may be, or, seldom, too many or too few.
    fn got(&mut self) -> u64 {
        if self.dice.one_in(30) {
            return *self.dice.pick(&[0, self.sent + 1]);
        }
        let unconfirmed = self.sent.saturating_sub(self.confirmed) as usize;
        self.confirmed += self.dice.below(unconfirmed + 1) as u64;
        self.confirmed
    }

    fn error(&mut self, id: u64) -> Value {
        let code = *self.dice.pick(&["denied", "overloaded", "unsure", "not_subscribed"]);
        let temporary = code == "overloaded";
        json!({ "id": id, "error": { "code": code, "message": "", "temporary": temporary } })
    }

    fn connected(&mut self, id: Id, resume: Option<String>) -> Value {
        let resumed = resume.is_some() && self.dice.one_in(2);
        let name = resume.filter(|_| resumed).unwrap_or_else(|| format!("s-{}", id.get()));
        let start = json!({ "epoch": "e", "offset": 1, "tag": 1 });
        let got = if resumed { self.got() } else { 0 };
        // What was not got is sent again.
        (self.sent, self.confirmed) = (got, got);
        let mut ok = json!({
            "session": name, "key": "k", "resumed": resumed, "got": got,
            "heartbeat": { "interval": 25_000, "timeout": 10_000 },
            "limits": { "max_message": 10, "max_subscriptions": 4, "max_unanswered": 3 },
        });
        if !resumed && self.dice.one_in(2) {
            let topic = self.topic().to_string();
            ok["subscriptions"] = json!({ topic: { "ok": { "position": start, "head": start } } });
        }
        json!({ "id": id.get(), "ok": ok })
    }
}
