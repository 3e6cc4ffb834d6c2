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

    let headers = [("cookie", ada.cookie()), ("accept", "application/json")];
    let answer = http::request(ada.address(), "GET", "/notifications", &headers, "").await;
    let told: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let of = |n: usize| (&told["notices"][n]["seq"], &told["notices"][n]["body"], &told["notices"][n]["new"]);
    assert_eq!(of(0), (&json!(3), &json!("@Ada two"), &json!(true)), "{told}");
    assert_eq!(of(1), (&json!(1), &json!("@ada <b>one</b>"), &json!(true)));
    let answer = http::request(ada.address(), "GET", "/notifications", &headers[1..], "").await;
    assert_eq!(answer.status, 401);

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

/// What the page lists, the newest first, and where the older ones are.
async fn page(visitor: &Visitor, path: &str) -> (Vec<String>, Option<String>) {
    let page = visitor.get(path).await;
    assert_eq!(page.status, 200, "{path}");
    let list = page.body.split("id=\"notices\"").nth(1).unwrap().split("</ol>").next().unwrap();
    let said = list.split("<p>").skip(1).map(|rest| rest.split("</p>").next().unwrap().to_owned()).collect();
    let older = page
        .body
        .split("id=\"older\" href=\"")
        .nth(1)
        .map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&"));
    (said, older)
}

#[tokio::test(flavor = "multi_thread")]
async fn older_ones_are_a_page_further_each_once() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    assert_eq!(ada.get(&format!("/rooms/{code}")).await.status, 200);
    let mut writer = server.guest("Bob", &code).await.join(&code, 0).await;
    for n in 1..=120 {
        writer.post(&format!("bob-{n:04}"), &format!("@ada {n}")).await;
    }
    for _ in 1..=120 {
        writer.next_of("stored").await;
    }
    assert!(ada.get("/notifications").await.body.contains("99+ are new."));
    let (mut all, mut path, mut pages) = (Vec::new(), "/notifications".to_owned(), Vec::new());
    loop {
        let (said, older) = page(&ada, &path).await;
        pages.push((path, said.len()));
        all.extend(said);
        match older {
            Some(older) => path = older,
            None => break,
        }
    }
    assert_eq!(pages.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [50, 50, 20]);
    assert!(all.into_iter().eq((1..=120).rev().map(|n| format!("@ada {n}"))));

    // What is marked on a later page is that and what is older.
    let second = ada.get(&pages[1].0).await.body;
    assert!(second.contains("Mark these and older ones as seen"), "{second}");
    let upto = second.split("name=\"upto\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(ada.post("/notifications/seen", &[("upto", upto)]).await.status, 303);
    assert!(!ada.get(&pages[1].0).await.body.contains("as seen"));
    assert!(ada.get("/notifications").await.body.contains("Mark all as seen"));
    // Before all there is nothing, and what is no place is passed over.
    let none = ada.get("/notifications?at=0&room=22222222&seq=0").await.body;
    assert!(none.contains("There are no older ones."), "{none}");
    for wrong in ["?at=x&room=22222222&seq=1", "?at=1&room=..&seq=1", "?at=1"] {
        assert_eq!(page(&ada, &format!("/notifications{wrong}")).await.0.len(), 50, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_was_said_is_called_by_its_name() {
    let server = Server::start().await;
    let (bob, workspace, channel) = server.team("Bob").await;
    let ada = server.member("Ada", &workspace).await;
    assert_eq!(ada.get(&format!("/rooms/{channel}")).await.status, 200);
    let mut writer = bob.join(&channel, 0).await;
    writer.post("bob-0001", "@ada in public").await;
    writer.next_of("stored").await;
    writer.send(json!({"type": "direct", "id": "bob-0002", "text": "Ada a secret"})).await;
    let between = writer.next_of("direct").await["room"].as_str().unwrap().to_owned();
    let page = ada.get("/notifications").await.body;
    let notice = |text: &str| page.split("<li ").find(|notice| notice.contains(text)).unwrap();
    assert!(notice("a secret").contains("<strong>Bob</strong> to you "), "{page}");
    assert!(!page.contains(&format!("{} {}", &between[..4], &between[4..])), "{page}");
    let place = "<strong>Bob</strong> in <span class=\"code\">#general</span> of Engines";
    assert!(notice("in public").contains(place), "{page}");
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
