//! The program as it is started, and as it ends.

mod support;

use std::collections::BTreeSet;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use support::binary::Running;
use support::files::{asked_to_scan, form, head, left, send};
use support::{Visitor, binary, program};
use tokio::io::AsyncWriteExt;

/// What a program that does not start says: one line.
fn refusal(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = binary::chat_demo(arguments).output().expect("it runs");
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!((status.code(), &*stdout), (Some(1), &b""[..]), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("chat-demo: "), "{said}");
    said
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = refusal(&["--memory", "--port", &port]);
    assert!(said.contains(&port) && said.contains("in use") && said.contains("--port"), "{said}");
}

#[test]
fn an_address_that_is_not_ours() {
    let said = refusal(&["--memory", "--host", "192.0.2.1", "--port", "0"]);
    assert!(said.contains("192.0.2.1") && said.contains("--host"), "{said}");
}

#[test]
fn a_database_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let no_database = folder.path().join("letter.txt");
    std::fs::write(
        &no_database,
        "Dear Ada, this is no database but a letter, and a rather long one at that.\n".repeat(99),
    )
    .unwrap();
    let newer = folder.path().join("newer.sqlite3");
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 1000).unwrap();
    let missing = folder.path().join("no/such/folder/chat.sqlite3");
    for (path, why) in [
        (folder.path(), "it is a folder"),
        (&*missing, "the folder does not exist"),
        (&*no_database, "not a database"),
        (&*newer, "version 1000"),
        (Path::new("/proc/chat.sqlite3"), "unable to open"),
    ] {
        let path = path.to_str().unwrap();
        let said = refusal(&["--port", "0", "--database", path]);
        assert!(said.contains(path) && said.contains(why) && said.contains("--database"), "{why}: {said}");
    }
    assert!(std::fs::read_to_string(no_database).unwrap().starts_with("Dear Ada"), "left as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_it_in_order() {
    for signal in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let mut running = Running::with_database(&folder.path().join("chat.sqlite3"));
        let (ada, code) = running.founder("Ada").await;
        let mut socket = ada.join(&code, 0).await;
        running.signal(signal);
        assert_eq!(socket.closed().await.0, 1001);
        drop(socket);
        let status = tokio::task::block_in_place(|| running.child.wait()).unwrap();
        assert_eq!(status.code(), Some(0), "{signal}");
        let names =
            |path| std::fs::read_dir(path).unwrap().map(|file| file.unwrap().file_name()).collect::<BTreeSet<_>>();
        let left = names(folder.path());
        assert!(left.iter().eq(["chat.files", "chat.sqlite3"]), "the log of the database is folded in: {left:?}");
        assert!(names(&folder.path().join("chat.files/quarantine")).is_empty(), "{signal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_a_file_is_looked_at_leaves_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (database, files) = (folder.path().join("chat.sqlite3"), folder.path().join("chat.files"));
    // It takes the file, and says nothing.
    let scanner = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let clamd = scanner.local_addr().unwrap().to_string();
    let mut running = Running::start(&["--port", "0", "--database", database.to_str().unwrap(), "--clamd", &clamd]);
    let (mut ada, code) = running.founder("Ada").await;
    let whole = form("file-0001", "a.bin", &[7; 100_000]);
    let head = format!("{}host: {}\r\n\r\n", head(&ada, &code, whole.len()), running.address);
    let mut stream = tokio::net::TcpStream::connect(&running.address).await.unwrap();
    stream.write_all(&[head.as_bytes(), &whole].concat()).await.unwrap();
    let _scanning = asked_to_scan(&scanner).await;
    running.signal("KILL");
    tokio::task::block_in_place(|| running.child.wait()).unwrap();
    assert_eq!(left(&files), (0, 1), "in quarantine");

    let running = Running::with_database(&database);
    ada.move_to(&running.address);
    assert_eq!(left(&files), (0, 0), "it is deleted when the program starts");
    assert_eq!(send(&ada, &code, "file-0001", "a.bin", b"again").await.1["seq"], 1, "nothing was stored");
    assert_eq!(left(&files), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_room_is_said_and_people_talk_on() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("chat.sqlite3");
    // As a full disk does, this lets no file grow further; 4096 blocks are 2 MB, or 4 MB to some shells.
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\""])
        .arg(binary::chat_demo([""; 0]).get_program());
    limited.args(["--port", "0", "--database", database.to_str().unwrap()]);
    let running = Running::spawn(limited);
    let (ada, code) = running.founder("Ada").await;
    let (status, told) = send(&ada, &code, "file-0001", "large.bin", &vec![7; 6 << 20]).await;
    assert_eq!((status, &told["reason"]), (507, &"disk_full".into()), "{told}");
    assert_eq!(told["text"], "The server has no room for files now; everything else works.");
    let files = folder.path().join("chat.files");
    assert_eq!(left(&files), (0, 0), "nothing half of it");
    let metrics = ada.get("/metrics").await.body;
    assert!(metrics.contains("chat_refused_total{reason=\"disk_full\"} 1"), "{metrics}");
    let mut socket = ada.join(&code, 0).await;
    socket.post("line-0001", "We can talk.").await;
    assert_eq!(socket.next_of("stored").await["seq"], 1);
    assert_eq!(send(&ada, &code, "file-0002", "small.bin", b"small").await.0, 200, "there is room for this one");
    assert_eq!(left(&files), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_room_is_said_and_what_was_stored_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("chat.sqlite3");
    // No file may grow beyond 1 or 2 MB, as some shells count, until more is allowed.
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -S -f 2048; exec \"$0\" \"$@\""])
        .arg(binary::chat_demo([""; 0]).get_program());
    limited.args(["--port", "0", "--store-patience", "1s", "--health-period", "100ms"]);
    limited.args(["--post-burst", "100000", "--person-burst", "100000", "--room-burst", "100000"]);
    limited.args(["--database", database.to_str().unwrap()]);
    let running = Running::spawn(limited);
    let (ada, code) = running.founder("Ada").await;
    let mut socket = ada.join(&code, 0).await;
    let line = |n: u64| format!("line {n} {}", "word ".repeat(700));
    let mut said = 0;
    let refused = loop {
        socket.post(&format!("line-{:05}", said + 1), &line(said + 1)).await;
        let answer = loop {
            let frame = socket.next().await;
            if frame["type"] == "stored" || frame["type"] == "refused" {
                break frame;
            }
        };
        if answer["type"] == "refused" {
            break answer;
        }
        said += 1;
        assert_eq!(answer["seq"], said);
        assert!(said < 2000, "there is no end to the room");
    };
    assert_eq!((&refused["reason"], &refused["retry_ms"]), (&"unavailable".into(), &2000.into()), "{refused}");
    assert!(refused["text"].as_str().unwrap().contains("could not be stored"), "{refused}");
    socket.edit("edit-0001", 1, "other words").await;

    // Whoever reads goes on: pages, the past, search, and a socket.
    let page = ada.get(&format!("/rooms/{code}")).await;
    assert!(page.status == 200 && page.body.contains(&format!("line {said} ")), "{}", page.body);
    let past = ada.get(&format!("/rooms/{code}/messages?before={said}")).await;
    assert!(past.status == 200 && past.body.contains(&format!("line {} ", said - 1)), "{}", past.body);
    let found = ada.get("/search?q=line").await;
    assert!(found.status == 200 && found.body.contains(&format!("#m-{said}\"")), "{}", found.body);
    assert_eq!(ada.join(&code, 0).await.welcome["last"], said);
    let metrics = async || ada.get("/metrics").await.body;
    let told = metrics().await;
    for line in ["chat_refused_total{reason=\"unavailable\"} 1", "chat_buffer_failing 1"] {
        assert!(told.lines().any(|found| found == line), "{line}\n{told}");
    }

    // There is room again: what was not stored is sent once more, and all of it is there once.
    let process = Pid::from_raw(running.child.id().try_into().unwrap());
    prlimit(process, Resource::Fsize, Rlimit { current: None, maximum: None }).unwrap();
    assert_eq!(socket.next_of("done").await["id"], "edit-0001", "what waited for room is done");
    for _ in 0..2 {
        socket.post(&format!("line-{:05}", said + 1), &line(said + 1)).await;
        assert_eq!(socket.next_of("stored").await["seq"], said + 1);
    }
    let heard = ada.join(&code, 0).await.messages(usize::try_from(said + 1).unwrap()).await;
    assert!(heard.iter().map(|(seq, _)| *seq).eq(1..=said + 1), "each once, in order");
    assert!(heard[1..].iter().all(|(seq, body)| *body == line(*seq).trim_end()), "and as it was said");
    assert_eq!(heard[0].1, "other words");
    assert!(metrics().await.lines().any(|line| line == "chat_buffer_failing 0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_under_load_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("chat.sqlite3");
    let mut known: Option<(Visitor, String)> = None;
    let mut acknowledged: Vec<(u64, String)> = Vec::new();
    for round in 0..3 {
        let mut running = Running::with_database(&database);
        let (mut ada, code) = match known.take() {
            Some(known) => known,
            None => running.founder("Ada").await,
        };
        ada.move_to(&running.address);
        let mut socket = ada.join(&code, acknowledged.last().map_or(0, |(seq, _)| *seq)).await;
        let mut said = 0;
        let mut killed = false;
        loop {
            // A few at a time, so that some are always on their way.
            if said < 20 && !killed {
                socket.post(&format!("round-{round}-{said:04}"), &format!("round {round}, line {said}")).await;
                said += 1;
            }
            match socket.frame().await {
                Ok(frame) if frame["type"] == "stored" => {
                    let line: u64 = frame["id"].as_str().unwrap().rsplit('-').next().unwrap().parse().unwrap();
                    acknowledged.push((frame["seq"].as_u64().unwrap(), format!("round {round}, line {line}")));
                    if line == 8 {
                        running.signal("KILL");
                        killed = true;
                    }
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        let status = tokio::task::block_in_place(|| running.child.wait()).unwrap();
        assert_eq!(status.signal(), Some(9), "{status}");
        known = Some((ada, code));
    }
    assert!(acknowledged.len() >= 3 * 9);
    let running = Running::with_database(&database);
    let (mut ada, code) = known.unwrap();
    ada.move_to(&running.address);
    let mut socket = ada.join(&code, 0).await;
    let last = usize::try_from(socket.welcome["last"].as_u64().unwrap()).unwrap();
    let history = socket.messages(last).await;
    assert!(history.iter().map(|(seq, _)| *seq).eq(1..=last as u64), "no gap: {history:?}");
    for (seq, body) in acknowledged {
        assert_eq!(history[usize::try_from(seq).unwrap() - 1].1, body, "acknowledged as {seq}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_has_nothing_to_say_against_the_metrics() {
    let Some(promtool) = program::find(&["promtool"]) else { return };
    let token = support::ADMIN_TOKEN;
    let running = Running::start(&["--port", "0", "--memory", "--admin-token", token]);
    let (ada, code) = running.founder("Ada").await;
    let mut socket = ada.join(&code, 0).await;
    socket.post("ada-0001", "hello").await;
    socket.next_of("stored").await;
    socket.post("ada-0002", "").await;
    socket.next_of("refused").await;
    assert_eq!(ada.kill(&code).await, 200);
    socket.post("ada-0003", "still here?").await;
    socket.next_of("stored").await;
    assert_eq!(ada.get("/rooms/nonsense").await.status, 404);

    let metrics = ada.get("/metrics").await.body;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &metrics).unwrap();
    let checked = Command::new(promtool).args(["check", "metrics"]).stdin(file.reopen().unwrap()).output().unwrap();
    let mut said = String::from_utf8_lossy(&checked.stdout).into_owned();
    checked.stderr.as_slice().read_to_string(&mut said).unwrap();
    assert!(checked.status.success() && said.is_empty(), "{said}\n{metrics}");

    for line in [
        "chat_messages_stored_total 2",
        "chat_sockets 1",
        "chat_rejoins_total 1",
        "chat_rooms_started_total 2",
        "chat_refused_total{reason=\"body\"} 1",
        "chat_refused_total{reason=\"code\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
    for name in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()) {
        assert!(metrics.contains(&format!("# HELP {name} ")), "{name} has no help");
    }
    for theirs in ["registry_services{class=\"production\"}", "registry_lookups_total{", "supervisor_restarts_total{"] {
        assert!(metrics.lines().any(|line| line.starts_with(theirs)), "{theirs} is not in\n{metrics}");
    }
    println!("{metrics}");
}
