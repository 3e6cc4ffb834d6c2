//! Section 10.1: what happens in a tree, as a stream.

mod support;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;

use futures_util::StreamExt;
use registry::ServiceRegistry;
use supervisor::testing::{Recorder, exited, restarting, settle, started};
use supervisor::{
    ChildKind, ChildRef, ChildSpec, DynamicSupervisor, EventKind, Events, ExitReason, Lagged, PartitionSupervisor,
    Restart, Shutdown, Strategy, Supervisor,
};

use support::{Journal, SECOND, probe};

fn idle(id: impl Into<supervisor::ChildId>) -> ChildSpec<ChildRef> {
    ChildSpec::task(id, |cx| async move { cx.stopped().await })
}

/// Everything that has happened.
fn told(events: &mut Events) -> Vec<String> {
    std::iter::from_fn(|| events.try_recv()).map(|event| event.expect("room for all").to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn s10_1_every_start_exit_and_restart_is_told_in_order_through_nested_trees() {
    let journal = Journal::default();
    let root = DynamicSupervisor::new().id("root").start().await.unwrap();
    let mut all = root.events(100);
    let inner = Supervisor::new(Strategy::OneForAll).child(probe("a", &journal)).child(idle("b"));
    let mut app = ChildSpec::supervisor(
        Supervisor::new(Strategy::OneForOne).child(ChildSpec::supervisor(inner).id("inner")).child(idle("c")),
    )
    .id("app");
    let mut of_app = app.reference().events(100);
    let app = root.start_child(app).await.unwrap();
    let started = [
        "root/app/inner/a #1 started",
        "root/app/inner/b #1 started",
        "root/app/inner #1 started",
        "root/app/c #1 started",
        "root/app #1 started",
    ];
    assert_eq!(told(&mut all), started);
    assert_eq!(told(&mut of_app), started, "from before its start on");

    let inner = app.find_child("inner").await.unwrap().unwrap();
    let mut of_inner = inner.events(100).unwrap();
    inner.supervisor().unwrap().kill_child("a").await.unwrap();
    settle().await;
    let restarted = [
        "root/app/inner/a #1 exited (killed)",
        "root/app/inner/a #1 restarting (killed)",
        "root/app/inner/b #1 exited (shutdown)",
        "root/app/inner/a #2 started",
        "root/app/inner/b #2 started",
    ];
    assert_eq!(told(&mut of_inner), restarted);
    assert_eq!(told(&mut of_app), restarted);
    app.kill_child("c").await.unwrap();
    settle().await;
    assert_eq!(told(&mut of_inner), Vec::<String>::new(), "of what is below it only");
    told(&mut of_app);
    assert_eq!(told(&mut all).len(), 8);

    root.stop().await;
    let stopped = [
        "root/app/c #2 exited (shutdown)",
        "root/app/inner/b #2 exited (shutdown)",
        "root/app/inner/a #2 exited (shutdown)",
        "root/app/inner #1 exited (shutdown)",
        "root/app #1 exited (shutdown)",
    ];
    assert_eq!(told(&mut of_app), stopped);
    assert_eq!(told(&mut all)[5..], ["root #1 exited (shutdown)"]);
    for mut events in [all, of_app, of_inner] {
        while let Some(event) = events.next().await {
            event.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s10_1_meltdowns_failed_starts_and_what_is_abandoned_are_told() {
    let production = ServiceRegistry::new().namespace("production").unwrap();
    let released = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&released);
    let tree = Supervisor::new(Strategy::OneForOne)
        .budget(0, SECOND)
        .child(
            ChildSpec::blocking("stuck", move |_| {
                while !seen.load(SeqCst) {
                    std::thread::yield_now();
                }
            })
            .shutdown(Shutdown::Timeout(SECOND))
            .restart(Restart::Temporary),
        )
        .child(idle("a").name(&production, "taken"))
        .start()
        .await
        .unwrap();
    let mut events = tree.events(100);
    let taken = tree.start_child(idle("b").name(&production, "taken")).await;
    assert!(taken.is_err());
    tree.terminate_child("stuck").await.unwrap();
    tree.kill_child("a").await.unwrap();
    tree.exited().await;
    let mut seen = told(&mut events);
    assert!(seen[0].starts_with("supervisor/b #0 refused (error:"), "{}", seen[0]);
    seen.remove(0);
    assert_eq!(
        seen,
        [
            "supervisor/stuck #1 abandoned",
            "supervisor/a #1 exited (killed)",
            "supervisor #1 meltdown: child `a` ended with killed",
            "supervisor #1 exited (shutdown: meltdown: child `a` ended with killed)",
        ]
    );
    released.store(true, SeqCst);
}

#[tokio::test(start_paused = true)]
async fn s10_1_an_event_says_who_what_and_when() {
    let jobs = DynamicSupervisor::new().id("jobs").start().await.unwrap();
    let mut events = jobs.events(100);
    tokio::time::advance(SECOND).await;
    let begin = tokio::time::Instant::now();
    jobs.start_child(ChildSpec::task("job", |_| async { Err::<(), _>("no") }).restart(Restart::Temporary))
        .await
        .unwrap();
    let event = events.recv().await.unwrap().unwrap();
    assert_eq!((event.id().as_str(), event.path().as_str(), event.incarnation), ("job", "jobs/job", 1));
    assert_eq!((event.child_kind, event.kind, event.at), (ChildKind::Task, EventKind::Started, begin));
    let event = events.recv().await.unwrap().unwrap();
    assert_eq!(event.kind, EventKind::Exited(ExitReason::error("no")));
    jobs.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s10_1_a_slow_listener_is_told_what_it_has_missed_and_holds_up_nobody() {
    let jobs = DynamicSupervisor::new().start().await.unwrap();
    let (mut slow, mut quick) = (jobs.events(4), jobs.events(1000));
    for _ in 0..50 {
        let job = jobs.start_child(idle("job").restart(Restart::Temporary)).await.unwrap();
        jobs.terminate_child(job).await.unwrap();
    }
    assert_eq!(told(&mut quick).len(), 100);
    assert_eq!(slow.recv().await.unwrap().unwrap_err(), Lagged(96));
    assert_eq!(told(&mut slow).len(), 4, "the last ones are there");
    assert!(slow.try_recv().is_none());
    drop(jobs);
    assert!(slow.recv().await.unwrap().is_ok(), "the end of the supervisor");
    assert!(slow.recv().await.is_none());
    assert!(Lagged(96).to_string().starts_with("96 events"));
}

#[tokio::test(start_paused = true)]
async fn s10_1_a_dropped_tree_tells_all_ends_and_is_over() {
    let inner = Supervisor::new(Strategy::OneForOne).child(idle("a"));
    let tree =
        Supervisor::new(Strategy::OneForOne).child(ChildSpec::supervisor(inner).id("inner")).start().await.unwrap();
    let events = tree.events(100);
    drop(tree);
    let ends: Vec<_> = events.map(|event| event.unwrap().to_string()).collect().await;
    assert_eq!(
        ends,
        [
            "supervisor/inner/a #1 exited (killed)",
            "supervisor/inner #1 exited (killed)",
            "supervisor #1 exited (killed)"
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s10_1_events_of_a_child_come_in_order_whatever_happens_at_the_same_time() {
    let mut plan = Supervisor::new(Strategy::OneForOne).budget(u32::MAX, SECOND);
    for n in 0..8 {
        plan = plan.child(idle(format!("child-{n}")));
    }
    let tree = plan.start().await.unwrap();
    let mut events = tree.events(100_000);
    let killers = (0..8).map(|n| {
        let tree = tree.reference();
        tokio::spawn(async move {
            for _ in 0..50 {
                let _ = tree.kill_child(format!("child-{n}")).await;
                tokio::task::yield_now().await;
            }
        })
    });
    for killer in killers.collect::<Vec<_>>() {
        killer.await.unwrap();
    }
    tree.stop().await;
    let mut last: std::collections::HashMap<String, (u32, &str)> = std::collections::HashMap::new();
    let mut exits = 0;
    while let Some(event) = events.recv().await {
        let event = event.unwrap();
        let (incarnation, before) = last.get(event.id().as_str()).copied().unwrap_or((1, "started"));
        let now = match (&event.kind, before) {
            (EventKind::Started, "restarting") => (incarnation + 1, "started"),
            (EventKind::Exited(_), "started") => (incarnation, "exited"),
            (EventKind::Restarting(_), "exited") => (incarnation, "restarting"),
            // Stopped before it was up again.
            (EventKind::Exited(_), "restarting") => (incarnation + 1, "exited"),
            _ => panic!("{event} after {before}"),
        };
        assert_eq!(event.incarnation, now.0, "{event}");
        exits += usize::from(now.1 == "exited");
        last.insert(event.id().to_string(), now);
    }
    assert!(exits >= 17, "{exits}");
    assert!(last.values().all(|(_, now)| *now == "exited"));
}

#[tokio::test(start_paused = true)]
async fn s10_1_partitions_are_seen_as_children_with_their_indices() {
    let workers = PartitionSupervisor::new(|_| idle("worker")).partitions(2).id("workers");
    let (workers, mut recorder) = Recorder::start(workers).await;
    let workers = workers.unwrap();
    recorder.expect([started("workers/0"), started("workers/1"), started("workers")]);
    workers.resize(3).await.unwrap();
    workers.kill_partition(0).await.unwrap();
    settle().await;
    recorder.expect([
        started("workers/2"),
        exited("workers/0", ExitReason::Killed),
        restarting("workers/0", ExitReason::Killed),
        started("workers/0").incarnation(2),
    ]);
    let snapshot = workers.snapshot();
    let seen: Vec<_> = snapshot.root.children.iter().map(|child| (&*child.id, child.incarnation)).collect();
    assert_eq!(seen, [("0", 2), ("1", 1), ("2", 1)]);
    workers.stop().await;
}
