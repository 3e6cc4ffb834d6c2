//! The Elixir side: scripts that print what they measured.

use std::path::Path;
use std::process::Command;

use super::results::Results;

/// Runs a script of `benches/elixir/` and notes what it prints: lines of row, contender and value, apart by tabs.
///
/// `contenders` are the names it may use. `false` when Elixir is not installed or the script fails.
pub(crate) fn run_script(results: &mut Results, script: &str, contenders: &[&'static str]) -> bool {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("elixir");
    let output = match Command::new("elixir").arg(script).current_dir(folder).output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!("elixir is left out: {error}");
            return false;
        }
    };
    if !output.status.success() {
        eprintln!("elixir is left out: {script} failed\n{}", String::from_utf8_lossy(&output.stderr));
        return false;
    }
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let mut fields = line.split('\t');
        let (Some(row), Some(name), Some(value)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let contender = contenders.iter().find(|known| **known == name);
        match (contender, value.parse()) {
            (Some(contender), Ok(value)) => results.note(row, contender, value),
            _ => eprintln!("elixir: cannot read `{line}`"),
        }
    }
    true
}
