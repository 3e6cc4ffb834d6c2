//! Hostile conditions: code of the user that panics, uses the registry, or runs where it should not.

mod support;

use std::cell::RefCell;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use registry::{
    ErrorKind, ExitReason, GetOrRegisterError, LookupError, Process, ProcessRef, Registration, ServiceRegistry,
};
use support::{Drops, namespaces, registries};

/// Runs this when it is dropped.
struct OnDrop(Box<dyn Fn() + Send + Sync>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn on_drop(run: impl Fn() + Send + Sync + 'static) -> Arc<OnDrop> {
    Arc::new(OnDrop(Box::new(run)))
}

#[test]
fn s2_1_a_channel_closes_with_its_name_while_others_read() {
    for production in namespaces() {
        let _unrelated = production.register("unrelated", 1).unwrap();
        let (sender, receiver) = mpsc::channel::<()>();
        let registration = production.register("key", Mutex::new(sender)).unwrap();
        let (inside, leave) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
        let reader = {
            let (production, inside, leave) = (production.clone(), Arc::clone(&inside), Arc::clone(&leave));
            thread::spawn(move || {
                production.with("unrelated", |_: &i32| {
                    inside.wait();
                    leave.wait();
                })
            })
        };
        inside.wait();
        drop(registration);
        assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Disconnected), "although somebody reads another value");
        leave.wait();
        reader.join().unwrap().unwrap();
    }
}

#[test]
fn s2_1_removed_values_go_at_once_under_lookups_of_many_threads() {
    for production in namespaces() {
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let _hot = production.register("hot", 1_u32).unwrap();
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let (production, stop) = (production.clone(), Arc::clone(&stop));
                thread::spawn(move || {
                    while !stop.load(SeqCst) {
                        assert!(production.lookup::<u32>("hot").is_ok());
                    }
                })
            })
            .collect();
        let drops = Drops::default();
        for n in 0..5_000 {
            drop(production.register("key", drops.tracked()).unwrap());
            assert_eq!(drops.count(), n + 1);
        }
        stop.store(true, SeqCst);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    }
}

#[test]
fn s2_6_an_update_that_loses_its_name_drops_its_value_outside_of_the_lock() {
    for production in namespaces() {
        let process = Process::new();
        let inside = production.clone();
        let value = on_drop(move || drop(inside.register("other", 1)));
        production.register_for(&process.reference(), "key", value).unwrap();
        let refused = production.update(&process.reference(), "key", |_: &Arc<OnDrop>| {
            production.unregister(&process.reference(), "key").unwrap();
            let inside = production.clone();
            on_drop(move || drop(inside.register("other", 1)))
        });
        assert_eq!(refused.map(|_| ()).unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[test]
fn s2_6_the_release_of_one_name_may_use_the_others() {
    for production in namespaces() {
        let name = Arc::new(production.reserve::<u32>("key").unwrap());
        let (first, second) = (Process::new(), Process::new());
        name.publish(&first.reference(), 1).unwrap();
        // Whichever comes first: when the first process ends, the second one gets the name in the middle of it.
        for n in 0..8 {
            let (production_inside, name) = (production.clone(), Arc::clone(&name));
            let (holder, successor) = (first.reference(), second.reference());
            let value = on_drop(move || {
                let _ = production_inside.unregister(&holder, "key");
                let _ = name.publish(&successor, 2);
            });
            production.register_for(&first.reference(), format!("value-{n}"), value).unwrap();
        }
        first.end(ExitReason::Killed);
        assert_eq!(
            production.lookup::<u32>("key").unwrap(),
            2,
            "a release of an earlier registration spares the later one"
        );
    }
}

#[test]
fn s2_3_the_end_is_not_told_before_the_names_are_free() {
    for production in namespaces() {
        let process = Process::new();
        let told_early = Arc::new(AtomicUsize::new(0));
        for n in 0..8 {
            let (reference, inside, early) = (process.reference(), production.clone(), Arc::clone(&told_early));
            let value = on_drop(move || {
                early.fetch_add(usize::from(reference.exit_reason().is_some() && inside.count() > 0), SeqCst);
            });
            production.register_for(&process.reference(), format!("value-{n}"), value).unwrap();
        }
        process.end(ExitReason::Killed);
        assert_eq!((told_early.load(SeqCst), production.count()), (0, 0));
    }
}

#[test]
fn s2_7_a_handler_that_panics_twice_does_not_keep_a_process_from_ending() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let process = Process::new();
        for name in ["a", "b", "c"] {
            production.register_for(&process.reference(), name, 1).unwrap();
        }
        let bomb = OnDrop(Box::new(|| panic!("in the Drop of the handler")));
        registry.processes().attach(move |_| {
            let _bomb = &bomb;
            panic!("in the handler");
        });
        let reference = process.reference();
        process.end(ExitReason::Normal);
        assert_eq!(reference.exit_reason(), Some(ExitReason::Normal));
        assert_eq!(production.count(), 0);
    }
}

#[test]
fn s2_7_a_waker_that_panics_does_not_keep_a_process_from_ending() {
    struct Bomb;
    impl std::task::Wake for Bomb {
        fn wake(self: Arc<Self>) {
            panic!("in the waker");
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = runtime.enter();
    for production in namespaces() {
        let process = Process::new();
        for name in ["a", "b", "c"] {
            production.register_for(&process.reference(), name, 1).unwrap();
        }
        let waker = Arc::new(Bomb).into();
        let mut waits: Vec<_> =
            ["a", "b", "c"].map(|name| Box::pin(production.wait_until_free(name, Duration::MAX))).into();
        for wait in &mut waits {
            assert!(wait.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
        }
        let reference = process.reference();
        process.end(ExitReason::Normal);
        assert_eq!((reference.exit_reason(), production.count()), (Some(ExitReason::Normal), 0));
    }
}

#[test]
fn s2_2_a_guard_and_a_process_in_thread_locals_free_their_names() {
    thread_local! {
        static GUARD: RefCell<Option<Registration>> = const { RefCell::new(None) };
        static PROCESS: Process = Process::new();
    }
    for production in namespaces() {
        let inside = production.clone();
        thread::spawn(move || {
            GUARD.with(|guard| *guard.borrow_mut() = Some(inside.register("guarded", 1).unwrap()));
            inside.register_for(&PROCESS.with(Process::reference), "owned", 1).unwrap();
            assert_eq!(inside.count(), 2);
        })
        .join()
        .unwrap();
        assert_eq!(production.count(), 0);
    }
}

#[test]
fn s5_5_a_reader_never_sees_a_holder_that_is_nobody() {
    for production in namespaces() {
        let churn = {
            let production = production.clone();
            thread::spawn(move || {
                for n in 0..50_000 {
                    drop(production.register("key", n).unwrap());
                }
            })
        };
        while !churn.is_finished() {
            assert!(production.list().iter().all(|listing| listing.holder.as_u64() != 0));
            assert_ne!(production.whereis("key").map(registry::ProcessId::as_u64), Some(0));
        }
        churn.join().unwrap();
        let guard = production.register("key", 0).unwrap();
        let holder = guard.holder();
        production.close();
        assert_eq!(guard.holder(), holder);
    }
}

#[test]
fn s4_1_a_service_is_counted_once_while_the_index_grows() {
    for production in namespaces() {
        let process = Process::new();
        // How many registrations have begun: one that is under way may or may not be counted.
        let begun = Arc::new(AtomicUsize::new(0));
        let growing = {
            let (production, process, begun) = (production.clone(), process.reference(), Arc::clone(&begun));
            thread::spawn(move || {
                for n in 0..40_000_u32 {
                    begun.fetch_add(1, SeqCst);
                    production.register_for(&process, format!("name-{n}"), n).unwrap();
                }
            })
        };
        while !growing.is_finished() {
            let counted = production.count_where(|_, _, _: &u32| true);
            assert!(counted <= begun.load(SeqCst), "{counted}");
        }
        growing.join().unwrap();
        assert_eq!(production.count_where(|_, _, _: &u32| true), 40_000);
    }
}

#[tokio::test]
async fn a_drain_is_seen_by_references() {
    for production in namespaces() {
        let guard = production.register("key", 1_u32).unwrap();
        let mut reference = production.reference::<u32>("key");
        assert!(reference.get().is_ok());
        guard.drain();
        assert!(matches!(reference.get(), Err(LookupError::Draining { .. })));
    }
}

type Stuck = Result<(ProcessRef, u32), ()>;

#[tokio::test(start_paused = true)]
async fn s1_15_who_is_in_line_hears_of_a_registration_by_other_means_and_of_the_end() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let ask = || {
            let production = production.clone();
            tokio::spawn(async move { production.get_or_register("key", std::future::pending::<Stuck>).await })
        };
        let (stuck, in_line) = (ask(), ask());
        while registry.stats().waiters < 1 {
            tokio::task::yield_now().await;
        }
        let guard = production.register("key", 7_u32).unwrap();
        assert_eq!(in_line.await.unwrap().unwrap(), 7);
        drop(guard);

        let in_line = ask();
        while registry.stats().waiters < 1 {
            tokio::task::yield_now().await;
        }
        production.close();
        let closed = in_line.await.unwrap().unwrap_err();
        assert_eq!((closed.kind(), closed.service()), (ErrorKind::NamespaceClosed, "key"));
        assert!(matches!(closed, GetOrRegisterError::Wait(_)));
        stuck.abort();
    }
}

#[test]
fn s9_2_publications_are_told() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let notes = Arc::new(Mutex::new(Vec::new()));
        let noting = Arc::clone(&notes);
        registry.processes().attach(move |event| {
            noting.lock().unwrap().push(format!("{} {}", event.operation.as_str(), event.result));
        });
        let name = production.reserve::<u32>("key").unwrap();
        let process = Process::new();
        name.publish(&process.reference(), 1).unwrap();
        drop(process);
        drop(name);
        assert_eq!(*notes.lock().unwrap(), ["register registered", "unregister unregistered"]);
    }
}

#[test]
#[should_panic(expected = "is one of another registry")]
fn a_scope_of_another_registry_is_refused() {
    let (one, other) = (ServiceRegistry::new(), ServiceRegistry::new());
    let scope = one.processes().scope("production").unwrap();
    drop(other.processes().register(&scope, "key", 1));
}

#[tokio::test]
async fn what_a_task_returns_may_panic_when_it_is_told() {
    struct BadDisplay;
    impl std::fmt::Display for BadDisplay {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("in the Display of an error")
        }
    }
    let process = registry::spawn(async { Err::<(), _>(BadDisplay) });
    assert!(matches!(process.exited().await, ExitReason::Panic(panic) if panic.message().contains("Display")));
    let shutdown = ServiceRegistry::new().test_namespace().shutdown(Duration::MAX).await;
    shutdown.assert_no_leaks();
}

#[tokio::test]
async fn the_location_is_that_of_the_panic_and_not_of_its_payload() {
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            std::panic::panic_any("second")
        }
    }
    let line = line!() + 1;
    let outcome = registry::catch_panic(async { std::panic::panic_any(Payload) }).await;
    assert!(outcome.unwrap_err().location().unwrap().contains(&format!("hostile.rs:{line}:")));
}
