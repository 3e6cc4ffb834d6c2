//! What mentions somebody: the list, the count over the socket, quiet rooms.

mod support;

use chat_demo::domain::UnixMillis;
use serde_json::json;
use support::socket::Socket;
use support::{Server, Visitor, http};

/// Waits until the socket tells of so many notifications.
async fn count(socket: &mut Socket, expected: u64) {
    while socket.next_of("rooms").await["notices"] != expected {}
}

/// How many notifications the page lists, and how many of them as new.
async fn listed(visitor: &Visitor) -> (usize, usize) {
    let page = visitor.get("/notifications").await;
    assert_eq!(page.status, 200);
    (page.body.matches("<time ").count(), page.body.matches("<span class=\"new\">").count())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_mentioned_elsewhere_is_told_and_has_seen_it_when_it_is_read_or_marked() {
    let server = Server::start().await;
    let (ada, one) = server.founder("Ada").await;
    let (bob, two) = server.founder("Bob").await;
    assert_eq!(ada.get(&format!("/rooms/{two}")).await.status, 200);
    let mut here = ada.join(&one, 0).await;
    count(&mut here, 0).await;
    let mut writer = bob.join(&two, 0).await;
    writer.post("bob-0001", "@ada <b>one</b>").await;
    writer.post("bob-0002", "nobody").await;
    writer.post("bob-0003", "@Ada two").await;
    count(&mut here, 2).await;
    assert_eq!(listed(&ada).await, (2, 2));
    let page = ada.get("/notifications").await.body;
    assert!(page.contains("@ada &lt;b&gt;one&lt;/b&gt;") && page.find("two") < page.find("one"), "{page}");
    assert!(ada.get(&format!("/rooms/{one}")).await.body.contains("2<span class=\"unseen\"> new</span>"));
    assert_eq!(listed(&bob).await, (0, 0), "one's own words");

    // Read as far as the first.
    let mut there = ada.join(&two, 0).await;
    there.send(json!({"type": "read", "seq": 1})).await;
    count(&mut here, 1).await;
    assert_eq!(listed(&ada).await, (2, 1));

    // Marked on the page, which tells the sockets; what came after the page was made stays new.
    let page = ada.get("/notifications").await.body;
    let upto = page.split("name=\"upto\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    writer.post("bob-0004", "@Ada three").await;
    count(&mut here, 2).await;
    assert_eq!(ada.post("/notifications/seen", &[("upto", upto)]).await.status, 303);
    count(&mut here, 1).await;
    assert_eq!(listed(&ada).await, (3, 1));
    // Nobody has seen what is yet to come.
    assert_eq!(ada.post("/notifications/seen", &[("upto", "9223372036854775807")]).await.status, 303);
    count(&mut here, 0).await;
    let marked = UnixMillis::now();
    while UnixMillis::now() == marked {
        tokio::task::yield_now().await;
    }
    writer.post("bob-0005", "@Ada four").await;
    count(&mut here, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_room_notifies_of_nothing_until_it_is_loud_again() {
    let server = Server::start().await;
    let (ada, one) = server.founder("Ada").await;
    let (bob, two) = server.founder("Bob").await;
    assert_eq!(ada.get(&format!("/rooms/{two}")).await.status, 200);
    let mut here = ada.join(&one, 0).await;
    count(&mut here, 0).await;
    let quiet = format!("/rooms/{two}/quiet");
    assert_eq!(ada.post(&quiet, &[("quiet", "true")]).await.header("location"), Some(&*format!("/rooms/{two}")));
    assert!(ada.get("/account/notifications").await.body.contains("Notify me again"));
    // It has been told when it is known here: from now on nothing is.
    count(&mut here, 0).await;
    let mut writer = bob.join(&two, 0).await;
    writer.post("bob-0001", "@Ada, are you there?").await;
    writer.next_of("stored").await;
    assert_eq!(listed(&ada).await, (0, 0));
    let loud = [("quiet", "false"), ("settings", "true")];
    assert_eq!(ada.post(&quiet, &loud).await.header("location"), Some("/account/notifications"));
    count(&mut here, 1).await;
    writer.post("bob-0002", "@Ada?").await;
    let told = here.next_of("mentioned").await;
    assert_eq!(told["seq"], 2, "the first was in a quiet room");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_ones_own_pages_change_anything_and_strangers_see_nothing() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let form = "application/x-www-form-urlencoded";
    for (path, body) in [("/notifications/seen", "upto=1"), (&*format!("/rooms/{code}/quiet"), "quiet=true")] {
        for origin in ["", "https://evil.example", "null"] {
            let headers = [("cookie", ada.cookie()), ("origin", origin), ("content-type", form)];
            assert_eq!(http::request(ada.address(), "POST", path, &headers, body).await.status, 403, "{path} {origin}");
        }
        assert_eq!(ada.post(path, &[("other", "1")]).await.status, 400);
        assert_eq!(server.stranger().post(path, &[("upto", "1"), ("quiet", "true")]).await.status, 303);
    }
    assert!(ada.get(&format!("/rooms/{code}")).await.body.contains("Make quiet"), "nothing was done");
    for path in ["/notifications", "/account/notifications"] {
        assert_eq!(server.stranger().get(path).await.header("location"), Some("/"));
    }
}
