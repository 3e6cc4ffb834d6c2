//! Each process and each supervisor of the tree is killed while two people talk, one after the other, in several orders.

mod support;

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use chat_demo::App;
use serde_json::Value;
use supervisor::testing::Chaos;
use supervisor::{ChildSnapshot, ChildState};
use support::files::send;
use support::talker::Talker;
use support::{PATIENCE, Server, wide};
use tokio::time::{Instant, sleep};

/// What every tree has, so that a snapshot which shows nothing is no test.
const KNOWN: [&str; 12] = [
    "store",
    "metrics",
    "coordinator",
    "services",
    "services/message_buffer",
    "services/presence",
    "services/notifications",
    "services/uploads",
    "services/rooms",
    "health",
    "sessions",
    "web",
];

/// The paths of all below this one.
fn paths(parent: &ChildSnapshot, above: &str, found: &mut Vec<String>) {
    assert_eq!(parent.omitted, 0, "all are shown");
    for child in &parent.children {
        let path = format!("{above}{}", child.id);
        paths(child, &format!("{path}/"), found);
        found.push(path);
    }
}

/// What the snapshot shows there.
fn look<T>(app: &App, path: &str, at: impl Fn(&ChildSnapshot) -> T) -> Option<T> {
    app.tree().snapshot().find(&format!("chat-demo/{path}")).map(at)
}

/// Waits until another incarnation is up, and all that it has.
async fn until_back(app: &App, path: &str, killed: u32) {
    fn up(child: &ChildSnapshot) -> bool {
        child.state == ChildState::Running && child.children.iter().all(up)
    }
    let deadline = Instant::now() + PATIENCE;
    while !look(app, path, |child| child.incarnation > killed && up(child)).unwrap_or(false) {
        assert!(Instant::now() < deadline, "{path} comes back: {}", app.tree().snapshot());
        sleep(Duration::from_millis(5)).await;
    }
}

/// Whether it is there again only when somebody needs it: what a supervisor of many had, is not started with it.
fn started_on_use(path: &str) -> bool {
    path.starts_with("services/rooms/") || path.starts_with("services/workspaces/")
}

/// Both say something, and hear all of it.
async fn talk(ada: &mut Talker, bob: &mut Talker) {
    tokio::join!(ada.say(), bob.say());
    let last = ada.acknowledged.iter().chain(&bob.acknowledged).map(|(seq, _)| *seq).max().expect("it is acknowledged");
    tokio::join!(ada.hear(last), bob.hear(last));
}

/// Each acknowledged message is there once and in order, for both.
fn check(ada: &Talker, bob: &Talker, after: &str) {
    let said = ada.acknowledged.len() + bob.acknowledged.len();
    assert!(ada.heard.iter().map(|(seq, _)| *seq).eq(1..=said as u64), "after {after}: {:?}", ada.heard);
    assert_eq!(ada.heard, bob.heard, "after {after}");
    for (seq, line) in ada.acknowledged.iter().chain(&bob.acknowledged) {
        assert_eq!(&ada.heard[usize::try_from(*seq).unwrap() - 1].1, line, "after {after}: acknowledged as {seq}");
    }
}

/// A program in which Ada, who has an account, and Bob, a guest, talk in a channel of their workspace.
async fn talking(database: &str) -> (Server, Talker, Talker) {
    let server = Server::with(wide(), &["--health-period", "100ms", "--database", database]).await;
    let (mut ada, workspace, channel) = server.team("Ada").await;
    let form = [("login", "ada"), ("name", "Ada"), ("new", "analytical engine")];
    let answer = ada.post("/account/register", &form).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    if answer.header("set-cookie").is_some() {
        ada.take_cookie(&answer);
    }
    let bob = server.member("Bob", &workspace).await;
    let (mut ada, mut bob) = (Talker::new(ada, &channel, "Ada"), Talker::new(bob, &channel, "Bob"));
    talk(&mut ada, &mut bob).await;
    (server, ada, bob)
}

/// What only some of the services are for.
async fn all_of_it_works(server: &Server, ada: &Talker, bob: &Talker) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = server.stranger().get("/healthz").await;
        let told: Value = serde_json::from_str(&answer.body).unwrap();
        if told["status"] == "healthy" && !told["services"].as_array().unwrap().is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "{told}");
        sleep(Duration::from_millis(50)).await;
    }
    let answer = ada.visitor.post("/rooms", &[]).await;
    let room = answer.header("location").unwrap().rsplit('/').next().unwrap();
    assert_eq!(send(&ada.visitor, room, "file-0001", "a.bin", b"a file").await.0, 200, "files are taken");
    assert_eq!(bob.visitor.get(&format!("/rooms/{room}")).await.status, 200);
    let mention = [("id", "mention-0001"), ("body", "@bob, are you there?")];
    assert_eq!(ada.visitor.post(&format!("/rooms/{room}/messages"), &mention).await.status, 303);
    assert!(bob.visitor.get("/notifications").await.body.contains("are you there?"));
    assert!(server.app.notifications().statistics().await.is_some());
    assert!(ada.visitor.get("/account").await.body.contains("ada"), "she is logged in");
    assert_eq!(server.stranger().get("/metrics").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_talk_while_each_process_of_the_tree_is_killed() {
    for seed in 0..4_u64 {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("chat.sqlite3");
        let (server, mut ada, mut bob) = talking(database.to_str().unwrap()).await;
        let snapshot = server.app.tree().snapshot();
        let mut all = Vec::new();
        paths(&snapshot.root, "", &mut all);
        assert!(KNOWN.iter().all(|path| all.iter().any(|found| found == path)), "{all:?}");
        for many in ["services/rooms/", "services/workspaces/"] {
            assert!(all.iter().any(|found| found.starts_with(many)), "{all:?}");
        }
        all.sort_by_key(|path| {
            let mut hasher = DefaultHasher::new();
            (seed, path).hash(&mut hasher);
            hasher.finish()
        });
        for path in &all {
            let after = format!("the kill of {path}, seed {seed}");
            // It may be down because what it is below was killed before; then it is there when somebody needs it.
            // What they say is on its way.
            tokio::join!(ada.begin(), bob.begin());
            let before = look(&server.app, path, |child| child.incarnation);
            let killed = before.filter(|_| Chaos::of(server.app.tree(), seed).kill(path).is_ok());
            assert!(killed.is_some() || started_on_use(path), "{after}: {}", server.app.tree().snapshot());
            talk(&mut ada, &mut bob).await;
            if let (Some(killed), false) = (killed, started_on_use(path)) {
                until_back(&server.app, path, killed).await;
            }
            talk(&mut ada, &mut bob).await;
            check(&ada, &bob, &after);
        }
        assert!(ada.lost > 0, "that of the endpoint is noticed");
        all_of_it_works(&server, &ada, &bob).await;
        // And so it stays, for whoever comes later, also to the next program.
        let (heard, channel) = (ada.heard.clone(), ada.code().to_owned());
        assert!(server.app.into_tree().stop().await.is_clean());
        let server = Server::with(wide(), &["--database", database.to_str().unwrap()]).await;
        ada.visitor.move_to(&server.address());
        assert_eq!(ada.visitor.join(&channel, 0).await.messages(heard.len()).await, heard);
    }
}
