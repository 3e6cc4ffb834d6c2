//! Exact counts that cost a few nanoseconds: each thread adds to a block of its own, a scrape sums the blocks.

use std::cell::{Cell, RefCell};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use std::time::Duration;

use parking_lot::Mutex;

use super::event::Event;
use super::samples::Samples;

/// Each event in each class.
const PLACES: usize = crate::table::NamespaceClass::ALL.len() * Event::COUNT;

#[inline]
const fn place(class: usize, event: Event) -> usize {
    class * Event::COUNT + event.index()
}

/// The counts of one registry.
pub(crate) struct Counters {
    id: u64,
    blocks: Mutex<Vec<&'static Block>>,
}

/// The counts of one thread in one registry.
///
/// When the thread ends, another one goes on with it, so that nothing is lost and blocks do not pile up. When the registry
/// ends, another one begins with it at zero. It is never freed: so a thread has it by a plain reference, and what it counts
/// has no reference count and no borrow to write down.
#[repr(align(128))]
struct Block {
    /// Whose it is: see [`used`] and [`left`].
    owner: AtomicU64,
    counts: [AtomicU64; PLACES],
    samples: Samples,
}

/// The owner of a block of this registry that a thread adds to.
const fn used(registry: u64) -> u64 {
    registry << 1 | 1
}

/// The owner of a block of this registry whose thread has ended.
const fn left(registry: u64) -> u64 {
    registry << 1
}

/// Blocks of registries that have ended: as many as were ever in use at once, less those that are.
static FREE: Mutex<Vec<&'static Block>> = Mutex::new(Vec::new());

/// A thread's blocks, with the registries that they are of.
struct Local(Vec<(u64, &'static Block)>);

thread_local! {
    /// The block of the registry that this thread used last. Registries are counted from 1.
    static LAST: Cell<(u64, Option<&'static Block>)> = const { Cell::new((0, None)) };
    static LOCAL: RefCell<Local> = const { RefCell::new(Local(Vec::new())) };
}

/// A thread looks for blocks of ended registries when it has this many.
const MANY: usize = 64;

impl Default for Counters {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { id: NEXT.fetch_add(1, Relaxed), blocks: Mutex::default() }
    }
}

impl Counters {
    /// Counts one event. No lock and no write that another thread sees, but for the first event of a thread.
    #[inline]
    pub(crate) fn add(&self, class: usize, event: Event) {
        self.add_many(class, event, 1);
    }

    /// Counts the same event several times.
    #[inline]
    pub(crate) fn add_many(&self, class: usize, event: Event, times: u64) {
        // A number and nothing that is referred to: for a known event it is known as well.
        let place = place(class, event);
        match LAST.get() {
            (id, Some(block)) if id == self.id => block.add(place, times),
            _ => self.add_to_another(place, times),
        }
    }

    /// The thread used another registry last or none yet.
    #[cold]
    #[inline(never)]
    fn add_to_another(&self, place: usize, times: u64) {
        self.with_block(|block| block.add(place, times));
    }

    /// Notes how long a lookup took.
    pub(crate) fn sample(&self, took: Duration) {
        self.with_block(|block| block.samples.push(took));
    }

    /// Calls `f` on the block of this thread. When the thread is being torn down, a block serves just this once.
    fn with_block(&self, f: impl Fn(&Block)) {
        let known = LOCAL.try_with(|local| local.borrow_mut().block_of(self));
        if let Ok(block) = known {
            LAST.set((self.id, Some(block)));
            f(block);
        } else {
            let block = self.block();
            f(block);
            block.leave(self.id);
        }
    }

    /// The durations that were noted since the last call, as far as they are kept.
    #[cfg(feature = "metrics")]
    pub(crate) fn take_samples(&self, mut f: impl FnMut(Duration)) {
        self.blocks.lock().iter().for_each(|block| block.samples.take(&mut f));
    }

    /// The count of one event in one class. Exact for everything that happened before.
    #[cfg(any(feature = "metrics", test))]
    pub(crate) fn sum(&self, class: usize, event: Event) -> u64 {
        self.blocks.lock().iter().map(|block| block.counts[place(class, event)].load(Relaxed)).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        self.blocks.lock().len() * (size_of::<Block>() + size_of::<&Block>())
    }

    /// A block that no thread has: one of this registry whose thread has ended, of another one that has, or a new one.
    fn block(&self) -> &'static Block {
        let mut blocks = self.blocks.lock();
        if let Some(left) = blocks.iter().find(|block| block.enter(self.id)) {
            return left;
        }
        let block = FREE.lock().pop().unwrap_or_else(|| Box::leak(Box::new(Block::new())));
        block.owner.store(used(self.id), Release);
        blocks.push(block);
        block
    }
}

impl Drop for Counters {
    /// Nobody counts here any more: that takes a reference to this.
    fn drop(&mut self) {
        let blocks = std::mem::take(self.blocks.get_mut());
        blocks.iter().for_each(|block| block.clear());
        FREE.lock().extend(blocks);
    }
}

impl Block {
    fn new() -> Self {
        #[cfg(test)]
        tests::MADE.fetch_add(1, Relaxed);
        Self { owner: AtomicU64::new(0), counts: [const { AtomicU64::new(0) }; PLACES], samples: Samples::default() }
    }

    /// By the owning thread only, which is why a load and a store suffice.
    #[inline]
    fn add(&self, place: usize, times: u64) {
        let count = &self.counts[place];
        count.store(count.load(Relaxed) + times, Relaxed);
    }

    /// A thread goes on where one has ended; `false` when none has.
    fn enter(&self, registry: u64) -> bool {
        self.owner.compare_exchange(left(registry), used(registry), AcqRel, Relaxed).is_ok()
    }

    /// The thread has ended. The block may be another registry's by now, and another thread's.
    fn leave(&self, registry: u64) {
        let _ = self.owner.compare_exchange(used(registry), left(registry), AcqRel, Relaxed);
    }

    fn clear(&self) {
        self.owner.store(0, Release);
        self.counts.iter().for_each(|count| count.store(0, Relaxed));
        self.samples.clear();
    }
}

impl Local {
    fn block_of(&mut self, counters: &Counters) -> &'static Block {
        if let Some((_, block)) = self.0.iter().find(|(id, _)| *id == counters.id) {
            return block;
        }
        if self.0.len() >= MANY {
            self.0.retain(|(id, block)| block.owner.load(Relaxed) == used(*id));
        }
        let block = counters.block();
        self.0.push((counters.id, block));
        block
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        LAST.set((0, None));
        self.0.iter().for_each(|(id, block)| block.leave(*id));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;
    use crate::telemetry::LookupResult;

    /// How many blocks were ever made.
    pub(super) static MADE: AtomicUsize = AtomicUsize::new(0);

    const FOUND: Event = Event::Lookup(LookupResult::Found);

    #[test]
    fn registries_that_come_and_go_share_a_block_and_begin_at_zero() {
        let before = MADE.load(Relaxed);
        for _ in 0..1_000 {
            let counters = Counters::default();
            assert_eq!(counters.sum(0, FOUND), 0);
            counters.add(0, FOUND);
            counters.add_many(2, FOUND, 2);
            counters.sample(Duration::from_nanos(1));
            assert_eq!((counters.sum(0, FOUND), counters.sum(2, FOUND)), (1, 2));
        }
        // Some for tests that run at the same time.
        assert!(MADE.load(Relaxed) - before < 100, "{} blocks", MADE.load(Relaxed) - before);
    }

    #[test]
    fn two_registries_in_turns_keep_their_counts_apart() {
        let [one, other] = [Counters::default(), Counters::default()];
        for _ in 0..100 {
            one.add(0, FOUND);
            other.add_many(0, FOUND, 2);
        }
        assert_eq!((one.sum(0, FOUND), other.sum(0, FOUND)), (100, 200));
        assert_eq!((one.blocks.lock().len(), other.blocks.lock().len()), (1, 1));
    }

    #[test]
    fn a_thread_goes_on_with_the_block_of_one_that_has_ended() {
        let counters = Counters::default();
        for _ in 0..100 {
            thread::scope(|scope| scope.spawn(|| counters.add(0, FOUND)).join()).unwrap_or_default();
        }
        assert_eq!(counters.sum(0, FOUND), 100);
        assert_eq!(counters.blocks.lock().len(), 1);
    }

    #[test]
    fn a_thread_that_ends_lets_go_of_no_block_that_was_handed_on() {
        let (end, ended) = channel::<()>();
        let (counted, has_counted) = channel();
        let first = Counters::default();
        let block = thread::scope(|scope| {
            let (first, counted) = (&first, counted);
            let thread = scope.spawn(move || {
                first.add(0, FOUND);
                let block = first.blocks.lock()[0];
                counted.send(block).unwrap_or_default();
                ended.recv().unwrap_or_default();
            });
            let block: &'static Block = has_counted.recv().unwrap_or_else(|error| panic!("{error}"));
            // The registry ends, as far as this block is concerned, and the next one takes it.
            block.clear();
            block.owner.store(used(u64::MAX >> 1), Release);
            drop(end);
            let _ = thread.join();
            block
        });
        assert_eq!(block.owner.load(Relaxed), used(u64::MAX >> 1), "still its owner's");
    }

    #[test]
    fn a_thread_with_many_ended_registries_forgets_them() {
        for _ in 0..10 * MANY {
            Counters::default().add(0, FOUND);
        }
        assert!(LOCAL.with(|local| local.borrow().0.len()) <= MANY);
    }
}
