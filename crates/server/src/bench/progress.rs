//! How far a run is, for a person who waits.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

/// How often the bar is drawn: often enough to move, too seldom to cost anything.
pub(super) const TICK: Duration = Duration::from_millis(100);

const WIDTH: usize = 30;

/// A bar on the standard error output, if that is a terminal; otherwise nothing at all. Wiped when
/// dropped.
#[derive(Debug)]
pub(super) struct Progress {
    on_terminal: bool,
    drawn: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { on_terminal: io::stderr().is_terminal(), drawn: false }
    }

    /// Draws the bar at `done` of 1; `note` is asked for only if somebody sees it.
    pub(super) fn show(&mut self, what: &str, done: f64, note: impl FnOnce() -> String) {
        if self.on_terminal {
            self.drawn = true;
            // A terminal that went away is no reason to end the run.
            let _ = write!(io::stderr(), "\r\x1b[K{}", bar(what, done, &note()));
        }
    }

    /// Makes way for other lines.
    pub(super) fn wipe(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.wipe();
    }
}

fn bar(what: &str, done: f64, note: &str) -> String {
    let full = (done.clamp(0.0, 1.0) * WIDTH as f64) as usize;
    format!("{what} [{}{}] {note}", "#".repeat(full), "-".repeat(WIDTH - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills_and_never_overflows() {
        assert_eq!(bar("opening", 0.0, "0"), format!("opening [{}] 0", "-".repeat(30)));
        let half = format!("opening [{}{}] 5", "#".repeat(15), "-".repeat(15));
        assert_eq!(bar("opening", 0.5, "5"), half);
        for done in [1.0, 7.0] {
            assert_eq!(bar("opening", done, ""), format!("opening [{}] ", "#".repeat(30)));
        }
        assert_eq!(bar("opening", f64::NAN, ""), format!("opening [{}] ", "-".repeat(30)));
    }
}
