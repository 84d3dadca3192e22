//! A small hub for one client, as docs/protocol.md has it: what the session is tried against.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use everwire_proto::{
    Again, Answer, ClientMessage, Command, Connect, Connected, Content, Encoded, Encoding, Epoch,
    ErrorCode, ErrorReply, GapReason, Heartbeat, HubMessage, Id, MemberChange, Members, Name,
    Payload, Place, Position, PresenceChange, PresenceMode, PresenceState, Publication, Publish,
    Receipt, Recovered, Secret, SessionLimits, Start, Stored, SubscribeFrom, SubscribeOptions,
    Subscribed, Topic, UserState, UserStatus,
};
use everwire_testkit::Dice;

pub(crate) const HEARTBEAT: Heartbeat = Heartbeat { interval: 25_000, timeout: 10_000 };

/// A hub, its topics and its one session.
pub(crate) struct Hub {
    pub(crate) dice: Dice,
    /// Whether it does everything right: all is sent, once, and nothing is refused.
    pub(crate) is_calm: bool,
    pub(crate) logs: BTreeMap<Topic, Log>,
    session: Option<Seat>,
    /// Whether the transport belongs to the session.
    is_connected: bool,
    drawn: u64,
    /// Which publications it remembers, and what it answered.
    keys: BTreeMap<u64, Receipt>,
    /// What reached the endpoint, and how often.
    pub(crate) endpoint: BTreeMap<String, usize>,
    /// What was ever stored.
    pub(crate) published: BTreeSet<String>,
    /// What its publisher did not want back.
    pub(crate) skipped: BTreeSet<(Epoch, u64)>,
}

/// A topic's log.
pub(crate) struct Log {
    pub(crate) epoch: Epoch,
    pub(crate) entries: VecDeque<Stored>,
    /// The place before the first entry.
    first: (u64, u32),
}

/// A session.
struct Seat {
    name: Name,
    key: Secret,
    sent: VecDeque<HubMessage>,
    confirmed: u64,
    received: u64,
    subscribed: BTreeMap<Topic, PresenceMode>,
    presence: u64,
}

impl Log {
    fn new(epoch: Epoch) -> Self {
        Self { epoch, entries: VecDeque::new(), first: (0, 0) }
    }

    pub(crate) fn head(&self) -> Position {
        let first = self.first;
        let last = self.entries.back().map_or(first, |last| (last.place.offset, last.place.tag));
        Position { epoch: self.epoch.clone(), offset: last.0, tag: last.1 }
    }

    fn tail(&self) -> Position {
        Position { epoch: self.epoch.clone(), offset: self.first.0, tag: self.first.1 }
    }

    fn trim(&mut self, keep: usize) {
        while self.entries.len() > keep {
            let first = self.entries.pop_front().expect("more than none").place;
            self.first = (first.offset, first.tag);
        }
    }

    fn publish(&mut self, tag: u32, time: u64, from: &str, payload: Payload) -> Stored {
        let head = self.head();
        let place = Place { offset: head.offset + 1, tag, prev: head.tag };
        let content = Content { time, from: Name::new(from).ok(), payload };
        let stored = Stored { place, content };
        self.entries.push_back(stored.clone());
        stored
    }

    /// Whether a subscription may go on from a position.
    fn judge(&self, from: &Position) -> Recovered {
        let is_here = |entry: &Stored| {
            (entry.place.offset, entry.place.tag) == (from.offset, from.tag)
                || (entry.place.offset - 1, entry.place.prev) == (from.offset, from.tag)
        };
        match () {
            () if from.epoch != self.epoch => Recovered::No(GapReason::Epoch),
            () if from.offset < self.first.0 => Recovered::No(GapReason::Trimmed),
            () if self.entries.iter().any(is_here) || *from == self.head() => Recovered::Yes,
            () => Recovered::No(GapReason::Fork),
        }
    }
}

impl Hub {
    pub(crate) fn new(seed: u64, topics: &[Topic]) -> Self {
        let mut hub = Self {
            dice: Dice::new(seed),
            is_calm: false,
            logs: BTreeMap::new(),
            session: None,
            is_connected: false,
            drawn: 0,
            keys: BTreeMap::new(),
            endpoint: BTreeMap::new(),
            published: BTreeSet::new(),
            skipped: BTreeSet::new(),
        };
        topics.iter().for_each(|topic| hub.forget(topic));
        hub
    }

    /// A message arrives; what is to be sent goes to `out`.
    pub(crate) fn receive(&mut self, now: u64, message: &Encoded, out: &mut Vec<HubMessage>) {
        let message = ClientMessage::decode(message, Encoding::Compact, 65_536).expect("legal");
        if let ClientMessage::Command { id, command: Command::Connect(connect) } = message {
            assert!(!self.is_connected, "a second connect");
            return self.connect(id, *connect, out);
        }
        assert!(self.is_connected, "{message:?} before connect");
        let seat = self.session.as_mut().expect("connected");
        if !matches!(message, ClientMessage::Heartbeat { .. }) {
            seat.received += 1;
        }
        match message {
            ClientMessage::Command { id, command } => self.command(now, id, command, out),
            ClientMessage::Send(payload) => self.count(&payload),
            ClientMessage::Ack { .. } | ClientMessage::Away(_) => {}
            ClientMessage::Heartbeat { got: None } => {
                out.push(HubMessage::Heartbeat { got: Some(seat.received) });
            }
            ClientMessage::Heartbeat { got: Some(got) } => seat.confirm(got),
            other => panic!("{other:?}"),
        }
    }

    /// Somebody else publishes.
    pub(crate) fn publish(
        &mut self,
        now: u64,
        topic: &Topic,
        from: &str,
        out: &mut Vec<HubMessage>,
    ) {
        self.drawn += 1;
        let payload = Payload::of(&format!("{from} {}", self.drawn)).unwrap();
        self.store(now, topic, from, payload, true, out);
    }

    /// The endpoint says something.
    pub(crate) fn say(&mut self, out: &mut Vec<HubMessage>) {
        if self.is_connected {
            let message = HubMessage::Message(Payload::json("\"hello\"").unwrap());
            self.session.as_mut().expect("connected").send(message, out);
        }
    }

    /// Somebody comes to a topic; once in a while nobody is told.
    pub(crate) fn join(&mut self, topic: &Topic, out: &mut Vec<HubMessage>) {
        let Some(seat) = &mut self.session else { return };
        let Some(mode) = seat.subscribed.get(topic).filter(|_| self.is_connected) else { return };
        seat.presence += 1;
        let change = match mode {
            PresenceMode::Full => MemberChange::List { join: Vec::new(), leave: Vec::new() },
            PresenceMode::Count => MemberChange::Count(seat.presence),
            _ => return,
        };
        if !self.dice.one_in(4) {
            let change = PresenceChange { version: seat.presence, change };
            seat.send(HubMessage::Presence { topic: topic.clone(), change }, out);
        }
    }

    /// Says how many messages it has.
    pub(crate) fn tell(&self, out: &mut Vec<HubMessage>) {
        if let Some(seat) = self.session.as_ref().filter(|_| self.is_connected) {
            out.push(HubMessage::Heartbeat { got: Some(seat.received) });
        }
    }

    pub(crate) fn link_lost(&mut self) {
        self.is_connected = false;
    }

    /// It is another process now, with the same store.
    pub(crate) fn forget_session(&mut self) {
        if !self.is_connected {
            self.session = None;
        }
    }

    /// The log is lost, and with it what is known of publications.
    pub(crate) fn forget(&mut self, topic: &Topic) {
        if self.session.as_ref().is_some_and(|seat| seat.subscribed.contains_key(topic)) {
            return;
        }
        self.drawn += 1;
        let log = Log::new(Epoch::new(&format!("e{}", self.drawn)).unwrap());
        if let Some(old) = self.logs.insert(topic.clone(), log) {
            self.keys.retain(|_, receipt| receipt.epoch != old.epoch);
        }
    }

    pub(crate) fn trim(&mut self, topic: &Topic) {
        let keep = self.dice.below(4);
        self.logs.get_mut(topic).unwrap().trim(keep);
    }

    /// Sends a publication twice, or leaves it out.
    fn store(
        &mut self,
        now: u64,
        topic: &Topic,
        from: &str,
        payload: Payload,
        echo: bool,
        out: &mut Vec<HubMessage>,
    ) -> Receipt {
        let tag = self.dice.next_u64() as u32;
        assert!(self.published.insert(text(&payload)), "a publication is stored twice");
        let log = self.logs.get_mut(topic).unwrap();
        let stored = log.publish(tag, now, from, payload);
        let receipt = Receipt { offset: stored.place.offset, epoch: log.epoch.clone() };
        if !echo {
            self.skipped.insert((receipt.epoch.clone(), receipt.offset));
        }
        let seat = self.session.as_mut().filter(|seat| seat.subscribed.contains_key(topic));
        if let Some(seat) = seat {
            let times =
                if echo && !self.is_calm { *self.dice.pick(&[1, 1, 1, 1, 1, 1, 0, 2]) } else { 1 };
            let publication =
                if echo { Publication::Stored(stored) } else { Publication::Skipped(stored.place) };
            for _ in 0..times {
                let publication = publication.clone();
                let push = HubMessage::Publication { topic: topic.clone(), publication };
                seat.send_if(self.is_connected, push, out);
            }
        }
        receipt
    }

    fn connect(&mut self, id: Id, connect: Connect, out: &mut Vec<HubMessage>) {
        self.is_connected = true;
        if let Some(resume) = &connect.resume
            && let Some(seat) = &mut self.session
            && (&seat.name, &seat.key) == (&resume.session, &resume.key)
        {
            seat.confirm(resume.got);
            let connected = seat.connected(true, Vec::new());
            out.push(HubMessage::Reply { id, outcome: Ok(connected) });
            out.extend(seat.sent.iter().cloned());
            return;
        }
        self.drawn += 1;
        self.session = Some(Seat {
            name: Name::new(&format!("s-{}", self.drawn)).unwrap(),
            key: Secret::new(&format!("key-{}", self.drawn)).unwrap(),
            sent: VecDeque::new(),
            confirmed: 0,
            received: 0,
            subscribed: BTreeMap::new(),
            presence: 1,
        });
        let (mut answers, mut replays) = (Vec::new(), Vec::new());
        for (topic, options) in connect.subscriptions {
            let (outcome, replay) = self.subscribe(&topic, &options);
            answers.push((topic, outcome));
            replays.extend(replay);
        }
        let seat = self.session.as_mut().expect("made");
        let connected = seat.connected(false, answers);
        out.push(HubMessage::Reply { id, outcome: Ok(connected) });
        replays.into_iter().for_each(|push| seat.send(push, out));
    }

    fn subscribe(
        &mut self,
        topic: &Topic,
        options: &SubscribeOptions,
    ) -> (Result<Subscribed, ErrorReply>, Vec<HubMessage>) {
        match self.dice.below(12) {
            _ if self.is_calm => {}
            0 => return (Err(ErrorReply::new(ErrorCode::Overloaded, "later")), Vec::new()),
            1 if self.dice.one_in(6) => {
                return (Err(ErrorReply::new(ErrorCode::Denied, "no")), Vec::new());
            }
            _ => {}
        }
        let log = &self.logs[topic];
        let head = log.head();
        let (position, recovered) = match &options.from {
            SubscribeFrom::Position(from) => match log.judge(from) {
                Recovered::Yes => (from.clone(), Some(Recovered::Yes)),
                no => (head.clone(), Some(no)),
            },
            SubscribeFrom::Earliest => (log.tail(), None),
            _ => (head.clone(), None),
        };
        let missed = log.entries.iter().filter(|entry| entry.place.offset > position.offset);
        let replay = missed.map(|entry| HubMessage::Publication {
            topic: topic.clone(),
            publication: Publication::Stored(entry.clone()),
        });
        let replay = replay.collect();
        let seat = self.session.as_mut().expect("there is a session");
        seat.subscribed.insert(topic.clone(), options.presence);
        let presence = seat.presence(options.presence);
        (Ok(Subscribed { start: Some(Start { position, head }), recovered, presence }), replay)
    }

    fn command(&mut self, now: u64, id: Id, command: Command, out: &mut Vec<HubMessage>) {
        let mut behind = Vec::new();
        let outcome = match command {
            Command::Subscribe { topic, options } => {
                let (outcome, replay) = self.subscribe(&topic, &options);
                behind = replay;
                outcome.map(|subscribed| Answer::Subscribed(Box::new(subscribed)))
            }
            Command::Unsubscribe { topic } => {
                let seat = self.session.as_mut().expect("there is a session");
                match seat.subscribed.remove(&topic) {
                    Some(_) => Ok(Answer::Unsubscribed),
                    None => Err(ErrorReply::new(ErrorCode::NotSubscribed, "")),
                }
            }
            Command::Publish(publish) => self.take(now, publish, out),
            Command::Rpc { payload, .. } => {
                self.count(&payload);
                Ok(Answer::Rpc(payload))
            }
            Command::Status { users } => {
                let state = UserState { status: UserStatus::Unknown, since: None, seen: None };
                Ok(Answer::Status(users.into_iter().map(|user| (user, state.clone())).collect()))
            }
            Command::Presence { topic } => {
                let seat = self.session.as_mut().expect("there is a session");
                let mode = seat.subscribed.get(&topic).copied().unwrap_or(PresenceMode::Full);
                match seat.presence(mode) {
                    Some(state) => Ok(Answer::Presence(state)),
                    None => Err(ErrorReply::new(ErrorCode::Denied, "")),
                }
            }
            _ => Err(ErrorReply::new(ErrorCode::NoHistory, "")),
        };
        let is_connected = self.is_connected;
        let seat = self.session.as_mut().expect("there is a session");
        seat.send_if(is_connected, HubMessage::Reply { id, outcome }, out);
        behind.into_iter().for_each(|push| seat.send_if(is_connected, push, out));
    }

    fn take(
        &mut self,
        now: u64,
        publish: Publish,
        out: &mut Vec<HubMessage>,
    ) -> Result<Answer, ErrorReply> {
        let key = publish.key.expect("the session numbers its publications");
        if let Some(receipt) = self.keys.get(&key) {
            return Ok(Answer::Published(Some(receipt.clone())));
        }
        let epoch = &self.logs[&publish.topic].epoch;
        if publish.again.is_some_and(|again| again != Again::Since(epoch.clone())) {
            return Err(ErrorReply::new(ErrorCode::Unsure, "another log"));
        }
        let receipt = self.store(now, &publish.topic, "ada", publish.payload, publish.echo, out);
        self.keys.insert(key, receipt.clone());
        Ok(Answer::Published(Some(receipt)))
    }

    fn count(&mut self, payload: &Payload) {
        *self.endpoint.entry(text(payload)).or_default() += 1;
    }

    /// The topics that the session hears.
    pub(crate) fn subscribed(&self) -> BTreeSet<Topic> {
        let seat = self.session.as_ref().expect("there is a session");
        seat.subscribed.keys().cloned().collect()
    }
}

impl Seat {
    fn send(&mut self, message: HubMessage, out: &mut Vec<HubMessage>) {
        self.send_if(true, message, out);
    }

    /// What cannot be sent now is sent when the session is resumed.
    fn send_if(&mut self, is_connected: bool, message: HubMessage, out: &mut Vec<HubMessage>) {
        self.sent.push_back(message.clone());
        if is_connected {
            out.push(message);
        }
    }

    fn confirm(&mut self, got: u64) {
        let newly = got.checked_sub(self.confirmed).expect("got never goes back") as usize;
        assert!(newly <= self.sent.len(), "got more than was sent");
        self.sent.drain(..newly);
        self.confirmed = got;
    }

    fn presence(&self, mode: PresenceMode) -> Option<PresenceState> {
        let members = match mode {
            PresenceMode::Full => Members::List(Vec::new()),
            PresenceMode::Count => Members::Count(self.presence),
            _ => return None,
        };
        Some(PresenceState { version: self.presence, members })
    }

    fn connected(
        &self,
        resumed: bool,
        subscriptions: Vec<(Topic, Result<Subscribed, ErrorReply>)>,
    ) -> Answer {
        Answer::Connected(Box::new(Connected {
            session: self.name.clone(),
            key: self.key.clone(),
            user: Name::new("ada").ok(),
            resumed,
            got: self.received,
            heartbeat: HEARTBEAT,
            limits: SessionLimits {
                max_message: 65_536,
                max_subscriptions: 128,
                max_unanswered: 8,
            },
            subscriptions,
        }))
    }
}

/// A payload that is JSON text.
pub(crate) fn text(payload: &Payload) -> String {
    let Payload::Json(json) = payload else { panic!("{payload:?}") };
    json.read().unwrap()
}
