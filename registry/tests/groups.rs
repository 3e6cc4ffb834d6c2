//! Section 3: groups, and who is in them.

mod support;

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use registry::{Error, ErrorKind, ExitReason, GroupError, MembershipId, Namespace, Process, RegisterRefusal, Service};
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
