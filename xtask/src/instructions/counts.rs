//! The file with the figures: a line for each scenario, comments that give reasons.

use std::fmt::Write as _;

use anyhow::{Context, bail, ensure};

/// What a scenario is expected to take.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    pub(super) name: String,
    /// Instructions for one piece of work.
    pub(super) instructions: f64,
    /// How far a count may be from that, in percent of it.
    pub(super) tolerance: f64,
}

/// The file. What is not a figure is kept as it is written.
#[derive(Debug)]
pub(super) struct Counts {
    /// `rustc --version` of those who counted.
    pub(super) compiler: String,
    lines: Vec<Line>,
}

#[derive(Debug)]
enum Line {
    /// A comment, or nothing.
    Prose(String),
    Compiler,
    Figure(Figure),
}

const COMPILER: &str = "compiler:";

impl Counts {
    /// Reads `NAME INSTRUCTIONS ±TOLERANCE %` in each line that is neither empty nor a comment, and
    /// the line that names the compiler.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let mut compiler = None;
        let mut lines = Vec::new();
        for line in text.lines() {
            lines.push(if let Some(name) = line.strip_prefix(COMPILER) {
                compiler = Some(name.trim().to_owned());
                Line::Compiler
            } else if line.is_empty() || line.starts_with('#') {
                Line::Prose(line.to_owned())
            } else {
                Line::Figure(Figure::parse(line).with_context(|| format!("`{line}`"))?)
            });
        }
        let compiler = compiler.context("no line names the compiler")?;
        let counts = Self { compiler, lines };
        ensure!(!counts.figures().is_empty(), "no figures");
        Ok(counts)
    }

    pub(super) fn figures(&self) -> Vec<Figure> {
        let figures = self.lines.iter().filter_map(|line| match line {
            Line::Figure(figure) => Some(figure.clone()),
            _ => None,
        });
        figures.collect()
    }

    pub(super) fn figure(&self, name: &str) -> Option<Figure> {
        self.figures().into_iter().find(|figure| figure.name == name)
    }

    /// Puts a figure in the place of the one with its name.
    pub(super) fn accept(&mut self, new: &Figure) {
        for line in &mut self.lines {
            if let Line::Figure(figure) = line
                && figure.name == new.name
            {
                *figure = new.clone();
            }
        }
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            let _ = match line {
                Line::Prose(prose) => writeln!(text, "{prose}"),
                Line::Compiler => writeln!(text, "{COMPILER} {}", self.compiler),
                Line::Figure(Figure { name, instructions, tolerance }) => {
                    writeln!(text, "{name:<20}{instructions:>8} ±{tolerance} %")
                }
            };
        }
        text
    }
}

impl Figure {
    fn parse(line: &str) -> anyhow::Result<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, instructions, tolerance, "%"] = words[..] else {
            bail!("not NAME INSTRUCTIONS ±TOLERANCE %")
        };
        let tolerance = tolerance.strip_prefix('±').context("no ± before the tolerance")?;
        Ok(Self {
            name: name.to_owned(),
            instructions: instructions.parse()?,
            tolerance: tolerance.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# Why.
compiler: rustc 1.95.0

decode-14                 72 ±3 %
# It waits for the clock.
open-close             21900 ±5 %
";

    #[test]
    fn what_is_read_is_written_again() {
        let counts = Counts::parse(TEXT).unwrap();
        assert_eq!(counts.compiler, "rustc 1.95.0");
        assert_eq!(counts.figures().len(), 2);
        assert_eq!(counts.text(), TEXT);
    }

    #[test]
    fn an_accepted_figure_changes_its_line_and_no_other() {
        let mut counts = Counts::parse(TEXT).unwrap();
        let new = Figure { instructions: 99.0, ..counts.figure("decode-14").unwrap() };
        counts.accept(&new);
        assert_eq!(counts.text(), TEXT.replace(" 72 ", " 99 "));
    }

    #[test]
    fn a_line_that_is_no_figure_is_refused() {
        for line in ["decode-14 72", "decode-14 many ±3 %", "decode-14 72 3 %"] {
            assert!(Counts::parse(&format!("compiler: x\n{line}\n")).is_err(), "{line}");
        }
        assert!(Counts::parse("decode-14 72 ±3 %\n").is_err(), "no compiler");
        assert!(Counts::parse("compiler: x\n").is_err(), "no figures");
    }
}
