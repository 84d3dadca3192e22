//! What happened in a simulation, in order.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::time::Instant;

/// The record of a simulation; clones write into the same.
#[derive(Debug, Clone)]
pub(crate) struct History(Arc<Mutex<Record>>);

#[derive(Debug)]
pub(crate) struct Record {
    origin: Instant,
    is_shown: bool,
    /// One for each thing that happened, with its time in milliseconds.
    pub(crate) lines: Vec<String>,
    /// How often what came about.
    pub(crate) counts: BTreeMap<String, u64>,
    /// What must not have happened.
    pub(crate) wrong: Vec<String>,
}

impl History {
    /// Begins now; shown as it happens, or not.
    pub(crate) fn new(is_shown: bool) -> Self {
        Self(Arc::new(Mutex::new(Record {
            origin: Instant::now(),
            is_shown,
            lines: Vec::new(),
            counts: BTreeMap::new(),
            wrong: Vec::new(),
        })))
    }

    /// Something happened to somebody.
    pub(crate) fn note(&self, who: impl fmt::Display, what: fmt::Arguments<'_>) {
        let mut record = self.lock();
        let at = record.origin.elapsed().as_millis();
        let line = format!("{at:>7} {who}: {what}");
        if record.is_shown {
            println!("{line}");
        }
        record.lines.push(line);
    }

    /// Something of a kind that a run of many seeds has to see came about.
    pub(crate) fn count(&self, what: impl Into<String>) {
        *self.lock().counts.entry(what.into()).or_default() += 1;
    }

    /// A promise was broken.
    pub(crate) fn wrong(&self, what: impl fmt::Display) {
        self.note("WRONG", format_args!("{what}"));
        self.lock().wrong.push(what.to_string());
    }

    /// Whether any promise was broken.
    pub(crate) fn verdict(&self, found: Result<(), String>) {
        if let Err(what) = found {
            self.wrong(what);
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap()
    }
}
