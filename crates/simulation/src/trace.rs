//! The steps of a client's session, for sessions in other languages to be held to: the format is that of
//! `crates/proto/tests/traces`.

use std::fs;
use std::io;
use std::path::Path;

use everwire_client::Step;
use everwire_proto::Encoding;
use everwire_proto::session::Config;
use serde_json::{Value, json};

use crate::scenario::ClientPlan;

#[path = "../../proto/tests/session/json.rs"]
#[expect(dead_code, reason = "traces are only written here")]
mod form;

/// What a client's session did.
#[derive(Debug)]
pub(crate) struct Trace {
    name: String,
    token: String,
    config: Value,
    /// Messages are recorded as JSON: a client that speaks the compact form is not.
    is_recorded: bool,
    steps: Vec<Value>,
}

impl Trace {
    pub(crate) fn new(seed: u64, plan: &ClientPlan) -> Self {
        Self {
            name: format!("seed {seed}, client {}", plan.number),
            token: plan.user.to_string(),
            config: Value::Null,
            is_recorded: plan.encoding == Encoding::Json,
            steps: Vec::new(),
        }
    }

    pub(crate) fn configure(&mut self, config: &Config) {
        self.config = form::config(config);
        // What is left to the hub is infinite elsewhere, which JSON does not know.
        for name in ["heartbeatInterval", "heartbeatTimeout"] {
            self.config[name] = everwire_proto::MAX_NUMBER.into();
        }
    }

    pub(crate) fn record(&mut self, step: &Step<'_>) {
        if self.is_recorded {
            self.steps.push(json!({
                "now": step.now,
                "random": step.random,
                "input": form::input(step.input),
                "outputs": step.outputs.iter().map(form::output).collect::<Vec<_>>(),
                "deadline": step.deadline,
            }));
        }
    }

    /// As it is written, if it was recorded.
    fn written(&self) -> Option<Value> {
        self.is_recorded.then(|| {
            json!({
                "name": self.name,
                "token": self.token,
                "config": self.config,
                "steps": self.steps,
            })
        })
    }
}

/// Writes the traces of a seed into a file of its own.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn write<'a>(
    dir: &Path,
    seed: u64,
    traces: impl Iterator<Item = &'a Trace>,
) -> io::Result<()> {
    let traces: Vec<Value> = traces.filter_map(Trace::written).collect();
    fs::write(dir.join(format!("seed-{seed}.json")), Value::from(traces).to_string())
}
