//! The limits of a session, at their edges.

use everwire_proto::session::{Config, Event, Input, NotSent, Outcome, Output, Request, Session};
use everwire_proto::{
    ClientMessage, Command, Encoded, Encoding, Method, Payload, SubscribeOptions, Topic,
};

/// A session that is up, on a hub that lets `unanswered` commands wait.
fn up(config: Config, unanswered: usize) -> Session {
    let mut session = Session::new(config);
    session.step(0, 0.0, Input::Opened { encoding: Encoding::Json, token: None });
    let outputs = hub(
        &mut session,
        &format!(
            r#"{{"id":1,"ok":{{"session":"s","key":"k","got":0,
                "heartbeat":{{"interval":25000,"timeout":10000}},
                "limits":{{"max_message":65536,"max_subscriptions":128,
                    "max_unanswered":{unanswered}}}}}}}"#
        ),
    );
    assert!(matches!(outputs[0], Output::Event(Event::Up { .. })));
    session
}

fn hub(session: &mut Session, message: &str) -> Vec<Output> {
    session.step(0, 0.0, Input::Received(Encoded::Text(message.to_owned().into())))
}

fn rpc(session: &mut Session, ticket: u64) -> Vec<Output> {
    let request =
        Request::Rpc { method: Method::new("do").unwrap(), payload: Payload::json("1").unwrap() };
    session.step(0, 0.0, Input::Request { ticket, request })
}

fn send(session: &mut Session, ticket: u64, bytes: usize) -> Vec<Output> {
    let request = Request::Send(Payload::binary(vec![0; bytes]));
    session.step(0, 0.0, Input::Request { ticket, request })
}

fn not_sent(ticket: u64, why: NotSent) -> Vec<Output> {
    vec![Output::Settled { ticket, outcome: Outcome::NotSent(why) }]
}

fn got(outputs: &[Output]) -> Vec<u64> {
    let got = |output: &Output| match output {
        Output::Transmit(ClientMessage::Heartbeat { got }) => *got,
        _ => None,
    };
    outputs.iter().filter_map(got).collect()
}

#[test]
fn the_hub_is_told_after_64_messages() {
    let mut session = up(Config::default(), 64);
    for number in 1..=130 {
        let told = got(&hub(&mut session, r#"{"message":{"data":1}}"#));
        let expected = if number % 64 == 0 { vec![number] } else { vec![] };
        assert_eq!(told, expected, "after {number}");
    }
}

#[test]
fn the_hub_is_told_after_64_kib() {
    let mut session = up(Config::default(), 64);
    let long = format!(r#"{{"message":{{"data":"{}"}}}}"#, "x".repeat(40_000));
    assert!(got(&hub(&mut session, &long)).is_empty());
    assert_eq!(got(&hub(&mut session, &long)), [2]);
}

#[test]
fn commands_wait_while_as_many_as_the_hub_lets_have_no_reply() {
    let mut session = up(Config::default(), 2);
    assert_eq!(rpc(&mut session, 1).len(), 1);
    assert_eq!(rpc(&mut session, 2).len(), 1);
    assert_eq!(rpc(&mut session, 3), []);
    let outputs = hub(&mut session, r#"{"id":2,"ok":{"data":1}}"#);
    assert!(matches!(
        &outputs[..],
        [
            Output::Settled { ticket: 1, outcome: Outcome::Done(_) },
            Output::Transmit(ClientMessage::Command { command: Command::Rpc { .. }, .. }),
        ]
    ));
}

#[test]
fn what_is_not_confirmed_is_kept_within_bounds() {
    let mut config = Config::default();
    (config.max_unconfirmed, config.max_unconfirmed_bytes) = (3, 100);
    let mut session = up(config, 64);
    assert_eq!(send(&mut session, 1, 60).len(), 1);
    assert_eq!(send(&mut session, 2, 41), [], "101 bytes");
    assert_eq!(hub(&mut session, r#"{"got":1}"#).len(), 2, "settled, and the next leaves");
    assert_eq!(send(&mut session, 3, 0).len(), 1);
    assert_eq!(send(&mut session, 4, 0).len(), 1);
    assert_eq!(send(&mut session, 5, 0), [], "four messages");
    assert_eq!(hub(&mut session, r#"{"got":4}"#).len(), 4);
    // One that is larger than the bound goes alone.
    assert_eq!(hub(&mut session, r#"{"got":5}"#).len(), 1);
    assert_eq!(send(&mut session, 6, 101).len(), 1);
}

#[test]
fn as_many_requests_wait_as_may_and_no_more() {
    let mut config = Config::default();
    (config.max_waiting, config.max_waiting_bytes) = (3, 10);
    let mut session = Session::new(config);
    assert_eq!(send(&mut session, 1, 10), []);
    assert_eq!(send(&mut session, 2, 1), not_sent(2, NotSent::Full));
    assert_eq!(send(&mut session, 3, 0), []);
    assert_eq!(send(&mut session, 4, 0), []);
    assert_eq!(send(&mut session, 5, 0), not_sent(5, NotSent::Full));
}

#[test]
fn as_many_subscriptions_are_kept_as_may_be_and_no_more() {
    let mut config = Config::default();
    config.max_subscriptions = 2;
    let mut session = up(config, 64);
    let mut subscribe = |ticket: u64| {
        let topic = Topic::new(&format!("t{ticket}")).unwrap();
        let request = Request::Subscribe { topic, options: SubscribeOptions::default() };
        session.step(0, 0.0, Input::Request { ticket, request })
    };
    assert_eq!(subscribe(1).len(), 1);
    assert_eq!(subscribe(2).len(), 1);
    assert_eq!(subscribe(3), not_sent(3, NotSent::Full));
    let made = r#"{"subscribed":{"topic":"x","live":true}}"#;
    assert!(hub(&mut session, made).len() > 1 && session.is_ended());
}

#[test]
fn a_hub_that_got_more_than_was_sent_is_not_understood() {
    let mut session = up(Config::default(), 64);
    send(&mut session, 1, 1);
    assert!(hub(&mut session, r#"{"got":2}"#).len() > 1 && session.is_ended());
}
