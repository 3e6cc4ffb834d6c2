//! Looking for what was said, on a page that needs no script.

mod support;

use std::time::Duration;

use chat_demo::config::Limits;
use serde_json::{Value, json};
use support::{Server, Visitor, http, wide};

/// Says so much in a room.
async fn say(visitor: &Visitor, code: &str, bodies: impl IntoIterator<Item = String>) {
    let mut socket = visitor.join(code, 0).await;
    for (n, body) in bodies.into_iter().enumerate() {
        socket.post(&format!("some-{n:05}"), &body).await;
        socket.next_of("stored").await;
    }
}

/// The links to what is found, and the text of the page.
async fn found(visitor: &Visitor, query: &str) -> (Vec<String>, String) {
    let page = visitor.get(&format!("/search?{query}")).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let links = page.body.split("href=\"/rooms/").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    (links.collect(), page.body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_found_marked_and_shown_in_its_room() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let bodies = (1..=120).map(|n| if n == 30 { "Un <b>ÉTÉ</b> à Genève".to_owned() } else { format!("hay {n}") });
    say(&ada, &code, bodies).await;
    ada.get(&format!("/rooms/{code}")).await;
    let (links, page) = found(&ada, "q=ete+gene*").await;
    assert_eq!(links, [format!("{code}?around=30#m-30")]);
    assert!(page.contains("Un &lt;b&gt;<mark>ÉTÉ</mark>&lt;/b&gt; à <mark>Genève</mark>"), "{page}");
    let (path, anchor) = links[0].split_once('#').unwrap();
    let there = ada.get(&format!("/rooms/{path}")).await;
    assert!(there.body.contains(&format!("id=\"{anchor}\"")) && there.body.contains("ÉTÉ"), "{}", there.body);
    assert!(there.body.contains("data-seq=\"6\"") && there.body.contains("data-seq=\"55\""), "what is around it");
    assert!(!there.body.contains("data-seq=\"56\"") && !there.body.contains("data-room"), "no more, and not live");

    // One page after the other, each found once, and no page beyond the last.
    let (mut all, mut query) = (Vec::new(), format!("q=hay&room={code}"));
    loop {
        let (links, page) = found(&ada, &query).await;
        assert!(links.len() <= 25);
        all.extend(links);
        let Some(older) = page.split("name=\"before\" value=\"").nth(1) else { break };
        query = format!("q=hay&room={code}&before={}", older.split('"').next().unwrap());
    }
    let expected: Vec<_> = (1..=120).rev().filter(|n| *n != 30).map(|n| format!("{code}?around={n}#m-{n}")).collect();
    assert_eq!(all, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_searched_for_is_refused_by_saying_why() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    say(&ada, &code, ["hello".to_owned()]).await;
    let long = "x".repeat(201);
    let many = "a+".repeat(33);
    for (query, why) in [
        ("%21%21%21", "Write a word to search for"),
        ("a*", "Write at least 2 letters before *"),
        (&*long, "Search for less: 200 characters"),
        (&*many, "Search for less: 32 words"),
    ] {
        let page = ada.get(&format!("/search?q={query}")).await;
        assert_eq!((page.status, page.body.contains(why)), (422, true), "{query}: {}", page.body);
    }
    for query in ["", "q=", "q=+++"] {
        assert!(!found(&ada, query).await.1.contains("problem"), "{query}");
    }
    // Nothing of it reaches a database as anything but words.
    for query in [
        "%22%29+OR+%28%22",
        "hello%27%29%3B+DROP+TABLE+texts",
        "room%3Ahello",
        "NEAR%28hello%29",
        "%00hello",
        "hello%5C",
    ] {
        found(&ada, &format!("q={query}")).await;
    }
    assert_eq!(found(&ada, &format!("q=HELLO&room={code}")).await.0.len(), 1);
    assert_eq!(ada.get("/search?q=x&before=-1").await.status, 400);
    assert_eq!(ada.get("/search?q=x&room=nonsense").await.status, 404);
    assert_eq!(ada.get("/search?q=x&room=22222222").await.status, 404);
    assert_eq!(server.stranger().get("/search?q=hello").await.header("location"), Some("/"));
    let metrics = ada.get("/metrics").await;
    assert_eq!(metrics.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_searches_no_more_than_so_often() {
    let mut limits: Limits = wide();
    limits.search_burst = 2;
    limits.searches_per_minute = 0.1;
    let server = Server::with_limits(limits).await;
    let (ada, _) = server.founder("Ada").await;
    let (bob, _) = server.founder("Bob").await;
    for expected in [200, 200, 429] {
        let page = ada.get("/search?q=hello").await;
        assert_eq!(page.status, expected);
        if expected == 429 {
            let wait: u64 = page.header("retry-after").unwrap().parse().unwrap();
            assert!(Duration::from_secs(wait) > Duration::from_secs(60), "{wait}");
            assert!(page.body.contains("You search very fast"));
        }
    }
    assert_eq!(ada.get("/search").await.status, 200, "the form alone");
    assert_eq!(bob.get("/search?q=hello").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_answered_and_refused_in_json() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    say(&ada, &code, (1..=30).map(|n| format!("hay {n}"))).await;
    let asked = async |visitor: &Visitor, query: &str| {
        let headers = [("cookie", visitor.cookie()), ("accept", "application/json")];
        let answer = http::request(visitor.address(), "GET", &format!("/search?{query}"), &headers, "").await;
        (answer.status, serde_json::from_str::<Value>(&answer.body).unwrap_or_default())
    };
    let (status, page) = asked(&ada, &format!("q=HAY&room={code}")).await;
    let seqs = |page: &Value| -> Vec<u64> {
        page["found"].as_array().unwrap().iter().map(|found| found["seq"].as_u64().unwrap()).collect()
    };
    assert_eq!((status, seqs(&page)), (200, (6..=30).rev().collect()));
    let first = &page["found"][0];
    assert_eq!(
        (&first["room"], &first["author"]["name"], &first["body"]),
        (&json!(code), &json!("Ada"), &json!("hay 30"))
    );
    let (_, older) = asked(&ada, &format!("q=HAY&room={code}&before={}", page["older"])).await;
    assert_eq!((seqs(&older), older.get("older")), ((1..=5).rev().collect(), None));
    for query in ["q=a*", "q="] {
        let (status, refusal) = asked(&ada, query).await;
        assert_eq!((status, &refusal["reason"]), (422, &json!("search")), "{query}");
        assert!(refusal["text"].as_str().unwrap().ends_with('.'), "{refusal}");
    }
    assert_eq!(asked(&server.stranger(), "q=hay").await.0, 401);
    let (bob, _) = server.founder("Bob").await;
    assert_eq!(asked(&bob, "q=hay").await, (200, json!({"found": []})), "nothing of others");
}
