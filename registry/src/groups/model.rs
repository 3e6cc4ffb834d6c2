//! Groups under every schedule that shuttle finds: joins, leaves, deaths, closings and dispatches.

use std::num::NonZeroUsize;
use std::sync::Arc;

use shuttle::thread;

use super::{Groups, Key, Membership, NotJoined, Space, dispatch};
use crate::process::{ExitReason, Process, ProcessId, ProcessRef};
use crate::table::{NamespaceClass, Owner, Scope, Table};

/// Enough to find each of the mistakes that were put in to try this.
const SCHEDULES: usize = 2_000;

/// A registry's groups with one namespace.
#[derive(Clone)]
struct World {
    table: Arc<Table>,
    groups: Arc<Groups>,
    scope: Scope,
}

impl World {
    fn key(&self) -> Key<'_> {
        Key { scope: &self.scope, space: Space::Named, name: "group" }
    }

    fn join(&self, process: &ProcessRef, value: u64) -> Result<(), NotJoined> {
        self.groups.join(self.key(), Owner::Process(process), value).map(|_| ()).map_err(|(refused, _)| refused)
    }

    fn guard(&self, value: u64) -> Membership {
        let joined = self.groups.join(self.key(), Owner::Guard(ProcessId::next()), value);
        Membership::new(&joined.unwrap_or_else(|(refused, _)| panic!("{refused:?}")))
    }

    /// The values that a dispatch visits, sorted.
    fn visited(&self) -> Vec<u64> {
        let mut visited = Vec::new();
        if let Some(snapshot) = self.groups.snapshot::<u64>(self.key()).unwrap() {
            dispatch(&snapshot, |member| visited.push(*member.value()));
        }
        visited.sort_unstable();
        visited
    }

    fn is_empty(&self) -> bool {
        self.groups.list(&self.scope, Space::Named).is_empty() && self.groups.count_of(NamespaceClass::Named) == 0
    }
}

/// Runs a model over 1 and 8 partitions.
fn check(model: impl Fn(&World) + Send + Sync + 'static) {
    let model = Arc::new(model);
    for partitions in [1, 8] {
        let model = Arc::clone(&model);
        let run = move || {
            let partitions = NonZeroUsize::new(partitions).unwrap();
            let table = Arc::new(Table::new(partitions));
            let scope = Scope::new(&table, 0, "model", NamespaceClass::Named);
            model(&World { table, groups: Arc::new(Groups::new(partitions)), scope });
        };
        shuttle::check_pct(run, SCHEDULES, 3);
    }
}

#[test]
fn s2_3_a_join_racing_death_leaves_nothing() {
    check(|world| {
        let process = Process::new();
        let reference = process.reference();
        let join = {
            let (world, reference) = (world.clone(), reference.clone());
            thread::spawn(move || (0..2).map(|n| world.join(&reference, n)).collect::<Vec<_>>())
        };
        let end = thread::spawn(move || process.end(ExitReason::Killed));
        for outcome in join.join().unwrap() {
            assert!(matches!(outcome, Ok(()) | Err(NotJoined::NotAlive)), "{outcome:?}");
        }
        end.join().unwrap();
        assert_eq!(world.visited(), []);
        assert!(world.is_empty() && world.groups.joined(&reference).is_empty());
    });
}

#[test]
fn s3_1_leaving_races_leaving_and_death_and_each_member_goes_once() {
    check(|world| {
        let process = Process::new();
        let reference = process.reference();
        for n in 0..3 {
            world.join(&reference, n).unwrap();
        }
        let stays = world.guard(9);
        let leave = {
            let (world, owner) = (world.clone(), reference.id());
            thread::spawn(move || world.groups.leave_all(world.key(), owner))
        };
        let leave_one = {
            let (world, owner) = (world.clone(), reference.id());
            thread::spawn(move || {
                let own = world.groups.own::<u64>(world.key(), owner).unwrap();
                own.iter().filter(|member| world.groups.leave(member)).count()
            })
        };
        let end = thread::spawn(move || drop(process));
        assert!(leave.join().unwrap() + leave_one.join().unwrap() <= 3);
        end.join().unwrap();
        assert_eq!(world.visited(), [9]);
        drop(stays);
        assert!(world.is_empty());
    });
}

#[test]
fn s3_2_a_dispatch_sees_who_stays_once_and_nobody_who_had_left() {
    check(|world| {
        let (_first, leaves, _last) = (world.guard(0), world.guard(1), world.guard(2));
        let left = Arc::new(crate::sync::AtomicBool::new(false));
        let leave = {
            let left = Arc::clone(&left);
            thread::spawn(move || {
                drop(leaves);
                left.store(true, std::sync::atomic::Ordering::SeqCst);
            })
        };
        let had_left = left.load(std::sync::atomic::Ordering::SeqCst);
        let visited = world.visited();
        match visited.as_slice() {
            [0, 2] => {}
            [0, 1, 2] => assert!(!had_left, "it left before the dispatch began"),
            _ => panic!("{visited:?}"),
        }
        leave.join().unwrap();
        assert_eq!(world.visited(), [0, 2]);
    });
}

#[test]
fn s5_8_a_closing_scope_lets_nobody_in() {
    check(|world| {
        let process = Process::new();
        let join = {
            let (world, reference) = (world.clone(), process.reference());
            thread::spawn(move || world.join(&reference, 1))
        };
        world.table.close(&world.scope);
        world.groups.close(&world.scope);
        let outcome = join.join().unwrap();
        assert!(matches!(outcome, Ok(()) | Err(NotJoined::Closed)), "{outcome:?}");
        assert!(world.is_empty());
        assert!(world.groups.joined(&process.reference()).is_empty(), "the process has forgotten it");
    });
}
