//! `Outbox`: each fate shown, and what must hold whatever happens.

use std::time::Duration;

use everwire::OutboxLimits;
use everwire::reconnect::outbox::{Action, Fate, Input, Outbox, Range, Reason, Refusal};
use everwire_testkit::Dice;

/// Limits of every kind; small, so that they strike.
pub(crate) fn limits(dice: &mut Dice) -> OutboxLimits {
    let mut limits = OutboxLimits::default();
    if dice.one_in(6) {
        return limits;
    }
    limits.max_messages = *dice.pick(&[0, 1, 2, 3, 5, 8]);
    limits.max_bytes = *dice.pick(&[0, 10, 100, 1_000, 1 << 20]);
    limits.max_age = Duration::from_millis(*dice.pick(&[0, 100, 5_000, 30_000]));
    limits
}

/// Any input, whatever the state.
pub(crate) fn any_input(dice: &mut Dice) -> Input {
    match dice.below(16) {
        0..=5 => Input::Push { size: *dice.pick(&[0, 1, 5, 9, 10, 40, 100, 1_001]) },
        6 | 7 => Input::Up,
        8 | 9 => Input::Take,
        10 => Input::Mark,
        11 => Input::Pong,
        12 | 13 => Input::Down { unsent: dice.below(5) as u64, answered: dice.one_in(4) },
        14 => Input::Tick,
        _ if dice.one_in(2) => Input::End,
        _ => Input::Tick,
    }
}

/// With room for so many messages.
fn with_queue(max_messages: usize) -> Outbox {
    let mut limits = OutboxLimits::default();
    limits.max_messages = max_messages;
    Outbox::new(&limits)
}

fn step(outbox: &mut Outbox, now: u64, input: Input) -> Vec<Action> {
    outbox.step(now, input).into_iter().collect()
}

fn push(outbox: &mut Outbox, now: u64) -> Vec<Action> {
    step(outbox, now, Input::Push { size: 10 })
}

fn fate(fate: Fate, first: u64, last: u64) -> Action {
    Action::Fate(fate, Range { first, last })
}

#[test]
fn without_a_queue_a_message_that_finds_no_connection_is_refused() {
    let mut outbox = Outbox::new(&OutboxLimits::default());
    assert_eq!(push(&mut outbox, 0), [Action::Refuse(Refusal::Down)]);
    assert_eq!(step(&mut outbox, 1, Input::Up), []);
    assert_eq!(push(&mut outbox, 2), [Action::Write(1)]);
}

#[test]
fn what_waited_leaves_first_and_in_order() {
    let mut outbox = with_queue(3);
    assert_eq!(push(&mut outbox, 0), [Action::Queued(1)]);
    assert_eq!(push(&mut outbox, 0), [Action::Queued(2)]);
    let _ = step(&mut outbox, 5, Input::Up);
    assert_eq!(push(&mut outbox, 6), [Action::Queued(3)], "behind those that wait");
    assert_eq!(push(&mut outbox, 6), [Action::Refuse(Refusal::Full)]);
    for id in 1..=3 {
        assert_eq!(step(&mut outbox, 7, Input::Take), [Action::Write(id)]);
    }
    assert_eq!(step(&mut outbox, 7, Input::Take), []);
    assert_eq!(push(&mut outbox, 8), [Action::Write(4)]);
}

#[test]
fn an_answered_ping_proves_what_went_before_it_and_no_more() {
    let mut outbox = with_queue(0);
    let _ = step(&mut outbox, 0, Input::Up);
    let _ = push(&mut outbox, 1);
    let _ = push(&mut outbox, 1);
    assert_eq!(step(&mut outbox, 2, Input::Mark), [Action::Ping]);
    assert_eq!(step(&mut outbox, 2, Input::Mark), [], "one at a time");
    let _ = push(&mut outbox, 3);
    assert_eq!(step(&mut outbox, 4, Input::Pong), [fate(Fate::Sent, 1, 2)]);
    let broken = Input::Down { unsent: 0, answered: false };
    assert_eq!(step(&mut outbox, 5, broken), [fate(Fate::Unsure, 3, 3)]);
}

#[test]
fn what_the_network_never_took_is_not_sent_and_what_it_took_is_unsure() {
    let mut outbox = with_queue(0);
    let _ = step(&mut outbox, 0, Input::Up);
    for _ in 0..5 {
        let _ = push(&mut outbox, 1);
    }
    let told = step(&mut outbox, 2, Input::Down { unsent: 2, answered: false });
    assert_eq!(told, [fate(Fate::Unsure, 1, 3), fate(Fate::NotSent(Reason::Unsent), 4, 5)]);
}

#[test]
fn an_answer_to_our_close_frame_proves_everything() {
    let mut outbox = with_queue(0);
    let _ = step(&mut outbox, 0, Input::Up);
    let _ = push(&mut outbox, 1);
    assert_eq!(step(&mut outbox, 2, Input::End), []);
    assert_eq!(push(&mut outbox, 3), [Action::Refuse(Refusal::Ended)]);
    let answered = Input::Down { unsent: 0, answered: true };
    assert_eq!(step(&mut outbox, 4, answered), [fate(Fate::Sent, 1, 1)]);
}

#[test]
fn what_waits_too_long_expires_to_the_millisecond() {
    let mut outbox = with_queue(5);
    let _ = push(&mut outbox, 1_000);
    let _ = push(&mut outbox, 2_000);
    assert_eq!(outbox.next_deadline(), Some(31_000));
    assert_eq!(step(&mut outbox, 30_999, Input::Tick), []);
    let expired = Fate::NotSent(Reason::Expired);
    assert_eq!(step(&mut outbox, 31_000, Input::Tick), [fate(expired, 1, 1)]);
    assert_eq!(step(&mut outbox, 32_000, Input::Up), [fate(expired, 2, 2)]);
}

#[test]
fn the_end_gives_back_what_waits_after_the_connection_is_gone() {
    let mut outbox = with_queue(5);
    let _ = push(&mut outbox, 0);
    let _ = push(&mut outbox, 0);
    let _ = step(&mut outbox, 1, Input::Up);
    let _ = step(&mut outbox, 1, Input::Take);
    assert_eq!(step(&mut outbox, 2, Input::End), [], "the connection still takes what waited");
    let told = step(&mut outbox, 3, Input::Down { unsent: 0, answered: false });
    assert_eq!(told, [fate(Fate::Unsure, 1, 1), fate(Fate::NotSent(Reason::Ended), 2, 2)]);
    assert_eq!(step(&mut outbox, 4, Input::Up), []);
    assert!(!outbox.is_up());
}

#[test]
fn whatever_happens_each_fate_is_told_once_and_in_order_and_the_queue_stays_in_its_bounds() {
    for seed in 0..3_000 {
        let mut dice = Dice::new(seed);
        let limits = limits(&mut dice);
        let mut outbox = Outbox::new(&limits);
        let (mut now, mut accepted, mut told, mut written) = (0, 0, 0, 0);
        for turn in 0..202 {
            now += *dice.pick(&[0, 0, 1, 60, 4_000, 30_000]);
            let input = match turn {
                200 => Input::End,
                201 => Input::Down { unsent: dice.below(5) as u64, answered: false },
                _ => any_input(&mut dice),
            };
            for action in outbox.step(now, input) {
                match action {
                    Action::Write(id) => {
                        // What expired has a number, too, and is never written.
                        assert!(id > written && id > told, "seed {seed}");
                        written = id;
                        accepted = accepted.max(id);
                    }
                    Action::Queued(id) => {
                        assert_eq!(id, accepted + 1, "seed {seed}");
                        accepted = id;
                    }
                    Action::Fate(fate, Range { first, last }) => {
                        assert_eq!(first, told + 1, "seed {seed}");
                        assert!(first <= last && last <= accepted, "seed {seed}");
                        if matches!(fate, Fate::Sent | Fate::Unsure) {
                            assert!(last <= written, "never written, seed {seed}");
                        }
                        told = last;
                    }
                    Action::Refuse(Refusal::Full) => {
                        assert!(outbox.queue().len() <= limits.max_messages);
                    }
                    Action::Refuse(_) | Action::Ping => {}
                    _ => panic!("{action:?}"),
                }
            }
            assert!(outbox.queue().len() <= limits.max_messages, "seed {seed}");
            assert!(outbox.bytes() <= limits.max_bytes, "seed {seed}");
            assert_eq!(outbox.bytes(), outbox.queue().map(|waiting| waiting.size).sum::<usize>());
            assert_eq!(outbox.settled(), told, "seed {seed}");
            let mark = outbox.mark().unwrap_or(outbox.written());
            assert!(outbox.settled() <= mark && mark <= outbox.written(), "seed {seed}");
            if !outbox.is_up() {
                assert_eq!(outbox.settled(), outbox.written(), "seed {seed}");
            }
        }
        assert_eq!(told, accepted, "every message has its fate, seed {seed}");
    }
}
