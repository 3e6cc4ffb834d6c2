//! Section 7.1: what one check says, and what it leaves alone.

mod support;

use std::num::NonZeroUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use registry::{
    ErrorKind, ExitReason, Failure, HealthCheck, Namespace, Probe, Process, Service, ServiceRegistry, Verdict,
};
use support::{Drops, namespaces, registries};
use tokio::time::Instant;

const KEY: Service<u32> = Service::new("key");
const SECOND: Duration = Duration::from_secs(1);

async fn hang(_: u32) -> Result<(), Failure> {
    std::future::pending().await
}

async fn pass(_: u32) -> Result<(), Failure> {
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn s7_1_the_five_outcomes_are_distinct() {
    for production in namespaces() {
        let absent = production.health_check(KEY).await;
        let _registration = production.register(KEY, 7).unwrap();
        let slow = async |_: u32| {
            tokio::time::sleep(SECOND / 2).await;
            Ok::<_, Failure>(())
        };
        let healthy = production.health_check(KEY).check(slow).await;
        let failed = production.health_check(KEY).check(async |n: u32| Err::<(), _>(format!("{n} is too few"))).await;
        let panicked = production.health_check(KEY).check(async |n: u32| -> Result<(), Failure> { panic!("at {n}") });
        let panicked = panicked.await;
        let begin = Instant::now();
        let timed_out = production.health_check(KEY).timeout(2 * SECOND).check(hang).await;
        assert_eq!(begin.elapsed(), 2 * SECOND);

        assert!(matches!(&absent, Verdict::NotRegistered(error) if error.kind() == ErrorKind::NotFound));
        assert!(matches!(healthy, Verdict::Healthy { took, .. } if took == SECOND / 2));
        assert!(matches!(&failed, Verdict::Failed { reason, .. } if reason.to_string() == "7 is too few"));
        assert!(matches!(&panicked, Verdict::Panicked(panic) if panic.message() == "at 7"
            && panic.location().is_some_and(|place| place.contains("health.rs"))));
        assert!(matches!(timed_out, Verdict::TimedOut { after, .. } if after == 2 * SECOND));
        let words =
            [absent, healthy, failed, panicked, timed_out].map(|verdict| (verdict.as_str(), verdict.is_healthy()));
        let expected = ["not_registered", "healthy", "failed", "panicked", "timed_out"];
        assert_eq!(words, expected.map(|word| (word, word == "healthy")));
    }
}

#[tokio::test(start_paused = true)]
async fn s7_1_absent_starting_restarting_draining_and_closed_are_told_apart() {
    let kind = async |production: &Namespace| match production.health_check(KEY).check(hang).await {
        Verdict::NotRegistered(error) => error.kind(),
        verdict => panic!("{verdict}"),
    };
    for production in namespaces() {
        assert_eq!(kind(&production).await, ErrorKind::NotFound);
        let name = production.reserve(KEY).unwrap();
        assert_eq!(kind(&production).await, ErrorKind::Starting);
        let process = Process::new();
        name.publish(&process.reference(), 7).unwrap();
        assert!(production.health_check(KEY).await.is_healthy());
        process.end(ExitReason::Killed);
        assert_eq!(kind(&production).await, ErrorKind::Restarting);
        drop(name);
        let text = production.register("key", "text").unwrap();
        assert_eq!(kind(&production).await, ErrorKind::TypeMismatch);
        text.drain();
        assert_eq!(kind(&production).await, ErrorKind::Draining);
        production.close();
        assert_eq!(kind(&production).await, ErrorKind::NamespaceClosed);
        let invalid = production.health_check::<u32>("").await;
        assert_eq!(invalid.as_str(), "not_registered");
    }
}

#[tokio::test(start_paused = true)]
async fn s7_1_a_check_never_affects_the_registry() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let registration = production.register(KEY, 7).unwrap();
        let before = (production.list(), registry.stats());
        for _ in 0..10 {
            let panics = production.health_check(KEY).check(async |_: u32| -> Result<(), Failure> { panic!("no") });
            assert_eq!(panics.await.as_str(), "panicked");
            assert_eq!(production.health_check(KEY).check(hang).await.as_str(), "timed_out");
        }
        let itself = production.clone();
        let inside = production.health_check(KEY).check(move |n| {
            let itself = itself.clone();
            async move {
                let _temporary = itself.register("other", n).map_err(|error| error.to_string())?;
                itself.lookup(KEY).map(drop).map_err(|error| error.to_string())
            }
        });
        assert!(inside.await.is_healthy());
        assert_eq!((production.list(), registry.stats()), before);
        assert_eq!(registration.id(), before.0[0].registration);
    }
}

#[tokio::test(start_paused = true)]
async fn s7_1_a_hung_check_blocks_no_other_and_is_aborted_in_time() {
    for production in namespaces() {
        let _registration = production.register(KEY, 7).unwrap();
        let drops = Drops::default();
        let hung = |timeout: Duration| {
            let drops = drops.clone();
            production.health_check(KEY).timeout(timeout).check(move |n| {
                let tracked = drops.tracked();
                async move {
                    let _tracked = tracked;
                    hang(n).await
                }
            })
        };
        let begin = Instant::now();
        let many: Vec<_> = (1..=100).map(|_| tokio::spawn(hung(SECOND).into_future())).collect();
        assert!(production.health_check(KEY).check(pass).await.is_healthy());
        assert_eq!(begin.elapsed(), Duration::ZERO, "past a hundred hung ones");
        for check in many {
            assert_eq!(check.await.unwrap().as_str(), "timed_out");
        }
        assert_eq!(begin.elapsed(), SECOND, "each in its own task");
        until(|| drops.count() == 100).await;

        let dropped = tokio::spawn(hung(Duration::MAX).into_future());
        tokio::time::advance(100 * SECOND).await;
        dropped.abort();
        until(|| drops.count() == 101).await;
    }
}

/// Lets the tasks that are to be dropped be dropped.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn s7_1_a_check_that_blocks_its_thread_hangs_neither_the_caller_nor_another_check() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for round in 0..20 {
        let production = ServiceRegistry::new().namespace("production").unwrap();
        let _registration = production.register(KEY, 7).unwrap();
        let (release, blocked) = mpsc::channel::<()>();
        let blocked = parking_lot::Mutex::new(blocked);
        let blocks = production.health_check(KEY).timeout(Duration::from_millis(20)).check(move |_| {
            // Until the test lets go of the other end.
            let _ = blocked.lock().recv();
            std::future::ready(Ok::<(), Failure>(()))
        });
        // From inside a worker, where tokio keeps a task that was just spawned to the same thread.
        let caller = async move {
            let verdict = blocks.await;
            (verdict, production.health_check(KEY).check(pass).await)
        };
        let caller = if round % 2 == 0 {
            runtime.spawn(caller)
        } else {
            runtime.spawn(async move { tokio::spawn(caller).await.unwrap() })
        };
        let both = runtime.block_on(async { tokio::time::timeout(10 * SECOND, caller).await });
        drop(release);
        let (blocked, other) = both.expect("not hung").unwrap();
        assert_eq!((blocked.as_str(), other.as_str()), ("timed_out", "healthy"));
    }
}

#[tokio::test(start_paused = true)]
async fn s7_1_no_more_checks_on_demand_run_at_once_than_the_limit() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let _registration = production.register(KEY, 7).unwrap();
        let (drops, begun) = (Drops::default(), Arc::new(AtomicUsize::new(0)));
        let hung = |timeout| {
            let (drops, begun) = (drops.clone(), Arc::clone(&begun));
            let check = production.health_check(KEY).timeout(timeout).check(move |n| {
                begun.fetch_add(1, SeqCst);
                let tracked = drops.tracked();
                async move {
                    let _tracked = tracked;
                    hang(n).await
                }
            });
            tokio::spawn(check.into_future())
        };
        let refused = async |limit| match production.health_check(KEY).check(pass).await {
            Verdict::Refused { limit: told, .. } => assert_eq!(told, limit),
            verdict => panic!("{verdict}"),
        };
        // The documented default, and then less.
        let many: Vec<_> = (0..1_024).map(|_| hung(SECOND)).collect();
        until(|| begun.load(SeqCst) == 1_024).await;
        refused(1_024).await;
        for check in many {
            assert_eq!(check.await.unwrap().as_str(), "timed_out");
        }
        until(|| drops.count() == 1_024).await;
        assert!(production.health_check(KEY).check(pass).await.is_healthy());

        registry.max_checkups(NonZeroUsize::new(2).unwrap());
        let one = hung(Duration::MAX);
        until(|| begun.load(SeqCst) == 1_025).await;
        assert!(production.health_check(KEY).check(pass).await.is_healthy(), "room for one more");
        let _another = hung(Duration::MAX);
        until(|| begun.load(SeqCst) == 1_026).await;
        refused(2).await;
        assert_eq!(registry.test_namespace().health_check(KEY).await.as_str(), "refused", "in all namespaces together");
        let monitor = production.monitor(KEY).check(pass).probe(Probe::Readiness).every(SECOND).unwrap();
        assert_eq!(production.wait_healthy(KEY, 10 * SECOND).await.unwrap(), 7, "monitors are not counted");
        drop(monitor);
        one.abort();
        until(|| drops.count() == 1_025).await;
        assert!(production.health_check(KEY).check(pass).await.is_healthy(), "a dropped one counts no more");
    }
}

#[test]
fn s7_1_a_check_that_blocks_its_thread_counts_until_it_gives_it_back() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for registry in registries() {
        registry.max_checkups(NonZeroUsize::MIN);
        let production = registry.namespace("production").unwrap();
        let _registration = production.register(KEY, 7).unwrap();
        let (release, blocked) = mpsc::channel::<()>();
        let blocked = parking_lot::Mutex::new(blocked);
        let blocks = production.health_check(KEY).timeout(Duration::from_millis(20)).check(move |_| {
            let _ = blocked.lock().recv();
            std::future::ready(Ok::<(), Failure>(()))
        });
        let verdicts = async {
            let timed_out = blocks.await;
            let refused = production.health_check(KEY).check(pass).await;
            drop(release);
            let mut after = production.health_check(KEY).check(pass).await;
            while matches!(after, Verdict::Refused { .. }) {
                tokio::task::yield_now().await;
                after = production.health_check(KEY).check(pass).await;
            }
            [timed_out, refused, after].map(|verdict| verdict.as_str())
        };
        let verdicts = runtime.block_on(async { tokio::time::timeout(10 * SECOND, verdicts).await });
        assert_eq!(verdicts.expect("not hung"), ["timed_out", "refused", "healthy"]);
    }
}

#[tokio::test]
async fn s7_1_on_one_thread_a_blocking_check_delays_its_caller_and_is_late_all_the_same() {
    for production in namespaces() {
        let _registration = production.register(KEY, 7).unwrap();
        let blocks = production.health_check(KEY).timeout(Duration::from_millis(5)).check(async |_: u32| {
            std::thread::sleep(Duration::from_millis(20));
            Ok::<_, Failure>(())
        });
        assert_eq!(blocks.await.as_str(), "timed_out", "it said Ok, too late");
    }
}

struct BadClone(Arc<AtomicBool>);

impl Clone for BadClone {
    fn clone(&self) -> Self {
        assert!(!self.0.load(SeqCst), "cannot be cloned");
        Self(Arc::clone(&self.0))
    }
}

struct BadDrop;

impl Drop for BadDrop {
    fn drop(&mut self) {
        panic!("cannot be dropped");
    }
}

struct Own;

impl HealthCheck<u32> for Own {
    async fn check(&self, handle: u32) -> Result<(), Failure> {
        if handle > 7 { Ok(()) } else { Err(Failure::new("small")) }
    }
}

#[tokio::test(start_paused = true)]
async fn s7_1_a_panic_is_caught_wherever_it_comes_from() {
    for production in namespaces() {
        let broken = Arc::new(AtomicBool::new(true));
        let _registration = production.register("clone", BadClone(Arc::clone(&broken))).unwrap();
        let check = || production.health_check::<BadClone>("clone").check(async |_| Ok::<_, Failure>(()));
        assert!(matches!(check().await, Verdict::Panicked(panic) if panic.message() == "cannot be cloned"));
        broken.store(false, SeqCst);
        assert!(check().await.is_healthy());

        let _key = production.register(KEY, 7).unwrap();
        let sync =
            production.health_check(KEY).check(|_| -> std::future::Ready<Result<(), Failure>> { panic!("sync") });
        assert!(matches!(sync.await, Verdict::Panicked(panic) if panic.message() == "sync"));
        let at_drop = production.health_check(KEY).check(async |n: u32| {
            let _bad = BadDrop;
            hang(n).await
        });
        assert_eq!(at_drop.await.as_str(), "timed_out", "its Drop panics when it is aborted");
        assert_eq!(production.health_check(KEY).check(Own).await.to_string(), "failed: small");
    }
}

#[tokio::test(start_paused = true)]
async fn s7_1_no_time_at_all_is_too_late_and_all_the_time_is_no_overflow() {
    for production in namespaces() {
        let _registration = production.register(KEY, 7).unwrap();
        let none = production
            .health_check(KEY)
            .timeout(Duration::ZERO)
            .check(|_| -> std::future::Ready<Result<(), Failure>> { unreachable!("nothing is run") });
        assert!(matches!(none.await, Verdict::TimedOut { after, .. } if after.is_zero()));
        assert!(production.health_check(KEY).timeout(Duration::MAX).check(pass).await.is_healthy());
    }
}

#[tokio::test(start_paused = true)]
async fn s7_1_a_namespace_that_is_closed_meanwhile_does_not_disturb_a_check() {
    for production in namespaces() {
        let _registration = production.register(KEY, 7).unwrap();
        let closing = production.clone();
        let verdict = production.health_check(KEY).check(move |_| {
            closing.close();
            std::future::ready(Ok::<_, Failure>(()))
        });
        assert!(verdict.await.is_healthy(), "the verdict is about the incarnation that was asked");
        assert_eq!(production.health_check(KEY).await.as_str(), "not_registered");
    }
}
