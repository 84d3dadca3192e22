//! The one place that reads the clock.

use std::time::Instant;

/// Now, by tokio's clock: tests move it by hand.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
