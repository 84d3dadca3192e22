//! What sessions hold: little while nothing happens, and no more than their bounds while somebody does not read.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use everwire::{Agreement, Config, Role, WebSocket};
use everwire_hub::proto::{ErrorReply, Payload, Topic};
use everwire_hub::{Access, Endpoint, Hub, HubConfig, Session, TopicConfig};
use everwire_testkit::{Counting, Frame, live, peak, reset_peak};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that serving a connection takes in its task.
const MAX_FUTURE: usize = 384;

/// Bytes on the heap for a session that is idle, subscribed to a topic that it shares with others: its
/// WebSocket, its task, its places in lists and maps, and the text of a short request.
const MAX_SESSION: usize = 2_176;

/// Bytes on the heap for one that has a topic with history for itself: the topic's place, its log without
/// entries, and what is known of keys and acknowledgements, of which there are none.
const MAX_OWN_TOPIC: usize = 3_136;

/// Whoever comes may subscribe.
struct Open;

impl Endpoint for Open {
    async fn allow(&self, _: &Session, _: Access, _: &Topic) -> Result<(), ErrorReply> {
        Ok(())
    }
}

/// A client that connects and subscribes, and then reads everything, or nothing more.
struct Client {
    connect: Vec<u8>,
    stalls: bool,
    /// Writes that it has taken: a message each, as long as they are published one at a time.
    heard: Arc<AtomicUsize>,
}

impl Client {
    fn new(topic: &str) -> Self {
        let subscriptions = format!(r#"{{"{topic}":{{}}}}"#);
        let connect =
            format!(r#"{{"id":1,"connect":{{"version":1,"subscriptions":{subscriptions}}}}}"#);
        let connect = Frame::text(connect).masked().encode();
        Self { connect, stalls: false, heard: Arc::default() }
    }

    fn that_stalls(topic: &str) -> Self {
        Self { stalls: true, ..Self::new(topic) }
    }
}

impl AsyncRead for Client {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let connect = std::mem::take(&mut self.connect);
        if connect.is_empty() {
            return Poll::Pending;
        }
        buffer.put_slice(&connect);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Client {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.heard.load(Ordering::Relaxed) > 0 && self.stalls {
            return Poll::Pending;
        }
        self.heard.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn hub(topics: impl Fn(&mut TopicConfig) + Send + Sync + 'static) -> Hub {
    let mut config = HubConfig::default();
    config.topics = Arc::new(move |_| {
        let mut topic = TopicConfig::default();
        topics(&mut topic);
        topic
    });
    Hub::builder().config(config).endpoint("/hub", Open).unwrap().build()
}

fn serve(
    hub: &Hub,
    client: Client,
    config: &Arc<Config>,
) -> impl Future<Output = ()> + Send + use<> {
    let agreement = Agreement::new(Some("everwire.json.v1".to_owned()), None);
    let socket =
        WebSocket::from_handshake(client, Role::Server, agreement, Vec::new(), config.clone());
    let request = http::Request::get("/hub").header("host", "localhost:8000").body(()).unwrap();
    hub.serve(&request, socket)
}

/// Lets other tasks go as far as they can.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn serving_a_connection_takes_little_room_in_its_task() {
    let size = size_of_val(&serve(&hub(|_| ()), Client::new("t"), &Arc::default()));
    assert!(size <= MAX_FUTURE, "{size} bytes");
}

/// Bytes on the heap for each of many sessions that are subscribed to the topics of this name.
async fn idle(topic: impl Fn(usize) -> String) -> usize {
    const SESSIONS: usize = 512;
    let (hub, config) = (hub(|_| ()), Arc::default());
    let enter = async |numbers| {
        for number in numbers {
            tokio::spawn(serve(&hub, Client::new(&topic(number)), &config));
            settle().await;
        }
    };
    // The maps and lists that all share have as large a part in use before as after.
    enter(0..SESSIONS).await;
    let before = live();
    enter(SESSIONS..2 * SESSIONS).await;
    let held = live() - before;
    assert_eq!(hub.sessions(), 2 * SESSIONS);
    let last = Topic::new(&topic(2 * SESSIONS - 1)).unwrap();
    assert!(hub.counters(&last).is_some(), "it is subscribed");
    held / SESSIONS
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_with_a_subscription_takes_little_room() {
    let each = idle(|_| "t".to_owned()).await;
    assert!(each <= MAX_SESSION, "{each} bytes");
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_with_a_topic_of_its_own_takes_little_more() {
    let each = idle(|number| format!("t-{number}")).await;
    assert!(each <= MAX_OWN_TOPIC, "{each} bytes");
}

#[tokio::test(start_paused = true)]
async fn one_that_reads_nothing_holds_its_bounds_and_no_other_waits_for_it() {
    const OTHERS: usize = 20;
    const PUBLICATIONS: usize = 6_000;
    const QUEUE: usize = 64 << 10;
    const LOG: usize = 256 << 10;
    const UNACKNOWLEDGED: usize = 256 << 10;
    let hub = hub(|topic| topic.history.max_bytes = LOG);
    let mut config = Config::default();
    (config.max_queued_bytes, config.heartbeat_interval) = (QUEUE, None);
    let config = Arc::new(config);
    tokio::spawn(serve(&hub, Client::that_stalls("t"), &config));
    let others: Vec<_> = (0..OTHERS)
        .map(|_| {
            let client = Client::new("t");
            let heard = client.heard.clone();
            tokio::spawn(serve(&hub, client, &config));
            heard
        })
        .collect();
    settle().await;

    let (began, before) = (Instant::now(), live());
    reset_peak();
    for n in 1..=PUBLICATIONS {
        hub.publish(&topic(), Payload::of(&"x".repeat(1_000)).unwrap()).await.unwrap();
        settle().await;
        // The answer to `connect`, and each publication at once: no time has passed.
        let late = others.iter().filter(|heard| heard.load(Ordering::Relaxed) != n + 1).count();
        assert_eq!(late, 0, "publication {n}");
    }
    assert_eq!(began.elapsed().as_nanos(), 0);

    let counters = hub.counters(&topic()).unwrap();
    let known = counters.delivered + counters.dropped + counters.left + counters.pending;
    assert_eq!(counters.due, known, "{counters:?}");
    assert_eq!(counters.due, ((OTHERS + 1) * PUBLICATIONS) as u64);
    assert!(counters.delivered >= (OTHERS * PUBLICATIONS) as u64);
    // Six megabytes were published. What is kept of a frame is kept once for all.
    let bound = 2 * (QUEUE + LOG + UNACKNOWLEDGED);
    assert!(peak() - before <= bound, "{} bytes of {bound}", peak() - before);
}

fn topic() -> Topic {
    Topic::new("t").unwrap()
}
