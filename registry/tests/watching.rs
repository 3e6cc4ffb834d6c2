//! Section 5.5 to 5.7: watching a namespace.

mod support;

use std::collections::{BTreeMap, HashMap};
use std::sync::Barrier;
use std::thread;

use registry::{
    Change, ExitReason, Namespace, Process, Registration, RegistrationId, Service, UnregisterReason, Watch, WatchEvent,
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
    assert!(ready(watch).is_none());
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

/// A change, as far as its place in the sequence goes: the key, the registration, and whether it begins or ends it.
type Step = (String, RegistrationId, bool);

/// A watcher that is never behind by more than is kept, and all that it was told.
struct Follower {
    watch: Watch,
    snapshot: BTreeMap<String, RegistrationId>,
    steps: Vec<Step>,
}

impl Follower {
    /// Watches a namespace from here on.
    fn of(production: &Namespace) -> Self {
        let mut watch = production.watch();
        let Some(Some(WatchEvent::Snapshot(services))) = ready(&mut watch) else { panic!("a snapshot comes first") };
        let snapshot = services.into_iter().map(|service| (service.name, service.registration)).collect();
        Self { watch, snapshot, steps: Vec::new() }
    }

    /// Hears all that has happened.
    fn catch_up(&mut self) {
        while let Some(Some(event)) = ready(&mut self.watch) {
            let WatchEvent::Changed(change) = event else { panic!("never too far behind: {event:?}") };
            let begins = match &*change {
                Change::Registered(_) => true,
                Change::Unregistered { .. } => false,
                other => panic!("{other:?}"),
            };
            self.steps.push((change.service().name.clone(), change.service().registration, begins));
        }
    }

    /// Snapshot and changes make one true story: each key begins and ends in turn, under the ids that `truth` has for it,
    /// from the one in the snapshot, or a later one, to the last.
    fn check(&self, truth: &BTreeMap<String, Vec<RegistrationId>>) {
        let mut held = self.snapshot.clone();
        let mut told: BTreeMap<&str, Vec<RegistrationId>> =
            self.snapshot.iter().map(|(name, id)| (name.as_str(), vec![*id])).collect();
        for (name, id, begins) in &self.steps {
            if *begins {
                assert_eq!(held.insert(name.clone(), *id), None, "{name} is held twice");
                told.entry(name).or_default().push(*id);
            } else {
                assert_eq!(held.remove(name), Some(*id), "{name} ends once, and after it began");
            }
        }
        assert_eq!(held, BTreeMap::new(), "every end was told");
        for (name, told) in told {
            assert!(truth[name].ends_with(&told), "{name}: a gap, a duplicate or another order");
        }
    }
}

/// The next event, if it is there.
fn ready(watch: &mut Watch) -> Option<Option<WatchEvent>> {
    let mut next = std::pin::pin!(watch.next());
    match next.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(event) => Some(event),
        std::task::Poll::Pending => None,
    }
}

/// Takes and frees names, and notes what it took.
struct Writer {
    seed: u64,
    guards: HashMap<String, Registration>,
    took: Vec<(String, RegistrationId)>,
}

impl Writer {
    fn churn(&mut self, production: &Namespace, changes: usize) {
        for _ in 0..changes {
            self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let name = format!("name-{}", (self.seed >> 33) % 16);
            if self.guards.remove(&name).is_none()
                && let Ok(guard) = production.register(&name, 1_u32)
            {
                self.took.push((name.clone(), guard.id()));
                self.guards.insert(name, guard);
            }
        }
    }
}

#[test]
fn s5_5_no_gap_duplicate_or_reordering_while_threads_register() {
    for production in namespaces() {
        let mut followers = vec![Follower::of(&production)];
        let mut writers: Vec<_> =
            (1..=2).map(|seed| Writer { seed, guards: HashMap::new(), took: Vec::new() }).collect();
        for _ in 0..40 {
            // Together fewer changes than are kept; watchers come while they are made.
            let start = &Barrier::new(writers.len() + 1);
            thread::scope(|scope| {
                for writer in &mut writers {
                    let production = &production;
                    scope.spawn(move || {
                        start.wait();
                        writer.churn(production, 400);
                    });
                }
                start.wait();
                followers.extend((0..2).map(|_| Follower::of(&production)));
            });
            followers.iter_mut().for_each(Follower::catch_up);
        }
        let mut truth = BTreeMap::<String, Vec<RegistrationId>>::new();
        for writer in writers {
            writer.took.into_iter().for_each(|(name, id)| truth.entry(name).or_default().push(id));
        }
        // Ids of one name rise.
        truth.values_mut().for_each(|ids| ids.sort_unstable());
        followers.iter_mut().for_each(Follower::catch_up);
        for follower in &followers {
            follower.check(&truth);
            assert!(followers[0].steps.ends_with(&follower.steps), "all are told in one order");
        }
        let told = followers[0].steps.iter().filter(|(.., begins)| *begins).count();
        assert_eq!(told, truth.values().map(Vec::len).sum::<usize>(), "who watched from the beginning was told of all");
        assert!(told > 1_000, "{told}");
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
