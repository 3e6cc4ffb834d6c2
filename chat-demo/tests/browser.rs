//! Two people in a real browser: the scripts in `browser/`, against the real program.
//!
//! With `UPDATE_PICTURES` set, the picture of the documentation is made anew.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use supervisor::testing::Chaos;
use support::clamd::{Clamd, eicar};
use support::{ADMIN_TOKEN, Server, program};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[tokio::test(flavor = "multi_thread")]
async fn two_browsers_talk_while_their_room_is_killed() {
    let Some(mut test) = script("room.mjs") else { return };
    // The limits of the program as it is, so that nobody in it notices them.
    let server = Server::with_limits(chat_demo::config::Limits::default()).await;
    test.env("BASE", server.app.url()).env("ADMIN_TOKEN", ADMIN_TOKEN);
    tokio::task::block_in_place(|| program::run(&mut test));
    if let Some(pictures) = pictures() {
        let documentation = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/chat-demo.png");
        std::fs::copy(pictures.join("chat-demo.png"), documentation).expect("the picture is copied");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_are_one_person_who_is_online_or_away() {
    let Some(mut test) = script("presence.mjs") else { return };
    let mut limits = chat_demo::config::Limits::default();
    limits.presence_away = std::time::Duration::from_secs(2);
    let server = Server::with_limits(limits).await;
    test.env("BASE", server.app.url());
    tokio::task::block_in_place(|| program::run(&mut test));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_mentioned_elsewhere_is_told() {
    let Some(mut test) = script("notifications.mjs") else { return };
    let server = Server::with_limits(chat_demo::config::Limits::default()).await;
    test.env("BASE", server.app.url());
    tokio::task::block_in_place(|| program::run(&mut test));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_rooms_by_keys_alone() {
    let Some(mut test) = script("keyboard.mjs") else { return };
    let server = Server::with_limits(chat_demo::config::Limits::default()).await;
    test.env("BASE", server.app.url());
    tokio::task::block_in_place(|| program::run(&mut test));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_talk_with_each_other_alone() {
    let Some(mut test) = script("direct.mjs") else { return };
    let server = Server::with_limits(chat_demo::config::Limits::default()).await;
    test.env("BASE", server.app.url());
    tokio::task::block_in_place(|| program::run(&mut test));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_browsers_talk_while_the_message_buffer_is_killed() {
    let Some(mut test) = script("buffer.mjs") else { return };
    let server = Server::with_limits(chat_demo::config::Limits::default()).await;
    let tree = server.app.tree().clone();
    let asked = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    test.env("BASE", server.app.url()).env("KILL", format!("http://{}/", asked.local_addr().expect("a port")));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = asked.accept().await {
            let _head = stream.read(&mut [0; 4096]).await;
            let killed = Chaos::of(&tree, 0).kill("message_buffer").is_ok();
            let status = if killed { "200 OK" } else { "500 Internal Server Error" };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    tokio::task::block_in_place(|| program::run(&mut test));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_talks_in_channels_while_its_workspace_is_killed() {
    let Some(mut test) = script("workspace.mjs") else { return };
    let server = Server::with_limits(chat_demo::config::Limits::default()).await;
    test.env("BASE", server.app.url()).env("ADMIN_TOKEN", ADMIN_TOKEN);
    tokio::task::block_in_place(|| program::run(&mut test));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_is_found_by_keys() {
    let Some(mut test) = script("search.mjs") else { return };
    let server = Server::with_limits(chat_demo::config::Limits::default()).await;
    test.env("BASE", server.app.url());
    tokio::task::block_in_place(|| program::run(&mut test));
}

#[test]
fn two_browsers_come_back_when_the_program_does() {
    let Some(mut test) = script("restart.mjs") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    test.env("PROGRAM", env!("CARGO_BIN_EXE_chat-demo")).env("DATABASE", folder.path().join("chat.sqlite3"));
    program::run(&mut test);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_can_be_used_within_a_second() {
    let Some(mut test) = script("first.mjs") else { return };
    let server = Server::with_limits(chat_demo::config::Limits::default()).await;
    // A build that is not optimised, beside other tests, is given more time.
    let limit = if cfg!(debug_assertions) { "5000" } else { "1000" };
    test.env("BASE", server.app.url()).env("LIMIT", limit);
    tokio::task::block_in_place(|| program::run(&mut test));
}

#[test]
fn a_browser_whose_network_is_gone_for_a_while_misses_nothing() {
    let Some(mut test) = script("network.mjs") else { return };
    test.env("PROGRAM", env!("CARGO_BIN_EXE_chat-demo"));
    program::run(&mut test);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_sends_a_picture_and_what_is_harmful() {
    let Some(mut test) = script("upload.mjs") else { return };
    let Some(clamd) = tokio::task::block_in_place(Clamd::start) else { return };
    let socket = clamd.socket();
    let flags = ["--memory", "--clamd", socket.to_str().expect("a plain path")];
    let server = Server::with(chat_demo::config::Limits::default(), &flags).await;
    test.env("BASE", server.app.url()).env("EICAR", String::from_utf8(eicar()).expect("it is plain"));
    tokio::task::block_in_place(|| program::run(&mut test));
}

/// How to run a script, with what it needs installed.
fn script(name: &str) -> Option<Command> {
    let chromium = program::find(&["chromium", "chromium-browser", "google-chrome"])?;
    let (node, npm) = (program::find(&["node"])?, program::find(&["npm"])?);
    let here: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    if !here.join("node_modules").is_dir() {
        program::run(Command::new(npm).args(["ci", "--no-audit", "--no-fund"]).current_dir(&here));
    }
    let mut command = Command::new(node);
    command.arg(name).current_dir(here).env("CHROMIUM", chromium);
    if let Some(pictures) = pictures() {
        std::fs::create_dir_all(&pictures).expect("a folder for the pictures");
        command.env("PICTURES", pictures);
    }
    Some(command)
}

/// Where pictures are put, if they are wanted.
fn pictures() -> Option<PathBuf> {
    std::env::var_os("UPDATE_PICTURES").map(|_| Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures"))
}
