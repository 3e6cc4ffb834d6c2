//! The private heart: one lock-free read index and a partitioned write side.
//!
//! # Invariants
//!
//! 1. A key's partition is fixed by its hash. Every change to an entry's status, owner or value, and every insertion
//!    into and removal from the index, happens while that partition's mutex is held. Readers take no lock.
//! 2. An entry is in the index exactly while its state is not `Gone`. Its status word is stored before its removal
//!    from the index, so a reader that still sees it there sees `Gone`.
//! 3. Lock order: partitions in ascending order, then the owner's names or the scope's members. A process that ends
//!    takes its names out under its own lock, releases it, and only then enters a partition.
//! 4. A slot's generation is raised after the index was changed and before the partition is unlocked: who reads
//!    generation g and then the index sees at least the change that made g.
//! 5. No code of the user runs inside a partition. Values leave a critical section in [`Removed`](entry::Removed) and are
//!    dropped behind it, wakers and handlers are called behind it, and whether anybody listens is asked before it. What
//!    the index reclaims late holds no value any more: each is taken out when its entry is removed.

mod change;
mod entry;
mod index;
mod listing;
mod log;
mod partition;
mod scope;
mod section;
mod slot;
mod slots;
mod tally;
mod watcher;
mod write;

#[cfg(all(test, not(feature = "shuttle")))]
mod closing;
#[cfg(all(test, feature = "shuttle"))]
mod model;
#[cfg(all(test, feature = "shuttle"))]
mod watching_model;

pub(crate) use change::{Unchanged, cell_of, release};
pub(crate) use entry::{Contained, Entry, EntryRef, State};
pub(crate) use index::Key;
pub use listing::Listing;
pub use log::{Change, UnregisterReason};
pub use scope::{NamespaceClass, Scope};
pub(crate) use slot::SlotRef;
pub(crate) use watcher::Watcher;
pub(crate) use write::{Claim, Claimed, Owner, Refused, Table};
