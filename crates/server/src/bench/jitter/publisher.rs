//! The client that publishes.

use std::time::Duration;

use everwire_client::proto::Name;
use everwire_client::{Client, RequestError, TopicHandle};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::bench::progress::Progress;
use crate::bench::tally::Part;

use super::args::Jitter;
use super::link::{Target, client};
use super::note::Note;
use super::sent::Sent;
use super::way::Way;

/// A client with a name, so that what it publishes is stored once however often it is sent.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) way: Way,
    client: Client,
    topic: TopicHandle,
}

impl Publisher {
    /// Connects in the background.
    pub(super) fn start(args: &Jitter, target: &Target, way: Way, run: &str) -> Self {
        let name = Name::new(&format!("jitter-{run}")).expect("it is short");
        let client = client(args, target.by(way.addr()), Some(name)).connect();
        let topic = client.topic(&args.topic).expect("the members hear it");
        Self { way, client, topic }
    }

    /// Publishes everything at its rate, whatever becomes of it, and waits until it is stored; then
    /// publishes that nothing follows. `stored` counts how long each took.
    pub(super) async fn run(
        &self,
        args: &Jitter,
        run: &str,
        sent: &Sent,
        stored: &Part,
        progress: &mut Progress,
    ) -> Unstored {
        let of = u64::from(args.messages);
        let mut pace = interval(Duration::from_secs_f64(args.rate.recip()));
        // A message that is late by our own fault is no reason to hurry with the next.
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut unstored = Unstored::default();
        let mut waiting = JoinSet::new();
        for _ in 0..of {
            pace.tick().await;
            let number = sent.note();
            // They leave in this order: tasks of one thread begin in the order in which they were spawned.
            waiting.spawn(publish(self.topic.clone(), Note::new(run, number, of), stored.clone()));
            progress.show("publishing", number as f64 / of as f64, || format!("{number} of {of}"));
            while let Some(Ok(published)) = waiting.try_join_next() {
                unstored.note(published);
            }
        }
        while let Some(Ok(published)) = waiting.join_next().await {
            unstored.note(published);
        }
        unstored.note(self.topic.publish(Note::new(run, of + 1, of).payload()).await.map(|_| ()));
        unstored
    }

    pub(super) async fn close(self) {
        self.client.close().await;
    }
}

/// What was not stored, or perhaps not.
#[derive(Debug, Default)]
pub(super) struct Unstored {
    pub(super) messages: u64,
    /// Of the latest.
    pub(super) why: Option<RequestError>,
}

impl Unstored {
    fn note(&mut self, published: Result<(), RequestError>) {
        if let Err(error) = published {
            self.messages += 1;
            self.why = Some(error);
        }
    }
}

async fn publish(topic: TopicHandle, note: Note, stored: Part) -> Result<(), RequestError> {
    let start = Instant::now();
    topic.publish(note.payload()).await?;
    stored.record(start.elapsed());
    Ok(())
}
