//! What a hub said beside what is written: `"$x"` stands for any value, the same wherever it is.

use std::collections::HashMap;

use serde_json::Value;

/// What the names stand for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bindings(HashMap<String, Value>);

/// What is for people, and not compared: the field, and the one that it is in.
const PROSE: [(&str, &str); 2] = [("message", "error"), ("reason", "bye")];

impl Bindings {
    /// Whether what was said is what is written. If so, names that are new stand for what was said.
    pub(crate) fn matches(&mut self, written: &Value, said: &Value) -> bool {
        let mut bound = self.clone();
        let matches = bound.unify(written, said, "");
        if matches {
            *self = bound;
        }
        matches
    }

    fn unify(&mut self, written: &Value, said: &Value, field: &str) -> bool {
        match (written, said) {
            (Value::String(name), said) if name == "$now" => said.is_u64(),
            (Value::String(name), said) if name.starts_with('$') => {
                self.0.entry(name.clone()).or_insert_with(|| said.clone()) == said
            }
            (Value::Array(written), Value::Array(said)) => {
                written.len() == said.len()
                    && written.iter().zip(said).all(|(written, said)| self.unify(written, said, ""))
            }
            (Value::Object(written), Value::Object(said)) => {
                written.len() == said.len()
                    && written.iter().all(|(name, written)| match said.get(name) {
                        None => false,
                        Some(said) if PROSE.contains(&(name.as_str(), field)) => said.is_string(),
                        Some(said) => self.unify(written, said, name),
                    })
            }
            _ => written == said,
        }
    }

    /// What the client says: with values in the place of their names.
    pub(crate) fn fill(&self, written: &Value) -> Value {
        match written {
            Value::String(name) if name.starts_with('$') => {
                self.0.get(name).unwrap_or_else(|| panic!("{name} was not said")).clone()
            }
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), self.fill(value))).collect()
            }
            other => other.clone(),
        }
    }
}
