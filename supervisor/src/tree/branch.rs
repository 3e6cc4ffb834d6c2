//! What every supervisor implements to be part of snapshots and events.

use std::sync::Arc;

use super::feed::Feed;
use crate::child::{ChildKind, Seat};

/// How many children are visited while a lock is held.
pub(crate) const BATCH: usize = 1024;

/// A supervisor of any kind, implemented on its seat and returned by [`Seat::branch`].
///
/// A new kind of supervisor shows up in everything by three things: this, a [`Feed`] of its own in what it shares, and
/// [`adopt`] for each child before it is started.
pub(crate) trait Branch: Seat {
    /// Where its events go.
    fn feed(&self) -> &Arc<Feed>;

    /// Adds up to [`BATCH`] children from this place on. Returns the place to go on from, `None` after the last.
    ///
    /// Places of children that stay do not change, so that whoever goes on sees each of them once.
    fn children(&self, from: usize, into: &mut Vec<Arc<dyn Seat>>) -> Option<usize>;
}

impl dyn Branch + '_ {
    /// Calls `see` with every child until it says no. No lock is held meanwhile.
    pub(crate) fn visit(&self, mut see: impl FnMut(Arc<dyn Seat>) -> bool) {
        let mut batch = Vec::new();
        let mut next = Some(0);
        while let Some(from) = next {
            next = self.children(from, &mut batch);
            for child in batch.drain(..) {
                if !see(child) {
                    return;
                }
            }
        }
    }
}

/// Makes a child one of the supervisor that this feed belongs to.
pub(crate) fn adopt(seat: &dyn Seat, kind: ChildKind, feed: &Arc<Feed>) {
    match seat.branch() {
        Some(branch) => {
            branch.feed().grow_from(feed);
            plant(seat, kind);
        }
        None => seat.core().post(kind, feed, false),
    }
}

/// Makes a supervisor the root of a tree.
pub(crate) fn plant(seat: &dyn Seat, kind: ChildKind) {
    if let Some(branch) = seat.branch() {
        seat.core().post(kind, branch.feed(), true);
        crate::metrics::known(branch.feed().label(false));
    }
}
