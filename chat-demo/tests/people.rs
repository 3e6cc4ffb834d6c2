//! People: what they are called, and what they do, over the socket.

mod support;

use serde_json::{Value, json};
use support::Server;
use support::socket::Socket;

/// The next person that the room tells of, by name and number.
async fn joined(socket: &mut Socket) -> (String, Value) {
    let person = socket.next_of("joined").await["person"].clone();
    (person["name"].as_str().unwrap().to_owned(), person["id"].clone())
}

async fn nick(socket: &mut Socket, id: &str, name: &str) {
    socket.send(json!({"type": "nick", "id": id, "name": name})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_name_is_heard_in_all_rooms_and_over_all_sockets() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let (bob, other) = server.founder("Bob").await;
    let mut tab = ada.join(&code, 0).await;
    let mut second = ada.join(&code, 0).await;
    let mut elsewhere = ada.join(&other, 0).await;
    let (mut b, mut c) = (bob.join(&code, 0).await, bob.join(&other, 0).await);
    let me = tab.welcome["you"]["id"].clone();

    nick(&mut tab, "nick-0001", "  Countess\u{202e} Ada ").await;
    assert_eq!(tab.next_of("done").await["id"], "nick-0001");
    for socket in [&mut b, &mut c] {
        assert_eq!(joined(socket).await, ("Countess Ada".into(), me.clone()));
    }
    // Each socket speaks by the new name, once it has heard of it.
    for (socket, listener) in [(&mut second, &mut b), (&mut elsewhere, &mut c)] {
        while joined(socket).await.0 != "Countess Ada" {}
        socket.post("ada-0001", "it is me").await;
        assert_eq!(listener.next_of("message").await["author"]["name"], "Countess Ada");
    }
    // What comes behind it on the same socket is said by the new name.
    nick(&mut tab, "nick-0002", "Lovelace").await;
    tab.post("ada-0002", "and now").await;
    assert_eq!(b.next_of("message").await["author"]["name"], "Lovelace");

    // A name given on the page is one too, and a room that is restarted knows it.
    assert_eq!(ada.post("/me", &[("name", "Ada"), ("room", &code)]).await.status, 303);
    while joined(&mut b).await.0 != "Ada" {}
    assert_eq!(ada.kill(&code).await, 200);
    tab.post("ada-0003", "after the kill").await;
    assert_eq!(b.next_of("message").await["author"]["name"], "Ada");
    let names: Vec<Value> = b.next_of("members").await["members"].as_array().unwrap().clone();
    assert!(names.iter().any(|person| person["name"] == "Ada"), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_none_are_refused_and_change_nothing() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let mut socket = ada.join(&code, 0).await;
    for name in ["", "\u{200b}", &"x".repeat(33)] {
        nick(&mut socket, "nick-0001", name).await;
        let refused = socket.next_of("refused").await;
        assert_eq!((&refused["reason"], &refused["id"]), (&json!("name"), &json!("nick-0001")), "{refused}");
    }
    nick(&mut socket, "x", "Bob").await;
    assert_eq!(socket.next_of("refused").await["reason"], "id");
    assert_eq!(ada.join(&code, 0).await.welcome["you"]["name"], "Ada");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_does_is_told_apart_from_what_one_says() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let mut socket = ada.join(&code, 0).await;
    socket.send(json!({"type": "post", "id": "ada-0001", "kind": "action", "body": "waves"})).await;
    socket.post("ada-0002", "waves").await;
    assert_eq!(socket.next_of("message").await["kind"], "action");
    assert_eq!(socket.next_of("message").await.get("kind"), None);
    assert_eq!(ada.kill(&code).await, 200);
    let mut late = ada.join(&code, 0).await;
    assert_eq!(late.next_of("message").await["kind"], "action");
    let page = ada.get(&format!("/rooms/{code}")).await.body;
    assert_eq!(page.matches("data-kind=\"action\"").count(), 1, "{page}");
    assert!(page.contains("<span class=\"actor\">Ada</span> <span class=\"act\">waves</span>"), "{page}");
}
