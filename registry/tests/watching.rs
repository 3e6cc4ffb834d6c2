//! Section 5.5 to 5.7: watching a namespace.

mod support;

use std::collections::HashMap;
use std::thread;

use registry::{
    Change, ExitReason, Namespace, Process, ProcessId, RegistrationId, Service, UnregisterReason, Watch, WatchEvent,
};
use support::{namespaces, registries};

const KEY: Service<u32> = Service::new("key");

async fn snapshot(watch: &mut Watch) -> Vec<String> {
    match watch.next().await {
        Some(WatchEvent::Snapshot(services)) => services.into_iter().map(|service| service.name).collect(),
        other => panic!("a snapshot comes first: {other:?}"),
    }
}

async fn change(watch: &mut Watch) -> Change {
    match watch.next().await {
        Some(WatchEvent::Changed(change)) => (*change).clone(),
        other => panic!("a change: {other:?}"),
    }
}

/// The next event is not there yet.
fn assert_quiet(watch: &mut Watch) {
    let mut next = Box::pin(watch.next());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(next.as_mut().poll(&mut cx).is_pending());
}

#[tokio::test]
async fn s5_5_a_snapshot_and_then_every_change_in_order() {
    for production in namespaces() {
        let _there = production.register("there", 1_u32).unwrap();
        let _reserved = production.reserve::<u32>("reserved").unwrap();
        let mut watch = production.watch();
        assert_eq!(snapshot(&mut watch).await, ["there"], "a reserved name is no service");
        assert_quiet(&mut watch);

        let (one, two) = (Process::new(), Process::new());
        let id = production.register_for(&one.reference(), KEY, 1).unwrap();
        production.ensure_for(&one.reference(), KEY, 2).unwrap();
        production.transfer("key", &one.reference(), &two.reference()).unwrap();
        production.unregister(&two.reference(), "key").unwrap();

        let Change::Registered(service) = change(&mut watch).await else { panic!() };
        assert_eq!((service.name.as_str(), service.registration, service.holder), ("key", id, one.id()));
        assert!(matches!(change(&mut watch).await, Change::Updated(service) if service.registration == id));
        let Change::Transferred { service, from } = change(&mut watch).await else { panic!() };
        assert_eq!((service.holder, from), (two.id(), one.id()));
        let Change::Unregistered { service, reason } = change(&mut watch).await else { panic!() };
        assert_eq!((service.holder, reason), (two.id(), UnregisterReason::Unregistered));
        assert_quiet(&mut watch);
    }
}

#[tokio::test]
async fn s5_5_one_unregistered_per_entry_with_the_reason() {
    for production in namespaces() {
        let mut watch = production.watch();
        assert!(snapshot(&mut watch).await.is_empty());
        let guard = production.register("guard", 1).unwrap();
        guard.drain();
        drop(guard);
        let killed = registry::spawn(std::future::pending::<()>());
        production.register_for(&killed, "killed", 1).unwrap();
        killed.kill();
        killed.exited().await;
        let reservation = production.reserve("reserved").unwrap();
        for reason in [ExitReason::Normal, ExitReason::error("broken")] {
            let process = Process::new();
            reservation.publish(&process.reference(), 1).unwrap();
            process.end(reason);
        }
        drop(reservation);
        let _last = production.register("last", 1).unwrap();
        production.close();

        let mut seen = Vec::new();
        while let Some(WatchEvent::Changed(change)) = watch.next().await {
            let reason = match &*change {
                Change::Registered(_) => "registered".to_owned(),
                Change::Draining(_) => "draining".to_owned(),
                Change::Unregistered { reason, .. } => format!("{reason:?}"),
                other => panic!("{other:?}"),
            };
            seen.push(format!("{} {reason}", change.service().name));
        }
        assert_eq!(
            seen,
            [
                "guard registered",
                "guard draining",
                "guard Dropped",
                "killed registered",
                "killed Exited(Killed)",
                "reserved registered",
                "reserved Exited(Normal)",
                "reserved registered",
                "reserved Exited(Error(\"broken\"))",
                "last registered",
                "last NamespaceClosed",
            ]
        );
        assert!(watch.next().await.is_none(), "and that was the end");
    }
}

/// What a watcher knows, checked against the rules at each event.
#[derive(Default)]
struct Replay(HashMap<String, (RegistrationId, ProcessId)>);

impl Replay {
    fn apply(&mut self, event: &WatchEvent) {
        match event {
            WatchEvent::Snapshot(services) => {
                self.0 = services.iter().map(|s| (s.name.clone(), (s.registration, s.holder))).collect();
            }
            WatchEvent::Changed(change) => match &**change {
                Change::Registered(s) => {
                    let before = self.0.insert(s.name.clone(), (s.registration, s.holder));
                    assert_eq!(before, None, "registered twice: {s}");
                }
                Change::Transferred { service: s, from } => {
                    let before = self.0.insert(s.name.clone(), (s.registration, s.holder));
                    assert_eq!(before.map(|(_, holder)| holder), Some(*from));
                }
                Change::Unregistered { service: s, .. } => {
                    let before = self.0.remove(&s.name);
                    assert_eq!(before, Some((s.registration, s.holder)), "out of order: {s}");
                }
                Change::Updated(s) | Change::Draining(s) => assert!(self.0.contains_key(&s.name)),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }
}

fn churn(production: &Namespace, thread: u64, rounds: u64) {
    let mut seed = thread + 1;
    let mut guards = HashMap::new();
    for _ in 0..rounds {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let name = format!("name-{}", (seed >> 33) % 16);
        if guards.remove(&name).is_none() {
            guards.extend(production.register(&name, 1_u32).ok().map(|guard| (name, guard)));
        }
    }
    // What is left is dropped here: the namespace ends empty.
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s5_5_no_gap_duplicate_or_reordering_while_threads_register() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let writers: Vec<_> = (0..2)
            .map(|thread| {
                let production = production.clone();
                thread::spawn(move || churn(&production, thread, 30_000))
            })
            .collect();
        let mut watches = 0;
        let mut lagged = 0;
        while writers.iter().any(|writer| !writer.is_finished()) {
            let mut watch = production.watch();
            let mut replay = Replay::default();
            watches += 1;
            for _ in 0..400 {
                let next = tokio::time::timeout(std::time::Duration::from_millis(20), watch.next()).await;
                match next {
                    Ok(Some(WatchEvent::Lagged { missed })) => {
                        assert!(missed > 0);
                        lagged += 1;
                    }
                    Ok(Some(event)) => replay.apply(&event),
                    Ok(None) | Err(_) => break,
                }
            }
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        assert!(watches > 0, "{lagged} lags");
        let mut watch = production.watch();
        assert!(snapshot(&mut watch).await.is_empty(), "everything was given back");
    }
}

#[tokio::test]
async fn s5_6_a_slow_watcher_gets_lagged_and_a_fresh_snapshot_and_holds_up_nobody() {
    for production in namespaces() {
        let mut watch = production.watch();
        assert!(snapshot(&mut watch).await.is_empty());
        // Two changes each: far more than are kept, and no writer waits.
        for n in 0..2_000 {
            drop(production.register("short", n).unwrap());
        }
        let _kept = production.register("kept", 1).unwrap();
        let Some(WatchEvent::Lagged { missed }) = watch.next().await else { panic!("lagged") };
        assert_eq!(missed, 4_001 - 1_024);
        assert_eq!(snapshot(&mut watch).await, ["kept"]);
        let _next = production.register("next", 1).unwrap();
        assert!(matches!(change(&mut watch).await, Change::Registered(service) if service.name == "next"));
        assert_quiet(&mut watch);
    }
}

#[tokio::test]
async fn s5_7_after_the_last_watcher_left_nothing_is_kept() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let other = registry.namespace("other").unwrap();
        let mut watch = production.watch();
        assert!(snapshot(&mut watch).await.is_empty());
        let _elsewhere = other.register(KEY, 1).unwrap();
        assert_quiet(&mut watch);
        drop(watch);
        drop(production.register(KEY, 1).unwrap());
        let mut again = production.watch();
        assert!(snapshot(&mut again).await.is_empty());
        assert_quiet(&mut again);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s5_5_a_waiting_watcher_is_woken() {
    for production in namespaces() {
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let mut watch = production.watch();
        let watcher = tokio::spawn(async move {
            assert!(snapshot(&mut watch).await.is_empty());
            ready.send(()).unwrap();
            change(&mut watch).await
        });
        is_ready.await.unwrap();
        let _registration = production.register(KEY, 1).unwrap();
        assert!(matches!(watcher.await.unwrap(), Change::Registered(_)));
    }
}

#[tokio::test]
async fn s5_6_a_million_watchers_hold_up_nobody_and_miss_nothing() {
    let production = registry::ServiceRegistry::new().namespace("production").unwrap();
    let mut watches: Vec<_> = (0..1_000_000).map(|_| production.watch()).collect();
    let begin = std::time::Instant::now();
    let registrations: Vec<_> = (0..100).map(|n| production.register(format!("name-{n}"), n).unwrap()).collect();
    let took = begin.elapsed();
    assert!(took < std::time::Duration::from_secs(1), "{took:?} for 100 registrations beside a million watchers");
    for watch in watches.iter_mut().step_by(1_000) {
        assert!(snapshot(watch).await.is_empty());
        for registration in &registrations {
            assert!(
                matches!(change(watch).await, Change::Registered(service) if service.registration == registration.id())
            );
        }
        assert_quiet(watch);
    }
}
