//! Numbers that are never used twice.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Which process: unique in this program run, never reused.
///
/// A name held by a [`Registration`](crate::Registration) guard has an id of its own, which stands for whoever holds
/// the guard.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessId(pub(crate) u64);

/// Which registration of a name: unique in this program run, never reused, so that what is left of an earlier one can be
/// told from the present one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistrationId(pub(crate) u64);

/// Which membership of a group: unique in this program run, never reused. One owner that joins a group twice has two.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MembershipId(pub(crate) u64);

/// How many ids a thread or a partition takes at a time.
const BLOCK: u64 = 1024;

impl ProcessId {
    pub(crate) const NOBODY: Self = Self(0);

    /// The next id. Threads take them in blocks, so that two that make processes do not meet here.
    pub(crate) fn next() -> Self {
        static BLOCKS: AtomicU64 = AtomicU64::new(0);
        thread_local!(static NEXT: Cell<u64> = const { Cell::new(0) });
        NEXT.with(|next| {
            let mut id = next.get();
            if id % BLOCK == 0 {
                id = BLOCKS.fetch_add(1, Relaxed) * BLOCK + 1;
            }
            next.set(id + 1);
            Self(id)
        })
    }

    /// The number itself, for logs and wire formats.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// Where a partition takes the ids of registrations and memberships from: rising, and apart from those of every other
/// partition of every registry, since one process can hold names in several.
#[derive(Debug, Default)]
pub(crate) struct Sequence(u64);

impl Sequence {
    pub(crate) fn next(&mut self) -> RegistrationId {
        static BLOCKS: AtomicU64 = AtomicU64::new(0);
        if self.0.is_multiple_of(BLOCK) {
            self.0 = BLOCKS.fetch_add(1, Relaxed) * BLOCK + 1;
        }
        let id = RegistrationId(self.0);
        self.0 += 1;
        id
    }
}

impl RegistrationId {
    /// The number itself, for logs and wire formats.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl MembershipId {
    /// The number itself, for logs and wire formats.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// What a process keeps a membership under, beside its names: both come from [`Sequence`]s.
    pub(crate) const fn as_held(self) -> RegistrationId {
        RegistrationId(self.0)
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

impl fmt::Debug for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for RegistrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

impl fmt::Debug for RegistrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for MembershipId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{}", self.0)
    }
}

impl fmt::Debug for MembershipId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
