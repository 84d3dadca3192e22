//! Bars as SVG, readable on light and on dark pages.

use std::fmt::Write as _;

use super::Measured;
use super::report::{digits, value};
use super::rows::{ROWS, Row};
use super::servers::{Candidate, FLOOR, OURS};

/// A file and the rows that it shows, under each other.
const PLOTS: &[(&str, &[&str])] = &[
    ("echo.svg", &["echo-20", "echo-20-pipelined", "echo-64k"]),
    ("fan-out.svg", &["fanout-1000", "fanout-1000-16"]),
    ("memory.svg", &["idle", "idle-deflate", "idle-tls"]),
    ("deflate-tls.svg", &["deflate-300", "deflate-16k", "tls-20", "tls-16k"]),
];

/// Sizes in the unit of the picture.
const WIDTH: f64 = 760.0;
const NAMES: f64 = 150.0;
const NUMBERS: f64 = 80.0;
const LINE: f64 = 22.0;
const BAR: f64 = 14.0;
const TITLE: f64 = 40.0;

const STYLE: &str = "\
text{font:13px system-ui,sans-serif;fill:#24292f}\
.title{font-weight:600}.ours{fill:#0969da}.floor{fill:#8c959f}.rival{fill:#c4a35a}\
@media(prefers-color-scheme:dark){text{fill:#d1d7e0}.ours{fill:#4493f8}.floor{fill:#656c76}\
.rival{fill:#a07c2c}}";

/// All plots of which there is something to show: file and text.
pub(super) fn all(candidates: &[Candidate], measured: &Measured) -> Vec<(&'static str, String)> {
    let names: Vec<&str> = candidates.iter().map(|server| server.name.as_str()).collect();
    let plot = |(file, rows): &(&'static str, &[&str])| {
        let panels: Vec<Panel> = ROWS
            .iter()
            .filter(|row| rows.contains(&row.name))
            .map(|row| Panel::new(row, &names, measured))
            .filter(|panel| !panel.bars.is_empty())
            .collect();
        (!panels.is_empty()).then(|| (*file, svg(&panels)))
    };
    PLOTS.iter().filter_map(plot).collect()
}

/// A title and a bar for each server, the least first.
struct Panel {
    title: String,
    bars: Vec<(String, f64)>,
}

impl Panel {
    fn new(row: &Row, names: &[&str], measured: &Measured) -> Self {
        let mut bars: Vec<(String, f64)> = names
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), value(row, name, measured)?)))
            .collect();
        bars.sort_by(|(_, left), (_, right)| left.total_cmp(right));
        Self { title: format!("{} ({})", row.about, row.kind.heading()), bars }
    }
}

fn svg(panels: &[Panel]) -> String {
    let height: f64 =
        panels.iter().map(|panel| TITLE + LINE * panel.bars.len() as f64).sum::<f64>() + 10.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <style>{STYLE}</style>\n"
    );
    let mut top = 0.0;
    for panel in panels {
        let _ = writeln!(
            text,
            "<text class=\"title\" x=\"4\" y=\"{}\">{}</text>",
            top + 26.0,
            escaped(&panel.title)
        );
        top += TITLE;
        let most = panel.bars.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
        for (name, value) in &panel.bars {
            let class = match name.as_str() {
                OURS => "ours",
                FLOOR => "floor",
                _ => "rival",
            };
            let length = (value / most * (WIDTH - NAMES - NUMBERS)).max(1.0);
            let baseline = top + 12.0;
            let _ = writeln!(
                text,
                "<text x=\"{}\" y=\"{baseline}\" text-anchor=\"end\">{}</text>\
                 <rect class=\"{class}\" x=\"{NAMES}\" y=\"{top}\" width=\"{length:.1}\" \
                 height=\"{BAR}\" rx=\"2\"/><text x=\"{:.1}\" y=\"{baseline}\">{}</text>",
                NAMES - 8.0,
                escaped(name),
                NAMES + length + 6.0,
                digits(*value),
            );
            top += LINE;
        }
    }
    text.push_str("</svg>\n");
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::rows;

    #[test]
    fn every_plot_shows_rows_that_there_are() {
        for (_, names) in PLOTS {
            assert!(names.iter().all(|name| rows::find(name).is_ok()), "{names:?}");
        }
    }

    #[test]
    fn the_longest_bar_fits_and_others_are_in_proportion() {
        let panel = Panel {
            title: "a < b".to_owned(),
            bars: vec![("everwire".to_owned(), 1.0), ("ws".to_owned(), 4.0)],
        };
        let text = svg(&[panel]);
        assert!(text.contains("a &lt; b"));
        assert!(text.contains("class=\"ours\" x=\"150\" y=\"40\" width=\"132.5\""), "{text}");
        assert!(text.contains("class=\"rival\" x=\"150\" y=\"62\" width=\"530.0\""), "{text}");
    }
}
