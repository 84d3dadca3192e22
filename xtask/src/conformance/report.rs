//! The readable table of results.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Set;
use super::verdict::{CaseId, Verdict};
use crate::autobahn;

/// What a group of cases is about.
const GROUPS: &[(&str, &str)] = &[
    ("1", "text and binary messages of all sizes"),
    ("2", "pings and pongs"),
    ("3", "reserved bits"),
    ("4", "reserved opcodes"),
    ("5", "fragments"),
    ("6", "UTF-8, valid and not"),
    ("7", "closing handshake and close codes"),
    ("9", "messages up to 16 MiB, many fragments, slow writes, many messages"),
    ("10", "sizes of our own fragments"),
    ("12.1", "compressed: JSON"),
    ("12.2", "compressed: a bitmap"),
    ("12.3", "compressed: prose"),
    ("12.4", "compressed: HTML"),
    ("12.5", "compressed: a PDF"),
    ("13.1", "peer asks for plain `permessage-deflate`"),
    ("13.2", "… without context takeover"),
    ("13.3", "… with a window of 9 bits"),
    ("13.4", "… with a window of 15 bits"),
    ("13.5", "… of 9 bits without context takeover"),
    ("13.6", "… of 15 bits without context takeover"),
    ("13.7", "… with several offers in order of preference"),
];

/// Cases, and those that are OK, INFORMATIONAL or refused.
#[derive(Default, Clone, Copy)]
struct Counts {
    ok: usize,
    informational: usize,
    refused: usize,
}

/// Both roles side by side, group by group, then every case that is not plainly OK.
pub(crate) fn table(set: &Set, verdicts: &[Verdict]) -> String {
    let mut groups: BTreeMap<CaseId, BTreeMap<&str, Counts>> = BTreeMap::new();
    let mut remarks = String::new();
    for verdict in verdicts {
        for (id, case) in &verdict.cases {
            let counts = groups.entry(id.group()).or_default().entry(verdict.role).or_default();
            if case.is_ok() {
                counts.ok += 1;
                continue;
            }
            let word = if case.is_accepted(id) {
                counts.informational += 1;
                "accepted"
            } else {
                counts.refused += 1;
                "**refused**"
            };
            let (role, behavior, close) = (verdict.role, &case.behavior, &case.close);
            // Writing to a string cannot fail.
            let _ = writeln!(remarks, "| {id} | {role} | {behavior} | {close} | {word} |");
        }
    }

    let mut text = format!(
        "# Conformance\n\n\
         Everwire against the Autobahn test suite {}, written by `cargo xtask conformance{}`.\n\n\
         - Set: {}, {}.\n\
         - Server: `everwire serve` at `/echo`. Client: the example `autobahn_client`.\n\
         - Limits: those they ship with.\n\n",
        autobahn::VERSION,
        if set.name == "full" { " --full" } else { "" },
        set.name,
        set.about,
    );
    text.push_str("```text\n");
    for verdict in verdicts {
        let _ = writeln!(text, "{}", verdict.summary());
    }
    text.push_str("```\n\n## By group\n\n");
    let roles: Vec<&str> = verdicts.iter().map(|verdict| verdict.role).collect();
    let _ = writeln!(text, "| group | about | {} |", roles.join(" | "));
    let _ = writeln!(text, "|---|---|{}", "---|".repeat(roles.len()));
    let mut totals: BTreeMap<&str, Counts> = BTreeMap::new();
    for (group, by_role) in &groups {
        let cells = roles.iter().map(|role| {
            let counts = by_role.get(role).copied().unwrap_or_default();
            totals.entry(role).or_default().add(counts);
            counts.cell()
        });
        let cells = cells.collect::<Vec<_>>().join(" | ");
        let _ = writeln!(text, "| {group} | {} | {cells} |", about(group));
    }
    let cells = roles.iter().map(|role| totals.get(role).copied().unwrap_or_default().cell());
    let _ = writeln!(text, "| all | | {} |", cells.collect::<Vec<_>>().join(" | "));

    text.push_str(
        "\n## Cases with a remark\n\n\
         INFORMATIONAL is the suite's word for a case without a right answer: 7.1.6 sends a large\n\
         message and a close frame at once, 7.13.1 and 7.13.2 send close codes out of every\n\
         range. Everything else has to be OK.\n\n\
         | case | role | behaviour | close | |\n|---|---|---|---|---|\n",
    );
    text.push_str(if remarks.is_empty() { "| none | | | | |\n" } else { &remarks });
    text
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.ok += other.ok;
        self.informational += other.informational;
        self.refused += other.refused;
    }

    /// `54 OK`, `34 OK, 3 informational`, `50 of 54 OK`
    fn cell(self) -> String {
        let Self { ok, informational, refused } = self;
        let all = ok + informational + refused;
        match (informational, refused) {
            (0, 0) => format!("{ok} OK"),
            (_, 0) => format!("{ok} OK, {informational} informational"),
            (0, _) => format!("**{ok} of {all} OK**"),
            _ => format!("**{ok} of {all} OK**, {informational} informational"),
        }
    }
}

fn about(group: &CaseId) -> &'static str {
    let group = group.to_string();
    GROUPS.iter().find(|(number, _)| *number == group).map_or("", |(_, about)| about)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::verdict::tests::verdict;

    #[test]
    fn the_table_has_groups_and_remarks() {
        let set = Set {
            name: "full",
            about: "every case there is".into(),
            count: 3,
            cases: Vec::<u8>::new().into(),
        };
        let verdict = verdict(
            &[("1.1.1", "OK", "OK"), ("7.1.6", "INFORMATIONAL", "OK"), ("9.1.1", "FAILED", "OK")],
            3,
        );
        let text = table(&set, &[verdict]);
        assert!(text.contains("server: 3 cases, 1 failed, 0 non-strict, 0 unimplemented"));
        assert!(text.contains("| 1 | text and binary messages of all sizes | 1 OK |"));
        assert!(text.contains("| 7.1.6 | server | INFORMATIONAL | OK | accepted |"));
        assert!(text.contains("| 9.1.1 | server | FAILED | OK | **refused** |"));
        assert!(text.contains("**0 of 1 OK**"));
        assert!(text.contains("| all | | **1 of 3 OK**, 1 informational |"));
    }
}
