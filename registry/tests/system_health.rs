//! Section 7.4: the report, and waiting for health (5.1, 5.2, 5.4, 5.8).

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use registry::{ErrorKind, Failure, Namespace, Probe, Service, SystemHealth, WaitError};
use support::{namespaces, registries};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep};

const KEY: Service<u32> = Service::new("key");
const SECOND: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(3600);

/// A check that passes while the flag is set.
fn check(flag: &Arc<AtomicBool>) -> impl Fn(u32) -> std::future::Ready<Result<(), &'static str>> + use<> {
    let flag = Arc::clone(flag);
    move |_| std::future::ready(if flag.load(SeqCst) { Ok(()) } else { Err("switched off") })
}

fn flag() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(true))
}

#[tokio::test(start_paused = true)]
async fn s7_4_a_report_weighs_critical_and_optional_services_and_says_what_is_wrong_since_when() {
    for registry in registries() {
        let [one, two] = ["one", "two"].map(|name| registry.namespace(name).unwrap());
        let _names = [&one, &two].map(|namespace| namespace.register(KEY, 7).unwrap());
        assert_eq!(registry.health().overall(), SystemHealth::Healthy, "nothing is monitored");
        let (critical, optional) = (flag(), flag());
        let _critical = one.monitor(KEY).check(check(&critical)).every(10 * SECOND).unwrap();
        let _optional = two.monitor(KEY).optional().check(check(&optional)).every(10 * SECOND).unwrap();
        sleep(SECOND).await;
        assert_eq!(registry.health().overall(), SystemHealth::Healthy);
        assert_eq!(registry.health().to_string(), "healthy: 2 of 2 probes in order");

        optional.store(false, SeqCst);
        sleep(30 * SECOND).await;
        let report = registry.health();
        assert_eq!(report.overall(), SystemHealth::Degraded);
        let line = "two/key liveness (optional) is down for 1s: failed: switched off";
        assert_eq!(report.to_string(), format!("degraded: 1 of 2 probes in order\n{line}"));
        assert_eq!(one.health_report().overall(), SystemHealth::Healthy, "of one namespace only");

        critical.store(false, SeqCst);
        sleep(30 * SECOND).await;
        let report = registry.health();
        assert_eq!((report.overall(), report.is_live()), (SystemHealth::Unhealthy, false));
        let lasting: Vec<_> = report.problems().map(|problem| (problem.namespace.as_str(), problem.lasting)).collect();
        assert_eq!(lasting, [("one", SECOND), ("two", 31 * SECOND)]);
        let ago = report.probes()[1].since.elapsed().unwrap();
        assert!((31 * SECOND..60 * SECOND).contains(&ago), "{ago:?}");

        two.close();
        assert_eq!(registry.health().probes().len(), 1, "a closed namespace is not part of it");
    }
}

#[tokio::test(start_paused = true)]
async fn s7_4_a_readiness_probe_has_to_say_so_first() {
    for production in namespaces() {
        let _registration = production.register(KEY, 7).unwrap();
        let monitor = |probe| production.monitor(KEY).probe(probe).every(SECOND).unwrap();
        let _liveness = monitor(Probe::Liveness);
        assert!(production.health_report().is_ready());
        let _readiness = monitor(Probe::Readiness);
        let report = production.health_report();
        assert_eq!((report.overall(), report.is_live(), report.is_ready()), (SystemHealth::Degraded, true, false));
        sleep(SECOND / 2).await;
        assert!(production.health_report().is_ready());
    }
}

#[tokio::test(start_paused = true)]
async fn s7_4_a_million_reads_run_no_check() {
    let production = registries()[0].namespace("production").unwrap();
    let _registration = production.register(KEY, 7).unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let monitor = production.monitor(KEY).check(move |_| {
        counted.fetch_add(1, SeqCst);
        std::future::ready(Ok::<_, Failure>(()))
    });
    let monitor = monitor.every(SECOND).unwrap();
    sleep(SECOND / 2).await;
    for _ in 0..500_000 {
        assert!(production.health_report().is_live());
        assert_eq!(monitor.standing().as_str(), "up");
    }
    yield_now().await;
    assert_eq!(runs.load(SeqCst), 1);
}

async fn waiting(production: &Namespace, registry: &registry::ServiceRegistry) -> JoinSet<Result<u32, WaitError>> {
    let mut waiters = JoinSet::new();
    for _ in 0..100 {
        let production = production.clone();
        waiters.spawn(async move { production.wait_healthy(KEY, LONG).await });
    }
    while registry.stats().waiters < 100 {
        yield_now().await;
    }
    waiters
}

#[tokio::test(start_paused = true)]
async fn s5_4_a_wait_for_health_ends_with_the_verdict_that_makes_it_up() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let well = flag();
        well.store(false, SeqCst);
        let monitor = production.monitor(KEY).check(check(&well)).every(10 * SECOND).unwrap();
        let begin = Instant::now();
        let mut waiters = waiting(&production, &registry).await;
        let _registration = production.register(KEY, 7).unwrap();
        sleep(15 * SECOND).await;
        assert_eq!(registry.stats().waiters, 100, "it is there, and not well");
        well.store(true, SeqCst);
        while let Some(outcome) = waiters.join_next().await {
            assert_eq!(outcome.unwrap().unwrap(), 7);
        }
        assert_eq!(begin.elapsed(), 20 * SECOND, "at the third check and not later");
        assert_eq!(production.wait_healthy(KEY, Duration::ZERO).await.unwrap(), 7, "at once");
        assert_eq!((registry.stats().waiters, registry.stats().slots), (0, 1), "the monitor's");
        drop(monitor);
        while registry.stats().slots > 0 {
            yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s5_4_without_monitors_a_wait_for_health_is_a_wait_and_the_end_of_one_is_told() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let error = production.wait_healthy(KEY, SECOND).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "absent");
        let _registration = production.register(KEY, 7).unwrap();
        assert_eq!(production.wait_healthy(KEY, SECOND).await.unwrap(), 7);

        let ill = flag();
        ill.store(false, SeqCst);
        let monitor = production.monitor(KEY).check(check(&ill)).every(10 * SECOND).unwrap();
        let error = production.wait_healthy(KEY, 5 * SECOND).await.unwrap_err();
        assert!(matches!(error, WaitError::Unhealthy { waited, .. } if waited == 5 * SECOND), "{error}");
        assert!(error.is_retryable());
        assert_eq!(registry.stats().waiters, 0);
        let mut waiters = waiting(&production, &registry).await;
        let begin = Instant::now();
        drop(monitor);
        while let Some(outcome) = waiters.join_next().await {
            assert_eq!(outcome.unwrap().unwrap(), 7);
        }
        assert_eq!(begin.elapsed(), Duration::ZERO, "nobody doubts its health any more");
    }
}

#[tokio::test(start_paused = true)]
async fn s5_8_closing_a_namespace_ends_the_waits_for_health_and_its_monitors() {
    for registry in registries() {
        let production = registry.namespace("closing").unwrap();
        let _registration = production.register(KEY, 7).unwrap();
        let hang = |_| std::future::pending::<Result<(), Failure>>();
        let _monitor = production.monitor(KEY).check(hang).every(SECOND).unwrap();
        let mut waiters = waiting(&production, &registry).await;
        production.close();
        let begin = Instant::now();
        while let Some(outcome) = waiters.join_next().await {
            assert_eq!(outcome.unwrap().unwrap_err().kind(), ErrorKind::NamespaceClosed);
        }
        let late = production.wait_healthy(KEY, LONG).await;
        assert_eq!(late.unwrap_err().kind(), ErrorKind::NamespaceClosed);
        while tokio::runtime::Handle::current().metrics().num_alive_tasks() > 0 {
            yield_now().await;
        }
        assert_eq!(begin.elapsed(), Duration::ZERO);
    }
}
