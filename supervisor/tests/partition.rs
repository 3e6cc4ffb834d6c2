//! Section 7.2: identical children, one of which each key belongs to.

mod support;

use std::collections::HashSet;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::available_parallelism;

use registry::{LookupError, ServiceRegistry};
use supervisor::testing::settle;
use supervisor::{
    ChildRef, ChildSpec, Context, DynamicSupervisor, ExitReason, Failure, Flow, Init, PartitionSupervisor,
    PartitionSupervisorRef, ResizeError, Restart, Server, ServerRef, Shutdown, StartChildError, StartError,
    StartFailure, Strategy, Supervisor, TerminateChildError,
};
use tokio::time::Instant;

use support::{Ask, Journal, Probe, SECOND, Script, scripted, tell};

const NAMES: [&str; 8] = ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7"];

fn probes(journal: &Journal, script: &Script) -> PartitionSupervisor<ServerRef<Probe>> {
    let (journal, script) = (journal.clone(), script.clone());
    PartitionSupervisor::new(move |index| scripted(NAMES[index], &journal, &script))
}

fn idle() -> ChildSpec<ChildRef> {
    ChildSpec::task("idle", |cx| async move { cx.stopped().await })
}

/// Where these keys belong.
fn places<H: Clone + Send + Sync + 'static>(partitions: &PartitionSupervisorRef<H>) -> Vec<usize> {
    (0..1_000).map(|key| partitions.index_of(&key)).collect()
}

#[tokio::test(start_paused = true)]
async fn s7_2_each_partition_is_told_its_index_and_started_in_order() {
    let journal = Journal::default();
    let parts = probes(&journal, &Script::default()).partitions(4).start().await.unwrap();
    assert_eq!(journal.take(), "+p0 +p1 +p2 +p3");
    let ids: Vec<_> = parts.which_children().await.unwrap().into_iter().map(|child| child.id).collect();
    assert_eq!(ids, ["0", "1", "2", "3"]);
    assert_eq!(parts.count_children().await.unwrap().active, 4);
    assert_eq!(parts.partition(2).unwrap().child().id(), &"2");
    assert!(parts.partition(4).is_none());
    assert_eq!(parts.stop().await, ExitReason::Shutdown);
    assert_eq!(journal.take(), "-p3 -p2 -p1 -p0");
}

#[tokio::test(start_paused = true)]
async fn s7_2_by_default_there_are_as_many_partitions_as_processors() {
    let parts = PartitionSupervisor::new(|_| idle()).start().await.unwrap();
    assert_eq!(parts.partitions(), available_parallelism().unwrap().get());
    parts.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_2_a_route_is_the_same_over_restarts_of_the_partition_and_of_the_supervisor() {
    let journal = Journal::default();
    let mut spec = ChildSpec::supervisor(probes(&journal, &Script::default()).partitions(4).budget(1, SECOND));
    let parts = spec.reference();
    let before: Vec<_> = ["a", "b", "c", "d", "e", "f"].iter().map(|key| parts.route(*key)).collect();
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();

    let victim = parts.route("a");
    parts.kill_partition(parts.index_of("a")).await.unwrap();
    settle().await;
    assert_eq!(victim.call(Ask::Ping).await, Ok(2));
    assert_eq!(parts.route("a"), victim);
    assert_eq!(parts.route(&"a".to_owned()), victim, "a String is its text");

    tree.kill_child("partition_supervisor").await.unwrap();
    settle().await;
    let after: Vec<_> = ["a", "b", "c", "d", "e", "f"].iter().map(|key| parts.route(*key)).collect();
    assert_eq!(after, before);
    assert_eq!(victim.call(Ask::Ping).await, Ok(3));
    assert_eq!(parts.generation(), 0);
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_2_a_seed_makes_the_routes_repeatable_and_without_one_they_are_not() {
    let seeded =
        |seed| async move { PartitionSupervisor::new(|_| idle()).partitions(16).seed(seed).start().await.unwrap() };
    let (one, same, other) = (seeded(7).await, seeded(7).await, seeded(8).await);
    assert_eq!(places(&one), places(&same));
    assert_ne!(places(&one), places(&other));
    let drawn = || async { PartitionSupervisor::new(|_| idle()).partitions(16).start().await.unwrap() };
    assert_ne!(places(&*drawn().await), places(&*drawn().await));
    assert_eq!(places(&one).into_iter().collect::<HashSet<_>>().len(), 16, "all of them are used");
}

#[tokio::test(start_paused = true)]
async fn s7_2_impossible_numbers_of_partitions_are_refused_before_anything_starts() {
    let journal = Journal::default();
    for impossible in [0, (1 << 20) + 1, usize::MAX] {
        let refused = probes(&journal, &Script::default()).partitions(impossible).start().await.unwrap_err();
        assert!(
            matches!(&refused, StartError::Partitions { partitions, .. } if *partitions == impossible),
            "{refused:?}"
        );
        let below = ChildSpec::supervisor(probes(&journal, &Script::default()).partitions(impossible));
        let refused = Supervisor::new(Strategy::OneForOne).child(below).start().await.unwrap_err();
        assert!(refused.to_string().contains("ask for 1 to 1048576"), "{refused}");
    }
    let parts = probes(&journal, &Script::default()).partitions(1).start().await.unwrap();
    assert_eq!(journal.take(), "+p0");
    assert!(matches!(parts.resize(0).await, Err(ResizeError::Partitions(0))));
    assert!(matches!(parts.resize(usize::MAX).await, Err(ResizeError::Partitions(usize::MAX))));
    assert_eq!((parts.partitions(), parts.generation()), (1, 0));
    parts.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_2_the_budget_and_the_strategy_are_the_supervisors_own() {
    let journal = Journal::default();
    let parts = probes(&journal, &Script::default()).partitions(3).strategy(Strategy::OneForAll).budget(1, SECOND);
    let tree = Supervisor::new(Strategy::OneForOne)
        .budget(0, SECOND)
        .child(ChildSpec::supervisor(parts).restart(Restart::Temporary))
        .start()
        .await
        .unwrap();
    journal.take();
    let parts = tree.find_child("partition_supervisor").await.unwrap().unwrap().supervisor().unwrap();
    parts.kill_child("1").await.unwrap();
    settle().await;
    assert_eq!(journal.take(), "-p2 -p0 +p0 +p1 +p2");
    parts.kill_child("1").await.unwrap();
    parts.child().ended(1).await;
    assert_eq!(parts.meltdown().unwrap().child, "1");
    assert!(tree.is_running());
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_2_growing_starts_the_new_ones_before_any_key_is_routed_there() {
    let journal = Journal::default();
    let script = Script::default();
    let parts = Arc::new(probes(&journal, &script).partitions(2).start().await.unwrap());
    let before = places(&parts);
    journal.take();

    let slow = Arc::clone(&parts);
    let resize = tokio::spawn(async move { slow.resize(5).await });
    while !resize.is_finished() {
        // Until all are up, there is no way to a new one.
        let (count, up) = (parts.partitions(), parts.count_children().await.unwrap().active);
        assert!(count == 2 || (count == 5 && up == 5), "{count} partitions, {up} up");
        tokio::task::yield_now().await;
    }
    resize.await.unwrap().unwrap();
    assert_eq!(journal.take(), "+p2 +p3 +p4");
    assert_eq!((parts.partitions(), parts.generation()), (5, 1));
    let after = places(&parts);
    assert!(
        before.iter().zip(&after).all(|(before, after)| before == after || *after >= 2),
        "none moved among the old"
    );
    let moved = before.iter().zip(&after).filter(|(before, after)| before != after).count();
    assert!((450..750).contains(&moved), "three in five have moved, not {moved} of 1,000");
    for key in 0..1_000 {
        assert_eq!(parts.route(&key).call(Ask::Ping).await, Ok(1));
    }
    parts.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_2_no_key_is_routed_to_new_partitions_while_their_inits_take_time() {
    let journal = Journal::default();
    let slow = Script { init_time: SECOND, ..Script::default() };
    let parts = Arc::new(probes(&journal, &slow).partitions(2).start().await.unwrap());
    let growing = Arc::clone(&parts);
    let begun = Instant::now();
    let resize = tokio::spawn(async move { growing.resize(4).await });
    tokio::time::sleep(SECOND * 3 / 2).await;
    assert_eq!((parts.partitions(), parts.generation()), (2, 0));
    assert_eq!(parts.count_children().await.unwrap().specs, 4);
    resize.await.unwrap().unwrap();
    assert_eq!((begun.elapsed().as_secs(), parts.partitions()), (2, 4));
    parts.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_2_shrinking_routes_away_first_and_stops_the_surplus_in_reverse_order() {
    let journal = Journal::default();
    let slow = Script { stop_time: SECOND, ..Script::default() };
    let parts = Arc::new(probes(&journal, &slow).partitions(5).start().await.unwrap());
    let (before, handles) = (places(&parts), parts.handles());
    journal.take();

    let shrinking = Arc::clone(&parts);
    let resize = tokio::spawn(async move { shrinking.resize(2).await });
    settle().await;
    assert_eq!((parts.partitions(), parts.generation()), (2, 1), "away first");
    assert_eq!(journal.take(), "", "and nothing has stopped yet");
    assert_eq!(handles[2].call(Ask::Ping).await, Ok(1), "what was sent there before is still handled");
    resize.await.unwrap().unwrap();
    assert_eq!(journal.take(), "-p4 -p3 -p2");

    let after = places(&parts);
    assert!(before.iter().zip(&after).all(|(before, after)| before == after || *before >= 2), "those that stay, stay");
    assert!(after.iter().all(|place| *place < 2));
    assert_eq!(parts.handles(), handles[..2]);
    assert_eq!(parts.count_children().await.unwrap().specs, 2);
    assert!(handles[2..].iter().all(|gone| gone.child().last_exit() == Some(ExitReason::Shutdown)));
    parts.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_2_surplus_that_a_group_restart_would_bring_back_is_gone_all_the_same() {
    let journal = Journal::default();
    let slow = Script { stop_time: SECOND, ..Script::default() };
    let parts = probes(&journal, &slow).partitions(2).strategy(Strategy::OneForAll).start().await.unwrap();
    let handles = parts.handles();
    let parts = Arc::new(parts);
    let shrinking = Arc::clone(&parts);
    let resize = tokio::spawn(async move { shrinking.resize(1).await });
    settle().await;
    tell(&handles[0], Ask::Panic);
    settle().await;
    resize.await.unwrap().unwrap();
    settle().await;
    let ids: Vec<_> = parts.which_children().await.unwrap().into_iter().map(|child| child.id).collect();
    assert_eq!(ids, ["0"]);
    assert_eq!(handles[0].call(Ask::Ping).await, Ok(2), "the group has been restarted");
    assert!(!handles[1].running().await, "the surplus is gone");
    parts.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_2_surplus_that_does_not_stop_is_aborted_after_its_shutdown_time() {
    let parts = PartitionSupervisor::new(|_| ChildSpec::task("deaf", |_| std::future::pending::<()>()));
    let parts = parts.partitions(3).start().await.unwrap();
    let handles = parts.handles();
    let begun = Instant::now();
    parts.resize(1).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 10, "5 seconds each, one after the other");
    assert_eq!(handles[1].last_exit(), Some(ExitReason::Timeout));
    parts.resize(2).await.unwrap();
    assert_eq!(parts.count_children().await.unwrap().active, 2, "there is room for another one");
    assert!(parts.partition(1).unwrap() != handles[1]);
}

#[tokio::test(start_paused = true)]
async fn s7_2_surplus_that_cannot_be_killed_is_left_behind_after_the_grace() {
    let (release, gate) = std::sync::mpsc::sync_channel::<()>(1);
    let gate = Arc::new(Mutex::new(gate));
    let parts = PartitionSupervisor::new(move |index| {
        if index == 0 {
            return idle();
        }
        let gate = Arc::clone(&gate);
        let stuck = ChildSpec::blocking("stuck", move |_| {
            let _ = gate.lock().unwrap().recv();
        });
        stuck.shutdown(Shutdown::BrutalKill)
    });
    let parts = parts.partitions(2).grace(SECOND * 3).start().await.unwrap();
    let stuck = parts.partition(1).unwrap();
    let begun = Instant::now();
    parts.resize(1).await.unwrap();
    assert_eq!((begun.elapsed().as_secs(), stuck.last_exit()), (3, Some(ExitReason::Abandoned)));
    drop(release);
    parts.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_2_a_failing_init_on_growing_leaves_the_old_size() {
    let journal = Journal::default();
    let failing = Script::default();
    let (inner, script) = (journal.clone(), failing.clone());
    let parts = PartitionSupervisor::new(move |index| {
        let script = if index == 4 { script.clone() } else { Script::default() };
        scripted(NAMES[index], &inner, &script)
    });
    let parts = parts.partitions(2).budget(0, SECOND).start().await.unwrap();
    let before = places(&parts);
    journal.take();
    for ignored in [false, true] {
        if ignored {
            failing.ignore(1)
        } else {
            failing.fail(1)
        }
        let refused = parts.resize(6).await.unwrap_err();
        let ResizeError::Failed { partition: 4, cause: StartChildError::Failed { child, cause } } = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(child, "4");
        assert_eq!(matches!(cause, StartFailure::Ignored), ignored, "{cause:?}");
        assert_eq!(journal.take(), "+p2 +p3 -p3 -p2");
        assert_eq!((parts.partitions(), parts.generation()), (2, 0));
        assert_eq!(parts.count_children().await.unwrap().specs, 2);
        assert_eq!(places(&parts), before);
    }
    parts.resize(6).await.unwrap();
    assert_eq!(journal.take(), "+p2 +p3 +p4 +p5");
    assert_eq!(parts.partitions(), 6);
    parts.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_2_a_panicking_factory_on_growing_is_its_callers_and_leaves_the_old_size() {
    let parts = PartitionSupervisor::new(|index| {
        assert!(index < 3, "no factory for {index}");
        idle()
    });
    let parts = Arc::new(parts.partitions(2).start().await.unwrap());
    let growing = Arc::clone(&parts);
    let panic = tokio::spawn(async move { growing.resize(5).await }).await.unwrap_err();
    assert!(panic.is_panic());
    assert_eq!((parts.partitions(), parts.count_children().await.unwrap().specs), (2, 2));
    parts.resize(3).await.unwrap();
    assert_eq!(parts.partitions(), 3, "the next one has its turn");
    parts.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_2_concurrent_resizes_happen_one_after_the_other() {
    let journal = Journal::default();
    let slow = Script { init_time: SECOND, stop_time: SECOND, ..Script::default() };
    let parts = Arc::new(probes(&journal, &slow).partitions(1).start().await.unwrap());
    journal.take();
    let mut resizes = Vec::new();
    for size in [3, 2, 4, 4, 1] {
        let parts = Arc::clone(&parts);
        resizes.push(tokio::spawn(async move { parts.resize(size).await.unwrap() }));
        settle().await;
    }
    for resize in resizes {
        resize.await.unwrap();
    }
    assert_eq!(journal.take(), "+p1 +p2 -p2 +p2 +p3 -p3 -p2 -p1");
    assert_eq!((parts.partitions(), parts.generation()), (1, 4), "the same number is no change");
    parts.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_2_a_dropped_resize_goes_on_once_it_has_begun() {
    let journal = Journal::default();
    let slow = Script { init_time: SECOND, ..Script::default() };
    let parts = probes(&journal, &slow).partitions(1).start().await.unwrap();
    assert!(tokio::time::timeout(SECOND / 2, parts.resize(3)).await.is_err());
    assert!(tokio::time::timeout(SECOND / 4, parts.resize(8)).await.is_err(), "it waits for its turn");
    parts.resize(3).await.unwrap();
    assert_eq!(journal.take(), "+p0 +p1 +p2");
    assert_eq!((parts.partitions(), parts.generation()), (3, 1));
    parts.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_2_a_supervisor_that_is_restarted_keeps_its_present_size_and_handles() {
    let journal = Journal::default();
    let mut spec = ChildSpec::supervisor(probes(&journal, &Script::default()).partitions(2)).id("parts");
    let parts = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
    parts.resize(4).await.unwrap();
    let handles = parts.handles();
    journal.take();
    tree.kill_child("parts").await.unwrap();
    settle().await;
    assert_eq!(journal.take(), "+p0 +p1 +p2 +p3");
    assert_eq!(parts.handles(), handles);
    assert_eq!(handles[3].call(Ask::Ping).await, Ok(2));

    parts.resize(1).await.unwrap();
    journal.take();
    tree.kill_child("parts").await.unwrap();
    settle().await;
    assert_eq!((journal.take().as_str(), parts.partitions()), ("+p0", 1));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_2_a_restart_in_the_middle_of_growing_leaves_the_old_size() {
    let journal = Journal::default();
    let slow = Script { init_time: SECOND, ..Script::default() };
    let mut spec = ChildSpec::supervisor(probes(&journal, &slow).partitions(1)).id("parts");
    let parts = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
    let growing = parts.clone();
    let resize = tokio::spawn(async move { growing.resize(5).await });
    // Partition 1 is up and 2 is in its init.
    tokio::time::sleep(SECOND * 3 / 2).await;
    tree.kill_child("parts").await.unwrap();
    let refused = resize.await.unwrap().unwrap_err();
    assert!(matches!(refused, ResizeError::NotRunning | ResizeError::Restarted), "{refused:?}");
    tokio::time::sleep(SECOND * 10).await;
    assert_eq!((parts.partitions(), parts.generation()), (1, 0));
    assert_eq!(parts.count_children().await.unwrap().specs, 1);
    parts.resize(3).await.unwrap();
    assert_eq!(parts.count_children().await.unwrap().active, 3);
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_2_a_resize_of_one_that_does_not_run_is_told_so() {
    let journal = Journal::default();
    let mut spec = ChildSpec::supervisor(probes(&journal, &Script::default()).partitions(2));
    let parts = spec.reference();
    assert!(matches!(parts.resize(3).await, Err(ResizeError::NotRunning)), "not started yet");
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
    tree.stop().await;
    assert!(matches!(parts.resize(1).await, Err(ResizeError::NotRunning)));
    assert_eq!(parts.kill_partition(0).await, Err(TerminateChildError::NotRunning));
    assert_eq!(parts.partitions(), 2);
    assert_eq!(journal.take(), "+p0 +p1 -p1 -p0");
}

#[tokio::test(start_paused = true)]
async fn s7_2_names_of_the_surplus_are_free_when_the_resize_returns() {
    let namespace = ServiceRegistry::new().namespace("test").unwrap();
    let inner = namespace.clone();
    let parts = PartitionSupervisor::new(move |index| idle().name(&inner, NAMES[index]));
    let parts = parts.partitions(3).start().await.unwrap();
    for _ in 0..3 {
        assert!(namespace.lookup::<ChildRef>("p2").is_ok());
        parts.resize(1).await.unwrap();
        for name in ["p1", "p2"] {
            let refused = namespace.lookup::<ChildRef>(name).unwrap_err();
            assert!(matches!(refused, LookupError::NotFound { .. }), "{refused:?}");
        }
        parts.resize(3).await.unwrap();
    }
    parts.stop().await;
    assert!(namespace.lookup::<ChildRef>("p0").is_err());
}

#[tokio::test(start_paused = true)]
async fn s7_2_a_partitioned_dynamic_supervisor_spreads_its_children() {
    let rooms = PartitionSupervisor::new(|_| ChildSpec::supervisor(DynamicSupervisor::new()));
    let rooms = rooms.partitions(4).seed(1).start().await.unwrap();
    for room in 0..100 {
        rooms.route(&room).start_child(idle()).await.unwrap();
    }
    let counts: Vec<_> = rooms.handles().iter().map(|rooms| rooms.count_children().active).collect();
    assert_eq!(counts.iter().sum::<usize>(), 100);
    assert!(counts.iter().all(|&count| count > 10), "{counts:?}");
    assert_eq!(rooms.count_children().await.unwrap().supervisors, 4);
    rooms.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s7_2_whoever_routes_during_resizes_finds_a_partition_that_was_up() {
    let parts = Arc::new(PartitionSupervisor::new(|_| idle()).partitions(1).start().await.unwrap());
    let done = Arc::new(AtomicBool::new(false));
    let routed = Arc::new(AtomicUsize::new(0));
    let mut readers = Vec::new();
    for reader in 0..2_u64 {
        let (parts, done, routed) = (Arc::clone(&parts), Arc::clone(&done), Arc::clone(&routed));
        readers.push(tokio::task::spawn_blocking(move || {
            let mut key = reader;
            while !done.load(SeqCst) {
                key = key.wrapping_add(2);
                let generation = parts.generation();
                let (first, second) = (parts.route(&key), parts.route(&key));
                assert!(first.incarnation() > 0, "{first:?} was never started");
                if parts.generation() == generation {
                    assert_eq!(first, second, "one generation, one partition");
                }
                routed.fetch_add(1, SeqCst);
            }
        }));
    }
    let mut size = 1_usize;
    for round in 0..200 {
        size = (size * 5 + round) % 8 + 1;
        parts.resize(size).await.unwrap();
        assert_eq!(parts.count_children().await.unwrap().specs, size);
        tokio::task::yield_now().await;
    }
    while routed.load(SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    done.store(true, SeqCst);
    for reader in readers {
        reader.await.unwrap();
    }
    parts.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_2_a_reference_keeps_nothing_that_runs() {
    let alive = Arc::new(AtomicU32::new(0));
    struct Counted(Arc<AtomicU32>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, SeqCst);
        }
    }
    let counter = Arc::clone(&alive);
    let parts = PartitionSupervisor::new(move |_| {
        counter.fetch_add(1, SeqCst);
        let counted = Arc::new(Counted(Arc::clone(&counter)));
        ChildSpec::task("worker", move |cx| {
            let counted = Arc::clone(&counted);
            async move {
                cx.stopped().await;
                drop(counted);
            }
        })
    });
    let tree = parts.partitions(3).start().await.unwrap();
    tree.resize(5).await.unwrap();
    assert_eq!(alive.load(SeqCst), 5);
    tree.resize(4).await.unwrap();
    assert_eq!(alive.load(SeqCst), 4, "the specs of the surplus are gone");
    let reference = tree.reference();
    drop(tree);
    reference.exited().await;
    settle().await;
    assert_eq!(alive.load(SeqCst), 0);
    assert_eq!(reference.partitions(), 4);
}

#[tokio::test(start_paused = true)]
async fn s7_2_a_partition_that_crashes_while_others_are_added_is_restarted() {
    let journal = Journal::default();
    let slow = Script { init_time: SECOND, ..Script::default() };
    let parts = Arc::new(probes(&journal, &slow).partitions(2).start().await.unwrap());
    let growing = Arc::clone(&parts);
    let resize = tokio::spawn(async move { growing.resize(4).await });
    tokio::time::sleep(SECOND / 2).await;
    tell(&parts.partition(0).unwrap(), Ask::Panic);
    resize.await.unwrap().unwrap();
    assert!(parts.partition(0).unwrap().child().running().await);
    assert_eq!(parts.partition(0).unwrap().call(Ask::Ping).await, Ok(2));
    assert_eq!(parts.count_children().await.unwrap().active, 4);
    parts.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s7_2_whenever_the_supervisor_is_restarted_what_runs_is_what_is_routed_to() {
    let mut spec = ChildSpec::supervisor(PartitionSupervisor::new(|_| idle()).partitions(2)).id("parts");
    let parts = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).budget(u32::MAX, SECOND).child(spec).start().await.unwrap();
    for round in 0..300_usize {
        let resizing = parts.clone();
        let resize = tokio::spawn(async move { resizing.resize(round * 7 % 11 + 1).await });
        for _ in 0..round % 13 {
            tokio::task::yield_now().await;
        }
        let incarnation = parts.child().incarnation();
        tree.kill_child("parts").await.unwrap();
        // In time or not: both are right.
        let _ = resize.await.unwrap();
        parts.child().ended(incarnation).await;
        assert!(parts.child().running().await);
        let ids: Vec<_> = parts.which_children().await.unwrap().into_iter().map(|child| child.id).collect();
        let routed: Vec<_> = parts.handles().iter().map(|handle| handle.id().clone()).collect();
        assert_eq!(ids, routed);
    }
    tree.stop().await;
}

/// Asks for another number of partitions when its init is told to, or a message.
struct Resizer {
    asks: Arc<AtomicUsize>,
    parts: Arc<OnceLock<PartitionSupervisorRef<ServerRef<Resizer>>>>,
    outcomes: Arc<Mutex<Vec<Result<(), String>>>>,
    index: usize,
}

enum Order {
    Resize(usize),
    Crash,
}

impl Resizer {
    async fn resize(&self, partitions: usize) {
        let Some(parts) = self.parts.get() else { return };
        let outcome = parts.resize(partitions).await.map_err(|error| format!("{error:?}"));
        self.outcomes.lock().unwrap().push(outcome);
    }
}

impl Server for Resizer {
    type Message = Order;

    async fn init(&mut self, _cx: &mut Context<Self>) -> Result<Init, Failure> {
        // Of one partition: its index and the number that it is to ask for.
        let asked = self.asks.load(SeqCst);
        if asked > 0 && asked / 10 == self.index && self.parts.get().is_some() {
            self.asks.store(0, SeqCst);
            tokio::time::sleep(SECOND / 10).await;
            self.resize(asked % 10).await;
        }
        Ok(Init::Ready)
    }

    async fn handle(&mut self, order: Order, _cx: &mut Context<Self>) -> Result<Flow, Failure> {
        match order {
            Order::Resize(partitions) => self.resize(partitions).await,
            Order::Crash => return Err("told to".into()),
        }
        Ok(Flow::Continue)
    }
}

#[tokio::test(start_paused = true)]
async fn s7_2_a_resize_that_would_wait_for_the_partition_that_asks_is_refused_and_others_are_not() {
    let (asks, parts, outcomes) = (Arc::default(), Arc::new(OnceLock::new()), Arc::new(Mutex::new(Vec::new())));
    let tree = {
        let (asks, parts, outcomes) = (Arc::clone(&asks), Arc::clone(&parts), Arc::clone(&outcomes));
        PartitionSupervisor::new(move |index| {
            let (asks, parts, outcomes) = (Arc::clone(&asks), Arc::clone(&parts), Arc::clone(&outcomes));
            ChildSpec::server(move || Resizer {
                asks: Arc::clone(&asks),
                parts: Arc::clone(&parts),
                outcomes: Arc::clone(&outcomes),
                index,
            })
        })
    };
    let tree = tree.partitions(3).strategy(Strategy::RestForOne).budget(99, SECOND).start().await.unwrap();
    assert!(parts.set(tree.reference()).is_ok());
    let told = || std::mem::take(&mut *outcomes.lock().unwrap());
    let ask = |index: usize, partitions: usize| asks.store(index * 10 + partitions, SeqCst);
    let refused = || vec![Err("WouldDeadlock".to_owned())];
    let bounded = |future| tokio::time::timeout(SECOND, future);

    // In a group restart: the new one would be started behind this.
    ask(1, 5);
    assert!(tree.partition(1).unwrap().try_cast(Order::Crash).is_ok());
    tokio::time::sleep(SECOND).await;
    assert_eq!((told(), tree.partitions()), (refused(), 3));
    assert_eq!(tree.count_children().await.unwrap().active, 3, "and the restart is done");
    // Behind another resize, which waits for that restart.
    ask(1, 6);
    assert!(tree.partition(1).unwrap().try_cast(Order::Crash).is_ok());
    settle().await;
    bounded(tree.resize(4)).await.expect("nobody waits for itself").unwrap();
    assert_eq!((told(), tree.partitions()), (refused(), 4));
    // Fewer can be had, by one that stays.
    ask(1, 2);
    assert!(tree.partition(1).unwrap().try_cast(Order::Crash).is_ok());
    tokio::time::sleep(SECOND).await;
    assert_eq!((told(), tree.partitions()), (vec![Ok(())], 2));

    // At its own first start: whoever adds it has the turn.
    ask(3, 1);
    bounded(tree.resize(4)).await.expect("nobody waits for itself").unwrap();
    assert_eq!((told(), tree.partitions()), (refused(), 4));

    // By one that is surplus, which would wait for its own end.
    assert!(tree.partition(3).unwrap().try_cast(Order::Resize(2)).is_ok());
    settle().await;
    assert_eq!((told(), tree.partitions()), (refused(), 4));
    for (index, partitions) in [(1, 2), (0, 6)] {
        assert!(tree.partition(index).unwrap().try_cast(Order::Resize(partitions)).is_ok());
        settle().await;
        assert_eq!((told(), tree.partitions()), (vec![Ok(())], partitions), "what it does not wait for is done");
    }
    assert_eq!(tree.count_children().await.unwrap().active, 6);
    tree.stop().await;
}
