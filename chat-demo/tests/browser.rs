//! Two people in a real browser: the scripts in `browser/`, against the real program.
//!
//! With `UPDATE_PICTURES` set, the pictures of the documentation are made anew.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use supervisor::testing::Chaos;
use support::clamd::{Clamd, eicar};
use support::{ADMIN_TOKEN, Server, program, wide};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[tokio::test(flavor = "multi_thread")]
async fn two_browsers_talk_while_their_room_is_killed() {
    let Some(mut test) = script("room.mjs") else { return };
    // The limits of the program as it is, so that nobody in it notices them.
    let server = Server::with_limits(chat_demo::config::Limits::default()).await;
    test.env("BASE", server.app.url()).env("ADMIN_TOKEN", ADMIN_TOKEN);
    tokio::task::block_in_place(|| program::run(&mut test));
    document("chat-demo.png");
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
    if cfg!(feature = "push") {
        test.env("PUSH", "true");
    }
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
    document("chat-demo-workspace.png");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_offered_behind_an_at() {
    let Some(mut test) = script("names.mjs") else { return };
    let server = Server::with_limits(chat_demo::config::Limits::default()).await;
    test.env("BASE", server.app.url());
    tokio::task::block_in_place(|| program::run(&mut test));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_is_found_by_keys() {
    let Some(mut test) = script("search.mjs") else { return };
    let server = Server::with_limits(chat_demo::config::Limits::default()).await;
    test.env("BASE", server.app.url());
    tokio::task::block_in_place(|| program::run(&mut test));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_its_way_sent_failed_and_tried_again_is_shown_and_drafts_stay() {
    let Some(mut test) = script("sending.mjs") else { return };
    let server = Server::with_limits(chat_demo::config::Limits::default()).await;
    test.env("BASE", server.app.url());
    tokio::task::block_in_place(|| program::run(&mut test));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_on_the_way_in_is_accessible_and_fits() {
    let Some(mut test) = script("entrance.mjs") else { return };
    let server = Server::with_limits(chat_demo::config::Limits::default()).await;
    test.env("BASE", server.app.url());
    tokio::task::block_in_place(|| program::run(&mut test));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_accessible_and_fits() {
    let Some(mut test) = script("pages.mjs") else { return };
    let mut flags = vec!["--memory"];
    if cfg!(feature = "email") {
        // Nobody is there: what this page says does not wait for it.
        flags.extend(["--smtp-url", "smtp://127.0.0.1:9", "--mail-from", "Chat <chat@chat.example>"]);
        test.env("EMAIL", "true");
    }
    let server = Server::with(chat_demo::config::Limits::default(), &flags).await;
    test.env("BASE", server.app.url());
    tokio::task::block_in_place(|| program::run(&mut test));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_of_a_room_is_accessible_and_fits() {
    let Some(mut test) = script("states.mjs") else { return };
    let server = Server::with_limits(chat_demo::config::Limits::default()).await;
    test.env("BASE", server.app.url());
    tokio::task::block_in_place(|| program::run(&mut test));
}

#[tokio::test(flavor = "multi_thread")]
async fn days_and_authors_are_told_apart() {
    let Some(mut test) = script("days.mjs") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("chat.sqlite3");
    let flags = ["--database", database.to_str().expect("a plain path")];
    let server = Server::with(wide(), &flags).await;
    let (ada, code) = server.founder("Ada").await;
    let bob = server.guest("Bob", &code).await;
    let said = [
        (&ada, "long ago", "2026-02-20T12:00:00Z"),
        (&ada, "one", "2026-03-02T12:00:00Z"),
        (&ada, "two", "2026-03-02T12:04:59Z"),
        (&ada, "after a while", "2026-03-02T12:09:59Z"),
        (&bob, "another", "2026-03-02T12:10:30Z"),
        (&bob, "today", "2026-03-03T09:00:00Z"),
    ];
    for (number, (author, body, _)) in said.iter().enumerate() {
        let form = [("id", &*format!("client-{number:04}")), ("body", body)];
        assert_eq!(author.post(&format!("/rooms/{code}/messages"), &form).await.status, 303);
    }
    server.app.into_tree().stop().await;
    // What nobody waits days for.
    let stored = rusqlite::Connection::open(&database).expect("the database");
    for (_, body, at) in said {
        let sql = "UPDATE messages SET at = unixepoch(?1) * 1000 WHERE body = ?2";
        assert_eq!(stored.execute(sql, [at, body]).expect("it is written"), 1);
    }
    drop(stored);
    let server = Server::with(wide(), &flags).await;
    test.env("BASE", server.app.url()).env("ROOM", code).env("COOKIE", ada.cookie());
    tokio::task::block_in_place(|| program::run(&mut test));
}

#[test]
fn the_client_library_keeps_what_it_promises() {
    let Some(node) = program::find(&["node"]) else { return };
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    program::run(Command::new(node).args(["--no-warnings", "client.mjs"]).current_dir(here));
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
    document("chat-demo-phone.png");
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

/// Puts a picture that was made into the documentation, if pictures are wanted.
fn document(picture: &str) {
    if let Some(pictures) = pictures() {
        let documentation = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(picture);
        std::fs::copy(pictures.join(picture), documentation).expect("the picture is copied");
    }
}

/// Where pictures are put, if they are wanted.
fn pictures() -> Option<PathBuf> {
    std::env::var_os("UPDATE_PICTURES").map(|_| Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures"))
}
