//! How a server goes down.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use everwire_wire::{CloseCode, CloseReason};
use http::{HeaderValue, Response, StatusCode, header};

use crate::{Rejection, masks};

/// How a server goes down: [`Group::shut_down`](crate::Group::shut_down) follows it.
///
/// The defaults fit into the ten seconds after which container runtimes kill: the last close goes
/// out after 3 s, its closing handshake may take 5 s more.
///
/// ```
/// use std::time::Duration;
/// use everwire::{CloseCode, CloseReason, Shutdown};
///
/// let mut plan = Shutdown::default();
/// plan.reason = CloseReason::new(CloseCode::SERVICE_RESTART, "new version").unwrap();
/// plan.window = Duration::from_secs(20);
/// plan.deadline = Duration::from_secs(25);
/// plan.retry_after = Some(Duration::from_secs(5)..=Duration::from_secs(30));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shutdown {
    /// What the close frames say. Default 1001, "server is shutting down"; 1012 says that it comes
    /// back. A text that leaves no room for the hint is cut.
    pub reason: CloseReason,
    /// Over how long the closes are spread, evenly, the first at once. Default 3 s. More than the
    /// deadline counts as the deadline.
    pub window: Duration,
    /// After how long whoever has not ended is aborted. Default 8 s.
    pub deadline: Duration,
    /// When clients should come back: each is told a time drawn from this range, so that they come
    /// apart. Default 100 ms to 3 s, since a successor can listen as soon as we do not. It is the
    /// last word of the close reason, `retry-after-ms=` and whole milliseconds, which
    /// `everwire`'s reconnecting clients follow with 1001, 1012 and 1013. `None` tells nobody.
    pub retry_after: Option<RangeInclusive<Duration>>,
}

impl Default for Shutdown {
    fn default() -> Self {
        let reason = CloseReason::new(CloseCode::GOING_AWAY, "server is shutting down");
        Self {
            reason: reason.expect("1001 may be sent, and the text is short"),
            window: Duration::from_secs(3),
            deadline: Duration::from_secs(8),
            retry_after: Some(Duration::from_millis(100)..=Duration::from_secs(3)),
        }
    }
}

impl Shutdown {
    /// Everyone is sent a close frame and nobody is waited for: for a second signal.
    pub fn at_once() -> Self {
        Self { window: Duration::ZERO, deadline: Duration::ZERO, ..Self::default() }
    }

    /// What one member is told.
    pub(super) fn draw_reason(&self) -> CloseReason {
        let Some(after) = self.draw_retry_after() else { return self.reason.clone() };
        let hint = format!("retry-after-ms={after}");
        let mut end = self.reason.as_str().len().min(CloseReason::MAX_LEN - hint.len() - 1);
        while !self.reason.as_str().is_char_boundary(end) {
            end -= 1;
        }
        let text = self.reason.as_str()[..end].trim_end();
        let text = if text.is_empty() { hint } else { format!("{text} {hint}") };
        CloseReason::new(self.reason.code(), text).unwrap_or_else(|_| self.reason.clone())
    }

    /// What one client is told whose handshake comes too late.
    pub(super) fn refusal(&self) -> Rejection {
        let mut response = Response::new(Bytes::from_static(b"server is shutting down\n"));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, text);
        if let Some(after) = self.draw_retry_after() {
            // RFC 9110 §10.2.3: whole seconds.
            response.headers_mut().insert(header::RETRY_AFTER, after.div_ceil(1000).into());
        }
        response.into()
    }

    /// Milliseconds.
    fn draw_retry_after(&self) -> Option<u64> {
        let range = self.retry_after.as_ref()?;
        let millis = |time: &Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (least, most) = (millis(range.start()), millis(range.end()));
        let span = most.saturating_sub(least).saturating_add(1);
        Some(least.saturating_add(masks::below(span)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str, after: RangeInclusive<Duration>) -> Shutdown {
        let reason = CloseReason::new(CloseCode::SERVICE_RESTART, text.to_owned()).unwrap();
        Shutdown { reason, retry_after: Some(after), ..Shutdown::default() }
    }

    #[test]
    fn the_hint_is_the_last_word_and_within_its_range() {
        let plan = plan("new version", Duration::from_millis(200)..=Duration::from_millis(203));
        let mut seen = [0; 4];
        for _ in 0..400 {
            let reason = plan.draw_reason();
            assert_eq!(reason.code(), CloseCode::SERVICE_RESTART);
            let after = reason.as_str().strip_prefix("new version retry-after-ms=").unwrap();
            seen[after.parse::<usize>().unwrap() - 200] += 1;
        }
        // Each is as likely as the next: 100 on average, so none is rarer than 40.
        assert!(seen.iter().all(|times| *times > 40), "{seen:?}");
    }

    #[test]
    fn a_text_makes_room_for_the_hint_at_a_whole_character() {
        for text in ["x".repeat(123), "ü".repeat(61), "🦀".repeat(30), String::new()] {
            let plan = plan(&text, Duration::MAX..=Duration::MAX);
            let reason = plan.draw_reason();
            let (kept, after) = reason.as_str().rsplit_once("retry-after-ms=").unwrap();
            assert_eq!(after, u64::MAX.to_string());
            assert!(text.starts_with(kept.trim_end()), "{kept}");
            // Cut no further than it has to be.
            assert!(text.is_empty() || reason.as_str().len() > 123 - 4, "{}", reason.as_str());
        }
    }

    #[test]
    fn a_range_that_is_none_is_its_beginning() {
        let plan = plan("", Duration::from_secs(3)..=Duration::from_secs(1));
        assert_eq!(plan.draw_reason().as_str(), "retry-after-ms=3000");
    }

    #[test]
    fn without_a_range_nobody_is_told() {
        let plan = Shutdown { retry_after: None, ..Shutdown::default() };
        assert_eq!(plan.draw_reason(), plan.reason);
        assert_eq!(plan.refusal().response().headers().get("retry-after"), None);
    }

    #[test]
    fn a_refusal_is_503_and_says_whole_seconds() {
        let plan = plan("", Duration::from_millis(1001)..=Duration::from_millis(2000));
        let refusal = plan.refusal();
        assert_eq!(refusal.response().status(), 503);
        assert_eq!(refusal.response().headers()["retry-after"], "2");
        assert_eq!(refusal.response().headers()["connection"], "close");
    }
}
