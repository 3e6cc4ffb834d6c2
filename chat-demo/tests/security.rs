//! What somebody tries who means no good.

mod support;

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use support::http::{form, request};
use support::socket::Socket;
use support::{Server, Visitor, binary, wide};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[tokio::test(flavor = "multi_thread")]
async fn no_form_of_another_site_does_anything() {
    let server = Server::start().await;
    let (mut ada, code) = server.founder("Ada").await;
    let made = [("name", "Ada"), ("login", "ada"), ("new", "analytical engine")];
    let answer = ada.post("/account/register", &made).await;
    ada.take_cookie(&answer);
    let fields = form(&[
        ("name", "Eve"),
        ("room", &code),
        ("id", "evil-0001"),
        ("body", "evil"),
        ("login", "ada"),
        ("password", "analytical engine"),
        ("new", "stolen by Eve"),
    ]);
    let message = format!("/rooms/{code}/messages");
    let paths =
        ["/me", "/rooms", &message, "/account/login", "/account/register", "/account/logout", "/account/password"];
    let ours = ada.origin();
    let twice = format!("{ours}\r\norigin: https://evil.example");
    for path in paths {
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", &*format!("{ours}.evil.example")),
            ("origin", &*twice),
            // Without an origin nothing else counts: a proxy or an old program may have made it up.
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "none"),
            ("referer", &*format!("{ours}/")),
        ] {
            let answer =
                request(&server.address(), "POST", path, &[("cookie", ada.cookie()), FORM, (name, value)], &fields)
                    .await;
            assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{path} {name}: {value}");
        }
    }
    assert_eq!(ada.get("/account").await.status, 200, "still logged in, by the same password");
    let again = [("login", "ada"), ("password", "analytical engine")];
    assert_eq!(server.stranger().post("/account/login", &again).await.status, 303);
    assert!(!ada.get(&format!("/rooms/{code}")).await.body.contains("evil"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_was_turned_to_this_address_is_not_served() {
    let server = Server::with(wide(), &["--memory", "--origin", "https://Chat.example"]).await;
    let (ada, code) = server.founder("Ada").await;
    let port = server.app.address().port();
    let room = format!("/rooms/{code}");
    let asks = async |path: &str, host: &str| {
        let head = format!("GET {path} HTTP/1.1\r\n{host}cookie: {}\r\nconnection: close\r\n\r\n", ada.cookie());
        support::http::exchange(&server.address(), &head).await.status
    };
    for ours in
        [format!("127.0.0.1:{port}"), format!("LOCALHOST:{port}"), "chat.example".into(), "chat.example:443".into()]
    {
        assert_eq!(asks(&room, &format!("host: {ours}\r\n")).await, 200, "{ours}");
    }
    for other in ["evil.example", "127.0.0.1", "127.0.0.1:1", "chat.example.evil", "chat.example:444", "localhost", ""]
    {
        for path in ["/", &room, &format!("{room}/socket"), "/account"] {
            assert_eq!(asks(path, &format!("host: {other}\r\n")).await, 421, "{path} at {other:?}");
        }
    }
    assert_eq!(asks("/livez", "host: 10.0.0.1:4000\r\n").await, 200, "probes ask by any name");
    // Twice, or not at all.
    assert_ne!(asks(&room, &format!("host: 127.0.0.1:{port}\r\nhost: evil.example\r\n")).await, 200);
    assert_ne!(asks(&room, "").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_ends_with_its_session() {
    let server = Server::start().await;
    let (mut ada, code) = server.founder("Ada").await;
    let ended = (1008, "your session has ended; log in again".to_owned());
    let mut as_guest = ada.join(&code, 0).await;
    let answer =
        ada.post("/account/register", &[("name", "Ada"), ("login", "ada"), ("new", "analytical engine")]).await;
    ada.take_cookie(&answer);
    assert_eq!(as_guest.closed().await, ended, "who was a guest has an account");

    let log_in = async |password: &str| {
        let mut ada = server.stranger();
        let answer = ada.post("/account/login", &[("login", "ada"), ("password", password)]).await;
        ada.take_cookie(&answer);
        ada
    };
    let other = log_in("analytical engine").await;
    let (mut here, mut there, mut silent) =
        (ada.join(&code, 0).await, other.join(&code, 0).await, other.dial(&code).await);
    other.post("/account/logout", &[]).await;
    assert_eq!(there.closed().await, ended);
    assert_eq!(silent.closed().await, ended, "before it has joined, too");
    assert_eq!(Socket::open(&server.address(), &code, other.cookie(), Some(&other.origin())).await.err(), Some(401));
    here.post("ada-0001", "still here").await;
    here.next_of("stored").await;

    // Another password: everybody else is out.
    let (first, thief) = (log_in("analytical engine").await, log_in("analytical engine").await);
    let mut stolen = thief.join(&code, 0).await;
    first.post("/account/password", &[("password", "analytical engine"), ("new", "difference engine")]).await;
    stolen.post("evil-0001", "not any more").await;
    assert_eq!(stolen.closed().await, ended);
    assert_eq!(here.closed().await, ended);
    assert!(!server.stranger().get(&format!("/rooms/{code}")).await.body.contains("not any more"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_ends_when_the_time_of_its_session_is_over() {
    let mut limits = wide();
    limits.guest_session = Duration::from_secs(4);
    limits.session_check = Duration::from_millis(50);
    let server = Server::with_limits(limits).await;
    let (ada, code) = server.founder("Ada").await;
    let mut socket = ada.join(&code, 0).await;
    assert_eq!(socket.closed().await.0, 1008);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_sockets_say_no_more_than_one_person_may() {
    let mut limits = wide();
    limits.person_burst = 3;
    limits.person_posts_per_second = 0.01;
    let server = Server::with_limits(limits).await;
    let (ada, code) = server.founder("Ada").await;
    let bob = server.guest("Bob", &code).await;
    for n in 0..3 {
        let mut socket = ada.join(&code, 0).await;
        socket.post(&format!("ada-{n:04}"), "quick").await;
        socket.next_of("stored").await;
    }
    let mut socket = ada.join(&code, 0).await;
    socket.post("ada-0003", "quick").await;
    let refused = socket.next_of("refused").await;
    assert_eq!((&refused["id"], &refused["reason"]), (&json!("ada-0003"), &json!("rate")));
    assert!(refused["retry_ms"].as_u64().is_some_and(|wait| wait > 0), "{refused}");
    socket.delete("ada-0004", 1).await;
    assert_eq!(socket.next_of("refused").await["reason"], "rate");
    let page = ada.post(&format!("/rooms/{code}/messages"), &[("id", "ada-0005"), ("body", "quick")]).await;
    assert_eq!(page.status, 429, "without a script it is the same");
    let mut bobs = bob.join(&code, 0).await;
    bobs.post("bob-0001", "and I?").await;
    bobs.next_of("stored").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_people_say_no_more_than_a_room_bears() {
    let mut limits = wide();
    limits.room_burst = 2;
    limits.room_posts_per_second = 0.01;
    let server = Server::with_limits(limits).await;
    let (ada, code) = server.founder("Ada").await;
    let (other, elsewhere) = server.founder("Bob").await;
    for (n, name) in ["Bob", "Carl", "Dora"].into_iter().enumerate() {
        let mut socket = server.guest(name, &code).await.join(&code, 0).await;
        socket.post("some-0001", "hello").await;
        let answer = if n < 2 { "stored" } else { "refused" };
        socket.next_of(answer).await;
    }
    let mut socket = other.join(&elsewhere, 0).await;
    socket.post("some-0001", "another room").await;
    socket.next_of("stored").await;
    assert_eq!(ada.get(&format!("/rooms/{code}")).await.status, 200, "it can be read");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_so_many_sockets() {
    let mut limits = wide();
    limits.address_sockets = 2;
    let server = Server::with_limits(limits).await;
    let (ada, code) = server.founder("Ada").await;
    let bob = server.guest("Bob", &code).await;
    let open = async |who: &Visitor| Socket::open(&server.address(), &code, who.cookie(), Some(&who.origin())).await;
    let (one, two) = (ada.join(&code, 0).await, bob.join(&code, 0).await);
    assert_eq!(open(&ada).await.err(), Some(429));
    assert_eq!(open(&bob).await.err(), Some(429), "who they are does not matter");
    drop(one);
    let started = std::time::Instant::now();
    // The server hears of it when the connection is closed.
    while open(&ada).await.is_err() {
        assert!(started.elapsed() < support::PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(two);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_write_is_in_no_log_and_no_metric() {
    let mut child = binary::chat_demo(["--port", "0", "--memory"])
        .env("RUST_LOG", "trace,tungstenite=trace,tokio_postgres=trace")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let log = child.stderr.take().unwrap();
    let log = std::thread::spawn(move || std::io::read_to_string(log).unwrap());
    let mut ada = Visitor::at(url.trim().strip_prefix("http://").unwrap().trim_end_matches('/'));

    let answer = ada.post("/rooms", &[("name", "Marianne")]).await;
    ada.take_cookie(&answer);
    let code = answer.header("location").unwrap().rsplit('/').next().unwrap().to_owned();
    let made = [("name", "Marianne"), ("login", "secretlogin"), ("new", "secretpassword")];
    ada.take_cookie(&ada.post("/account/register", &made).await);
    ada.post("/account/login", &[("login", "secretlogin"), ("password", "secretguess")]).await;
    let mut socket = ada.join(&code, 0).await;
    socket.post("secretid-1", "secretbody").await;
    socket.next_of("stored").await;
    socket.edit("secretid-2", 1, "secretedit").await;
    socket.next_of("done").await;
    socket.send(json!({"type": "secrettype"})).await;
    socket.next_of("refused").await;
    ada.post(&format!("/rooms/{code}/messages"), &[("id", "secretid-3"), ("body", "secretform")]).await;
    ada.get("/secretpath?secretquery=1").await;
    ada.get("/rooms/secretcode").await;
    let metrics = ada.get("/metrics").await.body;
    child.kill().unwrap();
    child.wait().unwrap();
    let log = log.join().unwrap();
    assert!(log.contains("the store is up"), "something is logged: {log}");
    let token = &ada.cookie()[ada.cookie().len() - 32..];
    for secret in ["secret", "Marianne", token, ada.cookie()] {
        for (place, text) in [("log", &log), ("metrics", &metrics)] {
            let line = text.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret} is in the {place}");
        }
    }
    // Each room's own metrics would be one more label than there may be.
    assert!(metrics.contains("chat_messages_stored_total 2") && !metrics.contains(&code), "{metrics}");
}
