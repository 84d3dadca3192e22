//! The row `attack`: how much of a server's memory a hostile client gets hold of.

use std::fmt::Write as _;

use anyhow::Context;
use serde_json::Value;

use super::process::{Load, Server};
use super::report::digits;
use super::results::{Results, Round};
use super::rows::{ATTACK, Kind, NO_TAKEOVER, Row, row};
use super::servers::{Candidate, OURS, Stage};

/// How many bytes each byte that is sent may pin.
const RATIO: f64 = 2.0;

/// What a compressed message may pin in any case: the longest message, and what inflates it, a
/// window of 32 KiB and tables.
const INFLATED: f64 = (16 * 1024 * 1024 + 64 * 1024) as f64;

/// The metrics of one attack.
const SENT: &str = "sent";
const OPEN: &str = "open";
const MOST: &str = "most";
const STANDING: &str = "standing";
const LEFT: &str = "left";
const END: &str = "end ";

/// What the numbers are.
const NOTES: &str = "\
Many connections do the same at once and read nothing. Bytes are for each connection: what it sent after \
the opening handshake, if it had one, and how much the resident memory of the server's process grew \
beyond what it held for the open connections: at most, and when it had calmed down; and what was left of it, \
the connections themselves among it, when they were gone, which is what an allocator or a garbage collector \
keeps. One connection has attacked before, so that what a server allocates once is not counted. Compression \
is on, without context takeover, where compressed messages come; a server that inflates a message only when all of it is \
there holds what was sent until then. What may be pinned is twice what was sent; by a compressed message, \
16 MiB, the longest message, and 64 KiB to inflate it. Handshakes are watched for 11 s more, WebSockets for 2 s: \
whoever is open then may be ended later. One round.";

const fn attack(name: &'static str, about: &'static str) -> Row {
    row(name, about, Kind::Attack, "", ATTACK, &[])
}

const fn deflate(name: &'static str, about: &'static str) -> Row {
    row(name, about, Kind::Attack, "", NO_TAKEOVER, &[])
}

/// Those of `bench/src/attack/attacks.rs`.
#[rustfmt::skip]
const ATTACKS: &[Row] = &[
    attack("head-half", "4 KiB of a request head, then silence"),
    attack("head-endless", "a request head that goes on, 64 bytes every 100 ms"),
    attack("promise", "a frame of 16 MiB by its header, 4 KiB of it, then silence"),
    attack("unfinished", "a first fragment of 1 MiB, then silence"),
    attack("tiny", "65,536 fragments of 1 byte"),
    attack("empty", "65,536 fragments of nothing"),
    attack("pings", "16,384 pings of 125 bytes whose pongs are not read"),
    attack("echoes", "messages of 1 KiB whose echoes are not read, up to 16 MiB"),
    attack("half-closed", "a first fragment of 4 KiB, then the end of the connection one way"),
    deflate("deflate-half", "half of a compressed message of 64 KiB"),
    deflate("bomb", "a first fragment of zeros, 64 MiB inflated"),
    deflate("bomb-above", "a first fragment of zeros, 16 MiB and 1 KiB inflated"),
    deflate("bomb-below", "a first fragment of zeros, 1 KiB less than 16 MiB inflated"),
    deflate("bomb-slow", "a first fragment that grows 200 times, to 1 KiB less than 16 MiB"),
];

/// All attacks on one server, each on a fresh process.
pub(super) fn round(stage: &Stage, candidate: &Candidate) -> anyhow::Result<Round> {
    let load = Load::new(stage.attack.display().to_string());
    let mut round = Round::new();
    let mut worst = 0_f64;
    for attack in ATTACKS.iter().filter(|attack| candidate.lacks(attack).is_none()) {
        let server = Server::start(&stage.command(candidate, attack))?;
        let told = match load.attack(&server, attack) {
            Ok(told) => told,
            // Whoever goes down under it is told so in the table.
            Err(error) if candidate.name != OURS => {
                println!("  {}, {}: {error:#}", candidate.name, attack.name);
                continue;
            }
            Err(error) => return Err(error).context(attack.name),
        };
        let found = outcome(&told)?;
        worst = worst.max(found[MOST] / allowed(attack, found[SENT]));
        round.extend(found.into_iter().map(|(name, value)| (metric(attack, &name), value)));
    }
    round.insert(Kind::Attack.metric().to_owned(), worst);
    Ok(round)
}

/// The metrics in an attacker's report, how connections ended among them.
fn outcome(told: &Value) -> anyhow::Result<Round> {
    let mut found = Round::new();
    for name in [SENT, OPEN, MOST, STANDING, LEFT] {
        let value = told[name].as_f64().with_context(|| format!("the attacker told no {name}"))?;
        found.insert(name.to_owned(), value);
    }
    let ends = told["ends"].as_object().context("the attacker told no ends")?;
    for (end, count) in ends {
        found.insert(format!("{END}{end}"), count.as_f64().unwrap_or_default());
    }
    Ok(found)
}

/// How many bytes an attack may pin that sent so many.
fn allowed(attack: &Row, sent: f64) -> f64 {
    let inflated = if attack.deflate().is_some() { INFLATED } else { 0.0 };
    (RATIO * sent).max(inflated)
}

fn metric(attack: &Row, name: &str) -> String {
    format!("{}: {name}", attack.name)
}

/// The tables: everyone side by side, and everything of each.
pub(super) fn section(row: &Row, candidates: &[Candidate], results: &Results) -> String {
    let mut text = format!("## Under attack\n\n`{}`\n\n{NOTES}\n\n", row.name);
    let takes_part = |candidate: &&Candidate| !results.rounds(&candidate.name).is_empty();
    let candidates: Vec<&Candidate> = candidates.iter().filter(takes_part).collect();
    if candidates.is_empty() {
        return text;
    }
    text.push_str("Bytes pinned at most ÷ bytes sent:\n\n| attack |");
    candidates.iter().for_each(|candidate| {
        let _ = write!(text, " {} |", candidate.name);
    });
    let _ = writeln!(text, "\n|---|{}", "--:|".repeat(candidates.len()));
    for attack in ATTACKS {
        let _ = write!(text, "| {} |", attack.name);
        for candidate in &candidates {
            let cell = match Pinned::of(attack, &candidate.name, results) {
                Some(pinned) => digits(pinned.ratio()),
                None if candidate.lacks(attack).is_some() => "–".to_owned(),
                None => "failed".to_owned(),
            };
            let _ = write!(text, " {cell} |");
        }
        text.push('\n');
    }
    text.push_str("\n– has no permessage-deflate.\n");
    for attack in ATTACKS {
        let _ = write!(
            text,
            "\n**{}**: {}\n\n| server | sent, B | pinned at most, B | ÷ sent | then, B | \
             open, B | left, B | end |\n|---|--:|--:|--:|--:|--:|--:|---|\n",
            attack.name, attack.about
        );
        for candidate in &candidates {
            if let Some(pinned) = Pinned::of(attack, &candidate.name, results) {
                let _ = writeln!(text, "| {} | {} |", candidate.name, pinned.cells());
            }
        }
    }
    text
}

/// What an attack pinned of a server.
struct Pinned {
    sent: f64,
    open: f64,
    most: f64,
    standing: f64,
    left: f64,
    /// How the connections ended, and what share of them.
    ends: Vec<(String, f64)>,
}

impl Pinned {
    fn of(attack: &Row, server: &str, results: &Results) -> Option<Self> {
        let median = |name: &str| results.median(server, &metric(attack, name));
        let prefix = metric(attack, END);
        let last = results.rounds(server).last()?;
        let counts: Vec<(String, f64)> = last
            .iter()
            .filter_map(|(name, count)| Some((name.strip_prefix(&prefix)?.to_owned(), *count)))
            .collect();
        let all: f64 = counts.iter().map(|(_, count)| count).sum();
        let ends = counts.into_iter().map(|(end, count)| (end, count / all)).collect();
        Some(Self {
            sent: median(SENT)?,
            open: median(OPEN)?,
            most: median(MOST)?,
            standing: median(STANDING)?,
            left: median(LEFT)?,
            ends,
        })
    }

    fn ratio(&self) -> f64 {
        self.most / self.sent
    }

    fn cells(&self) -> String {
        let ends: Vec<String> = self
            .ends
            .iter()
            .map(|(end, share)| match *share {
                1.0 => end.clone(),
                share => format!("{end} ({:.0} %)", share * 100.0),
            })
            .collect();
        let Self { sent, open, most, standing, left, .. } = self;
        let (ratio, ends) = (digits(self.ratio()), ends.join(", "));
        format!("{sent:.0} | {most:.0} | {ratio} | {standing:.0} | {open:.0} | {left:.0} | {ends}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_attacks_are_those_of_the_attacker() {
        let source = include_str!("../../../bench/src/attack/attacks.rs");
        let names: Vec<&str> =
            source.split("attack(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(names, ATTACKS.iter().map(|attack| attack.name).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_told_is_shown_with_its_ratio() {
        let told = json!({
            "event": "done", "sent": 1000.0, "open": 10.0, "most": 1500.0, "standing": 20.0, "left": 5.0,
            "ends": { "close 1009": 3, "open": 1 },
        });
        let attack = &ATTACKS[0];
        let round = outcome(&told).unwrap();
        let round = round.into_iter().map(|(name, value)| (metric(attack, &name), value));
        let mut results = Results::default();
        results.add("ws", round.collect());
        let pinned = Pinned::of(attack, "ws", &results).unwrap();
        assert_eq!(
            pinned.cells(),
            "1000 | 1500 | 1.50 | 20 | 10 | 5 | close 1009 (75 %), open (25 %)"
        );
        assert!(Pinned::of(&ATTACKS[1], "ws", &results).is_none());
    }

    #[test]
    fn a_compressed_message_may_pin_what_it_may_inflate_to() {
        let by_name = |name: &str| ATTACKS.iter().find(|attack| attack.name == name).unwrap();
        assert!((allowed(by_name("tiny"), 1000.0) - 2000.0).abs() < 1.0);
        assert!((allowed(by_name("bomb"), 1000.0) - INFLATED).abs() < 1.0);
    }
}
