//! Two people who talk with each other alone, over the socket and on pages without a script.

mod support;

use serde_json::{Value, json};
use support::socket::Socket;
use support::{Server, Visitor, wide};

async fn tell(socket: &mut Socket, id: &str, text: &str) {
    socket.send(json!({"type": "direct", "id": id, "text": text})).await;
}

/// What is told of a room, once it is told so.
async fn listed(socket: &mut Socket, code: &str, expected: Value) {
    loop {
        let frame = socket.next_of("rooms").await;
        let rooms = frame["rooms"].as_array().unwrap();
        let Some(room) = rooms.iter().find(|room| room["code"] == code) else { continue };
        if json!([room["unread"], room["mentions"], room["with"]["name"]]) == expected {
            return;
        }
    }
}

/// Two people in one room.
async fn two(server: &Server) -> (Visitor, Visitor, String) {
    let (ada, code) = server.founder("Ada Lovelace").await;
    let bob = server.guest("Bob", &code).await;
    for who in [&ada, &bob] {
        assert_eq!(who.get(&format!("/rooms/{code}")).await.status, 200);
    }
    (ada, bob, code)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_to_one_person_is_told_to_them_wherever_they_are_and_to_nobody_else() {
    let server = Server::start().await;
    let (ada, bob, code) = two(&server).await;
    let mut eve = server.guest("Eve", &code).await.join(&code, 0).await;
    let (mut adas, mut bobs) = (ada.join(&code, 0).await, bob.join(&code, 0).await);
    tell(&mut bobs, "bob-0001", "@ada lovelace Are you there?").await;
    let opened = bobs.next_of("direct").await;
    let room = opened["room"].as_str().unwrap().to_owned();
    let me = adas.welcome["you"].clone();
    assert_eq!((&opened["id"], &opened["with"], &opened["seq"]), (&json!("bob-0001"), &me, &json!(1)));
    let mentioned = adas.next_of("mentioned").await;
    assert_eq!(
        (&mentioned["room"], &mentioned["direct"], &mentioned["by"]["name"]),
        (&json!(room), &json!(true), &json!("Bob"))
    );
    listed(&mut adas, &room, json!([1, 1, "Bob"])).await;
    listed(&mut bobs, &room, json!([0, 0, "Ada Lovelace"])).await;

    // Sent again, as after a lost connection, it is said once.
    tell(&mut bobs, "bob-0001", "@ada lovelace Are you there?").await;
    assert_eq!(bobs.next_of("direct").await["seq"], 1);
    // By number, in whichever direction, it is the same room.
    let bobs_id = bobs.welcome["you"]["id"].clone();
    adas.send(json!({"type": "direct", "id": "ada-0001", "person": bobs_id})).await;
    let opened = adas.next_of("direct").await;
    assert_eq!((&opened["room"], opened.get("seq")), (&json!(room), None));

    // The answer, in the room; another name is followed in the other's list.
    let mut there = ada.join(&room, 0).await;
    assert_eq!(there.messages(1).await, [(1, "Are you there?".to_owned())]);
    there.post("ada-0002", "I am").await;
    there.next_of("stored").await;
    listed(&mut bobs, &room, json!([1, 1, "Ada Lovelace"])).await;
    adas.send(json!({"type": "nick", "id": "ada-0003", "name": "Countess"})).await;
    listed(&mut bobs, &room, json!([1, 1, "Countess"])).await;

    // Closed, it is gone, and back with the next message.
    assert_eq!(bob.post(&format!("/rooms/{room}/leave"), &[]).await.status, 303);
    assert!(!bob.get("/").await.body.contains(&room));
    there.post("ada-0004", "one more thing").await;
    there.next_of("stored").await;
    listed(&mut bobs, &room, json!([1, 1, "Countess"])).await;

    // Whoever is in the room that both are in has heard nothing of it.
    eve.send(json!({"type": "ping"})).await;
    loop {
        let frame = eve.next().await;
        assert!(!frame.to_string().contains(&room) && !frame.to_string().contains("there?"), "{frame}");
        if frame["type"] == "pong" {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_nobody_or_several_have_is_refused_by_saying_what_to_do() {
    let server = Server::start().await;
    let (ada, _bob, code) = two(&server).await;
    let (_, elsewhere) = server.founder("Cleo").await;
    let another = server.guest("bob", &code).await;
    let mut anothers = another.join(&code, 0).await;
    anothers.next_of("rooms").await;
    let mut socket = ada.join(&code, 0).await;
    for (text, reason, advice) in [
        ("Bob hello", "several", "choose the one that you mean in the list"),
        ("Cleo hello", "nobody", "write it as it is shown"),
        ("", "nobody", "write it as it is shown"),
        ("Ada Lovelace \u{200b}", "body", "nothing to send"),
    ] {
        tell(&mut socket, "ada-0001", text).await;
        let refused = socket.next_of("refused").await;
        assert_eq!((&refused["reason"], refused.get("retry_ms")), (&json!(reason), None), "{text}");
        assert!(refused["text"].as_str().unwrap().contains(advice), "{refused}");
    }
    socket.send(json!({"type": "direct", "id": "ada-0002", "person": 99, "text": "hello"})).await;
    assert_eq!(socket.next_of("refused").await["reason"], "nobody");
    let id = anothers.welcome["you"]["id"].clone();
    socket.send(json!({"type": "direct", "id": "ada-0003", "person": id, "text": "hello"})).await;
    assert_eq!(socket.next_of("direct").await["with"]["name"], "bob");
    anothers.next_of("mentioned").await;
    // Not in the room, and not to the one of the same name.
    let page = ada.get(&format!("/rooms/{code}")).await.body;
    assert!(!page.contains("hello") && !page.contains(&elsewhere));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_tells_others_no_more_than_they_may_say() {
    let mut limits = wide();
    limits.person_burst = 3;
    limits.person_posts_per_second = 0.01;
    let server = Server::with_limits(limits).await;
    let (ada, _bob, code) = two(&server).await;
    let mut socket = ada.join(&code, 0).await;
    for n in 0..4 {
        tell(&mut socket, &format!("ada-{n:04}"), "Bob hello").await;
        let answer = if n < 3 { "direct" } else { "refused" };
        socket.next_of(answer).await;
    }
    let answer = ada.post("/direct", &[("person", "1")]).await;
    assert_eq!((answer.status, answer.body.contains("very fast")), (429, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_script_one_chooses_somebody_in_the_list_or_writes_their_name() {
    let server = Server::start().await;
    let (ada, bob, code) = two(&server).await;
    let _here = bob.join(&code, 0).await;
    let page = ada.get(&format!("/rooms/{code}")).await.body;
    let form = page.split("<form class=\"talk\"").nth(1).expect("a button beside Bob");
    let person = form.split("value=\"").nth(1).unwrap().split('"').next().unwrap();
    let opened = ada.post("/direct", &[("person", person)]).await;
    assert_eq!(opened.status, 303, "{}", opened.body);
    let room = opened.header("location").unwrap().to_owned();
    let page = ada.get(&room).await.body;
    assert!(page.contains("<title>Bob · Rooms</title>") && page.contains("Nobody but Bob and you"), "{page}");
    let code_of_it = room.rsplit('/').next().unwrap();
    assert!(!bob.get("/").await.body.contains(code_of_it), "nothing was said yet");

    let answer =
        ada.post(&format!("/rooms/{code}/messages"), &[("id", "ada-0001"), ("body", "/msg bob <b>hi</b>")]).await;
    assert_eq!(answer.header("location"), Some(&*format!("{room}#latest")), "{}", answer.body);
    let home = bob.get("/").await.body;
    let item = home.split(&format!("data-code=\"{code_of_it}\"")).nth(1).expect("it is one of Bob's rooms");
    let item = item.split("</a>").next().unwrap();
    assert!(item.contains("Ada Lovelace") && item.contains("1 new") && item.contains("1 mention"), "{item}");
    assert!(bob.get(&room).await.body.contains("&lt;b&gt;hi&lt;/b&gt;"));
    assert!(!bob.get(&format!("/rooms/{code}")).await.body.contains("&lt;b&gt;hi"), "not in the room of all");

    let answer = ada.post(&format!("/rooms/{code}/messages"), &[("id", "ada-0002"), ("body", "/msg Cleo hi")]).await;
    assert_eq!((answer.status, answer.body.contains("Nobody in your rooms has this name")), (422, true));
    assert!(answer.body.contains(">\n/msg Cleo hi</textarea>"), "what was written is kept: {}", answer.body);
    // With oneself.
    let answer =
        ada.post(&format!("/rooms/{code}/messages"), &[("id", "ada-0003"), ("body", "/msg Ada Lovelace milk")]).await;
    let page = ada.get(answer.header("location").unwrap()).await.body;
    assert!(page.contains("<title>Ada Lovelace (you) · Rooms</title>") && page.contains("milk"), "{page}");
}
