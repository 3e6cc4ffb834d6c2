//! Workspaces and their channels, as those who use them see them.

mod support;

use chat_demo::domain::coordinator::Hook;
use serde_json::json;
use support::{Server, Visitor, http, wide};

/// What stands between two texts in a page.
fn between<'a>(page: &'a str, begin: &str, end: &str) -> &'a str {
    page.split(begin).nth(1).and_then(|rest| rest.split(end).next()).unwrap_or_default()
}

/// The members that the page of a workspace shows, and what they are.
async fn members(visitor: &Visitor, workspace: &str) -> Vec<(String, String)> {
    let page = visitor.get(&format!("/workspaces/{workspace}")).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let list = between(&page.body, "<ul id=\"members\">", "</ul>");
    let items = list.split("<li").skip(1);
    items
        .map(|item| {
            let name = between(item, "class=\"name\">", "<").to_owned();
            (name, between(item, "data-status=\"", "\"").to_owned())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_is_made_joined_by_its_code_and_talked_in() {
    let server = Server::start().await;
    let (ada, workspace, general) = server.team("Ada").await;
    assert!(ada.get("/").await.body.contains(&format!("href=\"/workspaces/{workspace}\"")));
    // By hand, as it was read aloud.
    let by_hand = format!("{}-{}", &workspace[..4].to_lowercase(), &workspace[4..]);
    let found = server.stranger().get(&format!("/workspaces?code={by_hand}")).await;
    assert_eq!((found.status, found.header("location")), (303, Some(&*format!("/workspaces/{workspace}"))));
    let bob = server.member("Bob", &workspace).await;
    let (mut a, mut b) = (ada.join(&general, 0).await, bob.join(&general, 0).await);
    a.post("ada-0001", "hello @bob").await;
    assert_eq!(b.messages(1).await, [(1, "hello @bob".into())]);
    assert_eq!(members(&bob, &workspace).await, [("Ada".into(), "online".into()), ("Bob".into(), "online".into())]);
    let page = bob.get(&format!("/rooms/{general}")).await.body;
    assert!(page.contains("#general") && page.contains(&format!("href=\"/workspaces/{workspace}\"")), "{page}");
    assert!(!page.contains("data-copy=\"Z"), "the code of a channel lets nobody in, so it is not passed on");

    // Another channel: those who are in one hear of it, and who has not been there has nothing unread there.
    let random = ada.channel(&workspace, "# Off Topic").await;
    assert_eq!(ada.channel(&workspace, "off-topic").await, random);
    loop {
        let told = b.next_of("workspace").await;
        let channels = json!([{"code": general, "name": "general"}, {"code": random, "name": "off-topic"}]);
        if told["channels"] == channels {
            assert_eq!((&told["code"], &told["name"]), (&json!(workspace), &json!("Engines")));
            break;
        }
    }
    let mut there = ada.join(&random, 0).await;
    there.post("ada-0002", "anybody?").await;
    there.next_of("stored").await;
    let unread = async |visitor: &Visitor| {
        let page = visitor.get(&format!("/workspaces/{workspace}")).await.body;
        let list = between(&page, "id=\"channels\">", "</ul>").to_owned();
        between(&list, &random, "</li>").matches("1 new").count()
    };
    assert_eq!(unread(&bob).await, 0, "he has not joined it");
    drop(bob.join(&random, 1).await.next_of("rooms").await);
    there.post("ada-0003", "nobody?").await;
    there.next_of("stored").await;
    assert_eq!(unread(&bob).await, 1);
    // To leave a channel is not to leave the workspace.
    let left = bob.post(&format!("/rooms/{random}/leave"), &[]).await;
    assert_eq!((left.status, left.header("location")), (303, Some(&*format!("/workspaces/{workspace}"))));
    assert_eq!(unread(&bob).await, 0);
    assert_eq!(bob.get(&format!("/rooms/{random}")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_shown_as_online_away_or_offline() {
    let mut limits = wide();
    limits.presence_away = std::time::Duration::from_millis(500);
    limits.presence_gone = std::time::Duration::from_millis(500);
    let server = Server::with_limits(limits).await;
    let (ada, workspace, general) = server.team("Ada").await;
    let bob = server.member("Bob", &workspace).await;
    server.member("Cleo", &workspace).await;
    let (mut a, _b) = (ada.join(&general, 0).await, bob.join(&general, 0).await);
    // Until Bob, who does nothing, is away.
    loop {
        a.send(json!({"type": "active"})).await;
        let found = members(&ada, &workspace).await;
        let statuses: Vec<&str> = found.iter().map(|(_, status)| &**status).collect();
        if statuses == ["online", "away", "offline"] {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let page = ada.get(&format!("/workspaces/{workspace}")).await.body;
    assert!(page.contains("3 members, 2 in a channel now"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn membership_that_ends_closes_the_sockets_there() {
    let server = Server::start().await;
    let (ada, workspace, general) = server.team("Ada").await;
    let bob = server.member("Bob", &workspace).await;
    let random = ada.channel(&workspace, "random").await;
    let mut sockets = [bob.join(&general, 0).await, bob.join(&random, 0).await, bob.join(&random, 0).await];
    let (_, elsewhere) = server.founder("Cleo").await;
    let mut other = bob.join(&elsewhere, 0).await;
    let mut a = ada.join(&general, 0).await;
    assert_eq!(bob.post(&format!("/workspaces/{workspace}/leave"), &[]).await.status, 303);
    for socket in &mut sockets {
        assert_eq!(socket.closed().await, (1008, "this room is not open to you any more".into()));
    }
    // His other rooms stay open, and so do theirs.
    for (socket, id) in [(&mut other, "bob-0001"), (&mut a, "ada-0001")] {
        socket.post(id, "here").await;
        socket.next_of("stored").await;
    }
    // By the code he can come back, with nothing lost.
    assert_eq!(bob.post(&format!("/workspaces/{workspace}/join"), &[("name", "Bob")]).await.status, 303);
    assert_eq!(bob.join(&general, 0).await.messages(1).await, [(1, "here".into())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn membership_that_ends_while_the_process_is_killed_again_and_again_closes_the_sockets_there() {
    let server = Server::start().await;
    let (ada, workspace, general) = server.team("Ada").await;
    let killer = server.stranger();
    for round in 0..10 {
        let bob = server.member(&format!("Bob {round}"), &workspace).await;
        let mut socket = bob.join(&general, 0).await;
        let path = format!("/workspaces/{workspace}/leave");
        let (left, _) = tokio::join!(bob.post(&path, &[]), killer.kill_workspace(&workspace));
        assert_eq!(left.status, 303);
        assert_eq!(socket.closed().await.0, 1008);
        assert_eq!(bob.get(&format!("/rooms/{general}")).await.status, 404);
    }
    assert_eq!(members(&ada, &workspace).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_to_all_reaches_every_channel_and_nobody_else() {
    let server = Server::start().await;
    let (ada, workspace, general) = server.team("Ada").await;
    let bob = server.member("Bob", &workspace).await;
    let random = ada.channel(&workspace, "random").await;
    let (_, other, elsewhere) = server.team("Eve").await;
    let path = format!("/workspaces/{workspace}/announcements");
    let nobody = ada.post(&path, &[("body", "anybody?")]).await;
    assert!(nobody.status == 200 && nobody.body.contains("Nobody is in a channel now"), "{}", nobody.body);
    let eve = server.member("Fay", &other).await;
    let (mut one, mut two, mut far) =
        (bob.join(&general, 0).await, bob.join(&random, 0).await, eve.join(&elsewhere, 0).await);
    let told = ada.post(&path, &[("body", "<b>lunch</b>")]).await;
    assert!(told.status == 200 && told.body.contains("All who are in a channel now were told"), "{}", told.body);
    for socket in [&mut one, &mut two] {
        let frame = socket.next_of("announced").await;
        assert_eq!((&frame["by"]["name"], &frame["text"]), (&json!("Ada"), &json!("<b>lunch</b>")));
    }
    far.send(json!({"type": "ping"})).await;
    loop {
        let frame = far.next().await;
        assert_ne!(frame["type"], "announced");
        if frame["type"] == "pong" {
            break;
        }
    }
    assert_eq!(ada.post(&path, &[("body", " ")]).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_said_and_nothing_is_made_of_it() {
    let mut limits = wide();
    (limits.workspace_members, limits.workspace_channels) = (2, 2);
    let server = Server::with_limits(limits).await;
    let (ada, workspace, _) = server.team("Ada").await;
    let path = format!("/workspaces/{workspace}");
    for (name, said) in [
        ("", "please choose a name"),
        ("a/b", "“/” cannot be in the name of a channel"),
        (&"x".repeat(33), "at most 32 characters"),
        ("\u{202e}", "Please choose a name for the channel"),
    ] {
        for answer in [
            ada.post(&format!("{path}/channels"), &[("name", name)]).await,
            ada.get(&format!("{path}/channels?{}", support::http::form(&[("name", name)]))).await,
        ] {
            assert_eq!(answer.status, 422, "{name}");
            assert!(answer.body.to_lowercase().contains(&said.to_lowercase()), "{name}: {}", answer.body);
        }
    }
    let missing = ada.get(&format!("{path}/channels?name=%23Random")).await;
    assert!(missing.status == 404 && missing.body.contains("Open this channel"), "{}", missing.body);
    let random = ada.channel(&workspace, "random").await;
    let found = ada.get(&format!("{path}/channels?name=%23Random")).await;
    assert_eq!((found.status, found.header("location")), (303, Some(&*format!("/rooms/{random}"))));
    assert_eq!(ada.post(&format!("{path}/channels"), &[("name", "third")]).await.status, 409);
    server.member("Bob", &workspace).await;
    let full = server.stranger().post(&format!("{path}/join"), &[("name", "Cleo")]).await;
    assert!(full.status == 409 && full.body.contains("full"), "{}", full.body);
    for (code, status) in [("22222222", 404), ("2222", 404), ("WORKSPA0", 404)] {
        assert_eq!(ada.get(&format!("/workspaces/{code}")).await.status, status, "{code}");
        assert_eq!(ada.post(&format!("/workspaces/{code}/join"), &[("name", "Ada")]).await.status, status, "{code}");
    }
    let stranger = server.stranger();
    for (name, workspace) in [("", "Engines"), ("Ada", " "), ("Ada", &"x".repeat(33))] {
        let answer = stranger.post("/workspaces", &[("name", name), ("workspace", workspace)]).await;
        assert_eq!(answer.status, 422, "{}", answer.body);
    }
    assert_eq!(stranger.post("/workspaces", &[("name", "Ada")]).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_of_a_member_is_told_in_json_and_nobody_else() {
    let server = Server::start().await;
    let (ada, workspace, general) = server.team("Ada").await;
    let (bob, _) = server.founder("Bob").await;
    let asked = async |visitor: &Visitor, method: &str, path: &str, form: &str| {
        let path = format!("/workspaces/{workspace}{path}");
        let origin = visitor.origin();
        let headers = [("cookie", visitor.cookie()), ("origin", &*origin), ("accept", "application/json")];
        let form_type = ("content-type", "application/x-www-form-urlencoded");
        let headers: Vec<_> = headers.into_iter().chain([form_type]).collect();
        let answer = http::request(visitor.address(), method, &path, &headers, form).await;
        (answer.status, serde_json::from_str::<serde_json::Value>(&answer.body).unwrap_or_default())
    };
    let (status, told) = asked(&ada, "GET", "", "").await;
    assert_eq!((status, &told["name"], &told["code"]), (200, &json!("Engines"), &json!(workspace)));
    assert_eq!(told["channels"], json!([{"code": general, "name": "general"}]));
    assert_eq!((&told["members"][0]["name"], &told["members"][0]["status"]), (&json!("Ada"), &json!("offline")));
    let (status, refusal) = asked(&bob, "GET", "", "").await;
    assert_eq!((status, &refusal["reason"]), (403, &json!("not_member")));
    assert!(!refusal.to_string().contains("Engines") && !refusal.to_string().contains(&general), "{refusal}");
    let (status, refusal) = asked(&ada, "POST", "/channels", "name=%21").await;
    assert_eq!(
        (status, refusal["text"].as_str().is_some_and(|text| text.contains("cannot be in the name"))),
        (422, true)
    );
    assert_eq!(asked(&ada, "POST", "/announcements", "body=Lunch").await.0, 200);
    assert_eq!(asked(&bob, "POST", "/channels", "name=mine").await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_who_need_a_workspace_or_a_channel_at_once_start_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("chat.sqlite3");
    let flags = ["--database", database.to_str().unwrap()];
    let server = Server::with(wide(), &flags).await;
    let (_, workspace, room) = server.team("Ada").await;
    server.app.into_tree().stop().await;

    // Another one, in which nothing runs yet.
    let server = Server::with(wide(), &flags).await;
    let mut hooks = server.app.hooks().listen().unwrap();
    let mut asking = Vec::new();
    for _ in 0..100 {
        let (rooms, workspaces) = (server.app.rooms().clone(), server.app.workspaces().clone());
        let (room, workspace) = (room.parse().unwrap(), workspace.parse().unwrap());
        asking.push(tokio::spawn(async move {
            let (room, workspace) = tokio::join!(rooms.ensure_started(room), workspaces.ensure_started(workspace));
            room.unwrap();
            workspace.unwrap();
        }));
    }
    for asking in asking {
        asking.await.unwrap();
    }
    for kind in ["rooms", "workspaces"] {
        let snapshot = server.app.tree().snapshot();
        let all = snapshot.find(&format!("chat-demo/services/{kind}")).unwrap();
        let [one] = &*all.children else { panic!("one of the {kind}, not {}", all.children.len()) };
        assert_eq!((one.incarnation, one.restarts), (1, 0));
    }
    let mut told = [hooks.recv().await.unwrap(), hooks.recv().await.unwrap()];
    told.sort_by_key(|hook| matches!(hook, Hook::WorkspaceStarted { .. }));
    assert!(matches!(told, [Hook::ChannelStarted { .. }, Hook::WorkspaceStarted { .. }]), "{told:?}");
    assert!(hooks.is_empty());
    let (nowhere, none) = ("22222222".parse().unwrap(), "W2222222".parse().unwrap());
    assert!(server.app.rooms().ensure_started(nowhere).await.is_err());
    assert!(server.app.workspaces().ensure_started(none).await.is_err());
}
