//! The read side: every entry, found without a lock.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use scc::Guard;

use super::entry::{EntryRef, State};
use super::scope::Scope;

/// The key of a lookup: the interned scope and the name as written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) name: &'a str,
}

impl Hash for Key<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.scope.id());
        state.write(self.name.as_bytes());
    }
}

impl PartialEq for Key<'_> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.scope.is(other.scope) && self.name == other.name
    }
}

impl scc::Equivalent<Indexed> for Key<'_> {
    #[inline]
    fn equivalent(&self, entry: &Indexed) -> bool {
        *self == entry.0.key()
    }
}

/// An entry as the index's key. Two are equal when they are the same entry; no two of one name are in the index at once.
struct Indexed(EntryRef);

impl Hash for Indexed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key().hash(state);
    }
}

impl PartialEq for Indexed {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Indexed {}

/// An empty registry stays under 16 KiB with this many slots.
const INITIAL_CAPACITY: usize = 256;

/// The lock-free index of all entries.
pub(crate) struct Index {
    map: scc::HashIndex<Indexed, (), KeyHashing>,
    hashing: KeyHashing,
    /// How many entries walks have come by.
    #[cfg(test)]
    pub(super) walked: std::sync::atomic::AtomicUsize,
}

impl Index {
    pub(crate) fn new() -> Self {
        let hashing = KeyHashing::default();
        Self {
            map: scc::HashIndex::with_capacity_and_hasher(INITIAL_CAPACITY, hashing.clone()),
            hashing,
            #[cfg(test)]
            walked: std::sync::atomic::AtomicUsize::new(0),
        }
    }

    pub(super) fn hash(&self, key: Key<'_>) -> u64 {
        self.hashing.hash_one(key)
    }

    /// Calls `f` on the entry of this name, which cannot be reclaimed meanwhile. No lock, no shared write.
    #[inline]
    pub(crate) fn peek<R>(&self, key: Key<'_>, f: impl FnOnce(&EntryRef) -> R) -> Option<R> {
        self.map.peek_with(&key, |entry, ()| f(&entry.0))
    }

    /// [`peek`](Self::peek) with the key's [`hash`](Self::hash).
    pub(super) fn peek_placed<R>(&self, key: Key<'_>, hash: u64, f: impl FnOnce(&EntryRef) -> R) -> Option<R> {
        self.map.peek_with(&Placed { key, hash }, |entry, ()| f(&entry.0))
    }

    /// The entry of a scope whose key has this hash.
    pub(super) fn find_in(&self, scope: &Scope, hash: u64) -> Option<EntryRef> {
        self.map.peek_with(&ByHash { scope, hash, index: self }, |entry, ()| Arc::clone(&entry.0))
    }

    /// Under the key's partition lock, and with no entry of this name in the index.
    pub(super) fn insert(&self, entry: EntryRef) {
        let inserted = self.map.insert_sync(Indexed(entry), ()).is_ok();
        debug_assert!(inserted, "an entry is inserted once");
    }

    /// Under the key's partition lock.
    pub(super) fn remove(&self, entry: &EntryRef, hash: u64) {
        let removed = self.map.remove_sync(&ByIdentity { entry, hash });
        debug_assert!(removed, "an entry is removed once");
    }

    /// What its slots take, filled or not: a pointer to an entry and a byte of its hash each.
    pub(super) fn bytes(&self) -> usize {
        self.map.capacity() * (size_of::<Indexed>() + 1)
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// Visits every entry that stays in the index meanwhile at least once; one that comes or goes may be missed.
    pub(crate) fn for_each(&self, mut f: impl FnMut(&EntryRef)) {
        let guard = Guard::new();
        for (entry, ()) in self.map.iter(&guard) {
            #[cfg(test)]
            self.walked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if entry.0.status().state != State::Gone {
                f(&entry.0);
            }
        }
    }
}

/// This thread reads and writes indexes now. What it does with them while it has this costs no barrier more.
pub(super) struct Pinned(#[expect(dead_code, reason = "kept to be dropped")] Guard);

impl Pinned {
    pub(super) fn new() -> Self {
        Self(Guard::new())
    }

    /// `None` in a thread that is being torn down: it cannot use an index any more.
    pub(super) fn try_new() -> Option<Self> {
        std::panic::catch_unwind(Self::new).ok()
    }
}

/// A key whose hash is known already.
struct Placed<'a> {
    key: Key<'a>,
    hash: u64,
}

impl Hash for Placed<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl scc::Equivalent<Indexed> for Placed<'_> {
    fn equivalent(&self, entry: &Indexed) -> bool {
        self.key == entry.0.key()
    }
}

/// A key of which no more is known.
struct ByHash<'a> {
    scope: &'a Scope,
    hash: u64,
    index: &'a Index,
}

impl Hash for ByHash<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl scc::Equivalent<Indexed> for ByHash<'_> {
    fn equivalent(&self, entry: &Indexed) -> bool {
        entry.0.scope().is(self.scope) && self.index.hash(entry.0.key()) == self.hash
    }
}

struct ByIdentity<'a> {
    entry: &'a EntryRef,
    hash: u64,
}

impl Hash for ByIdentity<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl scc::Equivalent<Indexed> for ByIdentity<'_> {
    fn equivalent(&self, entry: &Indexed) -> bool {
        Arc::ptr_eq(self.entry, &entry.0)
    }
}

/// Hashes keys, and takes over hashes that are known: a `u64` is one.
#[derive(Clone, Default)]
struct KeyHashing(foldhash::fast::RandomState);

struct KeyHasher {
    fold: foldhash::fast::FoldHasher<'static>,
    known: Option<u64>,
}

impl BuildHasher for KeyHashing {
    type Hasher = KeyHasher;

    #[inline]
    fn build_hasher(&self) -> KeyHasher {
        KeyHasher { fold: self.0.build_hasher(), known: None }
    }
}

impl Hasher for KeyHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.fold.write(bytes);
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.fold.write_u32(number);
    }

    #[inline]
    fn write_u64(&mut self, hash: u64) {
        self.known = Some(hash);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.known.unwrap_or_else(|| self.fold.finish())
    }
}
