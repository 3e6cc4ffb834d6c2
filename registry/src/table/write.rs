//! The table, and how a free name is taken.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use super::change::release;
use super::entry::{Entry, EntryRef, State, Status};
use super::index::{Index, Key};
use super::log::UnregisterReason;
use super::partition::{Partition, Partitions};
use super::scope::{NamespaceClass, Scope};
use super::section::Section;
use crate::error::NameState;
use crate::process::{ExitReason, Held, ProcessId, ProcessRef, RegistrationId};
use crate::sync::MutexGuard;
use crate::telemetry::Telemetry;

/// The table behind a registry.
pub(crate) struct Table {
    index: Index,
    partitions: Partitions,
    telemetry: Telemetry,
    waiting: Apart<AtomicUsize>,
    test_scopes: AtomicUsize,
    watchers: AtomicUsize,
}

/// On cache lines of its own: what is written often does not disturb those who read the fields beside it.
#[derive(Default)]
#[repr(align(128))]
struct Apart<T>(T);

/// One wait under way.
pub(crate) struct Waiting<'a>([&'a AtomicUsize; 2]);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        for count in self.0 {
            count.fetch_sub(1, Relaxed);
        }
    }
}

/// Whose a name is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Owner<'a> {
    /// Nobody but the guard; the id stands for whoever holds it.
    Guard(ProcessId),
    /// A process: the name is freed when it ends.
    Process(&'a ProcessRef),
}

impl Owner<'_> {
    pub(crate) fn id(self) -> ProcessId {
        match self {
            Self::Guard(id) => id,
            Self::Process(process) => process.id(),
        }
    }
}

/// What a claim asks for.
#[derive(Clone, Copy)]
pub(crate) struct Claim<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) name: &'a str,
    pub(crate) owner: Owner<'a>,
    /// The name is kept between incarnations.
    pub(crate) reserved: bool,
}

impl Claim<'_> {
    pub(super) fn key(&self) -> Key<'_> {
        Key { scope: self.scope, name: self.name }
    }
}

/// A granted claim.
pub(crate) struct Claimed {
    pub(crate) entry: EntryRef,
    pub(crate) id: RegistrationId,
}

/// A refused claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Taken { holder: ProcessId, state: NameState },
    NotAlive,
    Closed,
}

impl Table {
    pub(crate) fn new(partitions: NonZeroUsize) -> Self {
        Self {
            index: Index::new(),
            partitions: Partitions::new(partitions),
            telemetry: Telemetry::default(),
            waiting: Apart::default(),
            test_scopes: AtomicUsize::new(0),
            watchers: AtomicUsize::new(0),
        }
    }

    #[inline]
    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    pub(crate) fn partitions(&self) -> &Partitions {
        &self.partitions
    }

    #[inline]
    pub(crate) fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// Counts a wait in a scope until the answer is dropped.
    pub(crate) fn waiting<'a>(&'a self, scope: &'a Scope) -> Waiting<'a> {
        let counts = [&self.waiting.0, scope.waiting()];
        for count in counts {
            count.fetch_add(1, Relaxed);
        }
        Waiting(counts)
    }

    pub(crate) fn waiters(&self) -> usize {
        self.waiting.0.load(Relaxed)
    }

    pub(super) fn watcher_came(&self) {
        self.watchers.fetch_add(1, Relaxed);
    }

    pub(super) fn watcher_left(&self) {
        self.watchers.fetch_sub(1, Relaxed);
    }

    pub(crate) fn watchers(&self) -> usize {
        self.watchers.load(Relaxed)
    }

    /// What index, partitions, entries and counters take on the heap, added up from what they are now.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.index.bytes() + self.partitions.bytes() + self.telemetry.bytes()
    }

    pub(crate) fn test_scope_opened(&self) {
        self.test_scopes.fetch_add(1, Relaxed);
    }

    pub(super) fn test_scope_closed(&self) {
        self.test_scopes.fetch_sub(1, Relaxed);
    }

    pub(crate) fn test_scopes(&self) -> usize {
        self.test_scopes.load(Relaxed)
    }

    /// How many names the namespaces of a class hold.
    pub(crate) fn count_of(&self, class: NamespaceClass) -> usize {
        (0..self.partitions.len()).map(|index| self.partitions.lock(index).entries[class as usize]).sum()
    }

    /// How many names somebody refers to or waits for.
    pub(crate) fn slots(&self) -> usize {
        (0..self.partitions.len()).map(|index| self.partitions.lock(index).slots.len()).sum()
    }

    /// Waits until every critical section under way is over.
    pub(super) fn pass(&self) {
        (0..self.partitions.len()).for_each(|index| drop(self.partitions.lock(index)));
    }

    /// Holds up all writers.
    pub(super) fn hold(&self) -> Vec<MutexGuard<'_, Partition>> {
        (0..self.partitions.len()).map(|index| self.partitions.lock(index)).collect()
    }

    pub(super) fn hash(&self, key: Key<'_>) -> u64 {
        self.index.hash(key)
    }

    /// The hash of a key and the partition it belongs to.
    pub(super) fn place(&self, key: Key<'_>) -> (u64, usize) {
        let hash = self.hash(key);
        (hash, self.partitions.of(hash))
    }

    /// Takes a free name. The value comes back when the claim is refused.
    pub(crate) fn claim<T: Send + Sync + 'static>(
        self: &Arc<Self>,
        claim: &Claim<'_>,
        value: Option<T>,
    ) -> Result<Claimed, (Refused, Option<T>)> {
        self.change(claim.key(), |section| {
            if let Err(refused) = section.admit(claim) {
                return Err((refused, value));
            }
            let state = if value.is_some() { State::Ready } else { State::Starting };
            let id = section.next_id();
            let adopting = match claim.owner {
                Owner::Guard(_) => None,
                Owner::Process(process) => match process.adopting() {
                    Some(adopting) => Some(adopting),
                    None => return Err((Refused::NotAlive, value)),
                },
            };
            let entry: EntryRef = Entry::new(claim.key(), value);
            if let Some(mut adopting) = adopting {
                adopting.add(id, Self::held(&entry));
            }
            section.install(claim, &entry, Status { id, reserved: claim.reserved, state });
            Ok(Claimed { entry, id })
        })
    }

    /// Takes all of the names or none. The entries are untouched when one is refused, and its position is told.
    pub(crate) fn claim_all(
        self: &Arc<Self>,
        scope: &Scope,
        process: &ProcessRef,
        entries: &[EntryRef],
    ) -> Result<Vec<RegistrationId>, (usize, Refused)> {
        let owner = Owner::Process(process);
        let claims: Vec<_> =
            entries.iter().map(|entry| Claim { scope, name: entry.name(), owner, reserved: false }).collect();
        let places: Vec<_> = entries.iter().map(|entry| self.place(entry.key())).collect();
        let mut order: Vec<usize> = places.iter().map(|&(_, index)| index).collect();
        order.sort_unstable();
        order.dedup();
        let mut locked: Vec<_> = order.iter().map(|&index| self.partitions.lock(index)).collect();
        let partition_of = |index: usize| order.binary_search(&index).unwrap_or_else(|_| unreachable!("locked"));

        let mut seen = HashSet::with_capacity(entries.len());
        for (at, (claim, &(hash, index))) in claims.iter().zip(&places).enumerate() {
            let section = Section::new(self, &mut locked[partition_of(index)], hash, claim.key());
            section.admit(claim).map_err(|refused| (at, refused))?;
            if !seen.insert(claim.name) {
                return Err((at, Refused::Taken { holder: process.id(), state: NameState::Ready }));
            }
        }
        let ids: Vec<_> = places.iter().map(|&(_, index)| locked[partition_of(index)].next_id()).collect();
        let Some(mut adopting) = process.adopting() else { return Err((0, Refused::NotAlive)) };
        for (&id, entry) in ids.iter().zip(entries) {
            adopting.add(id, Self::held(entry));
        }
        drop(adopting);
        let mut after = Vec::with_capacity(entries.len());
        for ((claim, entry), (&id, &(hash, index))) in claims.iter().zip(entries).zip(ids.iter().zip(&places)) {
            let mut section = Section::new(self, &mut locked[partition_of(index)], hash, claim.key());
            section.install(claim, entry, Status { id, reserved: false, state: State::Ready });
            after.push(section.after);
        }
        drop(locked);
        after.into_iter().for_each(|after| after.settle(self));
        Ok(ids)
    }

    /// What a process keeps of a name that is its own.
    pub(super) fn held(entry: &EntryRef) -> Box<dyn Held> {
        Box::new(HeldEntry(Arc::clone(entry)))
    }
}

struct HeldEntry(EntryRef);

impl Held for HeldEntry {
    fn release(&self, id: RegistrationId, exit: &ExitReason) {
        release(&self.0, Some(id), UnregisterReason::Exited(exit.clone()));
    }

    fn namespace(&self) -> &str {
        self.0.scope().name()
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn is_of(&self, table: *const ()) -> bool {
        self.0.scope().is_of(table)
    }
}
