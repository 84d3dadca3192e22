//! A session and a hub with a network between them that breaks: what applications may rely on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use everwire_proto::session::{
    Config, Event, Input, NotSent, Outcome, Output, Request, Session, Then,
};
use everwire_proto::{
    Answer, Encoded, Encoding, Method, Name, Payload, Position, PresenceMode, SubscribeFrom,
    SubscribeOptions, Topic,
};
use everwire_testkit::Dice;

use crate::hub::Hub;

#[test]
fn nothing_is_lost_or_doubled_unless_it_is_told() {
    let mut totals = BTreeMap::new();
    for seed in 0..400 {
        let mut world = World::new(seed, &Encoding::ALL);
        for _ in 0..150 {
            world.something_happens();
        }
        world.comes_to_rest();
        world.check();
        for (what, count) in world.told {
            *totals.entry(what).or_insert(0) += count;
        }
    }
    // Each of these came about, so that something was proven.
    for what in [
        "resumed",
        "anew",
        "gap",
        "recovered",
        "done",
        "sent",
        "uncertain",
        "expired",
        "refused",
        "subscribed",
        "withdrawn",
        "members",
    ] {
        assert!(totals.get(what).is_some_and(|count| *count > 20), "{what}: {totals:?}");
    }
}

/// One step of a session, as traces record it.
pub(crate) struct Step {
    pub(crate) now: u64,
    pub(crate) random: f64,
    pub(crate) input: Input,
    pub(crate) outputs: Vec<Output>,
    pub(crate) deadline: Option<u64>,
}

/// Few may wait, so that the limit is reached.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.client = Name::new("c-1").ok();
    config.max_waiting = 6;
    // Sooner than the hub has it, and longer.
    config.heartbeat_interval = Some(2_000);
    config.heartbeat_timeout = Some(60_000);
    config.lapse_timeout = 500;
    config
}

/// A session, a hub, and what is on its way between them.
pub(crate) struct World {
    seed: u64,
    encodings: &'static [Encoding],
    dice: Dice,
    now: u64,
    session: Session,
    hub: Hub,
    topics: Vec<Topic>,
    is_open: bool,
    to_hub: VecDeque<Encoded>,
    to_client: VecDeque<Encoded>,
    next_ticket: u64,
    // What the application knows.
    open_tickets: BTreeMap<u64, String>,
    done: BTreeSet<String>,
    never: BTreeSet<String>,
    positions: BTreeMap<Topic, Position>,
    told: BTreeMap<&'static str, usize>,
    pub(crate) steps: Vec<Step>,
}

impl World {
    pub(crate) fn new(seed: u64, encodings: &'static [Encoding]) -> Self {
        let topics: Vec<Topic> = ["a", "b", "c"].map(|name| Topic::new(name).unwrap()).into();
        Self {
            seed,
            encodings,
            dice: Dice::new(0x5E55_0000 + seed),
            now: 1_000_000,
            session: Session::new(config()),
            hub: Hub::new(seed, &topics),
            topics,
            is_open: false,
            to_hub: VecDeque::new(),
            to_client: VecDeque::new(),
            next_ticket: 1,
            open_tickets: BTreeMap::new(),
            done: BTreeSet::new(),
            never: BTreeSet::new(),
            positions: BTreeMap::new(),
            told: BTreeMap::new(),
            steps: Vec::new(),
        }
    }

    pub(crate) fn something_happens(&mut self) {
        let topic = self.dice.pick(&self.topics).clone();
        let mut out = Vec::new();
        match self.dice.below(40) {
            0 if self.dice.one_in(2) => self.break_link(),
            1 | 2 if !self.is_open => self.open_link(),
            3 if self.dice.one_in(3) => self.hub.forget_session(),
            4 if self.dice.one_in(3) => self.hub.forget(&topic),
            5 => self.hub.trim(&topic),
            6 | 7 => self.hub.say(&mut out),
            8 | 9 => self.hub.join(&topic, &mut out),
            10 => self.hub.tell(&mut out),
            11..14 => self.hub.publish(self.now, &topic, "bob", &mut out),
            14 => self.pass(*self.dice.clone().pick(&[500, 2_000, 6_000, 25_000, 31_000])),
            15 => self.acknowledge(&topic),
            16..26 => self.deliver_to_hub(),
            26..34 => self.deliver_to_client(),
            _ => self.application_asks(topic),
        }
        self.send(out);
    }

    /// Everything is delivered over a link that stays, and the hub says that it has everything.
    fn comes_to_rest(&mut self) {
        self.hub.is_calm = true;
        for _ in 0..10 {
            if !self.is_open {
                self.open_link();
            }
            while self.is_open && !(self.to_hub.is_empty() && self.to_client.is_empty()) {
                self.deliver_to_hub();
                self.deliver_to_client();
            }
            // Subscriptions that failed for a while are asked for again.
            self.pass(5_000);
            let mut out = Vec::new();
            self.hub.tell(&mut out);
            // What is missing at the end of a log is found with what comes behind it.
            for topic in self.topics.clone() {
                self.hub.publish(self.now, &topic, "eve", &mut out);
            }
            self.send(out);
        }
        while !(self.to_hub.is_empty() && self.to_client.is_empty()) {
            self.deliver_to_hub();
            self.deliver_to_client();
        }
    }

    /// What the application was told is what happened.
    fn check(&self) {
        let seed = self.seed;
        assert!(self.open_tickets.is_empty(), "seed {seed}: {:?}", self.open_tickets);
        for (what, count) in &self.hub.endpoint {
            assert_eq!(*count, 1, "seed {seed}: {what} came twice");
            assert!(!self.never.contains(what), "seed {seed}: {what} was not sent");
        }
        assert!(self.hub.published.is_disjoint(&self.never), "seed {seed}");
        for what in &self.done {
            let is_done = self.hub.endpoint.contains_key(what) || self.hub.published.contains(what);
            assert!(is_done, "seed {seed}: {what} is not done");
        }
        // Whoever is subscribed is at the log's end or asks how to get there.
        for topic in self.hub.subscribed() {
            let head = self.hub.logs[&topic].head();
            let Some(position) = self.positions.get(&topic) else { continue };
            assert_eq!(position.epoch, head.epoch, "seed {seed}");
            self.only_skipped(position, head.offset + 1);
        }
    }

    fn open_link(&mut self) {
        if !self.session.is_ended() {
            self.is_open = true;
            self.step(Input::Opened { encoding: Encoding::Compact, token: None });
        }
    }

    /// What is on its way is lost.
    fn break_link(&mut self) {
        if std::mem::replace(&mut self.is_open, false) {
            self.cut();
            self.step(Input::Lost { code: None });
        }
    }

    fn cut(&mut self) {
        self.to_hub.clear();
        self.to_client.clear();
        self.hub.link_lost();
    }

    fn deliver_to_hub(&mut self) {
        if let Some(message) = self.to_hub.pop_front() {
            let mut out = Vec::new();
            self.hub.receive(self.now, &message, &mut out);
            self.send(out);
        }
    }

    fn deliver_to_client(&mut self) {
        if let Some(message) = self.to_client.pop_front() {
            self.step(Input::Received(message));
        }
    }

    fn send(&mut self, messages: Vec<everwire_proto::HubMessage>) {
        if self.is_open {
            let encoding = *self.dice.pick(self.encodings);
            self.to_client.extend(messages.iter().map(|message| message.encode(encoding)));
        }
    }

    fn pass(&mut self, span: u64) {
        let end = self.now + span;
        while let Some(deadline) = self.session.next_deadline().filter(|at| *at <= end) {
            assert!(deadline >= self.now, "seed {}: a deadline in the past", self.seed);
            self.now = deadline;
            self.step(Input::Tick);
        }
        self.now = end;
    }

    fn acknowledge(&mut self, topic: &Topic) {
        if let Some(Position { offset, .. }) = self.positions.get(topic) {
            let input = Input::Ack { topic: topic.clone(), offset: *offset };
            self.step(input);
        }
    }

    fn application_asks(&mut self, topic: Topic) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let what = format!("call {ticket}");
        let payload = Payload::of(&what).unwrap();
        let request = match self.dice.below(12) {
            0..3 => {
                let from = if self.dice.one_in(3) {
                    SubscribeFrom::Earliest
                } else {
                    SubscribeFrom::Latest
                };
                let modes = [PresenceMode::None, PresenceMode::Full, PresenceMode::Count];
                let presence = *self.dice.pick(&modes);
                let options = SubscribeOptions { from, slow: None, presence };
                Request::Subscribe { topic, options }
            }
            3 => Request::Unsubscribe { topic },
            4..7 => Request::Publish { topic, payload, echo: !self.dice.one_in(4) },
            7 => Request::Status { users: vec![Name::new("bob").unwrap()] },
            8 => Request::Presence { topic },
            9 | 10 => Request::Rpc { method: Method::new("do").unwrap(), payload },
            _ => Request::Send(payload),
        };
        let has_payload =
            matches!(request, Request::Rpc { .. } | Request::Send(_) | Request::Publish { .. });
        let what = if has_payload { what } else { String::new() };
        self.open_tickets.insert(ticket, what);
        self.step(Input::Request { ticket, request });
    }

    fn step(&mut self, input: Input) {
        let (now, random) = (self.now, self.dice.below(1_000) as f64 / 1_000.0);
        let outputs = self.session.step(now, random, input.clone());
        outputs.iter().for_each(|output| self.output(output));
        let deadline = self.session.next_deadline();
        self.steps.push(Step { now, random, input, outputs, deadline });
    }

    fn output(&mut self, output: &Output) {
        match output {
            Output::Transmit(message) => {
                let encoding = *self.dice.pick(self.encodings);
                self.to_hub.push_back(message.encode(encoding));
            }
            Output::Close { then, .. } => {
                assert_ne!(*then, Then::Stop, "seed {}: the hub is a good one", self.seed);
                self.is_open = false;
                self.cut();
            }
            Output::Settled { ticket, outcome } => self.settled(*ticket, outcome),
            Output::Event(event) => self.happened(event),
            other => panic!("{other:?}"),
        }
    }

    fn settled(&mut self, ticket: u64, outcome: &Outcome) {
        let what = self.open_tickets.remove(&ticket).expect("settled once");
        self.count(match outcome {
            Outcome::Done(_) => "done",
            Outcome::Subscribed => "subscribed",
            Outcome::Sent => "sent",
            Outcome::Refused(_) => "refused",
            Outcome::Uncertain => "uncertain",
            Outcome::Withdrawn => "withdrawn",
            Outcome::NotSent(NotSent::Expired) => "expired",
            _ => "not sent",
        });
        match outcome {
            Outcome::Done(Answer::Published(_) | Answer::Rpc(_)) | Outcome::Sent => {
                self.done.insert(what);
            }
            Outcome::NotSent(_) if !what.is_empty() => _ = self.never.insert(what),
            _ => {}
        }
    }

    fn happened(&mut self, event: &Event) {
        let seed = self.seed;
        match event {
            Event::Up { resumed, .. } => self.count(if *resumed { "resumed" } else { "anew" }),
            Event::Subscribed { topic, subscribed } => {
                let start = &subscribed.start.as_ref().unwrap().position;
                if subscribed.recovered == Some(everwire_proto::Recovered::Yes) {
                    self.count("recovered");
                    if let Some(position) = self.positions.get(topic) {
                        assert_eq!(position.epoch, start.epoch, "seed {seed}: recovered elsewhere");
                        self.only_skipped(position, start.offset + 1);
                    }
                }
                self.positions.insert(topic.clone(), start.clone());
            }
            Event::Gap { topic, to, .. } => {
                self.count("gap");
                self.positions.insert(topic.clone(), to.clone().unwrap());
            }
            Event::Unsubscribed { topic, .. } => _ = self.positions.remove(topic),
            Event::Publication { topic, publication } => {
                let everwire_proto::session::Delivered::Stored(stored) = publication else {
                    panic!("{publication:?}")
                };
                let position = self.positions.get(topic).expect("subscribed");
                assert!(stored.place.offset > position.offset, "seed {seed}: {topic} again");
                self.only_skipped(position, stored.place.offset);
                let position = self.positions.get_mut(topic).expect("subscribed");
                (position.offset, position.tag) = (stored.place.offset, stored.place.tag);
            }
            Event::Members { .. } | Event::MembersChanged { .. } => self.count("members"),
            _ => {}
        }
    }

    /// What lies between is the application's own, and it wanted no echo.
    fn only_skipped(&self, from: &Position, to: u64) {
        for offset in from.offset + 1..to {
            let place = (from.epoch.clone(), offset);
            assert!(self.hub.skipped.contains(&place), "seed {}: {place:?} is missing", self.seed);
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.told.entry(what).or_default() += 1;
    }
}
