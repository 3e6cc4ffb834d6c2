//! Programs that a test needs and a machine may lack.

use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// Where a program is. When it is missing the test is skipped, loudly; with `CI=true` it fails.
pub fn find(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
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

/// The program under test.
pub fn chat_demo(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat-demo"));
    command.args(arguments).env_remove("RUST_LOG");
    command
}
