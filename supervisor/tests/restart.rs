//! Section 2: which ends lead to a restart.

mod support;

use std::time::Duration;

use supervisor::testing::{Chaos, settle};
use supervisor::{AutoShutdown, Backoff, ChildRef, ChildSpec, ChildState, ExitReason, Restart, Strategy, Supervisor};

use support::{Ask, Journal, SECOND, Script, probe, scripted, tell};

/// What becomes of a child of this type after this: the incarnation it is in afterwards if it is up, its spec.
async fn after(restart: Restart, ask: Ask) -> (Option<u32>, Option<ChildState>) {
    let journal = Journal::default();
    let mut spec = probe("a", &journal).restart(restart);
    let a = spec.reference();
    let tree = Supervisor::new(Strategy::OneForAll).budget(10, SECOND).child(spec).child(probe("sibling", &journal));
    let tree = tree.start().await.unwrap();
    journal.take();
    tell(&a, ask);
    settle().await;
    let children = tree.which_children().await.unwrap();
    let state = children.iter().find(|child| child.id == "a").map(|child| child.state);
    let up = a.is_running().then(|| a.incarnation());
    if up.is_none() {
        assert_eq!(journal.take().replace("-a", "").trim(), "", "the sibling was left alone");
    }
    tree.stop().await;
    (up, state)
}

fn clean() -> [Ask; 3] {
    [Ask::Stop(ExitReason::Normal), Ask::Stop(ExitReason::Shutdown), Ask::Stop(ExitReason::shutdown_with("done"))]
}

fn abnormal() -> [Ask; 5] {
    [
        Ask::Fail,
        Ask::Panic,
        Ask::Stop(ExitReason::Killed),
        Ask::Stop(ExitReason::Timeout),
        Ask::Stop(ExitReason::error("no")),
    ]
}

#[tokio::test(start_paused = true)]
async fn s2_permanent_is_always_restarted() {
    for ask in clean().into_iter().chain(abnormal()) {
        let told = format!("{ask:?}");
        assert_eq!(after(Restart::Permanent, ask).await, (Some(2), Some(ChildState::Running)), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn s2_transient_is_restarted_after_an_abnormal_end_only_and_keeps_its_spec() {
    for ask in clean() {
        let told = format!("{ask:?}");
        assert_eq!(after(Restart::Transient, ask).await, (None, Some(ChildState::Stopped)), "{told}");
    }
    for ask in abnormal() {
        let told = format!("{ask:?}");
        assert_eq!(after(Restart::Transient, ask).await, (Some(2), Some(ChildState::Running)), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn s2_temporary_is_never_restarted_and_leaves_no_spec() {
    for ask in clean().into_iter().chain(abnormal()) {
        let told = format!("{ask:?}");
        assert_eq!(after(Restart::Temporary, ask).await, (None, None), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn s2_a_task_ends_as_its_output_says() {
    let ends = |restart| async move {
        let task = |outcome: Result<(), &'static str>| move |_| async move { outcome };
        let mut spec = ChildSpec::task("fails", task(Err("no"))).restart(restart);
        let failing = spec.reference();
        let tree = Supervisor::new(Strategy::OneForOne).budget(1, SECOND).child(spec).start().await.unwrap();
        settle().await;
        (failing.incarnation(), failing.last_exit(), tree.meltdown().map(|meltdown| meltdown.cause))
    };
    let error = ExitReason::error("no");
    assert_eq!(ends(Restart::Transient).await, (2, Some(error.clone()), Some(error.clone())));
    assert_eq!(ends(Restart::Temporary).await, (1, Some(error), None));
}

/// Whether somebody who waits for the end of this would be told by now.
async fn is_over(child: &ChildRef) -> bool {
    settle().await;
    tokio::time::timeout(Duration::ZERO, child.gone()).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn s2_a_child_that_stays_down_has_ended_for_good_though_its_supervisor_goes_on() {
    for restart in [Restart::Transient, Restart::Temporary] {
        let journal = Journal::default();
        let delay = Backoff::exponential().base(SECOND).jitter(0.0);
        let mut spec = probe("a", &journal).restart(restart).backoff(delay);
        let a = spec.reference();
        let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
        assert!(!is_over(&a.child()).await);
        let waiting = tokio::spawn({
            let a = a.child();
            async move { a.gone().await }
        });
        settle().await;
        tell(&a, Ask::Stop(ExitReason::Normal));
        assert_eq!(waiting.await.unwrap(), Some(ExitReason::Normal));
        assert_eq!(a.child().gone().await, Some(ExitReason::Normal), "and whoever asks later");
        if restart == Restart::Transient {
            tree.restart_child("a").await.unwrap();
            assert!(!is_over(&a.child()).await, "it is there again");
            tell(&a, Ask::Panic);
            assert!(!is_over(&a.child()).await && !a.is_running(), "it will be restarted");
            assert!(a.running().await && !is_over(&a.child()).await);
            tree.terminate_child("a").await.unwrap();
            assert_eq!(a.child().gone().await, Some(ExitReason::Shutdown));
        }
        tree.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn s2_a_child_that_asked_to_be_left_out_has_ended_for_good() {
    let (journal, script) = (Journal::default(), Script::default());
    script.ignore(1);
    let mut spec = scripted("a", &journal, &script);
    let a = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).child(probe("b", &journal)).start().await.unwrap();
    assert_eq!(a.child().gone().await, Some(ExitReason::Normal));
    tree.restart_child("a").await.unwrap();
    assert!(!is_over(&a.child()).await);
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s2_what_is_below_a_supervisor_has_ended_for_good_when_that_one_stays_down_and_not_when_it_comes_back() {
    let journal = Journal::default();
    let mut leaf = probe("leaf", &journal).restart(Restart::Temporary);
    let (mut worker, leaf_child) = (probe("worker", &journal), leaf.reference().child());
    let worker_child = worker.reference().child();
    let inner = Supervisor::new(Strategy::OneForOne).id("inner").child(worker).child(leaf);
    let middle = Supervisor::new(Strategy::OneForOne).id("middle").child(ChildSpec::supervisor(inner));
    let middle = middle.child(probe("other", &journal));
    let delay = Backoff::exponential().base(SECOND).jitter(0.0);
    let mut spec = ChildSpec::supervisor(middle).backoff(delay);
    let middle = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).budget(9, SECOND).child(spec).start().await.unwrap();
    let inner = middle.find_child("inner").await.unwrap().unwrap();

    // Killed or stopped, it is started again after the delay, and all below it with it.
    for incarnation in 1..=2 {
        if incarnation == 1 {
            tree.kill_child("middle").await.unwrap();
        } else {
            Chaos::of(&*tree, 1).panic("middle").unwrap();
        }
        middle.child().ended(incarnation).await;
        for child in [&middle.child(), &inner, &worker_child, &leaf_child] {
            assert!(!is_over(child).await, "{child:?} comes back");
        }
        assert!(middle.child().running().await && leaf_child.running().await);
    }

    // As when it gives up, and stops its children in order before.
    for _ in 0..4 {
        middle.kill_child("other").await.unwrap();
        settle().await;
    }
    assert!(middle.meltdown().is_some() && !middle.is_running());
    for child in [&middle.child(), &inner, &worker_child, &leaf_child] {
        assert!(!is_over(child).await, "{child:?} comes back");
    }
    assert!(middle.child().running().await && leaf_child.running().await);

    tree.terminate_child("middle").await.unwrap();
    assert_eq!(middle.exited().await, ExitReason::Shutdown);
    for child in [&inner, &worker_child, &leaf_child] {
        assert_eq!(child.gone().await, Some(ExitReason::Shutdown), "{child:?}");
    }
    tree.restart_child("middle").await.unwrap();
    for child in [&middle.child(), &inner, &worker_child, &leaf_child] {
        assert!(!is_over(child).await, "{child:?} is there again");
    }
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s2_a_supervisor_that_ends_by_itself_has_ended_for_good_under_one_that_goes_on() {
    let journal = Journal::default();
    let last = probe("last", &journal).restart(Restart::Transient).significant();
    let mut other = probe("other", &journal);
    let other_child = other.reference().child();
    let import = Supervisor::new(Strategy::OneForOne).auto_shutdown(AutoShutdown::AnySignificant);
    let mut spec = ChildSpec::supervisor(import.child(last).child(other)).restart(Restart::Transient).id("import");
    let import = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
    let last = import.find_server::<support::Probe>("last").await.unwrap().unwrap();
    tell(&last, Ask::Stop(ExitReason::Normal));
    assert_eq!(import.exited().await, ExitReason::Shutdown);
    assert_eq!(last.child().gone().await, Some(ExitReason::Normal));
    assert_eq!(other_child.gone().await, Some(ExitReason::Shutdown));
    assert!(tree.is_running());
    tree.stop().await;
}
