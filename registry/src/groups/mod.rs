//! Groups: names that many can join, each with a value of its own.
//!
//! # Invariants
//!
//! 1. A group's partition is fixed by the hash of its key. Every join and leave happens while that partition's mutex is
//!    held; a group is there exactly while it has members.
//! 2. The members of a group are a [`Chunked`](chunked::Chunked) vector, whose copy costs one reference count. A dispatch
//!    takes such a copy under the lock and visits it behind the lock: it sees the group as it was at that moment, and
//!    changes meanwhile copy the chunks that they touch.
//! 3. A member's place is stored under the lock and read without it: one that has left meanwhile is not visited.
//! 4. Lock order: partition, then the owner's names. A process that ends takes its memberships out under its own lock,
//!    releases it, and only then enters a partition.
//! 5. No value of the user is dropped, cloned or called inside a partition: whoever removes a member holds a reference to
//!    it until the lock is released.

mod chunked;
mod dispatch;
mod group;
mod guard;
mod member;
mod partitions;

#[cfg(all(test, feature = "shuttle"))]
mod model;

pub use dispatch::Dispatched;
pub(crate) use dispatch::{Snapshot, dispatch, dispatch_parallel};
pub use guard::Membership;
pub use member::Member;
pub use partitions::GroupListing;
pub(crate) use partitions::{Groups, Key, NotJoined, Space, WrongType};
