//! Section 4 and 5.4: queries, values, metadata, and the waits that are not for one service.

mod support;

use std::sync::Arc;
use std::time::Duration;

use registry::{Change, ErrorKind, Process, Service, UpdateError, WaitError, WatchEvent};
use support::{Drops, namespaces, registries};
use tokio::task::yield_now;
use tokio::time::Instant;

const KEY: Service<u32> = Service::new("key");
const LONG: Duration = Duration::from_secs(3600);

#[test]
fn s4_1_select_and_count_agree_page_by_page() {
    for registry in registries() {
        let test = registry.test_namespace();
        for production in [registry.namespace("production").unwrap(), (*test).clone()] {
            let process = Process::new();
            for n in 0..1_000_u32 {
                production.register_for(&process.reference(), format!("name-{n:04}"), n).unwrap();
            }
            let _other_type = production.register("name-0007-text", "7").unwrap();
            let _reserved = production.reserve::<u32>("name-0007-reserved").unwrap();
            let _elsewhere = registry.namespace("elsewhere").unwrap().register("name-0003-elsewhere", 3_u32).unwrap();

            let matches =
                |name: &str, holder, n: &u32| name.contains('0') && holder == process.id() && n.is_multiple_of(3);
            let expected: Vec<u32> =
                (0..1_000).filter(|n| format!("name-{n:04}").contains('0') && n % 3 == 0).collect();
            assert_eq!(production.count_where(matches), expected.len());
            for limit in [1, 7, expected.len(), 2_000] {
                let (mut selected, mut after, mut pages) = (Vec::new(), None::<String>, 0);
                loop {
                    let page = production.select(after.as_deref(), limit, matches);
                    assert!(page.services.len() <= limit);
                    pages += 1;
                    selected.extend(page.services.into_iter().map(|service| service.value));
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
                assert_eq!(selected, expected, "in the order of the names, each once");
                assert_eq!(pages, expected.len().div_ceil(limit));
            }
        }
    }
}

#[test]
fn s4_2_update_gives_new_and_old_and_runs_only_for_the_holder() {
    for production in namespaces() {
        let (mine, theirs) = (Process::new(), Process::new());
        let never = |_: &u32| -> u32 { panic!("the closure must not run") };
        assert!(matches!(production.update(&mine.reference(), KEY, never), Err(UpdateError::NotFound { .. })));
        production.register_for(&mine.reference(), KEY, 1).unwrap();
        let foreign = production.update(&theirs.reference(), KEY, never).unwrap_err();
        assert!(matches!(foreign, UpdateError::NotOwner { holder, .. } if holder == mine.id()));
        let wrong = production.update(&mine.reference(), "key", |text: &String| text.clone()).unwrap_err();
        assert_eq!(wrong.kind(), ErrorKind::TypeMismatch);
        assert_eq!(production.update(&mine.reference(), KEY, |n| n + 1).unwrap(), (2, 1));
        assert_eq!(production.lookup(KEY).unwrap(), 2);
        let reservation = production.reserve::<u32>("reserved").unwrap();
        let refused = production.update(&mine.reference(), "reserved", never).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::NotFound);
        drop(reservation);
    }
}

#[test]
fn s4_2_updates_from_many_threads_are_all_counted() {
    for production in namespaces() {
        let process = Process::new();
        let drops = Drops::default();
        production.register_for(&process.reference(), "count", (0_u32, Arc::new(drops.tracked()))).unwrap();
        let start = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..2_000 {
                        let add = |(n, tracked): &(u32, Arc<support::Tracked>)| (n + 1, Arc::clone(tracked));
                        production.update(&process.reference(), "count", add).unwrap();
                    }
                });
            }
        });
        let count = production.with("count", |(n, _): &(u32, Arc<support::Tracked>)| *n).unwrap();
        assert_eq!(count, 8_000);
        assert_eq!(drops.count(), 0);
        drop(process);
        // What concurrent updates had to leave to later goes with the next removals of this thread.
        drop(production.register("other", drops.tracked()).unwrap());
        assert!(drops.count() >= 1);
    }
}

#[test]
fn s4_2_an_update_that_another_one_overtakes_runs_its_closure_again() {
    for production in namespaces() {
        let process = Process::new();
        let me = process.reference();
        production.register_for(&me, KEY, 0).unwrap();
        let seen = std::cell::RefCell::new(Vec::new());
        let slow = |n: &u32| {
            seen.borrow_mut().push(*n);
            if *n < 3 {
                // Between the look and the change, in a thread that really is another one.
                std::thread::scope(|scope| {
                    let overtaking = scope.spawn(|| production.update(&me, KEY, |n| n + 1).unwrap());
                    assert_eq!(overtaking.join().unwrap(), (n + 1, *n));
                });
            }
            n + 10
        };
        assert_eq!(production.update(&me, KEY, slow).unwrap(), (13, 3));
        assert_eq!(*seen.borrow(), [0, 1, 2, 3]);
        assert_eq!(production.lookup(KEY).unwrap(), 13);
    }
}

#[tokio::test]
async fn s4_2_an_update_is_seen_by_references_and_watchers() {
    for production in namespaces() {
        let process = Process::new();
        production.register_for(&process.reference(), KEY, 1).unwrap();
        let mut reference = production.reference(KEY);
        let mut watch = production.watch();
        assert_eq!(*reference.get().unwrap(), 1);
        production.update(&process.reference(), KEY, |n| n + 1).unwrap();
        assert_eq!(*reference.get().unwrap(), 2);
        assert!(matches!(watch.next().await, Some(WatchEvent::Snapshot(_))));
        let Some(WatchEvent::Changed(change)) = watch.next().await else { panic!() };
        assert!(matches!(*change, Change::Updated(_)));
    }
}

#[test]
fn s4_3_metadata_is_put_got_and_deleted() {
    for registry in registries() {
        let registry = registry.processes();
        assert_eq!(registry.meta::<u32>("absent"), Ok(None));
        assert!(!registry.delete_meta("absent"));
        assert!(!registry.put_meta("key", 1_u32));
        assert!(registry.put_meta("key", 2_u32));
        assert_eq!(registry.meta::<u32>("key").unwrap().as_deref(), Some(&2));
        let error = registry.meta::<String>("key").unwrap_err();
        assert_eq!((error.key.as_str(), error.found), ("key", "u32"));
        assert!(registry.delete_meta("key"));
        assert_eq!(registry.meta::<u32>("key"), Ok(None));
    }
}

#[tokio::test(start_paused = true)]
async fn s5_4_wait_until_free() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        production.wait_until_free("key", Duration::ZERO).await.unwrap();
        let registration = production.register(KEY, 1).unwrap();
        let error = production.wait_until_free("key", Duration::from_secs(1)).await.unwrap_err();
        assert!(matches!(error, WaitError::Timeout { .. }));
        let free = async {
            yield_now().await;
            drop(registration);
        };
        let begin = Instant::now();
        let (freed, ()) = tokio::join!(production.wait_until_free("key", LONG), free);
        freed.unwrap();
        assert_eq!(begin.elapsed(), Duration::ZERO);

        let _reserved = production.reserve(KEY).unwrap();
        let close = async {
            yield_now().await;
            production.close();
        };
        let (closed, ()) = tokio::join!(production.wait_until_free("key", LONG), close);
        assert!(matches!(closed, Err(WaitError::NamespaceClosed { .. })));
        assert_eq!((registry.stats().waiters, registry.stats().slots), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn s5_4_wait_for_all() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let missing = production.wait_for_all(&["a", "b"], Duration::from_secs(3)).await.unwrap_err();
        assert!(matches!(&missing, WaitError::Timeout { waited, .. } if *waited == Duration::from_secs(3)));
        assert_eq!(missing.service(), "a");
        let register = async {
            let first = production.register("a", 1).unwrap();
            yield_now().await;
            // The first one leaves before the second one is there.
            drop(first);
            let second = production.register("b", "text").unwrap();
            for _ in 0..3 {
                yield_now().await;
            }
            (second, production.register("a", 2).unwrap())
        };
        let (all, held) = tokio::join!(production.wait_for_all(&["a", "b"], LONG), register);
        all.unwrap();
        assert_eq!(production.names(), ["a", "b"]);
        drop(held);
        assert_eq!((registry.stats().waiters, registry.stats().slots), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_held_by_one_and_freed_by_the_death_of_its_holder() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let lock = production.lock("lock", LONG).await.unwrap();
        assert!(production.try_lock("lock").is_none());
        assert!(production.try_lock("other").is_some());
        let holder = registry::spawn(async move {
            let _lock = lock;
            std::future::pending::<()>().await;
        });
        let timed_out = production.lock("lock", Duration::from_secs(1)).await.unwrap_err();
        assert!(matches!(timed_out, WaitError::Timeout { .. }));
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let waiting: Vec<_> = (0..3)
            .map(|n| {
                let (production, order) = (production.clone(), Arc::clone(&order));
                tokio::spawn(async move {
                    let _lock = production.lock("lock", LONG).await.unwrap();
                    order.lock().unwrap().push(n);
                })
            })
            .collect();
        while registry.stats().waiters < 3 {
            yield_now().await;
        }
        holder.kill();
        for waiter in waiting {
            waiter.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [0, 1, 2], "in the order of asking");
        assert_eq!((registry.stats().waiters, registry.stats().slots), (0, 0));

        let held = production.lock("lock", LONG).await.unwrap();
        let close = async {
            yield_now().await;
            production.close();
        };
        let (closed, ()) = tokio::join!(production.lock("lock", LONG), close);
        assert!(matches!(closed, Err(WaitError::NamespaceClosed { .. })));
        assert_eq!(held.name(), "lock");
        assert!(production.try_lock("other").is_none());
        let again = registry.namespace("production").unwrap();
        assert!(again.try_lock("lock").is_some(), "another namespace, another lock; the first one is still held");
        drop(held);
        assert_eq!(registry.stats().slots, 0);
    }
}
