//! What every broker promises: the same tests for each implementor.
//!
//! `broker_suite!(make)` writes them all into a module; `make` is an expression that gives a new,
//! empty broker.

use std::sync::{Arc, Mutex};

use everwire_hub::broker::{Broker, Listener};
use everwire_hub::log::{Draft, Entry, Key};
use everwire_proto::{Again, Epoch, GapReason, Name, Payload, Position, SubscribeFrom, Topic};

/// A broker and who listens to it.
pub(crate) struct Stage<B: Broker> {
    pub(crate) broker: B,
    heard: Arc<Heard>,
    pub(crate) topic: Topic,
    pub(crate) client: Name,
}

/// What was delivered, in order, each with its epoch.
#[derive(Default)]
struct Heard(Mutex<Vec<(Topic, Epoch, Arc<Entry>)>>);

impl Listener for Heard {
    fn deliver(&self, topic: &Topic, epoch: &Epoch, publication: &Arc<Entry>) {
        self.0.lock().unwrap().push((topic.clone(), epoch.clone(), publication.clone()));
    }

    fn lost(&self, topic: &Topic) {
        panic!("{topic} was lost");
    }
}

impl<B: Broker> Stage<B> {
    pub(crate) fn new(broker: B) -> Self {
        let heard = Arc::new(Heard::default());
        broker.attach(heard.clone());
        let topic = Topic::new("chat:42").unwrap();
        Self { broker, heard, topic, client: Name::new("ada").unwrap() }
    }

    pub(crate) async fn publish(&self, text: &str) -> u64 {
        self.broker.publish(&self.topic, draft(text)).await.unwrap().offset
    }

    pub(crate) async fn publish_all(&self, count: u64) {
        for n in 1..=count {
            self.publish(&format!("message {n}")).await;
        }
    }

    pub(crate) async fn end(&self) -> Position {
        self.broker.begin(&self.topic, &self.client, &SubscribeFrom::Latest).await.unwrap().head
    }

    /// The offsets behind a position.
    pub(crate) async fn read(
        &self,
        behind: &Position,
        limit: usize,
    ) -> Result<Vec<u64>, GapReason> {
        let read = self.broker.read(&self.topic, behind, limit).await.unwrap();
        read.map(|suffix| suffix.iter().map(|entry| entry.place.offset).collect())
    }

    /// Where a subscription begins, and whether that is where it was to.
    pub(crate) async fn begin(&self, from: SubscribeFrom) -> (u64, Option<Result<(), GapReason>>) {
        let beginning = self.broker.begin(&self.topic, &self.client, &from).await.unwrap();
        (beginning.position.offset, beginning.recovered)
    }

    /// The offsets that were delivered, whatever their topic.
    pub(crate) fn heard(&self) -> Vec<u64> {
        self.heard.0.lock().unwrap().iter().map(|(_, _, entry)| entry.place.offset).collect()
    }

    /// Whether each publication that was delivered names the one before it.
    pub(crate) fn is_chain(&self, behind: &Position) -> bool {
        let heard = self.heard.0.lock().unwrap();
        let mut at = behind.clone();
        heard.iter().all(|(_, epoch, entry)| {
            let follows = *epoch == at.epoch && at.is_before(&entry.place);
            at = entry.position(epoch);
            follows
        })
    }
}

pub(crate) fn draft(text: &str) -> Draft {
    Draft { from: None, payload: Payload::of(text).unwrap(), key: None, except: None }
}

pub(crate) fn keyed(number: u64, again: Option<Again>) -> Draft {
    let client = Name::new("ada").unwrap();
    Draft { key: Some(Key { client, number, again }), ..draft("with a key") }
}

/// Writes the suite for one broker.
#[macro_export]
macro_rules! broker_suite {
    ($make:expr) => {
        use everwire_hub::broker::{Broker as _, BrokerError};
        use everwire_proto::{Again, GapReason, Name, Position, SubscribeFrom, Topic};

        use $crate::suite::{Stage, draft, keyed};

        #[tokio::test]
        async fn what_is_published_is_delivered_in_order_to_whoever_follows() {
            let stage = Stage::new($make);
            stage.publish("before").await;
            let end = stage.broker.follow(&stage.topic).await.unwrap();
            stage.publish_all(5).await;
            assert_eq!(stage.heard(), [2, 3, 4, 5, 6]);
            assert!(stage.is_chain(&end));
        }

        #[tokio::test]
        async fn what_is_not_followed_is_not_delivered_and_can_be_read() {
            let stage = Stage::new($make);
            let start = stage.end().await;
            stage.publish_all(3).await;
            assert_eq!(stage.heard(), [] as [u64; 0]);
            assert_eq!(stage.read(&start, 10).await, Ok(vec![1, 2, 3]));

            stage.broker.follow(&stage.topic).await.unwrap();
            stage.broker.unfollow(&stage.topic);
            stage.publish("afterwards").await;
            assert_eq!(stage.heard(), [] as [u64; 0]);
        }

        #[tokio::test]
        async fn topics_do_not_mix() {
            let stage = Stage::new($make);
            let other = Topic::new("chat:43").unwrap();
            stage.broker.follow(&stage.topic).await.unwrap();
            stage.publish("here").await;
            let published = stage.broker.publish(&other, draft("there")).await.unwrap();
            assert_eq!(published.offset, 1);
            assert_eq!(stage.heard(), [1]);
            assert_ne!(published.epoch, stage.end().await.epoch);
        }

        #[tokio::test]
        async fn a_reader_takes_pages_without_a_hole() {
            let stage = Stage::new($make);
            let mut at = stage.end().await;
            stage.publish_all(7).await;
            let mut read = Vec::new();
            loop {
                let page = stage.broker.read(&stage.topic, &at, 3).await.unwrap().unwrap();
                let Some(last) = page.last() else { break };
                at = last.position(&at.epoch);
                read.extend(page.iter().map(|entry| entry.place.offset));
            }
            assert_eq!(read, [1, 2, 3, 4, 5, 6, 7]);
            assert_eq!(at, stage.end().await);
        }

        #[tokio::test]
        async fn a_position_that_proves_itself_is_recovered_whole() {
            let stage = Stage::new($make);
            let none = stage.end().await;
            stage.publish_all(3).await;
            let middle = stage.end().await;
            stage.publish_all(2).await;
            for (position, offset) in [(none, 0), (middle, 3), (stage.end().await, 5)] {
                let begun = stage.begin(SubscribeFrom::Position(position)).await;
                assert_eq!(begun, (offset, Some(Ok(()))));
            }
        }

        #[tokio::test]
        async fn a_position_that_does_not_is_refused_with_the_reason_and_begins_at_the_end() {
            let stage = Stage::new($make);
            stage.publish_all(5).await;
            let end = stage.end().await;
            let other =
                stage.broker.publish(&Topic::new("other").unwrap(), draft("x")).await.unwrap();
            let cases = [
                (Position { epoch: other.epoch, ..end.clone() }, GapReason::Epoch),
                (Position { tag: end.tag ^ 1, ..end.clone() }, GapReason::Fork),
                (Position { offset: 2, ..end.clone() }, GapReason::Fork),
                (Position { offset: 6, ..end.clone() }, GapReason::Fork),
            ];
            for (position, reason) in cases {
                assert_eq!(stage.read(&position, 10).await, Err(reason.clone()));
                let begun = stage.begin(SubscribeFrom::Position(position)).await;
                assert_eq!(begun, (5, Some(Err(reason))));
            }
        }

        #[tokio::test]
        async fn a_subscription_begins_where_it_asks_to() {
            let stage = Stage::new($make);
            stage.publish_all(5).await;
            assert_eq!(stage.begin(SubscribeFrom::Latest).await, (5, None));
            assert_eq!(stage.begin(SubscribeFrom::Earliest).await, (0, None));
            assert_eq!(stage.begin(SubscribeFrom::Last(2)).await, (3, None));
            assert_eq!(stage.begin(SubscribeFrom::Last(99)).await, (0, None));
            assert_eq!(stage.begin(SubscribeFrom::Acknowledged).await, (5, None));
        }

        #[tokio::test]
        async fn what_a_client_acknowledged_moves_forward_only() {
            let stage = Stage::new($make);
            stage.publish_all(5).await;
            for offset in [3, 1, 100] {
                stage.broker.acknowledge(&stage.topic, &stage.client, offset);
            }
            assert_eq!(stage.begin(SubscribeFrom::Acknowledged).await, (3, Some(Ok(()))));
            stage.broker.acknowledge(&stage.topic, &Name::new("bob").unwrap(), 5);
            assert_eq!(stage.begin(SubscribeFrom::Acknowledged).await, (3, Some(Ok(()))));
        }

        #[tokio::test]
        async fn what_is_published_again_is_stored_and_delivered_once() {
            let stage = Stage::new($make);
            stage.broker.follow(&stage.topic).await.unwrap();
            let first = stage.broker.publish(&stage.topic, keyed(1, None)).await.unwrap();
            let known = Some(Again::Since(first.epoch.clone()));
            for again in [known.clone(), Some(Again::Unknown)] {
                let repeated = stage.broker.publish(&stage.topic, keyed(1, again)).await.unwrap();
                assert_eq!(repeated, first);
            }
            assert_eq!(stage.heard(), [1]);
            // It never arrived the first time.
            let second = stage.broker.publish(&stage.topic, keyed(2, known)).await.unwrap();
            assert_eq!(second.offset, 2);
        }

        #[tokio::test]
        async fn what_may_be_stored_is_not_stored_again() {
            let stage = Stage::new($make);
            let result = stage.broker.publish(&stage.topic, keyed(1, Some(Again::Unknown))).await;
            assert!(matches!(result, Err(BrokerError::Unsure)), "{result:?}");
            assert_eq!(stage.end().await.offset, 0);
        }

        #[tokio::test]
        async fn history_is_paged_from_the_newest() {
            let stage = Stage::new($make);
            stage.publish_all(5).await;
            for (before, expected, more) in
                [(u64::MAX, vec![4, 5], true), (4, vec![2, 3], true), (2, vec![1], false)]
            {
                let page = stage.broker.history(&stage.topic, before, 2).await.unwrap();
                let offsets: Vec<_> =
                    page.publications.iter().map(|entry| entry.place.offset).collect();
                assert_eq!((offsets, page.more), (expected, more));
                assert_eq!(page.position.offset, 5);
            }
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn publications_from_many_tasks_make_one_chain() {
            let stage = std::sync::Arc::new(Stage::new($make));
            let end = stage.broker.follow(&stage.topic).await.unwrap();
            let tasks: Vec<_> = (0..8)
                .map(|_| {
                    let stage = stage.clone();
                    tokio::spawn(async move { stage.publish_all(50).await })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(stage.heard(), (1..=400).collect::<Vec<u64>>());
            assert!(stage.is_chain(&end));
        }
    };
}
