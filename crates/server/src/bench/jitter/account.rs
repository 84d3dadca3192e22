//! What one client has heard.

/// Which of the messages 1 to n one client has heard, and what was wrong about it.
#[derive(Debug)]
pub(super) struct Account {
    heard: Vec<bool>,
    /// The highest number of all.
    last: u64,
    faults: Faults,
}

/// How often something else came than what was next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Faults {
    /// What had come before.
    pub(super) duplicates: u64,
    /// What came for the first time, after one that was published later.
    pub(super) reordered: u64,
    /// Messages of the run that nobody published.
    pub(super) strange: u64,
}

impl Account {
    pub(super) fn new(messages: u64) -> Self {
        Self { heard: vec![false; messages as usize], last: 0, faults: Faults::default() }
    }

    /// Notes that a message was heard. Whether it was for the first time.
    pub(super) fn hear(&mut self, number: u64) -> bool {
        let index = usize::try_from(number).unwrap_or(usize::MAX).wrapping_sub(1);
        let Some(heard) = self.heard.get_mut(index) else {
            self.faults.strange += 1;
            return false;
        };
        if std::mem::replace(heard, true) {
            self.faults.duplicates += 1;
            return false;
        }
        self.faults.reordered += u64::from(number < self.last);
        self.last = self.last.max(number);
        true
    }

    /// How many different messages were heard.
    pub(super) fn heard(&self) -> u64 {
        self.heard.iter().map(|&heard| u64::from(heard)).sum()
    }

    pub(super) fn faults(&self) -> Faults {
        self.faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(heard: &[u64]) -> (u64, Faults) {
        let mut account = Account::new(4);
        heard.iter().for_each(|&number| _ = account.hear(number));
        (account.heard(), account.faults())
    }

    #[test]
    fn all_in_order_is_without_fault() {
        assert_eq!(account(&[1, 2, 3, 4]), (4, Faults::default()));
    }

    #[test]
    fn what_is_lost_is_not_heard_and_nothing_else() {
        assert_eq!(account(&[1, 4]), (2, Faults::default()));
    }

    #[test]
    fn what_comes_twice_is_a_duplicate_however_late() {
        let twice = Faults { duplicates: 2, ..Faults::default() };
        assert_eq!(account(&[1, 2, 2, 3, 1]), (3, twice));
    }

    #[test]
    fn what_comes_behind_a_later_one_is_reordered() {
        let two = Faults { reordered: 2, ..Faults::default() };
        assert_eq!(account(&[3, 1, 2, 4]), (4, two));
    }

    #[test]
    fn what_nobody_published_is_strange() {
        assert_eq!(account(&[0, 5, 1]), (1, Faults { strange: 2, ..Faults::default() }));
    }
}
