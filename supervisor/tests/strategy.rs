//! Section 3: who is restarted together.

mod support;

use std::sync::atomic::Ordering::SeqCst;

use supervisor::testing::settle;
use supervisor::{ChildState, ExitReason, Restart, ServerRef, Strategy, Supervisor, SupervisorRef, Tree};

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

#[tokio::test(start_paused = true)]
async fn a_child_terminated_while_the_group_restarts_stays_down() {
    let journal = Journal::default();
    let slow = Script { stop_time: SECOND, ..Script::default() };
    let mut a = probe("a", &journal);
    let a_ref = a.reference();
    let supervisor =
        Supervisor::new(Strategy::OneForAll).child(a).child(probe("b", &journal)).child(scripted("c", &journal, &slow));
    let tree = supervisor.start().await.unwrap();
    tell(&a_ref, Ask::Panic);
    settle().await;
    tree.terminate_child("b").await.unwrap();
    tokio::time::sleep(SECOND).await;
    settle().await;
    let states: Vec<_> = tree.which_children().await.unwrap().into_iter().map(|child| child.state).collect();
    assert_eq!(states, [ChildState::Running, ChildState::Stopped, ChildState::Running]);
    tree.stop().await;
}
