//! Which namespaces have metric series of their own.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;

use crate::table::Scope;

/// As many namespaces have series of their own in the life of a registry, however many come and go.
const MOST: usize = 100;

/// The label of the others, added up.
const OTHER: &str = "_other";

/// What is published of a namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Census {
    pub(super) services: usize,
    pub(super) waiters: usize,
    pub(super) watchers: usize,
}

impl Census {
    fn add(&mut self, other: Self) {
        self.services += other.services;
        self.waiters += other.waiters;
        self.watchers += other.watchers;
    }
}

impl From<&Scope> for Census {
    fn from(scope: &Scope) -> Self {
        Self { services: scope.count(), waiters: scope.waiters(), watchers: scope.watchers() }
    }
}

/// Series given to names: never taken back, since a recorder may keep them for good.
#[derive(Default)]
pub(crate) struct Places(Mutex<Given>);

#[derive(Default)]
struct Given {
    /// Every name that has ever had series of its own.
    names: BTreeSet<String>,
    /// The labels published the last time.
    shown: BTreeSet<String>,
}

impl Places {
    /// One row for each label: the open namespaces, and once more, with zeros, those that were closed since the last call.
    pub(super) fn rows<'a>(&self, open: impl IntoIterator<Item = (&'a str, Census)>) -> BTreeMap<String, Census> {
        let mut given = self.0.lock();
        let mut rows = BTreeMap::<String, Census>::new();
        for (name, census) in open {
            let own = given.names.contains(name) || given.names.len() < MOST;
            let label = if own && name != OTHER {
                given.names.insert(name.to_owned());
                name
            } else {
                OTHER
            };
            rows.entry(label.to_owned()).or_default().add(census);
        }
        let shown = rows.keys().cloned().collect();
        for gone in std::mem::replace(&mut given.shown, shown) {
            rows.entry(gone).or_default();
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(services: usize) -> Census {
        Census { services, ..Census::default() }
    }

    fn services(rows: &BTreeMap<String, Census>) -> Vec<(&str, usize)> {
        rows.iter().map(|(label, census)| (label.as_str(), census.services)).collect()
    }

    #[test]
    fn a_closed_namespace_is_zero_once_and_then_gone() {
        let places = Places::default();
        assert_eq!(services(&places.rows([("a", one(1)), ("b", one(2))])), [("a", 1), ("b", 2)]);
        assert_eq!(services(&places.rows([("b", one(3))])), [("a", 0), ("b", 3)]);
        assert_eq!(services(&places.rows([("b", one(3))])), [("b", 3)]);
        assert_eq!(services(&places.rows([("a", one(4))])), [("a", 4), ("b", 0)]);
    }

    #[test]
    fn labels_are_bounded_over_all_time_and_nothing_is_lost() {
        let places = Places::default();
        let mut labels = BTreeSet::new();
        for round in 0..10 {
            let names: Vec<String> = (0..50).map(|n| format!("namespace-{}", round * 50 + n)).collect();
            let rows = places.rows(names.iter().map(|name| (name.as_str(), one(1))));
            assert_eq!(rows.values().map(|census| census.services).sum::<usize>(), 50);
            labels.extend(rows.into_keys());
        }
        assert_eq!(labels.len(), MOST + 1);
        assert!(labels.contains(OTHER));
        assert_eq!(services(&places.rows([(OTHER, one(1)), ("new", one(1))]))[0], (OTHER, 2), "whoever is called so");
    }
}
