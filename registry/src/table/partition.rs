//! The write side, divided by the hash of the key.

use std::num::NonZeroUsize;

use super::scope::NamespaceClass;
use super::slots::Slots;
use crate::process::{RegistrationId, Sequence};
use crate::sync::{Mutex, MutexGuard};

/// What one lock protects.
#[derive(Default)]
pub(crate) struct Partition {
    ids: Sequence,
    /// By namespace class.
    pub(super) entries: [usize; NamespaceClass::ALL.len()],
    /// What the entries take on the heap, without what their values own themselves.
    pub(super) bytes: usize,
    pub(super) slots: Slots,
}

impl Partition {
    /// The next registration id: higher than all before it in this partition, and never that of another one.
    pub(super) fn next_id(&mut self) -> RegistrationId {
        self.ids.next()
    }
}

/// Apart by a cache line, so that neighbours do not slow each other down.
#[repr(align(128))]
struct Padded(Mutex<Partition>);

/// All the partitions of a table.
pub(crate) struct Partitions(Box<[Padded]>);

impl Partitions {
    pub(crate) fn new(count: NonZeroUsize) -> Self {
        Self((0..count.get()).map(|_| Padded(Mutex::new(Partition::default()))).collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn of(&self, hash: u64) -> usize {
        // The high half: the index uses the low bits for its buckets.
        (((hash >> 32) * self.0.len() as u64) >> 32) as usize
    }

    pub(super) fn lock(&self, partition: usize) -> MutexGuard<'_, Partition> {
        self.0[partition].0.lock()
    }

    /// What the partitions, their entries and their slots take.
    pub(super) fn bytes(&self) -> usize {
        let each = |index| {
            let partition = self.lock(index);
            partition.bytes + partition.slots.bytes()
        };
        size_of_val(&*self.0) + (0..self.len()).map(each).sum::<usize>()
    }

    /// The number of entries in each partition.
    pub(crate) fn occupancy(&self) -> Vec<usize> {
        (0..self.len()).map(|partition| self.lock(partition).entries.iter().sum()).collect()
    }
}
