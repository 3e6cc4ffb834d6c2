//! The program `chat` itself, in a terminal of its own.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Mutex;

use pty_process::{Pty, Size};
use rustix::termios::{LocalModes, tcgetattr};
use support::{PATIENCE, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::time::timeout;

const CHAT: &str = env!("CARGO_BIN_EXE_chat");

/// A terminal is closed on exec only when it has been open for a moment: nobody else is started in between.
static STARTING: Mutex<()> = Mutex::new(());

/// The program in a terminal.
struct InTerminal {
    pty: Pty,
    child: Child,
    screen: vt100::Parser,
    raw: Vec<u8>,
}

impl InTerminal {
    fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
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

    async fn write(&mut self, text: &str) {
        self.pty.write_all(text.as_bytes()).await.expect("it reads");
    }

    /// Whether the program has shown something more, and not ended.
    async fn show(&mut self) -> bool {
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

    fn text(&self) -> String {
        self.screen.screen().contents()
    }

    async fn sees(&mut self, text: &str) {
        let seen = async { while !self.text().contains(text) && self.show().await {} };
        let in_time = timeout(PATIENCE, seen).await.is_ok();
        assert!(in_time && self.text().contains(text), "not seen: {text}\n{}", self.text());
    }

    fn signal(&self, name: &str) {
        let process = self.child.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args(["-s", name, &process]).status();
        assert!(sent.expect("kill is everywhere").success());
    }

    /// Whether lines are edited and echoed by the terminal, as a shell has it.
    fn is_cooked(&self) -> bool {
        let modes = tcgetattr(&self.pty).expect("a terminal").local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// Waits until the whole process stands still.
    async fn stopped(&self) {
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
    async fn ended(&mut self) -> ExitStatus {
        let shown = async { while self.show().await {} };
        timeout(PATIENCE, shown).await.expect("it ends");
        let screen = self.screen.screen();
        assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste(), "{}", self.text());
        assert!(self.is_cooked());
        timeout(PATIENCE, self.child.wait()).await.expect("it ends").expect("a status")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_types_a_line_and_another_client_hears_it() {
    let server = Server::start().await;
    let (founder, code) = server.founder("Founder").await;
    let mut socket = founder.join(&code, 0).await;
    let address = format!("http://{}/rooms/{code}", server.address());
    let mut chat = InTerminal::start(&[&address], &[]);
    chat.sees("Your name: ").await;
    chat.write("Ada\r").await;
    chat.sees("Connected").await;
    // As a terminal that knows pastes sends them: the line break in it sends nothing.
    chat.write("\u{1b}[200~pasted\r\n\u{1b}[201~and typed").await;
    chat.sees("and typed").await;
    chat.write("\r").await;
    let heard = socket.next_of("message").await;
    assert_eq!((&heard["body"], &heard["author"]["name"]), (&"pasted\nand typed".into(), &"Ada".into()));
    socket.post("line-0001", "\u{1b}[31mwelcome @Ada").await;
    chat.sees("[31mwelcome @Ada").await;
    assert!(chat.raw.windows(3).any(|bytes| bytes == b"\x1b[3"), "in colours");
    chat.write("\u{3}").await;
    assert_eq!(chat.ended().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_it_and_gives_the_terminal_back() {
    let server = Server::start().await;
    let (_, code) = server.founder("Founder").await;
    for (signal, number) in [("TERM", 15), ("INT", 2), ("HUP", 1), ("QUIT", 3)] {
        let flags = [&*code, "--server", &server.address(), "--name", "Ada"];
        let mut chat = InTerminal::start(&flags, &[("NO_COLOR", "1")]);
        chat.sees("Connected").await;
        let screen = chat.screen.screen();
        let cells = (0..24).flat_map(|row| (0..80).filter_map(move |column| screen.cell(row, column)));
        assert!(cells.into_iter().all(|cell| cell.fgcolor() == vt100::Color::Default), "NO_COLOR");
        chat.signal(signal);
        let status = chat.ended().await;
        assert_eq!((status.code(), status.signal()), (Some(128 + number), None), "{signal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_for_a_while_and_comes_back() {
    let server = Server::start().await;
    let (_, code) = server.founder("Founder").await;
    let mut chat = InTerminal::start(&[&code, "--server", &server.address(), "--name", "Ada"], &[]);
    chat.sees("Connected").await;
    chat.write("half a line").await;
    chat.sees("half a line").await;
    for from_outside in [false, true] {
        if from_outside {
            chat.signal("TSTP")
        } else {
            chat.write("\u{1a}").await
        }
        let given_back = async { while chat.screen.screen().alternate_screen() && chat.show().await {} };
        timeout(PATIENCE, given_back).await.expect("the terminal is given back");
        chat.stopped().await;
        assert!(chat.is_cooked() && !chat.screen.screen().hide_cursor(), "{from_outside}");
        chat.signal("CONT");
        chat.sees("half a line").await;
        assert!(chat.screen.screen().alternate_screen() && !chat.is_cooked(), "{from_outside}");
    }
    chat.write("\u{3}").await;
    assert_eq!(chat.ended().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_without_being_asked_it_takes_the_terminal_again_from_whoever_had_it() {
    let server = Server::start().await;
    let (_, code) = server.founder("Founder").await;
    let mut chat = InTerminal::start(&[&code, "--server", &server.address(), "--name", "Ada"], &[]);
    chat.sees("Connected").await;
    chat.signal("STOP");
    chat.stopped().await;
    // A shell that has the terminal meanwhile, and leaves it as shells do.
    let mut modes = tcgetattr(&chat.pty).unwrap();
    modes.local_modes |= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
    rustix::termios::tcsetattr(&chat.pty, rustix::termios::OptionalActions::Now, &modes).unwrap();
    chat.screen = vt100::Parser::new(24, 80, 0);
    chat.signal("CONT");
    chat.sees("Connected").await;
    assert!(chat.screen.screen().alternate_screen() && !chat.is_cooked());
    chat.write("\u{3}").await;
    assert_eq!(chat.ended().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_at_the_password_gives_the_terminal_back() {
    let server = Server::start().await;
    let (_, code) = server.founder("Founder").await;
    let flags = [&*code, "--server", &server.address(), "--login", "ada-login"];
    let mut chat = InTerminal::start(&flags, &[]);
    chat.sees("Password: ").await;
    assert!(!chat.is_cooked());
    chat.signal("TSTP");
    chat.stopped().await;
    assert!(chat.is_cooked());
    chat.signal("CONT");
    let taken = async {
        while chat.is_cooked() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, taken).await.expect("nothing is shown of what is written now");
    chat.signal("TERM");
    assert_eq!(chat.ended().await.code(), Some(128 + 15));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_when_its_terminal_goes_away() {
    let server = Server::start().await;
    let (_, code) = server.founder("Founder").await;
    let mut chat = InTerminal::start(&[&code, "--server", &server.address(), "--name", "Ada"], &[]);
    chat.sees("Connected").await;
    let InTerminal { pty, mut child, .. } = chat;
    drop(pty);
    let status = timeout(PATIENCE, child.wait()).await.expect("it ends").expect("a status");
    assert!(matches!(status.code(), Some(1 | 129)), "without a panic: {status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_by_its_password_which_nobody_sees() {
    let server = Server::start().await;
    let (_, code) = server.founder("Founder").await;
    let stranger = server.stranger();
    let form = [("name", "Ada"), ("login", "ada-login"), ("new", "a long password")];
    assert_eq!(stranger.post("/account/register", &form).await.status, 303);
    let folder = tempfile::tempdir().unwrap();
    let session = folder.path().join("session");
    let path = session.to_str().unwrap();
    let address = server.address();
    let flags = [&*code, "--server", &address, "--login", "ada-login", "--session", path];

    let mut chat = InTerminal::start(&flags, &[]);
    chat.sees("Password: ").await;
    chat.write("a wrong password\r").await;
    chat.sees("do not belong together").await;
    assert_eq!(chat.ended().await.code(), Some(1));
    assert!(!session.exists());

    let mut chat = InTerminal::start(&flags, &[]);
    chat.sees("Password: ").await;
    chat.write("a long password\r").await;
    chat.sees("Connected").await;
    let shown = String::from_utf8_lossy(&chat.raw).into_owned();
    assert!(!shown.contains("password\r") && !shown.contains("a long"), "{shown}");
    assert_eq!(std::fs::metadata(&session).unwrap().permissions().mode() & 0o777, 0o600);
    chat.write("\u{3}").await;
    chat.ended().await;

    // The next time it asks for nothing; and by the environment neither.
    let mut chat = InTerminal::start(&[&code, "--server", &address, "--session", path], &[]);
    chat.sees("Connected").await;
    chat.write("/who\r").await;
    chat.sees("Ada  online, you").await;
    let flags = [&*code, "--server", &address, "--login", "ada-login"];
    let mut chat = InTerminal::start(&flags, &[("CHAT_PASSWORD", "a long password")]);
    chat.sees("Connected").await;
}

#[test]
fn without_a_terminal_it_says_so() {
    let run = || {
        let mut command = std::process::Command::new(CHAT);
        command.args(["ABCD2345", "--name", "Ada"]).stdin(Stdio::null());
        command
    };
    let output = run().output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.starts_with("chat: this needs a terminal"), "{said}");
    let help = run().arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("--login") && !help.contains("--password"), "{help}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_in_one_line() {
    let server = Server::start().await;
    let address = server.address();
    for (flags, said) in [
        (vec!["http://127.0.0.1:9/rooms/ABCD2345", "--name", "Ada"], "Nobody answers there"),
        (vec!["nonsense at all", "--name", "Ada"], "is neither an address"),
        (vec!["ABCD2345", "--server", &address, "--name", "\u{200b}"], "this name cannot be one"),
    ] {
        let mut chat = InTerminal::start(&flags, &[]);
        chat.sees(said).await;
        assert_eq!(chat.ended().await.code(), Some(1));
    }
}
