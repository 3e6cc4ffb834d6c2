//! Section 6.1 to 6.3: namespaces and the isolation of tests.

mod support;

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use registry::{ErrorKind, NamespaceClass, NamespaceError, Process, Service, ServiceRegistry};
use support::{Drops, registries};
use tokio::time::Instant;

const NAMES: [&str; 3] = ["config", "store", "events"];
const CONFIG: Service<usize> = Service::new("config");

#[test]
fn s6_1_the_same_key_in_two_namespaces_is_two_services() {
    for registry in registries() {
        let (blue, green) = (registry.namespace("blue").unwrap(), registry.namespace("green").unwrap());
        let _blue = blue.register(CONFIG, 1).unwrap();
        let green_guard = green.register(CONFIG, 2).unwrap();
        assert_eq!((blue.lookup(CONFIG).unwrap(), green.lookup(CONFIG).unwrap()), (1, 2));
        drop(green_guard);
        assert_eq!(blue.lookup(CONFIG).unwrap(), 1);
        assert!(green.lookup(CONFIG).is_err());
        assert_eq!(registry.namespace("blue").unwrap().lookup(CONFIG).unwrap(), 1, "by name it is the same one");
        let classes = ["production", "blue"].map(|name| registry.namespace(name).unwrap().class());
        assert_eq!(classes, [NamespaceClass::Production, NamespaceClass::Named]);
    }
}

#[test]
fn s6_1_a_bad_namespace_name_is_refused() {
    let registry = ServiceRegistry::new();
    for name in ["", "a\nb", "\u{7f}", &"x".repeat(256)] {
        let error = registry.namespace(name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidName);
        assert!(matches!(&error, NamespaceError::InvalidName { name: given, .. } if given == name));
    }
    assert!(registry.namespace(&"é".repeat(127)).is_ok());
}

#[tokio::test]
async fn s6_2_dropping_a_test_namespace_frees_its_names_at_once_and_touches_nothing_else() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let _kept = production.register(CONFIG, 1).unwrap();
        let bystander = registry.test_namespace();
        let _bystanding = bystander.register(CONFIG, 2).unwrap();

        let drops = Drops::default();
        let ns = registry.test_namespace();
        assert_ne!(ns.name(), bystander.name());
        assert_eq!(ns.class(), NamespaceClass::Test);
        let process = Process::new();
        let guard = ns.register("guarded", drops.tracked()).unwrap();
        ns.register_for(&process.reference(), "owned", drops.tracked()).unwrap();
        let (token, watching) = (ns.token(), (*ns).clone());
        let worker = ns.spawn(pending::<()>());
        assert_eq!(registry.stats().test_namespaces, 2);

        drop(ns);
        assert_eq!((watching.count(), watching.names().len(), drops.count()), (0, 0, 2));
        assert!(token.is_cancelled() && watching.is_closed());
        assert!(process.reference().is_alive() && worker.is_alive(), "processes are not its own");
        assert!(registry.processes().keys(&process.reference()).is_empty());
        drop(guard);
        assert!(!bystander.token().is_cancelled());
        assert_eq!((bystander.lookup(CONFIG).unwrap(), production.lookup(CONFIG).unwrap()), (2, 1));
        assert_eq!(registry.stats().test_namespaces, 1);
        worker.kill();
        worker.exited().await;
    }
}

#[tokio::test(start_paused = true)]
async fn s6_2_shutdown_waits_for_tasks_and_finds_nothing_leaked() {
    for registry in registries() {
        let ns = registry.test_namespace();
        let stop = ns.token();
        let worker = ns.spawn(async move {
            stop.cancelled().await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        });
        ns.register_for(&worker, CONFIG, 1).unwrap();
        let begin = Instant::now();
        let report = ns.shutdown(Duration::from_secs(1)).await;
        report.assert_no_leaks();
        assert_eq!(begin.elapsed(), Duration::from_millis(300), "as long as the task needs, no longer");
        assert!(!worker.is_alive());
    }
}

#[tokio::test(start_paused = true)]
async fn s6_2_shutdown_reports_and_aborts_what_leaked() {
    for registry in registries() {
        let ns = registry.test_namespace();
        let worker = ns.spawn(pending::<()>());
        ns.register_for(&worker, CONFIG, 1).unwrap();
        let forgotten = ns.register("forgotten", 1).unwrap();
        let report = ns.shutdown(Duration::from_secs(1)).await;
        assert_eq!(report.tasks, std::slice::from_ref(&worker));
        let names: Vec<_> = report.names.iter().map(|listing| listing.name.as_str()).collect();
        assert_eq!(names, ["config", "forgotten"]);
        let panic = std::panic::catch_unwind(|| report.assert_no_leaks()).unwrap_err();
        let text = panic.downcast_ref::<String>().unwrap();
        assert!(text.contains("forgotten") && text.contains(&worker.id().to_string()), "{text}");
        worker.exited().await;
        drop(forgotten);
        assert_eq!(registry.processes().count(), 0);
    }
}

#[test]
fn s6_3_2_000_tests_on_16_threads_with_the_same_names_never_see_each_other() {
    for registry in registries() {
        let next = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..16)
            .map(|_| {
                let (registry, next) = (registry.clone(), Arc::clone(&next));
                thread::spawn(move || {
                    loop {
                        let test = next.fetch_add(1, SeqCst);
                        if test >= 2_000 {
                            return;
                        }
                        let ns = registry.test_namespace();
                        let process = Process::new();
                        for name in NAMES {
                            assert!(ns.lookup::<usize>(name).is_err());
                            ns.register_for(&process.reference(), name, test).unwrap();
                        }
                        for name in NAMES {
                            assert_eq!(ns.lookup::<usize>(name).unwrap(), test);
                            assert_eq!(ns.whereis(name), Some(process.id()));
                        }
                        assert_eq!(ns.count(), NAMES.len());
                        let mut sorted = NAMES;
                        sorted.sort_unstable();
                        assert_eq!(ns.names(), sorted);
                        if test.is_multiple_of(2) {
                            drop(process);
                            assert_eq!(ns.count(), 0);
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(registry.processes().count(), 0);
        assert_eq!(registry.stats().test_namespaces, 0);
    }
}

/// Resident memory of this process, in KiB.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn s6_4_a_hundred_thousand_namespaces_leave_no_memory_behind() {
    for registry in registries() {
        let process = Process::new();
        let cycle = |cycles: usize| {
            for n in 0..cycles {
                let ns = registry.test_namespace();
                let _guard = ns.register(CONFIG, n).unwrap();
                ns.register_for(&process.reference(), "owned", vec![n; 16]).unwrap();
                let mut reference = ns.reference(CONFIG);
                assert_eq!(*reference.get().unwrap(), n);
                drop(ns);
                let named = registry.namespace("by name").unwrap();
                let _guard = named.register(CONFIG, n).unwrap();
                named.close();
            }
        };
        cycle(5_000);
        let before = resident();
        cycle(100_000);
        let after = resident();
        // A namespace with two names takes over a kilobyte: what leaks of 100,000 could not hide in this.
        assert!(after < before + 8 * 1024, "{before} KiB before, {after} KiB after");
        let stats = registry.stats();
        assert_eq!((stats.total_services, stats.namespaces, stats.test_namespaces, stats.slots), (0, 0, 0, 0));
        assert!(registry.processes().keys(&process.reference()).is_empty());
    }
}
