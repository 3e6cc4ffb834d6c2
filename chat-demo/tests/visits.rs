//! Somebody's rooms: what is unread in them, who is mentioned, over the socket and on the page.

mod support;

use serde_json::{Value, json};
use support::socket::Socket;
use support::{Server, Visitor, wide};

/// Waits until the socket tells that so much is unread in `code`, or that it is not one of theirs.
async fn unread(socket: &mut Socket, code: &str, expected: Option<(u64, u64)>) {
    loop {
        let frame = socket.next_of("rooms").await;
        let rooms = frame["rooms"].as_array().unwrap();
        let room = rooms.iter().find(|room| room["code"] == code);
        let counts = |room: &Value| (room["unread"].as_u64().unwrap(), room["mentions"].as_u64().unwrap());
        if room.map(counts) == expected {
            return;
        }
    }
}

async fn read(socket: &mut Socket, seq: u64) {
    socket.send(json!({"type": "read", "seq": seq})).await;
}

/// What a page says of a room in the list.
async fn listed(visitor: &Visitor, path: &str, code: &str) -> String {
    let page = visitor.get(path).await.body;
    let Some(item) = page.split(&format!("data-code=\"{code}\"")).nth(1) else { return "not there".into() };
    let item = item.split("</a>").next().unwrap();
    let mut text = String::new();
    for part in item.split('<') {
        text.push_str(part.split_once('>').map_or("", |(_, text)| text));
    }
    text.split_whitespace().skip(2).collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_elsewhere_is_counted_until_it_is_read() {
    let server = Server::start().await;
    let (ada, one) = server.founder("Ada").await;
    let (bob, two) = server.founder("Bob").await;
    let mut first = bob.join(&two, 0).await;
    first.post("bob-0000", "before anybody came").await;
    first.next_of("stored").await;
    let mut there = ada.join(&two, 0).await;
    unread(&mut there, &two, Some((0, 0))).await;
    let mut here = ada.join(&one, 0).await;
    unread(&mut here, &two, Some((0, 0))).await;

    for n in 1..=3 {
        first.post(&format!("bob-{n:04}"), "hello").await;
    }
    unread(&mut here, &two, Some((3, 0))).await;
    assert_eq!(listed(&ada, "/", &two).await, "3 new");

    // Read in one tab, told in the other; nobody has read what was not said.
    read(&mut there, 3).await;
    unread(&mut here, &two, Some((1, 0))).await;
    read(&mut there, 2).await;
    read(&mut there, 99).await;
    unread(&mut here, &two, Some((0, 0))).await;

    // Left for good, in both senses.
    assert_eq!(ada.post(&format!("/rooms/{two}/leave"), &[]).await.status, 303);
    unread(&mut here, &two, None).await;
    read(&mut there, 4).await;
    first.post("bob-0009", "are you there?").await;
    let mut late = ada.join(&one, 0).await;
    unread(&mut late, &two, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_mentioned_is_told_in_another_room() {
    let server = Server::start().await;
    let (ada, one) = server.founder("Ada").await;
    let (bob, two) = server.founder("Bob").await;
    let mut there = ada.join(&two, 0).await;
    unread(&mut there, &two, Some((0, 0))).await;
    let mut here = ada.join(&one, 0).await;
    unread(&mut here, &one, Some((0, 0))).await;
    let mut writer = bob.join(&two, 0).await;
    writer.post("bob-0001", "hello @ada, and hello @everybody").await;
    let message = there.next_of("message").await;
    let me = there.welcome["you"].clone();
    assert_eq!(message["mentions"], json!([me]), "{message}");
    let told = here.next_of("mentioned").await;
    assert_eq!((&told["room"], &told["seq"], &told["by"]["name"]), (&json!(two), &json!(1), &json!("Bob")));
    unread(&mut here, &two, Some((1, 1))).await;
    assert_eq!(listed(&ada, "/", &two).await, "1 new 1 mention");

    // A message that mentions nobody any more is still new.
    writer.edit("bob-0002", 1, "hello").await;
    assert_eq!(writer.next_of("changed").await.get("mentions"), None);
    unread(&mut here, &two, Some((1, 0))).await;

    // The room is killed, and goes on telling.
    assert_eq!(ada.kill(&two).await, 200);
    writer.post("bob-0003", "@Ada?").await;
    assert_eq!(here.next_of("mentioned").await["seq"], 2);
    unread(&mut here, &two, Some((2, 1))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_shows_what_is_new_since_the_last_and_that_is_read_then() {
    let server = Server::start().await;
    let (ada, one) = server.founder("Ada").await;
    let (bob, two) = server.founder("Bob").await;
    let (here, there) = (format!("/rooms/{one}"), format!("/rooms/{two}"));
    assert!(!ada.get(&there).await.body.contains("unread-line"), "who comes first has missed nothing");
    assert_eq!(listed(&ada, &here, &two).await, "");
    let say = async |visitor: &Visitor, id: &str, body: &str| {
        let answer = visitor.post(&format!("/rooms/{two}/messages"), &[("id", id), ("body", body)]).await;
        assert_eq!(answer.status, 303);
    };
    assert_eq!(bob.get(&there).await.status, 200);
    say(&ada, "ada-0001", "@Bob <b>").await;
    say(&ada, "ada-0002", "@bob").await;
    assert_eq!(listed(&bob, "/", &two).await, "2 new 2 mentions");
    assert_eq!(listed(&ada, "/", &two).await, "", "one's own words are not news");
    // Only what is shown is read: not by a part of the past, and not by somebody else.
    bob.get(&format!("{there}?before=2")).await;
    server.stranger().get(&there).await;
    assert_eq!(listed(&bob, "/", &two).await, "2 new 2 mentions");
    let page = bob.get(&there).await.body;
    assert_eq!(page.matches("unread-line").count(), 1, "{page}");
    assert!(page.find("unread-line").unwrap() < page.find("data-seq=\"1\"").unwrap());
    assert!(page.contains("<span class=\"mention me\">@Bob</span> &lt;b&gt;"), "{page}");
    assert!(ada.get(&there).await.body.contains("<span class=\"mention\">@Bob</span>"));
    assert_eq!(listed(&bob, "/", &two).await, "");
    assert!(!bob.get(&there).await.body.contains("unread-line"));
    assert!(!server.stranger().get(&there).await.body.contains("Your rooms"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_survives_the_end_of_the_program_for_guests_and_accounts() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("chat.sqlite3");
    let flags = ["--database", database.to_str().unwrap()];
    let server = Server::with(wide(), &flags).await;
    let (mut guest, code) = server.founder("Gus").await;
    let (writer, _) = server.founder("Wim").await;
    let mut account = server.guest("Ada", &code).await;
    let form = [("name", "Ada"), ("login", "ada-login"), ("new", "a long password")];
    let answer = account.post("/account/register", &form).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    account.take_cookie(&answer);
    let mut sockets = [guest.join(&code, 0).await, account.join(&code, 0).await];
    for socket in &mut sockets {
        unread(socket, &code, Some((0, 0))).await;
    }
    let mut writing = writer.join(&code, 0).await;
    for n in 1..=4 {
        writing.post(&format!("wim-{n:04}"), "@Gus and @Ada").await;
        writing.next_of("stored").await;
    }
    // The last that was read is kept, though the sockets are over at once.
    read(&mut sockets[0], 1).await;
    read(&mut sockets[0], 3).await;
    read(&mut sockets[1], 1).await;
    for socket in &mut sockets {
        socket.send(json!({"type": "ping"})).await;
        socket.next_of("pong").await;
    }
    drop(sockets);
    server.app.into_tree().stop().await;

    let server = Server::with(wide(), &flags).await;
    for (visitor, expected) in [(&mut guest, "1 new 1 mention"), (&mut account, "3 new 3 mentions")] {
        visitor.move_to(&server.address());
        assert_eq!(listed(visitor, "/", &code).await, expected);
    }
}
