//! The program `chat`: from its arguments to its exit code.

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU8, Ordering};

use clap::Parser;
use crossterm::event::EventStream;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use tokio::signal::unix::{SignalKind, signal};

use super::arguments::Arguments;
use super::entrance;
use super::run::run;
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
        let (server, room) = entrance::enter(arguments).await?;
        let ended = AtomicU8::new(0);
        let stop = stopped(&ended)?;
        let mut guard = TerminalGuard::take()?;
        let mut terminal = Terminal::new(CrosstermBackend::new(stdout()))?;
        let talked = run(&mut terminal, &mut guard, EventStream::new(), server, room, stop).await;
        drop(guard);
        talked?;
        Ok(match ended.load(Ordering::Relaxed) {
            0 => ExitCode::SUCCESS,
            signal => ExitCode::from(SIGNALLED + signal),
        })
    });
    // The thread that reads the keyboard cannot be asked to stop.
    runtime.shutdown_background();
    talked
}

/// Done when a signal asks the program to end; its number is left in `ended`.
fn stopped(ended: &AtomicU8) -> std::io::Result<impl Future<Output = ()>> {
    let (mut hangup, mut interrupt) = (signal(SignalKind::hangup())?, signal(SignalKind::interrupt())?);
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        let kind = tokio::select! {
            _ = hangup.recv() => SignalKind::hangup(),
            _ = interrupt.recv() => SignalKind::interrupt(),
            _ = terminate.recv() => SignalKind::terminate(),
        };
        ended.store(u8::try_from(kind.as_raw_value()).unwrap_or_default(), Ordering::Relaxed);
    })
}
