//! Everything at once on all cores, and every invariant checked: 10 s in `.ci/test`, 60 s by hand.
//!
//! `cargo nextest run --release -p registry --test stress --run-ignored all`; `REGISTRY_STRESS_SECONDS` sets another time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::thread;
use std::time::{Duration, Instant};

use registry::{
    Change, LockGuard, LookupError, Member, Membership, Namespace, Overflow, Process, ProcessRef, RecvError,
    RegisterRefusal, Schedule, ServiceRegistry, Subscription, Verdict, WatchEvent,
};

/// A value that knows where it is registered, and counts how many of its kind live.
struct Value {
    name: usize,
    live: Arc<AtomicUsize>,
}

impl Value {
    fn new(name: usize, live: &Arc<AtomicUsize>) -> Self {
        live.fetch_add(1, SeqCst);
        Self { name, live: Arc::clone(live) }
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        Self::new(self.name, &self.live)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.live.fetch_sub(1, SeqCst);
    }
}

const NAMES: usize = 32;

/// A fast generator, so that the work is the registry's.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

/// What all of them work on, and what they know of it.
#[derive(Default)]
struct World {
    registry: ServiceRegistry,
    live: Arc<AtomicUsize>,
    stop: AtomicBool,
    operations: AtomicU64,
    /// Who holds which lock, to be caught by the next one.
    locked: [AtomicBool; NAMES],
    /// Messages to [`TOPIC`], and what their numbers begin with.
    published: AtomicU64,
    publishers: AtomicU64,
}

const TOPIC: &str = "news:today";

impl World {
    /// Under the lock of this name, if it can be had: nobody else is.
    fn under(&self, _lock: &LockGuard, at: usize) {
        assert!(!self.locked[at].swap(true, SeqCst), "two hold the lock");
        thread::yield_now();
        self.locked[at].store(false, SeqCst);
    }
}

/// Groups, topics and locks, from one thread.
struct Social {
    memberships: HashMap<usize, Membership>,
    publisher: u64,
    messages: u64,
}

impl Social {
    fn act(&mut self, world: &World, production: &Namespace, process: &ProcessRef, at: usize, which: usize) {
        let (group, live) = (format!("group-{at}"), &world.live);
        match which {
            0 => drop(production.join(process, group.as_str(), Value::new(at, live)).unwrap()),
            1 => drop(self.memberships.insert(at, production.join_guard(&group, Value::new(at, live)).unwrap())),
            2 => drop(self.memberships.remove(&at)),
            3 => drop(production.leave(process, &group)),
            4 | 5 => {
                let mut seen = HashSet::new();
                let visit = |member: &Member<Value>| {
                    assert_eq!(member.value().name, at, "a member of another group");
                    assert!(seen.insert(member.id()), "visited twice");
                };
                assert_eq!(production.dispatch(group.as_str(), visit).unwrap().panicked, 0);
            }
            6 | 7 => {
                self.messages += 1;
                let topics = production.pubsub::<(u64, u64)>();
                let delivered = topics.try_publish(TOPIC, (self.publisher, self.messages)).unwrap().delivered;
                assert_eq!(delivered, 2, "both subscribers have room, or make it");
                world.published.fetch_add(1, SeqCst);
            }
            _ => {
                if let Some(lock) = production.try_lock(&format!("lock-{at}")) {
                    world.under(&lock, at);
                }
            }
        }
    }
}

/// Reads a topic until nothing more comes: messages of one publisher rise by one, less those that it is told to have missed.
async fn read(mut news: Subscription<(u64, u64)>) -> u64 {
    let (mut last, mut got, mut missed) = (HashMap::new(), 0, 0);
    loop {
        match news.recv().await {
            Ok((publisher, number)) => {
                let before = last.insert(publisher, number).unwrap_or(0);
                assert!(number > before, "{number} after {before}");
                assert!(missed > 0 || number == before + 1, "{number} after {before}, and none was missed");
                got += 1;
            }
            Err(RecvError::Lagged(more)) => {
                assert!(more > 0);
                missed += more;
            }
            Err(end) => {
                assert_eq!(end, RecvError::Closed);
                return got + missed;
            }
        }
    }
}

/// Checks each name, on demand and by monitors that come and go, and reads the reports beside it.
async fn examine(world: &World) {
    let production = world.registry.namespace("production").unwrap();
    let mut dice = Dice(5);
    let mut monitors = HashMap::new();
    let schedule = Schedule::new(Duration::from_millis(1)).thresholds(1, 1);
    while !world.stop.load(SeqCst) {
        let at = dice.roll(NAMES);
        let name = format!("name-{at}");
        let check = move |value: Value| {
            let verdict = if value.name == at { Ok(()) } else { Err("a value of another name") };
            async move { verdict }
        };
        let verdict = production.health_check::<Value>(name.as_str()).check(check).await;
        assert!(verdict.is_healthy() || verdict.is_absent(), "{verdict:?}");
        if monitors.remove(&at).is_none() {
            let monitor = production.monitor::<Value>(name.as_str()).check(check);
            monitors.insert(at, monitor.every(schedule).unwrap());
        }
        let report = world.registry.processes().health();
        assert!(report.probes().len() <= NAMES);
        let mut wrong = report.probes().iter().filter(|probe| matches!(probe.last, Some(Verdict::Failed { .. })));
        assert!(wrong.next().is_none(), "a value of another name");
        tokio::task::yield_now().await;
    }
}

/// Takes locks and waits in line for them.
async fn queue_for_locks(world: &World, seed: u64) {
    let production = world.registry.namespace("production").unwrap();
    let mut dice = Dice(seed);
    while !world.stop.load(SeqCst) {
        let at = dice.roll(4);
        if let Ok(lock) = production.lock(&format!("lock-{at}"), Duration::from_millis(2)).await {
            world.under(&lock, at);
            tokio::task::yield_now().await;
        }
    }
}

fn work(world: &World, seed: u64) {
    let World { registry, live, stop, operations, .. } = world;
    let mut social =
        Social { memberships: HashMap::new(), publisher: world.publishers.fetch_add(1, SeqCst), messages: 0 };
    let mut dice = Dice(seed * 0x9e37_79b9 + 1);
    let names: Vec<String> = (0..NAMES).map(|n| format!("name-{n}")).collect();
    let production = registry.namespace("production").unwrap();
    let mut processes: Vec<Process> = (0..4).map(|_| Process::new()).collect();
    let mut guards = HashMap::new();
    let mut reservations = HashMap::new();
    let mut short_lived: Namespace = registry.namespace("short-lived").unwrap();
    while !stop.load(SeqCst) {
        operations.fetch_add(1, SeqCst);
        let at = dice.roll(NAMES);
        let name = names[at].as_str();
        let process: ProcessRef = processes[dice.roll(4)].reference();
        match dice.roll(28) {
            0 | 1 => {
                if let Ok(guard) = production.register(name, Value::new(at, live)) {
                    assert!(production.whereis(name).is_some(), "it is ours");
                    guards.insert(at, guard);
                }
            }
            2 => drop(guards.remove(&at)),
            3 | 4 => match production.register_for(&process, name, Value::new(at, live)) {
                Ok(_) => assert_eq!(production.whereis(name), Some(process.id())),
                Err(error) => assert!(matches!(error.refusal(), RegisterRefusal::Taken { .. })),
            },
            5 => drop(production.unregister(&process, name)),
            6 => {
                let ended = dice.roll(4);
                let ended = std::mem::take(&mut processes[ended]);
                let reference = ended.reference();
                drop(ended);
                assert!(registry.processes().keys(&reference).is_empty());
                assert!(registry.processes().memberships(&reference).is_empty());
            }
            7 => drop(production.ensure_for(&process, name, Value::new(at, live))),
            8 => drop(production.transfer(name, &process, &processes[dice.roll(4)].reference())),
            9 => drop(production.reserve::<Value>(name).map(|reservation| reservations.insert(at, reservation))),
            10 => {
                if let Some(reservation) = reservations.get(&at) {
                    drop(reservation.publish(&process, Value::new(at, live)));
                }
            }
            11 => drop(reservations.remove(&at)),
            12 => {
                let other = dice.roll(NAMES);
                let batch = production.batch(&process).add(name, Value::new(at, live));
                drop(batch.add(&names[other], Value::new(other, live)).commit());
            }
            13 => {
                let test = registry.test_namespace();
                drop(test.register(name, Value::new(at, live)));
                let _kept = test.register_for(&process, name, Value::new(at, live));
                assert_eq!(test.count(), 1);
            }
            14 => {
                let _ = short_lived.register_for(&process, name, Value::new(at, live));
                if dice.roll(10) == 0 {
                    short_lived.close();
                    assert_eq!(short_lived.count(), 0);
                    short_lived = registry.namespace("short-lived").unwrap();
                }
            }
            15 => drop(production.update(&process, name, Value::clone)),
            16..=23 => social.act(world, &production, &process, at, dice.roll(9)),
            _ => match production.with(name, |value: &Value| value.name) {
                Ok(found) => assert_eq!(found, at, "a value of another name"),
                Err(LookupError::TypeMismatch { .. }) => panic!("there is one type"),
                Err(_) => {}
            },
        }
    }
}

/// Follows the changes of a namespace and checks that they make sense one after the other.
async fn watch(registry: &ServiceRegistry, stop: &AtomicBool) {
    let production = registry.namespace("production").unwrap();
    let mut watch = production.watch();
    let mut known = HashMap::new();
    while !stop.load(SeqCst) {
        let Ok(event) = tokio::time::timeout(Duration::from_millis(50), watch.next()).await else { continue };
        match event.expect("the namespace stays open") {
            WatchEvent::Snapshot(services) => {
                known = services.into_iter().map(|service| (service.name.clone(), service.registration)).collect();
            }
            WatchEvent::Changed(change) => {
                let service = change.service();
                match &*change {
                    Change::Registered(_) => {
                        assert_eq!(known.insert(service.name.clone(), service.registration), None, "{service}");
                    }
                    Change::Unregistered { .. } => {
                        assert_eq!(known.remove(&service.name), Some(service.registration), "{service}");
                    }
                    _ => assert!(known.insert(service.name.clone(), service.registration).is_some(), "{service}"),
                }
            }
            _ => known.clear(),
        }
    }
}

async fn wait(registry: &ServiceRegistry, stop: &AtomicBool) {
    let production = registry.namespace("production").unwrap();
    let mut references: Vec<_> = (0..NAMES).map(|n| production.reference::<Value>(format!("name-{n}"))).collect();
    let mut dice = Dice(77);
    while !stop.load(SeqCst) {
        let at = dice.roll(NAMES);
        let name = format!("name-{at}");
        if let Ok(value) = production.wait_for::<Value>(name.as_str(), Duration::from_millis(dice.roll(3) as u64)).await
        {
            assert_eq!(value.name, at);
        }
        if let Ok(value) = references[at].get() {
            assert_eq!(value.name, at);
        }
        let _ = production.wait_until_free(&name, Duration::from_millis(1)).await;
    }
}

/// Lets all threads end, also when one of them has found something.
struct Ending<'a>(&'a World, &'a Namespace);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, SeqCst);
        self.1.close();
    }
}

fn stress(time: Duration) {
    let world = World::default();
    let threads = thread::available_parallelism().map_or(2, usize::from).max(2);
    let news = world.registry.namespace("production").unwrap();
    let [all, few] = [("news:*", 1 << 16), (TOPIC, 4)].map(|(pattern, capacity)| {
        news.pubsub::<(u64, u64)>().subscribe(pattern, capacity, Overflow::DropOldest).unwrap()
    });
    thread::scope(|scope| {
        let ending = Ending(&world, &news);
        let workers: Vec<_> = (1..=threads as u64)
            .map(|seed| {
                scope.spawn({
                    let world = &world;
                    move || work(world, seed)
                })
            })
            .collect();
        let readers = scope.spawn(|| runtime().block_on(async { tokio::join!(read(all), read(few)) }));
        let others = scope.spawn(|| {
            runtime().block_on(async {
                tokio::join!(
                    watch(&world.registry, &world.stop),
                    wait(&world.registry, &world.stop),
                    examine(&world),
                    queue_for_locks(&world, 3),
                    queue_for_locks(&world, 4),
                )
            });
        });
        let end = Instant::now() + time;
        while Instant::now() < end && !others.is_finished() && !readers.is_finished() {
            let stats = world.registry.stats();
            assert!(stats.total_services <= 10_000 && stats.waiters <= 3, "{stats:?}");
            assert!(world.registry.processes().list().len() <= 10_000);
            thread::yield_now();
        }
        world.stop.store(true, SeqCst);
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        others.join().unwrap();
        assert!(news.groups().is_empty(), "all members are gone");
        drop(ending);
        let published = world.published.load(SeqCst);
        assert_eq!(readers.join().unwrap(), (published, published), "each message was read, or told as missed");
        assert!(published > 100, "{published}");
    });
    drop(news);
    let World { registry, live, operations, .. } = world;
    let stats = registry.stats();
    assert_eq!((stats.total_services, stats.test_namespaces, stats.memberships), (0, 0, 0), "{stats:?}");
    assert_eq!((stats.waiters, stats.watchers, stats.slots), (0, 0, 0), "{stats:?}");
    assert!(registry.processes().health().probes().is_empty(), "every monitor is gone");
    assert!(registry.processes().list().is_empty());
    drop(registry);
    // Values that were being read when they were removed went with their threads, or go with these removals.
    let sweep = ServiceRegistry::new().namespace("sweep").unwrap();
    for _ in 0..16 {
        drop(sweep.register("name", Value::new(0, &live)).unwrap());
    }
    assert_eq!(live.load(SeqCst), 0, "every value was dropped");
    assert!(operations.load(SeqCst) > 1_000);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn invariants_hold_under_stress_for_a_second() {
    stress(Duration::from_secs(1));
}

#[test]
#[ignore = "takes as long as it is told to: a minute, or REGISTRY_STRESS_SECONDS"]
fn invariants_hold_under_stress() {
    let seconds = std::env::var("REGISTRY_STRESS_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    stress(Duration::from_secs(seconds));
}
