//! Who is online or away, over the socket and on the page.

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use supervisor::testing::Chaos;
use support::socket::Socket;
use support::{Server, wide};

/// Waits until the room tells that somebody is `status`. That they are online may be told when they come.
async fn becomes(socket: &mut Socket, id: &Value, status: &str) {
    loop {
        let frame = socket.next_of("presence").await;
        if (&frame["id"], &frame["status"]) == (id, &json!(status)) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_away_until_one_of_their_sockets_says_otherwise() {
    let mut limits = wide();
    limits.presence_away = Duration::from_millis(300);
    let server = Server::with_limits(limits).await;
    let (ada, code) = server.founder("Ada").await;
    let (bob, other) = server.founder("Bob").await;
    let mut watching = bob.join(&code, 0).await;
    let mut tab = ada.join(&code, 0).await;
    let mut elsewhere = ada.join(&other, 0).await;
    let id = tab.welcome["you"]["id"].clone();
    becomes(&mut watching, &id, "away").await;
    becomes(&mut tab, &id, "away").await;

    // Whoever comes later is told, and so is a page.
    let late = bob.join(&code, 0).await;
    assert!(late.welcome["away"].as_array().unwrap().contains(&id), "{}", late.welcome);
    let page = ada.get(&format!("/rooms/{code}")).await.body;
    assert!(page.contains("data-status=\"away\""), "{page}");

    // To be there, and to answer, is not to be active.
    tab.send(json!({"type": "ping"})).await;
    tab.next_of("pong").await;
    elsewhere.send(json!({"type": "active"})).await;
    becomes(&mut watching, &id, "online").await;
    becomes(&mut watching, &id, "away").await;
    tab.post("ada-0001", "hello").await;
    becomes(&mut watching, &id, "online").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_there_is_known_again_after_the_service_was_killed() {
    let mut limits = wide();
    limits.presence_away = Duration::from_millis(300);
    limits.ping = Duration::from_secs(60);
    limits.idle = Duration::from_secs(120);
    let server = Server::with_limits(limits).await;
    let (ada, code) = server.founder("Ada").await;
    let bob = server.guest("Bob", &code).await;
    let mut watching = bob.join(&code, 0).await;
    let mut tab = ada.join(&code, 0).await;
    let id = tab.welcome["you"]["id"].clone();
    becomes(&mut watching, &id, "away").await;
    // Each connection says again that it is there, long before the next ping, and since when nothing was done.
    Chaos::of(server.app.tree(), 1).kill("presence").unwrap();
    becomes(&mut watching, &id, "away").await;
    let late = bob.join(&code, 0).await;
    assert!(late.welcome["away"].as_array().unwrap().contains(&id), "{}", late.welcome);
    tab.send(json!({"type": "active"})).await;
    becomes(&mut watching, &id, "online").await;
    // Nobody's talk was touched by it.
    tab.post("ada-0001", "hello").await;
    assert_eq!(watching.messages(1).await, [(1, "hello".to_owned())]);
}
