//! The recorded traces that JavaScript runs as well: they say what the values do today.
//!
//! After a change that is meant, write them anew:
//! `EVERWIRE_WRITE_TRACES=1 cargo test -p everwire --test policy traces`

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use everwire::reconnect::outbox::{self, Outbox};
use everwire::reconnect::retry::{self, Phase, Retry, Verdict};
use everwire_testkit::Dice;
use serde_json::{Value, json};

use crate::json;

const RETRIES: u64 = 140;
const OUTBOXES: u64 = 104;

#[test]
fn the_traces_are_what_the_values_do_today() {
    let write = std::env::var_os("EVERWIRE_WRITE_TRACES").is_some();
    for (name, recorded) in files() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/traces").join(name);
        if write {
            fs::write(&path, &recorded).unwrap();
        }
        let checked_in = fs::read_to_string(&path).unwrap();
        // Not `assert_eq`: it would print both whole.
        let differs = checked_in.lines().zip(recorded.lines()).find(|(old, new)| old != new);
        assert_eq!(differs, None, "{name} says something else, see the top of this file");
        assert_eq!(checked_in.len(), recorded.len(), "{name} is longer or shorter");
    }
}

#[test]
fn the_traces_have_every_input_in_every_phase_and_every_action() {
    let mut seen = BTreeSet::new();
    for (_, recorded) in files() {
        let traces: Value = serde_json::from_str(&recorded).unwrap();
        for trace in traces.as_array().unwrap() {
            let mut before = json!({ "phase": "idle", "up": false, "ended": false, "queue": [] });
            let steps = trace["steps"].as_array().unwrap();
            assert!((20..=60).contains(&steps.len()));
            for step in steps {
                let state = if trace["kind"] == "retry" {
                    before["phase"].to_string()
                } else {
                    let empty = before["queue"].as_array().unwrap().is_empty();
                    format!("up {} ended {} empty {empty}", before["up"], before["ended"])
                };
                seen.insert(format!("{} in {state}", step["input"]["type"]));
                for action in step["actions"].as_array().unwrap() {
                    let detail = ["cause", "why", "fate"].map(|key| action[key].to_string());
                    seen.insert(format!("{} {}", action["type"], detail.join(" ")));
                }
                before = step["state"].clone();
            }
        }
    }
    // 10 inputs in 6 phases; 1 + 4 + 1 + 4 actions; 8 inputs in 4 states of a queue that is empty
    // and 3 of one that is not, for it is given back at the end; 5 fates, 3 refusals, 3 others.
    assert_eq!(seen.len(), 60 + 10 + 8 * 7 + 11, "{seen:#?}");
}

fn files() -> [(&'static str, String); 4] {
    [
        ("retry-plausible.json", file(0..RETRIES / 2, |seed| retry_trace(seed, true))),
        ("retry-hostile.json", file(RETRIES / 2..RETRIES, |seed| retry_trace(seed, false))),
        ("outbox-plausible.json", file(0..OUTBOXES / 2, |seed| outbox_trace(seed, true))),
        ("outbox-hostile.json", file(OUTBOXES / 2..OUTBOXES, |seed| outbox_trace(seed, false))),
    ]
}

struct Trace {
    kind: &'static str,
    policy: Value,
    steps: Vec<Value>,
}

/// An array of traces, a step a line.
fn file(seeds: std::ops::Range<u64>, record: impl Fn(u64) -> Trace) -> String {
    let mut text = String::from("[\n");
    for seed in seeds.clone() {
        let Trace { kind, policy, steps } = record(seed);
        let name = format!("{kind} {seed}");
        writeln!(text, r#"{{"name":"{name}","kind":"{kind}","policy":{policy},"steps":["#).unwrap();
        let steps: Vec<String> = steps.iter().map(Value::to_string).collect();
        text.push_str(&steps.join(",\n"));
        text.push_str(if seed + 1 == seeds.end { "\n]}\n" } else { "\n]},\n" });
    }
    text.push_str("]\n");
    text
}

/// Mostly short, some of them long.
fn length(dice: &mut Dice) -> usize {
    if dice.one_in(8) { 40 + dice.below(21) } else { 20 + dice.below(8) }
}

fn retry_trace(seed: u64, plausible: bool) -> Trace {
    let mut dice = Dice::new(0x5EED_0000 + seed);
    let policy = crate::retry::policy(&mut dice);
    let mut retry = Retry::new(&policy);
    let mut now = dice.below(1_000_000) as u64;
    let mut steps = Vec::new();
    for _ in 0..length(&mut dice) {
        let (at, input) = if plausible && !dice.one_in(8) {
            next_of_retry(&mut dice, &retry, now)
        } else {
            let at = crate::retry::any_time(&mut dice, now, retry.next_deadline());
            (at, crate::retry::any_input(&mut dice))
        };
        now = at;
        let random = crate::retry::random(&mut dice);
        let actions = retry.step(now, random, input);
        steps.push(json!({
            "now": now,
            "random": random,
            "input": json::retry_input(input),
            "actions": actions.iter().map(json::retry_action).collect::<Vec<_>>(),
            "state": json::retry_state(&retry),
        }));
    }
    Trace { kind: "retry", policy: json::retry_policy(&policy), steps }
}

/// What would mostly happen next.
fn next_of_retry(dice: &mut Dice, retry: &Retry, now: u64) -> (u64, retry::Input) {
    use retry::Input;
    match retry.phase() {
        Phase::Idle => (now, Input::Start),
        Phase::Connecting { deadline } => match dice.below(5) {
            0 => (deadline.max(now), Input::Tick),
            1 | 2 => (now + 1 + dice.below(400) as u64, Input::Opened),
            _ => (now + dice.below(300) as u64, Input::Down(crate::retry::verdict(dice))),
        },
        Phase::Open { .. } => {
            let stayed = *dice.pick(&[40, 999, 1_000, 5_000, 9_999, 10_000, 3_600_000]);
            match dice.below(6) {
                0 => (now + stayed, Input::Offline),
                1 => (now + stayed, Input::Reconnect),
                2 => (now + stayed, Input::Down(crate::retry::verdict(dice))),
                _ => (now + stayed, Input::Down(Verdict::Retry)),
            }
        }
        Phase::Waiting { until, .. } => {
            // A timer may fire late.
            let left = until.saturating_sub(now);
            match dice.below(8) {
                0 => (now + left / 2, Input::Awake),
                1 => (now + left / 2, Input::RetryNow),
                2 => (now + left / 2, Input::Offline),
                _ => (now + left, Input::Tick),
            }
        }
        Phase::Offline => (now + 1_000 + dice.below(60_000) as u64, Input::Online),
        _ => (now + 100, *dice.pick(&[Input::Start, Input::Reconnect])),
    }
}

fn outbox_trace(seed: u64, plausible: bool) -> Trace {
    let mut dice = Dice::new(0xB0C5_0000 + seed);
    let limits = crate::outbox::limits(&mut dice);
    let mut outbox = Outbox::new(&limits);
    let mut now = dice.below(1_000_000) as u64;
    let mut steps = Vec::new();
    for _ in 0..length(&mut dice) {
        now = crate::retry::any_time(&mut dice, now, outbox.next_deadline());
        let input = if plausible && !dice.one_in(10) {
            next_of_outbox(&mut dice, &outbox)
        } else {
            crate::outbox::any_input(&mut dice)
        };
        let actions = outbox.step(now, input);
        steps.push(json!({
            "now": now,
            "input": json::outbox_input(input),
            "actions": actions.iter().map(json::outbox_action).collect::<Vec<_>>(),
            "state": json::outbox_state(&outbox),
        }));
    }
    Trace { kind: "outbox", policy: json::outbox_limits(&limits), steps }
}

/// What would mostly happen next.
fn next_of_outbox(dice: &mut Dice, outbox: &Outbox) -> outbox::Input {
    use outbox::Input;
    let push = Input::Push { size: dice.below(40) };
    if outbox.is_ended() {
        // Closing: the connection has still its say.
        let (unsent, answered) = (dice.below(3) as u64, dice.one_in(2));
        let down = Input::Down { unsent, answered };
        let others = [Input::Mark, Input::Pong, Input::Take, Input::Tick, Input::End, Input::Up];
        return if dice.one_in(8) { down } else { *dice.pick(&[&others[..], &[push]].concat()) };
    }
    if outbox.is_up() {
        return match dice.below(8) {
            _ if outbox.queue().len() > 0 && dice.one_in(8) => Input::End,
            _ if outbox.queue().len() > 0 && dice.one_in(2) => Input::Take,
            0 => Input::Down { unsent: dice.below(4) as u64, answered: false },
            1 => Input::Mark,
            2 if outbox.mark().is_some() => Input::Pong,
            3 if dice.one_in(5) => Input::End,
            _ => push,
        };
    }
    match dice.below(5) {
        0 | 1 => Input::Up,
        2 => Input::Tick,
        3 if dice.one_in(12) => Input::End,
        _ => push,
    }
}
