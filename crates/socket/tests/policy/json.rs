//! The values as traces write them down; tests/traces/README.md has the shape.

use everwire::reconnect::{outbox, retry};
use everwire::{OutboxLimits, RetryPolicy};
use serde_json::{Value, json};

fn millis(duration: std::time::Duration) -> u64 {
    duration.as_millis().try_into().unwrap()
}

pub(crate) fn retry_policy(policy: &RetryPolicy) -> Value {
    json!({
        "minDelay": millis(policy.min_delay),
        "maxDelay": millis(policy.max_delay),
        "growth": policy.growth,
        "quickFor": millis(policy.quick_for),
        "stableAfter": millis(policy.stable_after),
        "openTimeout": millis(policy.open_timeout),
        "maxAttempts": policy.max_attempts,
        "maxElapsed": policy.max_elapsed.map(millis),
        "maxPacing": millis(policy.max_pacing),
    })
}

pub(crate) fn retry_input(input: retry::Input) -> Value {
    use retry::{Input, Verdict};
    let down = |verdict: &str, after: Option<u64>| json!({ "type": "down", "verdict": verdict, "after": after });
    let word = match input {
        Input::Down(Verdict::Retry) => return down("retry", None),
        Input::Down(Verdict::RetryAfter(after)) => return down("retry", Some(millis(after))),
        Input::Down(Verdict::Fatal) => return down("fatal", None),
        Input::Start => "start",
        Input::Opened => "opened",
        Input::Tick => "tick",
        Input::Online => "online",
        Input::Offline => "offline",
        Input::Awake => "awake",
        Input::RetryNow => "retryNow",
        Input::Reconnect => "reconnect",
        Input::Close => "close",
        _ => panic!("{input:?} has no name"),
    };
    json!({ "type": word })
}

pub(crate) fn retry_action(action: &retry::Action) -> Value {
    use retry::{Action, Cause};
    match action {
        Action::Connect => json!({ "type": "connect" }),
        Action::Close => json!({ "type": "close" }),
        Action::End(why) => json!({ "type": "end", "why": retry_why(*why) }),
        Action::Drop(cause) => {
            let word = match cause {
                Cause::Timeout => "timeout",
                Cause::Offline => "offline",
                Cause::Reconnect => "reconnect",
                Cause::Closed => "closed",
                _ => panic!("{cause:?} has no name"),
            };
            json!({ "type": "drop", "cause": word })
        }
        _ => panic!("{action:?} has no name"),
    }
}

fn retry_why(why: retry::Why) -> &'static str {
    use retry::Why;
    match why {
        Why::Closed => "closed",
        Why::Fatal => "fatal",
        Why::Attempts => "attempts",
        Why::Elapsed => "elapsed",
        _ => panic!("{why:?} has no name"),
    }
}

/// The phase's name and, for all other fields, what stands beside it.
pub(crate) fn retry_state(retry: &retry::Retry) -> Value {
    use retry::Phase;
    let mut state = match retry.phase() {
        Phase::Idle => json!({ "phase": "idle" }),
        Phase::Connecting { deadline } => json!({ "phase": "connecting", "deadline": deadline }),
        Phase::Open { since } => json!({ "phase": "open", "since": since }),
        Phase::Waiting { until, paced } => {
            json!({ "phase": "waiting", "until": until, "paced": paced })
        }
        Phase::Offline => json!({ "phase": "offline" }),
        Phase::Ended(why) => json!({ "phase": "ended", "why": retry_why(why) }),
        phase => panic!("{phase:?} has no name"),
    };
    state["attempts"] = retry.attempts().into();
    state["ceiling"] = retry.ceiling().into();
    state["lostAt"] = retry.lost_at().into();
    state["downSince"] = retry.down_since().into();
    state["online"] = retry.is_online().into();
    state
}

pub(crate) fn outbox_limits(limits: &OutboxLimits) -> Value {
    json!({
        "maxMessages": limits.max_messages,
        "maxBytes": limits.max_bytes,
        "maxAge": millis(limits.max_age),
    })
}

pub(crate) fn outbox_input(input: outbox::Input) -> Value {
    use outbox::Input;
    match input {
        Input::Push { size } => json!({ "type": "push", "size": size }),
        Input::Down { unsent, answered } => {
            json!({ "type": "down", "unsent": unsent, "answered": answered })
        }
        Input::Up => json!({ "type": "up" }),
        Input::Take => json!({ "type": "take" }),
        Input::Mark => json!({ "type": "mark" }),
        Input::Pong => json!({ "type": "pong" }),
        Input::Tick => json!({ "type": "tick" }),
        Input::End => json!({ "type": "end" }),
        _ => panic!("{input:?} has no name"),
    }
}

pub(crate) fn outbox_action(action: &outbox::Action) -> Value {
    use outbox::{Action, Fate, Reason, Refusal};
    match action {
        Action::Write(id) => json!({ "type": "write", "id": id }),
        Action::Queued(id) => json!({ "type": "queued", "id": id }),
        Action::Ping => json!({ "type": "ping" }),
        Action::Refuse(refusal) => {
            let word = match refusal {
                Refusal::Down => "down",
                Refusal::Full => "full",
                Refusal::Ended => "ended",
                _ => panic!("{refusal:?} has no name"),
            };
            json!({ "type": "refuse", "why": word })
        }
        Action::Fate(fate, range) => {
            let (first, last) = (range.first, range.last);
            let why = match fate {
                Fate::Sent => {
                    return json!({ "type": "fate", "fate": "sent", "first": first, "last": last });
                }
                Fate::Unsure => {
                    return json!({ "type": "fate", "fate": "unsure", "first": first, "last": last });
                }
                Fate::NotSent(Reason::Expired) => "expired",
                Fate::NotSent(Reason::Unsent) => "unsent",
                Fate::NotSent(Reason::Ended) => "ended",
                _ => panic!("{fate:?} has no name"),
            };
            json!({ "type": "fate", "fate": "notSent", "why": why, "first": first, "last": last })
        }
        _ => panic!("{action:?} has no name"),
    }
}

pub(crate) fn outbox_state(outbox: &outbox::Outbox) -> Value {
    let queue: Vec<Value> = outbox
        .queue()
        .map(|waiting| json!({ "size": waiting.size, "since": waiting.since }))
        .collect();
    json!({
        "up": outbox.is_up(),
        "ended": outbox.is_ended(),
        "written": outbox.written(),
        "settled": outbox.settled(),
        "mark": outbox.mark(),
        "queue": queue,
        "bytes": outbox.bytes(),
    })
}
