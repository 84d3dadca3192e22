//! A topic's log as a value: what was published, in order, and what a position in it proves.
//!
//! ```text
//!   trimmed          entries                         end
//!   1 … 16   │ 17 │ 18 │ 19 │ 20 │ 21 │   ◄── append
//!            prev └ each names its predecessor's tag ┘
//! ```
//!
//! No I/O, no clock, no randomness: time, epoch and tags come in as arguments.

mod entry;
mod keys;
mod recent;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use everwire_proto::{Content, Epoch, GapReason, Name, Place, Position};

use crate::clock::millis;
use crate::frames::Frames;

pub use self::entry::{Draft, Entry, Key};
use self::keys::{Keys, Seen};
use self::recent::Recent;

/// How much a topic remembers. An entry is forgotten as soon as one of the limits is passed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryLimits {
    /// Publications. Default: 1,000.
    pub max_entries: usize,
    /// Bytes of payloads, with what entries cost besides. Default: 1 MiB.
    pub max_bytes: usize,
    /// Age. Default: 10 minutes.
    pub max_age: Duration,
    /// Publications that one recovery may replay. Beyond it, recovery is refused with
    /// [`GapReason::Limit`]. Default: 1,000.
    pub max_recovered: usize,
    /// Clients whose idempotency keys and acknowledgements are remembered; beyond it those who
    /// were not heard of for longest are forgotten. Default: 1,024.
    pub max_clients: usize,
    /// Keys that are remembered of each client. Default: 64.
    pub max_keys: usize,
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self {
            max_entries: 1_000,
            max_bytes: 1024 * 1024,
            max_age: Duration::from_secs(600),
            max_recovered: 1_000,
            max_clients: 1_024,
            max_keys: 64,
        }
    }
}

/// What became of a draft.
#[derive(Debug, Clone)]
pub enum Appended {
    /// It is the last entry now.
    Stored(Arc<Entry>),
    /// It had been stored before, under this offset.
    Repeated(u64),
    /// It was sent before, and whether it was stored then is not known any more.
    Unsure,
}

/// A run of entries, oldest first, that goes on without a hole behind the place that was asked for.
pub type Suffix = Vec<Arc<Entry>>;

/// The log of one topic.
#[derive(Debug)]
pub struct TopicLog {
    epoch: Epoch,
    /// Of the last entry there was, kept or not; 0 and 0 before the first.
    offset: u64,
    tag: u32,
    /// Without a hole; the last one is `offset`.
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
    keys: Keys,
    acknowledged: Recent<u64>,
    limits: HistoryLimits,
}

impl TopicLog {
    /// An empty log. `epoch` has to be one that no log of this topic had before.
    pub fn new(epoch: Epoch, limits: HistoryLimits) -> Self {
        Self {
            epoch,
            offset: 0,
            tag: 0,
            entries: VecDeque::new(),
            bytes: 0,
            keys: Keys::new(limits.max_clients, limits.max_keys),
            acknowledged: Recent::new(limits.max_clients),
            limits,
        }
    }

    /// What tells this log from others that the topic had.
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// The log's end.
    pub fn end(&self) -> Position {
        self.position(self.offset, self.tag)
    }

    /// Stores a draft, unless its key says that it is stored already. `now` is milliseconds since
    /// 1970, `tag` any number that the last ones do not foretell.
    pub fn append(&mut self, now: u64, tag: u32, draft: Draft) -> Appended {
        if let Some(key) = &draft.key {
            match self.keys.look_up(key, &self.epoch) {
                Seen::Never => {}
                Seen::Stored(offset) => return Appended::Repeated(offset),
                Seen::Perhaps => return Appended::Unsure,
            }
        }
        let place = Place { offset: self.offset + 1, tag, prev: self.tag };
        if let Some(key) = draft.key {
            self.keys.remember(key, place.offset);
        }
        let content = Content { time: now, from: draft.from, payload: draft.payload };
        let frames = Frames::default();
        let entry = Entry { place, content, except: draft.except, frames };
        let entry = Arc::new(entry);
        (self.offset, self.tag) = (place.offset, tag);
        self.bytes += entry.cost();
        self.entries.push_back(entry.clone());
        self.trim(now);
        Appended::Stored(entry)
    }

    /// Forgets what is beyond the limits at this time.
    pub fn trim(&mut self, now: u64) {
        let oldest = now.saturating_sub(millis(self.limits.max_age));
        while let Some(first) = self.entries.front() {
            let beyond = self.entries.len() > self.limits.max_entries
                || self.bytes > self.limits.max_bytes
                || first.content.time < oldest;
            if !beyond {
                break;
            }
            self.bytes -= first.cost();
            self.entries.pop_front();
        }
        if self.entries.is_empty() {
            // A topic that has gone quiet holds no room for its busiest hour.
            self.entries.shrink_to_fit();
        }
    }

    /// Forgets the oldest entries until those that are kept cost no more than this, in bytes.
    pub fn shrink_to(&mut self, max_bytes: usize) {
        while self.bytes > max_bytes {
            let Some(first) = self.entries.pop_front() else { return };
            self.bytes -= first.cost();
        }
    }

    /// Everything behind a position, if the position proves that it is on this log, whole.
    ///
    /// # Errors
    /// With the reason why it cannot be made whole.
    pub fn after(&self, position: &Position) -> Result<Suffix, GapReason> {
        let skip = self.prove(position)?;
        if self.entries.len() - skip > self.limits.max_recovered {
            return Err(GapReason::Limit);
        }
        Ok(self.entries.range(skip..).cloned().collect())
    }

    /// At most `limit` entries behind a position that [`after`](Self::after) was granted for, for a
    /// reader who takes them a page at a time.
    ///
    /// # Errors
    /// If it was trimmed meanwhile, or the log is another one.
    pub fn page(&self, position: &Position, limit: usize) -> Result<Suffix, GapReason> {
        let skip = self.prove(position)?;
        Ok(self.entries.range(skip..).take(limit).cloned().collect())
    }

    /// How many of the entries kept are at or before a position that is on this log.
    fn prove(&self, position: &Position) -> Result<usize, GapReason> {
        if position.epoch != self.epoch {
            return Err(GapReason::Epoch);
        }
        if position.offset > self.offset {
            // The store lost its tail, and with it what the client has seen.
            return Err(GapReason::Fork);
        }
        let kept_from = self.kept_from();
        if position.offset < kept_from {
            return Err(GapReason::Trimmed);
        }
        let skip = (position.offset - kept_from) as usize;
        let tag = self.entries.get(skip).map_or(self.tag, |next| next.place.prev);
        if tag == position.tag { Ok(skip) } else { Err(GapReason::Fork) }
    }

    /// The place before the last `count` entries, or before all that are kept.
    pub fn before_last(&self, count: usize) -> Position {
        let skip = self.entries.len() - count.min(self.entries.len());
        self.before_entry(skip)
    }

    /// The place before everything that is kept.
    pub fn start(&self) -> Position {
        self.before_entry(0)
    }

    /// The offset behind which entries are kept.
    fn kept_from(&self) -> u64 {
        self.offset - self.entries.len() as u64
    }

    fn position(&self, offset: u64, tag: u32) -> Position {
        Position { epoch: self.epoch.clone(), offset, tag }
    }

    /// The place before the entry with this index.
    fn before_entry(&self, index: usize) -> Position {
        match self.entries.get(index).map(|entry| &**entry) {
            Some(Entry { place, .. }) => self.position(place.offset - 1, place.prev),
            None => self.end(),
        }
    }

    /// At most `limit` entries with offsets below `before`, the newest of them, oldest first; and
    /// whether there are older ones.
    pub fn before(&self, before: u64, limit: usize) -> (Suffix, bool) {
        let kept_from = self.kept_from();
        let end =
            (before.saturating_sub(1).saturating_sub(kept_from) as usize).min(self.entries.len());
        let begin = end.saturating_sub(limit);
        (self.entries.range(begin..end).cloned().collect(), begin > 0)
    }

    /// Notes how far a client has dealt with the topic. Earlier or impossible places change nothing.
    pub fn acknowledge(&mut self, client: &Name, offset: u64) {
        if offset <= self.offset {
            let known = self.acknowledged.entry(client.clone(), || 0);
            *known = offset.max(*known);
        }
    }

    /// The place behind what a client last acknowledged. The tag is the log's own if the entries
    /// around it are kept; if they are not, the position is one whose recovery is refused as trimmed.
    pub fn acknowledged(&mut self, client: &Name) -> Option<Position> {
        let offset = *self.acknowledged.get(client)?;
        let kept_from = self.kept_from();
        if offset < kept_from {
            return Some(self.position(offset, 0));
        }
        Some(self.before_entry((offset - kept_from) as usize))
    }

    /// What the entries kept cost, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many entries are kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no entry is kept.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests;
