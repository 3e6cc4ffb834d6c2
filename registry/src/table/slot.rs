//! What outlives an incarnation: a generation to compare, and the place where those who wait for a name are woken.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, OnceLock, Weak};

use compact_str::CompactString;
use tokio::sync::{Notify, Semaphore};

use super::index::Key;
use super::scope::Scope;
use super::write::Table;
use crate::sync::AtomicU64;

/// A name that somebody refers to or waits for.
pub(crate) struct Slot {
    scope: Scope,
    name: CompactString,
    generation: AtomicU64,
    /// How many [`SlotRef`]s there are. It falls under the partition's lock only, so the one that makes it 0 is the last.
    references: AtomicU64,
    changed: Notify,
    /// Lets one factory run at a time (get-or-register).
    flight: Semaphore,
    /// Made when somebody takes the lock of this name.
    lock: OnceLock<Arc<Semaphore>>,
}

impl Slot {
    fn new(key: Key<'_>) -> Self {
        Self {
            scope: key.scope.clone(),
            name: CompactString::new(key.name),
            generation: AtomicU64::new(1),
            references: AtomicU64::new(0),
            changed: Notify::new(),
            flight: Semaphore::new(1),
            lock: OnceLock::new(),
        }
    }

    pub(super) fn key(&self) -> Key<'_> {
        Key { scope: &self.scope, name: &self.name }
    }

    /// Under the partition's lock, behind the change of the index.
    pub(super) fn advance(&self) {
        self.generation.fetch_add(1, Release);
    }

    /// Outside of every lock: a waker is somebody else's code.
    pub(super) fn wake(&self) {
        self.changed.notify_waiters();
    }
}

/// Keeps a slot in its table, and not the table; the last one to go takes the slot along.
pub(crate) struct SlotRef {
    table: Weak<Table>,
    slot: Arc<Slot>,
}

impl SlotRef {
    pub(crate) fn new(table: &Arc<Table>, key: Key<'_>) -> Self {
        let (hash, index) = table.place(key);
        let mut partition = table.partitions().lock(index);
        let slot = match partition.slots.find(hash, key) {
            Some(slot) => Arc::clone(slot),
            None => {
                let slot = Arc::new(Slot::new(key));
                let copy = Arc::clone(&slot);
                partition.slots.insert(hash, copy, |key| table.hash(key));
                slot
            }
        };
        slot.references.fetch_add(1, Relaxed);
        drop(partition);
        Self { table: Arc::downgrade(table), slot }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.slot.generation.load(Acquire)
    }

    pub(crate) fn changed(&self) -> &Notify {
        &self.slot.changed
    }

    /// Waits until `decide` decides. It is asked at once, and again after each change of the name.
    pub(crate) async fn until<R>(&self, mut decide: impl FnMut() -> Option<R>) -> R {
        loop {
            // Hears of every change from here on, polled or not: nothing is missed between the look and the wait.
            let changed = self.changed().notified();
            if let Some(decision) = decide() {
                return decision;
            }
            changed.await;
        }
    }

    /// The lock of this name: one permit.
    pub(crate) fn lock(&self) -> Arc<Semaphore> {
        Arc::clone(self.slot.lock.get_or_init(|| Arc::new(Semaphore::new(1))))
    }

    pub(crate) fn flight(&self) -> &Semaphore {
        &self.slot.flight
    }
}

impl Clone for SlotRef {
    fn clone(&self) -> Self {
        self.slot.references.fetch_add(1, Relaxed);
        Self { table: Weak::clone(&self.table), slot: Arc::clone(&self.slot) }
    }
}

impl Drop for SlotRef {
    fn drop(&mut self) {
        let Some(table) = self.table.upgrade() else { return };
        let (hash, index) = table.place(self.slot.key());
        let mut partition = table.partitions().lock(index);
        let last = self.slot.references.fetch_sub(1, Relaxed) == 1;
        if last {
            partition.slots.remove(hash, &self.slot);
        }
    }
}
