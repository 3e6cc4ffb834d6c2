//! Each way into a room, tried by those who may not be in it: they are answered as if it did not exist.

mod support;

use chat_demo::domain::PersonId;
use serde_json::json;
use support::files::{exchange, form, head, send};
use support::socket::Socket;
use support::{Server, Visitor};

/// A code that no room has, of the same length and kind.
const NOWHERE: &str = "Z2222222";

/// Who this is to the others.
async fn id(server: &Server, visitor: &Visitor) -> PersonId {
    let code = server.app.rooms().create().await.unwrap().to_string();
    PersonId(visitor.join(&code, 0).await.welcome["you"]["id"].as_i64().unwrap())
}

/// What is answered, without what is chance or says which room was asked for.
fn answered(status: u16, head: &str, body: &[u8], code: &str) -> String {
    let chance = ["date:", "set-cookie:", "content-length:"];
    let head: Vec<_> = head.lines().filter(|line| !chance.iter().any(|chance| line.starts_with(chance))).collect();
    let text = format!("{status}\n{}\n\n{}", head.join("\n"), String::from_utf8_lossy(body));
    let grouped = format!("{} {}", &code[..4], &code[4..]);
    text.replace(code, "CODE").replace(&grouped, "CODE")
}

/// The answers at each door, by what was tried.
async fn try_each_door(who: &Visitor, code: &str) -> Vec<(String, String)> {
    let mut answers = Vec::new();
    let room = format!("/rooms/{code}");
    for path in [
        room.clone(),
        format!("{room}?before=2"),
        format!("{room}/messages"),
        format!("{room}/messages?before=2"),
        format!("{room}/files/1"),
        format!("{room}/files/1/thumbnail"),
        format!("{room}/files/18446744073709551615"),
        format!("{room}?around=1"),
        format!("/search?q=alone&room={code}"),
        format!("/rooms?code={code}"),
        format!("/rooms/{}", code.to_lowercase()),
        format!("/account/login?room={code}"),
    ] {
        let answer = who.get(&path).await;
        answers.push((path.replace(code, "CODE"), answered(answer.status, &answer.head, answer.body.as_bytes(), code)));
    }
    for (path, fields) in [
        (format!("{room}/messages"), vec![("id", "evil-0001"), ("body", "evil")]),
        (format!("{room}/messages"), vec![("id", "evil-0002"), ("body", "")]),
        (format!("{room}/leave"), vec![]),
        (format!("{room}/quiet"), vec![("quiet", "true")]),
        ("/rooms".to_owned(), vec![("name", "Eve"), ("code", code)]),
        ("/me".to_owned(), vec![("name", "Eve"), ("room", code)]),
    ] {
        let answer = who.post(&path, &fields).await;
        let what = format!("POST {}", path.replace(code, "CODE"));
        answers.push((what, answered(answer.status, &answer.head, answer.body.as_bytes(), code)));
    }
    let file = form("evil-0003", "evil.txt", b"evil");
    let scripted = head(who, code, file.len());
    for (what, head) in
        [("a file", scripted.replace("accept: application/json\r\n", "")), ("a file, scripted", scripted)]
    {
        let reply = exchange(who.address(), &head, &file).await;
        answers.push((what.to_owned(), answered(reply.status, &reply.head, &reply.body, code)));
    }
    let socket = Socket::open(who.address(), code, who.cookie(), Some(&who.origin())).await;
    answers.push(("the socket".to_owned(), format!("{:?}", socket.err())));
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_with_the_code_is_answered_at_each_door_as_if_the_room_did_not_exist() {
    let server = Server::start().await;
    let [(ada, shared), (bob, _), (eve, _)] =
        [server.founder("Ada").await, server.founder("Bob").await, server.founder("Eve").await];
    let bobs_id = id(&server, &bob).await.0.to_string();
    // Nobody begins to talk with a stranger, whose name they would learn.
    for person in [&bobs_id, "99"] {
        let answer = ada.post("/direct", &[("person", person)]).await;
        assert_eq!((answer.status, answer.body.contains("Nobody in your rooms")), (422, true));
        assert!(!answer.body.contains("Bob"), "{}", answer.body);
    }
    for who in [&ada, &bob] {
        assert_eq!(who.get(&format!("/rooms/{shared}")).await.status, 200);
    }
    let opened = ada.post("/direct", &[("person", &bobs_id)]).await;
    let code = opened.header("location").unwrap().rsplit('/').next().unwrap().to_owned();
    assert_eq!(ada.post("/direct", &[("person", &bobs_id)]).await.header("location"), opened.header("location"));
    let mut socket = ada.join(&code, 0).await;
    socket.post("ada-0001", "for Bob alone").await;
    socket.next_of("stored").await;
    assert_eq!(send(&ada, &code, "ada-0002", "for-bob.txt", b"for Bob alone").await.0, 200);
    socket.next_of("message").await;
    socket.next_of("message").await;

    for who in [&eve, &server.stranger()] {
        let (there, nowhere) = (try_each_door(who, &code).await, try_each_door(who, NOWHERE).await);
        assert_eq!(there.len(), 21);
        for ((what, answer), (_, expected)) in there.iter().zip(&nowhere) {
            assert_eq!(answer, expected, "{what}");
            assert!(!answer.contains("Ada") && !answer.contains("Bob"), "{what}: {answer}");
        }
    }
    // Nothing of it has happened.
    socket.post("ada-0003", "still alone").await;
    let next = socket.next_of("message").await;
    assert_eq!((&next["seq"], &next["body"]), (&json!(3), &json!("still alone")));
    let page = bob.get(&format!("/rooms/{code}")).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("for Bob alone") && !page.body.contains("evil") && !page.body.contains("Eve"));
    assert!(!eve.get("/").await.body.contains(&code), "it is not one of her rooms");
    let found = eve.get("/search?q=alone").await.body;
    assert!(found.contains("Nothing is found") && !found.contains(&code), "{found}");
    assert!(bob.get("/search?q=alone").await.body.contains(&code));

    // The same doors are open to whoever it is for.
    for (what, answer) in try_each_door(&bob, &code).await {
        let made = what == "POST /rooms";
        let missing = what.ends_with("thumbnail") || what.ends_with("files/1") || what.ends_with("615");
        let refused = answer.starts_with("404") || answer.starts_with("Some");
        assert!(refused == (made || missing), "{what}: {answer}");
    }
    assert_eq!(bob.get(&format!("/rooms/{code}/files/2")).await.status, 200);
    assert_eq!(bob.get(&format!("/rooms/{NOWHERE}")).await.status, 404, "trying has made no such room");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_belong_to_its_workspace_is_answered_at_each_door_as_if_the_channel_did_not_exist() {
    let server = Server::start().await;
    let (ada, workspace, code) = server.team("Ada").await;
    let bob = server.member("Bob", &workspace).await;
    let mut socket = ada.join(&code, 0).await;
    socket.post("ada-0001", "for members alone, @Finn").await;
    socket.next_of("stored").await;
    assert_eq!(send(&ada, &code, "ada-0002", "for-us.txt", b"for members alone").await.0, 200);
    socket.next_of("message").await;
    socket.next_of("message").await;
    // Finn was one of them, has been in the channel and was mentioned there, and has left.
    let finn = server.member("Finn", &workspace).await;
    let mut leaving = finn.join(&code, 0).await;
    leaving.next_of("rooms").await;
    socket.post("ada-0003", "@Finn").await;
    leaving.messages(3).await;
    let left = finn.post(&format!("/workspaces/{workspace}/leave"), &[]).await;
    assert_eq!((left.status, left.header("location")), (303, Some("/")));
    let (eve, _, elsewhere) = server.team("Eve").await;
    assert_ne!(elsewhere, code, "a member of another workspace");

    for who in [&eve, &finn, &server.stranger()] {
        let (there, nowhere) = (try_each_door(who, &code).await, try_each_door(who, NOWHERE).await);
        for ((what, answer), (_, expected)) in there.iter().zip(&nowhere) {
            assert_eq!(answer, expected, "{what}");
            assert!(!answer.contains("for members") && !answer.contains("Engines"), "{what}: {answer}");
        }
        for path in ["/", "/notifications"] {
            let body = who.get(path).await.body;
            assert!(!body.contains(&code) && !body.contains("for members"), "{path}: {body}");
        }
    }
    // Nothing of it has happened.
    socket.post("ada-0004", "still alone").await;
    socket.next_of("message").await;
    let next = socket.next_of("message").await;
    assert_eq!((&next["seq"], &next["body"]), (&json!(4), &json!("still alone")));
    let page = bob.get(&format!("/rooms/{code}")).await;
    assert!(page.body.contains("for members alone") && !page.body.contains("evil") && !page.body.contains("Eve"));

    // The same doors are open to whoever belongs to it, and not to what leads to another room of it.
    for (what, answer) in try_each_door(&bob, &code).await {
        let made = what == "POST /rooms";
        let missing = what.ends_with("thumbnail") || what.ends_with("files/1") || what.ends_with("615");
        let refused = answer.starts_with("404") || answer.starts_with("Some");
        assert!(refused == (made || missing), "{what}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_a_member_learns_or_does_anything_at_the_doors_of_a_workspace() {
    let server = Server::start().await;
    let (ada, workspace, code) = server.team("Ada").await;
    let (eve, _) = server.founder("Eve").await;
    let path = format!("/workspaces/{workspace}");
    const NO_WORKSPACE: &str = "/workspaces/22222222";
    for who in [&eve, &server.stranger()] {
        for (door, field) in
            [("channels", ("name", "evil")), ("channels", ("name", "general")), ("announcements", ("body", "evil"))]
        {
            let answer = who.post(&format!("{path}/{door}"), &[field]).await;
            let expected = who.post(&format!("{NO_WORKSPACE}/{door}"), &[field]).await;
            assert_eq!((answer.status, &answer.body), (404, &expected.body), "{door}");
        }
        for name in ["general", "evil", "-"] {
            let answer = who.get(&format!("{path}/channels?name={name}")).await;
            let expected = who.get(&format!("{NO_WORKSPACE}/channels?name={name}")).await;
            assert_eq!((answer.status, &answer.body), (404, &expected.body), "{name}");
        }
        assert_eq!(who.post(&format!("{path}/leave"), &[]).await.status, 303, "whoever is not in it is out of it");
        // Who has the code may know its name, and join: no member, no channel.
        let page = who.get(&path).await;
        assert!(page.status == 200 && page.body.contains("Engines"), "{}", page.body);
        assert!(
            !page.body.contains("Ada") && !page.body.contains("general") && !page.body.contains(&code),
            "{}",
            page.body
        );
    }
    assert!(!ada.get(&path).await.body.contains("evil"));
    // A page of another site cannot send its visitor's browser here.
    let address = server.address();
    let form = ("content-type", "application/x-www-form-urlencoded");
    for door in ["join", "leave", "channels", "announcements"] {
        let headers = [("cookie", ada.cookie()), ("origin", "http://evil.example"), form];
        let body = "name=evil&body=evil";
        let answer = support::http::request(&address, "POST", &format!("{path}/{door}"), &headers, body).await;
        assert_eq!(answer.status, 403, "{door}");
    }
    assert_eq!(ada.get(&format!("/rooms/{code}")).await.status, 200, "she has left nothing");
}
