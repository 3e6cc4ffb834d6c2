//! Section 10.1: a tree at one moment, and how it is printed.

mod support;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use registry::ServiceRegistry;
use supervisor::testing::settle;
use supervisor::{
    ChildKind, ChildRef, ChildSnapshot, ChildSpec, ChildState, DynamicSupervisor, ExitReason, Restart, Shutdown,
    Snapshot, Strategy, Supervisor, SupervisorRef, Tree,
};

use support::{Ask, Journal, SECOND, Script, probe, scripted, tell};

fn idle(id: impl Into<supervisor::ChildId>) -> ChildSpec<ChildRef> {
    ChildSpec::task(id, |cx| async move { cx.stopped().await })
}

fn at<'a>(snapshot: &'a Snapshot, path: &str) -> &'a ChildSnapshot {
    snapshot.find(path).unwrap_or_else(|| panic!("{path} is not in\n{snapshot}"))
}

#[tokio::test(start_paused = true)]
async fn s10_1_a_snapshot_has_everything_of_every_child_down_to_the_last() {
    let journal = Journal::default();
    let production = ServiceRegistry::new().namespace("production").unwrap();
    let mut store = probe("store", &journal).name(&production, "store").mailbox(8);
    let server = store.reference();
    let mut rooms = ChildSpec::supervisor(DynamicSupervisor::new()).id("rooms");
    let dynamic = rooms.reference();
    let below = Supervisor::new(Strategy::OneForOne).child(store).child(idle("poller").restart(Restart::Temporary));
    let tree = Supervisor::new(Strategy::OneForOne)
        .id("app")
        .child(ChildSpec::supervisor(below).id("below"))
        .child(rooms)
        .child(ChildSpec::blocking("thread", |cx| cx.wait_until_stopping()))
        .start()
        .await
        .unwrap();
    dynamic.start_child(idle("lobby")).await.unwrap();

    tokio::time::advance(2 * SECOND).await;
    tell(&server, Ask::Panic);
    settle().await;
    tokio::time::advance(3 * SECOND).await;
    tell(&server, Ask::Hang);
    settle().await;
    tell(&server, Ask::Answer);
    tell(&server, Ask::Answer);

    let snapshot = tree.snapshot();
    let app = &snapshot.root;
    assert_eq!(
        (&*app.id, app.kind, app.state, app.incarnation),
        ("app", ChildKind::Supervisor, ChildState::Running, 1)
    );
    assert_eq!(app.uptime.unwrap().as_secs(), 5);
    assert_eq!((app.count(), app.omitted, app.last_exit.as_ref()), (3, 0, None));
    let ids: Vec<_> = app.children.iter().map(|child| &*child.id).collect();
    assert_eq!(ids, ["below", "rooms", "thread"], "in the order of their start");

    let store = at(&snapshot, "app/below/store");
    assert_eq!((store.kind, store.state, store.busy), (ChildKind::Server, ChildState::Running, true));
    assert_eq!((store.incarnation, store.restarts), (2, 1));
    assert_eq!(store.uptime.unwrap().as_secs(), 3);
    let exit = store.last_exit.as_ref().unwrap();
    assert!(matches!(&exit.reason, ExitReason::Panic(panic) if panic.message() == "store panicked"), "{exit:?}");
    assert_eq!(exit.ago.as_secs(), 3);
    let mailbox = store.mailbox.unwrap();
    assert_eq!((mailbox.len, mailbox.capacity), (2, 8));
    let name = store.name.as_ref().unwrap();
    assert_eq!((&*name.namespace, &*name.name), ("production", "store"));
    assert!((100..10_000).contains(&store.memory), "{}", store.memory);

    let poller = at(&snapshot, "app/below/poller");
    assert_eq!((poller.kind, poller.state, poller.busy), (ChildKind::Task, ChildState::Running, false));
    assert_eq!((poller.restarts, poller.mailbox, poller.name.as_ref()), (0, None, None));
    assert_eq!(at(&snapshot, "app/rooms/lobby").state, ChildState::Running);
    assert_eq!(at(&snapshot, "app/thread").kind, ChildKind::Blocking);
    assert_eq!(snapshot.find("app/rooms/nobody"), None);

    tree.kill_child("below").await.unwrap();
    settle().await;
    let again = tree.snapshot();
    assert_eq!(at(&again, "app/below").incarnation, 2);
    assert_eq!(at(&again, "app/below").last_exit.as_ref().map(|exit| &exit.reason), Some(&ExitReason::Killed));
    assert_eq!(at(&again, "app/below/store").incarnation, 3);
    tree.stop().await;
    let over = tree.snapshot();
    assert_eq!((over.root.state, over.root.uptime), (ChildState::Stopped, None));
    assert_eq!(over.root.last_exit.as_ref().map(|exit| &exit.reason), Some(&ExitReason::Shutdown));
}

/// Whether the snapshot and the supervisor say the same of all children, which is when nothing is on its way.
async fn assert_agreed(tree: &Tree<SupervisorRef>, states: &[(&str, ChildState)]) {
    settle().await;
    let listed = tree.which_children().await.unwrap();
    let listed: Vec<_> = listed.iter().map(|child| (child.id.as_str(), child.state)).collect();
    let snapshot = tree.snapshot();
    let seen: Vec<_> = snapshot.root.children.iter().map(|child| (&*child.id, child.state)).collect();
    assert_eq!(seen, listed);
    assert_eq!(seen, states);
}

#[tokio::test(start_paused = true)]
async fn s10_1_a_snapshot_says_of_states_what_the_supervisor_says() {
    use ChildState::{Abandoned, Restarting, Running, Starting, Stopped, Stopping};
    let journal = Journal::default();
    let script = Script { init_time: SECOND, stop_time: SECOND, ..Script::default() };
    let released = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&released);
    let mut slow = scripted("slow", &journal, &script);
    let server = slow.reference();
    let tree = Supervisor::new(Strategy::OneForOne)
        .budget(100, SECOND)
        .child(slow)
        .child(
            ChildSpec::blocking("stuck", move |_| {
                while !seen.load(SeqCst) {
                    std::thread::yield_now();
                }
            })
            .shutdown(Shutdown::Timeout(SECOND)),
        )
        .start()
        .await
        .unwrap();
    assert_agreed(&tree, &[("slow", Running), ("stuck", Running)]).await;
    tell(&server, Ask::Panic);
    assert_agreed(&tree, &[("slow", Restarting), ("stuck", Running)]).await;
    server.running().await;
    let root = tree.reference();
    let stop = tokio::spawn(async move { root.terminate_child("slow").await });
    assert_agreed(&tree, &[("slow", Stopping), ("stuck", Running)]).await;
    stop.await.unwrap().unwrap();
    assert_agreed(&tree, &[("slow", Stopped), ("stuck", Running)]).await;
    let root = tree.reference();
    let start = tokio::spawn(async move { root.restart_child("slow").await });
    assert_agreed(&tree, &[("slow", Starting), ("stuck", Running)]).await;
    start.await.unwrap().unwrap();
    tree.terminate_child("stuck").await.unwrap();
    assert_agreed(&tree, &[("slow", Running), ("stuck", Abandoned)]).await;
    tree.terminate_child("slow").await.unwrap();
    tree.delete_child("slow").await.unwrap();
    assert_agreed(&tree, &[("stuck", Abandoned)]).await;
    let mut events = tree.events(10);
    released.store(true, SeqCst);
    assert_eq!(events.recv().await.unwrap().unwrap().to_string(), "supervisor/stuck #1 exited (shutdown)");
    // A thread tells those who listen before its supervisor.
    while tree.which_children().await.unwrap()[0].state == Abandoned {
        tokio::task::yield_now().await;
    }
    assert_agreed(&tree, &[("stuck", Stopped)]).await;
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s10_1_a_snapshot_waits_for_nobody_and_tells_who_hangs() {
    let journal = Journal::default();
    let script = Script { init_time: Duration::MAX, ..Script::default() };
    let mut hung = probe("hung", &journal).mailbox(2).shutdown(Shutdown::Infinity);
    let server = hung.reference();
    let tree = Supervisor::new(Strategy::OneForOne)
        .id("app")
        .child(ChildSpec::supervisor(Supervisor::new(Strategy::OneForOne).child(hung)).id("stuck"))
        .start()
        .await
        .unwrap();
    tell(&server, Ask::Hang);
    settle().await;
    tell(&server, Ask::Answer);
    let root = tree.reference();
    let starting = Supervisor::new(Strategy::OneForOne).child(scripted("never", &journal, &script));
    let start =
        tokio::spawn(async move { root.start_child(ChildSpec::supervisor(starting).id("starting")).await.map(|_| ()) });
    let root = tree.reference();
    let stop = tokio::spawn(async move { root.terminate_child("stuck").await });
    settle().await;

    // No await from here on: no supervisor runs, and none is needed.
    let snapshot = tree.snapshot();
    let hung = at(&snapshot, "app/stuck/hung");
    assert_eq!((hung.state, hung.busy, hung.mailbox.unwrap().len), (ChildState::Stopping, true, 1));
    assert_eq!(at(&snapshot, "app/stuck").state, ChildState::Stopping);
    assert_eq!(at(&snapshot, "app/starting").state, ChildState::Starting);
    assert_eq!(at(&snapshot, "app/starting/never").state, ChildState::Starting);
    stop.abort();
    start.abort();
}

#[tokio::test(start_paused = true)]
async fn s10_1_of_a_hundred_thousand_children_a_page_is_shown_and_all_are_counted() {
    const MANY: usize = 100_000;
    let jobs = DynamicSupervisor::new().id("jobs").start().await.unwrap();
    for _ in 0..MANY {
        jobs.start_child(idle("job")).await.unwrap();
    }
    let snapshot = jobs.snapshot();
    assert_eq!((snapshot.root.children.len(), snapshot.root.omitted), (100, MANY - 100));
    assert_eq!(snapshot.root.count(), MANY);
    let states: Vec<_> = snapshot.root.states.iter().map(|count| (count.state, count.children)).collect();
    assert_eq!(states, [(ChildState::Running, MANY)]);
    let text = snapshot.to_string();
    assert_eq!(text.lines().count(), 102);
    assert_eq!(text.lines().last(), Some("└─ … 99900 more; in all 100000 running"));
    assert_eq!(jobs.child().snapshot_with(3).root.children.len(), 3);
    let all = jobs.child().snapshot_with(usize::MAX);
    assert_eq!((all.root.children.len(), all.root.count()), (10_000, MANY), "never more than ten thousand");
    jobs.stop().await;
}

/// Without what differs from one build to the next.
fn without_bytes(text: &str) -> String {
    let words: Vec<_> = text.split("  ").filter(|word| !word.ends_with(" B")).collect();
    words.join("  ").replace(" B\n", "\n")
}

#[tokio::test(start_paused = true)]
async fn s10_1_it_prints_as_text() {
    let journal = Journal::default();
    let production = ServiceRegistry::new().namespace("production").unwrap();
    let mut store = probe("store", &journal).name(&production, "store");
    let server = store.reference();
    let below = Supervisor::new(Strategy::OneForOne).child(store).child(idle("poller"));
    let tree = Supervisor::new(Strategy::OneForOne)
        .id("app")
        .child(ChildSpec::supervisor(below).id("below"))
        .child(idle("last"))
        .start()
        .await
        .unwrap();
    tell(&server, Ask::Fail);
    settle().await;
    let text = tree.snapshot().to_string();
    let expected = "\
app  supervisor  running  #1  up 1ms  mailbox 0/64
├─ below  supervisor  running  #1  up 1ms  mailbox 0/64
│  ├─ store  server  running  #2  up 1ms  restarts 1  mailbox 0/1024  name production:store  last exit 1ms ago: error: told to fail
│  └─ poller  task  running  #1  up 1ms
└─ last  task  running  #1  up 1ms";
    let lines: Vec<_> = text.lines().map(without_bytes).collect();
    assert_eq!(lines.join("\n"), expected);
    assert_eq!(text.matches(" B").count(), 5, "{text}");
    tree.stop().await;
}

const HOSTILE: [&str; 8] = [
    "\"];\n n0 -> n0; //",
    "\\",
    "\\\"",
    "a\"]\n  click n0 \"javascript:alert(1)\"\n  x[\"",
    "<script>alert(1)</script>",
    "line\r\n└─ forged  task  running",
    "\u{202e}txet\u{7}\u{0}\u{1b}[31m",
    "#quot;`%%{init}%%",
];

async fn tree_of(ids: [&'static str; 8]) -> Snapshot {
    let mut plan = Supervisor::new(Strategy::OneForOne).id(ids[0]);
    for id in ids {
        plan = plan.child(idle(id));
    }
    let tree = plan.start().await.unwrap();
    let snapshot = tree.snapshot();
    tree.stop().await;
    snapshot
}

/// The text with each quoted part, as the language understands it, replaced by a dot.
fn structure(text: &str, escapes: bool) -> String {
    let mut structure = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        structure.push(c);
        if c == '"' {
            loop {
                match chars.next() {
                    Some('\\') if escapes => drop(chars.next()),
                    Some('"') => break,
                    Some(_) => {}
                    None => panic!("a quote does not end: {text}"),
                }
            }
        }
    }
    structure
}

#[tokio::test(start_paused = true)]
async fn s10_1_hostile_ids_stay_within_their_place() {
    let benign = tree_of(["a", "b", "c", "d", "e", "f", "g", "h"]).await;
    let hostile = tree_of(HOSTILE).await;
    for id in HOSTILE {
        assert!(hostile.root.children.iter().any(|child| child.id == id), "{id:?} is told as it is");
    }
    let text = hostile.to_string();
    assert_eq!(text.lines().count(), 9, "{text}");
    assert!(!text.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'), "{text:?}");

    let (dot, same) = (hostile.to_dot(), benign.to_dot());
    assert_eq!(structure(&dot, true), structure(&same, true), "{dot}");
    let (mermaid, same) = (hostile.to_mermaid(), benign.to_mermaid());
    assert_eq!(structure(&mermaid, false), structure(&same, false), "{mermaid}");
    assert_eq!(mermaid.lines().count(), same.lines().count());
    assert!(!mermaid.contains("<script") && !mermaid.contains("%%") && !mermaid.contains('`'), "{mermaid}");
}

#[tokio::test(start_paused = true)]
async fn s10_1_it_prints_as_json_and_graphs() {
    let snapshot = tree_of(HOSTILE).await;
    let json: serde_json::Value = serde_json::from_str(&snapshot.to_json()).unwrap();
    assert_eq!(json["id"], HOSTILE[0]);
    assert_eq!((&json["kind"], &json["state"]), (&"supervisor".into(), &"running".into()));
    let ids: Vec<_> = json["children"].as_array().unwrap().iter().map(|child| child["id"].as_str().unwrap()).collect();
    assert_eq!(ids, HOSTILE);
    assert_eq!(json["children"][0]["mailbox"], serde_json::Value::Null);
    assert_eq!(json["states"]["running"], 8);
    assert_eq!(json, serde_json::to_value(&snapshot).unwrap());

    let tree = Supervisor::new(Strategy::OneForOne).id("app").child(idle("a")).child(idle("b")).start().await.unwrap();
    tree.kill_child("a").await.unwrap();
    settle().await;
    let snapshot = tree.snapshot();
    let json: serde_json::Value = serde_json::from_str(&snapshot.to_json()).unwrap();
    let exit = &json["children"][0]["last_exit"];
    assert_eq!((&exit["reason"], &exit["seconds_ago"]), (&"killed".into(), &0.001.into()));
    let dot = snapshot.to_dot();
    let begins: Vec<_> = dot.lines().map(|line| line.split("\\n").next().unwrap()).collect();
    let expected = [
        "digraph tree {",
        "  node [shape=box];",
        "  n0 [shape=box, label=\"app",
        "  n1 [shape=ellipse, label=\"a",
        "  n0 -> n1;",
        "  n2 [shape=ellipse, label=\"b",
        "  n0 -> n2;",
        "}",
    ];
    assert_eq!(begins, expected);
    let mermaid = snapshot.to_mermaid();
    let begins: Vec<_> = mermaid.lines().map(|line| line.split("<br>").next().unwrap()).collect();
    assert_eq!(begins, ["flowchart TD", "  n0[\"app", "  n1(\"a", "  n0 --> n1", "  n2(\"b", "  n0 --> n2"]);
    tree.stop().await;
}
