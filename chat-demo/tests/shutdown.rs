//! How the program ends when it is asked to.

mod support;

use std::fs::File;
use std::io::Read;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::Visitor;
use support::binary::{Running, chat_demo};
use support::socket::Socket;

/// What the program writes into its log, read when it has ended.
struct Log(File);

impl Log {
    fn spawn(mut command: Command) -> (Running, Self) {
        let log = tempfile::tempfile().unwrap();
        command.args(["--log-format", "json"]).env("RUST_LOG", "warn,supervisor=debug");
        (Running::spawn_with_log(command, log.try_clone().unwrap()), Self(log))
    }

    /// Level, message and child of each line.
    fn read(mut self) -> Vec<(String, String, String)> {
        let mut text = String::new();
        std::io::Seek::rewind(&mut self.0).unwrap();
        self.0.read_to_string(&mut text).unwrap();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let line = |line| serde_json::from_str::<Value>(line).expect("a line of JSON");
        let lines = text.lines().map(line);
        lines
            .map(|line| (word(&line["level"]), word(&line["fields"]["message"]), word(&line["fields"]["child"])))
            .collect()
    }
}

/// Posts one line after the other, always a few of them on their way, until the socket is closed. Returns what was
/// acknowledged, and what the socket was closed with.
async fn talk(mut socket: Socket, name: String, acknowledged: Arc<AtomicUsize>) -> (Vec<(u64, String)>, u16) {
    let mut stored = Vec::new();
    for line in 0..8 {
        socket.post(&format!("{name}-{line:05}"), &format!("{name} {line}")).await;
    }
    let mut said = 8;
    loop {
        match socket.frame().await {
            Ok(frame) if frame["type"] == "stored" => {
                let line: u32 = frame["id"].as_str().unwrap().rsplit('-').next().unwrap().parse().unwrap();
                stored.push((frame["seq"].as_u64().unwrap(), format!("{name} {line}")));
                acknowledged.fetch_add(1, Ordering::Relaxed);
                socket.post(&format!("{name}-{said:05}"), &format!("{name} {said}")).await;
                said += 1;
            }
            Ok(frame) => assert_ne!(frame["type"], "refused", "{frame}"),
            Err((code, _)) => return (stored, code),
        }
    }
}

/// The code at the end of the address that a form leads to.
async fn made(visitor: &mut Visitor, path: &str, form: &[(&str, &str)]) -> String {
    let answer = visitor.post(path, form).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    if answer.header("set-cookie").is_some() {
        visitor.take_cookie(&answer);
    }
    answer.header("location").unwrap().rsplit('/').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_under_load_ends_one_part_after_the_other_and_nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("chat.sqlite3");
    let wide = ["--post-burst", "1000000", "--person-burst", "1000000", "--room-burst", "1000000"];
    let (mut running, log) = Log::spawn({
        let mut command = chat_demo(["--port", "0", "--database", database.to_str().unwrap()]);
        command.args(wide);
        command
    });
    let mut ada = Visitor::at(&running.address);
    let workspace = made(&mut ada, "/workspaces", &[("name", "Ada"), ("workspace", "Engines")]).await;
    let channel = ada.channel(&workspace, "general").await;
    let room = made(&mut ada, "/rooms", &[("name", "Ada")]).await;
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let mut talking = Vec::new();
    for n in 0..6 {
        let code = if n % 2 == 0 { &room } else { &channel };
        let socket = ada.join(code, 0).await;
        talking.push((code.clone(), tokio::spawn(talk(socket, format!("tab-{n}"), Arc::clone(&acknowledged)))));
    }
    while acknowledged.load(Ordering::Relaxed) < 300 {
        assert!(talking.iter().all(|(_, talk)| !talk.is_finished()), "they talk until the signal");
        tokio::task::yield_now().await;
    }
    running.signal("TERM");
    let mut known = Vec::new();
    for (code, talk) in talking {
        let (stored, closed) = talk.await.unwrap();
        assert_eq!(closed, 1001, "each socket hears that the server goes away");
        known.extend(stored.into_iter().map(|(seq, body)| (code.clone(), seq, body)));
    }
    let status = tokio::task::block_in_place(|| running.child.wait()).unwrap();
    assert_eq!(status.code(), Some(0));

    let lines = log.read();
    assert!(lines.iter().all(|(level, ..)| level == "DEBUG" || level == "INFO"), "{lines:?}");
    let ended: Vec<&str> =
        lines.iter().filter(|(_, message, _)| message == "ended").map(|(.., child)| &**child).collect();
    let parts = ended.iter().filter(|id| ![&*room, &*channel, &*workspace].contains(id));
    let order = [
        "web",
        "sessions",
        "health",
        "rooms",
        "workspaces",
        "uploads",
        "notifications",
        "presence",
        "message_buffer",
        "services",
        "coordinator",
        "metrics",
        "store",
    ];
    assert!(parts.eq(order.iter()), "{ended:?}");
    let at = |id: &str| ended.iter().position(|ended| *ended == id).expect("it has ended");
    assert!(at("health") < at(&room).min(at(&channel)) && at(&room).max(at(&channel)) < at("rooms"), "{ended:?}");
    assert!(at("rooms") < at(&workspace) && at(&workspace) < at("workspaces"), "{ended:?}");

    let running = Running::with_database(&database);
    ada.move_to(&running.address);
    for code in [&room, &channel] {
        let mut socket = ada.join(code, 0).await;
        let last = socket.welcome["last"].as_u64().unwrap();
        let history = socket.messages(usize::try_from(last).unwrap()).await;
        assert!(history.iter().map(|(seq, _)| *seq).eq(1..=last), "no gap");
        let mut bodies: Vec<_> = history.iter().map(|(_, body)| body).collect();
        bodies.sort();
        bodies.dedup();
        assert_eq!(bodies.len(), history.len(), "nothing twice");
        for (_, seq, body) in known.iter().filter(|(of, ..)| of == code) {
            assert_eq!(&history[usize::try_from(*seq).unwrap() - 1].1, body, "acknowledged as {seq}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_in_its_share_of_the_time_is_aborted_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("chat.sqlite3");
    let (mut running, log) =
        Log::spawn(chat_demo(["--port", "0", "--shutdown", "2s", "--database", database.to_str().unwrap()]));
    let (ada, code) = running.founder("Ada").await;
    let mut socket = ada.join(&code, 0).await;
    socket.post("ada-0001", "before").await;
    socket.next_of("stored").await;
    let intruder = rusqlite::Connection::open(&database).unwrap();
    intruder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let begun = Instant::now();
    socket.post("ada-0002", "into a database that is locked").await;
    while !ada.get("/metrics").await.body.contains("chat_buffer_messages{state=\"unstored\"} 1") {
        assert!(Instant::now() < begun + support::PATIENCE, "it waits to be stored");
    }
    let begun = Instant::now();
    running.signal("TERM");
    assert_eq!(socket.closed().await.0, 1001);
    let status = tokio::task::block_in_place(|| running.child.wait()).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2 + 5), "{:?} {status}", begun.elapsed());
    let lines = log.read();
    println!("{status} {:?} {lines:#?}", begun.elapsed());
    let said = |message: &str, child: &str| lines.iter().any(|(_, m, c)| m == message && c == child);
    assert!(said("the store did not take what was left", ""), "{lines:?}");
    assert!(said("did not stop in its time", "store"), "{lines:?}");
}
