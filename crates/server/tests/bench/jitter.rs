//! `bench jitter`: clients hear everything once and in order over a network that fails, and a hub that loses
//! something is found out.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use everwire::Acceptor;
use everwire_client::proto::{ErrorReply, Payload, Topic};
use everwire_client::{Client, TopicEvent};
use everwire_hub::{Access, Endpoint, Hub, HubConfig, Session, TopicConfig};
use serde_json::Value;

use super::runs::{Process, bench, everwire, lines, number, serve};

/// A short run with many cuts. One message in a hundred may take 2.5 s, as by default, while clients are away for a
/// fraction of that: no slow machine is taken for a bad hub.
#[rustfmt::skip]
const SHORT: [&str; 16] = [
    "--clients", "10", "--messages", "40", "--rate", "10", "--cut-every", "2", "--refuse", "0.3",
    "--heartbeat", "0.1", "--heartbeat-timeout", "0.2", "--retry", "0.05",
];

fn run(arguments: &[&str]) -> Output {
    let mut command = everwire(&["bench", "jitter"]);
    command.args(SHORT).args(arguments).stderr(Stdio::piped()).output().unwrap()
}

/// What a run in JSON found.
fn found(output: &Output) -> Value {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], r#"{"event":"measuring"}"#, "{output:?}");
    let found: Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(found["event"], "done");
    found
}

fn error(output: &Output) -> String {
    let error = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    error
}

#[test]
fn all_clients_hear_everything_once_and_in_order_over_a_network_that_fails() {
    let output = run(&["--json", "--seed", "1"]);
    let found = found(&output);
    assert!(output.status.success(), "{output:?}");
    assert_eq!((&found["due"], &found["delivered"]), (&400.into(), &400.into()));
    for nothing in ["duplicates", "reordered", "gaps", "unstored"] {
        assert_eq!(found[nothing], 0, "{nothing}: {found}");
    }
    assert_eq!(found["kept"], true);
    for something in ["cuts_reset", "cuts_silence", "resumed"] {
        assert!(number(&found, something) > 0.0, "{something}: {found}");
    }
    let delays = ["p50_ms", "p90_ms", "p99_ms", "max_ms"].map(|name| number(&found, name));
    assert!(delays.is_sorted() && delays[3] >= 300.0, "some were refused: {found}");
}

#[test]
fn they_do_so_in_new_sessions_if_the_hub_has_forgotten_the_old_ones() {
    let output = run(&["--json", "--seed", "1", "--resume", "0.001"]);
    let found = found(&output);
    assert!(output.status.success(), "{output:?}");
    assert_eq!((&found["delivered"], &found["kept"]), (&400.into(), &true.into()));
    assert!(number(&found, "renewed") > number(&found, "resumed"), "{found}");
}

#[test]
fn the_server_that_it_comes_with_can_be_tried_as_well() {
    let (_server, address) = serve();
    let lines = lines(run(&[&format!("ws://{address}/hub"), "--seed", "1"]));
    assert_eq!(lines[0], "10 clients, 40 messages at 10/s");
    assert!(lines[1].contains("cut about every 2s, by reset and silence in turn"), "{lines:?}");
    assert!(lines[2].ends_with("seed 1"), "{lines:?}");
    assert!(lines.contains(&"delivered              400".to_owned()), "{lines:?}");
    assert!(lines.contains(&"                    100.00 %".to_owned()), "{lines:?}");
    assert_eq!(
        lines.last().unwrap(),
        "everything was heard once and in order, 99 % of it within 2.5s"
    );
}

#[test]
fn what_a_hub_loses_is_told() {
    // Without history a topic is not recovered, and no session is kept for those who are cut.
    let url = hub(|config| {
        config.resume_timeout = Duration::from_millis(1);
        config.topics = Arc::new(|_| {
            let mut topic = TopicConfig::default();
            topic.history.max_entries = 0;
            topic
        });
    });
    let output = run(&[&url, "--json", "--seed", "1", "--spare-publisher", "--timeout", "2"]);
    let found = found(&output);
    assert!(number(&found, "delivered") < 400.0, "{found}");
    assert_eq!(found["kept"], false);
    assert!(number(&found, "delivered_percent") < 100.0, "{found}");
    let error = error(&output);
    assert!(error.contains("of 400 deliveries were lost"), "{error}");
}

#[test]
fn a_delay_beyond_the_limit_is_told() {
    let output = run(&["--within", "0.000001"]);
    let error = error(&output);
    assert!(error.contains("99 % were heard within") && error.contains("1µs"), "{error}");
}

#[test]
fn a_server_that_is_no_hub_or_not_there_is_said_to_be_none() {
    let (_server, address) = serve();
    let output = run(&[&format!("ws://{address}/echo")]);
    assert!(error(&output).contains("there is no hub at the URL"), "{output:?}");

    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/hub", closed.local_addr().unwrap());
    drop(closed);
    assert!(error(&run(&[&url])).contains("is a server listening there?"));

    for url in ["everwire", "wss://127.0.0.1:1/hub", "http://127.0.0.1:1/"] {
        assert!(error(&run(&[url])).contains("ws://HOST:PORT/PATH"), "{url}");
    }
    let output = bench("jitter", &format!("ws://{address}/hub"), &["--topic", "no topic"]);
    assert!(error(&output).contains("--topic"), "{output:?}");
}

#[test]
fn clients_of_other_programs_come_by_ways_that_fail_alike() {
    let mut command = everwire(&["bench", "jitter", "--json", "--others", "1", "--seed", "1"]);
    let command = command.args(SHORT).stdin(Stdio::piped()).spawn().unwrap();
    let mut command = Process(command);
    let mut lines = BufReader::new(command.0.stdout.take().unwrap()).lines();
    let mut line = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let ways = line();
    assert_eq!((&ways["event"], &ways["messages"]), (&"ways".into(), &40.into()));
    let urls: Vec<&str> = ways["urls"].as_array().unwrap().iter().flat_map(Value::as_str).collect();
    let ([url], Some(topic), Some(id)) = (&urls[..], ways["topic"].as_str(), ways["run"].as_str())
    else {
        panic!("{ways}")
    };

    let mut stdin = command.0.stdin.take().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let heard = runtime.block_on(async {
        let client = Client::connect(*url);
        let mut topic = client.topic(topic).unwrap().subscribe().await.unwrap();
        stdin.write_all(b"\n").unwrap();
        let mut heard = Vec::new();
        while heard.last() != Some(&41) {
            let Some(TopicEvent::Publication(publication)) = topic.next().await else { panic!() };
            let Payload::Json(text) = &publication.content().payload else { panic!() };
            let (run, number, of, _): (String, u64, u64, u64) = text.read().unwrap();
            assert_eq!((&*run, of), (id, 40));
            heard.push(number);
        }
        heard
    });
    assert!(heard.iter().copied().eq(1..=41), "the last says that nothing follows: {heard:?}");
    assert_eq!(line()["event"], "measuring");
    assert_eq!(line()["kept"], true);
    drop(stdin);
    assert!(command.0.wait().unwrap().success());
}

struct Open;

impl Endpoint for Open {
    async fn allow(&self, _: &Session, _: Access, _: &Topic) -> Result<(), ErrorReply> {
        Ok(())
    }
}

/// A hub that listens as long as the test's process lives; its URL.
fn hub(change: impl FnOnce(&mut HubConfig)) -> String {
    let mut config = HubConfig::default();
    change(&mut config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let hub = Hub::builder().config(config).endpoint("/", Open).unwrap().build();
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let acceptor = hub.acceptor(&Acceptor::new());
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (hub, acceptor) = (hub.clone(), acceptor.clone());
                tokio::spawn(async move { hub.accept(acceptor.read_request(stream).await?).await });
            }
        });
    });
    url
}
