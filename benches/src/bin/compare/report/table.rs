//! Tables of what was measured, and of what came of the gates.

use std::fmt::Write;

use super::gates::Verdict;
use crate::harness::Results;

/// A table for each row: contenders, and how many times the time of the first one each of them takes.
pub(super) fn rows(results: &Results) -> String {
    let mut out = String::new();
    let mut group = String::new();
    for (row, contenders) in results.rows() {
        let (unit, digits) = unit(row);
        let heading = row.split_once(" n=").map_or(row, |(heading, _)| heading).to_owned();
        if heading != group {
            let _ = write!(out, "\n### {heading}\n");
            let _ = writeln!(
                out,
                "\n| | contender | lower quartile, {unit} | median | of the first | allocations | rounds |"
            );
            let _ = writeln!(out, "|---|---|--:|--:|--:|--:|--:|");
            group = heading;
        }
        let variant = row.strip_prefix(group.as_str()).unwrap_or_default().trim();
        for name in &contenders {
            let Some(figure) = results.figure(row, name) else { continue };
            let ratio = results.ratio(row, name, contenders[0]).map_or_else(String::new, |ratio| format!("{ratio:.2}"));
            let allocations = figure.allocations.map_or_else(String::new, |count| format!("{count:.1}"));
            let _ = writeln!(
                out,
                "| {variant} | {name} | {:.digits$} | {:.digits$} | {ratio} | {allocations} | {} |",
                figure.lower_quartile, figure.median, figure.rounds
            );
        }
    }
    out
}

pub(super) fn verdicts(verdicts: &[Verdict]) -> String {
    let mut out = String::from("| gate | measured | |\n|---|--:|---|\n");
    for verdict in verdicts {
        let measured = verdict.measured.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"));
        let word = match verdict.measured {
            None => "not measured",
            Some(_) if verdict.holds => "holds",
            Some(_) => "**fails**",
        };
        let _ = writeln!(out, "| {} | {measured} | {word} |", verdict.claim);
    }
    out
}

fn unit(row: &str) -> (&'static str, usize) {
    if row.starts_with("bytes") || row.starts_with("empty") {
        ("bytes", 0)
    } else if row.starts_with("stop") && row.ends_with("s") {
        ("ms", 1)
    } else {
        ("ns", 1)
    }
}
