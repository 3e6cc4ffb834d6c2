//! What dies while people talk, and what they notice of it: nothing that was acknowledged is lost, doubled or
//! out of order.

mod support;

use std::time::Duration;

use serde_json::json;
use support::socket::Socket;
use support::talk::{four_talk_while, kill_children_under_load};
use support::{PATIENCE, Server, wide};
use tokio::net::TcpSocket;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread")]
async fn the_room_is_killed_under_load() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("chat.sqlite3");
    let server = Server::with(wide(), &["--database", database.to_str().unwrap()]).await;
    let killer = server.stranger();
    let kills = std::cell::Cell::new(0);
    four_talk_while(&server, async |code| {
        if kills.get() < 10 {
            kills.set(kills.get() + u32::from(killer.kill(code).await == 200));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    })
    .await;
    assert!(kills.get() >= 3, "{} kills are no test", kills.get());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_is_killed_under_load() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("chat.sqlite3");
    let server = Server::with(wide(), &["--database", database.to_str().unwrap()]).await;
    kill_children_under_load(&server, "store").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_of_a_chat_in_memory_is_killed_under_load() {
    kill_children_under_load(&Server::start().await, "store").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_supervisor_of_all_rooms_is_killed_under_load() {
    kill_children_under_load(&Server::start().await, "rooms").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_message_buffer_is_killed_under_load() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("chat.sqlite3");
    let server = Server::with(wide(), &["--database", database.to_str().unwrap()]).await;
    kill_children_under_load(&server, "message_buffer").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_endpoint_is_killed_and_clients_come_back() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let mut socket = ada.join(&code, 0).await;
    socket.post("ada-0001", "before").await;
    socket.next_of("stored").await;
    server.app.tree().kill_child("web").await.expect("a child to kill");
    assert_eq!(socket.closed().await.0, 1001);
    let mut socket = ada.join(&code, 1).await;
    socket.post("ada-0002", "after").await;
    assert_eq!(socket.messages(1).await, [(2, "after".into())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_message_is_stored_once() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let bob = server.guest("Bob", &code).await;
    let (mut a, mut other, mut b) = (ada.join(&code, 0).await, ada.join(&code, 0).await, bob.join(&code, 0).await);
    let stored = async |socket: &mut Socket, id: &str| {
        socket.post(id, "once").await;
        let frame = socket.next_of("stored").await;
        (frame["id"].as_str().unwrap().to_owned(), frame["seq"].as_u64().unwrap())
    };
    for _ in 0..3 {
        assert_eq!(stored(&mut a, "same-0001").await, ("same-0001".into(), 1));
    }
    assert_eq!(stored(&mut other, "same-0001").await.1, 1, "by another window");
    assert_eq!(ada.kill(&code).await, 200);
    assert_eq!(stored(&mut a, "same-0001").await.1, 1, "of another incarnation");
    assert_eq!(stored(&mut b, "same-0001").await.1, 2, "another author's is another message");
    // Long ago, for an incarnation that no longer has it at hand.
    for n in 0..120 {
        assert_eq!(stored(&mut a, &format!("more-{n:04}")).await.1, 3 + n);
    }
    assert_eq!(stored(&mut a, "same-0001").await.1, 1, "out of the room's memory");
    assert_eq!(stored(&mut a, "last-0001").await.1, 123, "and nothing was numbered in vain");
    let heard = bob.join(&code, 0).await.messages(123).await;
    assert!(heard.iter().map(|(seq, _)| *seq).eq(1..=123));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_gets_exactly_what_was_missed() {
    let mut limits = wide();
    limits.recent_messages = 10;
    let server = Server::with_limits(limits).await;
    let (ada, code) = server.founder("Ada").await;
    let mut socket = ada.join(&code, 0).await;
    for n in 1..=250 {
        socket.post(&format!("ada-{n:05}"), &format!("line {n}")).await;
    }
    let lines: Vec<(u64, String)> = (1..=250).map(|n| (n, format!("line {n}"))).collect();
    assert_eq!(socket.messages(250).await, lines);
    // From the room's memory, from its edge, from the history, from the history in pages.
    for after in [249, 245, 240, 239, 200, 100, 1, 0] {
        let mut back = ada.join(&code, after).await;
        assert_eq!(back.welcome["last"], 250);
        let missed = usize::try_from(250 - after).unwrap();
        assert_eq!(back.messages(missed).await, lines[250 - missed..], "after {after}");
    }
    assert_eq!(ada.join(&code, 250).await.welcome["reset"], false);
    assert_eq!(ada.join(&code, 251).await.welcome["reset"], true, "a number that is not from here");
    assert_eq!(ada.join(&code, u64::MAX).await.welcome["reset"], true);
    // Without a number: nothing of the past.
    let mut fresh = ada.dial(&code).await;
    fresh.send(json!({"type": "join", "v": 1})).await;
    assert_eq!(fresh.next().await["last"], 250);
    socket.post("ada-99999", "news").await;
    assert_eq!(fresh.messages(1).await, [(251, "news".into())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_too_slowly_is_cut_off_and_catches_up() {
    let mut limits = wide();
    limits.outbox = 8;
    limits.write = Duration::from_secs(60);
    let server = Server::with_limits(limits).await;
    let (ada, code) = server.founder("Ada").await;
    // A reader with little room on the way to it.
    let thin = TcpSocket::new_v4().unwrap();
    thin.set_recv_buffer_size(4096).unwrap();
    let stream = thin.connect(server.app.address()).await.unwrap();
    let origin = ada.origin();
    let mut slow = Socket::over(stream, &server.address(), &code, ada.cookie(), Some(&origin)).await.unwrap();
    slow.send(json!({"type": "join", "v": 1, "after": 0})).await;
    assert_eq!(slow.next().await["type"], "welcome");

    let mut fast = ada.join(&code, 0).await;
    let body = "x".repeat(4000);
    let mut said = 0;
    // Until the room has cut it off, which the operator sees, nobody knows how much the system takes in between.
    while said < 3000 {
        for _ in 0..100 {
            said += 1;
            fast.post(&format!("fast-{said:05}"), &body).await;
        }
        for _ in 0..100 {
            fast.next_of("stored").await;
        }
    }
    let mut last = 0;
    let closed = loop {
        match slow.frame().await {
            Ok(frame) if frame["type"] == "message" => {
                last += 1;
                assert_eq!(frame["seq"], last);
            }
            Ok(_) => {}
            Err(closed) => break closed,
        }
    };
    assert_eq!(closed, (4001, "you read too slowly; reconnect for what you missed".into()));
    assert!(last < said, "cut off after {last}");
    let mut back = ada.join(&code, last).await;
    let missed = timeout(PATIENCE, back.messages(usize::try_from(said - last).unwrap())).await.unwrap();
    assert!(missed.iter().map(|(seq, _)| *seq).eq(last + 1..=said));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_locked_for_a_while_delays_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("chat.sqlite3");
    let flags = ["--health-period", "200ms", "--database", database.to_str().unwrap()];
    let server = Server::with(wide(), &flags).await;
    let (ada, code) = server.founder("Ada").await;
    let (mut socket, mut other) = (ada.join(&code, 0).await, ada.join(&code, 0).await);
    let intruder = rusqlite::Connection::open(&database).unwrap();
    intruder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for n in 1..=5 {
        socket.post(&format!("ada-{n:04}"), &format!("line {n}")).await;
    }
    // Longer than SQLite itself waits, so that the store has failed and been asked again.
    let silence = timeout(Duration::from_secs(3), other.messages(1)).await;
    assert!(silence.is_err(), "nothing is passed on that is not stored");
    assert_eq!(server.stranger().get("/readyz").await.status, 503, "and the operator sees it");
    until_healthz_says(&server, 503, "unhealthy").await;
    intruder.execute_batch("ROLLBACK").unwrap();
    for n in 1..=5 {
        assert_eq!(socket.next_of("stored").await["seq"], n);
    }
    assert!(other.messages(5).await.into_iter().eq((1..=5).map(|n| (n, format!("line {n}")))));
    until_healthz_says(&server, 200, "healthy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_buffer_refuses_what_comes_and_keeps_what_it_took() {
    const PLACES: usize = 8;
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("chat.sqlite3");
    let mut limits = wide();
    limits.buffer = PLACES;
    let server = Server::with(limits, &["--database", database.to_str().unwrap()]).await;
    let (ada, one) = server.founder("Ada").await;
    let answer = ada.post("/rooms", &[("name", "Ada")]).await;
    let two = answer.header("location").unwrap().rsplit('/').next().unwrap().to_owned();
    let mut sockets = Vec::new();
    for n in 0..PLACES + 4 {
        sockets.push(ada.join(if n % 2 == 0 { &one } else { &two }, 0).await);
    }
    let intruder = rusqlite::Connection::open(&database).unwrap();
    intruder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for (n, socket) in sockets.iter_mut().take(PLACES).enumerate() {
        socket.post(&format!("ada-{n:04}"), &format!("line {n}")).await;
    }
    let all_have_places = async {
        while server.app.buffer().stats().await.expect("it answers, whatever the store does").unstored < PLACES {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, all_have_places).await.expect("places for those who came first");
    for (n, socket) in sockets.iter_mut().enumerate().skip(PLACES) {
        socket.post(&format!("ada-{n:04}"), "one too many").await;
        let frame = socket.next_of("refused").await;
        assert_eq!((&frame["reason"], &frame["retry_ms"]), (&json!("busy"), &json!(500)), "{frame}");
    }
    let stats = server.app.buffer().stats().await.unwrap();
    assert!(stats.unstored == PLACES && stats.waiting + stats.writing <= PLACES, "{stats:?}");
    intruder.execute_batch("ROLLBACK").unwrap();
    for socket in sockets.iter_mut().take(PLACES) {
        socket.next_of("stored").await;
    }
    for (n, socket) in sockets.iter_mut().enumerate().skip(PLACES) {
        socket.post(&format!("ada-{n:04}"), "once more").await;
        socket.next_of("stored").await;
    }
    for code in [&one, &two] {
        let heard = ada.join(code, 0).await.messages((PLACES + 4) / 2).await;
        assert!(heard.iter().map(|(seq, _)| *seq).eq(1..=(PLACES as u64 + 4) / 2), "{heard:?}");
    }
}

/// Asks until it says so, which the monitors decide after several checks.
async fn until_healthz_says(server: &Server, status: u16, word: &str) {
    let asked = async {
        loop {
            let answer = server.stranger().get("/healthz").await;
            if answer.status == status && answer.body.contains(&format!("\"status\":\"{word}\"")) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(support::PATIENCE, asked).await.expect("the monitors notice");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_are_back_when_their_room_is_killed() {
    const MEMBERS: usize = 200;
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let mut sockets = Vec::new();
    for _ in 0..MEMBERS {
        sockets.push(ada.join(&code, 0).await);
    }
    sockets[0].post("ada-0001", "before").await;
    for socket in &mut sockets {
        assert_eq!(socket.messages(1).await, [(1, "before".into())]);
    }
    let started = std::time::Instant::now();
    assert_eq!(ada.kill(&code).await, 200);
    sockets[0].post("ada-0002", "after").await;
    for socket in &mut sockets {
        assert_eq!(socket.messages(1).await, [(2, "after".into())]);
    }
    println!("killed, restarted, and heard by {MEMBERS} members after {:?}", started.elapsed());
}
