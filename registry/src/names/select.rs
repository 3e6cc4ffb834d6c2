//! Selecting services by what they are.

use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;

use super::registry::ProcessRegistry;
use crate::process::{ProcessId, RegistrationId};
use crate::table::{Scope, State, cell_of};

/// A selected service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Selected<T> {
    /// Its name.
    pub name: String,
    /// Who holds it.
    pub holder: ProcessId,
    /// Its value.
    pub value: T,
}

/// A part of a selection, in the order of the names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The services of this page.
    pub services: Vec<Selected<T>>,
    /// What to ask for the next page with; `None` behind the last one.
    pub next: Option<String>,
}

impl ProcessRegistry {
    /// How many ready services of type `T` in a scope `matches` says yes to.
    ///
    /// This walks the registry, which may call `matches` twice for a service while the index grows; it counts once.
    /// `matches` gets name, holder and value, outside of every lock.
    pub fn count_where<T: Send + Sync + 'static>(
        &self,
        scope: &Scope,
        mut matches: impl FnMut(&str, ProcessId, &T) -> bool,
    ) -> usize {
        // While the index grows an entry may be visited twice.
        let mut counted = HashSet::new();
        self.visit(scope, |id, name, holder, value| {
            if matches(name, holder, value) {
                counted.insert(id);
            }
        });
        counted.len()
    }

    /// The first `limit` ready services of type `T` that `matches` says yes to, by name, from behind the name `after`.
    ///
    /// Each page walks the registry once and keeps no more than `limit` services. Pages agree with each other and with
    /// [`count_where`](Self::count_where) as far as nothing changes meanwhile.
    ///
    /// # Panics
    ///
    /// When `limit` is 0.
    pub fn select<T: Clone + Send + Sync + 'static>(
        &self,
        scope: &Scope,
        after: Option<&str>,
        limit: usize,
        mut matches: impl FnMut(&str, ProcessId, &T) -> bool,
    ) -> Page<T> {
        assert!(limit > 0, "a page has at least one service");
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut first: BTreeMap<String, (ProcessId, T)> = BTreeMap::new();
        let mut more = false;
        self.visit(scope, |_, name, holder, value: &T| {
            let behind = match after {
                Bound::Excluded(after) => name > after,
                _ => true,
            };
            if !behind || !matches(name, holder, value) {
                return;
            }
            if first.len() == limit && first.last_key_value().is_some_and(|(last, _)| name > last.as_str()) {
                more = true;
                return;
            }
            first.insert(name.to_owned(), (holder, value.clone()));
            if first.len() > limit {
                first.pop_last();
                more = true;
            }
        });
        let next = if more { first.last_key_value().map(|(name, _)| name.clone()) } else { None };
        let services = first.into_iter().map(|(name, (holder, value))| Selected { name, holder, value }).collect();
        Page { services, next }
    }

    fn visit<T: Send + Sync + 'static>(&self, scope: &Scope, mut f: impl FnMut(RegistrationId, &str, ProcessId, &T)) {
        self.table().visit(scope, |entry| {
            if entry.status().state == State::Ready
                && let Some(cell) = cell_of::<T>(entry)
            {
                cell.read(|value| f(entry.status().id, entry.name(), entry.owner_id(), value));
            }
        });
    }
}
