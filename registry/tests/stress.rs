//! Everything at once on all cores, and every invariant checked: 10 s in `.ci/test`, 60 s by hand.
//!
//! `cargo nextest run --release -p registry --test stress --run-ignored all`; `REGISTRY_STRESS_SECONDS` sets another time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::thread;
use std::time::{Duration, Instant};

use registry::{Change, LookupError, Namespace, Process, ProcessRef, RegisterRefusal, ServiceRegistry, WatchEvent};

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

fn work(registry: &ServiceRegistry, live: &Arc<AtomicUsize>, stop: &AtomicBool, seed: u64, operations: &AtomicU64) {
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
        match dice.roll(20) {
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

fn stress(time: Duration) {
    let registry = ServiceRegistry::new();
    let live = Arc::new(AtomicUsize::new(0));
    let (stop, operations) = (AtomicBool::new(false), AtomicU64::new(0));
    let threads = thread::available_parallelism().map_or(2, usize::from).max(2);
    thread::scope(|scope| {
        for seed in 1..=threads as u64 {
            let (registry, live, stop, operations) = (&registry, &live, &stop, &operations);
            scope.spawn(move || work(registry, live, stop, seed, operations));
        }
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { tokio::join!(watch(&registry, &stop), wait(&registry, &stop)) });
        });
        let end = Instant::now() + time;
        while Instant::now() < end {
            let stats = registry.stats();
            assert!(stats.total_services <= 10_000 && stats.waiters <= 1, "{stats:?}");
            assert!(registry.processes().list().len() <= 10_000);
            thread::yield_now();
        }
        stop.store(true, SeqCst);
    });
    let stats = registry.stats();
    assert_eq!((stats.total_services, stats.test_namespaces, stats.waiters, stats.slots), (0, 0, 0, 0), "{stats:?}");
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
