//! The table of a full run, in Markdown.

use super::Outcome;
use super::table::{CHECKS, Check, PEERS, Peer, Role};

/// What is written to conformance/peers.md. It has nothing in it that changes from run to run, unless
/// an outcome or a version did.
pub(super) fn table(outcomes: &[Outcome], versions: &[(&'static str, String)]) -> String {
    let mut text = "\
# Peers

Everwire with other people's software, written by `cargo xtask peers --full`. Each `pass` is a real
exchange whose result was compared; [peers/README.md](peers/README.md) says what is right.

"
    .to_owned();
    for (role, about) in [
        (Role::Server, "## Our client, their servers\n\n"),
        (
            Role::Client,
            "## Our server, their clients\n\nOur server is `everwire serve` where it has what the check takes, \
             otherwise the example `interop`.\n\n",
        ),
    ] {
        text.push_str(about);
        of_role(&mut text, role, outcomes);
    }
    text.push_str("## Ways\n\n");
    text.push_str(
        "\
- **wss**: TLS, with a certificate authority that the client is told of, and refused without it.
- **CONNECT proxy**: tinyproxy with a password, to `ws` and to `wss`. **SOCKS5 proxy**: microsocks, the same.
- **nginx**, **HAProxy**: as in [behind-a-proxy](../docs/behind-a-proxy.md), cutting after 5 s of silence. A
  connection without heartbeats is cut, one with heartbeats every 2 s, which are ours, is still there after
  12 s.

## Versions

",
    );
    for (name, version) in versions {
        text.push_str(&format!("- {name} {version}\n"));
    }
    text
}

fn of_role(text: &mut String, role: Role, outcomes: &[Outcome]) {
    let peers: Vec<&Peer> = PEERS.iter().filter(|peer| peer.role == role).collect();
    // A column that none of them can have is none.
    let checks: Vec<&Check> = CHECKS
        .iter()
        .filter(|check| peers.iter().any(|peer| peer.cannot(check).is_none()))
        .collect();
    let titles: Vec<&str> = checks.iter().map(|check| check.title).collect();
    text.push_str(&format!("| peer | {} |\n", titles.join(" | ")));
    text.push_str(&format!("|---|{}\n", ":-:|".repeat(checks.len())));
    let mut notes: Vec<&str> = Vec::new();
    for peer in peers {
        let cells: Vec<String> = checks
            .iter()
            .map(|check| match peer.cannot(check) {
                None => verdict(outcomes, peer, check).to_owned(),
                Some(why) => {
                    let known = notes.iter().position(|note| *note == why);
                    let at = known.unwrap_or_else(|| {
                        notes.push(why);
                        notes.len() - 1
                    });
                    format!("no ({})", at + 1)
                }
            })
            .collect();
        text.push_str(&format!("| {} | {} |\n", peer.name, cells.join(" | ")));
    }
    text.push('\n');
    for (at, note) in notes.iter().enumerate() {
        text.push_str(&format!("({}) {note}\n\n", at + 1));
    }
}

fn verdict(outcomes: &[Outcome], peer: &Peer, check: &Check) -> &'static str {
    let outcome = outcomes
        .iter()
        .find(|outcome| std::ptr::eq(outcome.peer, peer) && std::ptr::eq(outcome.check, check));
    match outcome {
        Some(Outcome { result: Ok(()), .. }) => "pass",
        Some(Outcome { result: Err(_), .. }) => "**FAIL**",
        None => "**not run**",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECKED_IN: &str = include_str!("../../../conformance/peers.md");

    #[test]
    fn the_table_that_is_checked_in_has_every_cell_and_all_passed() {
        let outcomes: Vec<Outcome> = PEERS
            .iter()
            .flat_map(|peer| {
                CHECKS.iter().map(move |check| Outcome { peer, check, result: Ok(()) })
            })
            .collect();
        let expected = table(&outcomes, &[]);
        assert!(
            CHECKED_IN.starts_with(&expected),
            "run `cargo xtask peers --full`, and mend what fails"
        );
    }
}
