//! Section 3.2 and 3.5: dispatch, in one thread and in many.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;

use registry::{Namespace, Process, Service};
use support::{namespaces, registries};

const ROOM: Service<u32> = Service::new("room");

fn sorted(namespace: &Namespace) -> Vec<u32> {
    let mut members = namespace.members(ROOM).unwrap();
    members.sort_unstable();
    members
}

#[test]
fn s3_2_a_dispatch_visits_each_entry_once_and_other_keys_never() {
    for production in namespaces() {
        let process = Process::new();
        let mut joined = BTreeSet::new();
        for value in 0..1_000 {
            joined.insert(production.join(&process.reference(), ROOM, value).unwrap());
            production.join(&process.reference(), format!("room:{value}"), value).unwrap();
        }
        let mut visits = BTreeMap::new();
        let dispatched = production
            .dispatch(ROOM, |member| {
                assert_eq!(member.owner(), process.id());
                *visits.entry(member.id()).or_insert(0) += 1;
            })
            .unwrap();
        assert_eq!((dispatched.visited, dispatched.panicked, dispatched.panic), (1_000, 0, None));
        assert_eq!(visits, joined.into_iter().map(|id| (id, 1)).collect());
    }
}

#[test]
fn s3_2_an_empty_key_runs_nothing() {
    for production in namespaces() {
        let process = Process::new();
        production.join(&process.reference(), ROOM, 1).unwrap();
        let never = |_: &registry::Member<u32>| panic!("nobody is there");
        assert_eq!(production.dispatch("another", never).unwrap().visited, 0);
        production.leave(&process.reference(), "room");
        assert_eq!(production.dispatch(ROOM, never).unwrap().visited, 0);
    }
}

#[test]
fn s3_2_a_panicking_callback_is_contained_and_told() {
    for production in namespaces() {
        let process = Process::new();
        for value in 0..200 {
            production.join(&process.reference(), ROOM, value).unwrap();
        }
        let mut finished = 0;
        let dispatched = production
            .dispatch(ROOM, |member| {
                assert!(member.value() % 10 != 0, "boom");
                finished += 1;
            })
            .unwrap();
        assert_eq!((dispatched.visited, dispatched.panicked, finished), (200, 20, 180));
        let panic = dispatched.panic.unwrap();
        assert_eq!(panic.message(), "boom");
        assert!(panic.location().unwrap().contains("dispatch.rs"));
        assert_eq!(production.member_count("room"), 200, "nobody loses its place for it");
    }
}

#[test]
fn s3_2_a_dispatch_sees_the_group_as_it_was_less_those_who_left() {
    for production in namespaces() {
        let process = Process::new();
        for value in 0..300 {
            production.join(&process.reference(), ROOM, value).unwrap();
        }
        let other = Process::new();
        let mut visited = Vec::new();
        production
            .dispatch(ROOM, |member| {
                if visited.is_empty() {
                    production.join(&other.reference(), ROOM, 1_000).unwrap();
                    let left = production.leave_matching(&process.reference(), ROOM, |value| *value >= 200).unwrap();
                    assert_eq!(left, 100);
                }
                visited.push(*member.value());
            })
            .unwrap();
        assert_eq!(visited, (0..200).collect::<Vec<_>>());
        assert_eq!(production.member_count("room"), 201);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_5_a_parallel_dispatch_does_the_same() {
    for production in namespaces() {
        let process = Process::new();
        for size in [0, 1, 128, 129, 10_000] {
            let joined: BTreeSet<_> =
                (0..size).map(|value| production.join(&process.reference(), ROOM, value).unwrap()).collect();
            let (visits, parallel) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
            let dispatched = {
                let (visits, parallel) = (Arc::clone(&visits), Arc::clone(&parallel));
                let visit = move |member: &registry::Member<u32>| {
                    assert!(parallel.fetch_add(1, SeqCst) < 2, "no more at once than the runtime has threads");
                    visits.lock().unwrap().push(member.id());
                    parallel.fetch_sub(1, SeqCst);
                    assert!(member.value() % 100 != 3, "boom");
                };
                production.dispatch_parallel(ROOM, visit).await.unwrap()
            };
            let panicking = (0..size).filter(|value| value % 100 == 3).count();
            assert_eq!((dispatched.visited, dispatched.panicked), (size as usize, panicking));
            assert_eq!(dispatched.panic.is_some(), panicking > 0);
            let visits = Arc::into_inner(visits).unwrap().into_inner().unwrap();
            assert_eq!(visits.len(), joined.len(), "each once");
            assert_eq!(BTreeSet::from_iter(visits), joined);
            production.leave(&process.reference(), "room");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s2_3_when_exited_resolves_no_dispatch_finds_the_process() {
    for production in namespaces() {
        for n in 0..1_000 {
            let process = registry::spawn(async { tokio::task::yield_now().await });
            for _ in 0..3 {
                let _ = production.join(&process, ROOM, n);
            }
            process.exited().await;
            production.dispatch(ROOM, |member| panic!("{} is there", member.owner())).unwrap();
            assert_eq!((production.member_count("room"), production.groups().len()), (0, 0));
        }
    }
}

#[test]
fn joins_leaves_deaths_and_dispatches_from_many_threads_leave_nothing() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let keep = Process::new();
        for value in 0..500 {
            production.join(&keep.reference(), ROOM, value).unwrap();
        }
        let start = Barrier::new(4);
        let (stop, stopped) = mpsc::channel::<()>();
        thread::scope(|scope| {
            for _ in 0..3 {
                let (production, start, stop) = (production.clone(), &start, stop.clone());
                scope.spawn(move || {
                    start.wait();
                    for round in 0..300 {
                        let process = Process::new();
                        let guard = production.join_guard(ROOM, 1_000).unwrap();
                        for _ in 0..5 {
                            production.join(&process.reference(), ROOM, 1_000).unwrap();
                        }
                        if round % 2 == 0 {
                            assert_eq!(production.leave(&process.reference(), "room"), 5);
                        }
                        drop(process);
                        drop(guard);
                    }
                    drop(stop);
                });
            }
            drop(stop);
            start.wait();
            while stopped.try_recv() != Err(mpsc::TryRecvError::Disconnected) {
                let mut seen = BTreeSet::new();
                let mut kept = 0;
                production
                    .dispatch(ROOM, |member| {
                        assert!(seen.insert(member.id()), "visited twice");
                        kept += usize::from(*member.value() < 500);
                    })
                    .unwrap();
                assert_eq!(kept, 500, "who stays is visited");
            }
        });
        assert_eq!(sorted(&production), (0..500).collect::<Vec<_>>());
        drop(keep);
        assert_eq!((production.groups().len(), registry.stats().memberships), (0, 0));
    }
}
