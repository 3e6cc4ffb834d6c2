//! Exact counts that cost a few nanoseconds: each thread adds to a block of its own, a scrape sums the blocks.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use parking_lot::Mutex;

use super::event::Event;
use super::samples::Samples;

const CLASSES: usize = crate::table::NamespaceClass::ALL.len();

/// The counts of one registry.
pub(crate) struct Counters {
    id: u64,
    blocks: Mutex<Vec<Arc<Block>>>,
}

/// The counts of one thread; handed to another one when it ends, so that nothing is lost and blocks do not pile up.
#[repr(align(128))]
struct Block {
    owned: AtomicBool,
    counts: [[AtomicU64; Event::COUNT]; CLASSES],
    samples: Samples,
}

/// A thread's blocks: that of the registry it used last, and those of others.
struct Local {
    last: Option<(u64, Arc<Block>)>,
    others: Vec<(u64, Arc<Block>)>,
}

thread_local!(static LOCAL: RefCell<Local> = const { RefCell::new(Local { last: None, others: Vec::new() }) });

/// A thread looks for blocks of ended registries when it has this many.
const MANY: usize = 64;

impl Default for Counters {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { id: NEXT.fetch_add(1, Relaxed), blocks: Mutex::default() }
    }
}

impl Counters {
    /// Counts one event. No lock and no write that another thread sees, but for the first event of a thread.
    #[inline]
    pub(crate) fn add(&self, class: usize, event: Event) {
        self.with_block(|block| block.add(class, event, 1));
    }

    /// Counts the same event several times.
    pub(crate) fn add_many(&self, class: usize, event: Event, times: u64) {
        self.with_block(|block| block.add(class, event, times));
    }

    /// Notes how long a lookup took.
    pub(crate) fn sample(&self, took: Duration) {
        self.with_block(|block| block.samples.push(took));
    }

    /// Calls `f` on the block of this thread.
    #[inline(always)]
    fn with_block(&self, f: impl Fn(&Block)) {
        let done = LOCAL.try_with(|local| match &local.borrow().last {
            Some((id, block)) if *id == self.id => {
                f(block);
                true
            }
            _ => false,
        });
        if !matches!(done, Ok(true)) {
            self.with_another_block(&f);
        }
    }

    /// The thread used another registry last or none yet, or it is being torn down: then a block serves just this once.
    #[cold]
    fn with_another_block(&self, f: &dyn Fn(&Block)) {
        let done = LOCAL.try_with(|local| f(local.borrow_mut().switch_to(self)));
        if done.is_err() {
            let block = self.block();
            f(&block);
            block.owned.store(false, Release);
        }
    }

    /// The durations that were noted since the last call, as far as they are kept.
    #[cfg(feature = "metrics")]
    pub(crate) fn take_samples(&self, mut f: impl FnMut(Duration)) {
        self.blocks.lock().iter().for_each(|block| block.samples.take(&mut f));
    }

    /// The count of one event in one class. Exact for everything that happened before.
    #[cfg(feature = "metrics")]
    pub(crate) fn sum(&self, class: usize, event: Event) -> u64 {
        self.blocks.lock().iter().map(|block| block.counts[class][event.index()].load(Relaxed)).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        self.blocks.lock().len() * (size_of::<Block>() + 2 * size_of::<usize>())
    }

    fn block(&self) -> Arc<Block> {
        let mut blocks = self.blocks.lock();
        let free = blocks.iter().find(|block| block.owned.compare_exchange(false, true, AcqRel, Acquire).is_ok());
        if let Some(free) = free {
            return Arc::clone(free);
        }
        let counts = std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0)));
        let new = Arc::new(Block { owned: AtomicBool::new(true), counts, samples: Samples::default() });
        blocks.push(Arc::clone(&new));
        new
    }
}

impl Block {
    /// By the owning thread only, which is why a load and a store suffice.
    #[inline]
    fn add(&self, class: usize, event: Event, times: u64) {
        let count = &self.counts[class][event.index()];
        count.store(count.load(Relaxed) + times, Relaxed);
    }
}

impl Local {
    fn switch_to(&mut self, counters: &Counters) -> &Block {
        if self.others.len() >= MANY {
            // The registry of a block that nobody else holds has ended.
            self.others.retain(|(_, block)| Arc::strong_count(block) > 1);
        }
        let known = self.others.iter().position(|(id, _)| *id == counters.id);
        let block = known.map_or_else(|| counters.block(), |at| self.others.swap_remove(at).1);
        if let Some(before) = self.last.replace((counters.id, block)) {
            self.others.push(before);
        }
        self.last.as_ref().map_or_else(|| unreachable!("just set"), |(_, block)| block)
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        for (_, block) in self.last.take().into_iter().chain(self.others.drain(..)) {
            block.owned.store(false, Release);
        }
    }
}
