use everwire_proto::{Again, Payload};

use super::*;

/// A log that is filled by hand; tags are 100 + offset.
struct Script {
    log: TopicLog,
    now: u64,
}

impl Script {
    fn new(limits: HistoryLimits) -> Self {
        Self { log: TopicLog::new(epoch("one"), limits), now: 1_000_000 }
    }

    fn say(&mut self, text: &str) -> Appended {
        self.append(text, None)
    }

    fn append(&mut self, text: &str, key: Option<Key>) -> Appended {
        let payload = Payload::of(text).unwrap();
        let tag = 101 + self.log.end().offset as u32;
        self.log.append(self.now, tag, Draft { from: None, payload, key, except: None })
    }

    fn say_all(&mut self, count: u64) {
        for n in 1..=count {
            self.say(&format!("message {n}"));
        }
    }

    fn after(&self, offset: u64, tag: u32) -> Result<Vec<u64>, GapReason> {
        let position = Position { epoch: epoch("one"), offset, tag };
        self.log.after(&position).map(|suffix| offsets(&suffix))
    }
}

fn epoch(name: &str) -> Epoch {
    Epoch::new(name).unwrap()
}

fn offsets(suffix: &Suffix) -> Vec<u64> {
    suffix.iter().map(|entry| entry.place.offset).collect()
}

fn key(client: &str, number: u64, again: Option<Again>) -> Option<Key> {
    Some(Key { client: Name::new(client).unwrap(), number, again })
}

fn again(name: &str) -> Option<Again> {
    Some(Again::Since(epoch(name)))
}

fn limits() -> HistoryLimits {
    HistoryLimits::default()
}

mod recovery {
    use super::*;

    #[test]
    fn a_position_is_handed_out_before_there_is_any_message() {
        let mut script = Script::new(limits());
        let before = script.log.end();
        assert_eq!((before.offset, before.tag), (0, 0));
        script.say_all(3);
        assert_eq!(offsets(&script.log.after(&before).unwrap()), [1, 2, 3]);
    }

    #[test]
    fn the_suffix_is_exact_and_in_order() {
        let mut script = Script::new(limits());
        script.say_all(5);
        assert_eq!(script.after(2, 102), Ok(vec![3, 4, 5]));
        assert_eq!(script.after(5, 105), Ok(vec![]));
    }

    #[test]
    fn another_epoch_is_refused() {
        let mut script = Script::new(limits());
        script.say_all(5);
        let other = Position { epoch: epoch("two"), offset: 5, tag: 105 };
        assert_eq!(script.log.after(&other).unwrap_err(), GapReason::Epoch);
    }

    #[test]
    fn what_was_trimmed_is_refused_and_the_place_just_before_the_rest_is_not() {
        let mut limits = limits();
        limits.max_entries = 3;
        let mut script = Script::new(limits);
        script.say_all(10);
        assert_eq!(script.after(6, 106), Err(GapReason::Trimmed));
        // Entry 7 itself is gone; entry 8 names its tag.
        assert_eq!(script.after(7, 107), Ok(vec![8, 9, 10]));
        assert_eq!(script.after(7, 999), Err(GapReason::Fork));
    }

    #[test]
    fn a_tail_that_was_lost_and_written_anew_is_a_fork_everywhere() {
        let mut script = Script::new(limits());
        script.say_all(5);
        assert_eq!(script.after(3, 77), Err(GapReason::Fork));
        assert_eq!(script.after(5, 77), Err(GapReason::Fork));
        assert_eq!(script.after(6, 106), Err(GapReason::Fork));
        assert_eq!(script.after(0, 77), Err(GapReason::Fork));
    }

    #[test]
    fn more_than_may_be_replayed_is_refused_whole() {
        let mut limits = limits();
        limits.max_recovered = 4;
        let mut script = Script::new(limits);
        script.say_all(6);
        assert_eq!(script.after(1, 101), Err(GapReason::Limit));
        assert_eq!(script.after(2, 102).unwrap().len(), 4);
    }

    #[test]
    fn an_empty_log_still_proves_its_end() {
        let mut limits = limits();
        limits.max_entries = 0;
        let mut script = Script::new(limits);
        script.say_all(3);
        assert_eq!(script.after(3, 103), Ok(vec![]));
        assert_eq!(script.after(3, 1), Err(GapReason::Fork));
        assert_eq!(script.after(2, 102), Err(GapReason::Trimmed));
    }
}

mod limits {
    use super::*;

    #[test]
    fn count_age_and_bytes_each_trim_from_the_front() {
        let mut script = Script::new(HistoryLimits { max_entries: 2, ..HistoryLimits::default() });
        script.say_all(5);
        assert_eq!(script.log.len(), 2);

        let max_age = Duration::from_secs(10);
        let mut script = Script::new(HistoryLimits { max_age, ..HistoryLimits::default() });
        script.say("old");
        script.now += 10_000;
        script.say("ten seconds later");
        assert_eq!(script.log.len(), 2);
        script.now += 1;
        script.log.trim(script.now);
        assert_eq!(script.log.len(), 1);

        let mut script =
            Script::new(HistoryLimits { max_bytes: 6_000, ..HistoryLimits::default() });
        for _ in 0..10 {
            script.say(&"x".repeat(1_000));
            assert!(script.log.bytes() <= 6_000);
        }
        assert_eq!(script.log.len(), 2);
    }

    #[test]
    fn places_to_begin_are_within_what_is_kept() {
        let mut script = Script::new(HistoryLimits { max_entries: 4, ..HistoryLimits::default() });
        assert_eq!(script.log.start(), script.log.end());
        script.say_all(10);
        let places = [script.log.start(), script.log.before_last(2), script.log.before_last(99)];
        let found = places.map(|place| offsets(&script.log.after(&place).unwrap()));
        assert_eq!(found, [vec![7, 8, 9, 10], vec![9, 10], vec![7, 8, 9, 10]]);
    }

    #[test]
    fn history_is_paged_from_the_newest() {
        let mut script = Script::new(HistoryLimits { max_entries: 8, ..HistoryLimits::default() });
        script.say_all(10);
        let page = |before| {
            let (page, more) = script.log.before(before, 3);
            (offsets(&page), more)
        };
        assert_eq!(page(u64::MAX), (vec![8, 9, 10], true));
        assert_eq!(page(8), (vec![5, 6, 7], true));
        assert_eq!(page(5), (vec![3, 4], false));
        assert_eq!(page(3), (vec![], false));
        assert_eq!(page(0), (vec![], false));
    }
}

mod idempotency {
    use super::*;

    fn stored(appended: &Appended) -> u64 {
        match appended {
            Appended::Stored(entry) => entry.place.offset,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_publication_that_is_sent_again_is_stored_once() {
        let mut script = Script::new(limits());
        assert_eq!(stored(&script.append("hi", key("ada", 1, None))), 1);
        let repeated = script.append("hi", key("ada", 1, again("one")));
        assert!(matches!(repeated, Appended::Repeated(1)), "{repeated:?}");
        let repeated = script.append("hi", key("ada", 1, Some(Again::Unknown)));
        assert!(matches!(repeated, Appended::Repeated(1)), "{repeated:?}");
        assert_eq!(script.log.len(), 1);
    }

    #[test]
    fn the_same_number_of_another_client_is_another_publication() {
        let mut script = Script::new(limits());
        script.append("hi", key("ada", 1, None));
        assert_eq!(stored(&script.append("hi", key("bob", 1, None))), 2);
    }

    #[test]
    fn what_never_arrived_is_stored_when_it_is_sent_again_under_the_same_epoch() {
        let mut script = Script::new(limits());
        script.append("one", key("ada", 1, None));
        assert_eq!(stored(&script.append("two", key("ada", 2, again("one")))), 2);
        assert_eq!(stored(&script.append("new here", key("bob", 9, again("one")))), 3);
    }

    #[test]
    fn under_another_epoch_or_none_nobody_knows() {
        let mut script = Script::new(limits());
        let unsure = script.append("hi", key("ada", 1, again("before the restart")));
        assert!(matches!(unsure, Appended::Unsure), "{unsure:?}");
        let unsure = script.append("hi", key("ada", 1, Some(Again::Unknown)));
        assert!(matches!(unsure, Appended::Unsure), "{unsure:?}");
        assert!(script.log.is_empty());
    }

    #[test]
    fn a_key_that_was_forgotten_is_unsure_and_never_stored_twice() {
        let mut script = Script::new(HistoryLimits { max_keys: 2, ..HistoryLimits::default() });
        for number in 1..=3 {
            script.append("hi", key("ada", number, None));
        }
        let unsure = script.append("hi", key("ada", 1, again("one")));
        assert!(matches!(unsure, Appended::Unsure), "{unsure:?}");
        assert!(matches!(script.append("hi", key("ada", 2, again("one"))), Appended::Repeated(2)));
        // Nor if what was sent first comes last, over a link that was stuck.
        let late = script.append("hi", key("ada", 1, None));
        assert!(matches!(late, Appended::Unsure), "{late:?}");
    }

    #[test]
    fn a_client_that_was_forgotten_is_unsure_and_never_stored_twice() {
        let mut script = Script::new(HistoryLimits { max_clients: 2, ..HistoryLimits::default() });
        for client in ["ada", "bob", "cleo"] {
            script.append("hi", key(client, 7, None));
        }
        let unsure = script.append("hi", key("ada", 7, again("one")));
        assert!(matches!(unsure, Appended::Unsure), "{unsure:?}");
        // Nor after she is known again.
        script.append("next", key("ada", 8, None));
        let unsure = script.append("hi", key("ada", 7, again("one")));
        assert!(matches!(unsure, Appended::Unsure), "{unsure:?}");
    }
}

mod acknowledgement {
    use super::*;

    #[test]
    fn it_moves_forward_only_and_not_beyond_the_end() {
        let ada = Name::new("ada").unwrap();
        let mut script = Script::new(limits());
        script.say_all(5);
        assert_eq!(script.log.acknowledged(&ada), None);
        for offset in [3, 2, 9] {
            script.log.acknowledge(&ada, offset);
        }
        let position = script.log.acknowledged(&ada).unwrap();
        assert_eq!((position.offset, position.tag), (3, 103));
        assert_eq!(script.after(position.offset, position.tag), Ok(vec![4, 5]));
    }

    #[test]
    fn a_place_that_was_trimmed_is_told_as_trimmed() {
        let ada = Name::new("ada").unwrap();
        let mut script = Script::new(HistoryLimits { max_entries: 2, ..HistoryLimits::default() });
        script.say_all(2);
        script.log.acknowledge(&ada, 1);
        script.say_all(5);
        let position = script.log.acknowledged(&ada).unwrap();
        assert_eq!(script.log.after(&position).unwrap_err(), GapReason::Trimmed);
    }
}
