//! What the endpoint says to each session is heard once and in order, and all of it unless the session is lost.

use std::collections::BTreeMap;

use everwire_proto::Name;

/// What endpoints said, and what clients heard, by session.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    said: BTreeMap<Name, Vec<u64>>,
    heard: BTreeMap<Name, Vec<u64>>,
}

impl Messages {
    /// The endpoint says something to a session, behind what it said before.
    pub(crate) fn say(&mut self, session: &Name, id: u64) {
        self.said.entry(session.clone()).or_default().push(id);
    }

    /// A client hears something in a session.
    pub(crate) fn hear(&mut self, session: &Name, id: u64) {
        self.heard.entry(session.clone()).or_default().push(id);
    }

    /// Compares the two. Of these sessions everything was heard, for they were never lost.
    ///
    /// # Errors
    /// With a session in which something was lost, doubled, out of order or made up.
    pub(crate) fn check(&self, kept: &[Name]) -> Result<(), String> {
        let nothing = Vec::new();
        for (session, heard) in &self.heard {
            let mut said = self.said.get(session).unwrap_or(&nothing).iter();
            if let Some(id) = heard.iter().find(|id| !said.any(|said| said == *id)) {
                return Err(format!("{session}: #{id} was not said then, or was heard before"));
            }
        }
        for session in kept {
            let said = self.said.get(session).unwrap_or(&nothing);
            let heard = self.heard.get(session).unwrap_or(&nothing);
            if said.len() != heard.len() {
                return Err(format!("{session}: of {said:?} only {heard:?} was heard"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found if 1, 2 and 3 were said and this was heard.
    fn heard(ids: &[u64], is_kept: bool) -> Result<(), String> {
        let session = Name::new("s").unwrap();
        let mut messages = Messages::default();
        (1..=3).for_each(|id| messages.say(&session, id));
        ids.iter().for_each(|id| messages.hear(&session, *id));
        messages.check(if is_kept { std::slice::from_ref(&session) } else { &[] })
    }

    #[test]
    fn all_is_heard_in_order_and_once() {
        assert_eq!(heard(&[1, 2, 3], true), Ok(()));
        for wrong in [&[2, 1][..], &[1, 1, 2, 3], &[1, 2, 3, 3], &[4]] {
            assert!(heard(wrong, false).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn only_a_session_that_was_lost_may_lack_something() {
        assert_eq!(heard(&[1, 3], false), Ok(()));
        assert!(heard(&[1, 3], true).is_err());
        assert!(heard(&[], true).is_err());
    }
}
