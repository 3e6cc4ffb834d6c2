//! The slots of one partition, by namespace: closing one looks at its own only.

use std::collections::HashMap;
use std::sync::Arc;

use hashbrown::HashTable;

use super::index::Key;
use super::slot::Slot;

/// Under the partition's lock.
#[derive(Default)]
pub(super) struct Slots {
    scopes: HashMap<u32, HashTable<Arc<Slot>>, foldhash::fast::RandomState>,
    len: usize,
    /// How many slots were looked at one after the other.
    #[cfg(test)]
    pub(super) walked: std::sync::atomic::AtomicUsize,
}

impl Slots {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn find(&self, hash: u64, key: Key<'_>) -> Option<&Arc<Slot>> {
        if self.len == 0 {
            return None;
        }
        self.scopes.get(&key.scope.id())?.find(hash, |slot| slot.key() == key)
    }

    /// Where no slot of this key is.
    pub(super) fn insert(&mut self, hash: u64, slot: Arc<Slot>, hasher: impl Fn(Key<'_>) -> u64) {
        let slots = self.scopes.entry(slot.key().scope.id()).or_default();
        slots.insert_unique(hash, slot, |slot| hasher(slot.key()));
        self.len += 1;
    }

    pub(super) fn remove(&mut self, hash: u64, slot: &Arc<Slot>) {
        let id = slot.key().scope.id();
        let Some(slots) = self.scopes.get_mut(&id) else { return };
        if let Ok(found) = slots.find_entry(hash, |other| Arc::ptr_eq(other, slot)) {
            found.remove();
            self.len -= 1;
        }
        if slots.is_empty() {
            self.scopes.remove(&id);
        }
    }

    /// Those of one namespace.
    pub(super) fn of(&self, scope: u32) -> impl Iterator<Item = &Arc<Slot>> {
        let slots = self.scopes.get(&scope).into_iter().flatten();
        #[cfg(test)]
        let slots = slots.inspect(|_| {
            self.walked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        });
        slots
    }

    /// What they take on the heap, without their names. Looks at each namespace.
    pub(super) fn bytes(&self) -> usize {
        let tables = self.scopes.values().map(HashTable::allocation_size).sum::<usize>();
        // A key, a table and a byte of the hash for each place.
        let places = self.scopes.capacity() * (size_of::<(u32, HashTable<Arc<Slot>>)>() + 1);
        places + tables + self.len * size_of::<Slot>()
    }
}
