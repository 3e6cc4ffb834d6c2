//! Watchers beside writers, under every schedule that shuttle finds.

use std::collections::BTreeMap;
use std::sync::Arc;

use shuttle::thread;

use super::index::Pinned;
use super::model::{check, claim, guard};
use super::{Change, Scope, Table, UnregisterReason, Watcher};
use crate::process::{Process, RegistrationId};

/// A watcher, and what it knows by its snapshot and what came after.
struct View {
    watcher: Watcher,
    known: BTreeMap<String, RegistrationId>,
}

impl View {
    fn new(table: &Table, scope: &Scope) -> Self {
        let mut watcher = Watcher::new(scope);
        let services = watcher.snapshot(table);
        let known = services.into_iter().map(|service| (service.name, service.registration)).collect();
        Self { watcher, known }
    }

    /// Hears what has happened until now, and checks that it makes sense one after the other.
    fn catch_up(&mut self) {
        while let Ok(Some(change)) = self.watcher.next() {
            let service = change.service();
            match &*change {
                Change::Registered(_) => {
                    let before = self.known.insert(service.name.clone(), service.registration);
                    assert_eq!(before, None, "told twice: {service}");
                }
                Change::Unregistered { .. } => {
                    let before = self.known.remove(&service.name);
                    assert_eq!(before, Some(service.registration), "told out of order: {service}");
                }
                _ => panic!("{change:?}"),
            }
        }
    }
}

/// What is registered.
fn held(table: &Table, scope: &Scope) -> BTreeMap<String, RegistrationId> {
    table.entries_of(scope).iter().map(|entry| (entry.name().to_owned(), entry.status().id)).collect()
}

#[test]
fn s5_5_a_snapshot_beside_a_removal_and_a_registration_is_true() {
    check(|table, scope| {
        let first = claim(table, scope, guard(), 1).unwrap_or_else(|refused| panic!("{refused:?}"));
        let writer = {
            let (table, scope) = (Arc::clone(table), scope.clone());
            thread::spawn(move || {
                table.release(Pinned::new(), &first.entry, first.id, UnregisterReason::Dropped);
                claim(&table, &scope, guard(), 2).map(|_| ()).unwrap_or_else(|refused| panic!("{refused:?}"));
            })
        };
        let mut view = View::new(table, scope);
        writer.join().unwrap();
        view.catch_up();
        assert_eq!(view.known, held(table, scope));
    });
}

#[test]
fn s5_5_a_snapshot_beside_a_removal_does_not_show_what_is_gone() {
    check(|table, scope| {
        let process = Process::new();
        claim(table, scope, super::Owner::Process(&process.reference()), 1)
            .map(|_| ())
            .unwrap_or_else(|refused| panic!("{refused:?}"));
        let death = thread::spawn(move || drop(process));
        let mut view = View::new(table, scope);
        death.join().unwrap();
        view.catch_up();
        assert_eq!(view.known, BTreeMap::new());
    });
}

#[test]
fn s5_7_nothing_is_kept_when_the_last_watcher_left_beside_a_writer() {
    check(|table, scope| {
        let watchers = [Watcher::new(scope), Watcher::new(scope)];
        claim(table, scope, guard(), 0).map(|_| ()).unwrap_or_else(|refused| panic!("{refused:?}"));
        assert_eq!(scope.log().kept(), 1, "as long as somebody watches");
        let writer = {
            let (table, scope) = (Arc::clone(table), scope.clone());
            thread::spawn(move || table.close(&scope))
        };
        let leaving: Vec<_> = watchers.into_iter().map(|watcher| thread::spawn(move || drop(watcher))).collect();
        writer.join().unwrap();
        leaving.into_iter().for_each(|leaving| leaving.join().unwrap());
        assert_eq!(scope.log().kept(), 0);
    });
}

#[test]
fn s5_7_a_watcher_that_comes_while_the_last_one_leaves_misses_nothing() {
    check(|table, scope| {
        let before = Watcher::new(scope);
        let leaving = thread::spawn(move || drop(before));
        let writer = {
            let (table, scope) = (Arc::clone(table), scope.clone());
            thread::spawn(move || claim(&table, &scope, guard(), 1).is_ok())
        };
        let mut view = View::new(table, scope);
        leaving.join().unwrap();
        assert!(writer.join().unwrap());
        view.catch_up();
        assert_eq!(view.known, held(table, scope));
    });
}
