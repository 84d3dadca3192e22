//! The session, and who waits for what it says.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::time::Duration;

use everwire::Message;
use everwire_proto::session::{
    Config, Delivered, Event, Input, NotSent, Outcome, Output, Request, Session, Then,
};
use everwire_proto::{
    CloseCode, Encoded, Encoding, GapReason, Position, SubscribeFrom, SubscribeOptions, Topic,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::builder::Tokens;
use crate::client::ClientEvent;
use crate::subscription::{Feed, FeedId, TopicEvent};

/// What handles ask of the client's task.
#[derive(Debug)]
pub(crate) enum Command {
    /// Whatever is settled once.
    Request(Request, oneshot::Sender<Outcome>),
    /// To hear a topic.
    Subscribe {
        topic: Topic,
        options: SubscribeOptions,
        feed: Feed,
        answer: oneshot::Sender<Outcome>,
    },
    /// The program has taken all that was kept of a topic that it fell behind in.
    CatchUp(Topic, FeedId),
    /// Nobody hears the topic any more.
    Unsubscribe(Topic, FeedId),
    /// Everything up to this offset was dealt with.
    Ack(Topic, u64),
    /// Whether the user is away.
    Away(bool),
    /// Farewell.
    Close(oneshot::Sender<()>),
}

/// A step of a client's session, as it was taken.
#[doc(hidden)]
#[derive(Debug)]
pub struct Step<'a> {
    /// Milliseconds since the client was made.
    pub now: u64,
    /// What chance gave.
    pub random: f64,
    /// What happened.
    pub input: &'a Input,
    /// What is to be done about it.
    pub outputs: &'a [Output],
    /// When time has something to say next.
    pub deadline: Option<u64>,
}

/// Who is shown each step.
pub(crate) type Observer = Box<dyn FnMut(Step<'_>) + Send>;

/// The session of a client and everything around it that is no network.
pub(crate) struct Core {
    session: Session,
    tokens: Tokens,
    // Who waits.
    waiting: HashMap<u64, Waiter>,
    next_ticket: u64,
    topics: HashMap<Topic, Heard>,
    events: Option<mpsc::Sender<ClientEvent>>,
    closing: Vec<oneshot::Sender<()>>,
    // What is to be done with the network.
    encoding: Encoding,
    pub(crate) outgoing: VecDeque<Message>,
    pub(crate) close: Option<(CloseCode, Then)>,
    // Time and chance.
    origin: Instant,
    rng: ChaCha8Rng,
    observer: Option<Observer>,
}

/// Who waits for an outcome.
enum Waiter {
    Answer(oneshot::Sender<Outcome>),
    Subscription(Topic, FeedId, oneshot::Sender<Outcome>),
}

/// A topic that somebody hears.
struct Heard {
    feed: Feed,
    options: SubscribeOptions,
    /// Behind what was delivered last.
    at: Option<Position>,
    /// Where it was when the hub said how it goes on.
    left_at: Option<Position>,
    /// It was given up until the program has caught up.
    is_given_up: bool,
}

impl Core {
    pub(crate) fn new(
        config: Config,
        tokens: Tokens,
        events: Option<mpsc::Sender<ClientEvent>>,
        observer: Option<Observer>,
    ) -> Self {
        Self {
            session: Session::new(config),
            tokens,
            waiting: HashMap::new(),
            next_ticket: 1,
            topics: HashMap::new(),
            events,
            closing: Vec::new(),
            encoding: Encoding::Json,
            outgoing: VecDeque::new(),
            close: None,
            origin: Instant::now(),
            rng: ChaCha8Rng::from_os_rng(),
            observer,
        }
    }

    /// When time has something to say.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        Some(self.origin + Duration::from_millis(self.session.next_deadline()?))
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.session.is_ended()
    }

    // What the network does.

    pub(crate) fn opened(&mut self, encoding: Encoding) {
        self.encoding = encoding;
        self.outgoing.clear();
        self.close = None;
        let token = (self.tokens)();
        self.step(Input::Opened { encoding, token });
    }

    pub(crate) fn received(&mut self, message: Message) {
        let encoded = match message {
            Message::Text(text) => Encoded::Text(text.into_bytes()),
            Message::Binary(bytes) => Encoded::Binary(bytes),
        };
        self.step(Input::Received(encoded));
    }

    pub(crate) fn lost(&mut self, code: Option<CloseCode>) {
        self.outgoing.clear();
        self.step(Input::Lost { code });
    }

    pub(crate) fn tick(&mut self) {
        self.step(Input::Tick);
    }

    /// The client is over, whatever is said of it.
    pub(crate) fn finish(self) {
        if !self.is_ended() {
            self.tell(ClientEvent::Ended(None));
        }
        // Whoever waits is told by being dropped.
        for closed in self.closing {
            let _ = closed.send(());
        }
    }

    // What the program does.

    /// Does what a handle asks; with none, there is no handle any more.
    pub(crate) fn handle(&mut self, command: Option<Command>) {
        match command {
            None => self.step(Input::Close),
            Some(Command::Close(closed)) => {
                self.closing.push(closed);
                self.step(Input::Close);
            }
            Some(Command::Request(request, answer)) => {
                self.request(request, Waiter::Answer(answer));
            }
            Some(Command::Subscribe { topic, options, feed, answer }) => {
                self.subscribe(topic, options, feed, answer);
            }
            Some(Command::CatchUp(topic, id)) if self.is_fed(&topic, &id) => self.catch_up(&topic),
            Some(Command::Unsubscribe(topic, id)) if self.is_fed(&topic, &id) => {
                self.unsubscribe(topic);
            }
            // The topic is heard by another subscription by now, if by any.
            Some(Command::CatchUp(..) | Command::Unsubscribe(..)) => {}
            Some(Command::Ack(topic, offset)) => self.step(Input::Ack { topic, offset }),
            Some(Command::Away(away)) => self.step(Input::Away(away)),
        }
    }

    fn request(&mut self, request: Request, waiter: Waiter) {
        let ticket = self.draw_ticket();
        self.waiting.insert(ticket, waiter);
        self.step(Input::Request { ticket, request });
    }

    fn subscribe(
        &mut self,
        topic: Topic,
        options: SubscribeOptions,
        feed: Feed,
        answer: oneshot::Sender<Outcome>,
    ) {
        if self.topics.contains_key(&topic) {
            let _ = answer.send(Outcome::NotSent(NotSent::Subscribed));
            return;
        }
        let id = feed.id.clone();
        let heard =
            Heard { feed, options: options.clone(), at: None, left_at: None, is_given_up: false };
        self.topics.insert(topic.clone(), heard);
        let waiter = Waiter::Subscription(topic.clone(), id, answer);
        self.request(Request::Subscribe { topic, options }, waiter);
    }

    /// Whether it is this subscription that hears the topic.
    fn is_fed(&self, topic: &Topic, id: &FeedId) -> bool {
        self.topics.get(topic).is_some_and(|heard| heard.feed.id == *id)
    }

    fn unsubscribe(&mut self, topic: Topic) {
        let given_up = self.topics.remove(&topic).is_some_and(|heard| heard.is_given_up);
        if !given_up {
            let ticket = self.draw_ticket();
            self.step(Input::Request { ticket, request: Request::Unsubscribe { topic } });
        }
    }

    fn draw_ticket(&mut self) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        ticket
    }

    // Falling behind.

    /// The program takes less than there is: the topic's log keeps it until it has caught up.
    fn fall_behind(&mut self, topic: Topic) {
        let Some(heard) = self.topics.get_mut(&topic) else { return };
        heard.is_given_up = true;
        heard.feed.id.is_lagging().store(true, Ordering::Release);
        tracing::debug!(%topic, "the program is behind");
        let ticket = self.draw_ticket();
        self.step(Input::Request { ticket, request: Request::Unsubscribe { topic } });
    }

    fn catch_up(&mut self, topic: &Topic) {
        let Some(heard) = self.topics.get_mut(topic).filter(|heard| heard.is_given_up) else {
            return;
        };
        heard.is_given_up = false;
        let from = match heard.at.clone() {
            Some(position) => SubscribeFrom::Position(position),
            None => {
                let gap = TopicEvent::Gap { reason: GapReason::Dropped, from: None, to: None };
                // It has just been emptied.
                let _ = heard.feed.events.try_send(gap);
                SubscribeFrom::Latest
            }
        };
        let options = SubscribeOptions { from, ..heard.options.clone() };
        let ticket = self.draw_ticket();
        self.step(Input::Request {
            ticket,
            request: Request::Subscribe { topic: topic.clone(), options },
        });
    }

    // The session.

    fn step(&mut self, input: Input) {
        let now = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        // 53 bits: all that a number from 0 to 1 has.
        let random = (self.rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let shown = self.observer.is_some().then(|| input.clone());
        let outputs = self.session.step(now, random, input);
        if let (Some(observe), Some(input)) = (&mut self.observer, &shown) {
            let deadline = self.session.next_deadline();
            observe(Step { now, random, input, outputs: &outputs, deadline });
        }
        for output in outputs {
            match output {
                Output::Transmit(message) => {
                    let message = match message.encode(self.encoding) {
                        Encoded::Text(bytes) => {
                            Message::text(String::from_utf8(bytes.to_vec()).expect("JSON is UTF-8"))
                        }
                        Encoded::Binary(bytes) => Message::Binary(bytes),
                    };
                    self.outgoing.push_back(message);
                }
                Output::Close { code, then } => self.close = Some((code, then)),
                Output::Settled { ticket, outcome } => self.settle(ticket, outcome),
                Output::Event(event) => self.event(event),
                _ => {}
            }
        }
    }

    fn settle(&mut self, ticket: u64, outcome: Outcome) {
        // The program may have stopped waiting.
        let _ = match self.waiting.remove(&ticket) {
            None => return,
            Some(Waiter::Answer(answer)) => answer.send(outcome),
            Some(Waiter::Subscription(topic, id, answer)) => {
                if outcome != Outcome::Subscribed && self.is_fed(&topic, &id) {
                    self.topics.remove(&topic);
                }
                answer.send(outcome)
            }
        };
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Up { session, user, resumed } => {
                self.tell(ClientEvent::Up { session, user, resumed });
            }
            Event::Down => self.tell(ClientEvent::Down),
            Event::Ended(end) => {
                self.topics.clear();
                self.waiting.clear();
                self.tell(ClientEvent::Ended(Some(end)));
            }
            Event::Message(payload) => self.tell(ClientEvent::Message(payload)),
            Event::Heartbeat { round_trip } => {
                let round_trip = Duration::from_millis(round_trip);
                self.tell(ClientEvent::Heartbeat { round_trip });
            }
            Event::Subscribed { topic, subscribed } => {
                if let Some(heard) = self.topics.get_mut(&topic) {
                    let at = subscribed.start.map(|start| start.position);
                    heard.left_at = std::mem::replace(&mut heard.at, at);
                }
            }
            Event::Unsubscribed { topic, error } => {
                self.deliver(topic.clone(), TopicEvent::Ended(error));
                self.topics.remove(&topic);
            }
            Event::Publication { topic, publication } => {
                self.deliver(topic, TopicEvent::Publication(publication));
            }
            Event::Gap { topic, reason, from, to } => {
                // A subscription that was given up begins anew as far as the session knows.
                let from = from.or_else(|| self.topics.get(&topic)?.left_at.clone());
                self.deliver(topic, TopicEvent::Gap { reason, from, to });
            }
            Event::Members { topic, members } => self.deliver(topic, TopicEvent::Members(members)),
            // A step that says nothing new to those who have just come.
            Event::MembersChanged { joined, left, .. } if joined.is_empty() && left.is_empty() => {}
            Event::MembersChanged { topic, joined, left } => {
                self.deliver(topic, TopicEvent::MembersChanged { joined, left });
            }
            Event::MemberCount { topic, count } => {
                self.deliver(topic, TopicEvent::MemberCount(count));
            }
            _ => {}
        }
    }

    fn deliver(&mut self, topic: Topic, event: TopicEvent) {
        let Some(heard) = self.topics.get_mut(&topic).filter(|heard| !heard.is_given_up) else {
            return;
        };
        let to = match (&event, &heard.at) {
            (TopicEvent::Publication(Delivered::Stored(stored)), Some(at)) => Some(Position {
                epoch: at.epoch.clone(),
                offset: stored.place.offset,
                tag: stored.place.tag,
            }),
            (TopicEvent::Gap { to, .. }, _) => to.clone(),
            _ => heard.at.clone(),
        };
        match heard.feed.events.try_send(event) {
            Ok(()) => heard.at = to,
            Err(TrySendError::Full(_)) => self.fall_behind(topic),
            Err(TrySendError::Closed(_)) => self.unsubscribe(topic),
        }
    }

    fn tell(&self, event: ClientEvent) {
        if let Some(events) = &self.events {
            // What finds no room is dropped, as the builder says.
            let _ = events.try_send(event);
        }
    }
}
