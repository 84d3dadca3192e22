//! A count beside its figure.

use super::counts::Figure;

/// What a count says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As expected, within the tolerance.
    AsBefore,
    /// Too many: a failure.
    More,
    /// So few that the figure would not notice if they came back.
    Fewer,
}

impl Verdict {
    pub(super) fn of(figure: &Figure, counted: f64) -> Self {
        let change = change(figure, counted);
        match () {
            () if change > figure.tolerance => Self::More,
            () if change < -figure.tolerance => Self::Fewer,
            () => Self::AsBefore,
        }
    }

    pub(super) fn is_good(self) -> bool {
        self != Self::More
    }

    pub(super) fn sentence(self, figure: &Figure, counted: f64) -> String {
        let Figure { name, instructions, tolerance } = figure;
        let start = format!("{name}: {counted:.1} instructions, {instructions} before");
        let change = change(figure, counted);
        let accept = format!("cargo xtask instructions --accept {name}");
        match self {
            Self::AsBefore => format!("{start} ({change:+.1} %)"),
            Self::More => format!(
                "{start}: {change:+.1} %, and {tolerance} % is the most. If the work is worth it, \
                 accept the new figure with `{accept}` and say why in the commit"
            ),
            Self::Fewer => format!(
                "{start}: {change:+.1} %. Good; keep it so with `{accept}`, or what was won can be \
                 lost again unnoticed"
            ),
        }
    }
}

/// What is said of a count that becomes the figure.
pub(super) fn accepted(figure: &Figure, counted: f64) -> String {
    format!("{}: {counted:.0} instructions accepted, {} before", figure.name, figure.instructions)
}

/// In percent of the figure.
fn change(figure: &Figure, counted: f64) -> f64 {
    (counted / figure.instructions - 1.0) * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure() -> Figure {
        Figure { name: "decode-14".to_owned(), instructions: 200.0, tolerance: 3.0 }
    }

    #[test]
    fn only_more_than_the_tolerance_fails() {
        let verdict = |counted| Verdict::of(&figure(), counted);
        assert_eq!(verdict(200.0), Verdict::AsBefore);
        assert_eq!(verdict(205.9), Verdict::AsBefore);
        assert_eq!(verdict(206.1), Verdict::More);
        assert_eq!(verdict(194.1), Verdict::AsBefore);
        assert_eq!(verdict(193.9), Verdict::Fewer);
        assert!(verdict(150.0).is_good());
        assert!(!verdict(250.0).is_good());
    }

    #[test]
    fn a_failure_names_the_scenario_both_counts_and_what_to_do() {
        let sentence = Verdict::More.sentence(&figure(), 250.0);
        for part in ["decode-14: 250.0", "200 before", "+25.0 %", "instructions --accept decode-14"]
        {
            assert!(sentence.contains(part), "no `{part}` in: {sentence}");
        }
    }
}
