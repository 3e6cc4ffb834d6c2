//! The program `chat`: from its arguments to its exit code.

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use clap::Parser;
use crossterm::event::EventStream;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use super::arguments::Arguments;
use super::entrance;
use super::run::run;
use super::signals::Signals;
use super::terminal_guard::{self, TerminalGuard};

/// Added to the number of a signal, as shells do.
const SIGNALLED: u8 = 128;

/// Runs the program `chat` with the arguments of this process; says in one line why it cannot.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match talk(&arguments) {
        Ok(code) => code,
        Err(error) => {
            let mut text = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                text.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            let _ = writeln!(stderr(), "chat: {}", super::text::line(&text));
            ExitCode::FAILURE
        }
    }
}

fn talk(arguments: &Arguments) -> Result<ExitCode, Box<dyn std::error::Error>> {
    terminal_guard::is_there()?;
    // One thread: what this program does is to wait.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let talked = runtime.block_on(async {
        let asked = entrance::ask(arguments)?;
        // From here on a signal ends nothing by itself.
        let signals = Signals::listen()?;
        let (server, room) = tokio::select! {
            entered = entrance::enter(arguments, asked) => entered?,
            ended = signals.end() => return Ok(ended.map(|()| code(&signals))?),
        };
        let mut guard = TerminalGuard::take()?;
        let mut terminal = Terminal::new(CrosstermBackend::new(stdout()))?;
        let talked = run(&mut terminal, &mut guard, EventStream::new(), server, room, signals.stream()).await;
        drop(guard);
        // Whoever was asked to end may have lost the terminal as well.
        if signals.ended_by().is_none() {
            talked?;
        }
        Ok(code(&signals))
    });
    // The thread that reads the keyboard cannot be asked to stop.
    runtime.shutdown_background();
    talked
}

fn code(signals: &Signals) -> ExitCode {
    signals.ended_by().map_or(ExitCode::SUCCESS, |signal| ExitCode::from(SIGNALLED + signal))
}
