//! How often the clock is read.

/// What may be shown before the clock is read again: a few microseconds of work.
const MOMENT: usize = 4096;

/// What a message is charged beside its bytes.
const EACH: usize = 64;

/// Messages that are shown one right after the other, and taken to have come at the same time:
/// many short ones of one read, but no two long ones. One visit of a socket can be many reads.
#[derive(Debug, Default)]
pub(super) struct Moment {
    left: usize,
}

impl Moment {
    /// Whether a message of so many bytes is the first of a new moment.
    #[inline]
    pub(super) fn begins_with(&mut self, len: usize) -> bool {
        let cost = len + EACH;
        let begins = self.left < cost;
        if begins {
            self.left = MOMENT.max(cost);
        }
        self.left -= cost;
        begins
    }

    /// What is shown next did not come with what was shown before.
    pub(super) fn end(&mut self) {
        self.left = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_messages_share_a_moment_and_long_ones_do_not() {
        let mut moment = Moment::default();
        let begun = |moment: &mut Moment, len| (0..128).filter(|_| moment.begins_with(len)).count();
        assert_eq!(begun(&mut moment, 0), 2);
        moment.end();
        assert_eq!(begun(&mut moment, 4000), 128);
        moment.end();
        assert_eq!(begun(&mut moment, 1 << 30), 128);
        assert!(moment.begins_with(0));
        assert!(!moment.begins_with(0));
        moment.end();
        assert!(moment.begins_with(0));
    }
}
