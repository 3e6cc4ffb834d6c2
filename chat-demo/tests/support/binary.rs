//! The program under test.

use std::ffi::OsStr;
use std::process::Command;

/// The program under test.
pub fn chat_demo(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat-demo"));
    command.args(arguments).env_remove("RUST_LOG");
    command
}
