//! Section 7.4: supervisors that end with their significant children.

mod support;

use supervisor::testing::settle;
use supervisor::{
    AutoShutdown, ChildSpec, DynamicSupervisor, ExitReason, Restart, ServerRef, StartChildError, StartError, Strategy,
    Supervisor, SupervisorRef, Tree,
};

use support::{Ask, Journal, Probe, SECOND, Script, probe, scripted, tell};

/// `a`, significant `s` and `t`, and `z`.
async fn tree(
    strategy: Strategy,
    auto_shutdown: AutoShutdown,
    restart: Restart,
) -> (Tree<SupervisorRef>, [ServerRef<Probe>; 4], Journal) {
    let journal = Journal::default();
    let mut a = probe("a", &journal);
    let mut s = probe("s", &journal).restart(restart).significant();
    let mut t = probe("t", &journal).restart(restart).significant();
    let mut z = probe("z", &journal).restart(Restart::Transient);
    let references = [a.reference(), s.reference(), t.reference(), z.reference()];
    let supervisor = Supervisor::new(strategy).auto_shutdown(auto_shutdown).child(a).child(s).child(t).child(z);
    let tree = supervisor.start().await.unwrap();
    assert_eq!(journal.take(), "+a +s +t +z");
    (tree, references, journal)
}

#[tokio::test(start_paused = true)]
async fn s7_4_any_significant_ends_with_the_first_of_them_and_stops_the_others_in_reverse() {
    for restart in [Restart::Transient, Restart::Temporary] {
        for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
            let (tree, [_, s, ..], journal) = tree(strategy, AutoShutdown::AnySignificant, restart).await;
            tell(&s, Ask::Stop(ExitReason::Normal));
            assert_eq!(tree.exited().await, ExitReason::Shutdown);
            assert_eq!(journal.take(), "-s -z -t -a");
            assert!(tree.meltdown().is_none());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s7_4_all_significant_ends_with_the_last_of_them() {
    let (tree, [_, s, t, _], journal) =
        tree(Strategy::OneForOne, AutoShutdown::AllSignificant, Restart::Transient).await;
    tell(&s, Ask::Stop(ExitReason::Shutdown));
    settle().await;
    assert!(tree.is_running(), "one of two");
    tell(&t, Ask::Stop(ExitReason::shutdown_with("done")));
    assert_eq!(tree.exited().await, ExitReason::Shutdown);
    assert_eq!(journal.take(), "-s -t -z -a");
}

#[tokio::test(start_paused = true)]
async fn s7_4_one_that_is_down_for_another_reason_does_not_keep_the_supervisor_up() {
    let (tree, [_, s, t, _], _) = tree(Strategy::OneForOne, AutoShutdown::AllSignificant, Restart::Transient).await;
    tree.terminate_child("s").await.unwrap();
    assert!(!s.is_running());
    tell(&t, Ask::Stop(ExitReason::Normal));
    assert_eq!(tree.exited().await, ExitReason::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn s7_4_a_crash_of_a_transient_one_is_a_restart_and_of_a_temporary_one_the_end() {
    let (tree, [_, s, ..], _) = tree(Strategy::OneForOne, AutoShutdown::AnySignificant, Restart::Transient).await;
    tell(&s, Ask::Panic);
    settle().await;
    assert!(tree.is_running());
    assert_eq!(s.call(Ask::Ping).await, Ok(2));
    tree.stop().await;

    let (tree, [_, s, ..], _) = self::tree(Strategy::OneForOne, AutoShutdown::AnySignificant, Restart::Temporary).await;
    tell(&s, Ask::Panic);
    assert_eq!(tree.exited().await, ExitReason::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn s7_4_one_that_is_terminated_by_hand_is_no_trigger() {
    for restart in [Restart::Transient, Restart::Temporary] {
        let (tree, ..) = tree(Strategy::OneForOne, AutoShutdown::AnySignificant, restart).await;
        tree.terminate_child("s").await.unwrap();
        tree.terminate_child("t").await.unwrap();
        settle().await;
        assert!(tree.is_running());
        tree.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn s3_3_bystanders_of_a_group_restart_never_trigger_an_auto_shutdown() {
    for auto_shutdown in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
        for restart in [Restart::Transient, Restart::Temporary] {
            let (tree, [a, s, ..], _) = tree(Strategy::OneForAll, auto_shutdown, restart).await;
            tell(&a, Ask::Panic);
            settle().await;
            assert!(tree.is_running());
            assert_eq!(s.is_running(), restart == Restart::Transient);
            tree.stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s3_3_a_bystander_that_ends_while_it_waits_to_be_stopped_is_no_trigger() {
    let journal = Journal::default();
    let slow = Script { stop_time: SECOND, ..Script::default() };
    let mut a = probe("a", &journal);
    let mut s = probe("s", &journal).restart(Restart::Transient).significant();
    let (a_ref, s_ref) = (a.reference(), s.reference());
    let tree = Supervisor::new(Strategy::OneForAll)
        .auto_shutdown(AutoShutdown::AnySignificant)
        .child(a)
        .child(s)
        .child(scripted("slow", &journal, &slow))
        .start()
        .await
        .unwrap();
    tell(&a_ref, Ask::Panic);
    settle().await;
    // The last one takes its time to stop, and this one goes meanwhile.
    tell(&s_ref, Ask::Stop(ExitReason::Normal));
    tokio::time::sleep(SECOND * 2).await;
    assert!(tree.is_running());
    assert_eq!(s_ref.call(Ask::Ping).await, Ok(2));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_4_one_that_is_about_to_be_started_again_keeps_the_supervisor_up() {
    let journal = Journal::default();
    let slow = Script { stop_time: SECOND, ..Script::default() };
    let mut s = probe("s", &journal).restart(Restart::Transient).significant();
    let mut v = probe("v", &journal);
    let (s_ref, v_ref) = (s.reference(), v.reference());
    let tree = Supervisor::new(Strategy::RestForOne)
        .auto_shutdown(AutoShutdown::AllSignificant)
        .child(s)
        .child(v)
        .child(scripted("slow", &journal, &slow))
        .child(probe("t", &journal).restart(Restart::Transient).significant())
        .start()
        .await
        .unwrap();
    tell(&v_ref, Ask::Panic);
    settle().await;
    assert_eq!(journal.take(), "+s +v +slow +t -t", "down, and to be started again");
    tell(&s_ref, Ask::Stop(ExitReason::Normal));
    tokio::time::sleep(SECOND * 2).await;
    assert!(tree.is_running());
    assert_eq!(journal.take(), "-s -slow +v +slow +t");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_4_inits_that_ask_to_be_left_out_or_fail_are_no_trigger() {
    let journal = Journal::default();
    let script = Script::default();
    script.ignore(1);
    let tree = Supervisor::new(Strategy::OneForOne)
        .auto_shutdown(AutoShutdown::AnySignificant)
        .child(scripted("s", &journal, &script).restart(Restart::Transient).significant())
        .start()
        .await
        .unwrap();
    script.fail(1);
    tree.restart_child("s").await.unwrap_err();
    settle().await;
    assert!(tree.is_running());
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_4_one_that_ends_during_the_start_ends_the_supervisor_once_that_is_done() {
    let journal = Journal::default();
    let slow = Script { init_time: SECOND, ..Script::default() };
    let once = ChildSpec::task("once", |_| async {}).restart(Restart::Transient).significant();
    let tree = Supervisor::new(Strategy::OneForOne)
        .auto_shutdown(AutoShutdown::AnySignificant)
        .child(once)
        .child(scripted("a", &journal, &slow))
        .start()
        .await
        .expect("every child came up");
    assert_eq!(tree.exited().await, ExitReason::Shutdown);
    assert_eq!(journal.take(), "+a -a");
}

#[tokio::test(start_paused = true)]
async fn s7_4_a_transient_parent_leaves_it_down_and_a_permanent_one_restarts_it() {
    for (restart, incarnations) in [(Restart::Transient, 1), (Restart::Permanent, 2)] {
        let journal = Journal::default();
        let mut s = probe("s", &journal).restart(Restart::Temporary).significant();
        let s_ref = s.reference();
        let inner = Supervisor::new(Strategy::OneForOne).auto_shutdown(AutoShutdown::AnySignificant).child(s);
        let mut inner = ChildSpec::supervisor(inner).restart(restart);
        let inner_ref = inner.reference();
        let tree = Supervisor::new(Strategy::OneForOne).child(inner).start().await.unwrap();
        tell(&s_ref, Ask::Stop(ExitReason::Normal));
        settle().await;
        assert_eq!(inner_ref.child().incarnation(), incarnations);
        assert_eq!(s_ref.is_running(), incarnations == 2, "its spec is the supervisor's own, and is used again");
        tree.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn s1_4_significant_with_never_and_with_permanent_are_refused_before_anything_starts() {
    let journal = Journal::default();
    let significant = |restart| probe("s", &journal).restart(restart).significant();

    let supervisor = Supervisor::new(Strategy::OneForOne).id("sup").child(probe("a", &journal));
    let error = supervisor.child(significant(Restart::Transient)).start().await.unwrap_err();
    let StartError::SignificantForNobody { child, supervisor } = &error else { panic!("{error:?}") };
    assert_eq!((child.as_str(), supervisor.as_str()), ("s", "sup"));
    assert!(error.to_string().contains("give the supervisor an `auto_shutdown`"), "{error}");

    let supervisor = || Supervisor::new(Strategy::OneForOne).auto_shutdown(AutoShutdown::AnySignificant);
    let error =
        supervisor().child(probe("a", &journal)).child(significant(Restart::Permanent)).start().await.unwrap_err();
    assert!(matches!(&error, StartError::SignificantPermanent { child } if *child == "s"), "{error:?}");
    assert!(error.to_string().contains("make it transient or temporary"), "{error}");
    assert_eq!(journal.take(), "", "nothing was started");

    let tree = supervisor().start().await.unwrap();
    let refused = tree.start_child(significant(Restart::Permanent)).await.unwrap_err();
    assert!(matches!(refused, StartChildError::Invalid(StartError::SignificantPermanent { .. })), "{refused:?}");
    let s = tree.start_child(significant(Restart::Temporary)).await.unwrap();
    tell(&s, Ask::Stop(ExitReason::Normal));
    assert_eq!(tree.exited().await, ExitReason::Shutdown, "one that was added counts too");

    let tree = Supervisor::new(Strategy::OneForOne).start().await.unwrap();
    let refused = tree.start_child(significant(Restart::Transient)).await.unwrap_err();
    assert!(matches!(refused, StartChildError::Invalid(StartError::SignificantForNobody { .. })), "{refused:?}");
    let rooms = DynamicSupervisor::new().start().await.unwrap();
    let refused = rooms.start_child(significant(Restart::Transient)).await.unwrap_err();
    assert!(matches!(refused, StartChildError::Invalid(StartError::SignificantForNobody { .. })), "{refused:?}");
    tree.stop().await;
    rooms.stop().await;
}
