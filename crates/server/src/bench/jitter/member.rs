//! A client that hears everything.

use std::time::Duration;

use everwire_client::{Client, ClientEvent, RequestError, Subscription, TopicEvent};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::bench::tally::Part;

use super::account::{Account, Faults};
use super::args::Jitter;
use super::link::{Target, client};
use super::note::Note;
use super::sent::Sent;
use super::way::{Kind, Way};

/// Events that wait; of those, two come with each cut.
const EVENTS: usize = 64;

/// A client that hears the topic, over a way that fails.
#[derive(Debug)]
pub(super) struct Member {
    way: Way,
    client: Client,
    heard: Subscription,
    events: mpsc::Receiver<ClientEvent>,
    account: Account,
    findings: Findings,
}

/// What a client has found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// How many different messages it heard.
    pub(super) heard: u64,
    pub(super) faults: Faults,
    /// How often it was told that something will not come.
    pub(super) gaps: u64,
    /// How often it came back to its session.
    pub(super) resumed: u64,
    /// How often it came back to a new one, and recovered the topic.
    pub(super) renewed: u64,
    /// How long after a cut it was back.
    pub(super) backs: Vec<(Kind, Duration)>,
}

/// What all clients of a run have in common.
#[derive(Debug, Clone)]
pub(super) struct Common {
    pub(super) run: String,
    pub(super) sent: Sent,
    pub(super) delays: Part,
    /// Whether what is missing is not waited for any more.
    pub(super) over: watch::Receiver<bool>,
}

impl Member {
    /// Connects and subscribes.
    ///
    /// # Errors
    /// If the hub refuses, or does not answer in time.
    pub(super) async fn join(args: &Jitter, target: &Target, way: Way) -> Result<Self, String> {
        let (sender, events) = mpsc::channel(EVENTS);
        let client = client(args, target.by(way.addr()), None).events(sender).connect();
        let topic = client.topic(&args.topic).map_err(|problem| format!("--topic: {problem}"))?;
        let heard = match timeout(args.timeout, topic.subscribe().into_future()).await {
            Ok(Ok(heard)) => heard,
            Ok(Err(RequestError::Ended)) => {
                return Err("there is no hub at the URL: everwire's own is at /hub".to_owned());
            }
            Ok(Err(error)) => return Err(format!("`{}` cannot be heard: {error}", args.topic)),
            Err(_) => {
                return Err(format!("no hub has answered within {:?} (--timeout)", args.timeout));
            }
        };
        let account = Account::new(args.messages.into());
        Ok(Self { way, client, heard, events, account, findings: Findings::default() })
    }

    pub(super) fn way(&mut self) -> &mut Way {
        &mut self.way
    }

    /// Hears everything until the end is told, or nobody waits any more.
    pub(super) async fn run(mut self, common: Common) -> (Way, Findings) {
        let mut over = common.over.clone();
        loop {
            tokio::select! {
                event = self.heard.next() => match event {
                    Some(TopicEvent::Publication(publication)) => {
                        let note = Note::read(&common.run, &publication.content().payload);
                        if note.is_some_and(|note| self.hear(&note, &common)) {
                            break;
                        }
                    }
                    Some(TopicEvent::Gap { .. }) => self.findings.gaps += 1,
                    Some(TopicEvent::Ended(_)) | None => break,
                    Some(_) => {}
                },
                Some(event) = self.events.recv() => self.handle(&event),
                _ = over.wait_for(|over| *over) => break,
            }
        }
        self.client.close().await;
        self.findings.heard = self.account.heard();
        self.findings.faults = self.account.faults();
        (self.way, self.findings)
    }

    /// Whether that was the end.
    fn hear(&mut self, note: &Note, common: &Common) -> bool {
        if note.is_end() {
            return true;
        }
        if self.account.hear(note.number)
            && let Some(delay) = common.sent.since(note.number)
        {
            common.delays.record(delay);
        }
        false
    }

    fn handle(&mut self, event: &ClientEvent) {
        let ClientEvent::Up { resumed, .. } = event else { return };
        // It has connected first before anything was cut.
        if let Some(back) = self.way.back() {
            self.findings.backs.push(back);
            match resumed {
                true => self.findings.resumed += 1,
                false => self.findings.renewed += 1,
            }
        }
    }
}
