//! Section 2: which ends lead to a restart.

mod support;

use supervisor::testing::settle;
use supervisor::{ChildSpec, ChildState, ExitReason, Restart, Strategy, Supervisor};

use support::{Ask, Journal, SECOND, probe, tell};

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
