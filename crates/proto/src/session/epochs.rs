//! The epochs of topics that were published to.

use std::collections::VecDeque;

use crate::text::{Epoch, Topic};

/// So many topics are remembered; the one that was heard of longest ago is forgotten first.
const MAX: usize = 64;

/// What the hub said last about the logs of topics: with it, a publication that is sent again is told
/// from one that is not stored.
#[derive(Debug, Default)]
pub(super) struct Epochs(VecDeque<(Topic, Epoch)>);

impl Epochs {
    pub(super) fn learn(&mut self, topic: &Topic, epoch: &Epoch) {
        self.0.retain(|(known, _)| known != topic);
        if self.0.len() == MAX {
            self.0.pop_front();
        }
        self.0.push_back((topic.clone(), epoch.clone()));
    }

    pub(super) fn get(&self, topic: &Topic) -> Option<&Epoch> {
        self.0.iter().find(|(known, _)| known == topic).map(|(_, epoch)| epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_epoch_counts_and_the_oldest_topic_is_forgotten() {
        let topic = |n: usize| Topic::new(&n.to_string()).unwrap();
        let epoch = |text| Epoch::new(text).unwrap();
        let mut epochs = Epochs::default();
        epochs.learn(&topic(0), &epoch("a"));
        epochs.learn(&topic(0), &epoch("b"));
        assert_eq!(epochs.get(&topic(0)), Some(&epoch("b")));
        (1..=MAX).for_each(|n| epochs.learn(&topic(n), &epoch("c")));
        assert_eq!(epochs.get(&topic(0)), None);
        assert_eq!(epochs.get(&topic(1)), Some(&epoch("c")));
    }
}
