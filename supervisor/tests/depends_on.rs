//! Section 1.7: children that wait for others.

mod support;

use std::sync::Arc;
use std::time::Duration;

use supervisor::testing::settle;
use supervisor::{
    Backoff, ChildInfo, ChildSpec, ChildState, DynamicSupervisor, ExitReason, Restart, ServerRef, StartChildError,
    StartError, StartFailure, Strategy, Supervisor, SupervisorRef,
};

use support::{Ask, Journal, Probe, SECOND, Script, probe, scripted, tell};

/// What a child does, and for whom it waits.
async fn told(tree: &SupervisorRef, id: &str) -> (ChildState, Vec<String>) {
    let children = tree.which_children().await.unwrap();
    let child = children.into_iter().find(|child: &ChildInfo| child.id == id).expect("it is there");
    (child.state, child.waits_for.iter().map(ToString::to_string).collect())
}

fn slow_after_the_first() -> Script {
    let script = Script { init_time: SECOND * 5, ..Script::default() };
    script.stall(0);
    script
}

/// `b` needs `a`, whose inits the script times.
fn two(journal: &Journal, script: &Script) -> (ServerRef<Probe>, ServerRef<Probe>, Supervisor) {
    let mut a = scripted("a", journal, script);
    let mut b = probe("b", journal).depends_on("a");
    let (a_ref, b_ref) = (a.reference(), b.reference());
    (a_ref, b_ref, Supervisor::new(Strategy::OneForOne).budget(10, SECOND * 60).child(b).child(a))
}

#[tokio::test(start_paused = true)]
async fn s1_7_a_child_is_started_behind_those_it_depends_on_and_stopped_before_them() {
    let journal = Journal::default();
    let supervisor = || {
        Supervisor::new(Strategy::RestForOne)
            .child(probe("web", &journal).depends_on("store").depends_on("cache"))
            .child(probe("log", &journal))
            .child(probe("cache", &journal).depends_on("store"))
            .child(probe("store", &journal))
    };
    let tree = supervisor().start().await.unwrap();
    assert_eq!(journal.take(), "+log +store +cache +web");
    tree.kill_child("cache").await.unwrap();
    settle().await;
    assert_eq!(journal.take(), "-web +cache +web", "the strategy follows the order of the start");
    tree.stop().await;
    assert_eq!(journal.take(), "-web -cache -store -log");

    // A restart of the supervisor is in the same order.
    let tree =
        Supervisor::new(Strategy::OneForOne).child(ChildSpec::supervisor(supervisor()).id("in")).start().await.unwrap();
    journal.take();
    tree.kill_child("in").await.unwrap();
    settle().await;
    assert_eq!(journal.take(), "+log +store +cache +web");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_7_a_restart_waits_for_the_restart_of_what_it_depends_on() {
    let journal = Journal::default();
    let script = slow_after_the_first();
    let (a, b, supervisor) = two(&journal, &script);
    let tree = supervisor.start().await.unwrap();
    script.stall(1);
    tell(&a, Ask::Panic);
    settle().await;
    assert!(b.is_running(), "a restart of what it depends on leaves it alone");
    tell(&b, Ask::Panic);
    settle().await;
    assert_eq!(told(&tree, "b").await, (ChildState::Restarting, vec!["a".to_owned()]));
    assert_eq!(b.incarnation(), 1);
    tokio::time::sleep(SECOND * 5).await;
    settle().await;
    assert_eq!(journal.take(), "+a +b +a +b");
    assert_eq!(told(&tree, "b").await, (ChildState::Running, vec![]));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_7_a_backoff_and_a_failed_restart_of_what_it_depends_on_are_waited_for_too() {
    let journal = Journal::default();
    let script = Script::default();
    let backoff = Backoff::exponential().base(SECOND * 2).jitter(0.0).factor(1.0);
    let mut a = scripted("a", &journal, &script).backoff(backoff);
    let mut b = probe("b", &journal).depends_on("a");
    let (a_ref, b_ref) = (a.reference(), b.reference());
    let tree = Supervisor::new(Strategy::OneForOne).budget(10, SECOND * 60).child(a).child(b).start().await.unwrap();
    script.fail(1);
    tell(&a_ref, Ask::Panic);
    tell(&b_ref, Ask::Panic);
    settle().await;
    assert_eq!(told(&tree, "b").await.1, ["a"], "it waits out its delay");
    tokio::time::sleep(SECOND * 3).await;
    assert_eq!(told(&tree, "b").await.1, ["a"], "and has failed once");
    tokio::time::sleep(SECOND * 2).await;
    assert_eq!(journal.take(), "+a +b +a +b");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_7_start_child_and_restart_child_wait_too_and_a_stop_ends_the_wait() {
    let journal = Journal::default();
    let script = slow_after_the_first();
    let (a, _, supervisor) = two(&journal, &script);
    let tree = Arc::new(supervisor.start().await.unwrap());
    tree.terminate_child("b").await.unwrap();
    script.stall(1);
    tell(&a, Ask::Panic);
    settle().await;
    let (restart, start) = (Arc::clone(&tree), Arc::clone(&tree));
    let c = probe("c", &journal).depends_on("b");
    let restart = tokio::spawn(async move { restart.restart_child("b").await });
    settle().await;
    let start = tokio::spawn(async move { start.start_child(c).await });
    settle().await;
    assert_eq!(told(&tree, "b").await, (ChildState::Starting, vec!["a".to_owned()]));
    assert_eq!(told(&tree, "c").await, (ChildState::Starting, vec!["b".to_owned()]));
    restart.await.unwrap().unwrap();
    start.await.unwrap().unwrap();
    assert_eq!(journal.take(), "+a +b -b +a +b +c");

    script.stall(1);
    tell(&a, Ask::Panic);
    settle().await;
    let d = probe("d", &journal).depends_on("a");
    let starting = tokio::spawn({
        let tree = Arc::clone(&tree);
        async move { tree.start_child(d).await }
    });
    settle().await;
    let begun = tokio::time::Instant::now();
    tree.stop().await;
    assert!(begun.elapsed() < SECOND);
    assert!(matches!(starting.await.unwrap(), Err(StartChildError::ShuttingDown)));
    assert_eq!(journal.take(), "-c -b", "d never ran");
}

#[tokio::test(start_paused = true)]
async fn s1_7_terminate_child_ends_a_wait() {
    let journal = Journal::default();
    let script = slow_after_the_first();
    let (a, b, supervisor) = two(&journal, &script);
    let tree = supervisor.start().await.unwrap();
    script.stall(1);
    tell(&a, Ask::Panic);
    tell(&b, Ask::Panic);
    settle().await;
    tree.terminate_child("b").await.unwrap();
    tokio::time::sleep(SECOND * 6).await;
    assert_eq!(told(&tree, "b").await, (ChildState::Stopped, vec![]));
    assert_eq!(journal.take(), "+a +b +a");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_7_nobody_waits_for_a_child_that_stays_down() {
    let journal = Journal::default();
    let ignoring = Script::default();
    ignoring.ignore(1);
    let done = ChildSpec::task("migration", |_| async {}).restart(Restart::Transient);
    let mut b = probe("b", &journal).depends_on("migration").depends_on("ignored").depends_on("stopped");
    let b_ref = b.reference();
    let tree = Supervisor::new(Strategy::OneForOne)
        .child(done)
        .child(scripted("ignored", &journal, &ignoring))
        .child(probe("stopped", &journal))
        .child(b)
        .start()
        .await
        .unwrap();
    tree.terminate_child("stopped").await.unwrap();
    tell(&b_ref, Ask::Panic);
    settle().await;
    assert_eq!(b_ref.incarnation(), 2);
    tree.delete_child("stopped").await.unwrap();
    tell(&b_ref, Ask::Panic);
    settle().await;
    assert_eq!(b_ref.incarnation(), 3);
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_7_the_start_timeout_begins_when_the_wait_is_over() {
    let journal = Journal::default();
    let script = slow_after_the_first();
    let mut a = scripted("a", &journal, &script);
    let quick = Script { init_time: SECOND, ..Script::default() };
    let mut b = scripted("b", &journal, &quick).depends_on("a").start_timeout(SECOND * 2);
    let (a_ref, b_ref) = (a.reference(), b.reference());
    let tree = Supervisor::new(Strategy::OneForOne).budget(2, SECOND * 60).child(a).child(b).start().await.unwrap();
    script.stall(1);
    tell(&a_ref, Ask::Panic);
    tell(&b_ref, Ask::Panic);
    tokio::time::sleep(SECOND * 7).await;
    assert!(b_ref.is_running(), "five seconds of waiting and one of init");
    assert_eq!(b_ref.incarnation(), 2);
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_7_a_sibling_that_fails_the_first_start_fails_it_before_those_that_need_it() {
    let journal = Journal::default();
    let failing = Script::default();
    failing.fail(1);
    let (.., supervisor) = two(&journal, &failing);
    let error = supervisor.start().await.unwrap_err();
    let StartError::Child { child, cause: StartFailure::Exited(reason) } = error else { panic!("{error:?}") };
    assert_eq!((child.as_str(), reason), ("a", ExitReason::error("told to fail")));
    assert_eq!(journal.take(), "", "b never ran");
}

#[tokio::test(start_paused = true)]
async fn s1_7_unknown_and_circular_dependencies_are_refused_before_anything_starts() {
    let journal = Journal::default();
    let supervisor = || Supervisor::new(Strategy::OneForOne).child(probe("first", &journal));
    let error = supervisor().child(probe("a", &journal).depends_on("nobody")).start().await.unwrap_err();
    let StartError::UnknownDependency { child, on } = &error else { panic!("{error:?}") };
    assert_eq!((child.as_str(), on.as_str()), ("a", "nobody"));
    assert!(error.to_string().contains("add it there, or correct the id"), "{error}");

    let error = supervisor().child(probe("a", &journal).depends_on("a")).start().await.unwrap_err();
    assert!(error.to_string().contains("child `a` depends on itself (`a` → `a`): leave one of these out"), "{error}");

    let error = supervisor()
        .child(probe("x", &journal).depends_on("a"))
        .child(probe("a", &journal).depends_on("b"))
        .child(probe("b", &journal).depends_on("a"))
        .start()
        .await
        .unwrap_err();
    let StartError::DependencyCycle { child, cycle } = &error else { panic!("{error:?}") };
    assert_eq!(*child, "a");
    assert_eq!(cycle.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["a", "b", "a"]);

    let nested = Supervisor::new(Strategy::OneForOne).child(probe("a", &journal).depends_on("first"));
    let error = supervisor().child(ChildSpec::supervisor(nested)).start().await.unwrap_err();
    assert!(matches!(error, StartError::UnknownDependency { .. }), "a sibling is meant: {error:?}");
    assert_eq!(journal.take(), "", "nothing was started");

    let tree = supervisor().start().await.unwrap();
    let refused = tree.start_child(probe("a", &journal).depends_on("nobody")).await.unwrap_err();
    assert!(matches!(refused, StartChildError::Invalid(StartError::UnknownDependency { .. })), "{refused:?}");
    let refused = tree.start_child(probe("a", &journal).depends_on("a")).await.unwrap_err();
    assert!(matches!(refused, StartChildError::Invalid(StartError::DependencyCycle { .. })), "{refused:?}");
    let rooms = DynamicSupervisor::new().start().await.unwrap();
    let refused = rooms.start_child(probe("a", &journal).depends_on("first")).await.unwrap_err();
    assert!(matches!(refused, StartChildError::Invalid(StartError::UnknownDependency { .. })), "{refused:?}");
    tree.stop().await;
    rooms.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_7_a_long_chain_starts_in_its_order() {
    let mut supervisor = Supervisor::new(Strategy::OneForOne);
    for place in 0..2_000_u32 {
        let spec = ChildSpec::task(format!("{place}"), |cx| async move { cx.stopped().await });
        let spec = if place == 1_999 { spec } else { spec.depends_on(format!("{}", place + 1)) };
        supervisor = supervisor.child(spec);
    }
    let tree = supervisor.start().await.unwrap();
    let children = tree.which_children().await.unwrap();
    assert!(children.iter().map(|child| child.id.to_string()).eq((0..2_000).rev().map(|place: u32| place.to_string())));
    tokio::time::timeout(Duration::from_secs(60), tree.stop()).await.unwrap();
}
