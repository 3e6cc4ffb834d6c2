//! What the tests share.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use registry::{Namespace, ServiceRegistry};

/// A registry with one partition and one with eight: every promise holds for both.
pub(crate) fn registries() -> [ServiceRegistry; 2] {
    [1, 8].map(|partitions| ServiceRegistry::with_partitions(NonZeroUsize::new(partitions).unwrap()))
}

/// A namespace of each of them.
pub(crate) fn namespaces() -> [Namespace; 2] {
    registries().map(|registry| registry.namespace("production").unwrap())
}

/// Counts how many of its clones were dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drops(Arc<AtomicUsize>);

impl Drops {
    pub(crate) fn count(&self) -> usize {
        self.0.load(SeqCst)
    }

    /// A value that is counted when it is dropped.
    pub(crate) fn tracked(&self) -> Tracked {
        Tracked(self.clone())
    }
}

#[derive(Debug)]
pub(crate) struct Tracked(Drops);

impl Drop for Tracked {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, SeqCst);
    }
}
