//! A client and the program that uses it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use everwire::{Connector, RetryPolicy};
use everwire_client::{Client, ClientEvent, RequestError, Subscription, TopicEvent};
use everwire_proto::session::{Config, Delivered, End};
use everwire_proto::{ErrorCode, Method, Name, Secret};
use everwire_testkit::Dice;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::checks::{Fate, Heard, Rules, Stream, View};
use crate::payload;
use crate::scenario::{ClientPlan, Hearing};
use crate::trace::Trace;
use crate::truth::At;
use crate::world::{Phase, World};

/// Requests of a program under way at a time.
const MAX_REQUESTS: usize = 8;

/// A client and its program.
pub(crate) struct Program {
    world: Arc<World>,
    plan: ClientPlan,
    client: Client,
    /// One for each topic that it hears.
    ears: Vec<Arc<Ear>>,
    tasks: JoinSet<()>,
    /// The session that it has.
    session: Arc<Mutex<Option<Name>>>,
    pub(crate) trace: Arc<Mutex<Trace>>,
}

/// What a program hears of a topic.
pub(crate) struct Ear {
    pub(crate) hearing: Hearing,
    rules: Rules,
    /// The subscriptions there were, the one that stands last.
    streams: Mutex<Vec<Stream>>,
    pub(crate) view: Mutex<View>,
}

impl Program {
    /// Begins to do what the plan says.
    pub(crate) fn start(world: &Arc<World>, plan: ClientPlan) -> Self {
        let (events, heard) = mpsc::channel(4_096);
        let trace = Arc::new(Mutex::new(Trace::new(world.scenario.seed, &plan)));
        let client = connect(world, &plan, events, trace.clone());
        let ears = plan.hears.iter().map(|hearing| Arc::new(Ear::new(world, &plan, hearing)));
        let mut program = Self {
            world: world.clone(),
            client,
            ears: ears.collect(),
            tasks: JoinSet::new(),
            session: Arc::default(),
            trace,
            plan,
        };
        program.begin(heard);
        program
    }

    fn begin(&mut self, heard: mpsc::Receiver<ClientEvent>) {
        let who = self.who();
        let watching = watch(self.world.clone(), who, self.session.clone(), heard);
        // It ends with the client.
        tokio::spawn(watching);
        for (number, ear) in self.ears.iter().enumerate() {
            let dice = self.world.dice((self.plan.number * 100 + number) as u64);
            let hearer = Hearer {
                world: self.world.clone(),
                who: self.who(),
                client: self.client.clone(),
                ear: ear.clone(),
                thinks: self.plan.thinks,
                dice,
            };
            self.tasks.spawn(hearer.run());
        }
        let asker = Asker {
            dice: self.world.dice(0xA54 + self.plan.number as u64),
            world: self.world.clone(),
            who: self.who(),
            client: self.client.clone(),
            plan: self.plan.clone(),
        };
        self.tasks.spawn(asker.run());
    }

    pub(crate) fn who(&self) -> String {
        format!("client {}", self.plan.number)
    }

    /// The session that it has, if it has one.
    pub(crate) fn session(&self) -> Option<Name> {
        self.session.lock().unwrap().clone()
    }

    pub(crate) fn ears(&self) -> &[Arc<Ear>] {
        &self.ears
    }

    /// Ends, by a farewell or by dropping the client. Everything that was asked is settled by then.
    pub(crate) async fn finish(mut self) {
        let who = self.who();
        let finishing = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(Duration::from_secs(60), finishing).await.is_err() {
            self.world.history.wrong(format_args!("{who}: a request is never settled"));
        }
        self.world.history.note(&who, format_args!("goes"));
        if self.plan.number.is_multiple_of(2) {
            self.client.close().await;
        }
        for ear in &self.ears {
            let truth = self.world.truth.lock().unwrap();
            for stream in ear.streams.lock().unwrap().iter() {
                let checked = stream.check(&truth).map_err(|what| format!("{who}: {what}"));
                self.world.history.verdict(checked);
            }
        }
    }
}

impl Ear {
    fn new(world: &World, plan: &ClientPlan, hearing: &Hearing) -> Self {
        let topic = &world.scenario.topics[hearing.topic];
        let rules = Rules {
            topic: topic.topic.clone(),
            client: plan.name.clone(),
            max_entries: topic.max_entries as u64,
            max_recovered: topic.max_recovered as u64,
            slow: hearing.slow.unwrap_or(topic.slow),
        };
        let (streams, view) = (Mutex::default(), Mutex::default());
        Self { hearing: hearing.clone(), rules, streams, view }
    }

    /// Whether the subscription that stands has heard this publication.
    pub(crate) fn has_heard(&self, id: u64) -> bool {
        self.streams.lock().unwrap().last().is_some_and(|stream| stream.has_heard(id))
    }

    fn hear(&self, heard: Heard) {
        let mut streams = self.streams.lock().unwrap();
        streams.last_mut().expect("it is subscribed").hear(heard);
    }
}

fn connect(
    world: &Arc<World>,
    plan: &ClientPlan,
    events: mpsc::Sender<ClientEvent>,
    trace: Arc<Mutex<Trace>>,
) -> Client {
    let mut config = Config::default();
    config.client = plan.name.clone();
    // Not by the clock: traces say what it is.
    config.first_key = 1_000;
    config.connect_timeout = 3_000;
    config.max_age = 8_000;
    config.max_waiting = 32;
    config.max_unconfirmed = 16;
    config.resubscribe_delay = 1_000;
    trace.lock().unwrap().configure(&config);
    let mut policy = RetryPolicy::default();
    policy.min_delay = Duration::from_millis(50);
    policy.max_delay = Duration::from_secs(1);
    policy.open_timeout = Duration::from_secs(2);
    let token = Secret::new(&plan.user).expect("a legal token");
    let (network, number) = (world.network.clone(), plan.number);
    Client::builder("ws://hub/")
        .connector(Connector::new().config(world.scenario.socket_config()))
        .policy(policy)
        .config(config)
        .token(move || Some(token.clone()))
        .encodings([plan.encoding])
        .max_undelivered(plan.max_undelivered)
        .events(events)
        .observer(move |step| trace.lock().unwrap().record(&step))
        .connect_over(move || {
            let network = network.clone();
            async move { network.connect(number).await }
        })
}

/// Notes what happens to the client as a whole.
async fn watch(
    world: Arc<World>,
    who: String,
    session: Arc<Mutex<Option<Name>>>,
    mut heard: mpsc::Receiver<ClientEvent>,
) {
    let mut ended = false;
    while let Some(event) = heard.recv().await {
        if ended {
            world.history.wrong(format_args!("{who}: {event:?} behind the end"));
        }
        match event {
            ClientEvent::Up { session: name, resumed, .. } => {
                world.history.note(&who, format_args!("is up, {name}, resumed {resumed}"));
                world.history.count(if resumed { "resumed" } else { "anew" });
                *session.lock().unwrap() = Some(name);
            }
            ClientEvent::Down => world.history.note(&who, format_args!("is down")),
            ClientEvent::Message(payload) => {
                let id = payload::id(&payload);
                world.history.note(&who, format_args!("is told #{id}"));
                if let Some(session) = &*session.lock().unwrap() {
                    world.messages.lock().unwrap().hear(session, id);
                }
            }
            ClientEvent::Heartbeat { .. } => {}
            ClientEvent::Ended(Some(End::Closed)) if world.phase() == Phase::Over => ended = true,
            other => world.history.wrong(format_args!("{who}: {other:?}")),
        }
    }
}

/// Hears a topic, again and again.
struct Hearer {
    world: Arc<World>,
    who: String,
    client: Client,
    ear: Arc<Ear>,
    thinks: Option<usize>,
    dice: Dice,
}

impl Hearer {
    async fn run(mut self) {
        self.world.dawdle(&mut self.dice, 2_000).await;
        while self.world.phase() < Phase::Over {
            let world = self.world.clone();
            tokio::select! {
                biased;
                () = world.reach(Phase::Over) => {}
                () = self.subscribe() => {}
            }
        }
    }

    async fn subscribe(&mut self) {
        let (hearing, rules) = (self.ear.hearing.clone(), self.ear.rules.clone());
        let topic = self.client.topic(&rules.topic).expect("a legal topic");
        let mut subscribing = topic.subscribe().from(hearing.from).presence(hearing.presence);
        if let Some(slow) = hearing.slow {
            subscribing = subscribing.slow(slow);
        }
        match subscribing.await {
            Ok(subscription) => {
                let end = self.world.truth.lock().unwrap().end(&rules.topic);
                self.note(format_args!("subscribes to {} at {end:?}", rules.topic));
                self.ear.streams.lock().unwrap().push(Stream::new(rules, end));
                *self.ear.view.lock().unwrap() = View::default();
                self.listen(subscription).await;
            }
            Err(error) => {
                self.note(format_args!("does not subscribe to {}: {error}", rules.topic));
                sleep(Duration::from_millis(300)).await;
            }
        }
    }

    async fn listen(&mut self, mut subscription: Subscription) {
        let restless = self.ear.hearing.restless;
        let stays = 500 + self.dice.below(8_000) as u64;
        let leaves_at = Instant::now() + Duration::from_millis(stays);
        loop {
            let leaves = restless && self.world.phase() == Phase::Chaos;
            let event = tokio::select! {
                biased;
                event = subscription.next() => event,
                () = sleep_until(leaves_at), if leaves => {
                    return self.note(format_args!("leaves {}", self.ear.rules.topic));
                }
            };
            let Some(event) = event else {
                return self.note(format_args!("{} has ended", self.ear.rules.topic));
            };
            let offset = match &event {
                TopicEvent::Publication(Delivered::Stored(stored)) => stored.place.offset,
                _ => 0,
            };
            self.hear(event);
            if offset % 4 == 1 {
                let topic = self.client.topic(&self.ear.rules.topic).expect("a legal topic");
                let _ = topic.acknowledge(offset).await;
            }
            if let Some(most) = self.thinks
                && self.world.phase() == Phase::Chaos
                && self.dice.one_in(3)
            {
                self.world.clone().dawdle(&mut self.dice, most).await;
            }
        }
    }

    fn hear(&self, event: TopicEvent) {
        let topic = &self.ear.rules.topic;
        match event {
            TopicEvent::Publication(publication) => {
                let id = payload::id(&publication.content().payload);
                let place = match publication {
                    Delivered::Stored(stored) => Some(stored.place),
                    Delivered::Live(_) => None,
                };
                let offset = place.map_or(0, |place| place.offset);
                self.note(format_args!("hears {topic} @{offset} #{id}"));
                self.ear.hear(Heard::Publication { id, place });
            }
            TopicEvent::Gap { reason, from, to } => {
                self.note(format_args!("gap {topic} {reason}: {from:?} to {to:?}"));
                self.world.history.count(format!("gap {reason}"));
                self.ear.hear(Heard::Gap { reason, from, to });
            }
            TopicEvent::Members(members) => {
                let members: Vec<_> = members.into_iter().map(|member| member.session).collect();
                self.note(format_args!("members {topic}: {members:?}"));
                self.ear.view.lock().unwrap().list(members);
            }
            TopicEvent::MembersChanged { joined, left } => {
                let joined: Vec<_> = joined.into_iter().map(|member| member.session).collect();
                let left: Vec<_> = left.into_iter().map(|member| member.session).collect();
                self.note(format_args!("members {topic}: {joined:?} join, {left:?} leave"));
                let changed = self.ear.view.lock().unwrap().change(joined, left);
                let changed = changed.map_err(|what| format!("{}: {topic}: {what}", self.who));
                self.world.history.verdict(changed);
            }
            TopicEvent::MemberCount(count) => {
                self.note(format_args!("members {topic}: {count}"));
                self.ear.view.lock().unwrap().count(count);
            }
            TopicEvent::Ended(error) => {
                self.note(format_args!("{topic} is over: {error:?}"));
                self.world.history.count("subscription ended");
            }
            other => self.world.history.wrong(format_args!("{}: {other:?}", self.who)),
        }
    }

    fn note(&self, what: std::fmt::Arguments<'_>) {
        self.world.history.note(&self.who, what);
    }
}

/// Publishes, calls and sends, until it is calm.
struct Asker {
    world: Arc<World>,
    who: String,
    client: Client,
    plan: ClientPlan,
    dice: Dice,
}

impl Asker {
    async fn run(mut self) {
        let mut asked = JoinSet::new();
        while self.world.phase() == Phase::Chaos {
            let pause = 1 + self.dice.below(self.plan.pause) as u64;
            sleep(Duration::from_millis(pause)).await;
            while asked.try_join_next().is_some() {}
            if asked.len() < MAX_REQUESTS && self.world.phase() == Phase::Chaos {
                self.ask(&mut asked);
            }
        }
        while asked.join_next().await.is_some() {}
    }

    fn ask(&mut self, asked: &mut JoinSet<()>) {
        let id = self.world.draw_id();
        let len = *self.dice.pick(&[0, 10, 10, 200, 1_500]);
        let says = &self.plan.says;
        let calls = self.plan.sends && (says.is_empty() || self.dice.one_in(3));
        let request = Request {
            id,
            world: self.world.clone(),
            who: self.who.clone(),
            client: self.client.clone(),
        };
        if self.dice.one_in(12) {
            asked.spawn(request.look_around(self.dice.below(4)));
            return;
        }
        if calls {
            self.world.fates.lock().unwrap().call(id);
            match self.dice.one_in(2) {
                true => asked.spawn(request.send(len)),
                false => asked.spawn(request.rpc(len)),
            };
        } else if !says.is_empty() {
            let topic = &self.world.scenario.topics[*self.dice.pick(says)].topic;
            let echo = !self.dice.one_in(4);
            self.world.fates.lock().unwrap().publish(id, topic.clone());
            asked.spawn(request.publish(topic.clone(), len, echo));
        }
    }
}

/// A request of a program.
struct Request {
    id: u64,
    world: Arc<World>,
    who: String,
    client: Client,
}

impl Request {
    async fn publish(self, topic: everwire_proto::Topic, len: usize, echo: bool) {
        self.note(format_args!("publishes #{} in {topic}, echo {echo}", self.id));
        let handle = self.client.topic(&topic).expect("a legal topic");
        let payload = payload::numbered(self.id, len);
        let published = match echo {
            true => handle.publish(payload).await,
            false => handle.publish_to_others(payload).await,
        };
        let at =
            |receipt: everwire_proto::Receipt| At { epoch: receipt.epoch, offset: receipt.offset };
        self.settle(published.map(|receipt| receipt.map(at)));
    }

    async fn send(self, len: usize) {
        self.note(format_args!("sends #{}", self.id));
        let sent = self.client.send(payload::numbered(self.id, len)).await;
        self.settle(sent.map(|()| None));
    }

    /// Asks for what changes nothing, and compares it with what is stored.
    async fn look_around(self, what: usize) {
        let topics = &self.world.scenario.topics;
        let plan = &topics[what % topics.len()];
        let topic = self.client.topic(&plan.topic).expect("a legal topic");
        match what {
            0 => _ = self.client.set_away(self.id.is_multiple_of(2)).await,
            1 => {
                let users = ["u0", "u1"].map(|user| Name::new(user).expect("a legal name"));
                let states = self.client.status(users.to_vec()).await;
                self.note(format_args!("status: {states:?}"));
            }
            2 => {
                let presence = topic.presence().await;
                self.note(format_args!("presence of {}: {presence:?}", plan.topic));
            }
            _ => {
                let page = topic.history(None, Some(7)).await;
                let Ok(page) = page else { return self.note(format_args!("history: {page:?}")) };
                let kept = page.publications.iter().map(|stored| {
                    let id = payload::id(&stored.content.payload);
                    (stored.place.offset, id)
                });
                let kept: Vec<_> = kept.collect();
                self.note(format_args!("history of {}: {kept:?}", plan.topic));
                let epoch = page.position.epoch;
                let checked = self.world.truth.lock().unwrap().is_run(&plan.topic, &epoch, &kept);
                self.world.history.verdict(checked.map_err(|what| format!("history: {what}")));
            }
        }
    }

    async fn rpc(self, len: usize) {
        self.note(format_args!("calls #{}", self.id));
        let method = Method::new("echo").expect("a legal method");
        let payload = payload::numbered(self.id, len);
        let answered = self.client.rpc(method, payload.clone()).await;
        if answered.as_ref().is_ok_and(|answer| *answer != payload) {
            self.world.history.wrong(format_args!("#{} is answered with another payload", self.id));
        }
        self.settle(answered.map(|_| None));
    }

    fn settle(&self, outcome: Result<Option<At>, RequestError>) {
        self.note(format_args!("#{}: {outcome:?}", self.id));
        let fate = match outcome {
            Ok(at) => Fate::Done(at),
            Err(RequestError::Refused(error)) if error.code != ErrorCode::Unsure => Fate::NotDone,
            Err(RequestError::NotSent(_)) => Fate::NotDone,
            Err(_) => Fate::Unsure,
        };
        self.world.history.count(match fate {
            Fate::Done(_) => "done",
            Fate::NotDone => "not done",
            Fate::Unsure => "unsure",
        });
        let settled = self.world.fates.lock().unwrap().settle(self.id, fate);
        self.world.history.verdict(settled);
    }

    fn note(&self, what: std::fmt::Arguments<'_>) {
        self.world.history.note(&self.who, what);
    }
}
