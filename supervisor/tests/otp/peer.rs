//! The Erlang process on the other end of two pipes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::scenario::Scenario;

pub(crate) struct Peer {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// `None` when there is no Erlang on this machine.
    pub(crate) fn start() -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/otp/otp.escript");
        let spawned = Command::new("escript").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = match spawned {
            Ok(process) => process,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => panic!("escript cannot be run: {error}"),
        };
        let input = process.stdin.take().expect("it is piped");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        Some(Self { process, input, output })
    }

    /// The observations of the start, of each step and of the stop.
    pub(crate) fn run(&mut self, scenario: &Scenario) -> Vec<String> {
        writeln!(self.input, "{scenario}").and_then(|()| self.input.flush()).expect("escript reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("escript answers");
        assert!(line.ends_with('\n') && !line.starts_with("wrong"), "escript gave up with {line:?} on\n{scenario}");
        line.trim_end_matches('\n').split(';').map(str::to_owned).collect()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It is in the middle of nothing: a signal ends it at once.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
