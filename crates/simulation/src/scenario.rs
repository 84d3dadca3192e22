//! What a seed is about: who is there, what they do, and what goes wrong.

use std::sync::Arc;
use std::time::Duration;

use everwire_hub::log::HistoryLimits;
use everwire_hub::{HubConfig, TopicConfig};
use everwire_proto::{Encoding, Name, PresenceMode, SlowPolicy, SubscribeFrom, Topic};
use everwire_testkit::Dice;

use crate::fault::Kind;
use crate::network::Manner;
use crate::store::StoreManner;

/// What a seed is about.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) topics: Vec<TopicPlan>,
    pub(crate) clients: Vec<ClientPlan>,
    /// Clients that speak nothing of the hub's language.
    pub(crate) raw_clients: usize,
    pub(crate) network: Manner,
    pub(crate) store: StoreManner,
    pub(crate) hub: HubPlan,
    pub(crate) faults: Vec<Kind>,
    /// How long things go wrong.
    pub(crate) chaos: Duration,
    /// How long it is between two faults, at the most, in milliseconds.
    pub(crate) calm: usize,
}

/// A topic.
#[derive(Debug, Clone)]
pub(crate) struct TopicPlan {
    pub(crate) topic: Topic,
    /// How many publications its log keeps; with none it has no history.
    pub(crate) max_entries: usize,
    pub(crate) max_recovered: usize,
    pub(crate) slow: SlowPolicy,
    pub(crate) presence: bool,
}

/// A hub's limits.
#[derive(Debug, Clone)]
pub(crate) struct HubPlan {
    pub(crate) max_queued_bytes: usize,
    pub(crate) max_unacknowledged: usize,
    pub(crate) deflate: bool,
    /// Once in so many calls an endpoint panics; never if none.
    pub(crate) panics: Option<usize>,
    /// How long an endpoint takes at the most, in milliseconds.
    pub(crate) delay: usize,
}

/// A client and its program.
#[derive(Debug, Clone)]
pub(crate) struct ClientPlan {
    pub(crate) number: usize,
    /// Its name, if it keeps one.
    pub(crate) name: Option<Name>,
    pub(crate) user: Name,
    pub(crate) encoding: Encoding,
    pub(crate) max_undelivered: usize,
    /// The topics it hears, by their numbers, and how.
    pub(crate) hears: Vec<Hearing>,
    /// The topics it publishes in, by their numbers.
    pub(crate) says: Vec<usize>,
    /// How long it is between two of its requests, at the most, in milliseconds.
    pub(crate) pause: usize,
    /// How long it thinks about an event, at the most, in milliseconds; none if it does not.
    pub(crate) thinks: Option<usize>,
    pub(crate) sends: bool,
}

/// How a topic is heard.
#[derive(Debug, Clone)]
pub(crate) struct Hearing {
    pub(crate) topic: usize,
    pub(crate) from: SubscribeFrom,
    pub(crate) presence: PresenceMode,
    pub(crate) slow: Option<SlowPolicy>,
    /// It leaves and comes again now and then.
    pub(crate) restless: bool,
}

impl Scenario {
    /// The scenario of a seed.
    pub(crate) fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let topics: Vec<TopicPlan> =
            (0..1 + dice.below(3)).map(|number| topic(&mut dice, number)).collect();
        let clients = (0..2 + dice.below(4)).map(|number| client(&mut dice, number, &topics));
        let clients = clients.collect();
        let latency = *dice.pick(&[0, 1, 5, 20, 80]);
        let network = Manner {
            latency,
            jitter: *dice.pick(&[0, 0, 2, 30]),
            capacity: *dice.pick(&[512, 4 << 10, 16 << 10, 64 << 10]),
            most: *dice.pick(&[None, None, Some(7), Some(100), Some(1400)]),
        };
        let store = StoreManner {
            delay: *dice.pick(&[0, 0, 1, 10, 60]),
            fails: *dice.pick(&[None, None, None, Some(100), Some(20)]),
        };
        let hub = HubPlan {
            max_queued_bytes: *dice.pick(&[4 << 10, 16 << 10, 64 << 10]),
            max_unacknowledged: *dice.pick(&[2 << 10, 16 << 10, 256 << 10]),
            deflate: dice.one_in(4),
            panics: *dice.pick(&[None, None, Some(300), Some(40)]),
            delay: *dice.pick(&[0, 0, 5, 100]),
        };
        // A few kinds each: what happens seldom among many happens often among few.
        let faults = Kind::ALL.iter().copied().filter(|_| dice.one_in(2)).collect();
        Self {
            seed,
            topics,
            clients,
            raw_clients: dice.below(3),
            network,
            store,
            hub,
            faults,
            chaos: Duration::from_millis(8_000 + dice.below(25_000) as u64),
            calm: *dice.pick(&[300, 1_000, 4_000]),
        }
    }

    /// The hub's configuration.
    pub(crate) fn hub_config(&self) -> HubConfig {
        let mut config = HubConfig::default();
        config.max_unacknowledged = self.hub.max_unacknowledged;
        config.connect_timeout = Duration::from_secs(3);
        config.resume_timeout = Duration::from_secs(4);
        config.heartbeat_interval = Duration::from_secs(2);
        config.heartbeat_timeout = Duration::from_secs(1);
        config.retry_read = Duration::from_millis(200);
        config.presence.lease = Duration::from_secs(6);
        config.presence.grace = Duration::from_secs(2);
        config.presence.count_interval = Duration::from_millis(500);
        let topics = self.topics.clone();
        config.topics = Arc::new(move |topic| {
            topics
                .iter()
                .find(|plan| plan.topic == *topic)
                .map_or_else(<_>::default, TopicPlan::rules)
        });
        config
    }

    /// How both sides' WebSockets are.
    pub(crate) fn socket_config(&self) -> everwire::Config {
        let mut config = everwire::Config::default();
        config.max_queued_bytes = self.hub.max_queued_bytes;
        config.heartbeat_interval = Some(Duration::from_secs(2));
        config.heartbeat_timeout = Duration::from_secs(1);
        config.idle_timeout = Some(Duration::from_secs(10));
        config.write_timeout = Duration::from_secs(4);
        config.close_timeout = Duration::from_secs(1);
        if !self.hub.deflate {
            config.deflate = None;
        }
        config
    }
}

impl TopicPlan {
    /// As the hub knows it.
    pub(crate) fn rules(&self) -> TopicConfig {
        let mut rules = TopicConfig::default();
        rules.history = self.limits();
        rules.slow = self.slow;
        rules.presence = self.presence;
        rules
    }

    /// What its log keeps.
    pub(crate) fn limits(&self) -> HistoryLimits {
        let mut limits = HistoryLimits::default();
        limits.max_entries = self.max_entries;
        limits.max_recovered = self.max_recovered;
        limits.max_age = Duration::from_secs(3_600);
        limits.max_bytes = 64 << 20;
        limits.max_keys = 16;
        limits
    }
}

fn topic(dice: &mut Dice, number: usize) -> TopicPlan {
    TopicPlan {
        topic: Topic::new(&format!("t{number}")).expect("a legal topic"),
        max_entries: *dice.pick(&[0, 5, 30, 1_000, 1_000, 1_000]),
        max_recovered: *dice.pick(&[10, 1_000, 1_000]),
        slow: *dice.pick(&[
            SlowPolicy::Resume,
            SlowPolicy::Resume,
            SlowPolicy::Drop,
            SlowPolicy::Close,
        ]),
        presence: dice.one_in(2),
    }
}

fn client(dice: &mut Dice, number: usize, topics: &[TopicPlan]) -> ClientPlan {
    let name = Name::new(&format!("c{number}")).expect("a legal name");
    let hears = (0..topics.len()).filter(|_| !dice.one_in(4)).collect::<Vec<_>>();
    let hears = hears.into_iter().map(|topic| hearing(dice, topic, &topics[topic])).collect();
    ClientPlan {
        number,
        name: (!dice.one_in(5)).then_some(name),
        user: Name::new(&format!("u{}", dice.below(3))).expect("a legal name"),
        encoding: *dice.pick(&Encoding::ALL),
        max_undelivered: *dice.pick(&[4, 64, 256]),
        hears,
        says: (0..topics.len()).filter(|_| !dice.one_in(3)).collect(),
        pause: *dice.pick(&[50, 200, 1_000]),
        thinks: *dice.pick(&[None, None, Some(20), Some(400)]),
        sends: dice.one_in(2),
    }
}

fn hearing(dice: &mut Dice, topic: usize, plan: &TopicPlan) -> Hearing {
    let modes = [PresenceMode::None, PresenceMode::Count, PresenceMode::Full];
    Hearing {
        topic,
        from: match dice.below(5) {
            0 => SubscribeFrom::Earliest,
            1 => SubscribeFrom::Last(5),
            2 => SubscribeFrom::Acknowledged,
            _ => SubscribeFrom::Latest,
        },
        presence: if plan.presence { *dice.pick(&modes) } else { PresenceMode::None },
        slow: match dice.below(6) {
            0 => Some(SlowPolicy::Drop),
            1 => Some(SlowPolicy::Close),
            2 => Some(SlowPolicy::Resume),
            _ => None,
        },
        restless: dice.one_in(3),
    }
}
