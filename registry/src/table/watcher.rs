//! One watcher of a namespace: where it stands in the log, and the snapshot it begins with.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::listing::Listing;
use super::log::{Change, Log};
use super::scope::Scope;
use super::write::Table;

/// A place in a namespace's log.
pub(crate) struct Watcher {
    scope: Scope,
    next: u64,
}

/// How often a snapshot is tried beside the writers before they are held up for one.
const TRIES: usize = 4;

impl Watcher {
    pub(crate) fn new(scope: &Scope) -> Self {
        scope.log().enter();
        if let Some(table) = scope.table() {
            table.watcher_came();
        }
        Self { scope: scope.clone(), next: 0 }
    }

    pub(crate) fn log(&self) -> &Log {
        self.scope.log()
    }

    /// The next change, if there is one; how many were lost, if the next one was.
    pub(crate) fn next(&mut self) -> Result<Option<Arc<Change>>, u64> {
        let change = self.log().get(self.next)?;
        self.next += u64::from(change.is_some());
        Ok(change)
    }

    /// The services of the namespace, sorted by name, and from here on [`next`](Self::next) tells what comes after.
    ///
    /// Writers are not held up for it, unless they change so much meanwhile that the log overflows again and again.
    pub(crate) fn snapshot(&mut self, table: &Table) -> Vec<Listing> {
        for _ in 0..TRIES {
            let begin = self.log().next();
            // The scan sees what was logged before, or was not logged since nobody watched: a change is logged somewhere in
            // its critical section, and those under way are over when this returns...
            table.pass();
            let mut services = self.scan(table);
            // ...and what the scan has seen of later ones is in the log when this returns.
            table.pass();
            let end = self.log().next();
            if self.replay(&mut services, begin, end) {
                self.next = end;
                return services.into_values().collect();
            }
        }
        let held = table.hold();
        let services = self.scan(table);
        self.next = self.log().next();
        drop(held);
        services.into_values().collect()
    }

    fn scan(&self, table: &Table) -> BTreeMap<String, Listing> {
        let entries = table.entries_of(&self.scope);
        let services = entries.iter().filter_map(Listing::of).filter(Listing::is_service);
        services.map(|service| (service.name.clone(), service)).collect()
    }

    /// Brings a scan to where the log stood at `end`; `false` if some of it is lost.
    fn replay(&self, services: &mut BTreeMap<String, Listing>, begin: u64, end: u64) -> bool {
        for number in begin..end {
            let Ok(Some(change)) = self.log().get(number) else { return false };
            let service = change.service();
            if matches!(*change, Change::Unregistered { .. }) {
                services.remove(&service.name);
            } else {
                services.insert(service.name.clone(), service.clone());
            }
        }
        true
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.log().leave();
        if let Some(table) = self.scope.table() {
            table.watcher_left();
        }
    }
}
