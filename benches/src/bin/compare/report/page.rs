//! The report of a session, and the page of the documentation that keeps one.

use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

use super::gates::Verdict;
use super::table;
use crate::harness::{Results, describe};

/// Machine, verdicts and figures.
pub(crate) fn text(results: &Results, verdicts: &[Verdict], loads: &[String], passes: usize) -> String {
    let mut out = String::from("## Machine\n\n");
    for line in describe() {
        let _ = writeln!(out, "- {line}");
    }
    let _ = writeln!(out, "- load average (1 min) before, between and after the passes: {}", loads.join(", "));
    let _ = writeln!(out, "- passes: {passes}");
    let held = verdicts.iter().filter(|verdict| verdict.holds).count();
    let _ = write!(out, "\n## Gates\n\n{held} of {} hold.\n\n{}", verdicts.len(), table::verdicts(verdicts));
    let _ = write!(out, "\n## Figures\n{}", table::rows(results));
    out
}

const BEGIN: &str = "<!-- measured: written by `cargo compare --write` -->\n";
const END: &str = "<!-- end of what was measured -->";

/// Puts the report into `docs/benchmarks.md`, between its two marks.
pub(crate) fn write(results: &Results, verdicts: &[Verdict], loads: &[String], passes: usize) -> io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/benchmarks.md");
    let page = fs::read_to_string(&path)?;
    let (Some(begin), Some(end)) = (page.find(BEGIN), page.find(END)) else {
        return Err(io::Error::other("docs/benchmarks.md lacks the marks that the tables go between"));
    };
    let report = text(results, verdicts, loads, passes);
    fs::write(path, format!("{}{report}{}", &page[..begin + BEGIN.len()], &page[end..]))
}
