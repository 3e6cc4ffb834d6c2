//! The program on PostgreSQL: what it must do when the server goes away.
#![cfg(feature = "postgres")]

mod support;

use std::process::Stdio;

use support::postgres::Postgres;
use support::talk::kill_children_under_load;
use support::{Server, binary, wide};

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_crashes_and_comes_back_loses_nothing() {
    let Some(database) = Postgres::start() else { return };
    let server = Server::with(wide(), &["--database-url", &database.database()]).await;
    let (ada, code) = server.founder("Ada").await;
    let (mut socket, mut other) = (ada.join(&code, 0).await, ada.join(&code, 0).await);
    socket.post("ada-0001", "before").await;
    assert_eq!(socket.next_of("stored").await["seq"], 1);

    tokio::task::block_in_place(|| database.crash());
    for n in 2..=5 {
        socket.post(&format!("ada-{n:04}"), &format!("line {n}")).await;
    }
    assert_eq!(server.stranger().get("/readyz").await.status, 503);
    tokio::task::block_in_place(|| database.resume());
    for n in 2..=5 {
        assert_eq!(socket.next_of("stored").await["seq"], n);
    }
    let heard = other.messages(5).await;
    assert!(heard.into_iter().map(|(seq, _)| seq).eq(1..=5));
    assert_eq!(server.stranger().get("/readyz").await.status, 200);

    // The room is killed, and what it had comes from the database.
    assert_eq!(ada.kill(&code).await, 200);
    let mut late = ada.join(&code, 0).await;
    assert_eq!(late.messages(5).await[1].1, "line 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_message_buffer_is_killed_under_load() {
    let Some(database) = Postgres::start() else { return };
    let server = Server::with(wide(), &["--database-url", &database.database()]).await;
    kill_children_under_load(&server, "message_buffer").await;
}

#[test]
fn a_server_that_cannot_be_used_is_said_in_one_line_without_its_password() {
    for (url, why) in [
        ("postgres://ada:secret@127.0.0.1:1/chat", "127.0.0.1:1/chat"),
        ("postgres://ada:secret@127.0.0.1/chat?sslmode=require", "sslmode"),
        ("postgres://ada:secret@127.0.0.1:port/chat", "invalid"),
    ] {
        let mut command = binary::chat_demo(["--port", "0"]);
        let output = command.env("CHAT_DATABASE_URL", url).stdout(Stdio::null()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
        assert!(said.contains(why) && said.contains("--database-url") && !said.contains("secret"), "{said}");
    }
}
