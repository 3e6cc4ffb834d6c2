//! The children of a supervisor as they are seen from outside, kept by its loop.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::branch::{BATCH, adopt};
use super::feed::Feed;
use crate::child::{ChildId, Seat, Spec};
use crate::rules::Key;

/// For supervisors whose children have an order. It holds them in it, and their [`Feed`].
pub(crate) struct Family {
    feed: Arc<Feed>,
    children: Mutex<BTreeMap<Key, Arc<dyn Seat>>>,
}

impl Family {
    pub(crate) fn new(id: ChildId) -> Self {
        Self { feed: Feed::new(id, false), children: Mutex::default() }
    }

    pub(crate) fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// Takes a child in, before it is started.
    pub(crate) fn admit(&self, key: Key, spec: &Spec) {
        let seat = spec.starter.seat();
        adopt(&*seat, spec.starter.kind(), &self.feed);
        let before = self.children.lock().insert(key, seat);
        drop(before);
    }

    /// The spec of a child is gone.
    pub(crate) fn remove(&self, key: Key) {
        let seat = self.children.lock().remove(&key);
        drop(seat);
    }

    /// Another incarnation has a list of its own.
    pub(crate) fn clear(&self) {
        let children = std::mem::take(&mut *self.children.lock());
        drop(children);
    }

    /// See [`Branch::children`](super::Branch::children).
    pub(crate) fn children(&self, from: usize, into: &mut Vec<Arc<dyn Seat>>) -> Option<usize> {
        let children = self.children.lock();
        let mut range = children.range(Key(from as u64)..);
        into.extend(range.by_ref().take(BATCH).map(|(_, seat)| Arc::clone(seat)));
        range.next().and_then(|(key, _)| usize::try_from(key.0).ok())
    }
}
