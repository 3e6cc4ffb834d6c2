//! Section 3: groups and dispatch.

mod support;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use registry::{
    Error, ErrorKind, ExitReason, GroupError, MembershipId, Namespace, Process, RegisterRefusal, Service,
    ServiceRegistry,
};
use support::{Drops, namespaces, registries};

const ROOM: Service<u32> = Service::new("room");

fn sorted(namespace: &Namespace) -> Vec<u32> {
    let mut members = namespace.members(ROOM).unwrap();
    members.sort_unstable();
    members
}

#[test]
fn s3_1_multiplicity_is_kept_and_leaving_ends_all_of_ones_own() {
    for production in namespaces() {
        let (ada, bob) = (Process::new(), Process::new());
        let ids: BTreeSet<MembershipId> =
            [1, 1, 2].map(|value| production.join(&ada.reference(), ROOM, value).unwrap()).into();
        production.join(&bob.reference(), ROOM, 1).unwrap();
        let _guard = production.join_guard(ROOM, 3).unwrap();
        assert_eq!(ids.len(), 3, "each membership has an id of its own");
        assert_eq!(sorted(&production), [1, 1, 1, 2, 3]);
        assert_eq!(production.member_count("room"), 5);

        assert_eq!(production.leave(&ada.reference(), "room"), 3);
        assert_eq!(sorted(&production), [1, 3], "the others stay");
        assert_eq!(production.leave(&ada.reference(), "room"), 0, "leaving again is fine");
        assert_eq!(production.leave(&ada.reference(), "another"), 0);
    }
}

#[test]
fn s3_1_leave_matching_ends_only_what_matches() {
    for production in namespaces() {
        let (ada, bob) = (Process::new(), Process::new());
        for value in 0..10 {
            production.join(&ada.reference(), ROOM, value).unwrap();
            production.join(&bob.reference(), ROOM, value + 100).unwrap();
        }
        let odd = |value: &u32| {
            assert!(*value < 100, "another's memberships are not even shown");
            assert!(production.member_count("room") > 0, "the registry can be used meanwhile");
            value % 2 == 1
        };
        assert_eq!(production.leave_matching(&ada.reference(), ROOM, odd).unwrap(), 5);
        assert_eq!(production.leave_matching(&ada.reference(), ROOM, odd).unwrap(), 0);
        assert_eq!(sorted(&production), [0, 2, 4, 6, 8, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109]);

        let panics = || production.leave_matching(&ada.reference(), ROOM, |value| panic!("{value}"));
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        assert_eq!(production.member_count("room"), 15);
    }
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
        assert!(panic.location().unwrap().contains("groups.rs"));
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

/// Not the time, which the benchmark measures, but what makes it: a leave copies nothing of the group.
#[test]
fn s3_3_leaving_a_large_group_ends_one_membership_wherever_it_is() {
    for production in namespaces() {
        let many: Vec<_> = (0..30_000).map(|n| production.join_guard(ROOM, n).unwrap()).collect();
        let mut rest: HashMap<MembershipId, _> = many.into_iter().map(|guard| (guard.id(), guard)).collect();
        // In the order of a hash table: from anywhere.
        let leaving: Vec<_> = rest.keys().copied().take(29_990).collect();
        for id in leaving {
            rest.remove(&id);
        }
        let mut left = BTreeSet::new();
        production.dispatch(ROOM, |member| assert!(left.insert(member.id()))).unwrap();
        assert_eq!(left, rest.keys().copied().collect());
    }
}

#[test]
fn s3_4_the_last_one_to_leave_takes_the_group_along() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let (ada, bob) = (Process::new(), Process::new());
        production.join(&ada.reference(), ROOM, 1).unwrap();
        production.join(&bob.reference(), ROOM, 1).unwrap();
        let guard = production.join_guard("hall", "value").unwrap();
        let groups: Vec<_> =
            production.groups().into_iter().map(|group| (group.name, group.members, group.type_name)).collect();
        assert_eq!(groups, [("hall".to_owned(), 1, "&str"), ("room".to_owned(), 2, "u32")]);
        assert_eq!(registry.stats().memberships, 3);

        drop(ada);
        assert_eq!(production.member_count("room"), 1);
        bob.end(ExitReason::Normal);
        assert_eq!(production.groups().len(), 1);
        drop(guard);
        assert_eq!(production.groups(), []);
        assert_eq!(registry.stats().memberships, 0);
        assert!(production.join_guard("room", "of another type, now that it is gone").is_ok());
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

#[test]
fn groups_are_apart_from_names_and_from_other_namespaces() {
    for registry in registries() {
        let [one, other] = ["one", "other"].map(|name| registry.namespace(name).unwrap());
        let process = Process::new();
        let _name = one.register(ROOM, 1).unwrap();
        one.join(&process.reference(), ROOM, 2).unwrap();
        other.join(&process.reference(), ROOM, 3).unwrap();
        assert_eq!((one.lookup(ROOM).unwrap(), one.members(ROOM).unwrap()), (1, vec![2]));
        assert_eq!(other.members(ROOM).unwrap(), [3]);
        assert_eq!(registry.processes().keys(&process.reference()), []);
        let memberships = registry.processes().memberships(&process.reference());
        assert_eq!(memberships, [("one".into(), "room".into()), ("other".into(), "room".into())]);
        one.leave(&process.reference(), "room");
        assert_eq!(registry.processes().memberships(&process.reference()).len(), 1);
    }
}

#[test]
fn a_refused_join_gives_the_value_back_and_says_why() {
    for production in namespaces() {
        let process = Process::new();
        production.join(&process.reference(), ROOM, 1).unwrap();
        let refused = production.join(&process.reference(), "room", "text").unwrap_err();
        assert!(
            matches!(refused.refusal(), RegisterRefusal::TypeMismatch { expected: "&str", found: "u32", .. }),
            "{refused}"
        );
        assert_eq!(refused.into_handle(), "text");
        let reference = process.reference();
        drop(process);
        assert_eq!(production.join(&reference, ROOM, 2).unwrap_err().kind(), ErrorKind::NotAlive);
        assert_eq!(production.join_guard("", 1_u32).unwrap_err().kind(), ErrorKind::InvalidName);
        assert_eq!(production.groups(), [], "a refused join leaves nothing behind");
        production.close();
        assert_eq!(production.join_guard(ROOM, 1).unwrap_err().kind(), ErrorKind::NamespaceClosed);
    }
}

#[test]
fn a_group_of_another_type_or_of_a_closed_namespace_is_an_error() {
    for production in namespaces() {
        let process = Process::new();
        production.join(&process.reference(), ROOM, 1).unwrap();
        let mismatch = production.dispatch("room", |_: &registry::Member<String>| panic!("a bad cast")).unwrap_err();
        assert!(matches!(mismatch, GroupError::TypeMismatch { found: "u32", .. }), "{mismatch}");
        assert_eq!(production.members::<String>("room").unwrap_err().kind(), ErrorKind::TypeMismatch);
        let leave = production.leave_matching(&process.reference(), "room", |_: &String| true);
        assert_eq!(Error::from(leave.unwrap_err()).service(), "room");
        assert_eq!(production.members::<u32>("\n").unwrap_err().kind(), ErrorKind::InvalidName);
        production.close();
        assert_eq!(production.members(ROOM).unwrap_err().kind(), ErrorKind::NamespaceClosed);
    }
}

#[test]
fn s2_1_a_value_is_dropped_with_its_membership_even_after_a_dispatch() {
    for production in namespaces() {
        let (drops, process) = (Drops::default(), Process::new());
        let guard = production.join_guard("room", drops.tracked()).unwrap();
        production.join(&process.reference(), "room", drops.tracked()).unwrap();
        production.dispatch("room", |_: &registry::Member<support::Tracked>| {}).unwrap();
        drop(guard);
        assert_eq!(drops.count(), 1, "no dispatch keeps it");
        production.leave(&process.reference(), "room");
        assert_eq!(drops.count(), 2);
        production.join(&process.reference(), "room", drops.tracked()).unwrap();
        drop(process);
        assert_eq!(drops.count(), 3);
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
fn s2_8_closing_the_namespace_and_ending_the_registry_free_memberships() {
    for registry in registries() {
        let (drops, process) = (Drops::default(), Process::new());
        let [one, other] = ["one", "other"].map(|name| registry.namespace(name).unwrap());
        for namespace in [&one, &other] {
            namespace.join(&process.reference(), "room", drops.tracked()).unwrap();
        }
        let guard = one.join_guard("hall", drops.tracked()).unwrap();
        one.close();
        assert_eq!((drops.count(), one.groups().len(), other.groups().len()), (2, 0, 1), "nothing else is touched");
        assert_eq!(registry.processes().memberships(&process.reference()).len(), 1);
        drop(guard);
        drop((one, other, registry));
        assert_eq!(drops.count(), 3);
        assert!(process.reference().is_alive());
    }
}

#[tokio::test]
async fn s6_2_a_test_namespace_reports_groups_that_leaked() {
    for registry in registries() {
        let ns = registry.test_namespace();
        let _leaked = ns.join_guard("room", 1).unwrap();
        let report = ns.shutdown(Duration::from_secs(1)).await;
        assert!(!report.is_clean());
        assert!(report.to_string().contains("group room still with 1 members"), "{report}");
        assert_eq!(registry.stats().memberships, 0);
    }
}

/// A value whose Clone and Drop use the group that it is in.
struct Reentrant(Namespace);

impl Reentrant {
    fn use_it(&self) {
        let process = Process::new();
        let _ = self.0.join(&process.reference(), "passing", 1_u32);
        let _ = self.0.dispatch("room", |_: &registry::Member<Reentrant>| {});
        assert!(self.0.groups().len() < 3);
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
fn s2_6_a_value_whose_clone_and_drop_use_the_registry_works() {
    for production in namespaces() {
        let process = Process::new();
        for _ in 0..3 {
            production.join(&process.reference(), "room", Reentrant(production.clone())).unwrap();
        }
        let guard = production.join_guard("room", Reentrant(production.clone())).unwrap();
        assert_eq!(production.members::<Reentrant>("room").unwrap().len(), 4);
        drop(production.join(&process.reference(), "", Reentrant(production.clone())).unwrap_err());
        drop(guard);
        assert_eq!(production.leave_matching(&process.reference(), "room", |_: &Reentrant| true).unwrap(), 3);
        production.join(&process.reference(), "room", Reentrant(production.clone())).unwrap();
        drop(process);
        let _closing = production.join_guard("room", Reentrant(production.clone())).unwrap();
        production.close();
        assert_eq!(production.groups(), []);
    }
}

#[test]
fn s2_7_a_value_that_panics_in_its_drop_stops_nothing() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("drop");
        }
    }
    for production in namespaces() {
        let process = Process::new();
        for _ in 0..3 {
            production.join(&process.reference(), "room", Bomb).unwrap();
        }
        production.join(&process.reference(), "behind", 1).unwrap();
        process.end(ExitReason::Normal);
        assert_eq!(production.groups(), [], "one death frees all");
        let _guard = production.join_guard("room", Bomb).unwrap();
        production.close();
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

#[derive(Clone, Debug)]
enum Op {
    Join(usize, usize, u32),
    JoinGuard(usize, u32),
    DropGuard(usize),
    Leave(usize, usize),
    LeaveMatching(usize, usize, u32),
    End(usize),
    Dispatch(usize),
}

const KEYS: [&str; 3] = ["a", "b", "c"];

fn op() -> impl Strategy<Value = Op> {
    let (process, key, value) = (0..3_usize, 0..KEYS.len(), 0..4_u32);
    prop_oneof![
        4 => (process.clone(), key.clone(), value.clone()).prop_map(|(p, k, v)| Op::Join(p, k, v)),
        2 => (key.clone(), value.clone()).prop_map(|(k, v)| Op::JoinGuard(k, v)),
        1 => (0..8_usize).prop_map(Op::DropGuard),
        1 => (process.clone(), key.clone()).prop_map(|(p, k)| Op::Leave(p, k)),
        1 => (process.clone(), key.clone(), value).prop_map(|(p, k, v)| Op::LeaveMatching(p, k, v)),
        1 => process.prop_map(Op::End),
        2 => key.prop_map(Op::Dispatch),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn groups_behave_as_the_naive_model(ops in prop::collection::vec(op(), 1..150)) {
        for registry in registries() {
            run(&registry, &ops)?;
        }
    }
}

/// The model is a list of (key, owner, value); guards have owners of their own.
fn run(registry: &ServiceRegistry, ops: &[Op]) -> Result<(), TestCaseError> {
    let namespace = registry.namespace("production").unwrap();
    let mut processes: Vec<_> = (0..3).map(|_| Process::new()).collect();
    let mut guards = Vec::new();
    let mut next_owner = 100;
    let mut model: Vec<(usize, usize, u32)> = Vec::new();
    for op in ops {
        let before = model.len();
        match *op {
            Op::Join(process, key, value) => {
                namespace.join(&processes[process].reference(), KEYS[key], value).unwrap();
                model.push((key, process, value));
            }
            Op::JoinGuard(key, value) => {
                next_owner += 1;
                guards.push((next_owner, namespace.join_guard(KEYS[key], value).unwrap()));
                model.push((key, next_owner, value));
            }
            Op::DropGuard(at) if at < guards.len() => {
                let (owner, _guard) = guards.swap_remove(at);
                model.retain(|entry| entry.1 != owner);
            }
            Op::DropGuard(_) => {}
            Op::Leave(process, key) => {
                let left = namespace.leave(&processes[process].reference(), KEYS[key]);
                model.retain(|entry| (entry.0, entry.1) != (key, process));
                prop_assert_eq!(left, before - model.len());
            }
            Op::LeaveMatching(process, key, value) => {
                let process_ref = processes[process].reference();
                let left = namespace.leave_matching(&process_ref, KEYS[key], |it: &u32| *it == value).unwrap();
                model.retain(|entry| *entry != (key, process, value));
                prop_assert_eq!(left, before - model.len());
            }
            Op::End(process) => {
                processes[process] = Process::new();
                model.retain(|entry| entry.1 != process);
            }
            Op::Dispatch(key) => {
                let mut seen = Vec::<u32>::new();
                namespace.dispatch(KEYS[key], |member| seen.push(*member.value())).unwrap();
                seen.sort_unstable();
                prop_assert_eq!(seen, values(&model, key));
            }
        }
        for (key, name) in KEYS.iter().enumerate() {
            let mut members = namespace.members::<u32>(*name).unwrap();
            members.sort_unstable();
            prop_assert_eq!(namespace.member_count(name), members.len());
            prop_assert_eq!(members, values(&model, key));
        }
        let groups: Vec<_> = namespace.groups().into_iter().map(|group| group.name).collect();
        let expected: BTreeSet<_> = model.iter().map(|entry| KEYS[entry.0].to_owned()).collect();
        prop_assert_eq!(groups, expected.into_iter().collect::<Vec<_>>());
        for (at, process) in processes.iter().enumerate() {
            let memberships = registry.processes().memberships(&process.reference()).len();
            prop_assert_eq!(memberships, model.iter().filter(|entry| entry.1 == at).count());
        }
        prop_assert_eq!(registry.stats().memberships, model.len());
    }
    Ok(())
}

fn values(model: &[(usize, usize, u32)], key: usize) -> Vec<u32> {
    let mut values: Vec<_> = model.iter().filter(|entry| entry.0 == key).map(|entry| entry.2).collect();
    values.sort_unstable();
    values
}
