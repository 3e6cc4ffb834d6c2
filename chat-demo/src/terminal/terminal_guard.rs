//! The terminal while the program has it: whatever ends the program, it is given back as it was.

use std::io::{self, IsTerminal, Write, stdin, stdout};
use std::panic;

use crossterm::event::{DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{cursor, execute};
use thiserror::Error;

use super::run::Host;

/// There is no terminal.
#[derive(Debug, Error)]
#[error("this needs a terminal: keyboard and screen must not be redirected")]
pub(crate) struct NoTerminal;

/// The terminal, taken; given back when it is dropped, also by a panic.
#[derive(Debug)]
pub(crate) struct TerminalGuard(());

/// Whether there is a terminal to talk in.
pub(crate) fn is_there() -> Result<(), NoTerminal> {
    if stdin().is_terminal() && stdout().is_terminal() { Ok(()) } else { Err(NoTerminal) }
}

impl TerminalGuard {
    /// Takes the terminal.
    pub(crate) fn take() -> io::Result<Self> {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            // First, so that the message is seen.
            give_back();
            before(panic);
        }));
        enter()?;
        Ok(Self(()))
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        give_back();
    }
}

impl Host for TerminalGuard {
    fn bell(&mut self) {
        // A terminal that cannot ring is no reason to stop.
        let _ = stdout().write_all(b"\x07").and_then(|()| stdout().flush());
    }

    #[cfg(unix)]
    fn suspend(&mut self) -> io::Result<()> {
        use rustix::process::{Signal, getpid, kill_process};
        give_back();
        // The program stands still in here until it is continued.
        kill_process(getpid(), Signal::STOP)?;
        enter()
    }
}

fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange).inspect_err(|_| give_back())
}

fn give_back() {
    // Each by itself: whatever fails, the rest is still to be done.
    let _ = execute!(stdout(), DisableFocusChange, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
    let _ = disable_raw_mode();
}
