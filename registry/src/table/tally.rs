//! The names of a namespace in one partition: how many, and which ones as long as they are few.

use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

/// As many as fit beside the rest into one cache line.
const FIRST: usize = 4;
/// Up to here a name is looked for in no longer than a registration's noise.
const FEW: usize = 32;

/// Hashes of names, written and read under the partition's lock, but for the count. On a cache line of its own: those who
/// write it do so in different partitions.
#[derive(Default)]
#[repr(align(64))]
pub(super) struct Tally {
    count: AtomicUsize,
    /// More were here at once than are kept, and some of them still are.
    lost: AtomicBool,
    first: [AtomicU64; FIRST],
    more: OnceLock<Box<[AtomicU64; FEW - FIRST]>>,
}

impl Tally {
    /// Readable without the lock.
    pub(super) fn count(&self) -> usize {
        self.count.load(Relaxed)
    }

    #[inline]
    pub(super) fn enter(&self, hash: u64) {
        let count = self.count();
        self.count.store(count + 1, Relaxed);
        if count < FIRST && !self.lost.load(Relaxed) {
            self.first[count].store(hash, Relaxed);
        } else {
            self.enter_crowd(count, hash);
        }
    }

    #[inline]
    pub(super) fn leave(&self, hash: u64) {
        let last = self.count() - 1;
        self.count.store(last, Relaxed);
        // What came last often goes first.
        if !self.lost.load(Relaxed) && self.place(last).load(Relaxed) != hash {
            self.fill_gap(hash, last);
        }
    }

    #[inline(never)]
    fn enter_crowd(&self, count: usize, hash: u64) {
        if count == 0 {
            self.lost.store(false, Relaxed);
        }
        if count >= FEW {
            self.lost.store(true, Relaxed);
        } else if !self.lost.load(Relaxed) {
            self.place(count).store(hash, Relaxed);
        }
    }

    /// The last one takes the place of one that leaves.
    #[inline(never)]
    fn fill_gap(&self, hash: u64, last: usize) {
        let found = self.kept(last).find(|kept| kept.load(Relaxed) == hash);
        debug_assert!(found.is_some(), "a name that leaves has entered");
        if let Some(found) = found {
            found.store(self.place(last).load(Relaxed), Relaxed);
        }
    }

    /// All of them; `None` when they were too many to keep.
    pub(super) fn hashes(&self) -> Option<impl Iterator<Item = u64>> {
        let kept = !self.lost.load(Relaxed) || self.count() == 0;
        kept.then(|| self.kept(self.count()).map(|kept| kept.load(Relaxed)))
    }

    fn kept(&self, count: usize) -> impl Iterator<Item = &AtomicU64> {
        let more = self.more.get().map_or(&[][..], |more| &more[..]);
        let (first, more) = (&self.first[..count.min(FIRST)], &more[..count.saturating_sub(FIRST)]);
        first.iter().chain(more)
    }

    fn place(&self, at: usize) -> &AtomicU64 {
        match at.checked_sub(FIRST) {
            None => &self.first[at],
            Some(at) => &self.more.get_or_init(|| Box::new([const { AtomicU64::new(0) }; FEW - FIRST]))[at],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{FEW, Tally};

    proptest! {
        /// Against a list: what is kept is what is there, and nothing is kept only if there were too many since the last
        /// time that nothing was there.
        #[test]
        fn keeps_what_is_there(steps in prop::collection::vec((0_u64..60, 0..5), 0..400)) {
            let tally = Tally::default();
            let (mut there, mut most) = (Vec::new(), 0);
            for (hash, kind) in steps {
                match there.iter().position(|&other| other == hash) {
                    Some(at) => { there.swap_remove(at); tally.leave(hash) }
                    // Mostly full at times, and mostly empty at others.
                    None if kind < 4 => { there.push(hash); tally.enter(hash) }
                    None => {}
                }
                most = if there.is_empty() { 0 } else { most.max(there.len()) };
                prop_assert_eq!(tally.count(), there.len());
                let kept = tally.hashes().map(|kept| { let mut kept: Vec<_> = kept.collect(); kept.sort_unstable(); kept });
                there.sort_unstable();
                prop_assert_eq!(kept, (most <= FEW).then(|| there.clone()));
            }
        }
    }

    #[test]
    fn takes_one_cache_line() {
        assert_eq!(size_of::<Tally>(), 64);
    }
}
