//! The write side under every schedule that shuttle finds: claims, removals, deaths and waits.

use std::num::NonZeroUsize;
use std::sync::Arc;

use shuttle::thread;

use super::index::Pinned;
use super::{Claim, Key, NamespaceClass, Owner, Refused, Scope, SlotRef, State, Table, UnregisterReason, cell_of};
use crate::error::NameState;
use crate::process::{ExitReason, Process, ProcessId, ProcessRef};

/// Enough to find each of the mistakes that were put in to try this.
const SCHEDULES: usize = 2_000;

/// Runs a model over 1 and 8 partitions.
pub(super) fn check(model: impl Fn(&Arc<Table>, &Scope) + Send + Sync + 'static) {
    let model = Arc::new(model);
    for partitions in [1, 8] {
        let model = Arc::clone(&model);
        let run = move || {
            let table = Arc::new(Table::new(NonZeroUsize::new(partitions).unwrap()));
            let scope = Scope::new(&table, 0, "model", NamespaceClass::Named);
            model(&table, &scope);
        };
        shuttle::check_pct(run, SCHEDULES, 3);
    }
}

pub(super) fn claim(
    table: &Arc<Table>,
    scope: &Scope,
    owner: Owner<'_>,
    value: u64,
) -> Result<super::Claimed, Refused> {
    let claim = Claim { scope, name: "name", owner, reserved: false };
    table.claim(&claim, Some(value)).map_err(|(refused, _)| refused)
}

pub(super) fn guard() -> Owner<'static> {
    Owner::Guard(ProcessId::next())
}

fn value(table: &Table, scope: &Scope) -> Option<u64> {
    let found = table.index().peek(Key { scope, name: "name" }, |entry| {
        let ready = entry.status().state == State::Ready;
        let cell = cell_of::<u64>(entry)?;
        ready.then(|| cell.read(|value| *value)).flatten()
    });
    found.flatten()
}

#[test]
fn s1_5_one_claim_wins_and_the_loser_names_the_winner() {
    check(|table, scope| {
        let claims: Vec<_> = (0..3)
            .map(|n| {
                let (table, scope) = (Arc::clone(table), scope.clone());
                thread::spawn(move || {
                    let id = ProcessId::next();
                    claim(&table, &scope, Owner::Guard(id), n).map(|_| id)
                })
            })
            .collect();
        let outcomes: Vec<_> = claims.into_iter().map(|claim| claim.join().unwrap()).collect();
        let winner = *outcomes.iter().find_map(|outcome| outcome.as_ref().ok()).expect("somebody wins");
        for outcome in outcomes {
            match outcome {
                Ok(id) => assert_eq!(id, winner),
                Err(refused) => assert_eq!(refused, Refused::Taken { holder: winner, state: NameState::Ready }),
            }
        }
        assert_eq!(scope.count(), 1);
    });
}

#[test]
fn s1_11_a_late_release_spares_the_successor() {
    check(|table, scope| {
        let first = claim(table, scope, guard(), 1).unwrap_or_else(|refused| panic!("{refused:?}"));
        let release = {
            let (table, entry, id) = (Arc::clone(table), Arc::clone(&first.entry), first.id);
            thread::spawn(move || table.release(Pinned::new(), &entry, id, UnregisterReason::Dropped))
        };
        let successor = {
            let (table, scope) = (Arc::clone(table), scope.clone());
            thread::spawn(move || {
                while claim(&table, &scope, guard(), 2).is_err() {
                    thread::yield_now();
                }
            })
        };
        release.join().unwrap();
        successor.join().unwrap();
        table.release(Pinned::new(), &first.entry, first.id, UnregisterReason::Dropped);
        assert_eq!(value(table, scope), Some(2));
    });
}

#[test]
fn s1_12_registration_racing_death_leaves_nothing() {
    check(|table, scope| {
        let process = Process::new();
        let reference: ProcessRef = process.reference();
        let register = {
            let (table, scope, reference) = (Arc::clone(table), scope.clone(), reference);
            thread::spawn(move || claim(&table, &scope, Owner::Process(&reference), 1).map(|_| ()))
        };
        let end = thread::spawn(move || process.end(ExitReason::Killed));
        let outcome = register.join().unwrap();
        end.join().unwrap();
        assert!(matches!(outcome, Ok(()) | Err(Refused::NotAlive)), "{outcome:?}");
        assert_eq!(value(table, scope), None);
        assert_eq!(scope.count(), 0);
        assert_eq!(table.partitions().occupancy().iter().sum::<usize>(), 0);
    });
}

#[test]
fn s1_16_a_transfer_is_never_seen_absent_and_races_death() {
    check(|table, scope| {
        let (from, to) = (Process::new(), Process::new());
        claim(table, scope, Owner::Process(&from.reference()), 1).unwrap_or_else(|refused| panic!("{refused:?}"));
        let transfer = {
            let (table, scope, from, to) = (Arc::clone(table), scope.clone(), from.id(), to.reference());
            thread::spawn(move || table.transfer(Key { scope: &scope, name: "name" }, from, &to).is_ok())
        };
        let look = {
            let (table, scope) = (Arc::clone(table), scope.clone());
            thread::spawn(move || assert_eq!(value(&table, &scope), Some(1)))
        };
        assert!(transfer.join().unwrap());
        look.join().unwrap();
        let end_from = thread::spawn(move || drop(from));
        assert_eq!(value(table, scope), Some(1), "it is the other's now");
        end_from.join().unwrap();
        assert_eq!(value(table, scope), Some(1));
        drop(to);
        assert_eq!(value(table, scope), None);
    });
}

#[test]
fn s2_5_a_reservation_outlives_the_death_of_its_process() {
    check(|table, scope| {
        let asked = Claim { scope, name: "name", owner: guard(), reserved: true };
        let reserved = table.claim::<u64>(&asked, None).unwrap_or_else(|(refused, _)| panic!("{refused:?}"));
        let first = Process::new();
        table.publish(&reserved.entry, &first.reference(), 1_u64).unwrap_or_else(|(refused, _)| panic!("{refused:?}"));
        let end = thread::spawn(move || first.end(ExitReason::Killed));
        let thief = {
            let (table, scope) = (Arc::clone(table), scope.clone());
            thread::spawn(move || claim(&table, &scope, guard(), 9).map(|_| ()))
        };
        end.join().unwrap();
        assert!(matches!(thief.join().unwrap(), Err(Refused::Taken { .. })));
        let second = Process::new();
        table.publish(&reserved.entry, &second.reference(), 2_u64).unwrap_or_else(|(refused, _)| panic!("{refused:?}"));
        assert_eq!(value(table, scope), Some(2));
    });
}

#[test]
fn s2_4_a_published_name_is_seen_with_its_owner() {
    check(|table, scope| {
        let asked = Claim { scope, name: "name", owner: guard(), reserved: true };
        let reserved = table.claim::<u64>(&asked, None).unwrap_or_else(|(refused, _)| panic!("{refused:?}"));
        let process = Process::new();
        let id = process.id();
        let publish = {
            let (table, process) = (Arc::clone(table), process.reference());
            thread::spawn(move || table.publish(&reserved.entry, &process, 1_u64).is_ok())
        };
        let holder = table.index().peek(Key { scope, name: "name" }, |entry| {
            (entry.status().state == State::Ready).then(|| entry.owner_id())
        });
        assert!(matches!(holder, Some(None)) || holder == Some(Some(id)), "{holder:?}, and it is {id}");
        assert!(publish.join().unwrap());
    });
}

#[test]
fn s2_1_who_misses_an_entry_in_the_index_sees_it_gone() {
    check(|table, scope| {
        let claimed = claim(table, scope, guard(), 1).unwrap_or_else(|refused| panic!("{refused:?}"));
        let release = {
            let (table, entry, id) = (Arc::clone(table), Arc::clone(&claimed.entry), claimed.id);
            thread::spawn(move || table.release(Pinned::new(), &entry, id, UnregisterReason::Dropped))
        };
        let look = {
            let (table, scope, entry) = (Arc::clone(table), scope.clone(), claimed.entry);
            thread::spawn(move || {
                if table.index().peek(Key { scope: &scope, name: "name" }, |_| ()).is_none() {
                    assert_eq!(entry.status().state, State::Gone);
                }
            })
        };
        look.join().unwrap();
        assert!(release.join().unwrap());
    });
}

#[test]
fn s6_4_a_test_namespace_keeps_track_of_what_it_holds_only() {
    check(|table, _| {
        let scope = Scope::new(table, 1, "test", NamespaceClass::Test);
        let claimed = claim(table, &scope, guard(), 1).unwrap_or_else(|refused| panic!("{refused:?}"));
        assert_eq!(scope.tracked(), 1);
        let release = {
            let (table, entry, id) = (Arc::clone(table), Arc::clone(&claimed.entry), claimed.id);
            thread::spawn(move || table.release(Pinned::new(), &entry, id, UnregisterReason::Dropped))
        };
        let other = {
            let (table, scope) = (Arc::clone(table), scope.clone());
            thread::spawn(move || claim(&table, &scope, guard(), 2).is_ok())
        };
        assert!(release.join().unwrap());
        let taken = other.join().unwrap();
        assert_eq!(scope.tracked(), usize::from(taken));
        table.close(&scope);
        assert_eq!(scope.tracked(), 0);
    });
}

#[test]
fn s5_1_a_waiter_never_misses_the_registration() {
    check(|table, scope| {
        let waiter = {
            let (table, scope) = (Arc::clone(table), scope.clone());
            thread::spawn(move || {
                shuttle::future::block_on(async {
                    let slot = SlotRef::new(&table, Key { scope: &scope, name: "name" });
                    let look = || {
                        let seen = value(&table, &scope);
                        // Nothing in a look that finds nothing lets others run: this is where they can.
                        thread::yield_now();
                        seen
                    };
                    slot.until(look).await
                })
            })
        };
        claim(table, scope, guard(), 1).unwrap_or_else(|refused| panic!("{refused:?}"));
        assert_eq!(waiter.join().unwrap(), 1);
        assert_eq!(table.slots(), 0, "the last one to wait takes the slot along");
    });
}

#[test]
fn s5_8_a_closing_scope_lets_nothing_in() {
    check(|table, scope| {
        let register = {
            let (table, scope) = (Arc::clone(table), scope.clone());
            thread::spawn(move || claim(&table, &scope, guard(), 1).map(|_| ()))
        };
        table.close(scope);
        let outcome = register.join().unwrap();
        assert!(matches!(outcome, Ok(()) | Err(Refused::Closed)), "{outcome:?}");
        assert_eq!(value(table, scope), None);
        assert_eq!(scope.count(), 0);
    });
}
