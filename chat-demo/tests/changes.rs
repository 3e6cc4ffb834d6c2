//! Messages that are edited and deleted, and who is writing.

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::socket::Socket;
use support::{Server, wide};

/// A room in which Ada has said three things, with Ada and Bob in it.
async fn talk(server: &Server) -> (support::Visitor, String, Socket, Socket) {
    let (ada, code) = server.founder("Ada").await;
    let bob = server.guest("Bob", &code).await;
    let (mut a, mut b) = (ada.join(&code, 0).await, bob.join(&code, 0).await);
    for n in 1..=3 {
        a.post(&format!("ada-{n:04}"), &format!("line {n}")).await;
        assert_eq!(a.next_of("stored").await["seq"], n);
    }
    assert_eq!(b.messages(3).await.len(), 3);
    (ada, code, a, b)
}

async fn changed(socket: &mut Socket) -> (u64, u64, String, String) {
    let frame = socket.next_of("changed").await;
    let text = |name: &str| frame[name].as_str().unwrap().to_owned();
    (frame["seq"].as_u64().unwrap(), frame["revision"].as_u64().unwrap(), text("state"), text("body"))
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_hears_of_changes_in_order_and_only_the_author_makes_them() {
    let server = Server::start().await;
    let (ada, code, mut a, mut b) = talk(&server).await;
    a.edit("change-1", 2, "line two").await;
    a.delete("change-2", 1).await;
    for socket in [&mut a, &mut b] {
        assert_eq!(changed(socket).await, (2, 1, "edited".into(), "line two".into()));
        assert_eq!(changed(socket).await, (1, 2, "deleted".into(), String::new()));
    }
    assert_eq!(
        (a.next_of("done").await["id"].clone(), a.next_of("done").await["id"].clone()),
        ("change-1".into(), "change-2".into())
    );
    for (frame, reason) in [
        (json!({"type": "edit", "id": "change-3", "seq": 2, "body": "stolen"}), "not_yours"),
        (json!({"type": "delete", "id": "change-3", "seq": 2}), "not_yours"),
        (json!({"type": "edit", "id": "change-3", "seq": 9, "body": "x"}), "not_there"),
        (json!({"type": "edit", "id": "change-3", "seq": 2, "body": " "}), "body"),
        (json!({"type": "delete", "id": "x", "seq": 2}), "id"),
    ] {
        b.send(frame).await;
        assert_eq!(b.next_of("refused").await["reason"], reason);
    }
    a.edit("change-4", 1, "back again").await;
    assert_eq!(a.next_of("refused").await["reason"], "not_there");

    let mut late = ada.join(&code, 0).await;
    assert_eq!(late.welcome["revision"], 2);
    let states: Vec<Value> =
        [late.next_of("message").await, late.next_of("message").await, late.next_of("message").await]
            .iter()
            .map(|frame| json!([frame["body"], frame["state"]]))
            .collect();
    assert_eq!(states, [json!(["", "deleted"]), json!(["line two", "edited"]), json!(["line 3", null])]);
    let page = ada.get(&format!("/rooms/{code}")).await.body;
    assert!(page.contains("line two") && !page.contains("line 1") && !page.contains("stolen"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_hears_of_changes_that_were_missed() {
    let server = Server::start().await;
    let (ada, code, mut a, b) = talk(&server).await;
    drop(b);
    a.edit("change-1", 2, "line two").await;
    a.next_of("done").await;
    assert_eq!(ada.kill(&code).await, 200);
    a.edit("change-2", 3, "line three").await;
    a.next_of("done").await;
    assert_eq!((changed(&mut a).await.1, changed(&mut a).await.1), (1, 2), "over the kill, each once");

    let mut back = ada.dial(&code).await;
    back.send(json!({"type": "join", "v": 1, "after": 3, "revision": 1})).await;
    assert_eq!(back.next_of("welcome").await["revision"], 2);
    assert_eq!(changed(&mut back).await, (3, 2, "edited".into(), "line three".into()));
    a.delete("change-3", 3).await;
    assert_eq!(changed(&mut back).await.1, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_writing_is_told_and_ends_by_itself() {
    let mut limits = wide();
    limits.typing_expiry = Duration::from_millis(200);
    let server = Server::with_limits(limits).await;
    let (_, _, mut a, mut b) = talk(&server).await;
    let ada = a.welcome["you"]["id"].clone();
    let typing = async |b: &mut Socket| {
        let frame = b.next_of("typing").await;
        (frame["id"].clone(), frame["on"].as_bool().unwrap())
    };
    a.send(json!({"type": "typing", "on": true})).await;
    assert_eq!(typing(&mut b).await, (ada.clone(), true));
    assert_eq!(typing(&mut b).await, (ada.clone(), false), "nothing more was said");
    a.send(json!({"type": "typing", "on": true})).await;
    assert_eq!(typing(&mut b).await, (ada.clone(), true));
    a.send(json!({"type": "typing", "on": false})).await;
    assert_eq!(typing(&mut b).await, (ada.clone(), false));
    a.send(json!({"type": "typing", "on": true})).await;
    assert_eq!(typing(&mut b).await, (ada.clone(), true));
    a.post("ada-0009", "said").await;
    assert_eq!(typing(&mut b).await, (ada.clone(), false), "what was written is said");
    a.send(json!({"type": "typing", "on": true})).await;
    assert_eq!(typing(&mut b).await, (ada.clone(), true));
    drop(a);
    assert_eq!(typing(&mut b).await, (ada, false), "gone");
}
