//! Section 9: counts, handlers, and the `metrics` facade.

mod support;

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use registry::{NamespaceClass, Operation, Overflow, Process, ServiceRegistry, TelemetryEvent};
use support::registries;

/// Notes every event that a registry tells.
fn noting(registry: &ServiceRegistry) -> (Arc<Mutex<Vec<String>>>, registry::HandlerId) {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let noting = Arc::clone(&notes);
    let handler = registry.processes().attach(move |event: &TelemetryEvent<'_>| {
        let TelemetryEvent { operation, namespace, service, result, .. } = event;
        noting.lock().unwrap().push(format!("{} {namespace}/{service} {result}", operation.as_str()));
    });
    (notes, handler)
}

#[tokio::test(start_paused = true)]
async fn s9_2_handlers_are_told_of_each_operation_until_they_are_detached() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let (notes, handler) = noting(&registry);
        let guard = production.register("key", 1_u32).unwrap();
        drop(production.register("key", 2_u32).unwrap_err());
        assert!(production.lookup::<u32>("key").is_ok());
        assert!(production.lookup::<String>("key").is_err());
        assert!(production.whereis("absent").is_none());
        drop(guard);
        let process = Process::new();
        production.register_for(&process.reference(), "owned", 1).unwrap();
        drop(process);
        assert!(production.wait_for::<u32>("key", Duration::from_secs(1)).await.is_err());
        assert!(registry.processes().detach(handler));
        assert!(!registry.processes().detach(handler));
        assert!(production.lookup::<u32>("key").is_err());
        assert_eq!(
            *notes.lock().unwrap(),
            [
                "register production/key registered",
                "register production/key taken",
                "lookup production/key found",
                "lookup production/key type_mismatch",
                "lookup production/absent not_found",
                "unregister production/key unregistered",
                "register production/owned registered",
                "unregister production/owned unregistered",
                "wait production/key timeout",
            ]
        );
    }
}

#[test]
fn s9_1_whereis_counts_as_what_the_name_is_doing() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let name = production.reserve::<u32>("key").unwrap();
        let draining = production.register("leaving", 1_u32).unwrap();
        draining.drain();
        let (notes, _handler) = noting(&registry);
        let whereis = |name: &str| production.whereis(name);
        assert_eq!(whereis("key"), None);
        let process = Process::new();
        name.publish(&process.reference(), 1).unwrap();
        assert_eq!(whereis("key"), Some(process.id()));
        drop(process);
        assert_eq!((whereis("key"), whereis("leaving"), whereis("absent"), whereis("")), (None, None, None, None));
        production.close();
        assert_eq!(whereis("key"), None);
        let mut notes = notes.lock().unwrap();
        notes.retain(|note| note.starts_with("lookup"));
        assert_eq!(
            *notes,
            [
                "lookup production/key starting",
                "lookup production/key found",
                "lookup production/key restarting",
                "lookup production/leaving draining",
                "lookup production/absent not_found",
                "lookup production/ invalid_name",
                "lookup production/key namespace_closed",
            ]
        );
    }
}

#[test]
fn s9_2_handlers_are_told_of_groups_and_topics() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let (notes, _handler) = noting(&registry);
        let member = production.join_guard("group", 1_u32).unwrap();
        assert!(production.join_guard("group", "text").is_err());
        let visit = |_: &registry::Member<u32>| {};
        production.dispatch("group", visit).unwrap();
        production.dispatch("nobody", visit).unwrap();
        production.dispatch("group", |_: &registry::Member<u32>| panic!("callback")).unwrap();
        assert!(production.dispatch("group", |_: &registry::Member<String>| {}).is_err());
        let topics = production.pubsub::<u32>();
        let subscription = topics.subscribe("room:*", 1, Overflow::DropOldest).unwrap();
        topics.try_publish("room:7", 1).unwrap();
        assert!(topics.try_publish("room:*", 1).is_err());
        drop((member, subscription));
        let process = Process::new();
        for n in 0..2 {
            production.join(&process.reference(), "group", n).unwrap();
        }
        assert_eq!(production.leave(&process.reference(), "group"), 2);
        production.join(&process.reference(), "group", 1_u32).unwrap();
        drop(process);
        assert_eq!(
            *notes.lock().unwrap(),
            [
                "join production/group joined",
                "join production/group type_mismatch",
                "dispatch production/group visited",
                "dispatch production/nobody empty",
                "dispatch production/group panicked",
                "dispatch production/group type_mismatch",
                "join production/room:* joined",
                "publish production/room:7 published",
                "publish production/room:* invalid_name",
                "leave production/group left",
                "leave production/room left",
                "join production/group joined",
                "join production/group joined",
                "leave production/group left",
                "leave production/group left",
                "join production/group joined",
                "leave production/group left",
            ]
        );
    }
}

#[test]
fn s9_2_a_handler_that_panics_is_detached_and_the_operation_goes_on() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&calls);
        let bad = registry.processes().attach(move |_| {
            counting.fetch_add(1, SeqCst);
            panic!("handler");
        });
        let (notes, _good) = noting(&registry);
        let _guard = production.register("key", 1_u32).unwrap();
        assert_eq!(production.lookup::<u32>("key").unwrap(), 1);
        assert_eq!(calls.load(SeqCst), 1);
        assert!(!registry.processes().detach(bad));
        assert_eq!(notes.lock().unwrap().len(), 2, "the others are told all the same");
    }
}

#[test]
fn s9_2_a_handler_may_use_the_registry_and_detach_itself() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let (inside, this) = (production.clone(), Arc::new(Mutex::new(None)));
        let (registry_inside, id) = (registry.clone(), Arc::clone(&this));
        let handler = registry.processes().attach(move |event| {
            assert_eq!(event.class, NamespaceClass::Production);
            assert!(event.operation != Operation::Lookup || event.took.is_some());
            drop(inside.register("from the handler", 1));
            if let Some(id) = id.lock().unwrap().take() {
                assert!(registry_inside.processes().detach(id));
            }
        });
        *this.lock().unwrap() = Some(handler);
        assert!(production.lookup::<u32>("absent").is_err());
        assert!(!registry.processes().detach(handler), "it has detached itself");
    }
}

#[test]
fn s9_4_stats_equal_what_is_registered() {
    for registry in registries() {
        let (production, other) = (registry.namespace("production").unwrap(), registry.namespace("other").unwrap());
        let test = registry.test_namespace();
        let held: Vec<_> = (0..30)
            .map(|n| match n % 3 {
                0 => production.register(format!("name-{n}"), n),
                1 => other.register(format!("name-{n}"), n),
                _ => test.register(format!("name-{n}"), n),
            })
            .collect::<Result<_, _>>()
            .unwrap();
        let _watch = production.watch();
        let stats = registry.stats();
        assert_eq!((stats.total_services, stats.production_services), (30, 10));
        assert_eq!((stats.namespaces, stats.test_namespaces), (2, 1));
        assert_eq!(stats.occupancy.len(), stats.partitions);
        assert_eq!(stats.occupancy.iter().sum::<usize>(), 30);
        let by_class = registry.processes().count_by_class();
        assert!(by_class.iter().all(|&(_, count)| count == 10), "{by_class:?}");
        drop(held);
        assert_eq!(registry.stats().total_services, 0);
    }
}

#[test]
fn s9_5_memory_follows_what_is_there() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let empty = registry.stats().memory_bytes;
        assert!(empty < 32 * 1024, "{empty}");
        let watches = [production.watch(), production.watch()];
        assert_eq!(registry.stats().watchers, 2);
        drop(watches);
        assert_eq!(registry.stats().watchers, 0);

        let held: Vec<_> =
            (0..10_000_u64).map(|n| production.register(format!("service-name-{n:06}x"), n).unwrap()).collect();
        let full = registry.stats().memory_bytes;
        let each = (full - empty) / held.len();
        assert!((80..250).contains(&each), "{each} bytes for each of the names");
        // A long name is on the heap, and a large value is large.
        let long = production.register("x".repeat(255), [0_u8; 1000]).unwrap();
        let more = registry.stats().memory_bytes - full;
        assert!((1_255..1_500).contains(&more), "{more}");
        drop(long);
        drop(held);
        let left = registry.stats();
        assert_eq!(left.total_services, 0);
        assert!(left.memory_bytes < full);
    }
}

#[cfg(feature = "metrics")]
mod published {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use metrics_exporter_prometheus::PrometheusBuilder;
    use metrics_util::MetricKindMask;

    use super::*;

    /// The value of one series.
    fn series(text: &str, series: &str) -> Option<f64> {
        text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
    }

    #[test]
    fn s9_1_a_lookup_counts_as_found_when_its_closure_is_called() {
        for registry in registries() {
            let recorder = PrometheusBuilder::new().build_recorder();
            let handle = recorder.handle();
            let production = registry.namespace("production").unwrap();
            let _guard = production.register("key", 1_u32).unwrap();
            let found = || {
                metrics::with_local_recorder(&recorder, || registry.publish_metrics());
                series(&handle.render(), "registry_lookups_total{class=\"production\",result=\"found\"}").unwrap_or(0.0)
            };
            // More than the period of those that are timed, so that both kinds are among them.
            for _ in 0..100 {
                let before = found();
                assert!(production.with("key", |_: &u32| (found() - before - 1.0).abs() < 0.1).unwrap());
                let panicked = catch_unwind(AssertUnwindSafe(|| production.with("key", |_: &u32| panic!("told to"))));
                assert!(panicked.is_err());
                assert!((found() - before - 2.0).abs() < 0.1);
            }
        }
    }

    #[test]
    fn s9_1_counts_are_exact_over_threads_that_have_ended() {
        for registry in registries() {
            let recorder = PrometheusBuilder::new().build_recorder();
            let handle = recorder.handle();
            let production = registry.namespace("production").unwrap();
            let _guard = production.register("key", 1_u32).unwrap();
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        for _ in 0..1_000 {
                            assert!(production.lookup::<u32>("key").is_ok());
                            assert!(production.whereis("absent").is_none());
                        }
                    });
                }
            });
            metrics::with_local_recorder(&recorder, || {
                registry.describe_metrics();
                registry.publish_metrics();
            });
            let text = handle.render();
            let lookups = |result: &str| {
                series(&text, &format!("registry_lookups_total{{class=\"production\",result=\"{result}\"}}"))
            };
            assert_eq!((lookups("found"), lookups("not_found")), (Some(8_000.0), Some(8_000.0)), "{text}");
            assert_eq!(series(&text, "registry_services{class=\"production\"}"), Some(1.0));
            let partitions = (0..registry.stats().partitions)
                .map(|n| series(&text, &format!("registry_partition_services{{partition=\"{n}\"}}")).unwrap());
            assert!((partitions.sum::<f64>() - 1.0).abs() < 0.1);
            assert!(series(&text, "registry_memory_bytes").unwrap() > 0.0);
            let timed = series(&text, "registry_lookup_duration_seconds_count").unwrap();
            assert!(timed > 0.0 && timed <= 64.0 * 9.0, "{timed}");
            let metrics = text.lines().filter(|line| line.starts_with("# TYPE")).count();
            let helped = text.lines().filter(|line| line.starts_with("# HELP")).count();
            assert_eq!(metrics, helped, "help on every metric");
        }
    }

    #[test]
    fn s9_1_dispatches_and_messages_are_counted() {
        for registry in registries() {
            let recorder = PrometheusBuilder::new().build_recorder();
            let handle = recorder.handle();
            let production = registry.namespace("production").unwrap();
            let _member = production.join_guard("group", 1_u32).unwrap();
            for _ in 0..3 {
                production.dispatch("group", |_: &registry::Member<u32>| {}).unwrap();
            }
            let topics = production.pubsub::<u32>();
            let _subscriptions: Vec<_> = [
                Overflow::DropOldest,
                Overflow::DropOldest,
                Overflow::Disconnect,
                Overflow::BackPressure(Duration::from_secs(1)),
            ]
            .map(|overflow| topics.subscribe("topic", 2, overflow).unwrap())
            .into();
            for message in 0..5 {
                topics.try_publish("topic", message).unwrap();
            }
            metrics::with_local_recorder(&recorder, || registry.publish_metrics());
            let text = handle.render();
            let of = |metric: &str, result: &str| {
                series(&text, &format!("registry_{metric}_total{{class=\"production\",result=\"{result}\"}}")).unwrap()
            };
            assert_eq!(
                (of("joins", "joined"), of("dispatches", "visited"), of("publishes", "published")),
                (5.0, 3.0, 5.0)
            );
            let messages = ["delivered", "dropped", "disconnected", "timed_out"].map(|result| of("messages", result));
            assert_eq!(messages, [14.0, 6.0, 1.0, 3.0], "{text}");
            assert_eq!(series(&text, "registry_memberships{class=\"production\"}"), Some(4.0));
        }
    }

    #[test]
    fn s9_1_every_end_of_a_membership_is_counted_once() {
        for registry in registries() {
            let recorder = PrometheusBuilder::new().build_recorder();
            let handle = recorder.handle();
            let counts = |class: &str| {
                metrics::with_local_recorder(&recorder, || registry.publish_metrics());
                let text = handle.render();
                let of = |metric: &str| series(&text, &format!("registry_{metric}{{class=\"{class}\"}}")).unwrap();
                let joins = format!("registry_joins_total{{class=\"{class}\",result=\"joined\"}}");
                (series(&text, &joins).unwrap(), of("leaves_total"), of("memberships"))
            };
            let production = registry.namespace("production").unwrap();
            assert_eq!(counts("production"), (0.0, 0.0, 0.0));
            // By the process that leaves, by value, by its end, by the end of a guard, of a subscription.
            let (stays, ends) = (Process::new(), Process::new());
            for n in 0..5 {
                production.join(&stays.reference(), "group", n).unwrap();
                production.join(&ends.reference(), "group", n).unwrap();
                production.join(&ends.reference(), "another", n).unwrap();
            }
            assert_eq!(counts("production"), (15.0, 0.0, 15.0));
            assert_eq!(production.leave_matching(&stays.reference(), "group", |n: &i32| *n < 2).unwrap(), 2);
            assert_eq!(counts("production"), (15.0, 2.0, 13.0));
            assert_eq!(production.leave(&stays.reference(), "group"), 3);
            assert_eq!(production.leave(&stays.reference(), "group"), 0);
            assert_eq!(counts("production"), (15.0, 5.0, 10.0));
            drop(ends);
            assert_eq!(counts("production"), (15.0, 15.0, 0.0));
            drop(production.join_guard("group", 1).unwrap());
            let topics = production.pubsub::<u32>();
            drop(topics.subscribe("topic", 1, Overflow::DropOldest).unwrap());
            drop(topics.subscribe("topic:*", 1, Overflow::DropOldest).unwrap());
            assert_eq!(counts("production"), (18.0, 18.0, 0.0));
            // By the closing of the namespace, and then not again.
            let guard = production.join_guard("group", 1).unwrap();
            production.join(&stays.reference(), "group", 2).unwrap();
            production.close();
            assert_eq!(counts("production"), (20.0, 20.0, 0.0));
            drop((guard, stays));
            assert_eq!(counts("production"), (20.0, 20.0, 0.0));
            // Of a test namespace, each in its class.
            let test = registry.test_namespace();
            let _member = test.join_guard("group", 1).unwrap();
            assert_eq!(counts("test"), (1.0, 0.0, 1.0));
            drop(test);
            assert_eq!((counts("test"), counts("production")), ((1.0, 1.0, 0.0), (20.0, 20.0, 0.0)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn s9_4_gauges_of_each_named_namespace_say_what_it_holds() {
        for registry in registries() {
            let recorder = PrometheusBuilder::new().build_recorder();
            let handle = recorder.handle();
            let publish = || {
                metrics::with_local_recorder(&recorder, || registry.publish_metrics());
                handle.render()
            };
            let of = |text: &str, what: &str, namespace: &str| {
                series(text, &format!("registry_namespace_{what}{{namespace=\"{namespace}\"}}"))
            };
            let (production, other) = (registry.namespace("production").unwrap(), registry.namespace("other").unwrap());
            let test = registry.test_namespace();
            let _held =
                [production.register("a", 1), other.register("a", 1), other.register("b", 1), test.register("a", 1)]
                    .map(Result::unwrap);
            let _watch = other.watch();
            let mut wait = Box::pin(other.wait_for::<u32>("absent", Duration::from_secs(1)));
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(wait.as_mut().poll(&mut cx).is_pending());
            let text = publish();
            for (namespace, open) in [("production", &production), ("other", &other)] {
                assert_eq!(of(&text, "services", namespace), Some(open.count() as f64), "{text}");
            }
            assert_eq!((of(&text, "waiters", "other"), of(&text, "watchers", "other")), (Some(1.0), Some(1.0)));
            assert_eq!(
                (of(&text, "waiters", "production"), of(&text, "watchers", "production")),
                (Some(0.0), Some(0.0))
            );
            assert!(!text.contains(test.name()), "a test namespace has no series of its own: {text}");
            drop(wait);
            other.close();
            let text = publish();
            assert_eq!((of(&text, "services", "other"), of(&text, "waiters", "other")), (Some(0.0), Some(0.0)));
        }
    }

    #[test]
    fn s9_3_series_of_a_closed_namespace_go_from_a_recorder_that_drops_idle_ones() {
        let registry = ServiceRegistry::new();
        let idle = Duration::from_millis(1);
        let recorder = PrometheusBuilder::new().idle_timeout(MetricKindMask::GAUGE, Some(idle)).build_recorder();
        let handle = recorder.handle();
        let publish = || {
            metrics::with_local_recorder(&recorder, || registry.publish_metrics());
            handle.render()
        };
        let (stays, goes) = (registry.namespace("stays").unwrap(), registry.namespace("goes").unwrap());
        let _held = stays.register("key", 1).unwrap();
        assert!(publish().contains("namespace=\"goes\""));
        goes.close();
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        loop {
            let text = publish();
            assert_eq!(series(&text, "registry_namespace_services{namespace=\"stays\"}"), Some(1.0), "{text}");
            if !text.contains("namespace=\"goes\"") {
                break;
            }
            assert!(std::time::Instant::now() < deadline, "{text}");
            std::thread::yield_now();
        }
    }

    #[test]
    fn s9_3_a_thousand_named_namespaces_leave_a_bounded_number_of_series() {
        let registry = ServiceRegistry::new();
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        for n in 0..1_000 {
            let namespace = registry.namespace(&format!("namespace-{n}")).unwrap();
            let _held = namespace.register("key", n).unwrap();
            metrics::with_local_recorder(&recorder, || registry.publish_metrics());
            namespace.close();
        }
        let text = handle.render();
        let of_namespaces = text.lines().filter(|line| line.starts_with("registry_namespace_services{")).count();
        assert_eq!(of_namespaces, 101, "the first 100, and the others together");
    }

    #[test]
    fn s9_3_a_million_test_namespaces_leave_a_constant_number_of_series() {
        for (registry, namespaces) in registries().into_iter().zip([1_000, 1_000_000]) {
            let recorder = PrometheusBuilder::new().build_recorder();
            let handle = recorder.handle();
            let publish = || {
                metrics::with_local_recorder(&recorder, || registry.publish_metrics());
                handle.render().lines().filter(|line| !line.starts_with('#')).count()
            };
            let before = publish();
            // Each comes and goes; what is done in one is enough in some of them, as a series for each of those would show.
            let mut used = 0;
            for n in 0..namespaces {
                let ns = registry.test_namespace();
                if n % 16 == 0 {
                    let _guard = ns.register("key", n).unwrap();
                    assert!(ns.lookup::<i32>("key").is_ok());
                    used += 1;
                }
            }
            let after = publish();
            assert!(after <= before + 8, "{before} series, then {after}");
            let text = handle.render();
            assert_eq!(series(&text, "registry_services{class=\"test\"}"), Some(0.0));
            assert_eq!(series(&text, "registry_lookups_total{class=\"test\",result=\"found\"}"), Some(f64::from(used)));
        }
    }
}
