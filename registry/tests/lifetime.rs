//! Section 2: how long a name is held.

mod support;

use std::future::pending;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use registry::{
    ErrorKind, ExitReason, LookupError, NameState, Namespace, Process, ProcessRef, RegisterRefusal, ReserveError,
    Service, ServiceRegistry,
};
use support::{Drops, namespaces, registries};
use tokio::sync::oneshot;

const KEY: Service<u32> = Service::new("key");

#[test]
fn s2_1_dropping_the_guard_frees_the_name_and_drops_the_value_before_it_returns() {
    for production in namespaces() {
        let drops = Drops::default();
        let registration = production.register("key", drops.tracked()).unwrap();
        drop(registration);
        assert_eq!(production.whereis("key"), None);
        assert_eq!(production.count(), 0);
        assert_eq!(drops.count(), 1, "no reader is inside: the value goes with the name");
    }
}

#[test]
fn s2_1_a_guard_drains_before_it_goes() {
    for production in namespaces() {
        let registration = production.register(KEY, 1).unwrap();
        registration.drain();
        assert!(matches!(production.lookup(KEY), Err(LookupError::Draining { .. })));
        let taken = production.register(KEY, 2).unwrap_err();
        assert!(matches!(taken.refusal(), RegisterRefusal::Taken { state: NameState::Draining, .. }));
        drop(registration);
        assert!(matches!(production.lookup(KEY), Err(LookupError::NotFound { .. })));
    }
}

/// Registers three names for a process, which ends in its own way.
async fn loses_all_names(production: &Namespace, process: ProcessRef, end: impl FnOnce()) -> ExitReason {
    for name in ["a", "b", "c"] {
        production.register_for(&process, name, 1).unwrap();
    }
    end();
    let reason = process.exited().await;
    assert!(!process.is_alive());
    assert_eq!(production.list(), [], "all of them, not one");
    reason
}

#[tokio::test]
async fn s2_2_a_task_that_returns_loses_all_its_names() {
    for production in namespaces() {
        let (finish, finished) = oneshot::channel::<()>();
        let process = registry::spawn(finished);
        let reason = loses_all_names(&production, process, || finish.send(()).unwrap()).await;
        assert_eq!(reason, ExitReason::Normal);
    }
}

#[tokio::test]
async fn s2_2_a_task_that_panics_loses_all_its_names() {
    for production in namespaces() {
        let (finish, finished) = oneshot::channel::<()>();
        let process = registry::spawn(async move {
            if finished.await.is_ok() {
                panic!("boom {}", 7);
            }
        });
        let reason = loses_all_names(&production, process, || finish.send(()).unwrap()).await;
        let ExitReason::Panic(panic) = reason else { panic!("{reason:?}") };
        assert_eq!(panic.message(), "boom 7");
        assert!(panic.location().unwrap().contains("lifetime.rs"), "{panic}");
    }
}

#[tokio::test]
async fn s2_2_an_aborted_task_loses_all_its_names() {
    for production in namespaces() {
        let process = registry::spawn(pending::<()>());
        let killed = process.clone();
        let reason = loses_all_names(&production, process, || assert!(killed.kill())).await;
        assert_eq!(reason, ExitReason::Killed);
    }
}

#[tokio::test]
async fn s2_2_a_future_dropped_unpolled_loses_all_its_names_and_is_dropped_first() {
    for production in namespaces() {
        let process = Process::new();
        let reference = process.reference();
        let drops = Drops::default();
        let (held, name) = (drops.tracked(), production.clone());
        let future = process.run(async move {
            let _held = held;
            let _name = name;
        });
        let reason = loses_all_names(&production, reference, || drop(future)).await;
        assert_eq!((reason, drops.count()), (ExitReason::Killed, 1));
    }
}

#[test]
fn s2_2_the_end_of_a_runtime_ends_its_processes() {
    for production in namespaces() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let process = runtime.block_on(async { registry::spawn(pending::<()>()) });
        production.register_for(&process, KEY, 1).unwrap();
        drop(runtime);
        assert_eq!(process.exit_reason(), Some(ExitReason::Killed));
        assert_eq!(production.count(), 0);
    }
}

#[tokio::test]
async fn s2_2_one_death_frees_names_in_every_registry() {
    let [one, eight] = namespaces();
    let process = Process::new();
    one.register_for(&process.reference(), KEY, 1).unwrap();
    eight.register_for(&process.reference(), KEY, 1).unwrap();
    drop(process);
    assert_eq!((one.count(), eight.count()), (0, 0));
}

#[test]
fn s2_2_one_death_frees_names_in_two_registries_that_are_alike() {
    let [one, other] =
        [(); 2].map(|()| ServiceRegistry::with_partitions(NonZeroUsize::MIN).namespace("production").unwrap());
    let process = Process::new();
    let first = one.register_for(&process.reference(), KEY, 1).unwrap();
    let second = other.register_for(&process.reference(), KEY, 1).unwrap();
    assert_ne!(first, second, "a process tells its names apart by their ids");
    drop(process);
    assert_eq!((one.count(), other.count()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s2_3_when_exited_resolves_no_lookup_finds_the_name() {
    for production in namespaces() {
        for n in 0..2_000 {
            let process = registry::spawn(async { tokio::task::yield_now().await });
            let name = format!("name-{n}");
            let registered = production.register_for(&process, &name, n).is_ok();
            process.exited().await;
            assert_eq!(production.whereis(&name), None, "registered: {registered}");
            assert!(production.lookup::<i32>(&name).is_err());
            assert!(production.list().is_empty());
            assert_eq!(production.count(), 0);
        }
    }
}

#[test]
fn s2_4_a_reserved_name_cannot_be_stolen_and_says_what_it_is_doing() {
    for production in namespaces() {
        let name = production.reserve(KEY).unwrap();
        assert!(matches!(production.lookup(KEY), Err(LookupError::Starting { .. })));
        assert!(matches!(
            production.register(KEY, 9).unwrap_err().refusal(),
            RegisterRefusal::Taken { state: NameState::Starting, .. }
        ));
        assert!(matches!(production.reserve(KEY), Err(ReserveError::Taken { state: NameState::Starting, .. })));
        assert_eq!(production.whereis("key"), None);
        assert!(production.names().is_empty(), "only what can be looked up");
        assert_eq!(production.count(), 1);

        let first = Process::new();
        name.publish(&first.reference(), 1).unwrap();
        assert_eq!(production.lookup(KEY).unwrap(), 1);
        let second = Process::new();
        let refused = name.publish(&second.reference(), 2).unwrap_err();
        assert!(matches!(refused.refusal(), RegisterRefusal::Taken { holder, .. } if *holder == first.id()));
        assert!(name.drain());
        assert!(matches!(production.lookup(KEY), Err(LookupError::Draining { .. })));

        first.end(ExitReason::Normal);
        assert!(matches!(production.lookup(KEY), Err(LookupError::Restarting { .. })));
        assert!(matches!(
            production.register(KEY, 9).unwrap_err().refusal(),
            RegisterRefusal::Taken { state: NameState::Restarting, .. }
        ));
        let ended = Process::new();
        let reference = ended.reference();
        drop(ended);
        assert_eq!(name.publish(&reference, 3).unwrap_err().kind(), ErrorKind::NotAlive);

        drop(name);
        assert!(matches!(production.lookup(KEY), Err(LookupError::NotFound { .. })));
        assert_eq!(production.count(), 0);
    }
}

#[tokio::test]
async fn s2_5_waits_and_references_go_on_with_the_next_incarnation() {
    for production in namespaces() {
        let name = production.reserve(KEY).unwrap();
        let mut reference = production.reference(KEY);
        assert!(matches!(reference.get(), Err(LookupError::Starting { .. })));
        let first = Process::new();
        name.publish(&first.reference(), 1).unwrap();
        assert_eq!(*reference.get().unwrap(), 1);

        first.end(ExitReason::Killed);
        assert!(matches!(reference.get(), Err(LookupError::Restarting { .. })));
        let waiting = {
            let (production, mut reference) = (production.clone(), reference.clone());
            tokio::spawn(async move {
                let found = production.wait_for(KEY, Duration::from_secs(5)).await.unwrap();
                (found, *reference.wait(Duration::from_secs(5)).await.unwrap())
            })
        };
        tokio::task::yield_now().await;
        let second = Process::new();
        name.publish(&second.reference(), 2).unwrap();
        assert_eq!(waiting.await.unwrap(), (2, 2));
        assert_eq!(*reference.get().unwrap(), 2);
        assert_eq!(*reference.wait(Duration::ZERO).await.unwrap(), 2);
    }
}

/// A handle whose Clone and Drop use the registry that it is in.
struct Reentrant(Namespace);

impl Reentrant {
    fn use_it(&self) {
        assert!(self.0.lookup::<u32>("absent").is_err());
        drop(self.0.register("taken in passing", 1_u32));
        assert!(self.0.register("key", 1_u32).is_ok() || self.0.whereis("key").is_some());
    }
}

impl Clone for Reentrant {
    fn clone(&self) -> Self {
        self.use_it();
        Self(self.0.clone())
    }
}

impl Drop for Reentrant {
    fn drop(&mut self) {
        self.use_it();
    }
}

#[test]
fn s2_6_a_handle_whose_clone_and_drop_use_the_registry_works() {
    for production in namespaces() {
        let process = Process::new();
        let registration = production.register("key", Reentrant(production.clone())).unwrap();
        drop(production.lookup::<Reentrant>("key").unwrap());
        drop(production.register("key", Reentrant(production.clone())).unwrap_err());
        drop(registration);
        production.register_for(&process.reference(), "key", Reentrant(production.clone())).unwrap();
        production.ensure_for(&process.reference(), "key", Reentrant(production.clone())).unwrap();
        drop(process);
        let _closing = production.register("key", Reentrant(production.clone())).unwrap();
        production.close();
        assert_eq!(production.count(), 0);
    }
}

#[test]
fn s2_7_a_panic_in_a_callback_leaves_the_registry_usable() {
    struct Bomb;
    impl Clone for Bomb {
        fn clone(&self) -> Self {
            panic!("clone")
        }
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("drop")
        }
    }
    for production in namespaces() {
        let registration = production.register("bomb", Bomb).unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| production.with("bomb", |_: &Bomb| panic!("with")))).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| production.lookup::<Bomb>("bomb").map(drop))).is_err());
        drop(registration);
        assert_eq!(production.count(), 0);
        let again = production.register("bomb", 1).unwrap();
        assert_eq!(production.lookup::<i32>("bomb").unwrap(), 1);
        drop(again);
    }
}

#[test]
fn s2_8_any_clone_keeps_the_registry_and_the_last_one_ends_it() {
    for registry in registries() {
        let drops = Drops::default();
        let process = Process::new();
        let first_user = registry.namespace("production").unwrap();
        first_user.register_for(&process.reference(), "key", drops.tracked()).unwrap();
        let guard = first_user.register("guarded", drops.tracked()).unwrap();
        let clone: ServiceRegistry = registry.clone();
        drop((registry, first_user));
        assert_eq!(clone.processes().count(), 2);
        drop(clone);
        assert_eq!(drops.count(), 2, "its values are dropped with it");
        drop(guard);
        assert!(process.reference().is_alive());
    }
}

#[test]
fn s2_1_a_reader_inside_keeps_the_value_alive_until_it_leaves() {
    for production in namespaces() {
        let drops = Drops::default();
        let registration = production.register("key", Arc::new(drops.tracked())).unwrap();
        let seen = production.with("key", |value: &Arc<support::Tracked>| {
            drop(registration);
            assert_eq!(production.whereis("key"), None, "the name is free at once");
            assert_eq!(drops.count(), 0, "the value is still being read");
            Arc::strong_count(value)
        });
        assert_eq!(seen.unwrap(), 1);
        // The next removal takes along what had to wait.
        drop(production.register("other", drops.tracked()).unwrap());
        assert_eq!(drops.count(), 2);
    }
}
