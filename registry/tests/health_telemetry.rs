//! Section 9 for health: verdicts are counted and told, changes are logged.

mod support;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use registry::{Namespace, Operation, Service, TelemetryEvent};
use support::registries;
use tokio::time::sleep;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

const KEY: Service<u32> = Service::new("key");
const SECOND: Duration = Duration::from_secs(1);

/// One verdict of each kind, and two of a monitor that fails.
async fn verdicts(production: &Namespace) -> registry::Monitor {
    assert!(!production.health_check(KEY).await.is_healthy());
    let guard = production.register(KEY, 7).unwrap();
    assert!(production.health_check(KEY).await.is_healthy());
    let fails = async |_: u32| Err::<(), _>("no");
    assert!(!production.health_check(KEY).check(fails).await.is_healthy());
    let panics = production.health_check(KEY).check(async |_: u32| -> Result<(), String> { panic!("no") });
    assert!(!panics.await.is_healthy());
    let hangs = production.health_check(KEY).check(|_: u32| std::future::pending::<Result<(), String>>());
    assert!(!hangs.await.is_healthy());
    let schedule = registry::Schedule::new(SECOND).thresholds(2, 1);
    let monitor = production.monitor(KEY).check(fails).every(schedule).unwrap();
    sleep(SECOND * 3 / 2).await;
    drop(guard);
    monitor
}

#[tokio::test(start_paused = true)]
async fn s9_2_handlers_are_told_of_each_verdict() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let notes = Arc::new(Mutex::new(Vec::new()));
        let noting = Arc::clone(&notes);
        registry.processes().attach(move |event: &TelemetryEvent<'_>| {
            if event.operation == Operation::Health {
                let TelemetryEvent { operation, namespace, service, result, .. } = event;
                assert!(event.took.is_some(), "it is measured");
                noting.lock().unwrap().push(format!("{} {namespace}/{service} {result}", operation.as_str()));
            }
        });
        let _monitor = verdicts(&production).await;
        let expected = ["not_registered", "healthy", "failed", "panicked", "timed_out", "failed", "failed"];
        assert_eq!(*notes.lock().unwrap(), expected.map(|result| format!("health production/key {result}")));
    }
}

/// Notes the events that are louder than debug.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO && metadata.target().starts_with("registry")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }
}

#[tokio::test(start_paused = true)]
async fn s9_1_each_change_is_logged_once_with_namespace_and_service() {
    for registry in registries() {
        let log = Log::default();
        let _installed = tracing::subscriber::set_default(log.clone());
        let production = registry.namespace("production").unwrap();
        let monitor = verdicts(&production).await;
        sleep(10 * SECOND).await;
        assert_eq!(monitor.status().verdicts, 12);
        let expected = "WARN message=health changed namespace=\"production\" service=\"key\" probe=liveness standing=down \
                        verdict=failed: no";
        assert_eq!(*log.0.lock().unwrap(), [expected]);
    }
}

#[cfg(feature = "metrics")]
#[tokio::test(start_paused = true)]
async fn s9_1_verdicts_and_standings_are_published_by_class() {
    for registry in registries() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let publish = || {
            metrics::with_local_recorder(&recorder, || {
                registry.describe_metrics();
                registry.publish_metrics();
            });
            recorder.handle().render()
        };
        let has = |text: &str, line: &str| assert!(text.lines().any(|other| other == line), "{line} in\n{text}");
        let production = registry.namespace("production").unwrap();
        let monitor = verdicts(&production).await;
        registry.max_checkups(std::num::NonZeroUsize::MIN);
        let hangs = || production.health_check(KEY).check(|_: u32| std::future::pending::<Result<(), String>>());
        let _guard = production.register(KEY, 7).unwrap();
        let hanging = tokio::spawn(hangs().into_future());
        tokio::task::yield_now().await;
        assert_eq!(hangs().await.to_string(), "not checked: 1 checks have not ended");
        hanging.abort();
        let text = publish();
        let counts =
            [("healthy", 1), ("failed", 3), ("panicked", 1), ("timed_out", 1), ("not_registered", 1), ("refused", 1)];
        for (result, count) in counts {
            let series = format!("registry_health_verdicts_total{{class=\"production\",result=\"{result}\"}}");
            has(&text, &format!("{series} {count}"));
        }
        has(&text, "registry_health_monitors{class=\"production\",standing=\"down\"} 1");
        has(&text, "registry_health_monitors{class=\"test\",standing=\"down\"} 0");
        for metric in ["registry_health_verdicts_total", "registry_health_monitors"] {
            assert!(text.contains(&format!("# HELP {metric} ")), "{text}");
        }
        drop(monitor);
        let series = text.lines().filter(|line| line.starts_with("registry_health")).count();
        let text = publish();
        has(&text, "registry_health_monitors{class=\"production\",standing=\"down\"} 0");
        assert_eq!(text.lines().filter(|line| line.starts_with("registry_health")).count(), series);
    }
}
