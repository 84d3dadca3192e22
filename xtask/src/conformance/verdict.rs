//! The gate: which results of the suite we accept.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;

/// Cases that have no right answer: the suite only notes what it saw.
const INFORMATIONAL: &[&str] = &["7.1.6", "7.13.1", "7.13.2"];

/// The results of one role.
pub(crate) struct Verdict {
    /// `server` or `client`.
    pub(crate) role: &'static str,
    /// All results, in the order of their numbers.
    pub(crate) cases: BTreeMap<CaseId, Case>,
    expected: usize,
}

/// The number of a case, `6.22.3`, ordered as numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CaseId(Vec<u32>);

/// What the suite says about a case.
pub(crate) struct Case {
    /// During the case: `OK`, `NON-STRICT`, `INFORMATIONAL`, `UNIMPLEMENTED`, `FAILED`, …
    pub(crate) behavior: String,
    /// About the closing handshake: `OK`, `INFORMATIONAL`, `UNCLEAN`, `WRONG CODE`, `FAILED`, …
    pub(crate) close: String,
    /// Where the suite's own report is.
    report: String,
}

impl Verdict {
    /// Reads the suite's index, which must have exactly one agent.
    pub(crate) fn read(role: &'static str, index: &Path, expected: usize) -> anyhow::Result<Self> {
        let text = fs::read_to_string(index)
            .with_context(|| format!("{role}: the suite left no {}", index.display()))?;
        Self::parse(role, &text, expected).with_context(|| index.display().to_string())
    }

    fn parse(role: &'static str, index: &str, expected: usize) -> anyhow::Result<Self> {
        let index: Value = serde_json::from_str(index)?;
        let agents = index.as_object().context("not an object")?;
        let Some((results, 1)) = agents.values().next().map(|first| (first, agents.len())) else {
            bail!("{} agents instead of one", agents.len());
        };
        let mut cases = BTreeMap::new();
        for (id, result) in results.as_object().context("results are not an object")? {
            let text = |key: &str| -> anyhow::Result<String> {
                let value = result[key].as_str();
                Ok(value.with_context(|| format!("case {id} has no `{key}`"))?.to_owned())
            };
            let case = Case {
                behavior: text("behavior")?,
                close: text("behaviorClose")?,
                report: text("reportfile")?,
            };
            cases.insert(CaseId::parse(id)?, case);
        }
        Ok(Self { role, cases, expected })
    }

    /// How many cases have a result.
    pub(crate) fn len(&self) -> usize {
        self.cases.len()
    }

    /// How many cases of the set have none.
    pub(crate) fn missing(&self) -> usize {
        self.expected.saturating_sub(self.len())
    }

    /// How many cases have a result that is not accepted.
    pub(crate) fn refused(&self) -> usize {
        self.cases.iter().filter(|(id, case)| !case.is_accepted(id)).count()
    }

    /// `server: 517 cases, 0 failed, 0 non-strict, 0 unimplemented`
    pub(crate) fn summary(&self) -> String {
        let is = |case: &Case, what| case.behavior == what || case.close == what;
        let count = |what| self.cases.values().filter(|case| is(case, what)).count();
        let failed = self
            .cases
            .iter()
            .filter(|(id, case)| {
                !case.is_accepted(id) && !is(case, "NON-STRICT") && !is(case, "UNIMPLEMENTED")
            })
            .count();
        format!(
            "{}: {} cases, {failed} failed, {} non-strict, {} unimplemented",
            self.role,
            self.len(),
            count("NON-STRICT"),
            count("UNIMPLEMENTED"),
        )
    }

    /// A line for each reason why this is not a pass.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let role = self.role;
        let mut lines: Vec<String> = self
            .cases
            .iter()
            .filter(|(id, case)| !case.is_accepted(id))
            .map(|(id, case)| {
                let Case { behavior, close, report } = case;
                format!("{role}: case {id}: {behavior}, close {close} ({report})")
            })
            .collect();
        if self.len() != self.expected {
            lines.push(format!("{role}: {} cases instead of {}", self.len(), self.expected));
        }
        lines
    }
}

impl Case {
    /// Strict: what the suite calls NON-STRICT failed too late, and UNIMPLEMENTED means that
    /// compression was not negotiated.
    pub(crate) fn is_accepted(&self, id: &CaseId) -> bool {
        let behavior = match self.behavior.as_str() {
            "OK" => true,
            "INFORMATIONAL" => INFORMATIONAL.contains(&id.to_string().as_str()),
            _ => false,
        };
        behavior && matches!(self.close.as_str(), "OK" | "INFORMATIONAL")
    }

    /// Nothing at all to remark.
    pub(crate) fn is_ok(&self) -> bool {
        self.behavior == "OK" && self.close == "OK"
    }
}

impl CaseId {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let numbers = text.split('.').map(str::parse).collect::<Result<Vec<u32>, _>>();
        Ok(Self(numbers.with_context(|| format!("`{text}` is not the number of a case"))?))
    }

    /// The first number, and for the many compressed cases the second too.
    pub(crate) fn group(&self) -> Self {
        let length = if self.0[0] >= 12 { 2 } else { 1 };
        Self(self.0.iter().copied().take(length).collect())
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An index as the suite writes it.
    pub(crate) fn verdict(results: &[(&str, &str, &str)], expected: usize) -> Verdict {
        let cases: serde_json::Map<String, Value> = results
            .iter()
            .map(|(id, behavior, close)| {
                let result = serde_json::json!({
                    "behavior": behavior, "behaviorClose": close, "duration": 2,
                    "remoteCloseCode": 1000, "reportfile": format!("everwire_case_{id}.json"),
                });
                ((*id).to_owned(), result)
            })
            .collect();
        let index = serde_json::json!({ "everwire": cases }).to_string();
        Verdict::parse("server", &index, expected).unwrap()
    }

    #[test]
    fn all_ok_is_accepted() {
        let verdict = verdict(&[("1.1.1", "OK", "OK"), ("7.1.6", "INFORMATIONAL", "OK")], 2);
        assert_eq!(verdict.complaints(), Vec::<String>::new());
        assert_eq!(verdict.summary(), "server: 2 cases, 0 failed, 0 non-strict, 0 unimplemented");
    }

    #[test]
    fn anything_less_than_ok_is_refused_by_name() {
        let verdict = verdict(
            &[
                ("3.2", "NON-STRICT", "OK"),
                ("5.15", "FAILED", "OK"),
                ("7.1.1", "OK", "UNCLEAN"),
                ("7.1.2", "OK", "WRONG CODE"),
                ("12.1.1", "UNIMPLEMENTED", "OK"),
                ("2.1", "INFORMATIONAL", "OK"),
                ("2.2", "OK", "INFORMATIONAL"),
            ],
            7,
        );
        assert_eq!(verdict.refused(), 6);
        assert_eq!(verdict.summary(), "server: 7 cases, 4 failed, 1 non-strict, 1 unimplemented");
        assert_eq!(
            verdict.complaints()[0],
            "server: case 2.1: INFORMATIONAL, close OK (everwire_case_2.1.json)"
        );
    }

    #[test]
    fn a_case_that_did_not_run_is_missed() {
        let verdict = verdict(&[("1.1.1", "OK", "OK")], 2);
        assert_eq!(verdict.missing(), 1);
        assert_eq!(verdict.complaints(), ["server: 1 cases instead of 2"]);
    }

    #[test]
    fn cases_are_ordered_as_numbers() {
        let id = |text| CaseId::parse(text).unwrap();
        assert!(id("6.4.1") < id("6.22.1") && id("9.1.1") < id("10.1.1"));
        assert_eq!(id("13.4.18").group().to_string(), "13.4");
        assert_eq!(id("6.22.1").group().to_string(), "6");
    }

    #[test]
    fn an_index_of_two_agents_or_none_is_an_error() {
        assert!(Verdict::parse("client", "{}", 1).is_err());
        assert!(Verdict::parse("client", r#"{"a":{},"b":{}}"#, 1).is_err());
    }
}
