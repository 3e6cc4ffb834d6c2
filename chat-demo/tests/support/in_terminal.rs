//! The program `chat` itself, in a terminal of its own.

use std::process::ExitStatus;
use std::sync::Mutex;

use pty_process::{Pty, Size};
use rustix::termios::{LocalModes, tcgetattr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::time::timeout;

use super::PATIENCE;

pub const CHAT: &str = env!("CARGO_BIN_EXE_chat");

/// A terminal is closed on exec only when it has been open for a moment: nobody else is started in between.
static STARTING: Mutex<()> = Mutex::new(());

/// The program in a terminal.
pub struct InTerminal {
    pub pty: Pty,
    pub child: Child,
    pub screen: vt100::Parser,
    pub raw: Vec<u8>,
}

impl InTerminal {
    pub fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let _alone = STARTING.lock();
        let (pty, pts) = pty_process::open().expect("a terminal");
        pty.resize(Size::new(24, 80)).expect("a size");
        let mut command = pty_process::Command::new(CHAT).args(arguments).kill_on_drop(true);
        for name in ["NO_COLOR", "CHAT_NAME", "CHAT_LOGIN", "CHAT_PASSWORD", "CHAT_SESSION", "CHAT_SERVER"] {
            command = command.env_remove(name);
        }
        command = command.env("TERM", "xterm-256color").envs(environment.iter().copied());
        let child = command.spawn(pts).expect("it starts");
        Self { pty, child, screen: vt100::Parser::new(24, 80, 0), raw: Vec::new() }
    }

    pub async fn write(&mut self, text: &str) {
        self.pty.write_all(text.as_bytes()).await.expect("it reads");
    }

    /// Whether the program has shown something more, and not ended.
    pub async fn show(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.pty.read(&mut bytes).await {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.raw.extend_from_slice(&bytes[..count]);
                self.screen.process(&bytes[..count]);
                true
            }
        }
    }

    pub fn text(&self) -> String {
        self.screen.screen().contents()
    }

    pub async fn sees(&mut self, text: &str) {
        let seen = async { while !self.text().contains(text) && self.show().await {} };
        let in_time = timeout(PATIENCE, seen).await.is_ok();
        assert!(in_time && self.text().contains(text), "not seen: {text}\n{}", self.text());
    }

    pub fn signal(&self, name: &str) {
        let process = self.child.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args(["-s", name, &process]).status();
        assert!(sent.expect("kill is everywhere").success());
    }

    /// Whether lines are edited and echoed by the terminal, as a shell has it.
    pub fn is_cooked(&self) -> bool {
        let modes = tcgetattr(&self.pty).expect("a terminal").local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// Waits until the whole process stands still.
    pub async fn stopped(&self) {
        let process =
            rustix::process::Pid::from_raw(self.child.id().expect("it runs").cast_signed()).expect("a number");
        let waiting = tokio::task::spawn_blocking(move || {
            use rustix::process::{WaitId, WaitIdOptions, waitid};
            waitid(WaitId::Pid(process), WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
        });
        let status = timeout(PATIENCE, waiting).await.expect("it stops").expect("no panic").expect("a child");
        assert!(status.is_some_and(|status| status.stopped()), "it is stopped");
    }

    /// How it ends; the terminal is as it was.
    pub async fn ended(&mut self) -> ExitStatus {
        let shown = async { while self.show().await {} };
        timeout(PATIENCE, shown).await.expect("it ends");
        let screen = self.screen.screen();
        assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste(), "{}", self.text());
        assert!(self.is_cooked());
        timeout(PATIENCE, self.child.wait()).await.expect("it ends").expect("a status")
    }
}
