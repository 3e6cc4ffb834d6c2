//! The program `chat` itself, in a terminal of its own.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use rustix::termios::{LocalModes, tcgetattr};
use support::in_terminal::{CHAT, InTerminal};
use support::tls::{Authority, Front};
use support::{PATIENCE, Server, wide};
use tokio::time::timeout;

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

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_server_is_talked_with_by_an_authority_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let front = Front::listen(&authority.certificate(&["localhost"], 0..=1)).await;
    let origin = format!("https://localhost:{}", front.port);
    let server = Server::with(wide(), &["--memory", "--origin", &origin]).await;
    front.connect(&server.address());
    let (founder, code) = server.founder("Founder").await;
    let mut socket = founder.join(&code, 0).await;
    let place = format!("{origin}/rooms/{code}");
    let file = authority.file.to_str().unwrap();
    let mut chat = InTerminal::start(&[&place, "--name", "Ada", "--ca-file", file], &[]);
    chat.sees("Connected").await;
    chat.write("over wss\r").await;
    assert_eq!(socket.next_of("message").await["body"], "over wss");
    let letter = folder.path().join("letter.txt");
    std::fs::write(&letter, "Dear Ada").unwrap();
    chat.write(&format!("/send {}\r", letter.display())).await;
    assert_eq!(socket.next_of("message").await["file"]["size"], 8);
    chat.sees("letter.txt is sent").await;
    chat.write("\u{3}").await;
    assert_eq!(chat.ended().await.code(), Some(0));
    // The same by the environment.
    let mut chat = InTerminal::start(&[&place, "--name", "Ada"], &[("CHAT_CA_FILE", file)]);
    chat.sees("Connected").await;
    assert!(front.spoken() > 3, "all of it went through here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_be_trusted_is_refused_by_saying_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let file = authority.file.to_str().unwrap();
    let server = Server::start().await;
    let trusting: &[&str] = &["--ca-file", file];
    for (names, days, flags, said) in [
        (
            &["localhost"][..],
            0..=1,
            &[][..],
            "if that is an authority of your own, name its certificate with --ca-file",
        ),
        (&["other.example"], 0..=1, trusting, "Its certificate is for another name"),
        (&["localhost"], -9..=-1, trusting, "Its certificate has expired"),
        (&["localhost"], 1..=9, trusting, "Its certificate is not valid yet"),
    ] {
        let front = Front::listen(&authority.certificate(names, days)).await;
        front.connect(&server.address());
        let place = format!("https://localhost:{}/rooms/ABCD2345", front.port);
        let flags = [&[&*place, "--name", "Ada"], flags].concat();
        let mut chat = InTerminal::start(&flags, &[]);
        let status = chat.ended().await;
        let text = chat.text().replace('\n', "");
        assert!(status.code() == Some(1) && text.contains(said), "{said}: {status}: {text}");
        assert_eq!(front.spoken(), 0, "nothing was said to it: {said}");
    }
    let place = format!("https://{}/rooms/ABCD2345", server.address().replace("127.0.0.1", "localhost"));
    let mut chat = InTerminal::start(&[&place, "--name", "Ada"], &[]);
    chat.sees("try the address with http://").await;
    std::fs::write(folder.path().join("none.pem"), "nothing").unwrap();
    for none in ["none.pem", "not there"] {
        let none = folder.path().join(none);
        let mut chat = InTerminal::start(&[&place, "--name", "Ada", "--ca-file", none.to_str().unwrap()], &[]);
        chat.ended().await;
        assert!(chat.text().replace('\n', "").contains("has no certificates that can be used"), "{}", chat.text());
    }
}
