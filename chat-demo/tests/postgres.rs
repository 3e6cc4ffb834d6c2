//! The program on PostgreSQL: what it must do when the server goes away.
#![cfg(feature = "postgres")]

mod support;

use std::process::Stdio;
use std::time::Duration;

use support::binary::Running;
use support::postgres::Postgres;
use support::socket::Socket;
use support::talk::kill_children_under_load;
use support::{PATIENCE, Server, binary, wide};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

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

/// Says one thing, again whenever it is refused and `again` says so; the number by which it is stored.
async fn say(
    mut socket: Socket,
    n: usize,
    refused: mpsc::Sender<()>,
    mut again: watch::Receiver<bool>,
) -> (usize, u64) {
    loop {
        socket.post(&format!("say-{n:05}"), &format!("line {n}")).await;
        let answer = loop {
            let frame = socket.next().await;
            if frame["type"] == "stored" || frame["type"] == "refused" {
                break frame;
            }
        };
        if answer["type"] == "stored" {
            return (n, answer["seq"].as_u64().unwrap());
        }
        assert_eq!((&answer["reason"], &answer["retry_ms"]), (&"busy".into(), &500.into()), "{answer}");
        let _ = refused.try_send(());
        again.wait_for(|again| *again).await.unwrap();
        // As it was told.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_fills_the_buffer_and_no_more_and_has_everything_once_when_it_is_back() {
    const PLACES: usize = 40;
    const PEOPLE: usize = 100;
    let Some(database) = Postgres::start() else { return };
    let (url, places) = (database.database(), PLACES.to_string());
    let mut flags = vec!["--port", "0", "--database-url", &url, "--buffer", &places, "--store-patience", "60s"];
    flags.extend([
        "--address-sockets",
        "1000",
        "--post-burst",
        "1000",
        "--person-burst",
        "1000",
        "--room-burst",
        "1000",
    ]);
    let running = Running::start(&flags);
    let (ada, code) = running.founder("Ada").await;
    let mut sockets = Vec::new();
    for _ in 0..PEOPLE {
        sockets.push(ada.join(&code, 0).await);
    }
    tokio::task::block_in_place(|| database.crash());
    let (refused, mut refusals) = mpsc::channel(PEOPLE);
    let (back, again) = watch::channel(false);
    let mut talk = JoinSet::new();
    for (n, socket) in sockets.into_iter().enumerate() {
        talk.spawn(say(socket, n, refused.clone(), again.clone()));
    }
    for _ in PLACES..PEOPLE {
        timeout(PATIENCE, refusals.recv()).await.expect("whoever has no place is told").unwrap();
    }
    for line in [
        format!("chat_refused_total{{reason=\"busy\"}} {}", PEOPLE - PLACES),
        format!("chat_buffer_messages{{state=\"unstored\"}} {PLACES}"),
        format!("chat_buffer_capacity_messages {PLACES}"),
    ] {
        // The buffer counts when it has something to do, as at its next try.
        let counted = async { while !ada.get("/metrics").await.body.lines().any(|found| found == line) {} };
        timeout(PATIENCE, counted).await.unwrap_or_else(|_| panic!("never counted: {line}"));
    }
    assert!(refusals.try_recv().is_err() && talk.try_join_next().is_none(), "the others wait");
    tokio::task::block_in_place(|| database.resume());
    // The places are free again as soon as what they were for is stored.
    let mut stored = Vec::new();
    while stored.len() < PLACES {
        stored.push(timeout(PATIENCE, talk.join_next()).await.expect("stored in time").unwrap().unwrap());
    }
    back.send_replace(true);
    while let Some(one) = timeout(PATIENCE, talk.join_next()).await.expect("stored in time") {
        stored.push(one.unwrap());
    }
    let heard = ada.join(&code, 0).await.messages(PEOPLE).await;
    assert!(heard.iter().map(|(seq, _)| *seq).eq(1..=PEOPLE as u64), "each once, without a gap: {heard:?}");
    for (n, seq) in stored {
        assert_eq!(heard[usize::try_from(seq).unwrap() - 1].1, format!("line {n}"), "acknowledged as {seq}");
    }
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
