//! Medians and spreads as Markdown.

use std::fs;
use std::process::Command;

use super::process::{EchoRound, IdleRound};
use super::{Candidate, Rounds, Row};
use crate::workspace::Workspace;

/// A server that had nothing to do for a larger share of the time waited for the load.
const MAX_IDLE: f64 = 0.05;

/// A server that lost a larger share of the time to other processes was disturbed.
const MAX_DELAYED: f64 = 0.03;

/// The document: a head that says what was measured where, then a section for each row.
pub(super) struct Report {
    text: String,
}

impl Report {
    pub(super) fn new(workspace: &Workspace, rounds: usize, seconds: f64) -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let line = |program: &str, arguments: &[&str]| {
            let output =
                Command::new(program).args(arguments).current_dir(&workspace.root).output();
            output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let commit = line("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_default();
        let rustc = line("rustc", &["--version"]).unwrap_or_default();
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let models = cpuinfo.lines().filter_map(|line| line.strip_prefix("model name"));
        let models: Vec<&str> = models.map(|model| model.trim_matches([' ', '\t', ':'])).collect();
        let kernel = |name: &str| {
            let text = fs::read_to_string(format!("/proc/sys/{name}")).unwrap_or_default();
            text.trim().to_owned()
        };
        let text = format!(
            "# Echo\n\n\
             Everwire's `/echo` beside a bare epoll server without any library (`bench/`), which \
             is the floor.\nServers run on core 0, the load on core 1, over loopback. Each number \
             is the median of {rounds} rounds\nwith its spread; in each round every server ran \
             once, {seconds} s in an echo row. CPU time is the server's,\nas the kernel counts \
             it. Busy is the server's share of its core.\nOnly the ratios can be compared between machines.\n\n\
             - Command: `{command}`\n- Everwire: {version} ({commit}), {rustc}\n\
             - CPU: {cpu}, {cores} cores\n- Kernel: Linux {release}, TCP {congestion}\n",
            command = ["cargo xtask".to_owned(), arguments.join(" ")].join(" "),
            version = env!("CARGO_PKG_VERSION"),
            cpu = models.first().unwrap_or(&"unknown"),
            cores = models.len(),
            release = kernel("kernel/osrelease"),
            congestion = kernel("net/ipv4/tcp_congestion_control"),
        );
        Self { text }
    }

    pub(super) fn add(&mut self, section: &str) {
        self.text.push('\n');
        self.text.push_str(section);
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// The table of one row; the first candidate is what ratios are to.
pub(super) fn section(row: &Row, candidates: &[Candidate], results: &[Rounds]) -> String {
    let mut text = format!("## {}\n\n", capitalized(row.about));
    text.push_str(match results.first() {
        Some(Rounds::Idle(_)) => {
            "| server | RSS, B per connection | of it anonymous | ÷ floor |\n|---|--:|--:|--:|\n"
        }
        _ => {
            "| server | CPU, µs per message | ÷ floor | user | system | messages/s | p50 µs | \
             p90 | p99 | p99.9 | max | busy |\n\
             |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
        }
    });
    for (candidate, rounds) in candidates.iter().zip(results) {
        let name = &candidate.name;
        let line = match (rounds, results.first()) {
            (Rounds::Echo(rounds), Some(Rounds::Echo(floor))) => echo_line(name, rounds, floor),
            (Rounds::Idle(rounds), Some(Rounds::Idle(floor))) => idle_line(name, rounds, floor),
            _ => continue,
        };
        text.push_str(&line);
        text.push('\n');
    }
    text.push_str(&warning(
        candidates,
        results,
        |round| round.delayed > MAX_DELAYED,
        "Other processes took the server's core in most rounds: {}. Measure again on a quiet \
        machine.",
    ));
    text.push_str(&warning(
        candidates,
        results,
        |round| 1.0 - round.busy - round.delayed > MAX_IDLE,
        "The load was the limit, not the server: {}. Do not compare messages/s and latency there.",
    ));
    text
}

/// A sentence with the names of the candidates for which most rounds are `bad`.
fn warning(
    candidates: &[Candidate],
    results: &[Rounds],
    bad: impl Fn(&EchoRound) -> bool,
    sentence: &str,
) -> String {
    let names: Vec<&str> = candidates
        .iter()
        .zip(results)
        .filter(|(_, rounds)| match rounds {
            Rounds::Echo(rounds) => {
                rounds.iter().filter(|round| bad(round)).count() * 2 > rounds.len()
            }
            Rounds::Idle(_) => false,
        })
        .map(|(candidate, _)| candidate.name.as_str())
        .collect();
    match names.is_empty() {
        true => String::new(),
        false => format!("\n{}\n", sentence.replace("{}", &names.join(", "))),
    }
}

fn echo_line(name: &str, rounds: &[EchoRound], floor: &[EchoRound]) -> String {
    let cpu = |round: &EchoRound| round.cpu_us;
    let ratio = median(rounds, cpu) / median(floor, cpu);
    let user = median(rounds, |round| round.user_us);
    let system = median(rounds, |round| round.cpu_us - round.user_us);
    format!(
        "| {name} | {} | {ratio:.2} | {user:.2} | {system:.2} | {:.0} | {:.0} | {:.0} | {:.0} | \
         {:.0} | {:.0} | {:.0} % |",
        spread(rounds, cpu),
        median(rounds, |round| round.messages_per_second),
        median(rounds, |round| round.p50),
        median(rounds, |round| round.p90),
        median(rounds, |round| round.p99),
        median(rounds, |round| round.p999),
        median(rounds, |round| round.max),
        median(rounds, |round| round.busy) * 100.0,
    )
}

fn idle_line(name: &str, rounds: &[IdleRound], floor: &[IdleRound]) -> String {
    let rss = |round: &IdleRound| round.rss;
    let ratio = median(rounds, rss) / median(floor, rss);
    let anonymous = median(rounds, |round| round.anonymous);
    format!("| {name} | {} | {anonymous:.0} | {ratio:.1} |", spread(rounds, rss))
}

/// The median with the least and the greatest, as `4.61 (4.58–4.70)`.
fn spread<T>(rounds: &[T], value: impl Fn(&T) -> f64) -> String {
    let median = median(rounds, &value);
    let least = rounds.iter().map(&value).fold(f64::INFINITY, f64::min);
    let greatest = rounds.iter().map(&value).fold(0.0, f64::max);
    let digits = match median {
        100.0.. => 0,
        1.0.. => 2,
        _ => 3,
    };
    format!("{median:.digits$} ({least:.digits$}–{greatest:.digits$})")
}

/// The middle value, or the mean of the middle two.
fn median<T>(rounds: &[T], value: impl Fn(&T) -> f64) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[half],
        _ => f64::midpoint(values[half - 1], values[half]),
    }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_shows_the_median_between_its_ends() {
        assert_eq!(spread(&[3.0, 1.0, 2.0], |n| *n), "2.00 (1.00–3.00)");
        assert_eq!(spread(&[0.2, 0.1], |n| *n), "0.150 (0.100–0.200)");
        assert_eq!(spread(&[1500.0], |n| *n), "1500 (1500–1500)");
    }
}
