//! Section 3: who is restarted together.

mod support;

use std::sync::atomic::Ordering::SeqCst;

use supervisor::testing::settle;
use supervisor::{
    CallError, ChildSpec, ChildState, ExitReason, Restart, RestartChildError, ServerRef, StartChildError, Strategy,
    Supervisor, SupervisorRef, Tree,
};
use tokio::time::{Instant, timeout};

use support::{Ask, Journal, Probe, SECOND, Script, probe, scripted, tell};

const NAMES: [&str; 5] = ["7", "3", "10", "2", "5"];

/// Five children, with a budget of `restarts` in a second.
async fn five(strategy: Strategy, restarts: u32) -> (Tree<SupervisorRef>, Vec<ServerRef<Probe>>, Journal) {
    let journal = Journal::default();
    let mut references = Vec::new();
    let mut supervisor = Supervisor::new(strategy).budget(restarts, SECOND);
    for name in NAMES {
        let mut spec = probe(name, &journal);
        references.push(spec.reference());
        supervisor = supervisor.child(spec);
    }
    let tree = supervisor.start().await.unwrap();
    assert_eq!(journal.take(), "+7 +3 +10 +2 +5");
    (tree, references, journal)
}

fn incarnations(children: &[ServerRef<Probe>]) -> Vec<u32> {
    children.iter().map(ServerRef::incarnation).collect()
}

#[tokio::test(start_paused = true)]
async fn s3_1_one_for_one_restarts_the_victim_only() {
    let (tree, children, journal) = five(Strategy::OneForOne, 3).await;
    tell(&children[2], Ask::Panic);
    settle().await;
    assert_eq!(incarnations(&children), [1, 1, 2, 1, 1]);
    assert_eq!(journal.take(), "+10");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s3_1_one_for_all_restarts_all_of_them() {
    let (tree, children, journal) = five(Strategy::OneForAll, 3).await;
    tell(&children[2], Ask::Panic);
    settle().await;
    assert_eq!(incarnations(&children), [2, 2, 2, 2, 2]);
    assert_eq!(journal.take(), "-5 -2 -3 -7 +7 +3 +10 +2 +5");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s3_1_rest_for_one_restarts_the_victim_and_those_after_it() {
    let (tree, children, _) = five(Strategy::RestForOne, 3).await;
    tell(&children[2], Ask::Panic);
    settle().await;
    assert_eq!(incarnations(&children), [1, 1, 2, 2, 2]);
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s3_2_group_restart_stops_in_reverse_and_starts_in_order() {
    let (tree, children, journal) = five(Strategy::RestForOne, 3).await;
    tell(&children[2], Ask::Panic);
    settle().await;
    assert_eq!(journal.take(), "-5 -2 +10 +2 +5");
    tree.stop().await;
    assert_eq!(journal.take(), "-5 -2 -10 -3 -7");
}

#[tokio::test(start_paused = true)]
async fn s3_3_simultaneous_crashes_count_once_under_one_for_all() {
    for restarts in 1..=3 {
        let (tree, children, _) = five(Strategy::OneForAll, restarts).await;
        for child in &children[1..4] {
            tell(child, Ask::Panic);
        }
        settle().await;
        assert!(tree.is_running(), "one attempt of {restarts}");
        for incarnation in 2..=restarts {
            assert_eq!(incarnations(&children), [incarnation; 5]);
            tell(&children[0], Ask::Panic);
            settle().await;
            assert!(tree.is_running(), "{incarnation} of {restarts}");
        }
        tell(&children[0], Ask::Panic);
        assert_eq!(tree.exited().await.as_str(), "shutdown", "and one more is too many");
        assert!(tree.meltdown().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn s3_3_simultaneous_crashes_count_each_under_one_for_one() {
    let (tree, children, _) = five(Strategy::OneForOne, 3).await;
    for child in &children[1..4] {
        tell(child, Ask::Panic);
    }
    settle().await;
    assert!(tree.is_running());
    assert_eq!(incarnations(&children), [1, 2, 2, 2, 1]);
    tell(&children[0], Ask::Panic);
    settle().await;
    assert!(!tree.is_running(), "three of three were used up");

    let (tree, children, _) = five(Strategy::OneForOne, 2).await;
    for child in &children[1..4] {
        tell(child, Ask::Panic);
    }
    settle().await;
    assert!(!tree.is_running(), "the third of two");
}

#[tokio::test(start_paused = true)]
async fn s3_3_bystanders_never_count() {
    // Each group restart takes four bystanders down. With a budget of three, three such restarts are possible.
    let (tree, children, _) = five(Strategy::OneForAll, 3).await;
    for incarnation in 2..=4 {
        tell(&children[0], Ask::Panic);
        settle().await;
        assert_eq!(incarnations(&children), [incarnation; 5]);
    }
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s3_4_a_stopped_sibling_is_started_again_by_a_group_restart() {
    let journal = Journal::default();
    let mut a = probe("a", &journal).restart(Restart::Transient);
    let mut c = probe("c", &journal);
    let (a_ref, c_ref) = (a.reference(), c.reference());
    let supervisor = Supervisor::new(Strategy::OneForAll).child(a).child(probe("b", &journal)).child(c);
    let tree = supervisor.start().await.unwrap();
    tell(&a_ref, Ask::Stop(ExitReason::Normal));
    settle().await;
    tree.terminate_child("b").await.unwrap();
    assert_eq!(journal.take(), "+a +b +c -a -b");
    assert_eq!(tree.count_children().await.unwrap().active, 1);

    tell(&c_ref, Ask::Panic);
    settle().await;
    assert_eq!(journal.take(), "+a +b +c");
    assert_eq!(tree.count_children().await.unwrap().active, 3);
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s3_4_a_temporary_bystander_is_removed() {
    let journal = Journal::default();
    let mut a = probe("a", &journal);
    let a_ref = a.reference();
    let tree = Supervisor::new(Strategy::OneForAll)
        .child(a)
        .child(probe("t", &journal).restart(Restart::Temporary))
        .child(probe("c", &journal))
        .start()
        .await
        .unwrap();
    journal.take();
    tell(&a_ref, Ask::Panic);
    settle().await;
    assert_eq!(journal.take(), "-c -t +a +c");
    assert!(tree.find_child("t").await.unwrap().is_none());
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s3_5_one_for_all_tries_all_of_them_again_when_a_second_one_fails() {
    let journal = Journal::default();
    let script = Script::default();
    let mut a = probe("a", &journal);
    let a_ref = a.reference();
    let supervisor = Supervisor::new(Strategy::OneForAll)
        .budget(3, SECOND)
        .child(a)
        .child(scripted("b", &journal, &script))
        .child(probe("c", &journal));
    let tree = supervisor.start().await.unwrap();
    journal.take();
    script.fail(2);
    tell(&a_ref, Ask::Panic);
    settle().await;
    assert_eq!(journal.take(), "-c -b +a -a +a -a +a +b +c", "each try starts with a");
    // Three attempts are counted: one more ends it.
    tell(&a_ref, Ask::Panic);
    settle().await;
    assert!(!tree.is_running());
}

#[tokio::test(start_paused = true)]
async fn s3_5_rest_for_one_tries_again_from_the_one_that_failed() {
    let journal = Journal::default();
    let script = Script::default();
    let mut a = probe("a", &journal);
    let a_ref = a.reference();
    let supervisor = Supervisor::new(Strategy::RestForOne)
        .budget(3, SECOND)
        .child(a)
        .child(scripted("b", &journal, &script))
        .child(probe("c", &journal));
    let tree = supervisor.start().await.unwrap();
    journal.take();
    script.fail(2);
    tell(&a_ref, Ask::Panic);
    settle().await;
    assert_eq!(journal.take(), "-c -b +a +b +c", "a is started once");
    assert_eq!(script.inits.load(SeqCst), 4, "one start, two failures, one success");
    assert_eq!(tree.count_children().await.unwrap().active, 3);
    tree.stop().await;
}

/// Three that go down together; the last one takes a second to stop, and the others wait for it.
async fn slow_group() -> (Tree<SupervisorRef>, ServerRef<Probe>, Journal) {
    let journal = Journal::default();
    let slow = Script { stop_time: SECOND, ..Script::default() };
    let mut a = probe("a", &journal);
    let a_ref = a.reference();
    let supervisor =
        Supervisor::new(Strategy::OneForAll).child(a).child(probe("b", &journal)).child(scripted("c", &journal, &slow));
    (supervisor.start().await.unwrap(), a_ref, journal)
}

#[tokio::test(start_paused = true)]
async fn a_child_terminated_while_the_group_restarts_stays_down() {
    let (tree, a_ref, _) = slow_group().await;
    tell(&a_ref, Ask::Panic);
    settle().await;
    tree.terminate_child("b").await.unwrap();
    tokio::time::sleep(SECOND).await;
    settle().await;
    let states: Vec<_> = tree.which_children().await.unwrap().into_iter().map(|child| child.state).collect();
    assert_eq!(states, [ChildState::Running, ChildState::Stopped, ChildState::Running]);
    tree.stop().await;
}

/// A supervisor that is asked to stop in the middle of its start, and takes a second for that.
fn long_to_stop(id: &'static str, journal: &Journal) -> ChildSpec<SupervisorRef> {
    let (stops, starts) =
        (Script { stop_time: SECOND, ..Script::default() }, Script { init_time: SECOND * 60, ..Script::default() });
    let inner = Supervisor::new(Strategy::OneForOne);
    ChildSpec::supervisor(inner.child(scripted("up", journal, &stops)).child(scripted("slow", journal, &starts))).id(id)
}

#[tokio::test(start_paused = true)]
async fn s3_4_a_child_started_by_hand_and_terminated_while_the_group_restarts_is_gone() {
    let journal = Journal::default();
    let mut a = probe("a", &journal);
    let a_ref = a.reference();
    let tree = Supervisor::new(Strategy::OneForAll).child(a).start().await.unwrap();
    let mut b = long_to_stop("b", &journal);
    let b_ref = b.reference();
    let starting = tokio::spawn({
        let tree = tree.reference();
        async move { tree.start_child(b).await.map(drop) }
    });
    settle().await;
    tell(&a_ref, Ask::Panic);
    settle().await;
    assert_eq!(tree.which_children().await.unwrap()[1].state, ChildState::Stopping);
    tree.terminate_child("b").await.unwrap();
    let told = starting.await.unwrap();
    assert!(matches!(told, Err(StartChildError::Failed { .. })), "{told:?}");
    assert!(!timeout(SECOND, b_ref.child().running()).await.expect("it will never be"), "it is gone");
    assert_eq!(tree.count_children().await.unwrap().specs, 1);
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s3_4_a_child_started_by_hand_and_caught_by_a_group_restart_is_started_again_before_its_caller_is_told() {
    let journal = Journal::default();
    let slow = Script { stop_time: SECOND * 4, ..Script::default() };
    let (mut a, b) = (probe("a", &journal), scripted("b", &journal, &slow));
    let a_ref = a.reference();
    let tree = Supervisor::new(Strategy::OneForAll).child(a).child(b).start().await.unwrap();
    let init = Script { init_time: SECOND * 3, ..Script::default() };
    let c = scripted("c", &journal, &init);
    let begun = Instant::now();
    let starting = tokio::spawn({
        let tree = tree.reference();
        async move { tree.start_child(c).await }
    });
    settle().await;
    tell(&a_ref, Ask::Panic);
    // c is down at once, b in 4 seconds, and c is up 3 seconds later.
    let c_ref = starting.await.unwrap().expect("it comes up, late");
    assert_eq!((begun.elapsed().as_secs(), c_ref.incarnation()), (7, 2));
    assert_eq!(journal.take(), "+a +b -b +a +b +c");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s3_4_callers_of_those_who_are_taken_along_are_told_that_they_restart() {
    let journal = Journal::default();
    let (stop, init) =
        (Script { stop_time: SECOND * 5, ..Script::default() }, Script { init_time: SECOND * 5, ..Script::default() });
    init.stall(0);
    let (mut a, mut c) = (scripted("a", &journal, &init), probe("c", &journal));
    let (a_ref, c_ref) = (a.reference(), c.reference());
    let tree =
        Supervisor::new(Strategy::OneForAll).child(a).child(scripted("b", &journal, &stop)).child(c).start().await;
    let tree = tree.unwrap();
    init.stall(1);
    tell(&a_ref, Ask::Panic);
    // b stops, then a starts: all that time c is down, and comes back.
    for _ in 0..10 {
        settle().await;
        assert_eq!(c_ref.call(Ask::Ping).await, Err(CallError::Restarting));
        let c = tree.which_children().await.unwrap().pop().unwrap();
        assert_eq!((c.id.as_str(), c.state), ("c", ChildState::Restarting));
        assert!(matches!(tree.restart_child("c").await, Err(RestartChildError::Restarting)));
        tokio::time::sleep(SECOND).await;
    }
    settle().await;
    assert_eq!(c_ref.call(Ask::Ping).await, Ok(2));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s3_4_a_child_restarted_by_hand_while_the_group_goes_down_comes_up_with_it() {
    let (tree, a_ref, journal) = slow_group().await;
    tree.terminate_child("b").await.unwrap();
    tell(&a_ref, Ask::Panic);
    settle().await;
    tree.restart_child("b").await.unwrap();
    settle().await;
    assert_eq!(journal.take(), "+a +b +c -b -c +a +b +c");
    tree.stop().await;
}
