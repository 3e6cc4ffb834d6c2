//! Programs that a test needs and a machine may lack.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// Where a program is. When it is missing the test is skipped, loudly; with `CI=true` it fails.
pub fn find(names: &[&str]) -> Option<PathBuf> {
    find_in(&path(), names)
}

/// The folders that programs are usually in.
pub fn path() -> Vec<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect()
}

/// As [`find`], in these folders.
pub fn find_in(folders: &[PathBuf], names: &[&str]) -> Option<PathBuf> {
    let found =
        names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|file| file.is_file());
    if found.is_none() {
        let message = format!("none of these programs is installed: {}", names.join(", "));
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{message}");
        // Not by `eprintln!`, which a test that passes keeps to itself.
        let _ = writeln!(std::io::stderr(), "\n*** SKIPPED: {message} ***\n");
    }
    found
}

/// Runs a program to its end, and shows what it said if that was not a good one.
pub fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    println!("{}", said(&output.stdout));
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, said(&output.stderr));
}
