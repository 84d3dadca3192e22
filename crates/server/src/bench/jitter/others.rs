//! Ways for clients of other programs.

use std::io;
use std::thread;

use tokio::sync::mpsc;

use crate::bench::report;

use super::args::Jitter;
use super::dice::Dice;
use super::link::Target;
use super::way::Way;

/// Ways that fail as those of the run's own clients do, and whoever uses them.
#[derive(Debug)]
pub(super) struct Others {
    ways: Vec<Way>,
    /// Lines of the standard input.
    lines: mpsc::Receiver<()>,
}

impl Others {
    /// Opens the ways and says where they begin.
    pub(super) async fn invite(args: &Jitter, target: &Target, run: &str) -> io::Result<Self> {
        let mut ways = Vec::new();
        for _ in 0..args.others {
            ways.push(Way::open(target.addr).await?);
        }
        let urls: Vec<String> =
            ways.iter().map(|way| format!("{:?}", target.by(way.addr()))).collect();
        report::print(&format!(
            r#"{{"event":"ways","topic":"{}","run":"{run}","messages":{},"urls":[{}]}}"#,
            args.topic,
            args.messages,
            urls.join(","),
        ))?;
        Ok(Self { ways, lines: listen() })
    }

    /// Waits until they are ready.
    pub(super) async fn ready(&mut self) {
        self.lines.recv().await;
    }

    pub(super) fn fail(&mut self, args: &Jitter, dice: impl Fn(usize) -> Dice) {
        self.ways.iter_mut().enumerate().for_each(|(index, way)| way.fail(args, dice(index)));
    }

    /// Waits until they are done.
    pub(super) async fn done(mut self) {
        while self.lines.recv().await.is_some() {}
    }
}

/// Tells of each line, until the input ends. A thread of its own: nothing else can wait for the
/// standard input without holding up the process's end.
fn listen() -> mpsc::Receiver<()> {
    let (sender, lines) = mpsc::channel(1);
    thread::spawn(move || {
        for line in io::stdin().lines() {
            if line.is_err() || sender.blocking_send(()).is_err() {
                return;
            }
        }
    });
    lines
}
