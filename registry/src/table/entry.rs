//! One name and who holds it.

use std::any::Any;
use std::any::type_name;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use arc_swap::ArcSwapOption;
use compact_str::CompactString;

use super::index::Key;
use super::scope::Scope;
use crate::process::{ProcessId, ProcessRef, RegistrationId, contain};
use crate::sync::{AtomicU64, Mutex};

/// What a name is doing; see the crate documentation for what lookups answer in each state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum State {
    /// Reserved, and nothing was ever published.
    Starting = 0,
    /// Reserved, between two incarnations.
    Restarting = 1,
    Ready = 2,
    Draining = 3,
    /// Out of the index. Final.
    Gone = 4,
}

/// The registration id, whether a reservation holds the name, and the state, in one word: a reader sees them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) id: RegistrationId,
    pub(crate) reserved: bool,
    pub(crate) state: State,
}

impl Status {
    fn pack(self) -> u64 {
        self.id.0 << 4 | u64::from(self.reserved) << 3 | self.state as u64
    }

    #[inline]
    fn unpack(word: u64) -> Self {
        let state = match word & 0b111 {
            0 => State::Starting,
            1 => State::Restarting,
            2 => State::Ready,
            3 => State::Draining,
            _ => State::Gone,
        };
        Self { id: RegistrationId(word >> 4), reserved: word & 0b1000 != 0, state }
    }
}

/// An entry whose value type is known only at run time.
pub(crate) type EntryRef = Arc<Entry<dyn ErasedCell>>;

/// A name, its holder and its value.
///
/// The key is inside, so that a hit costs one pointer. `owner` repeats `owner_id` for writers only, and is locked only when
/// it is or was there: `owner_id` says so with [`OWNED`].
pub(crate) struct Entry<C: ?Sized> {
    scope: Scope,
    name: CompactString,
    status: AtomicU64,
    owner_id: AtomicU64,
    owner: Mutex<Option<ProcessRef>>,
    cell: C,
}

/// The bit of `owner_id` for a process that is to be told when it loses the name. Ids are counted and never get there.
const OWNED: u64 = 1 << 63;

impl<T: Send + Sync + 'static> Entry<Cell<T>> {
    /// A new entry, not yet anybody's and not yet in the index.
    pub(crate) fn new(key: Key<'_>, value: Option<T>) -> Arc<Self> {
        let status = Status { id: RegistrationId(0), reserved: false, state: State::Gone };
        Arc::new(Self {
            scope: key.scope.clone(),
            name: CompactString::new(key.name),
            status: AtomicU64::new(status.pack()),
            owner_id: AtomicU64::new(ProcessId::NOBODY.0),
            owner: Mutex::new(None),
            cell: Cell::new(value),
        })
    }
}

/// The two counts in front of what an `Arc` shares.
const COUNTS: usize = 2 * size_of::<usize>();

impl Entry<dyn ErasedCell> {
    /// Bytes on the heap for this entry and its value, without what the value owns itself.
    pub(super) fn bytes(&self) -> usize {
        let name = if self.name.is_heap_allocated() { self.name.capacity() } else { 0 };
        COUNTS + size_of_val(self) + name + self.cell.value_bytes()
    }
}

impl<C: ?Sized> Entry<C> {
    #[inline]
    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    #[inline]
    pub(crate) fn key(&self) -> Key<'_> {
        Key { scope: &self.scope, name: &self.name }
    }

    #[inline]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    #[inline]
    pub(crate) fn status(&self) -> Status {
        Status::unpack(self.status.load(Acquire))
    }

    #[inline]
    pub(crate) fn owner_id(&self) -> ProcessId {
        ProcessId(self.owner_id.load(Acquire) & !OWNED)
    }

    #[inline]
    pub(crate) fn cell(&self) -> &C {
        &self.cell
    }

    /// Under the partition's lock.
    pub(super) fn set_status(&self, status: Status) {
        self.status.store(status.pack(), Release);
    }

    /// Under the partition's lock; the id is stored before the status that makes it readable.
    pub(super) fn set_owner(&self, id: ProcessId, owner: Option<ProcessRef>) -> Option<ProcessRef> {
        let before = self.owner_id.load(Relaxed);
        self.owner_id.store(id.0 | if owner.is_some() { OWNED } else { 0 }, Release);
        if before & OWNED == 0 && owner.is_none() {
            return None;
        }
        std::mem::replace(&mut *self.owner.lock(), owner)
    }
}

/// The place of a value, read without a lock and emptied by whoever removes the entry.
///
/// A reader borrows the value and writes to nothing that another thread reads; whoever takes the value out turns what is
/// borrowed at that moment into references. So a value is dropped when it was taken out and its last reader has left,
/// by the last of them, and never later.
///
/// Taking it out looks at the notes of every thread that has ever read or removed one. The Drop of an `ArcSwapOption` does
/// so again, also when nothing is in it any more: hence no Drop but this cell's own.
pub(crate) struct Cell<T: Send + Sync + 'static>(ManuallyDrop<ArcSwapOption<Contained<T>>>);

impl<T: Send + Sync + 'static> Drop for Cell<T> {
    fn drop(&mut self) {
        if self.0.load().is_some() {
            drop(self.0.swap(None));
        }
    }
}

impl<T: Send + Sync + 'static> Cell<T> {
    fn new(value: Option<T>) -> Self {
        Self(ManuallyDrop::new(ArcSwapOption::new(value.map(|value| Arc::new(Contained::new(value))))))
    }

    /// Calls `f` on the value, which lives as long as that takes; `None` when the entry was emptied meanwhile.
    #[inline]
    pub(crate) fn read<R>(&self, f: impl FnOnce(&T) -> R) -> Option<R> {
        self.0.load().as_deref().map(|value| f(value.get()))
    }

    /// The value itself.
    pub(super) fn share(&self) -> Option<Arc<Contained<T>>> {
        self.0.load_full()
    }

    /// Whether this is still the value.
    pub(super) fn holds(&self, value: &Arc<Contained<T>>) -> bool {
        self.0.load().as_ref().is_some_and(|now| Arc::ptr_eq(now, value))
    }

    /// Puts a value in, and hands out the one that was there.
    pub(super) fn put(&self, value: T) -> Option<Removed> {
        self.0.swap(Some(Arc::new(Contained::new(value)))).map(Removed::new)
    }
}

/// What the write side needs of a cell of any type.
pub(crate) trait ErasedCell: Any + Send + Sync {
    /// Takes the value out, to be dropped outside of every lock.
    fn take(&self) -> Option<Removed>;
    fn type_name(&self) -> &'static str;
    /// Bytes on the heap for a value, without what it owns itself.
    fn value_bytes(&self) -> usize;
    fn as_any(&self) -> &dyn Any;
}

impl<T: Send + Sync + 'static> ErasedCell for Cell<T> {
    fn take(&self) -> Option<Removed> {
        self.0.swap(None).map(Removed::new)
    }

    fn type_name(&self) -> &'static str {
        type_name::<T>()
    }

    fn value_bytes(&self) -> usize {
        COUNTS + size_of::<Contained<T>>()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A user's value inside shared memory: its Drop may panic, and that must not unwind into whichever call happened to
/// drop it last.
pub(crate) struct Contained<T>(Option<T>);

impl<T> Contained<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }

    pub(crate) fn get(&self) -> &T {
        match &self.0 {
            Some(value) => value,
            None => unreachable!("emptied by its Drop only"),
        }
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        if !std::mem::needs_drop::<T>() {
            return;
        }
        contain(type_name::<T>(), || drop(value));
    }
}

/// A value that was taken out of its entry: made inside a critical section, dropped behind it.
#[must_use]
pub(crate) struct Removed(#[expect(dead_code, reason = "kept to be dropped")] Arc<dyn Any + Send + Sync>);

impl Removed {
    fn new<T: Send + Sync + 'static>(value: Arc<Contained<T>>) -> Self {
        Self(value)
    }
}
