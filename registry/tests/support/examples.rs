//! Runs the examples of a crate, and compares what they print with what their headers say.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// All examples of the crate in this directory, as they were built with the test that calls this.
///
/// # Panics
///
/// When one of them fails, prints something else, or has no such header.
pub(crate) fn check_all(package: &str, directory: &str) {
    let sources = fs::read_dir(Path::new(directory).join("examples")).expect("the crate has examples");
    let mut wrong = Vec::new();
    let mut examples = 0;
    for source in sources.map(|entry| entry.expect("it can be read").path()) {
        examples += 1;
        if let Err(problem) = check(package, &source) {
            wrong.push(format!("{}: {problem}", source.display()));
        }
    }
    assert!(examples >= 5, "only {examples} examples in {directory}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn check(package: &str, source: &Path) -> Result<(), String> {
    let name = source.file_stem().and_then(|name| name.to_str()).ok_or("its name is no text")?;
    let text = fs::read_to_string(source).map_err(|error| error.to_string())?;
    let header: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim_end).collect();
    let command = format!(" cargo run -p {package} --example {name}");
    if !header.iter().any(|line| *line == command || line.strip_suffix(" 2>/dev/null") == Some(&command)) {
        return Err(format!("its header does not say how to run it:{command}"));
    }
    let said: Vec<String> = header
        .iter()
        .skip_while(|line| **line != " ```text")
        .skip(1)
        .take_while(|line| **line != " ```")
        .map(|line| without_sizes(line.strip_prefix(' ').unwrap_or(line)))
        .collect();

    let tests = std::env::current_exe().map_err(|error| error.to_string())?;
    let program = tests.ancestors().nth(2).ok_or("the test is not in a target directory")?.join("examples").join(name);
    if !is_newer(&program, source) {
        return Err(format!(
            "not built since it was changed: `cargo build -p {package} --examples`, as `cargo test` does"
        ));
    }
    let run = Command::new(program).stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let printed = String::from_utf8_lossy(&run.stdout);
    let printed: Vec<String> = printed.lines().map(|line| without_sizes(line.trim_end())).collect();
    if !run.status.success() {
        return Err(format!("it ended with {}:\n{}", run.status, String::from_utf8_lossy(&run.stderr)));
    }
    if printed != said {
        return Err(format!("it prints\n\n{}\n\nand its header says\n\n{}", printed.join("\n"), said.join("\n")));
    }
    Ok(())
}

fn is_newer(program: &Path, source: &Path) -> bool {
    let changed = |path| fs::metadata(path).and_then(|file| file.modified()).ok();
    changed(program) >= changed(source)
}

/// Sizes in bytes depend on the compiler: `1432 B` becomes `… B`.
fn without_sizes(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let is_size = |at: usize| words.get(at + 1) == Some(&"B") && words[at].parse::<usize>().is_ok();
    let words: Vec<&str> = (0..words.len()).map(|at| if is_size(at) { "…" } else { words[at] }).collect();
    words.join(" ")
}
