//! Everything wrong that can be sent, from all sides at once, while two people talk: what is refused is counted, nothing panics,
//! nothing is restarted, nothing is kept, and the two notice nothing.

mod support;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngCore, SeedableRng};
use serde_json::{Value, json};
use support::binary::{Running, chat_demo};
use support::files::left;
use support::{ADMIN_TOKEN, PATIENCE, Visitor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

/// Attackers of each kind, and what each of them tries.
const ATTACKERS: u64 = 4;
const TRIES: usize = 150;

/// What the two say meanwhile, at least.
const TALK: usize = 100;

/// How much more memory may be in use afterwards, in bytes: what caches, tables and an allocator keep.
const GROWTH: u64 = 64_000_000;

/// Frames that are none, made from those that are.
fn frame(random: &mut StdRng) -> Message {
    let good = [
        json!({"type": "join", "v": 1, "after": 0, "revision": 0}),
        json!({"type": "post", "id": "attack-0001", "body": "attack"}),
        json!({"type": "post", "id": "attack-0002", "kind": "action", "body": "attack"}),
        json!({"type": "edit", "id": "attack-0003", "seq": 1, "body": "attack"}),
        json!({"type": "delete", "id": "attack-0004", "seq": 1}),
        json!({"type": "nick", "id": "attack-0005", "name": "Attack"}),
        json!({"type": "direct", "id": "attack-0006", "person": 1, "text": "attack"}),
        json!({"type": "typing", "on": true}),
        json!({"type": "read", "seq": 1}),
        json!({"type": "active"}),
        json!({"type": "ping"}),
    ];
    let good = good.choose(random).expect("some");
    match random.random_range(0..8) {
        0 => Message::binary(bytes(random, 200)),
        1 => Message::text("[".repeat(random.random_range(1..60_000))),
        2 => Message::text(format!("{}1{}", r#"{"type":"#.repeat(9_000), "}".repeat(9_000))),
        3 => Message::text("x".repeat(random.random_range(60_000..80_000))),
        4 => {
            let mut text = good.to_string();
            text.truncate(random.random_range(0..text.len()));
            Message::text(text)
        }
        5 => {
            let mut bytes = good.to_string().into_bytes();
            for _ in 0..random.random_range(1..4) {
                let at = random.random_range(0..bytes.len());
                bytes[at] = random.random();
            }
            Message::text(String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => {
            let mut frame = good.clone();
            let fields = frame.as_object_mut().expect("an object");
            let field = fields.keys().nth(random.random_range(0..fields.len())).expect("one of them").clone();
            // Never a good value: `type` says what is not known, the rest what it cannot be.
            fields.insert(field, value(random));
            Message::text(frame.to_string().replace("\"huge\"", "1e999"))
        }
    }
}

/// A value that no field can have.
fn value(random: &mut StdRng) -> Value {
    let deep = (0..100).fold(Value::Null, |inner, _| json!([inner]));
    let wrong = [
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!("huge"),
        json!({}),
        json!([[]]),
        json!("\u{202e}\u{0}\u{7}"),
        json!("x".repeat(5_000)),
        deep,
    ];
    wrong.choose(random).expect("some").clone()
}

fn bytes(random: &mut StdRng, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; random.random_range(0..most)];
    random.fill_bytes(&mut bytes);
    bytes
}

/// Somebody with a session sends what are no frames, reads a part of the answers or none, and is sent away now and then.
async fn over_sockets(who: Visitor, code: String, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut socket = who.dial(&code).await;
    for _ in 0..TRIES {
        match random.random_range(0..6) {
            0 => socket = who.dial(&code).await,
            1 => {
                socket = who.dial(&code).await;
                socket.send(json!({"type": "join", "v": 1, "after": 0})).await;
            }
            _ => socket.send_raw(frame(&mut random)).await,
        }
    }
}

/// Bytes in the place of a protocol: of HTTP before the upgrade, and of WebSocket after it.
async fn over_connections(who: Visitor, code: String, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut half_open = Vec::new();
    for _ in 0..TRIES {
        let mut stream = TcpStream::connect(who.address()).await.unwrap();
        let upgraded = random.random_bool(0.5);
        if upgraded {
            let head = format!(
                "GET /rooms/{code}/socket HTTP/1.1\r\nhost: {}\r\norigin: {}\r\ncookie: {}\r\nconnection: upgrade\r\n\
                 upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGVuIGxpdHRsZSBieXRlcw==\r\n\r\n",
                who.address(),
                who.origin(),
                who.cookie(),
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 101");
        }
        let sent = match random.random_range(0..5) {
            // A frame of more bytes than there are, which never come.
            0 if upgraded => [&[0x81, 0xff][..], &u64::MAX.to_be_bytes(), &[0; 4]].concat(),
            1 if upgraded => vec![0x81, 0xfe, 0x10, 0x00, 1, 2, 3, 4, 5],
            // Without a mask, with bits that mean nothing, a continuation of nothing.
            2 if upgraded => vec![0x81, 0x02, b'h', b'i'],
            3 if upgraded => vec![0xf0, 0x80, 0, 0, 0, 0, 0x80, 0x80, 0, 0, 0, 0],
            0 => format!("GET / HTTP/1.1\r\nhost: {}\r\n{}", who.address(), "a: b\r\n".repeat(5_000)).into_bytes(),
            1 => format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000)).into_bytes(),
            2 => format!("POST /rooms HTTP/1.1\r\nhost: {}\r\ncontent-length: 99\r\n\r\nname=", who.address())
                .into_bytes(),
            3 => b"POST /rooms HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n".to_vec(),
            _ => bytes(&mut random, 2_000),
        };
        // Who is refused in the middle of it may not be able to send the rest.
        let _ = stream.write_all(&sent).await;
        match random.random_range(0..3) {
            0 => half_open.push(stream),
            1 => drop(stream.shutdown().await),
            _ => drop(stream),
        }
        if half_open.len() > 20 {
            half_open.remove(0);
        }
    }
}

/// Every route, with a method, a body and fields that it does not have.
async fn over_forms(who: Visitor, code: String, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let paths = [
        "/",
        "/me",
        "/rooms",
        "/rooms?code=%FF%00",
        "/rooms/%2e%2e%2f",
        "/rooms/CODE",
        "/rooms/CODE?before=-1",
        "/rooms/CODE/messages",
        "/rooms/CODE/messages?after=x",
        "/rooms/CODE/files",
        "/rooms/CODE/files/99999999999999999999",
        "/rooms/CODE/leave",
        "/search?q=%22%22%22*%00",
        "/direct",
        "/workspaces",
        "/workspaces/W",
        "/workspaces/W/join",
        "/workspaces/W/channels",
        "/workspaces/W/announcements",
        "/account",
        "/account/login",
        "/account/register",
        "/account/password",
        "/account/notifications",
        "/notifications",
        "/admin/kill/services/rooms/CODE",
        "/assets/../../Cargo.toml",
        "/assets/x/client.js",
    ];
    let types = [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
        "multipart/form-data",
        "application/json",
        "text/plain; charset=utf-7",
    ];
    for _ in 0..TRIES {
        let path = paths.choose(&mut random).expect("some").replace("CODE", &code);
        let method = ["GET", "POST", "PUT", "DELETE", "HEAD", "BREW"].choose(&mut random).expect("some");
        let kind = types.choose(&mut random).expect("some");
        let body = match random.random_range(0..6) {
            0 => bytes(&mut random, 500),
            1 => b"id=%zz&body=%ff%fe&name=\xff".to_vec(),
            2 => "name=a&".repeat(2_000).into_bytes(),
            3 => vec![b'x'; 300_000],
            4 => b"--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"../../x\"\r\n\r\nno end".to_vec(),
            _ => b"--b\r\ncontent-disposition: nothing\r\n\r\n--b--\r\n".to_vec(),
        };
        let origin = if random.random_bool(0.8) { who.origin() } else { "http://elsewhere.example".into() };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncookie: {}\r\norigin: {origin}\r\ncontent-type: {kind}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            who.address(),
            who.cookie(),
            body.len()
        );
        let mut stream = TcpStream::connect(who.address()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // A server that has answered need not read the rest.
        let _ = stream.write_all(&body).await;
        let mut answer = Vec::new();
        let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an answer in time");
        let status = String::from_utf8_lossy(answer.get(9..12).unwrap_or_default()).into_owned();
        // A connection whose body is not read may be reset before its answer.
        assert!(!status.starts_with('5') && (read.is_err() || status.len() == 3), "{method} {path} {kind}: {status}");
    }
}

/// Two people, one sending to the other, until there is nothing to disturb them any more.
async fn talk(ada: &Visitor, bob: &Visitor, code: &str, storm: &mut JoinSet<()>) -> Vec<(u64, String)> {
    let (mut says, mut hears) = (ada.join(code, 0).await, bob.join(code, 0).await);
    let mut said = Vec::new();
    while said.len() < TALK || !storm.is_empty() {
        let body = format!("line {}", said.len());
        says.post(&format!("talk-{:08}", said.len()), &body).await;
        let seq = says.next_of("stored").await["seq"].as_u64().unwrap();
        said.push((seq, body));
        assert_eq!(hears.messages(1).await[0], said[said.len() - 1]);
        while let Some(ended) = storm.try_join_next() {
            ended.expect("an attacker has nothing to complain about");
        }
    }
    said
}

/// The value of a metric, over all its labels.
fn sum(metrics: &str, name: &str) -> f64 {
    let of = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
    metrics.lines().filter(of).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

async fn messages(who: &Visitor, room: &str) -> Vec<Value> {
    let past: Value = serde_json::from_str(&who.get(&format!("/rooms/{room}/messages")).await.body).unwrap();
    past["messages"].as_array().expect("a list").clone()
}

fn start(folder: &Path) -> (Running, PathBuf) {
    let (database, log) = (folder.join("chat.sqlite3"), folder.join("log"));
    let flags = [
        "--port=0",
        "--database",
        database.to_str().unwrap(),
        "--admin-token",
        ADMIN_TOKEN,
        "--handshake=500ms",
        "--post-burst=1000000",
        "--person-burst=1000000",
        "--room-burst=1000000",
        "--address-login-burst=1000000",
        "--log-format=json",
    ];
    let mut command = chat_demo(flags);
    command.env("RUST_LOG", "info");
    (Running::spawn_with_log(command, File::create(&log).unwrap()), log)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_sent_nothing_panics_nothing_is_kept_and_people_talk_on() {
    let folder = tempfile::tempdir().unwrap();
    let (running, log) = start(folder.path());
    let (ada, code) = running.founder("Ada").await;
    let (bob, quiet) = running.founder("Bob").await;
    // The room where everything but talk is sent, over sessions of its own.
    let (eve, attacked) = running.founder("Eve").await;
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let before = running.memory().0;
    let refused = sum(&ada.get("/metrics").await.body, "chat_refused_total");

    let mut storm = JoinSet::new();
    for attacker in 0..ATTACKERS {
        let seed = seed ^ attacker;
        storm.spawn(over_sockets(eve.clone(), attacked.clone(), seed));
        storm.spawn(over_connections(eve.clone(), attacked.clone(), seed));
        storm.spawn(over_forms(eve.clone(), attacked.clone(), seed));
    }
    let said = talk(&ada, &bob, &code, &mut storm).await;
    assert!(said.iter().map(|(seq, _)| *seq).eq(1..=said.len() as u64), "once and in order");

    let since = Instant::now();
    let metrics = loop {
        let metrics = ada.get("/metrics").await.body;
        if sum(&metrics, "chat_sockets") == 0.0 {
            break metrics;
        }
        assert!(since.elapsed() < PATIENCE, "sockets stay: {metrics}");
    };
    let log = std::fs::read_to_string(log).unwrap();
    let complaint = log.lines().find(|line| line.contains("panicked") || line.contains("\"ERROR\""));
    assert_eq!(complaint, None);
    assert!(log.contains("the store is up"), "something is logged");
    assert_eq!(sum(&metrics, "supervisor_restarts_total"), 0.0, "nothing was restarted");
    let more = sum(&metrics, "chat_refused_total") - refused;
    assert!(more >= 100.0, "{more} counted");
    let after = running.memory().0;
    assert!(after.saturating_sub(before) < GROWTH, "{before} bytes before, {after} after");

    // Of what was not as it must be nothing was kept.
    assert_eq!(messages(&ada, &quiet).await, [] as [Value; 0]);
    for message in messages(&ada, &attacked).await {
        let body = message["body"].as_str().unwrap();
        assert!(body.is_empty() || body.len() <= 4096 && !body.contains('\0'), "{message}");
    }
    assert_eq!(left(&folder.path().join("chat.files")), (0, 0), "files");
}
