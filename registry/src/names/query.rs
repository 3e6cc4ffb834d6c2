//! Questions over all scopes.

use std::sync::Arc;

use super::batch::Batch;
use super::registry::ProcessRegistry;
use crate::process::ProcessRef;
use crate::table::{Listing, NamespaceClass, Scope};
use crate::telemetry::{HandlerId, TelemetryEvent};

/// What a registry holds, at about one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Names held, reserved ones included.
    pub total_services: usize,
    /// Those in the namespace `production`.
    pub production_services: usize,
    /// Open namespaces that have a name.
    pub namespaces: usize,
    /// Open test namespaces.
    pub test_namespaces: usize,
    /// Write partitions.
    pub partitions: usize,
    /// Names in each partition.
    pub occupancy: Vec<usize>,
    /// Watches of namespaces.
    pub watchers: usize,
    /// What the registry's names take on the heap, in bytes, added up from the sizes and capacities of what is there: index,
    /// partitions, entries, counters. Not in it: what values own themselves, and groups.
    pub memory_bytes: usize,
    /// Waits under way.
    pub waiters: usize,
    /// Memberships of groups, subscriptions to topics included.
    pub memberships: usize,
    /// Names that somebody waits for, monitors or holds a [`ServiceRef`](crate::ServiceRef) to.
    pub slots: usize,
}

impl ProcessRegistry {
    /// How many names are held, reserved ones included.
    pub fn count(&self) -> usize {
        self.0.table.partitions().occupancy().iter().sum()
    }

    /// Everything that is held, by namespace and name.
    ///
    /// What is held all the while is listed once; what comes or goes meanwhile may or may not be.
    pub fn list(&self) -> Vec<Listing> {
        let mut list = Vec::new();
        self.0.table.index().for_each(|entry| list.extend(Listing::of(entry)));
        sorted(list)
    }

    /// Everything that is held in one scope, by name.
    pub fn list_scope(&self, scope: &Scope) -> Vec<Listing> {
        sorted(self.0.table.entries_of(scope).iter().filter_map(Listing::of).collect())
    }

    /// Namespace and name of everything that a process holds here, sorted. Takes as long as it has names.
    pub fn keys(&self, process: &ProcessRef) -> Vec<(String, String)> {
        let mut keys = process.names_in(Arc::as_ptr(&self.0.table).cast());
        keys.sort_unstable();
        keys
    }

    /// Namespace and name of every group that a process is in, once for each membership, sorted.
    pub fn memberships(&self, process: &ProcessRef) -> Vec<(String, String)> {
        let mut memberships = self.0.groups.joined(process);
        memberships.sort_unstable();
        memberships
    }

    /// Several registrations for one process, all or none.
    pub fn batch(&self, scope: &Scope, process: &ProcessRef) -> Batch {
        Batch::new(self, scope, process)
    }

    /// What the registry holds.
    pub fn stats(&self) -> Stats {
        let occupancy = self.0.table.partitions().occupancy();
        let production = self.0.scopes.get("production").map_or(0, |scope| scope.count());
        Stats {
            total_services: occupancy.iter().sum(),
            production_services: production,
            namespaces: self.0.scopes.len(),
            test_namespaces: self.0.table.test_scopes(),
            partitions: occupancy.len(),
            occupancy,
            waiters: self.0.table.waiters(),
            watchers: self.0.table.watchers(),
            memory_bytes: self.0.table.bytes(),
            memberships: NamespaceClass::ALL.map(|class| self.0.groups.count_of(class)).iter().sum(),
            slots: self.0.table.slots(),
        }
    }

    /// Calls `handler` at each operation from now on, in the thread of the operation and outside of every lock.
    ///
    /// While a handler is attached every operation is timed, which costs more than the operation. A handler that panics is
    /// detached and reported, and never fails the operation. What a handler does with a registry is not told to handlers.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// use registry::{Operation, ServiceRegistry};
    ///
    /// let registry = ServiceRegistry::new();
    /// let misses = Arc::new(AtomicUsize::new(0));
    /// let counter = Arc::clone(&misses);
    /// let handler = registry.processes().attach(move |event| {
    ///     if event.operation == Operation::Lookup && event.result == "not_found" {
    ///         counter.fetch_add(1, Ordering::Relaxed);
    ///     }
    /// });
    /// let production = registry.namespace("production")?;
    /// assert!(production.lookup::<u32>("absent").is_err());
    /// assert!(registry.processes().detach(handler));
    /// assert!(production.lookup::<u32>("absent").is_err());
    /// assert_eq!(misses.load(Ordering::Relaxed), 1);
    /// # Ok::<(), registry::Error>(())
    /// ```
    pub fn attach(&self, handler: impl Fn(&TelemetryEvent<'_>) + Send + Sync + 'static) -> HandlerId {
        self.0.table.telemetry().handlers.attach(Arc::new(handler))
    }

    /// Calls a handler no more; `false` if it was not attached. A call under way in another thread may still be running.
    pub fn detach(&self, handler: HandlerId) -> bool {
        self.0.table.telemetry().handlers.detach(handler)
    }

    /// The open scopes that have a name, in no order.
    #[cfg(feature = "metrics")]
    pub(crate) fn named_scopes(&self) -> Vec<Scope> {
        self.0.scopes.iter().map(|scope| scope.clone()).collect()
    }

    /// How many names each class of namespaces holds, in the order of [`NamespaceClass::ALL`].
    pub fn count_by_class(&self) -> [(NamespaceClass, usize); 3] {
        NamespaceClass::ALL.map(|class| (class, self.0.table.count_of(class)))
    }
}

/// In order, and once each: an entry can be visited twice while the index grows.
fn sorted(mut list: Vec<Listing>) -> Vec<Listing> {
    list.sort_unstable_by(|one, other| {
        (&one.namespace, &one.name, one.registration).cmp(&(&other.namespace, &other.name, other.registration))
    });
    list.dedup_by_key(|listing| listing.registration);
    list
}
