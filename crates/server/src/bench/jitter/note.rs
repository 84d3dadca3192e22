//! What is published: `["run", number, of, at]` in JSON.

use std::time::{SystemTime, UNIX_EPOCH};

use everwire_client::proto::Payload;

/// A message of a run. The one behind the last says that nothing follows, and does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    /// Which run it belongs to: others may go on in the same topic.
    pub(super) run: String,
    /// From 1.
    pub(super) number: u64,
    /// How many count.
    pub(super) of: u64,
    /// When it was published, in milliseconds since 1970: for clients in other processes.
    pub(super) at: u64,
}

impl Note {
    /// A message that is published now.
    pub(super) fn new(run: &str, number: u64, of: u64) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Self { run: run.to_owned(), number, of, at }
    }

    /// Whether nothing follows.
    pub(super) fn is_end(&self) -> bool {
        self.number > self.of
    }

    pub(super) fn payload(&self) -> Payload {
        Payload::of(&(&self.run, self.number, self.of, self.at)).expect("text and numbers are JSON")
    }

    /// The message, if it is one of this run.
    pub(super) fn read(run: &str, payload: &Payload) -> Option<Self> {
        let Payload::Json(text) = payload else { return None };
        let (of_run, number, of, at) = text.read::<(String, u64, u64, u64)>().ok()?;
        (of_run == run).then_some(Self { run: of_run, number, of, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_by_its_own_run_only() {
        let note = Note::new("a", 3, 3);
        assert_eq!(Note::read("a", &note.payload()), Some(note.clone()));
        assert_eq!(Note::read("b", &note.payload()), None);
        assert_eq!(Note::read("a", &Payload::of("hello").unwrap()), None);
        assert!(!note.is_end() && Note::new("a", 4, 3).is_end());
    }
}
