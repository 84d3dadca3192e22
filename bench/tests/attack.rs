//! The attacker finds what there is to find.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use everwire_bench::attack::memory::Process;
use everwire_bench::attack::{AttackPlan, Outcome, attack, attacks};
use everwire_bench::transport::Dialer;

const CONNECTIONS: usize = 10;

/// A floor in a process of its own, whose memory is nobody else's.
struct Floor {
    child: Child,
    url: String,
}

impl Floor {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_floor"))
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap();
        Self { child, url: format!("ws://{address}/echo") }
    }

    fn under(&self, name: &str) -> Outcome {
        let plan = AttackPlan {
            dialer: Dialer::new(&self.url, None).unwrap(),
            attack: attacks::find(name).unwrap(),
            connections: CONNECTIONS,
            process: Process::new(self.child.id()),
        };
        attack(&plan).unwrap()
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_message_that_is_never_finished_is_found_in_the_servers_memory() {
    let outcome = Floor::start().under("unfinished");
    assert!((outcome.sent - 1_048_590.0).abs() < 1.0, "all of it was sent: {outcome:?}");
    // The floor keeps what it cannot answer yet; what the first of all left serves one of these.
    assert!((0.8..3.0).contains(&(outcome.standing / outcome.sent)), "{outcome:?}");
    assert!(outcome.most >= outcome.standing, "{outcome:?}");
    assert_eq!(outcome.ends["open"], CONNECTIONS);
}

#[test]
fn answers_that_are_not_read_stop_the_floor_and_hold_little() {
    let outcome = Floor::start().under("pings");
    assert!(outcome.most < outcome.sent, "{outcome:?}");
    assert_eq!(outcome.ends["open"], CONNECTIONS);
}
