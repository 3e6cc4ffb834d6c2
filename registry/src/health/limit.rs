//! How many checks on demand may run at once.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// Checks that hang or block their thread are no more than this, unless the program says otherwise.
const DEFAULT: usize = 1_024;

/// The checks on demand of one registry that have not ended.
#[derive(Debug)]
pub(crate) struct Limit {
    limit: AtomicUsize,
    running: AtomicUsize,
}

/// One check that may run; it counts until this is dropped.
#[must_use]
pub(crate) struct Permit(Arc<Limit>);

impl Limit {
    pub(crate) fn new() -> Self {
        Self { limit: AtomicUsize::new(DEFAULT), running: AtomicUsize::new(0) }
    }

    pub(crate) fn set(&self, limit: NonZeroUsize) {
        self.limit.store(limit.get(), Relaxed);
    }

    /// Room for one more check, or the limit that there is none below.
    pub(super) fn permit(self: &Arc<Self>) -> Result<Permit, usize> {
        let limit = self.limit.load(Relaxed);
        let one_more = |running| (running < limit).then_some(running + 1);
        match self.running.fetch_update(Relaxed, Relaxed, one_more) {
            Ok(_) => Ok(Permit(Arc::clone(self))),
            Err(_) => Err(limit),
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Relaxed);
    }
}
