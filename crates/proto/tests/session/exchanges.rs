//! The golden exchanges, run by the session: what the hub says is told to it, and what it says and
//! tells has to be what is written.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;

use everwire_proto::session::{Config, Input, Session};
use everwire_proto::{Encoded, Name};
use serde_json::Value;

use crate::json;

#[test]
fn the_session_does_its_part_of_every_exchange() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/exchanges");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut run = 0;
    for path in files {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let exchange: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        if exchange["runs"].as_array().unwrap().iter().any(|who| who == "client") {
            Run::new(&name, &exchange).steps(&exchange);
            run += 1;
        }
    }
    assert!(run >= 45, "only {run} are for clients");
}

struct Run<'a> {
    name: &'a str,
    session: Session,
    token: Option<&'a str>,
    now: u64,
    /// What the session put out and no step has asked for.
    out: VecDeque<Value>,
}

impl<'a> Run<'a> {
    fn new(name: &'a str, exchange: &'a Value) -> Self {
        let mut config = Config::default();
        config.client = exchange["client"]["client"].as_str().map(|name| Name::new(name).unwrap());
        let token = exchange["client"]["token"].as_str();
        Self { name, session: Session::new(config), token, now: 1_000, out: VecDeque::new() }
    }

    fn steps(&mut self, exchange: &Value) {
        let mut last = 0;
        for (number, step) in exchange["steps"].as_array().unwrap().iter().enumerate() {
            let at = format!("{}, step {}", self.name, number + 1);
            let step = filled(step, &exchange["values"]);
            let is_lost = step["lost"] == true;
            if let Some(key) =
                ["client", "closes", "sees"].iter().find(|key| step.get(**key).is_some())
            {
                let said =
                    self.out.pop_front().unwrap_or_else(|| panic!("{at}: nothing, not {step}"));
                assert_eq!(said.get(*key), step.get(*key), "{at}: said {said}");
                continue;
            }
            if step.get("world").is_some() || (is_lost && step.get("hub").is_some()) {
                continue;
            }
            assert!(self.out.is_empty(), "{at}: {:?} before {step}", self.out);
            if let Some(span) = step["after"].as_u64() {
                self.pass(span);
            } else {
                self.step(input(&step, self.token));
            }
            last = number;
        }
        assert!(self.out.is_empty(), "{}: {:?} behind step {}", self.name, self.out, last + 1);
    }

    /// Time passes, and what is due in it happens when it is due.
    fn pass(&mut self, span: u64) {
        let end = self.now + span;
        while let Some(deadline) = self.session.next_deadline().filter(|at| *at <= end) {
            assert!(deadline >= self.now, "{}: a deadline in the past", self.name);
            self.now = deadline;
            self.step(Input::Tick);
            assert_ne!(self.session.next_deadline(), Some(deadline), "{}", self.name);
        }
        self.now = end;
    }

    fn step(&mut self, input: Input) {
        // The largest wait of those that are drawn.
        let outputs = self.session.step(self.now, 0.999_999, input);
        self.out.extend(outputs.iter().map(json::output));
    }
}

fn input(step: &Value, token: Option<&str>) -> Input {
    if let Some(message) = step.get("hub") {
        return Input::Received(Encoded::Text(message.to_string().into()));
    }
    match step.get("app") {
        Some(app) => json::application(app),
        None => json::link(step, token),
    }
}

/// The step with values in the place of their names.
fn filled(step: &Value, values: &Value) -> Value {
    match step {
        Value::String(text) => match text.strip_prefix('$') {
            Some(name) => values[name].clone(),
            None => step.clone(),
        },
        Value::Array(items) => items.iter().map(|item| filled(item, values)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), filled(value, values))).collect()
        }
        other => other.clone(),
    }
}
