//! The program under test.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::Visitor;

/// The program under test.
pub fn chat_demo(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat-demo"));
    command.args(arguments).env_remove("RUST_LOG");
    command
}

/// The program, running by itself; killed when it is dropped.
pub struct Running {
    pub child: Child,
    pub address: String,
}

impl Running {
    pub fn start(arguments: &[&str]) -> Self {
        Self::spawn(chat_demo(arguments))
    }

    pub fn spawn(command: Command) -> Self {
        Self::spawn_with_log(command, Stdio::inherit())
    }

    /// As [`spawn`](Self::spawn), with the log going there.
    pub fn spawn_with_log(mut command: Command, log: impl Into<Stdio>) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("it starts");
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).expect("a line");
        let address = url.trim().strip_prefix("http://").and_then(|rest| rest.strip_suffix('/')).map(str::to_owned);
        Self { child, address: address.unwrap_or_else(|| panic!("a URL, not {url:?}")) }
    }

    pub fn with_database(path: &Path) -> Self {
        Self::start(&["--port", "0", "--database", path.to_str().unwrap()])
    }

    /// Somebody called `name`, and the code of a room that they have made.
    pub async fn founder(&self, name: &str) -> (Visitor, String) {
        let mut visitor = Visitor::at(&self.address);
        let answer = visitor.post("/rooms", &[("name", name)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        visitor.take_cookie(&answer);
        (visitor, answer.header("location").unwrap().rsplit('/').next().unwrap().to_owned())
    }

    /// Its memory in bytes: what is resident now, and what was at most.
    pub fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the process runs");
        let bytes = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
            line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
        };
        (bytes("VmRSS:"), bytes("VmHWM:"))
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill is everywhere").success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
