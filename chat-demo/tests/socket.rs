//! The socket, spoken to as no browser would.

mod support;

use std::time::Duration;

use serde_json::json;
use support::socket::Socket;
use support::{Server, wide};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_reaches_everybody_and_is_acknowledged() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let bob = server.guest("Bob", &code).await;
    let (mut a, mut b) = (ada.join(&code, 0).await, bob.join(&code, 0).await);

    a.post("ada-0001", "hello <b>&\n").await;
    assert_eq!(a.next_of("stored").await["seq"], 1);
    let heard = b.next_of("message").await;
    assert_eq!(heard["body"], "hello <b>&");
    assert_eq!(heard["author"]["name"], "Ada");
    assert_eq!(heard["author"]["id"], a.welcome["you"]["id"]);
    b.post("bob-0001", "hello yourself").await;
    assert_eq!(b.next_of("stored").await["seq"], 2);
    assert_eq!(a.messages(2).await, [(1, "hello <b>&".into()), (2, "hello yourself".into())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_open_a_socket() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let (address, ours) = (server.address(), ada.origin());
    let open =
        async |code: &str, cookie: &str, origin: Option<&str>| Socket::open(&address, code, cookie, origin).await.err();
    assert_eq!(open(&code, ada.cookie(), Some(&ours)).await, None);
    assert_eq!(open(&code, ada.cookie(), Some("http://evil.example")).await, Some(403));
    assert_eq!(open(&code, ada.cookie(), Some(&format!("{ours}.evil.example"))).await, Some(403));
    assert_eq!(open(&code, ada.cookie(), None).await, Some(403));
    assert_eq!(open(&code, "", Some(&ours)).await, Some(401));
    assert_eq!(open(&code, "chat_session=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Some(&ours)).await, Some(401));
    assert_eq!(open("22222222", ada.cookie(), Some(&ours)).await, Some(404));
    assert_eq!(open("nonsense", ada.cookie(), Some(&ours)).await, Some(404));
    assert_eq!(open(&"A".repeat(5000), ada.cookie(), Some(&ours)).await, Some(404));
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_refused_and_the_talk_goes_on() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let mut socket = ada.join(&code, 0).await;
    for nonsense in [
        "",
        "{",
        "null",
        "[1,2]",
        r#"{"type":"post"}"#,
        r#"{"type":"post","id":["x"],"body":7}"#,
        r#"{"type":"launch","at":"dawn"}"#,
        r#"{"type":"join","v":1,"after":0}"#,
        &"[".repeat(60_000),
    ] {
        socket.send_raw(Message::text(nonsense)).await;
        let frame = socket.next_of("refused").await;
        assert_eq!(frame["reason"], "frame", "{nonsense}: {frame}");
    }
    for (id, body, reason) in [
        ("short", "hello", "id"),
        ("no spaces!", "hello", "id"),
        ("ada-0001", "", "body"),
        ("ada-0001", " \n\u{200b}", "body"),
        ("ada-0001", &"x".repeat(4097), "body"),
        ("ada-0001", &"é".repeat(4096), "body"),
    ] {
        socket.post(id, body).await;
        let frame = socket.next_of("refused").await;
        assert_eq!((&frame["reason"], frame.get("retry_ms")), (&json!(reason), None), "{frame}");
    }
    socket.post("ada-0001", &"x".repeat(4096)).await;
    assert_eq!(socket.next_of("stored").await["seq"], 1, "nothing of the above was stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_nonsense_is_sent_away() {
    let mut limits = wide();
    limits.post_burst = 5;
    let server = Server::with_limits(limits).await;
    let (ada, code) = server.founder("Ada").await;
    let mut socket = ada.join(&code, 0).await;
    for _ in 0..20 {
        socket.send_raw(Message::text("?")).await;
    }
    assert_eq!(socket.closed().await.0, 1008);
}

#[tokio::test(flavor = "multi_thread")]
async fn huge_frames_are_sent_away_with_a_reason() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    for size in [64 * 1024 + 1, 200 * 1024, 1024 * 1024] {
        let mut socket = ada.join(&code, 0).await;
        socket.send_raw(Message::text("x".repeat(size))).await;
        assert_eq!(socket.closed().await, (1009, "a frame can have 64 KB".into()), "{size}");
    }
    let mut socket = ada.join(&code, 0).await;
    socket.send_raw(Message::text("x".repeat(64 * 1024))).await;
    assert_eq!(socket.next_of("refused").await["reason"], "frame", "64 KB are read");
    socket.send_raw(Message::binary(vec![0; 10])).await;
    assert_eq!(socket.closed().await.0, 1003);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_frame_that_is_none() {
    let mut limits = wide();
    limits.handshake = Duration::from_millis(300);
    let server = Server::with_limits(limits).await;
    let (ada, code) = server.founder("Ada").await;
    let mut silent = ada.dial(&code).await;
    assert_eq!(silent.closed().await.0, 1008);
    for first in [r#"{"type":"join","v":2}"#, r#"{"type":"post","id":"ada-0001","body":"hi"}"#, "hello"] {
        let mut socket = ada.dial(&code).await;
        socket.send_raw(Message::text(first)).await;
        assert_eq!(socket.closed().await.0, 1008, "{first}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_sent_away() {
    let mut limits = wide();
    limits.ping = Duration::from_secs(3600);
    limits.idle = Duration::from_millis(300);
    let server = Server::with_limits(limits).await;
    let (ada, code) = server.founder("Ada").await;
    let mut socket = ada.join(&code, 0).await;
    assert_eq!(socket.closed().await.0, 4000);
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_keep_a_silent_client() {
    let mut limits = wide();
    limits.ping = Duration::from_millis(100);
    limits.idle = Duration::from_millis(1000);
    let server = Server::with_limits(limits).await;
    let (ada, code) = server.founder("Ada").await;
    let mut silent = ada.join(&code, 0).await;
    let mut other = ada.join(&code, 0).await;
    let started = std::time::Instant::now();
    let mut number = 0;
    while started.elapsed() < Duration::from_millis(2500) {
        number += 1;
        other.post(&format!("other-{number:04}"), "still there?").await;
        // Reading is what answers the pings.
        assert_eq!(silent.messages(1).await[0].0, number);
        other.next_of("stored").await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_talks_too_fast_is_asked_to_wait() {
    let mut limits = wide();
    limits.post_burst = 3;
    limits.posts_per_second = 10.0;
    let server = Server::with_limits(limits).await;
    let (ada, code) = server.founder("Ada").await;
    let mut socket = ada.join(&code, 0).await;
    for n in 0..4 {
        socket.post(&format!("ada-000{n}"), "quick").await;
    }
    let refused = socket.next_of("refused").await;
    assert_eq!((&refused["id"], &refused["reason"]), (&json!("ada-0003"), &json!("rate")));
    let wait = refused["retry_ms"].as_u64().expect("when to come back");
    assert!(wait <= 100, "{wait}");
    tokio::time::sleep(Duration::from_millis(wait + 1)).await;
    socket.post("ada-0003", "quick").await;
    loop {
        let frame = socket.next_of("stored").await;
        if frame["id"] == "ada-0003" {
            assert_eq!(frame["seq"], 4);
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signs_of_writing_keep_nobody_from_saying_it_and_are_bounded_themselves() {
    let mut limits = wide();
    limits.post_burst = 3;
    limits.posts_per_second = 0.001;
    let server = Server::with_limits(limits).await;
    let (ada, code) = server.founder("Ada").await;
    let bob = server.guest("Bob", &code).await;
    let (mut writer, mut reader) = (ada.join(&code, 0).await, bob.join(&code, 0).await);
    for n in 0..50 {
        writer.send(json!({"type": "typing", "on": n % 2 == 0})).await;
        writer.send(json!({"type": "active"})).await;
        writer.send(json!({"type": "read", "seq": 0})).await;
        writer.send(json!({"type": "ping"})).await;
    }
    for n in 0..4 {
        writer.post(&format!("ada-000{n}"), "quick").await;
    }
    for _ in 0..3 {
        writer.next_of("stored").await;
    }
    assert_eq!(writer.next_of("refused").await["id"], "ada-0003", "messages have their bound as before");
    let mut told = 0;
    loop {
        match reader.next().await {
            frame if frame["type"] == "typing" => told += 1,
            frame if frame["seq"] == 3 => break,
            _ => {}
        }
    }
    // Two of the first three signs: the second is `active`.
    assert!(told <= 2, "{told} of 50 signs were passed on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_room_says_so() {
    let mut limits = wide();
    limits.room_connections = 2;
    let server = Server::with_limits(limits).await;
    let (ada, code) = server.founder("Ada").await;
    let (_a, mut b) = (ada.join(&code, 0).await, ada.join(&code, 0).await);
    let mut third = ada.dial(&code).await;
    third.send(json!({"type": "join", "v": 1})).await;
    assert_eq!(third.closed().await, (1013, "the room is full; try again later".into()));
    b.post("ada-0001", "it is crowded").await;
    b.next_of("stored").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_there_is_told() {
    let mut limits = wide();
    limits.leave_grace = Duration::from_millis(50);
    let server = Server::with_limits(limits).await;
    let (ada, code) = server.founder("Ada").await;
    let bob = server.guest("Bob", &code).await;
    let mut a = ada.join(&code, 0).await;
    assert_eq!(a.welcome["members"].as_array().unwrap().len(), 1);
    let b = bob.join(&code, 0).await;
    assert_eq!(a.next_of("joined").await["person"]["name"], "Bob");
    let names: Vec<_> = b.welcome["members"].as_array().unwrap().iter().map(|who| who["name"].clone()).collect();
    assert_eq!(names, ["Ada", "Bob"]);
    // A second window is the same person.
    let second = bob.join(&code, 0).await;
    drop(second);
    let renamed = bob.post("/me", &[("name", "Robert"), ("room", &code)]).await;
    assert_eq!(renamed.header("set-cookie"), None, "the session goes on");
    let again = bob.join(&code, 0).await;
    assert_eq!(a.next_of("joined").await["person"], json!({"id": b.welcome["you"]["id"], "name": "Robert"}));
    drop((b, again));
    assert_eq!(a.next_of("left").await["id"], bob.join(&code, 0).await.welcome["you"]["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_program_is_said() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let mut socket = ada.join(&code, 0).await;
    let (closed, _) = tokio::join!(socket.closed(), server.app.tree().stop());
    assert_eq!(closed.0, 1001, "{closed:?}");
}
