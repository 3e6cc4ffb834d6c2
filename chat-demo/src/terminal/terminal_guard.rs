//! The terminal while the program has it: whatever ends the program, it is given back as it was.

use std::io::{self, IsTerminal, Write, stdin, stdout};
use std::panic;

use crossterm::event::{DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, is_raw_mode_enabled,
};
use crossterm::{cursor, execute};
use rustix::process::{Signal, getpid, kill_process};
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

    fn suspend(&mut self) -> io::Result<()> {
        give_back();
        stop()?;
        enter()
    }

    fn resume(&mut self) -> io::Result<()> {
        // Whatever the terminal was set to since, that is what it is given back as.
        give_back();
        enter()
    }
}

/// Stops the program, while at most its keyboard is read in another way than the shell does, and goes on as before.
pub(super) fn stand_still() -> io::Result<()> {
    let raw = is_raw_mode_enabled()?;
    disable_raw_mode()?;
    stop()?;
    if raw { enable_raw_mode() } else { Ok(()) }
}

/// Stands still in here until the program is continued.
fn stop() -> io::Result<()> {
    Ok(kill_process(getpid(), Signal::STOP)?)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::stream;
    use ratatui::Terminal;
    use ratatui::backend::CrosstermBackend;
    use rustix::termios::{LocalModes, tcgetattr};
    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::terminal::{Server, run};

    /// Where the program panics: in its loop, or in a thread beside it.
    const PLACES: [&str; 2] = ["in_the_loop", "in_a_thread"];

    /// The program as it is, with a keyboard that panics.
    fn panics(keyboard: impl Fn() -> bool) {
        if is_there().is_err() {
            return;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut guard = TerminalGuard::take().unwrap();
            let mut terminal = Terminal::new(CrosstermBackend::new(stdout())).unwrap();
            let (server, room) = (Server::at("http://127.0.0.1:9").unwrap().0, "ABCD2345".parse().unwrap());
            let mut keys = 0;
            let input = stream::poll_fn(|_| {
                keys += 1;
                if keys > 1 && keyboard() { std::task::Poll::Ready(None) } else { std::task::Poll::Pending }
            });
            let _ = run(&mut terminal, &mut guard, input, server, room, stream::pending()).await;
        });
    }

    #[test]
    #[ignore = "panics, in a terminal of its own that the test below gives it"]
    fn in_the_loop() {
        panics(|| panic!("a fault in the loop"));
    }

    #[test]
    #[ignore = "panics, in a terminal of its own that the test below gives it"]
    fn in_a_thread() {
        panics(|| std::thread::spawn(|| panic!("a fault in a thread")).join().is_err());
    }

    #[tokio::test]
    async fn a_panic_gives_the_terminal_back_and_is_read() {
        for place in PLACES {
            let (mut pty, pts) = pty_process::open().unwrap();
            pty.resize(pty_process::Size::new(24, 80)).unwrap();
            let name = format!("terminal::terminal_guard::tests::{place}");
            let command = pty_process::Command::new(std::env::current_exe().unwrap());
            let command = command.args(["--exact", &name, "--ignored", "--nocapture"]).kill_on_drop(true);
            let mut child = command.env("TERM", "xterm-256color").spawn(pts).unwrap();
            let mut raw = Vec::new();
            let mut bytes = [0; 4096];
            let reading = async {
                while let Ok(count @ 1..) = pty.read(&mut bytes).await {
                    raw.extend_from_slice(&bytes[..count]);
                }
                child.wait().await.unwrap()
            };
            tokio::time::timeout(Duration::from_secs(20), reading).await.expect("it ends");
            let shown = String::from_utf8_lossy(&raw);
            let (before, after) = shown.split_once("\u{1b}[?1049l").expect("the screen is given back");
            assert!(before.contains("\u{1b}[?1049h") && before.contains("Connecting"), "{place}: it was at work");
            assert!(after.contains("a fault in"), "{place}: what is said is said where it is seen: {after}");
            let mut screen = vt100::Parser::new(24, 80, 0);
            screen.process(&raw);
            let screen = screen.screen();
            assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste(), "{place}");
            let modes = tcgetattr(&pty).unwrap().local_modes;
            assert!(modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG), "{place}");
        }
    }
}
