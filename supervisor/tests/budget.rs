//! Section 4: how many restarts are too many.

mod support;

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use supervisor::testing::settle;
use supervisor::{
    CallError, ChildSpec, ChildState, ExitReason, Restart, ServerRef, Strategy, Supervisor, SupervisorRef, Tree,
};
use tokio::time::sleep;

use support::{Ask, Journal, Probe, SECOND, Script, probe, scripted, tell};

async fn one(restarts: u32, period: Duration) -> (Tree<SupervisorRef>, ServerRef<Probe>) {
    let mut spec = probe("a", &Journal::default());
    let a = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).budget(restarts, period).child(spec).start().await.unwrap();
    (tree, a)
}

#[tokio::test(start_paused = true)]
async fn s4_1_the_third_crash_ends_a_supervisor_with_two_an_hour() {
    let (tree, a) = one(2, SECOND * 3_600).await;
    for _ in 0..2 {
        tell(&a, Ask::Panic);
        sleep(SECOND * 1_000).await;
        assert!(a.is_running());
    }
    tell(&a, Ask::Panic);
    tree.exited().await;
    assert_eq!(a.incarnation(), 3);
}

#[tokio::test(start_paused = true)]
async fn s4_1_a_budget_of_zero_ends_with_the_first_crash_and_no_restart() {
    let (tree, a) = one(0, SECOND * 60).await;
    tell(&a, Ask::Panic);
    tree.exited().await;
    assert_eq!(a.incarnation(), 1);
}

#[tokio::test(start_paused = true)]
async fn s4_1_crashes_further_apart_than_the_period_go_on_for_ever() {
    let (tree, a) = one(1, SECOND).await;
    for incarnation in 2..100 {
        tell(&a, Ask::Panic);
        sleep(Duration::from_millis(2_100)).await;
        assert_eq!(a.incarnation(), incarnation);
    }
    assert!(tree.is_running());
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s4_1_the_window_slides_and_is_exact() {
    // An attempt exactly one period old still counts, one that is a millisecond older does not.
    for (gap, survives) in [(Duration::from_secs(1), false), (Duration::from_millis(1_001), true)] {
        let (tree, a) = one(1, SECOND).await;
        tell(&a, Ask::Panic);
        a.child().ended(1).await;
        sleep(gap).await;
        tell(&a, Ask::Panic);
        settle().await;
        assert_eq!(tree.is_running(), survives, "{gap:?}");
    }

    // Not counted by the calendar: two late in one period and one early in the next are three in one period.
    let (tree, a) = one(2, SECOND * 10).await;
    sleep(SECOND * 9).await;
    for _ in 0..2 {
        tell(&a, Ask::Panic);
        settle().await;
    }
    sleep(SECOND * 2).await;
    tell(&a, Ask::Panic);
    settle().await;
    assert!(!tree.is_running());
}

#[tokio::test(start_paused = true)]
async fn s4_2_failed_attempts_count() {
    let script = Script::default();
    let mut spec = scripted("a", &Journal::default(), &script);
    let a = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).budget(3, SECOND * 10).child(spec).start().await.unwrap();
    script.fail(u32::MAX);
    tell(&a, Ask::Panic);
    tree.exited().await;
    assert_eq!(script.inits.load(SeqCst), 4, "one start and three attempts");
    let meltdown = tree.meltdown().unwrap();
    assert_eq!((meltdown.child.as_str(), meltdown.cause), ("a", ExitReason::error("told to fail")));
}

#[tokio::test(start_paused = true)]
async fn s4_2_starts_by_hand_do_not_count() {
    let journal = Journal::default();
    let (tree, a) = one(1, SECOND * 60).await;
    for _ in 0..5 {
        tree.terminate_child("a").await.unwrap();
        tree.restart_child("a").await.unwrap();
    }
    let failing = Script::default();
    failing.fail(5);
    for _ in 0..5 {
        assert!(tree.start_child(scripted("b", &journal, &failing)).await.is_err());
    }
    tree.start_child(scripted("b", &journal, &failing)).await.unwrap();
    failing.fail(5);
    tree.terminate_child("b").await.unwrap();
    for _ in 0..5 {
        assert!(tree.restart_child("b").await.is_err());
    }
    tell(&a, Ask::Panic);
    settle().await;
    assert!(a.is_running(), "the first that counts");
    tell(&a, Ask::Panic);
    settle().await;
    assert!(!tree.is_running(), "the second that does");
}

/// A supervisor of this restart type with a child that it may not restart, among siblings.
async fn melting(restart: Restart) -> (Tree<SupervisorRef>, SupervisorRef, ServerRef<Probe>, Journal) {
    let journal = Journal::default();
    let mut a = probe("a", &journal);
    let a_ref = a.reference();
    let inner = Supervisor::new(Strategy::OneForOne).budget(0, SECOND).child(a).child(probe("b", &journal));
    let mut inner = ChildSpec::supervisor(inner).id("inner").restart(restart);
    let inner_ref = inner.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(inner).child(probe("last", &journal)).start().await.unwrap();
    journal.take();
    (tree, inner_ref, a_ref, journal)
}

#[tokio::test(start_paused = true)]
async fn s4_3_a_meltdown_stops_the_siblings_and_says_why() {
    let (tree, inner, a, journal) = melting(Restart::Transient).await;
    tell(&a, Ask::Panic);
    settle().await;
    assert_eq!(journal.take(), "-b");
    let meltdown = inner.meltdown().unwrap();
    assert_eq!(meltdown.child, "a");
    assert!(matches!(meltdown.cause, ExitReason::Panic(_)));
    let Some(ExitReason::ShutdownWith(text)) = inner.child().last_exit() else { panic!() };
    assert!(text.starts_with("meltdown: child `a`"), "{text}");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s4_3_a_transient_supervisor_is_not_restarted_after_a_meltdown() {
    let (tree, inner, a, _) = melting(Restart::Transient).await;
    tell(&a, Ask::Panic);
    settle().await;
    assert!(!inner.is_running());
    let states: Vec<_> = tree.which_children().await.unwrap().into_iter().map(|child| child.state).collect();
    assert_eq!(states, [ChildState::Stopped, ChildState::Running]);
    assert_eq!(a.call(Ask::Ping).await, Err(CallError::NotRunning), "and so is what made it melt");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s4_3_a_permanent_supervisor_is_restarted_after_a_meltdown_with_the_same_references() {
    let (tree, inner, a, journal) = melting(Restart::Permanent).await;
    tell(&a, Ask::Panic);
    settle().await;
    assert_eq!(journal.take(), "-b +a +b");
    assert!(inner.is_running());
    assert_eq!(inner.meltdown(), None, "that of the last incarnation is forgotten");
    assert_eq!(a.call(Ask::Ping).await, Ok(2), "the reference has followed");
    tree.stop().await;
}
