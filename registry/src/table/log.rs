//! The changes of one namespace, in the order in which they happened, for those who watch it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use super::listing::Listing;
use crate::process::{ExitReason, ProcessId};
use crate::sync::{AtomicBool, AtomicU64, Mutex};

/// How many changes a watcher may be behind before it has to begin with a new snapshot.
pub(crate) const KEPT_CHANGES: usize = 1024;

/// One change of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// A service is there: lookups find it.
    Registered(Listing),
    /// Its holder gave it a new value.
    Updated(Listing),
    /// It was handed to another process.
    Transferred {
        /// The service, with its new holder.
        service: Listing,
        /// Who held it before.
        from: ProcessId,
    },
    /// It is on its way out: lookups do not find it any more, and its name is still held.
    Draining(Listing),
    /// It is gone. There is one of these for each [`Registered`](Self::Registered), whatever ended it.
    Unregistered {
        /// The service, as it last was.
        service: Listing,
        /// What ended it.
        reason: UnregisterReason,
    },
}

impl Change {
    /// The service that changed.
    pub fn service(&self) -> &Listing {
        match self {
            Self::Registered(service) | Self::Updated(service) | Self::Draining(service) => service,
            Self::Transferred { service, .. } | Self::Unregistered { service, .. } => service,
        }
    }
}

/// What ended a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnregisterReason {
    /// Its guard, or the reservation it was published under, was dropped.
    Dropped,
    /// Its process unregistered it.
    Unregistered,
    /// Its process ended.
    Exited(ExitReason),
    /// The namespace was closed, or its registry ended.
    NamespaceClosed,
}

/// What a namespace keeps for its watchers. Nothing, while there is none.
#[derive(Default)]
pub(crate) struct Log {
    watchers: AtomicU64,
    ring: Mutex<Ring>,
    grown: Arc<Notify>,
    /// Nothing will be logged any more.
    ended: AtomicBool,
}

#[derive(Default)]
struct Ring {
    /// The sequence number of the first change that is kept.
    first: u64,
    changes: VecDeque<Arc<Change>>,
}

impl Log {
    pub(crate) fn is_watched(&self) -> bool {
        self.watchers.load(Acquire) > 0
    }

    /// How many watch.
    #[cfg(feature = "metrics")]
    pub(super) fn watchers(&self) -> usize {
        usize::try_from(self.watchers.load(Acquire)).unwrap_or(usize::MAX)
    }

    /// Under the lock of the changed key's partition: changes of one key are in their order.
    pub(super) fn push(&self, change: Change) {
        let oldest = {
            let mut ring = self.ring.lock();
            // The last watcher may have left since somebody looked, and taken along what was kept for it.
            if !self.is_watched() {
                return;
            }
            ring.changes.push_back(Arc::new(change));
            if ring.changes.len() > KEPT_CHANGES {
                ring.first += 1;
                ring.changes.pop_front()
            } else {
                None
            }
        };
        drop(oldest);
    }

    /// Outside of every lock.
    pub(super) fn wake(&self) {
        self.grown.notify_waiters();
    }

    /// Completes when the log grows or ends after this call has been enabled.
    pub(crate) fn grown(&self) -> OwnedNotified {
        Arc::clone(&self.grown).notified_owned()
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Release);
        self.wake();
    }

    /// If this was so before [`get`](Self::get) found nothing, there is nothing more to come.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Acquire)
    }

    pub(super) fn enter(&self) {
        self.watchers.fetch_add(1, Release);
    }

    pub(super) fn leave(&self) {
        if self.watchers.fetch_sub(1, Release) == 1 {
            let kept = {
                let mut ring = self.ring.lock();
                // Only if nobody came meanwhile; numbers go on, so that nobody mistakes old ones for new ones.
                if self.is_watched() {
                    return;
                }
                ring.first += ring.changes.len() as u64;
                std::mem::take(&mut ring.changes)
            };
            drop(kept);
        }
    }

    /// How many changes are kept.
    #[cfg(all(test, feature = "shuttle"))]
    pub(super) fn kept(&self) -> usize {
        self.ring.lock().changes.len()
    }

    /// The number that the next change will have.
    pub(super) fn next(&self) -> u64 {
        let ring = self.ring.lock();
        ring.first + ring.changes.len() as u64
    }

    /// The change of this number; `Ok(None)` if it has not happened yet, and how many are lost if it is not kept any more.
    pub(crate) fn get(&self, number: u64) -> Result<Option<Arc<Change>>, u64> {
        let ring = self.ring.lock();
        match number.checked_sub(ring.first) {
            None => Err(ring.first - number),
            Some(at) => Ok(usize::try_from(at).ok().and_then(|at| ring.changes.get(at)).cloned()),
        }
    }
}
