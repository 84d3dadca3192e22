//! What was stored: every log that there ever was.

use std::collections::BTreeMap;

use everwire_proto::{Epoch, Name, Topic};

/// A place in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) epoch: Epoch,
    pub(crate) offset: u64,
}

/// A publication that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) id: u64,
    /// The client that is not to get it back.
    pub(crate) except: Option<Name>,
}

/// Every log that there ever was.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    logs: BTreeMap<(Topic, Epoch), Vec<Kept>>,
    /// Where each number was stored, with how often.
    places: BTreeMap<u64, Vec<(Topic, At)>>,
    /// The epoch of each topic's last log.
    epochs: BTreeMap<Topic, Epoch>,
    /// What a store must not do.
    pub(crate) wrong: Vec<String>,
}

impl Truth {
    /// A publication has its place, perhaps one that it had already.
    pub(crate) fn store(&mut self, topic: &Topic, at: &At, id: u64, except: Option<Name>) {
        let At { epoch, offset } = at;
        let log = self.logs.entry((topic.clone(), epoch.clone())).or_default();
        match (*offset as usize - 1, log.len()) {
            (index, len) if index == len => log.push(Kept { id, except }),
            (index, len) if index < len && log[index].id == id => return,
            (_, len) => {
                let what = format!("{topic}: #{id} was given offset {offset} behind {len}");
                self.wrong.push(what);
                return;
            }
        }
        self.epochs.insert(topic.clone(), epoch.clone());
        self.places.entry(id).or_default().push((topic.clone(), at.clone()));
    }

    /// All logs are lost; new ones begin.
    pub(crate) fn lose(&mut self) {
        self.epochs.clear();
    }

    /// Where this number was stored.
    pub(crate) fn places(&self, id: u64) -> &[(Topic, At)] {
        self.places.get(&id).map_or(&[], |places| places)
    }

    /// Whether these, by offset and number, stand in a log one behind the other.
    ///
    /// # Errors
    /// With one that does not.
    pub(crate) fn is_run(
        &self,
        topic: &Topic,
        epoch: &Epoch,
        run: &[(u64, u64)],
    ) -> Result<(), String> {
        for (index, (offset, id)) in run.iter().enumerate() {
            let kept = self.kept(topic, epoch, *offset).map(|kept| kept.id);
            if kept != Some(*id) || *offset != run[0].0 + index as u64 {
                return Err(format!("#{id} at {offset} in {topic}, there is {kept:?}: {run:?}"));
            }
        }
        Ok(())
    }

    /// What was stored under an offset.
    pub(crate) fn kept(&self, topic: &Topic, epoch: &Epoch, offset: u64) -> Option<&Kept> {
        let log = self.logs.get(&(topic.clone(), epoch.clone()))?;
        log.get(usize::try_from(offset).ok()?.checked_sub(1)?)
    }

    /// The end of the log that a topic has now, if anything is stored in it.
    pub(crate) fn end(&self, topic: &Topic) -> Option<At> {
        let epoch = self.epochs.get(topic)?.clone();
        let offset = self.logs[&(topic.clone(), epoch.clone())].len() as u64;
        Some(At { epoch, offset })
    }
}
