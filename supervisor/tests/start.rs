//! Section 1: how a supervisor starts.

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use supervisor::testing::settle;
use supervisor::{
    CallError, ChildSpec, ChildState, DynamicSupervisor, ExitReason, PartitionSupervisor, Restart, StartChildError,
    StartError, StartFailure, Strategy, Supervisor, TaskSupervisor,
};
use tokio::time::Instant;

use support::{Ask, Journal, SECOND, Script, probe, scripted, tell};

#[tokio::test(start_paused = true)]
async fn s1_1_children_start_in_order_each_after_the_init_of_the_one_before() {
    let journal = Journal::default();
    let slow = Script { init_time: SECOND, ..Script::default() };
    let inner = Supervisor::new(Strategy::OneForOne)
        .child(scripted("b1", &journal, &slow))
        .child(scripted("b2", &journal, &slow));
    let begun = Instant::now();
    let tree = Supervisor::new(Strategy::OneForOne)
        .child(scripted("a", &journal, &slow))
        .child(ChildSpec::supervisor(inner).id("b"))
        .child(scripted("c", &journal, &slow))
        .start()
        .await
        .unwrap();

    assert_eq!(journal.take(), "+a +b1 +b2 +c");
    assert_eq!(begun.elapsed().as_secs(), 4, "one after the other, and all of the tree");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_2_a_failing_init_of_a_temporary_child_names_it_too() {
    let failing = Script::default();
    failing.fail(1);
    let error = Supervisor::new(Strategy::OneForOne)
        .child(scripted("a", &Journal::default(), &failing).restart(Restart::Temporary))
        .start()
        .await
        .unwrap_err();
    let StartError::Child { child, cause: StartFailure::Exited(reason) } = error else { panic!("{error:?}") };
    assert_eq!((child.as_str(), reason), ("a", ExitReason::error("told to fail")));
}

#[tokio::test(start_paused = true)]
async fn s1_2_a_failing_init_names_the_child_and_stops_those_before_it_in_reverse() {
    let journal = Journal::default();
    let failing = Script::default();
    failing.fail(u32::MAX);
    let d = Script::default();
    let error = Supervisor::new(Strategy::OneForOne)
        .child(probe("a", &journal))
        .child(probe("b", &journal))
        .child(scripted("c", &journal, &failing))
        .child(scripted("d", &journal, &d))
        .start()
        .await
        .unwrap_err();

    let StartError::Child { child, cause: StartFailure::Exited(reason) } = error else { panic!("{error:?}") };
    assert_eq!(child, "c");
    assert_eq!(reason, ExitReason::error("told to fail"));
    assert_eq!(journal.take(), "+a +b -b -a");
    assert_eq!(failing.inits.load(SeqCst), 1, "a first start is not retried");
    assert_eq!(d.inits.load(SeqCst), 0, "d never ran");
}

#[tokio::test(start_paused = true)]
async fn s1_2_a_panic_in_init_or_in_the_factory_is_a_failure_with_message_and_place() {
    let error = Supervisor::new(Strategy::OneForOne)
        .child(ChildSpec::server(|| -> support::Probe { panic!("no factory") }).id("c"))
        .start()
        .await
        .unwrap_err();
    let StartError::Child { child, cause: StartFailure::Exited(ExitReason::Panic(panic)) } = error else {
        panic!("{error:?}")
    };
    assert_eq!(child, "c");
    assert_eq!(panic.message(), "no factory");
    assert!(panic.location().is_some_and(|place| place.contains("start.rs")), "{panic:?}");

    let journal = Journal::default();
    let script = Script::default();
    script.panic(1);
    let plan = Supervisor::new(Strategy::OneForOne).child(probe("a", &journal)).child(scripted("b", &journal, &script));
    let error = plan.start().await.unwrap_err();
    let StartError::Child { child, cause: StartFailure::Exited(ExitReason::Panic(panic)) } = error else {
        panic!("{error:?}")
    };
    assert_eq!((child.as_str(), panic.message()), ("b", "told to panic"));
    assert_eq!((journal.take().as_str(), script.inits.load(SeqCst)), ("+a -a", 1));
}

#[tokio::test(start_paused = true)]
async fn s1_2_the_failure_of_a_nested_child_is_told_with_its_path() {
    let journal = Journal::default();
    let failing = Script::default();
    failing.fail(1);
    let inner =
        Supervisor::new(Strategy::OneForOne).child(probe("b", &journal)).child(scripted("c", &journal, &failing));
    let error = Supervisor::new(Strategy::OneForOne)
        .child(probe("a", &journal))
        .child(ChildSpec::supervisor(inner).id("inner"))
        .start()
        .await
        .unwrap_err();
    let StartError::Child { child, cause: StartFailure::Supervisor(nested) } = error else { panic!("{error:?}") };
    assert_eq!(child, "inner");
    assert!(matches!(*nested, StartError::Child { child, .. } if child == "c"));
    assert_eq!(journal.take(), "+a +b -b -a");
}

#[tokio::test(start_paused = true)]
async fn s1_3_ignore_keeps_the_spec_of_permanent_and_transient_and_drops_a_temporary_one() {
    let journal = Journal::default();
    let ignoring = || {
        let script = Script::default();
        script.ignore(1);
        script
    };
    let tree = Supervisor::new(Strategy::OneForOne)
        .child(scripted("p", &journal, &ignoring()))
        .child(scripted("t", &journal, &ignoring()).restart(Restart::Transient))
        .child(scripted("x", &journal, &ignoring()).restart(Restart::Temporary))
        .child(probe("last", &journal))
        .start()
        .await
        .unwrap();

    let ids = |children: Vec<supervisor::ChildInfo>| {
        children.into_iter().map(|child| (child.id.to_string(), child.state)).collect::<Vec<_>>()
    };
    let expected = [("p", ChildState::Stopped), ("t", ChildState::Stopped), ("last", ChildState::Running)];
    let expected: Vec<_> = expected.map(|(id, state)| (id.to_owned(), state)).into();
    assert_eq!(ids(tree.which_children().await.unwrap()), expected);
    let count = tree.count_children().await.unwrap();
    assert_eq!((count.specs, count.active, count.supervisors, count.workers), (3, 1, 0, 3));

    tree.restart_child("p").await.unwrap();
    assert_eq!(journal.take(), "+last +p");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_3_ignore_on_a_restart_leaves_the_child_out_without_an_error() {
    let journal = Journal::default();
    let script = Script::default();
    let mut spec = scripted("a", &journal, &script);
    let a = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).budget(1, SECOND).child(spec).start().await.unwrap();
    script.ignore(1);
    tell(&a, Ask::Panic);
    settle().await;
    let children = tree.which_children().await.unwrap();
    assert_eq!(children.len(), 1);
    assert_eq!(children[0].state, ChildState::Stopped);
    assert_eq!(script.inits.load(SeqCst), 2);
    assert!(!a.is_running());
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_3_ignore_drops_the_spec_of_a_dynamic_child() {
    let journal = Journal::default();
    let script = Script::default();
    script.ignore(1);
    let rooms = DynamicSupervisor::new().start().await.unwrap();
    let refused = rooms.start_child(scripted("a", &journal, &script)).await.unwrap_err();
    assert!(matches!(refused, StartChildError::Failed { cause: StartFailure::Ignored, .. }), "{refused:?}");
    assert_eq!(rooms.count_children().specs, 0);

    // On a restart too.
    let a = rooms.start_child(scripted("a", &journal, &script)).await.unwrap();
    script.ignore(1);
    tell(&a, Ask::Panic);
    a.child().gone().await;
    assert_eq!(rooms.count_children().specs, 0);
    assert!(rooms.is_running());
    rooms.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_4_impossible_specs_are_refused_before_anything_starts() {
    let journal = Journal::default();
    let error = Supervisor::new(Strategy::OneForOne)
        .child(probe("a", &journal))
        .child(probe("a", &journal))
        .start()
        .await
        .unwrap_err();
    assert!(matches!(&error, StartError::DuplicateId { child } if *child == "a"), "{error:?}");

    let nested = Supervisor::new(Strategy::OneForAll).id("inner").budget(1, Duration::ZERO);
    let error = Supervisor::new(Strategy::OneForOne)
        .child(probe("a", &journal))
        .child(ChildSpec::supervisor(nested))
        .start()
        .await
        .unwrap_err();
    assert!(matches!(&error, StartError::ZeroPeriod { supervisor } if *supervisor == "inner"), "{error:?}");

    let error = DynamicSupervisor::new().budget(1, Duration::ZERO).start().await.unwrap_err();
    assert!(matches!(error, StartError::ZeroPeriod { .. }));
    let error = TaskSupervisor::new().budget(1, Duration::ZERO).start().await.unwrap_err();
    assert!(matches!(error, StartError::ZeroPeriod { .. }));
    let noted = journal.clone();
    let partitions = PartitionSupervisor::new(move |_| probe("part", &noted)).id("parts").budget(1, Duration::ZERO);
    let error = partitions.start().await.unwrap_err();
    assert!(matches!(&error, StartError::ZeroPeriod { supervisor } if *supervisor == "parts"), "{error:?}");
    assert_eq!(journal.take(), "", "nothing was started");
}

#[tokio::test(start_paused = true)]
async fn s1_4_a_mailbox_without_room_and_a_watchdog_without_time_are_refused_with_the_name_of_the_child() {
    let journal = Journal::default();
    let start = |spec| {
        let tree = Supervisor::new(Strategy::OneForOne).child(probe("a", &journal)).child(spec);
        async move { tree.start().await.map(drop).unwrap_err() }
    };
    let error = start(probe("b", &journal).mailbox(0)).await;
    assert!(matches!(&error, StartError::ZeroMailbox { child } if *child == "b"), "{error:?}");
    let error = start(probe("b", &journal).watchdog(Duration::ZERO)).await;
    assert!(matches!(&error, StartError::ZeroWatchdog { child } if *child == "b"), "{error:?}");
    assert_eq!(journal.take(), "", "nothing was started");

    let tree = Supervisor::new(Strategy::OneForOne).start().await.unwrap();
    let mut spec = probe("b", &journal).mailbox(0);
    let server = spec.reference();
    let refused = tree.start_child(spec).await.unwrap_err();
    assert!(matches!(refused, StartChildError::Invalid(StartError::ZeroMailbox { .. })), "{refused:?}");
    assert_eq!(server.call(Ask::Ping).await, Err(CallError::NotRunning));
    tree.stop().await;
    let rooms = DynamicSupervisor::new().start().await.unwrap();
    let refused = rooms.start_child(probe("b", &journal).watchdog(Duration::ZERO)).await.unwrap_err();
    assert!(matches!(refused, StartChildError::Invalid(StartError::ZeroWatchdog { .. })), "{refused:?}");
    assert_eq!((rooms.count_children().specs, journal.take()), (0, String::new()));
    rooms.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_5_defaults_permanent_five_seconds_infinity_and_three_in_five() {
    let journal = Journal::default();
    // Permanent: restarted after a clean end. Three restarts within five seconds, the fourth is a meltdown.
    let mut spec = probe("a", &journal);
    let a = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
    for _ in 0..3 {
        tell(&a, Ask::Stop(ExitReason::Normal));
        settle().await;
        assert!(a.is_running());
    }
    tell(&a, Ask::Stop(ExitReason::Normal));
    assert_eq!(tree.exited().await.as_str(), "shutdown");
    assert!(tree.meltdown().is_some());

    // The fourth within exactly five seconds, and a millisecond after that.
    for (gap, survives) in [(SECOND * 5, false), (Duration::from_millis(5_001), true)] {
        let mut spec = probe("a", &journal);
        let a = spec.reference();
        let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
        for incarnation in 1..=3 {
            tell(&a, Ask::Panic);
            a.child().ended(incarnation).await;
            assert!(a.running().await);
        }
        tokio::time::sleep(gap).await;
        tell(&a, Ask::Panic);
        settle().await;
        assert_eq!(tree.is_running(), survives, "{gap:?}");
    }

    // A worker is aborted after five seconds, a supervisor never.
    let deaf = ChildSpec::task("deaf", |_| std::future::pending::<()>());
    let inner = Supervisor::new(Strategy::OneForOne).child(
        ChildSpec::task("slow", |_| std::future::pending::<()>()).shutdown(supervisor::Shutdown::Timeout(SECOND * 60)),
    );
    let tree =
        Supervisor::new(Strategy::OneForOne).child(deaf).child(ChildSpec::supervisor(inner)).start().await.unwrap();
    let begun = Instant::now();
    tree.stop().await;
    assert_eq!(begun.elapsed().as_secs(), 65, "60 for the child of the supervisor, 5 for the worker");
}

#[tokio::test(start_paused = true)]
async fn s1_6_a_stop_cancels_an_init_in_progress() {
    let journal = Journal::default();
    let endless = Script { init_time: SECOND * 1_000, ..Script::default() };
    let mut supervisor = ChildSpec::supervisor(
        Supervisor::new(Strategy::OneForOne).child(probe("a", &journal)).child(scripted("b", &journal, &endless)),
    );
    let inner = supervisor.reference();
    let tree = Arc::new(Supervisor::new(Strategy::OneForOne).start().await.unwrap());
    let starting = tokio::spawn({
        let tree = Arc::clone(&tree);
        async move { tree.start_child(supervisor).await }
    });
    settle().await;
    assert_eq!(inner.count_children().await.unwrap().active, 1, "answers while a child starts");
    let begun = Instant::now();
    tree.stop().await;
    assert!(begun.elapsed() < SECOND, "the init was not waited for");
    assert!(matches!(starting.await.unwrap(), Err(StartChildError::ShuttingDown)));
    assert_eq!(journal.take(), "+a -a");
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_dropped_leaves_nothing_running() {
    let journal = Journal::default();
    let endless = Script { init_time: SECOND * 1_000, ..Script::default() };
    let mut spec = probe("a", &journal);
    let a = spec.reference();
    let start = Supervisor::new(Strategy::OneForOne).child(spec).child(scripted("b", &journal, &endless)).start();
    assert!(tokio::time::timeout(SECOND, start).await.is_err());
    a.child().gone().await;
    assert_eq!(a.last_exit(), Some(ExitReason::Killed));
}
