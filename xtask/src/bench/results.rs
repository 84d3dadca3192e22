//! What was measured, kept in files so that a run can be resumed and a table written later.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Map, Value, json};

/// The metrics of one round by name. Times are microseconds, sizes bytes.
pub(super) type Round = BTreeMap<String, f64>;

/// All rounds of a row.
#[derive(Default, Clone)]
pub(super) struct Results {
    servers: BTreeMap<String, Server>,
}

#[derive(Default, Clone)]
struct Server {
    rounds: Vec<Round>,
    /// Why it did not get through a round.
    failure: Option<String>,
}

/// A folder with a file for each row.
pub(super) struct Store(PathBuf);

impl Store {
    pub(super) fn new(folder: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self(folder))
    }

    /// What is there of a row; nothing at first.
    pub(super) fn load(&self, row: &str) -> anyhow::Result<Results> {
        let path = self.path(row);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Results::default());
            }
            Err(error) => return Err(error).context(format!("cannot read {}", path.display())),
        };
        Results::from_json(&text).with_context(|| format!("not results: {}", path.display()))
    }

    pub(super) fn save(&self, row: &str, results: &Results) -> anyhow::Result<()> {
        // Beside it and then in its place: a run that is cut off leaves a whole file.
        let (path, fresh) = (self.path(row), self.path(&format!("{row}.new")));
        fs::write(&fresh, results.to_json()?)?;
        fs::rename(&fresh, &path).with_context(|| format!("cannot write {}", path.display()))
    }

    fn path(&self, row: &str) -> PathBuf {
        Path::join(&self.0, format!("{row}.json"))
    }
}

impl Results {
    pub(super) fn rounds(&self, server: &str) -> &[Round] {
        self.servers.get(server).map_or(&[], |server| &server.rounds)
    }

    pub(super) fn failure(&self, server: &str) -> Option<&str> {
        self.servers.get(server)?.failure.as_deref()
    }

    pub(super) fn forget(&mut self, server: &str) {
        self.servers.remove(server);
    }

    pub(super) fn add(&mut self, server: &str, round: Round) {
        self.servers.entry(server.to_owned()).or_default().rounds.push(round);
    }

    /// Lets a server that failed try again.
    pub(super) fn forgive(&mut self, server: &str) {
        if let Some(server) = self.servers.get_mut(server) {
            server.failure = None;
        }
    }

    pub(super) fn fail(&mut self, server: &str, failure: String) {
        self.servers.entry(server.to_owned()).or_default().failure = Some(failure);
    }

    /// The median of a metric; absent without rounds, and for a server that failed.
    pub(super) fn median(&self, server: &str, metric: &str) -> Option<f64> {
        self.spread(server, metric).map(|(median, ..)| median)
    }

    /// Median, least and greatest.
    pub(super) fn spread(&self, server: &str, metric: &str) -> Option<(f64, f64, f64)> {
        if self.failure(server).is_some() {
            return None;
        }
        let rounds = self.rounds(server).iter();
        let mut values: Vec<f64> = rounds.filter_map(|round| round.get(metric).copied()).collect();
        values.sort_by(f64::total_cmp);
        let (least, greatest) = (*values.first()?, *values.last()?);
        let half = values.len() / 2;
        let median = match values.len() % 2 {
            1 => values[half],
            _ => f64::midpoint(values[half - 1], values[half]),
        };
        Some((median, least, greatest))
    }

    fn to_json(&self) -> anyhow::Result<String> {
        let servers: Map<String, Value> = self
            .servers
            .iter()
            .map(|(name, server)| {
                (name.clone(), json!({ "rounds": server.rounds, "failure": server.failure }))
            })
            .collect();
        Ok(serde_json::to_string_pretty(&servers)?)
    }

    fn from_json(text: &str) -> anyhow::Result<Self> {
        let all: Map<String, Value> = serde_json::from_str(text)?;
        let mut results = Self::default();
        for (name, server) in all {
            let rounds = serde_json::from_value(server["rounds"].clone())?;
            let failure = server["failure"].as_str().map(str::to_owned);
            results.servers.insert(name, Server { rounds, failure });
        }
        Ok(results)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(value: f64) -> Round {
        Round::from([("cpu_us".to_owned(), value)])
    }

    #[test]
    fn a_median_lies_between_its_ends() {
        let mut results = Results::default();
        for value in [3.0, 1.0, 2.0] {
            results.add("odd", round(value));
        }
        for value in [0.2, 0.1] {
            results.add("even", round(value));
        }
        assert_eq!(results.spread("odd", "cpu_us"), Some((2.0, 1.0, 3.0)));
        let even = results.median("even", "cpu_us").unwrap();
        assert!((even - 0.15).abs() < 1e-9);
        assert_eq!(results.median("odd", "rss"), None);
        assert_eq!(results.median("absent", "cpu_us"), None);
    }

    #[test]
    fn what_is_stored_is_found_again() {
        let folder = std::env::temp_dir().join(format!("xtask-results-{}", std::process::id()));
        let store = Store::new(folder.clone()).unwrap();
        assert!(store.load("row").unwrap().rounds("a").is_empty());
        let mut results = Results::default();
        results.add("a", round(1.5));
        results.add("b", round(2.5));
        results.fail("b", "it ended early".to_owned());
        store.save("row", &results).unwrap();
        let found = store.load("row").unwrap();
        assert_eq!(found.rounds("a"), [round(1.5)]);
        assert_eq!(found.failure("b"), Some("it ended early"));
        assert_eq!(found.median("b", "cpu_us"), None, "a failed server has no number");
        fs::remove_dir_all(folder).unwrap();
    }
}
