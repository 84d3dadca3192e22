//! `Retry`: the document's sentences one by one, and what must hold whatever happens.

use std::time::Duration;

use everwire::RetryPolicy;
use everwire::reconnect::retry::{Action, Cause, Input, Phase, Retry, Verdict, Why};
use everwire_testkit::Dice;

/// Policies of every kind: the default, quick ones, odd ones, ones that give up.
pub(crate) fn policy(dice: &mut Dice) -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    if dice.one_in(4) {
        return policy;
    }
    let ms = |dice: &mut Dice, of: &[u64]| Duration::from_millis(*dice.pick(of));
    policy.min_delay = ms(dice, &[0, 1, 10, 333, 1_000, 4_000]);
    policy.max_delay = ms(dice, &[1_000, 4_999, 20_000, 60_000]);
    policy.growth = *dice.pick(&[1.0, 1.3, 1.5, 2.0, 2.7, 10.0]);
    policy.quick_for = ms(dice, &[0, 1_000, 5_000, 30_000]);
    policy.stable_after = ms(dice, &[0, 1_000, 5_000, 10_000]);
    policy.open_timeout = ms(dice, &[50, 4_000, 10_000]);
    policy.max_pacing = ms(dice, &[0, 2_500, 300_000]);
    policy.max_attempts = dice.one_in(3).then(|| dice.below(7) as u32);
    policy.max_elapsed = dice.one_in(3).then(|| ms(dice, &[0, 5_000, 30_000, 120_000]));
    policy
}

/// Uniform in 0 ≤ r < 1, now and then one of the ends.
pub(crate) fn random(dice: &mut Dice) -> f64 {
    match dice.below(8) {
        0 => 0.0,
        1 => 1.0 - f64::EPSILON / 2.0,
        2 => (dice.next_u64() >> 11) as f64 / (1_u64 << 53) as f64,
        _ => dice.below(10_000) as f64 / 10_000.0,
    }
}

pub(crate) fn verdict(dice: &mut Dice) -> Verdict {
    match dice.below(8) {
        0 => Verdict::Fatal,
        1 | 2 => Verdict::RetryAfter(Duration::from_millis(
            *dice.pick(&[0, 1, 3_200, 5_000, 120_000, 86_400_000]),
        )),
        _ => Verdict::Retry,
    }
}

/// Any input, whatever the phase.
pub(crate) fn any_input(dice: &mut Dice) -> Input {
    match dice.below(14) {
        0 => Input::Start,
        1 | 2 => Input::Opened,
        3..=5 => Input::Down(verdict(dice)),
        6 | 7 => Input::Tick,
        8 => Input::Online,
        9 => Input::Offline,
        10 => Input::Awake,
        11 => Input::RetryNow,
        12 => Input::Reconnect,
        _ if dice.one_in(3) => Input::Close,
        _ => Input::Tick,
    }
}

/// Any stretch of time, with a liking for the deadline and what is beside it.
pub(crate) fn any_time(dice: &mut Dice, now: u64, deadline: Option<u64>) -> u64 {
    match (dice.below(4), deadline) {
        (0, Some(deadline)) => deadline.max(now),
        (1, Some(deadline)) => deadline.saturating_sub(1).max(now),
        (2, _) => now,
        _ => now + *dice.pick(&[1, 7, 40, 250, 999, 1_000, 4_999, 5_000, 12_345, 60_000]),
    }
}

/// One client, and the time.
struct Client {
    retry: Retry,
    now: u64,
}

impl Client {
    fn new(policy: &RetryPolicy) -> Self {
        Self { retry: Retry::new(policy), now: 1_000_000 }
    }

    /// Time passes, then something happens. The dice fall at the highest number.
    fn after(&mut self, millis: u64, input: Input) -> Vec<Action> {
        self.now += millis;
        self.retry.step(self.now, 0.999, input).into_iter().collect()
    }

    /// Starts and opens.
    fn opened(policy: &RetryPolicy) -> Self {
        let mut client = Self::new(policy);
        assert_eq!(client.after(0, Input::Start), [Action::Connect]);
        assert_eq!(client.after(30, Input::Opened), []);
        client
    }

    /// How long the wait is that an ending leads to; goes to its end.
    fn wait(&mut self, verdict: Verdict) -> u64 {
        assert_eq!(self.after(0, Input::Down(verdict)), []);
        let Phase::Waiting { until, .. } = self.retry.phase() else { panic!("{:?}", self.retry) };
        let wait = until - self.now;
        assert_eq!(self.after(wait, Input::Tick), [Action::Connect]);
        wait
    }
}

#[test]
fn ceilings_grow_to_the_highest_and_stay_there() {
    let mut client = Client::new(&RetryPolicy::default());
    let _ = client.after(0, Input::Start);
    let waits: Vec<u64> = (0..7).map(|_| client.wait(Verdict::Retry)).collect();
    assert_eq!(waits, [999, 1_998, 3_996, 7_992, 15_984, 19_980, 19_980]);
}

#[test]
fn after_the_loss_of_a_stable_connection_delays_are_quick_for_a_while() {
    let mut client = Client::opened(&RetryPolicy::default());
    client.now += 5_000;
    let mut waits = Vec::new();
    let lost = client.now;
    while client.now - lost < 5_000 {
        waits.push(client.wait(Verdict::Retry));
    }
    assert_eq!(waits, [999; 6]);
    assert_eq!(client.wait(Verdict::Retry), 999, "the first of those that grow");
    assert_eq!(client.wait(Verdict::Retry), 1_998);
}

#[test]
fn a_connection_that_opens_and_does_not_stay_begins_nothing_anew() {
    let mut client = Client::new(&RetryPolicy::default());
    let _ = client.after(0, Input::Start);
    let mut waits = Vec::new();
    for attempts in 1..=4 {
        assert_eq!(client.after(10, Input::Opened), []);
        client.now += 4_999;
        waits.push(client.wait(Verdict::Retry));
        assert_eq!(client.retry.attempts(), attempts);
    }
    assert_eq!(waits, [999, 1_998, 3_996, 7_992]);
}

#[test]
fn a_server_names_the_time_and_nobody_comes_before() {
    let mut client = Client::opened(&RetryPolicy::default());
    let paced = Verdict::RetryAfter(Duration::from_secs(30));
    assert_eq!(client.after(9_000, Input::Down(paced)), []);
    assert_eq!(client.after(100, Input::Awake), []);
    assert_eq!(client.after(100, Input::Online), []);
    assert_eq!(client.after(30_698, Input::Tick), [], "the server's 30 s and a delay of our own");
    assert_eq!(client.after(101, Input::Tick), [Action::Connect]);
    // Only the program itself may be less patient.
    let _ = client.after(0, Input::Down(paced));
    assert_eq!(client.after(1, Input::RetryNow), [Action::Connect]);
}

#[test]
fn a_server_cannot_send_a_client_away_for_ever() {
    let mut client = Client::opened(&RetryPolicy::default());
    client.now += 6_000;
    assert_eq!(client.wait(Verdict::RetryAfter(Duration::MAX)), 300_999);
}

#[test]
fn an_attempt_that_hangs_is_dropped_and_counts() {
    let mut client = Client::new(&RetryPolicy::default());
    let _ = client.after(0, Input::Start);
    assert_eq!(client.after(9_999, Input::Tick), []);
    assert_eq!(client.after(1, Input::Tick), [Action::Drop(Cause::Timeout)]);
    assert_eq!(client.retry.attempts(), 1);
    assert!(matches!(client.retry.phase(), Phase::Waiting { .. }));
}

#[test]
fn without_a_network_nothing_is_tried_and_with_one_at_once() {
    let mut client = Client::opened(&RetryPolicy::default());
    assert_eq!(client.after(7_000, Input::Offline), [Action::Drop(Cause::Offline)]);
    assert_eq!(client.after(3_600_000, Input::Tick), []);
    assert_eq!(client.after(0, Input::Online), [Action::Connect]);
    assert_eq!(client.after(5, Input::Offline), [Action::Drop(Cause::Offline)]);
    assert_eq!(client.retry.attempts(), 0, "the network's fault, not the server's");
}

#[test]
fn it_ends_where_it_is_told_to() {
    let mut policy = RetryPolicy::default();
    policy.max_attempts = Some(2);
    let mut client = Client::new(&policy);
    let _ = client.after(0, Input::Start);
    client.wait(Verdict::Retry);
    assert_eq!(client.after(0, Input::Down(Verdict::Retry)), [Action::End(Why::Attempts)]);

    let mut policy = RetryPolicy::default();
    policy.max_elapsed = Some(Duration::from_secs(2));
    let mut client = Client::new(&policy);
    let _ = client.after(0, Input::Start);
    client.wait(Verdict::Retry);
    assert_eq!(client.after(0, Input::Down(Verdict::Retry)), [Action::End(Why::Elapsed)]);

    let mut client = Client::opened(&RetryPolicy::default());
    assert_eq!(client.after(0, Input::Down(Verdict::Fatal)), [Action::End(Why::Fatal)]);
    assert_eq!(client.after(0, Input::Start), [Action::Connect]);
    let closed = [Action::Drop(Cause::Closed), Action::End(Why::Closed)];
    assert_eq!(client.after(0, Input::Close), closed);
    assert_eq!(client.after(0, Input::Close), []);
}

#[test]
fn whatever_happens_there_is_one_attempt_at_a_time_and_every_delay_is_in_bounds() {
    for seed in 0..3_000 {
        let mut dice = Dice::new(seed);
        let policy = policy(&mut dice);
        let highest = policy.min_delay.max(policy.max_delay).as_millis() as u64;
        let mut retry = Retry::new(&policy);
        let (mut now, mut under_way, mut open) = (5, false, false);
        for _ in 0..200 {
            now = any_time(&mut dice, now, retry.next_deadline());
            let input = any_input(&mut dice);
            let before = retry.clone();
            let actions: Vec<_> = retry.step(now, random(&mut dice), input).into_iter().collect();
            if matches!(input, Input::Opened) && under_way {
                (under_way, open) = (false, true);
            }
            if matches!(input, Input::Down(_)) {
                (under_way, open) = (false, false);
            }
            for action in &actions {
                match action {
                    Action::Connect => {
                        assert!(!under_way && !open, "a second connection, seed {seed}");
                        under_way = true;
                    }
                    Action::Drop(_) | Action::Close => {
                        assert!(under_way || open, "nothing to let go, seed {seed}");
                        (under_way, open) = (false, false);
                    }
                    Action::End(why) => assert_eq!(retry.phase(), Phase::Ended(*why)),
                    _ => panic!("{action:?}"),
                }
            }
            match retry.phase() {
                Phase::Connecting { .. } => assert!(under_way),
                Phase::Open { .. } => assert!(open),
                Phase::Waiting { until, paced } if before.phase() != retry.phase() => {
                    let asked = match input {
                        Input::Down(Verdict::RetryAfter(after)) => after.min(policy.max_pacing),
                        _ => Duration::ZERO,
                    };
                    let delay = until - now - asked.as_millis() as u64;
                    assert!(delay <= highest, "{delay} of {highest}, seed {seed}");
                    assert_eq!(paced, matches!(input, Input::Down(Verdict::RetryAfter(_))));
                    let quick = |lost| now - lost < policy.quick_for.as_millis() as u64;
                    if retry.lost_at().is_some_and(quick) {
                        assert!(delay <= policy.min_delay.as_millis() as u64, "seed {seed}");
                        assert_eq!(retry.ceiling(), before_or_reset(&before, &retry, &policy));
                    }
                }
                _ => {}
            }
            assert!(retry.ceiling() <= highest);
        }
    }
}

/// What a quick delay leaves the ceiling at: as it was, or at its first value if it began a count.
fn before_or_reset(before: &Retry, after: &Retry, policy: &RetryPolicy) -> u64 {
    if after.lost_at() == before.lost_at() {
        before.ceiling()
    } else {
        policy.min_delay.as_millis() as u64
    }
}

#[test]
fn delays_are_spread_evenly_from_nothing_to_the_ceiling() {
    let mut dice = Dice::new(7);
    let mut tenths = [0; 10];
    for _ in 0..10_000 {
        let mut retry = Retry::new(&RetryPolicy::default());
        let _ = retry.step(0, 0.0, Input::Start);
        let random = (dice.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let _ = retry.step(0, random, Input::Down(Verdict::Retry));
        let Phase::Waiting { until, .. } = retry.phase() else { panic!("{retry:?}") };
        tenths[(until / 100) as usize] += 1;
    }
    assert!(tenths.iter().all(|count| (850..1_150).contains(count)), "{tenths:?}");
}
