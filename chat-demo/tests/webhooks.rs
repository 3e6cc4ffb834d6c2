//! Signed webhooks, to people and to the operator, against a receiver of our own.

#![cfg(feature = "webhooks")]

mod support;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chat_demo::config::Limits;
use chat_demo::domain::coordinator::Hook;
use chat_demo::domain::notification::{Announcement, HookEvent};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use supervisor::testing::Chaos;
use support::http::{self, Answer};
use support::receiver::{Received, Receiver};
use support::{ADMIN_TOKEN, Server, Visitor, wide};

const HOME: [&str; 3] = ["--memory", "--webhook-http", "--webhook-private"];
const OPERATORS: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Limits with which a test does not take long.
fn quick() -> Limits {
    let mut limits = wide();
    limits.notification_after = Duration::from_millis(1);
    limits.notification_backoff = Duration::from_millis(10);
    limits
}

async fn add(visitor: &Visitor, url: &str) -> Answer {
    visitor.post("/account/notifications/webhooks", &[("url", url)]).await
}

/// The secret that a page shows.
fn secret(page: &Answer) -> String {
    page.body.split("id=\"secret\">").nth(1).expect("a secret").split('<').next().unwrap().to_owned()
}

fn verify(secret: &str, received: &Received) {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let signature = received.header("webhook-signature").strip_prefix("v1,").unwrap();
    let signed =
        format!("{}.{}.{}", received.header("webhook-id"), received.header("webhook-timestamp"), received.text());
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(signed.as_bytes());
    mac.verify_slice(&STANDARD.decode(signature).unwrap()).expect("the signature is right");
}

/// Ada, who is in a room of Bob's and has gone, and Bob, who writes there.
async fn people(server: &Server) -> (Visitor, Visitor, String) {
    let (bob, code) = server.founder("Bob").await;
    let ada = server.guest("Ada", &code).await;
    assert_eq!(ada.get(&format!("/rooms/{code}")).await.status, 200);
    (ada, bob, code)
}

async fn say(visitor: &Visitor, code: &str, id: &str, body: &str) {
    let answer = visitor.post(&format!("/rooms/{code}/messages"), &[("id", id), ("body", body)]).await;
    assert_eq!(answer.status, 303);
}

async fn operator(server: &Server, method: &str, path: &str) -> Answer {
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    http::request(&server.address(), method, path, &[("authorization", &*bearer)], "").await
}

/// Waits until the operator sees so many dead letters.
async fn dead(server: &Server, count: usize) -> Vec<Value> {
    let mut events = server.app.notifications().events(64).unwrap();
    loop {
        let list: Value = serde_json::from_str(&operator(server, "GET", "/admin/notifications").await.body).unwrap();
        let dead = list["dead"].as_array().unwrap();
        if dead.len() == count {
            return dead.clone();
        }
        tokio::time::timeout(support::PATIENCE, events.recv()).await.expect("an end in time").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mention_is_posted_with_a_signature_that_the_receiver_can_check() {
    let server = Server::with(quick(), &HOME).await;
    let mut receiver = Receiver::start().await;
    let (ada, bob, code) = people(&server).await;
    let page = add(&ada, &receiver.url("/hook?token=a")).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let secret = secret(&page);
    let settings = ada.get("/account/notifications").await.body;
    assert!(!settings.contains(&secret) && settings.contains("/hook") && !settings.contains("token=a"), "{settings}");
    say(&bob, &code, "bob-0001", "hello @ada \"<b>\"").await;
    let received = receiver.next().await;
    assert_eq!(received.line, "POST /hook?token=a HTTP/1.1");
    verify(&secret, &received);
    let body: Value = serde_json::from_str(received.text()).unwrap();
    assert_eq!(body["type"], "mention");
    assert_eq!((&body["data"]["body"], &body["data"]["by"]["name"]), (&json!("hello @ada \"<b>\""), &json!("Bob")));
    assert_eq!(body["data"]["url"], format!("{}/rooms/{code}", ada.origin()));
    let now = chat_demo::domain::UnixMillis::now().0 / 1000;
    assert!((now - received.header("webhook-timestamp").parse::<i64>().unwrap()).abs() < 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_posted_again_under_the_same_id_and_what_is_refused_is_not() {
    let server = Server::with(quick(), &HOME).await;
    let mut receiver = Receiver::start().await;
    let (ada, bob, code) = people(&server).await;
    assert_eq!(add(&ada, &receiver.url("/")).await.status, 200);
    receiver.answer("503 Busy");
    receiver.answer("429 Slow\r\nretry-after: 0");
    receiver.answer("200 OK");
    say(&bob, &code, "bob-0001", "@ada").await;
    let tries = [receiver.next().await, receiver.next().await, receiver.next().await];
    assert!(tries.iter().all(|one| one.header("webhook-id") == tries[0].header("webhook-id")));
    for (n, answer) in ["400 Bad", "302 Found\r\nlocation: /elsewhere", "404 No"].into_iter().enumerate() {
        receiver.answer(answer);
        say(&bob, &code, &format!("bob-1{n:03}"), "@ada").await;
        receiver.next().await;
        let letters = dead(&server, n + 1).await;
        assert_eq!(letters[0]["error"], format!("it was answered with {}", &answer[..3]));
        assert_eq!((&letters[0]["way"], &letters[0]["tries"]), (&json!("webhook"), &json!(1)));
    }
    assert!(receiver.is_idle(), "no redirect is followed");

    // An address that is gone is switched off, and whoever gave it sees that.
    receiver.answer("410 Gone");
    say(&bob, &code, "bob-2000", "@ada").await;
    receiver.next().await;
    dead(&server, 4).await;
    assert!(ada.get("/account/notifications").await.body.contains("Switch on"));
    let metrics = server.stranger().get("/metrics").await.body;
    assert!(!metrics.contains(&receiver.address().to_string()), "no address is a label");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_lists_dead_letters_tries_them_again_and_forgets_them_only_where_that_is_allowed() {
    let flags = [&HOME[..], &["--allow-destructive"]].concat();
    for allowed in [false, true] {
        let server = Server::with(quick(), if allowed { &flags } else { &HOME }).await;
        let mut receiver = Receiver::start().await;
        let (ada, bob, code) = people(&server).await;
        add(&ada, &receiver.url("/")).await;
        receiver.answer("404 No");
        say(&bob, &code, "bob-0001", "@ada, a secret").await;
        let first = receiver.next().await;
        let letter = dead(&server, 1).await.remove(0);
        assert!(!letter.to_string().contains("a secret"), "{letter}");
        let path = |action: &str| format!("/admin/notifications/{}/{action}", letter["number"]);
        for action in ["retry", "discard"] {
            for token in ["", "Bearer wrong"] {
                let headers = [("authorization", token)];
                assert_eq!(http::request(ada.address(), "POST", &path(action), &headers, "").await.status, 401);
            }
        }
        assert_eq!(http::request(ada.address(), "GET", "/admin/notifications", &[], "").await.status, 401);
        if allowed {
            assert_eq!(operator(&server, "POST", &path("discard")).await.status, 200);
            assert_eq!(operator(&server, "POST", &path("retry")).await.status, 404);
            dead(&server, 0).await;
        } else {
            assert_eq!(operator(&server, "POST", &path("discard")).await.status, 403);
            assert_eq!(operator(&server, "POST", &path("retry")).await.status, 200);
            assert_eq!(receiver.next().await.header("webhook-id"), first.header("webhook-id"));
            dead(&server, 0).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_has_anything_sent_into_the_network_of_the_server() {
    let server = Server::with(quick(), &["--memory", "--webhook-http"]).await;
    let mut receiver = Receiver::start().await;
    let (ada, bob, code) = people(&server).await;
    let port = receiver.address().port();
    for url in [
        receiver.url("/"),
        format!("http://127.1:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://ada:secret@example.org:{port}/"),
        "http://169.254.169.254/latest/meta-data/".into(),
        "ftp://example.org/".into(),
        "not an address".into(),
    ] {
        let page = add(&ada, &url).await;
        assert_eq!(page.status, 422, "{url}");
        assert!(page.body.contains("role=\"alert\""));
    }
    // A name is looked up when something is sent: this one is this machine.
    assert_eq!(add(&ada, &format!("http://localhost:{port}/")).await.status, 200);
    say(&bob, &code, "bob-0001", "@ada").await;
    let letters = dead(&server, 1).await;
    assert_eq!(letters[0]["error"], "the address leads into a private network");
    assert!(receiver.is_idle());
    let plain = Server::with(quick(), &["--memory"]).await;
    let (eve, _) = plain.founder("Eve").await;
    assert_eq!(add(&eve, "http://example.org/").await.status, 422, "not encrypted");
    assert_eq!(add(&eve, "https://example.org/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_changes_only_what_is_their_own_from_our_own_pages() {
    let server = Server::with(quick(), &HOME).await;
    let mut receiver = Receiver::start().await;
    let (ada, bob, code) = people(&server).await;
    for url in ["/one", "/two"] {
        assert_eq!(add(&ada, &receiver.url(url)).await.status, 200);
    }
    assert_eq!(add(&ada, &receiver.url("/three")).await.status, 409, "two are enough");
    let page = ada.get("/account/notifications").await.body;
    let numbers: Vec<_> = page
        .split("action=\"/account/notifications/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|number| number.parse::<i64>().is_ok())
        .collect();
    let path = |at: usize| format!("/account/notifications/{}", numbers[at]);
    // Not somebody else's, not from another site, not without a session.
    assert_eq!(bob.post(&path(0), &[("action", "remove")]).await.status, 303);
    let form = "application/x-www-form-urlencoded";
    for origin in ["", "https://evil.example"] {
        let headers = [("cookie", ada.cookie()), ("origin", origin), ("content-type", form)];
        assert_eq!(http::request(ada.address(), "POST", &path(0), &headers, "action=remove").await.status, 403);
        let url = "url=https%3A%2F%2Fevil.example";
        let webhooks = "/account/notifications/webhooks";
        assert_eq!(http::request(ada.address(), "POST", webhooks, &headers, url).await.status, 403);
    }
    assert_eq!(add(&server.stranger(), "https://evil.example").await.header("location"), Some("/"));
    assert_eq!(ada.post(&path(0), &[("action", "steal")]).await.status, 400);
    assert_eq!(ada.post(&path(0), &[("action", "off")]).await.status, 303);
    say(&bob, &code, "bob-0001", "@ada").await;
    assert!(receiver.next().await.line.contains("/two"));
    assert_eq!(ada.post(&path(1), &[("action", "remove")]).await.status, 303);
    assert_eq!(ada.post(&path(0), &[("action", "on")]).await.status, 303);
    say(&bob, &code, "bob-0002", "@ada").await;
    assert!(receiver.next().await.line.contains("/one"));
    assert!(receiver.is_idle());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_programs_hear_of_what_starts_and_stops() {
    let (mut one, mut two) = (Receiver::start().await, Receiver::start().await);
    let urls = format!("{},{}", one.url("/a"), two.url("/b"));
    let flags = ["--memory", "--hook-url", &urls, "--hook-secret", OPERATORS];
    let server = Server::with(quick(), &flags).await;
    let events = [HookEvent::WorkspaceStarted, HookEvent::ChannelStarted, HookEvent::WorkspaceShutdown];
    for (n, event) in events.into_iter().enumerate() {
        let announcement = Announcement::new(event, &json!({ "workspace": n }));
        server.app.notifications().announce(&[announcement.clone(), announcement]).await.unwrap();
        for receiver in [&mut one, &mut two] {
            let received = receiver.next().await;
            verify(OPERATORS, &received);
            let body: Value = serde_json::from_str(received.text()).unwrap();
            assert_eq!((&body["type"], &body["data"]["workspace"]), (&json!(event.as_str()), &json!(n)));
        }
    }
    let refused = Server::try_with(quick(), &["--memory"]).await.expect("it starts without any");
    let announcement = [Announcement::new(HookEvent::ChannelStarted, &json!({}))];
    refused.app.notifications().announce(&announcement).await.unwrap();
    assert_eq!(refused.app.notifications().statistics().await.unwrap().load.waiting, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn workspaces_and_channels_are_told_of_when_they_start_and_rest() {
    let mut receiver = Receiver::start().await;
    let flags = ["--memory", "--hook-url", &receiver.url("/"), "--hook-secret", OPERATORS];
    let mut limits = quick();
    limits.room_idle = Duration::from_millis(500);
    let server = Server::with(limits, &flags).await;
    let mut heard = server.app.hooks().listen().unwrap();
    let (ada, workspace, general) = server.team("Ada").await;
    say(&ada, &general, "ada-0001", "Anybody here?").await;
    let mut told = std::collections::HashMap::new();
    while told.len() < 3 {
        let received = receiver.next().await;
        verify(OPERATORS, &received);
        let body: Value = serde_json::from_str(received.text()).unwrap();
        told.entry(body["type"].as_str().unwrap().to_owned()).or_insert(body["data"].clone());
    }
    assert_eq!(told["workspace_started"], json!({ "workspace": workspace }));
    assert_eq!(told["channel_started"], json!({ "workspace": workspace, "room": general, "channel": "general" }));
    assert_eq!(told["workspace_shutdown"], json!({ "workspace": workspace }));
    // Those who listen within the program hear the same.
    let mut hooks = Vec::new();
    while hooks.len() < 3 {
        hooks.push(heard.recv().await.unwrap());
    }
    let workspace = workspace.parse().unwrap();
    assert!(hooks.contains(&Hook::WorkspaceStarted { workspace }), "{hooks:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_starts_while_the_coordinator_is_restarted_is_told_once() {
    const WORKSPACES: usize = 30;
    let mut receiver = Receiver::start().await;
    let flags = ["--memory", "--hook-url", &receiver.url("/"), "--hook-secret", OPERATORS];
    let server = Server::with(quick(), &flags).await;
    let mut chaos = Chaos::of(server.app.tree(), 0);
    let (ada, ..) = server.team("Ada").await;
    let (mut started, mut kills) = (1, 0);
    while started < WORKSPACES {
        // It takes a while to come back, longer each time: what starts meanwhile waits for it.
        kills += u32::from(kills < 6 && chaos.kill("coordinator").is_ok());
        if started == WORKSPACES - 5 {
            server.app.tree().terminate_child("coordinator").await.unwrap();
        }
        let answer = ada.post("/workspaces", &[("name", "Ada"), ("workspace", "Engines")]).await;
        let workspace = answer.header("location").unwrap().rsplit('/').next().unwrap().to_owned();
        ada.channel(&workspace, "engines").await;
        started += 1;
    }
    assert!(kills >= 3, "{kills} kills are no test");
    server.app.tree().restart_child("coordinator").await.unwrap();
    let mut told = std::collections::HashMap::<String, std::collections::HashSet<String>>::new();
    while told.len() < WORKSPACES {
        let received = receiver.next().await;
        let body: Value = serde_json::from_str(received.text()).unwrap();
        assert_eq!(body["type"], "workspace_started");
        let ids = told.entry(body["data"]["workspace"].as_str().unwrap().to_owned()).or_default();
        ids.insert(received.header("webhook-id").to_owned());
    }
    assert!(told.values().all(|ids| ids.len() == 1), "what comes twice has the same id: {told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_program_is_the_shutdown_of_its_workspaces() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("chat.sqlite3");
    let mut receiver = Receiver::start().await;
    let url = receiver.url("/");
    let flags = ["--database", database.to_str().unwrap(), "--hook-url", &url, "--hook-secret", OPERATORS];
    let server = Server::with(quick(), &flags).await;
    let mut heard = server.app.hooks().listen().unwrap();
    let mut workspaces = std::collections::BTreeSet::new();
    for name in ["Ada", "Bob", "Cleo"] {
        workspaces.insert(server.team(name).await.1);
    }
    for _ in 0..3 {
        assert!(matches!(heard.recv().await.unwrap(), Hook::WorkspaceStarted { .. }));
    }
    server.app.into_tree().stop().await;
    let mut ended = std::collections::BTreeSet::new();
    while let Ok(hook) = heard.try_recv() {
        let Hook::WorkspaceShutdown { workspace } = hook else { panic!("{hook:?}") };
        assert!(ended.insert(workspace.to_string()), "once");
    }
    assert_eq!(ended, workspaces);
    // What the operator's programs were not told before the end, they are when it runs again.
    let _server = Server::with(quick(), &flags).await;
    let mut told = std::collections::BTreeSet::new();
    while told != workspaces {
        let body: Value = serde_json::from_str(receiver.next().await.text()).unwrap();
        if body["type"] == "workspace_shutdown" {
            told.insert(body["data"]["workspace"].as_str().unwrap().to_owned());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_goes_out_when_the_program_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("chat.sqlite3");
    let flags = ["--database", database.to_str().unwrap(), "--webhook-http", "--webhook-private"];
    let mut receiver = Receiver::start().await;
    let mut slow = quick();
    slow.notification_after = Duration::from_secs(3600);
    let server = Server::with(slow, &flags).await;
    let (ada, bob, code) = people(&server).await;
    let secret = secret(&add(&ada, &receiver.url("/")).await);
    say(&bob, &code, "bob-0001", "@ada").await;
    server.app.into_tree().stop().await;
    assert!(receiver.is_idle());
    let _server = Server::with(quick(), &flags).await;
    verify(&secret, &receiver.next().await);
}
