//! A client's session under any messages: it neither panics nor settles a request twice, and when it is
//! closed all are settled.
//!
//! An input is lines: a word of ours is something that happens, all else is a message of the hub.
#![no_main]

use std::collections::BTreeSet;

use everwire_proto::session::{Config, Input, Output, Request, Session};
use everwire_proto::{Encoded, Encoding, Method, Payload, PresenceMode, SubscribeOptions, Topic};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut config = Config::default();
    (config.max_waiting, config.max_unconfirmed, config.max_subscriptions) = (4, 4, 3);
    let (mut session, mut now, mut open) = (Session::new(config), 0, BTreeSet::new());
    for (ticket, line) in (0..).zip(text.lines()).chain([(u64::MAX, "close")]) {
        if line == "tick" {
            now = session.next_deadline().unwrap_or(now).max(now);
        }
        let input = input(line, ticket);
        if matches!(input, Input::Request { .. }) {
            open.insert(ticket);
        }
        for output in session.step(now, 0.5, input) {
            if let Output::Settled { ticket, .. } = output {
                assert!(open.remove(&ticket), "{ticket} is settled twice");
            }
        }
        assert!(line != "tick" || session.next_deadline().is_none_or(|at| at > now));
    }
    assert!(open.is_empty() && session.is_ended());
});

fn input(line: &str, ticket: u64) -> Input {
    let topic = || Topic::new("chat").expect("a topic");
    let payload = || Payload::json("1").expect("JSON");
    let request = |request| Input::Request { ticket, request };
    match line {
        "open" => Input::Opened { encoding: Encoding::Json, token: None },
        "lost" => Input::Lost { code: None },
        "tick" => Input::Tick,
        "close" => Input::Close,
        "away" => Input::Away(true),
        "ack" => Input::Ack { topic: topic(), offset: 1 },
        "subscribe" => {
            let presence = PresenceMode::Full;
            let options = SubscribeOptions { presence, ..SubscribeOptions::default() };
            request(Request::Subscribe { topic: topic(), options })
        }
        "unsubscribe" => request(Request::Unsubscribe { topic: topic() }),
        "publish" => request(Request::Publish { topic: topic(), payload: payload(), echo: true }),
        "rpc" => {
            let method = Method::new("like").expect("a method");
            request(Request::Rpc { method, payload: payload() })
        }
        "send" => request(Request::Send(payload())),
        message => Input::Received(Encoded::Text(message.to_owned().into())),
    }
}
