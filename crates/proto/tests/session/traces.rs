//! The recorded traces, which sessions in other languages run as well: what this one does today.
//!
//! After a change that is meant, write them anew:
//! `EVERWIRE_WRITE_TRACES=1 cargo test -p everwire-proto --test session traces`

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use everwire_proto::Encoding;
use serde_json::{Value, json};

use crate::hostile::Chaos;
use crate::json;
use crate::network::{Step, World, config};

const TRACES: u64 = 40;

#[test]
fn the_traces_are_what_the_session_does_today() {
    let write = std::env::var_os("EVERWIRE_WRITE_TRACES").is_some();
    for (name, recorded) in files() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/traces").join(name);
        if write {
            fs::write(&path, text(&recorded)).unwrap();
        }
        let checked_in: Vec<Value> =
            serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(checked_in.len(), recorded.len(), "{name}");
        for (old, new) in checked_in.iter().zip(&recorded) {
            let steps = |trace: &Value| trace["steps"].as_array().unwrap().clone();
            let mut pairs = steps(old).into_iter().zip(steps(new)).enumerate();
            // Not `assert_eq`: it would print both whole.
            let differs = pairs.find(|(_, (old, new))| old != new);
            assert_eq!(differs, None, "{name}, {}: see the top of this file", new["name"]);
            assert_eq!(old, new, "{name}");
        }
    }
}

#[test]
fn the_traces_have_every_input_and_every_output() {
    let mut seen = BTreeSet::new();
    for (_, traces) in files() {
        for step in traces.iter().flat_map(|trace| trace["steps"].as_array().unwrap()) {
            let input = &step["input"];
            let kind = |value: &Value| value.as_object().unwrap().keys().next().unwrap().clone();
            seen.insert(match kind(input).as_str() {
                "app" => format!("app {}", kind(&input["app"])),
                "code" | "link" => format!("link {}", input["link"]),
                other => other.to_owned(),
            });
            for output in step["outputs"].as_array().unwrap() {
                seen.insert(match kind(output).as_str() {
                    "sees" if output["sees"].get("settled").is_some() => {
                        let settled = &output["sees"]["settled"];
                        format!("settled {} {}", settled["outcome"], settled["why"])
                    }
                    "sees" => {
                        let sees = &output["sees"];
                        format!("sees {} {}", kind(sees), sees["ended"]["why"])
                    }
                    "closes" => {
                        format!("closes {} {}", output["closes"]["code"], output["closes"]["then"])
                    }
                    _ => {
                        let message = output["client"].as_object().unwrap();
                        let kinds: Vec<_> = message.keys().filter(|key| *key != "id").collect();
                        format!("client {kinds:?}")
                    }
                });
            }
        }
    }
    // 5 inputs and 11 of the application; 13 messages; 12 outcomes; 11 events and 5 ends; 5 closes.
    assert_eq!(seen.len(), 16 + 13 + 12 + 16 + 5, "{seen:#?}");
}

fn files() -> [(&'static str, Vec<Value>); 2] {
    let plausible = (0..TRACES).map(|seed| {
        let mut world = World::new(seed, &[Encoding::Json]);
        (0..120).for_each(|_| world.something_happens());
        trace("plausible", seed, &world.steps)
    });
    let hostile = (0..TRACES).map(|seed| {
        let mut chaos = Chaos::new(seed);
        (0..60).for_each(|_| chaos.something_happens());
        trace("hostile", seed, &chaos.steps)
    });
    [("session-plausible.json", plausible.collect()), ("session-hostile.json", hostile.collect())]
}

fn trace(kind: &str, seed: u64, steps: &[Step]) -> Value {
    let steps = steps.iter().map(|step| {
        json!({
            "now": step.now,
            "random": step.random,
            "input": json::input(&step.input),
            "outputs": step.outputs.iter().map(json::output).collect::<Vec<_>>(),
            "deadline": step.deadline,
        })
    });
    let steps: Vec<Value> = steps.collect();
    json!({ "name": format!("{kind} {seed}"), "config": json::config(&config()), "steps": steps })
}

/// An array of traces, a step a line.
fn text(traces: &[Value]) -> String {
    let mut text = String::from("[\n");
    for (index, trace) in traces.iter().enumerate() {
        let (name, config) = (&trace["name"], &trace["config"]);
        writeln!(text, r#"{{"name":{name},"config":{config},"steps":["#).unwrap();
        let steps: Vec<String> =
            trace["steps"].as_array().unwrap().iter().map(Value::to_string).collect();
        text.push_str(&steps.join(",\n"));
        text.push_str(if index + 1 == traces.len() { "\n]}\n" } else { "\n]},\n" });
    }
    text + "]\n"
}
